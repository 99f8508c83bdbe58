package spec

import (
	"fmt"
	"io"
	"strings"
)

// Described is a message that Describe can render: pos.Message and cups.Message.
type Described interface {
	// MTI is the message type, four digits.
	MTI() string
	// Fields lists the present fields from 2 on, in order.
	Fields() []int
	// Get returns the value of a field, raw bytes where it is not text.
	Get(id int) string
	// Table is the dialect.
	Table() *Table
}

// Describe writes messages for people: one line for the type, one for each
// field with its English name and masked value. No line has 13 or more digits
// in a row: long numbers that are no secret, such as a merchant number, are
// shown in groups. It returns the first error of w.
func Describe(w io.Writer, messages ...Described) error {
	for _, m := range messages {
		if _, err := fmt.Fprintf(w, "%s %s\n", m.Table().Name(), m.MTI()); err != nil {
			return err
		}
		for _, id := range m.Fields() {
			if err := describeField(w, m, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func describeField(w io.Writer, m Described, id int) error {
	shown := Group(m.Table().MaskField(id, m.Get(id)))
	_, err := fmt.Fprintf(w, "  F%-3d %-34s %s\n", id, m.Table().FieldName(id), shown)
	return err
}

// Group puts a space after every fourth digit of a run of 13 or more.
func Group(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		n := max(digitRun(text), 1)
		run := text[:n]
		for n >= shortestPAN && len(run) > 4 {
			out.WriteString(run[:4])
			out.WriteByte(' ')
			run = run[4:]
		}
		out.WriteString(run)
		text = text[n:]
	}
	return out.String()
}
