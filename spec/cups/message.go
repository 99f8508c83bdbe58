package cups

import (
	"errors"
	"fmt"

	"example.com/ringback/spec"
)

var (
	// ErrNoHeader is the error of Pack for a message whose header was never set.
	ErrNoHeader = errors.New("message has no header")
	// ErrTooLong is the error of Pack for a message over MaxMessage.
	ErrTooLong = errors.New("message is too long")
	// ErrRejected is the error of Unpack for a message that the centre sent back;
	// ParseHeader tells the reject code.
	ErrRejected = errors.New("message was rejected by the centre")
)

// Message is one message of the host line with its header. It is not safe for
// use by several goroutines.
//
// Values are the characters of the field, raw bytes where the dialect has bytes:
// F43, F44, F48, F52, F55, F57 to F59, F61 to F63, F96, F104, F121 to F123, F128.
type Message struct {
	spec.FieldSet
}

// New returns an empty message of a type, four digits, without a header.
func New(mti string) *Message {
	m := newMessage()
	m.Set(0, mti)
	return m
}

// Unpack reads a frame without its length prefix: header and body. It refuses
// undefined fields, bytes after the last field, and any value that breaks its
// format; the error is a spec.Fault, which names the field and carries no bytes,
// or ErrRejected. The total in the header is not compared: peers write it in
// several ways, and the length prefix has spoken. The message shares nothing with
// the frame.
func Unpack(frame []byte) (*Message, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	if h.Rejected() {
		return nil, ErrRejected
	}
	return unpack(frame)
}

func newMessage() *Message {
	return &Message{spec.NewFieldSet(host.moov)}
}

func unpack(frame []byte) (*Message, error) {
	if err := check(frame, HeaderLen); err != nil {
		return nil, err
	}
	m := newMessage()
	if err := m.ISO().Unpack(frame); err != nil {
		return nil, faultOf(err)
	}
	return m, nil
}

// Pack returns header and body; the total in the header is set to their length.
// The error is that of a Set that failed, ErrNoHeader, ErrTooLong, or names the
// field that cannot be written; it carries no values.
func (m *Message) Pack() ([]byte, error) {
	frame, err := m.pack()
	if err != nil {
		return nil, err
	}
	copy(frame[offTotal:], fmt.Sprintf("%04d", len(frame)))
	return frame, nil
}

func (m *Message) pack() ([]byte, error) {
	if err := m.Err(); err != nil {
		return nil, err
	}
	frame, err := m.ISO().Pack()
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if len(frame) > MaxMessage {
		return nil, ErrTooLong
	}
	return frame, nil
}

// MTI is the message type, four digits.
func (m *Message) MTI() string { return m.Get(0) }

// Header returns the message's header; the zero Header if none was set.
func (m *Message) Header() Header {
	if h := m.head(); h != nil && h.header.bytes != nil {
		parsed, err := ParseHeader(h.header.bytes)
		if err == nil {
			return parsed
		}
	}
	return Header{}
}

// SetHeader sets the header. One that cannot be written makes Pack fail.
func (m *Message) SetHeader(h Header) {
	h.Total = 0
	raw, err := h.Append(make([]byte, 0, HeaderLen))
	if err != nil {
		m.Fail(0, err)
		return
	}
	if head := m.head(); head != nil {
		head.header = rawHeader{raw}
	}
}

// Table is the field table of the host line, for spec.Describe.
func (m *Message) Table() *spec.Table { return host.table }

func (m *Message) head() *headField {
	h, _ := m.ISO().GetField(0).(*headField)
	return h
}
