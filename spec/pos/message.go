package pos

import (
	"errors"
	"fmt"

	"example.com/ringback/spec"
)

var (
	// ErrNoEnvelope is the error of Pack for a message whose envelope was never set.
	ErrNoEnvelope = errors.New("message has no envelope")
	// ErrNoMAC is the error of MACInput and SignFrame for a frame without F64.
	ErrNoMAC = errors.New("frame has no F64")
	// ErrTooLong is the error of Pack for a frame over MaxFrame.
	ErrTooLong = errors.New("frame is too long")
)

// Message is one message of the terminal line with its envelope. It is not safe
// for use by several goroutines.
//
// Values are the characters of the field: digits, text, tracks with '=' between
// PAN and expiry, and raw bytes where the dialect has bytes (F52, F55, F58, F59,
// F62, F63, F64 and the extensions).
type Message struct {
	spec.FieldSet
}

// New returns an empty message of a type, four digits, with DefaultEnvelope.
func New(mti string) *Message {
	m := newMessage(terminal)
	m.Set(0, mti)
	m.SetEnvelope(DefaultEnvelope())
	return m
}

// Unpack reads a frame without its length prefix. It refuses everything Peek
// refuses, with the same spec.Fault, which names the field and carries no bytes
// of the frame. The message shares nothing with the frame.
func Unpack(frame []byte) (*Message, error) {
	if _, err := Peek(frame); err != nil {
		return nil, err
	}
	return unpack(terminal, frame)
}

func newMessage(d dialect) *Message {
	return &Message{spec.NewFieldSet(d.moov)}
}

func unpack(d dialect, frame []byte) (*Message, error) {
	m := newMessage(d)
	if err := m.ISO().Unpack(frame); err != nil {
		return nil, faultOf(err)
	}
	return m, nil
}

// Pack returns the frame without its length prefix. The error is that of a Set
// that failed, ErrNoEnvelope, ErrTooLong, or names the field that cannot be
// written; it carries no values.
func (m *Message) Pack() ([]byte, error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	frame, err := m.ISO().Pack()
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if len(frame) > MaxFrame {
		return nil, ErrTooLong
	}
	return frame, nil
}

// MTI is the message type, four digits.
func (m *Message) MTI() string { return m.Get(0) }

// ResponseMTI is the type of the answer: the type plus 10.
func (m *Message) ResponseMTI() string {
	mti := []byte(m.MTI())
	if len(mti) != 4 {
		return ""
	}
	mti[2] |= 1
	return string(mti)
}

// Envelope returns TPDU, LRI and header. The LRI must not be changed.
func (m *Message) Envelope() Envelope {
	if h := m.head(); h != nil {
		return h.envelope
	}
	return Envelope{}
}

// SetEnvelope sets TPDU, LRI (nil, or 33 bytes) and header.
func (m *Message) SetEnvelope(e Envelope) {
	if len(e.LRI) != 0 && len(e.LRI) != lriLen {
		m.Fail(0, ErrNoEnvelope)
		return
	}
	if h := m.head(); h != nil {
		h.envelope, h.set = e, true
	}
}

// Table is the field table of the terminal line, for spec.Describe.
func (m *Message) Table() *spec.Table { return terminal.table }

func (m *Message) head() *headField {
	h, _ := m.ISO().GetField(0).(*headField)
	return h
}
