package spec

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/field"
)

// FieldSet is what the messages of both dialects have in common: values by field
// number. It is not safe for use by several goroutines.
type FieldSet struct {
	iso *iso8583.Message
	err error // of the first Set that failed
}

// NewFieldSet returns an empty set for a dialect.
func NewFieldSet(s *iso8583.MessageSpec) FieldSet {
	return FieldSet{iso: iso8583.NewMessage(s)}
}

// Get returns the value of a field; "" if it is absent. Get(0) is the type.
func (s *FieldSet) Get(id int) string {
	switch f := s.iso.GetField(id).(type) {
	case interface{ Value() string }: // Text, and the field that holds the envelope
		return f.Value()
	case *field.Binary:
		return string(f.Value())
	}
	return ""
}

// Bytes returns a copy of the value of a field; nil if it is absent.
func (s *FieldSet) Bytes(id int) []byte {
	switch f := s.iso.GetField(id).(type) {
	case *Text:
		return []byte(f.Value())
	case *field.Binary:
		return bytes.Clone(f.Value())
	}
	return nil
}

// Has reports whether field id is present, whatever its value.
func (s *FieldSet) Has(id int) bool { return id >= 2 && s.iso.GetField(id) != nil }

// Set sets a field. A field that the dialect does not define, or a value that
// cannot be written, makes Pack fail.
func (s *FieldSet) Set(id int, value string) {
	if err := s.iso.Field(id, value); err != nil {
		s.Fail(id, err)
	}
}

// SetBytes sets a field from raw bytes, which are copied.
func (s *FieldSet) SetBytes(id int, value []byte) {
	if err := s.iso.BinaryField(id, bytes.Clone(value)); err != nil {
		s.Fail(id, err)
	}
}

// Unset takes a field out of the message.
func (s *FieldSet) Unset(id int) { s.iso.UnsetField(id) }

// Fields lists the present fields from 2 on, in order.
func (s *FieldSet) Fields() []int {
	ids := make([]int, 0, 32)
	for id := range s.iso.GetFields() {
		if id >= 2 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// ISO is the moov message underneath, for code that needs its Marshal. Never log
// it or its errors.
func (s *FieldSet) ISO() *iso8583.Message { return s.iso }

// Fail keeps the first error of a field that cannot be written, for Pack.
func (s *FieldSet) Fail(id int, cause error) {
	if s.err == nil {
		s.err = fmt.Errorf("set field %d: %w", id, cause)
	}
}

// Err is the first error that Fail was told.
func (s *FieldSet) Err() error { return s.err }
