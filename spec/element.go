package spec

import (
	"bytes"
	"errors"
	"fmt"
)

// MaxElement is the largest number of bytes an element's value can have: its
// length is written in three digits.
const MaxElement = 999

// elementHead is the tag and the length in front of each value.
const elementHead = 5

var (
	// ErrElement is the error of ParseElements for a list that is malformed:
	// a tag that is not two letters, a length that is not three digits, or a
	// value that would reach past the end.
	ErrElement = errors.New("malformed element")
	// ErrRepeatedTag is the error of ParseElements for a tag that comes twice.
	ErrRepeatedTag = errors.New("repeated element")
)

// Element is one item of a private field (F62 of the terminal line, F104 and
// the rest of F48 of the host line): a tag of two ASCII letters, three ASCII
// digits of length in bytes, the value.
type Element struct {
	Tag   string
	Value []byte
}

// ParseElements splits a private field. Unknown tags are kept, in the order of
// the wire; an empty field is an empty list. The values alias b. Errors are
// ErrElement or ErrRepeatedTag with the offset; they carry no bytes of b.
func ParseElements(b []byte) ([]Element, error) {
	els := make([]Element, 0, 4)
	for off := 0; off < len(b); {
		el, size, ok := parseElement(b[off:])
		if !ok {
			return nil, fmt.Errorf("%w at byte %d", ErrElement, off)
		}
		if _, twice := Find(els, el.Tag); twice {
			return nil, fmt.Errorf("%w at byte %d", ErrRepeatedTag, off)
		}
		els = append(els, el)
		off += size
	}
	return els, nil
}

// AppendElement writes one element behind dst. It panics if tag is not two
// letters or value is longer than MaxElement: both are the caller's mistake.
func AppendElement(dst []byte, tag string, value []byte) []byte {
	if len(tag) != 2 || !isLetter(tag[0]) || !isLetter(tag[1]) || len(value) > MaxElement {
		panic("spec: element cannot be written: tag " + tag)
	}
	n := len(value)
	dst = append(dst, tag[0], tag[1], '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10))
	return append(dst, value...)
}

// Find returns the value of the element with this tag.
func Find(els []Element, tag string) ([]byte, bool) {
	for _, el := range els {
		if el.Tag == tag {
			return el.Value, true
		}
	}
	return nil, false
}

func parseElement(b []byte) (el Element, size int, ok bool) {
	if len(b) < elementHead || !isLetter(b[0]) || !isLetter(b[1]) {
		return Element{}, 0, false
	}
	n, kind := ASCIILLL.read(MaxElement, b[2:])
	size = elementHead + n
	if kind != FaultNone || size > len(b) {
		return Element{}, 0, false
	}
	return Element{Tag: string(b[:2]), Value: bytes.Clone(b[elementHead:size:size])}, size, true
}

func isLetter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z'
}
