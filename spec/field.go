package spec

import (
	"github.com/moov-io/iso8583/field"
)

// characters is an alias so that embedding does not hide the method String.
type characters = field.String

// Text is the moov field for digits and text. It differs from field.String in
// two ways: it remembers whether the pad nibble of an odd count was F, so that
// what was read packs to the same bytes again, and it makes one allocation
// where the stock field makes three.
type Text struct {
	characters
	pad byte
}

// NewField returns the moov field for a format: *field.Binary for Plain, *Text
// for the rest.
func NewField(f Format) field.Field {
	s := &field.Spec{Length: f.Max, Description: f.Name, Enc: f.Code, Pref: f.Prefix}
	if f.Code == Plain {
		s.Packer = field.PackerFunc(packPlain)
		return field.NewBinary(s)
	}
	return NewText(s)
}

// NewText returns an empty field. Enc and Pref of s must be a Code and a Prefix.
func NewText(s *field.Spec) *Text {
	t := &Text{}
	t.SetSpec(s)
	return t
}

// NewInstance returns an empty field of the same specification.
func (t *Text) NewInstance() field.Field { return NewText(t.Spec()) }

// SetBytes sets the value; the pad nibble becomes 0.
func (t *Text) SetBytes(value []byte) error {
	t.pad = 0
	return t.characters.SetBytes(value)
}

// Marshal sets the value from a Go value; the pad nibble becomes 0.
func (t *Text) Marshal(v any) error {
	t.pad = 0
	return t.characters.Marshal(v)
}

// Pack returns length prefix and value. The error is a Fault.
func (t *Text) Pack() ([]byte, error) {
	s, value := t.Spec(), t.Value()
	code, prefix := codeOf(s), prefixOf(s)
	out := make([]byte, 0, prefix.Size()+code.Size(len(value)))
	out, err := prefix.append(out, s.Length, len(value))
	if err != nil {
		return nil, err
	}
	start := len(out)
	if out, err = code.append(out, value); err != nil {
		return nil, err
	}
	if t.pad != 0 && code.Packed() && len(value)%2 == 1 {
		t.restorePad(code, out[start:])
	}
	return out, nil
}

// Unpack reads length prefix and value and returns the bytes read. The error is
// a Fault.
func (t *Text) Unpack(src []byte) (int, error) {
	s := t.Spec()
	code, prefix := codeOf(s), prefixOf(s)
	n, kind := prefix.read(s.Length, src)
	start := prefix.Size()
	end := start + code.Size(n)
	if kind == FaultNone && end > len(src) {
		kind = FaultShort
	}
	if kind == FaultNone {
		kind = code.check(src, start, end, n)
	}
	if kind != FaultNone {
		return 0, Fault{Kind: kind}
	}
	t.set(code, src[start:end], n)
	return end, nil
}

// set takes over a checked value; short ones are decoded on the stack.
func (t *Text) set(code Code, src []byte, n int) {
	t.pad = 0
	if !code.Packed() {
		t.SetValue(string(src))
		return
	}
	var short [40]byte
	out := short[:0]
	if n > len(short) {
		out = make([]byte, 0, n)
	}
	t.SetValue(string(code.appendDecoded(out, src, n)))
	if n&1 == 1 {
		t.pad = code.pad(src)
	}
}

func (t *Text) restorePad(code Code, value []byte) {
	if code == PackLeft {
		value[0] |= t.pad << 4
		return
	}
	value[len(value)-1] |= t.pad
}

// packPlain is the packer of byte fields: one allocation instead of three.
func packPlain(value []byte, s *field.Spec) ([]byte, error) {
	prefix := prefixOf(s)
	out, err := prefix.append(make([]byte, 0, prefix.Size()+len(value)), s.Length, len(value))
	if err != nil {
		return nil, err
	}
	return append(out, value...), nil
}

func codeOf(s *field.Spec) Code {
	code, _ := s.Enc.(Code)
	return code
}

func prefixOf(s *field.Spec) Prefix {
	prefix, _ := s.Pref.(Prefix)
	return prefix
}
