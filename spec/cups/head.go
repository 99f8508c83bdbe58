package cups

import (
	"errors"
	"strconv"

	iso8583errors "github.com/moov-io/iso8583/errors"
	"github.com/moov-io/iso8583/field"

	"example.com/ringback/spec"
)

const mtiLen = 4

// characters is an alias so that embedding does not hide the method String.
type characters = spec.Text

// headField is field 0 of the moov message: message type and header in one
// value, so that a frame is one message.
type headField struct {
	characters
	header rawHeader
}

// NewInstance returns an empty head.
func (h *headField) NewInstance() field.Field {
	n := &headField{}
	n.SetSpec(h.Spec())
	return n
}

// Pack returns header and type; a bare type is never sent.
func (h *headField) Pack() ([]byte, error) {
	if h.header.bytes == nil {
		return nil, ErrNoHeader
	}
	mti, err := h.characters.Pack()
	if err != nil {
		return nil, err
	}
	return append(append(make([]byte, 0, HeaderLen+mtiLen), h.header.bytes...), mti...), nil
}

// Unpack reads header and type.
func (h *headField) Unpack(frame []byte) (int, error) {
	header, err := readHeader(frame)
	if err != nil {
		return 0, err
	}
	n, err := h.characters.Unpack(frame[HeaderLen:])
	if err != nil {
		return 0, err
	}
	h.header = header
	return HeaderLen + n, nil
}

// check walks over a body that starts at off and finds its first fault. moov
// alone would accept bytes after the last field and would not say which field's
// bit is undefined.
func check(frame []byte, off int) error {
	if len(frame) < off+mtiLen+bitmapLen {
		return faultAt(0, spec.FaultEnvelope)
	}
	if _, _, err := spec.ASCIIDigits.Decode(frame[off:], mtiLen); err != nil {
		return faultAt(0, spec.FaultDigit)
	}
	maps, ok := spec.ReadBitmaps(frame, off+mtiLen, true)
	if !ok {
		return faultAt(1, spec.FaultShort)
	}
	if fault := host.table.Walk(frame, maps, nil); fault.Kind != spec.FaultNone {
		return fault
	}
	return nil
}

// faultOf turns moov's error, which carries the whole message, into one that
// carries the field's number only.
func faultOf(err error) error {
	fault := spec.Fault{Kind: spec.FaultUndefined}
	errors.As(err, &fault)
	var unpack *iso8583errors.UnpackError
	if errors.As(err, &unpack) {
		fault.Field, _ = strconv.Atoi(unpack.FieldID)
	}
	return fault
}
