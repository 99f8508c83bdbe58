package cups

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"example.com/ringback/spec"
)

// Offsets within the header (host dialect, section 1).
const (
	offVersion  = 1
	offTotal    = 2
	offDest     = 6
	offSource   = 17
	offReserved = 28
	offBatch    = 31
	offInfo     = 32
	offUser     = 40
	offReject   = 41
)

// headerVersion is flag and version of this edition, production.
const headerVersion byte = 0x02

// Header is the 46 bytes in front of every message. Ids are without the blanks
// that fill them on the wire.
type Header struct {
	Version  byte    // top bit: test; the rest: edition
	Total    int     // header and body, in bytes; set by Pack
	Dest     string  // up to 11 characters
	Source   string  // up to 11 characters
	Reserved [3]byte // zeros
	Batch    byte
	Info     string // 8 characters
	User     byte
	Reject   string // 5 digits; "00000" is a normal message
}

// NewHeader is the header of a normal message.
func NewHeader(dest, source string) Header {
	return Header{
		Version: headerVersion, Dest: dest, Source: source,
		Info: "00000000", Reject: RejectNone,
	}
}

// ParseHeader reads the header at the start of b. Only its length byte must be
// right: peers fill the rest in several ways, so Total is -1 if it is no number,
// and comparing it is the caller's business. The error is a spec.Fault.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen || b[0] != HeaderLen {
		return Header{}, spec.Fault{Kind: spec.FaultEnvelope}
	}
	text := func(off, n int) string { return string(b[off : off+n]) }
	total, err := strconv.ParseUint(text(offTotal, 4), 10, 16)
	h := Header{
		Version: b[offVersion], Total: int(total),
		Dest: strings.TrimRight(text(offDest, 11), " "), Source: strings.TrimRight(text(offSource, 11), " "),
		Reserved: [3]byte(b[offReserved:]), Batch: b[offBatch],
		Info: text(offInfo, 8), User: b[offUser], Reject: text(offReject, 5),
	}
	if err != nil {
		h.Total = -1
	}
	return h, nil
}

// Answer is the header of a reply: destination and source exchanged, version,
// batch and the infos kept, no reject code.
func (h Header) Answer() Header {
	h.Dest, h.Source, h.Reject, h.Total = h.Source, h.Dest, RejectNone, 0
	return h
}

// Rejected reports whether the message came back refused by the centre. Its body
// is then the message it refused, with its own header, and no reply to anything.
func (h Header) Rejected() bool { return h.Reject != RejectNone }

// Test reports whether the top bit of the version marks test traffic.
func (h Header) Test() bool { return h.Version&0x80 != 0 }

// Append writes the 46 bytes behind dst. A part that does not fit, and a Total
// over 9999, is an error.
func (h Header) Append(dst []byte) ([]byte, error) {
	if len(h.Dest) > 11 || len(h.Source) > 11 || len(h.Info) != 8 || len(h.Reject) != 5 {
		return nil, fmt.Errorf("header: a part does not fit its place")
	}
	if h.Total < 0 || h.Total > 9999 {
		return nil, fmt.Errorf("header: total length %d", h.Total)
	}
	dst = append(dst, HeaderLen, h.Version)
	dst = fmt.Appendf(dst, "%04d", h.Total)
	dst = appendID(appendID(dst, h.Dest), h.Source)
	dst = append(append(dst, h.Reserved[:]...), h.Batch)
	dst = append(append(dst, h.Info...), h.User)
	return append(dst, h.Reject...), nil
}

// appendID fills an id to 11 bytes; the width of fmt would count characters.
func appendID(dst []byte, id string) []byte {
	return append(append(dst, id...), strings.Repeat(" ", 11-len(id))...)
}

// rawHeader is a header as it stands in a message. It keeps the bytes it was
// read from, because peers fill places in ways that Header does not hold.
type rawHeader struct {
	bytes []byte // HeaderLen bytes, or nil if no header was set
}

func readHeader(b []byte) (rawHeader, error) {
	if _, err := ParseHeader(b); err != nil {
		return rawHeader{}, err
	}
	return rawHeader{bytes.Clone(b[:HeaderLen])}, nil
}
