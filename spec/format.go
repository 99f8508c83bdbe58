package spec

import (
	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/field"
)

// MaxField is the highest field number of an ISO 8583 message with two bitmaps.
const MaxField = 128

// Format is one field of a dialect.
type Format struct {
	ID     int
	Name   string // English
	Prefix Prefix
	Code   Code
	Max    int  // digits of packed values, else bytes; the exact count when Fixed
	Mask   Mask // what a person may see of the value
}

// NewFormat lists a format in the order of its fields, so that a dialect reads
// as a table.
func NewFormat(id int, name string, prefix Prefix, code Code, limit int, mask Mask) Format {
	return Format{ID: id, Name: name, Prefix: prefix, Code: code, Max: limit, Mask: mask}
}

// Table is the field table of a dialect. It is built once, by NewTable, and
// only read afterwards, so any number of goroutines may share it.
type Table struct {
	name    string
	formats [MaxField + 1]Format
	steps   [MaxField + 1]step
}

// step is the part of a Format that the offset walk needs, kept small because
// every message of the terminal line reads it.
type step struct {
	max     uint16
	prefix  Prefix
	code    Code
	defined bool
	known   bool
}

// NewTable builds a table from the fields a dialect defines and from foreign
// ones, which it refuses but whose form is known, so that what stands behind
// them can still be read.
func NewTable(name string, defined, foreign []Format) *Table {
	t := &Table{name: name}
	for _, f := range foreign {
		t.steps[f.ID] = step{max: uint16(f.Max), prefix: f.Prefix, code: f.Code, known: true}
	}
	for _, f := range defined {
		t.formats[f.ID] = f
		t.steps[f.ID] = step{uint16(f.Max), f.Prefix, f.Code, true, true}
	}
	return t
}

// Defined reports whether the dialect has field id.
func (t *Table) Defined(id int) bool {
	return id >= 2 && id <= MaxField && t.steps[id].defined
}

// Format returns the form of a defined field; ok is false for any other.
func (t *Table) Format(id int) (f Format, ok bool) {
	if !t.Defined(id) {
		return Format{}, false
	}
	return t.formats[id], true
}

// FieldName is the English name of field id, "" if the dialect has no such field.
func (t *Table) FieldName(id int) string {
	f, _ := t.Format(id)
	return f.Name
}

// Name is the name of the dialect.
func (t *Table) Name() string { return t.name }

// Step walks over field id at offset off of src: start and end enclose the
// value without its length prefix, n counts its characters. With a kind that is
// Structural start and end mean nothing; with any other the value is in place
// but bad. An undefined field is stepped over if its form is known.
func (t *Table) Step(src []byte, off, id int) (start, end, n int, kind FaultKind) {
	s := &t.steps[id]
	start, n = off, int(s.max)
	if s.prefix != Fixed {
		if n, kind = s.prefix.read(n, src[off:]); kind != FaultNone {
			return off, off, 0, kind
		}
		start += s.prefix.Size()
	}
	end = start + s.code.Size(n)
	switch {
	case !s.known:
		return off, off, 0, FaultUnknown
	case end > len(src):
		return off, off, 0, FaultShort
	}
	if s.code != Plain {
		kind = s.code.check(src, start, end, n)
	}
	if kind == FaultNone && !s.defined {
		kind = FaultUndefined
	}
	return start, end, n, kind
}

// MessageSpec builds the specification that moov-io/iso8583 works with. Field 0
// is head; bitmap is the specification of field 1.
func (t *Table) MessageSpec(head field.Field, bitmap *field.Spec) *iso8583.MessageSpec {
	fields := map[int]field.Field{0: head, 1: field.NewBitmap(bitmap)}
	for id := 2; id <= MaxField; id++ {
		if f, ok := t.Format(id); ok {
			fields[id] = NewField(f)
		}
	}
	return &iso8583.MessageSpec{Name: t.name, Fields: fields}
}
