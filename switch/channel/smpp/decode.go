package smpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/linxGnu/gosmpp/data"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// errText is the error of a text that is not what its data_coding says, or of a data_coding that is none for people.
var errText = errors.New("text cannot be read")

// decodeText reads a text by its data_coding (SMPP 3.4, section 5.2.19). Nothing is guessed and nothing mended: what is
// not whole in the named alphabet is errText, for a number or a name read wrong would be somebody else's. Signs outside
// the basic plane, look-alikes and control characters reach the core as they came.
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
		return valid(string(b), bytes.ContainsFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }))
	case coding == 2, coding == 4, coding >= 0xF4 && coding <= 0xF7:
		return valid(string(b), !utf8.Valid(b))
	case coding == 8:
		return decodeUCS2(b)
	case coding == 15:
		s, err := simplifiedchinese.GBK.NewDecoder().String(string(b))
		return valid(s, err != nil || strings.ContainsRune(s, utf8.RuneError))
	}
	return "", errText
}

func valid(s string, bad bool) (string, error) {
	if bad {
		return "", errText
	}
	return s, nil
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
		return "", errText
	}
	s, err := data.GSM7BIT.Decode(b)
	return valid(s, err != nil)
}

// decodeUCS2 reads UTF-16 in network order; half a unit and half a pair are errText. A byte order mark, which some
// handsets put in front, is no character.
func decodeUCS2(b []byte) (string, error) {
	if len(b)%2 != 0 {
		return "", errText
	}
	b = bytes.TrimPrefix(b, []byte{0xFE, 0xFF})
	var s strings.Builder
	for i := 0; i < len(b); i += 2 {
		r := rune(binary.BigEndian.Uint16(b[i:]))
		switch {
		case r&^0x3FF == 0xDC00, r&^0x3FF == 0xD800 && i+4 > len(b):
			return "", errText
		case r&^0x3FF == 0xD800:
			low := rune(binary.BigEndian.Uint16(b[i+2:]))
			if low&^0x3FF != 0xDC00 {
				return "", errText
			}
			r = 0x10000 + (r&0x3FF)<<10 + low&0x3FF
			i += 2
		}
		s.WriteRune(r)
	}
	return s.String(), nil
}

// concat says which part of a long message a PDU is; total 0: it is a whole one.
type concat struct {
	ref        uint16
	wide       bool // ref has 16 bits
	total, seq byte
}

// partOf finds out whether a deliver_sm is a part, by its user data header or by its sar parameters, and returns the
// text without the header. errPDU: the header or the parameters are malformed, both are there, or the header says that
// the message is for a program of the handset and not for people.
func partOf(d deliver) (concat, []byte, error) {
	c, text := concat{}, d.text
	if d.class&data.SM_UDH_GSM != 0 {
		var ok bool
		if c, text, ok = userHeader(d.text); !ok {
			return concat{}, nil, errPDU
		}
	}
	ref, total, seq := d.tlv[tagSarRef], d.tlv[tagSarTotal], d.tlv[tagSarSeq]
	if ref != nil || total != nil || seq != nil {
		if c.total != 0 || len(ref) != 2 || len(total) != 1 || len(seq) != 1 {
			return concat{}, nil, errPDU
		}
		c = concat{ref: binary.BigEndian.Uint16(ref), wide: true, total: total[0], seq: seq[0]}
	}
	if c.total == 0 && c.seq == 0 {
		return concat{}, text, nil
	}
	if c.seq == 0 || c.seq > c.total || c.total > maxInParts {
		return concat{}, nil, errPDU
	}
	if c.total == 1 {
		c = concat{}
	}
	return c, text, nil
}

// The information elements that count (3GPP TS 23.040, section 9.2.3.24). Port numbers address a program; language
// tables are alphabets that nothing here has.
const (
	elementConcat8  = 0x00
	elementPort8    = 0x04
	elementPort16   = 0x05
	elementConcat16 = 0x08
	elementShift    = 0x24
	elementLocking  = 0x25
)

// userHeader reads the header at the front of b; rest is what follows it.
func userHeader(b []byte) (c concat, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return c, nil, false
	}
	end := 1 + int(b[0])
	head, rest := b[1:end], b[end:]
	for len(head) > 0 {
		if len(head) < 2 || len(head) < 2+int(head[1]) {
			return c, nil, false
		}
		id, v := head[0], head[2:2+int(head[1])]
		head = head[2+len(v):]
		switch {
		case id == elementConcat8 && len(v) == 3 && c.seq == 0 && v[2] != 0:
			c = concat{uint16(v[0]), false, v[1], v[2]}
		case id == elementConcat16 && len(v) == 4 && c.seq == 0 && v[3] != 0:
			c = concat{binary.BigEndian.Uint16(v), true, v[2], v[3]}
		case id == elementConcat8, id == elementConcat16, id == elementPort8, id == elementPort16, id == elementShift, id == elementLocking:
			return c, nil, false
		}
	}
	return c, rest, true
}
