package smpp

import (
	"encoding/binary"

	"example.com/ringback/switch/channel/sms"
	"github.com/linxGnu/gosmpp/data"
)

// decodeText reads a text by its data_coding (SMPP 3.4, section 5.2.19).
//
//	0            the centre's default alphabet, as configured
//	1            ASCII
//	2, 4         octets: UTF-8
//	3            ISO 8859-1
//	8            UCS-2, with surrogate pairs
//	15           GBK, as centres of the mainland send it
//	0xF0 to 0xF3 GSM 7-bit with a message class, 0xF4 to 0xF7 octets: UTF-8
func decodeText(coding byte, b []byte, a Alphabet) (string, error) {
	switch {
	case coding == 0 && a == Latin1, coding == 3:
		return latin1(b), nil
	case coding == 0, coding >= 0xF0 && coding <= 0xF3:
		return decodeGSM7(b)
	case coding == 1:
		return sms.DecodeASCII(b)
	case coding == 2, coding == 4, coding >= 0xF4 && coding <= 0xF7:
		return sms.DecodeUTF8(b)
	case coding == 8:
		return sms.DecodeUCS2(b)
	case coding == 15:
		return sms.DecodeGBK(b)
	}
	return "", sms.ErrText
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// decodeGSM7 reads one septet an octet.
func decodeGSM7(b []byte) (string, error) {
	if len(data.ValidateGSM7Buffer(b)) > 0 {
		return "", sms.ErrText
	}
	s, err := data.GSM7BIT.Decode(b)
	if err != nil {
		return "", sms.ErrText
	}
	return s, nil
}

// partOf finds out whether a deliver_sm is a part, by its user data header or by its sar parameters, and returns the
// text without the header. errPDU: the header or the parameters are malformed, both are there, or the header says that
// the message is for a program of the handset and not for people.
func partOf(d deliver) (sms.Concat, []byte, error) {
	c, text := sms.Concat{}, d.text
	if d.class&data.SM_UDH_GSM != 0 {
		var ok bool
		if c, text, ok = sms.UserHeader(d.text); !ok {
			return sms.Concat{}, nil, errPDU
		}
	}
	ref, total, seq := d.tlv[tagSarRef], d.tlv[tagSarTotal], d.tlv[tagSarSeq]
	if ref != nil || total != nil || seq != nil {
		if c.Total != 0 || len(ref) != 2 || len(total) != 1 || len(seq) != 1 {
			return sms.Concat{}, nil, errPDU
		}
		c = sms.Concat{Ref: binary.BigEndian.Uint16(ref), Wide: true, Total: total[0], Seq: seq[0]}
	}
	c, ok := c.Checked()
	if !ok {
		return sms.Concat{}, nil, errPDU
	}
	return c, text, nil
}
