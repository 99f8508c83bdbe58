package spec

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/field"
)

// ErrHex is the error of ParseHex. It does not repeat the line, which may hold
// anything.
var ErrHex = errors.New("line is not hex")

// Decoded is a frame taken apart for people and scripts. All hex is upper case.
type Decoded struct {
	TPDU     string            `json:"tpdu"`     // hex
	LRI      string            `json:"lri"`      // hex
	Header   string            `json:"header"`   // hex
	MTI      string            `json:"mti"`      // four digits
	Fields   map[string]string `json:"fields"`   // by field number
	Repacked string            `json:"repacked"` // hex of type to end; masked bytes are "**"
	Error    string            `json:"error"`
}

// Body is one way to read a message from its type on.
type Body struct {
	table *Table
	moov  *iso8583.MessageSpec
	mti   Code
	wide  bool
	show  func(id int, value string) string
}

// NewBody describes messages whose type is written in code mti, with one bitmap
// or, if wide, up to two. show turns the raw value of a field into text.
func NewBody(table *Table, mti Code, wide bool, show func(id int, value string) string) Body {
	head := NewText(&field.Spec{Length: 4, Description: "Message type", Enc: mti, Pref: Fixed})
	bitmap := &field.Spec{
		Length: 8, Description: "Bitmap", Enc: Plain, Pref: Fixed, DisableAutoExpand: !wide,
	}
	return Body{table, table.MessageSpec(head, bitmap), mti, wide, show}
}

// Decode reads body as far as it can be read. Masked values stand in place of
// sensitive ones unless reveal is set. Fields that are present but bad are left
// out; Error names the first fault. fit counts the fields that were read, more
// if there was no fault, so that readings can be compared.
func (b Body) Decode(body []byte, reveal bool) (out Decoded, fit int) {
	out.Fields = map[string]string{}
	values, fault := b.walk(body)
	if fault.Field != 0 || fault.Kind == FaultNone {
		mti, _, _ := b.mti.Decode(body, 4) // walk found it sound
		out.MTI = string(mti)
	}
	for _, v := range values {
		if text, ok := b.render(body, v, reveal); ok {
			out.Fields[strconv.Itoa(v.ID)] = text
		}
	}
	if fault.Kind != FaultNone {
		out.Error = fault.Error()
		return out, len(values)
	}
	if err := b.repack(body, reveal, &out); err != nil {
		out.Error = err.Error()
	}
	return out, len(values) + MaxField
}

// walk finds the fields; a message type that cannot be one ends it, because it
// tells a wrong reading from a right one.
func (b Body) walk(body []byte) ([]Value, Fault) {
	mti, size, err := b.mti.Decode(body, 4)
	if err != nil || mti[0] != '0' || mti[1] == '0' || mti[1] > '8' || mti[2] > '4' || mti[3] > '5' {
		return nil, Fault{Kind: FaultDigit}
	}
	maps, ok := ReadBitmaps(body, size, b.wide)
	if !ok {
		return nil, Fault{Field: 1, Kind: FaultShort}
	}
	if maps.First>>63 == 1 {
		return nil, Fault{Field: 1, Kind: FaultBitOne}
	}
	values := make([]Value, 0, 32)
	fault := b.table.Walk(body, maps, func(v Value) { values = append(values, v) })
	return values, fault
}

func (b Body) render(body []byte, v Value, reveal bool) (string, bool) {
	f, ok := b.table.Format(v.ID)
	if !ok || v.Kind != FaultNone {
		return "", false
	}
	raw, _, err := f.Code.Decode(body[v.Start:v.End], v.Chars)
	if err != nil {
		return "", false
	}
	switch {
	case reveal || f.Mask == MaskNone:
		return b.show(v.ID, string(raw)), true
	case f.Mask == MaskText:
		return Scrub(b.show(v.ID, string(raw))), true
	}
	return f.Mask.Apply(string(raw)), true
}

// repack reads the body into a message and packs that again.
func (b Body) repack(body []byte, reveal bool, out *Decoded) error {
	m := iso8583.NewMessage(b.moov)
	if err := m.Unpack(body); err != nil {
		return Fault{Kind: FaultUndefined}
	}
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	out.Repacked = string(upperHex(packed))
	if !reveal {
		out.Repacked = b.maskHex(packed, out.Repacked)
	}
	return nil
}

// maskHex puts asterisks over the bytes of sensitive fields.
func (b Body) maskHex(packed []byte, text string) string {
	masked := []byte(text)
	values, _ := b.walk(packed)
	for _, v := range values {
		if f, _ := b.table.Format(v.ID); f.Mask == MaskNone || f.Mask == MaskBytes {
			continue
		}
		for i := 2 * v.Start; i < 2*v.End; i++ {
			masked[i] = '*'
		}
	}
	return string(masked)
}

// Best returns the reading that explains most of a frame.
func Best(readings ...func() (Decoded, int)) Decoded {
	var best Decoded
	most := -1
	for _, read := range readings {
		if d, fit := read(); fit > most {
			best, most = d, fit
		}
	}
	return best
}

// ParseHex reads hex with blanks in it, in either case.
func ParseHex(line string) ([]byte, error) {
	raw, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
	if err != nil {
		return nil, ErrHex
	}
	return raw, nil
}

// Hex is upper-case hex.
func Hex(b []byte) string { return string(upperHex(b)) }

// Printable reports whether b is printable ASCII throughout.
func Printable(b string) bool { return ASCII.checkText([]byte(b), 0, len(b)) == FaultNone }
