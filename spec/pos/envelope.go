package pos

import (
	"bytes"
	"strings"

	"example.com/ringback/spec"
)

// Sizes of what stands before the message type, in bytes.
const (
	tpduLen   = 5
	lriLen    = 33
	headerLen = 6
	mtiLen    = 2
	// plainLen is an envelope without an LRI.
	plainLen = tpduLen + headerLen
)

// lriMark opens a dial-up header: "LRI" and the length 28. Nothing in the TPDU
// announces it (UnionPay POS dialect, section 1.2).
const lriMark = "LRI\x00\x1C"

// Envelope is what stands before the message type in a frame: the TPDU that
// routes it, the dial-up header an access server may have added, and the
// message header.
type Envelope struct {
	TPDU   [5]byte // 60, destination, source
	LRI    []byte  // nil or 33 bytes; not changed by this package
	Header [6]byte // twelve nibbles; digit 6 is the host's processing request
}

// DefaultEnvelope is what a payment terminal sends: TPDU 60 00 03 00 00, and a
// header for magnetic-stripe payment, software 31.
func DefaultEnvelope() Envelope {
	return Envelope{
		TPDU:   [5]byte{0x60, 0x00, 0x03, 0x00, 0x00},
		Header: [6]byte{0x60, 0x31, 0x00, 0x00, 0x00, 0x00},
	}
}

// EnvelopeOf reads the envelope of a frame without its length prefix, for answers
// to frames that Unpack refuses. ok is false if the frame is too short for one.
func EnvelopeOf(frame []byte) (e Envelope, ok bool) {
	e, size := readEnvelope(frame)
	return e, size != 0
}

// BuildLRI is the dial-up header of a call from ani to dnis, numbers of at most
// 16 digits; anything in them that is no digit is left out. Node and port bytes
// are zero.
func BuildLRI(ani, dnis string) []byte {
	lri := append(make([]byte, 0, lriLen), lriMark...)
	lri = append(lri, packNumber(ani)...)
	lri = append(lri, packNumber(dnis)...)
	lri = append(lri, 'X', 0, 9, 'I', 0, 6)
	return append(lri, make([]byte, lriLen-len(lri))...)
}

// ANI returns the caller's number as the LRI has it: 16 digits, filled with
// zeros on the left. ok is false without an LRI, or with one that is not digits.
// Compare it with LineMatches, because a real number may begin with zeros too.
func (e Envelope) ANI() (ani string, ok bool) { return e.number(len(lriMark)) }

// DNIS returns the number dialled, in the form of ANI.
func (e Envelope) DNIS() (dnis string, ok bool) { return e.number(len(lriMark) + 8) }

// Answer is the envelope of the response to a request with this envelope: the
// two addresses of the TPDU exchanged, no LRI, the header with digit 6 set to
// processing (0 to 15; see the Processing constants).
func (e Envelope) Answer(processing byte) Envelope {
	t, h := e.TPDU, e.Header
	h[2] = h[2]&0xF0 | processing&0x0F
	return Envelope{TPDU: [5]byte{t[0], t[3], t[4], t[1], t[2]}, Header: h}
}

// Processing is digit 6 of the header, what a response asks of the terminal.
func (e Envelope) Processing() byte { return e.Header[2] & 0x0F }

// LineMatches reports whether the number in an LRI is the registered one. The
// LRI fills 16 digits with zeros and so loses how many zeros the number itself
// begins with; both are compared without them. Signs that people write into
// numbers are ignored; an empty registered number matches nothing.
func LineMatches(ani16, registered string) bool {
	line := bareNumber(registered)
	return line != "" && bareNumber(ani16) == line
}

func (e Envelope) number(off int) (string, bool) {
	if len(e.LRI) != lriLen {
		return "", false
	}
	digits, _, err := spec.PackLeft.Decode(e.LRI[off:], 16)
	return string(digits), err == nil
}

// append writes the envelope behind dst.
func (e Envelope) append(dst []byte) []byte {
	dst = append(dst, e.TPDU[:]...)
	dst = append(dst, e.LRI...)
	return append(dst, e.Header[:]...)
}

// readEnvelope copies the envelope at the start of a frame. size is 0 if the
// frame is too short for one.
func readEnvelope(frame []byte) (e Envelope, size int) {
	size = envelopeLen(frame)
	if size == 0 {
		return e, 0
	}
	e.TPDU = [5]byte(frame)
	if size > plainLen {
		e.LRI = bytes.Clone(frame[tpduLen : tpduLen+lriLen])
	}
	e.Header = [6]byte(frame[size-headerLen:])
	return e, size
}

// envelopeLen is the size of the envelope, 0 if the frame ends within it.
func envelopeLen(frame []byte) int {
	size := plainLen
	if len(frame) >= plainLen && string(frame[tpduLen:tpduLen+len(lriMark)]) == lriMark {
		size += lriLen
	}
	if len(frame) < size {
		return 0
	}
	return size
}

func packNumber(number string) []byte {
	digits := bareNumber(number)
	digits = strings.Repeat("0", max(0, 16-len(digits))) + digits
	out, err := spec.PackLeft.Encode([]byte(digits[len(digits)-16:]))
	if err != nil {
		panic(err) // bareNumber leaves digits only
	}
	return out
}

func bareNumber(number string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	return strings.TrimLeft(digits, "0")
}
