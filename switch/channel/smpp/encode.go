package smpp

import (
	"encoding/binary"
	"fmt"
	"time"

	"example.com/ringback/switch/channel/sms"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// The data_coding values that are sent (SMPP 3.4, section 5.2.19).
const (
	codingDefault = byte(0)
	codingLatin1  = byte(3)
	codingUCS2    = byte(8)
)

// encode writes a text in the centre's alphabet when that has all of it, else in UCS-2.
func encode(text string, a Alphabet) sms.Encoded {
	if a == Latin1 {
		if b, ok := encodeLatin1(text); ok {
			return sms.Encoded{Coding: codingLatin1, Bytes: b, Width: func([]byte) int { return 1 }, Whole: sms.OctetsWhole, Each: sms.OctetsPart}
		}
	} else if len(data.ValidateGSM7String(text)) == 0 {
		if b, err := data.GSM7BIT.Encode(text); err == nil {
			return sms.Encoded{Coding: codingDefault, Bytes: b, Width: widthGSM7, Whole: sms.SeptetsWhole, Each: sms.SeptetsPart}
		}
	}
	return sms.UCS2(text, codingUCS2)
}

func encodeLatin1(text string) (b []byte, ok bool) {
	for _, r := range text {
		if r > 0xFF {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}

// widthGSM7 keeps an escape with the character behind it.
func widthGSM7(b []byte) int {
	if b[0] == 0x1B {
		return 2
	}
	return 1
}

// Submit implements [sms.Dialect]: it writes a submit_sm. Sub.Ref is its user_message_reference.
func (p *protocol) Submit(seq uint32, sub sms.Submission, part sms.Part) ([]byte, error) {
	sm := pdu.NewSubmitSM().(*pdu.SubmitSM)
	var err error
	if sm.SourceAddr, err = address(p.Source); err != nil {
		return nil, err
	}
	if sm.DestAddr, err = address(sub.Dest); err != nil {
		return nil, err
	}
	sm.ValidityPeriod = validity(time.Now(), sub.Expires)
	if sub.Receipt {
		sm.RegisteredDelivery = data.SM_SMSC_RECEIPT_REQUESTED
	}
	if part.Header {
		sm.EsmClass = data.SM_UDH_GSM
	}
	if err := sm.Message.SetMessageDataWithEncoding(part.Text, data.NewCustomEncoding(part.Coding, nil)); err != nil {
		return nil, fmt.Errorf("part of %d bytes: %w", len(part.Text), err)
	}
	sm.RegisterOptionalParam(pdu.Field{Tag: pdu.TagUserMessageReference, Data: binary.BigEndian.AppendUint16(nil, sub.Ref)})
	return numbered(sm, seq), nil
}

// validity writes how long a centre may try, as a relative time (SMPP 3.4, section 7.1.1): no clock of the centre and no
// zone plays a part. At least a second, at most 30 days; empty, the centre's own, when the message does not expire.
func validity(now, expires time.Time) string {
	if expires.IsZero() {
		return ""
	}
	s := int(min(max(expires.Sub(now), time.Second), 30*24*time.Hour) / time.Second)
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", s/86400, s/3600%24, s/60%60, s%60)
}
