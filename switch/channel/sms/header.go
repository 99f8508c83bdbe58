package sms

import "encoding/binary"

// The information elements that count (3GPP TS 23.040, section 9.2.3.24). Port numbers address a program; language
// tables are alphabets that nothing here has.
const (
	elementConcat8  = 0x00
	elementPort8    = 0x04
	elementPort16   = 0x05
	elementConcat16 = 0x08
	elementShift    = 0x24
	elementLocking  = 0x25
)

// UserHeader reads the user data header at the front of b; rest is what follows it. ok is false when the header is malformed
// or says that the message is for a program of the handset and not for people.
func UserHeader(b []byte) (c Concat, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return c, nil, false
	}
	end := 1 + int(b[0])
	head, rest := b[1:end], b[end:]
	for len(head) > 0 {
		if len(head) < 2 || len(head) < 2+int(head[1]) {
			return c, nil, false
		}
		id, v := head[0], head[2:2+int(head[1])]
		head = head[2+len(v):]
		switch {
		case id == elementConcat8 && len(v) == 3 && c.Seq == 0 && v[2] != 0:
			c = Concat{uint16(v[0]), false, v[1], v[2]}
		case id == elementConcat16 && len(v) == 4 && c.Seq == 0 && v[3] != 0:
			c = Concat{binary.BigEndian.Uint16(v), true, v[2], v[3]}
		case id == elementConcat8, id == elementConcat16, id == elementPort8, id == elementPort16, id == elementShift, id == elementLocking:
			return c, nil, false
		}
	}
	return c, rest, true
}

// Checked returns which part it is, as the zero value for the only one of its message. ok is false when there can be no such
// part, or when its message is longer than [MaxInParts].
func (c Concat) Checked() (_ Concat, ok bool) {
	switch {
	case c.Total == 0 && c.Seq == 0:
		return Concat{}, true
	case c.Seq == 0 || c.Seq > c.Total || c.Total > MaxInParts:
		return Concat{}, false
	case c.Total == 1:
		return Concat{}, true
	}
	return c, true
}
