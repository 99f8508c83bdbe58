package pos

import (
	"errors"
	"strconv"

	iso8583errors "github.com/moov-io/iso8583/errors"
	"github.com/moov-io/iso8583/field"

	"example.com/ringback/spec"
)

// characters is an alias so that embedding does not hide the method String.
type characters = spec.Text

// headField is field 0 of the moov message: message type and envelope in one
// value, so that a frame is one message and no side table of envelopes is needed.
type headField struct {
	characters
	envelope Envelope
	set      bool
}

// NewInstance returns an empty head.
func (h *headField) NewInstance() field.Field {
	n := &headField{}
	n.SetSpec(h.Spec())
	return n
}

// Pack returns envelope and type; a bare type is never sent.
func (h *headField) Pack() ([]byte, error) {
	if !h.set {
		return nil, ErrNoEnvelope
	}
	mti, err := h.characters.Pack()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, plainLen+len(h.envelope.LRI)+len(mti))
	return append(h.envelope.append(out), mti...), nil
}

// Unpack reads envelope and type.
func (h *headField) Unpack(frame []byte) (int, error) {
	e, size := readEnvelope(frame)
	if size == 0 {
		return 0, spec.Fault{Kind: spec.FaultEnvelope}
	}
	n, err := h.characters.Unpack(frame[size:])
	if err != nil {
		return 0, err
	}
	h.envelope, h.set = e, true
	return size + n, nil
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
