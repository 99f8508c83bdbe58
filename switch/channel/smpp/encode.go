package smpp

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf16"

	acquirer "example.com/ringback/switch"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// The data_coding values that are sent (SMPP 3.4, section 5.2.19).
const (
	codingDefault = byte(0)
	codingLatin1  = byte(3)
	codingUCS2    = byte(8)
)

// What a short message holds, whole and as a part behind the 6 bytes of a concatenation header (3GPP TS 23.040,
// section 9.2.3.24.1): septets of GSM 7-bit, which the centre packs, or octets.
const (
	septetsWhole, septetsPart = 160, 153
	octetsWhole, octetsPart   = 140, 134
)

// part is what one submit_sm carries.
type part struct {
	coding byte
	header bool   // text begins with a user data header
	text   []byte // short_message
}

// split makes the parts of a text. Parts of one message share ref. No character is cut in two: neither a surrogate pair
// nor an escape of GSM 7-bit. More than most parts are refused for ever.
func split(text string, a Alphabet, ref byte, most int) ([]part, error) {
	coding, b, width, whole, each := encode(text, a)
	chunks := cut(b, width, whole, each)
	if len(chunks) > most {
		return nil, fmt.Errorf("text makes %d parts, %d are allowed: %w", len(chunks), most, acquirer.ErrUndeliverable)
	}
	if len(chunks) == 1 {
		return []part{{coding: coding, text: chunks[0]}}, nil
	}
	var parts []part
	for i, chunk := range chunks {
		head := []byte{5, 0, 3, ref, byte(len(chunks)), byte(i + 1)}
		parts = append(parts, part{coding, true, append(head, chunk...)})
	}
	return parts, nil
}

// encode writes a text in the centre's alphabet when that has all of it, else in UCS-2. width says how many bytes at the
// front of what is left belong together.
func encode(text string, a Alphabet) (coding byte, b []byte, width func([]byte) int, whole, each int) {
	if a == Latin1 {
		if b, ok := encodeLatin1(text); ok {
			return codingLatin1, b, func([]byte) int { return 1 }, octetsWhole, octetsPart
		}
	} else if len(data.ValidateGSM7String(text)) == 0 {
		if b, err := data.GSM7BIT.Encode(text); err == nil {
			return codingDefault, b, widthGSM7, septetsWhole, septetsPart
		}
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return codingUCS2, b, widthUCS2, octetsWhole, octetsPart
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

// widthUCS2 keeps a surrogate pair together.
func widthUCS2(b []byte) int {
	if b[0]&0xFC == 0xD8 {
		return 4
	}
	return 2
}

// cut divides b into chunks of at most each bytes, or leaves it whole.
func cut(b []byte, width func([]byte) int, whole, each int) (chunks [][]byte) {
	if len(b) <= whole {
		return [][]byte{b}
	}
	start := 0
	for i := 0; i < len(b); {
		w := min(width(b[i:]), len(b)-i)
		if i+w-start > each {
			chunks = append(chunks, b[start:i])
			start = i
		}
		i += w
	}
	return append(chunks, b[start:])
}

// reference makes a number of a message's name, the same each time the message is sent: it is user_message_reference, by
// which a centre can drop doubles, and its low byte joins the parts, so that a handset that got some of them twice still
// makes one message.
func reference(name string) uint16 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint16(sum[:])
}

// submission is what the submit_sm of all parts of a message have in common.
type submission struct {
	source, dest pdu.Address
	ref          uint16
	validity     string
	receipt      bool // a receipt is wanted
}

// pdu makes the submit_sm of a part, with a sequence number of its own.
func (s submission) pdu(p part) (*pdu.SubmitSM, error) {
	sm := pdu.NewSubmitSM().(*pdu.SubmitSM)
	sm.SourceAddr, sm.DestAddr, sm.ValidityPeriod = s.source, s.dest, s.validity
	if s.receipt {
		sm.RegisteredDelivery = data.SM_SMSC_RECEIPT_REQUESTED
	}
	if p.header {
		sm.EsmClass = data.SM_UDH_GSM
	}
	if err := sm.Message.SetMessageDataWithEncoding(p.text, data.NewCustomEncoding(p.coding, nil)); err != nil {
		return nil, fmt.Errorf("part of %d bytes: %w", len(p.text), err)
	}
	sm.RegisterOptionalParam(pdu.Field{Tag: pdu.TagUserMessageReference, Data: binary.BigEndian.AppendUint16(nil, s.ref)})
	return sm, nil
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
