package spec

import "strconv"

// FaultKind says in which way a message breaks its dialect.
type FaultKind uint8

const (
	// FaultNone is the zero value: nothing is wrong.
	FaultNone FaultKind = iota
	// FaultShort means that the message ends inside the field.
	FaultShort
	// FaultPrefix means a length prefix that is no number, or a number above
	// the field's maximum.
	FaultPrefix
	// FaultDigit means a nibble or character that is not a decimal digit (or,
	// in a track, not a separator).
	FaultDigit
	// FaultPad means that the unused nibble of an odd count is neither 0 nor F.
	FaultPad
	// FaultText means a character outside printable ASCII.
	FaultText
	// FaultUndefined means a bit of the bitmap that the dialect does not define.
	FaultUndefined
	// FaultUnknown means such a bit whose field has no known form either, so that
	// nothing after it can be found.
	FaultUnknown
	// FaultBitOne means that field 1 is announced where there is no second bitmap.
	FaultBitOne
	// FaultTrailing means bytes after the last field.
	FaultTrailing
	// FaultEnvelope means that what stands before the message type is broken.
	FaultEnvelope
)

// Fault is the error for a message that breaks its dialect. It names the field
// (0 for the message type and what stands before it, 1 for the bitmap) and
// never carries bytes of the message, so it may be logged.
type Fault struct {
	Field int
	Kind  FaultKind
}

// Error names the field and the kind of fault.
func (f Fault) Error() string {
	return "field " + strconv.Itoa(f.Field) + ": " + f.Kind.String()
}

// Structural reports whether the end of the field is unknown, so that nothing
// after it can be found.
func (k FaultKind) Structural() bool {
	return k == FaultShort || k == FaultPrefix || k == FaultUnknown || k == FaultEnvelope
}

// String is a short English phrase.
func (k FaultKind) String() string {
	switch k {
	case FaultNone:
		return "no fault"
	case FaultShort:
		return "message ends inside the field"
	case FaultPrefix:
		return "bad length prefix"
	case FaultDigit:
		return "not a decimal digit"
	case FaultPad:
		return "pad nibble neither 0 nor F"
	case FaultText:
		return "not printable ASCII"
	case FaultUndefined, FaultUnknown:
		return "field is not defined in this dialect"
	case FaultBitOne:
		return "field 1 is set"
	case FaultTrailing:
		return "bytes after the last field"
	case FaultEnvelope:
		return "broken frame header"
	}
	return "fault " + strconv.Itoa(int(k))
}
