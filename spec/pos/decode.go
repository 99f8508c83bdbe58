package pos

import (
	"strings"

	"example.com/ringback/spec"
)

// Gaps between TPDU (and LRI) and message type that are found in captures: the
// header; no header; a two-byte version; a header with twenty zero bytes behind.
const (
	gapVersion = 2
	gapZeros   = headerLen + 20
)

// wide is the dialect with a second bitmap, abroad the dialect of foreign
// acquirers; both are read for people, never on the line.
var (
	narrow = spec.NewBody(terminal.table, spec.PackLeft, false, show)
	wide   = spec.NewBody(spec.NewTable("UnionPay POS, wide", wideFields(), nil), spec.PackLeft, true, show)
	abroad = spec.NewBody(spec.NewTable("NAC terminal", abroadFields(), nil), spec.PackLeft, false, showAbroad)
)

// Decode takes a frame apart that stands as hex in a line, with or without
// length, TPDU, LRI and header, in the dialect of the line or in one of its
// relatives (UnionPay POS dialect, sections 1 and 10). Sensitive values are
// masked unless reveal is set. A frame that cannot be read whole comes back as
// far as it was read, with Error set.
func Decode(hexLine string, reveal bool) spec.Decoded {
	raw, err := spec.ParseHex(hexLine)
	if err != nil {
		return spec.Decoded{Fields: map[string]string{}, Error: err.Error()}
	}
	frame := raw[prefixLen(raw):]
	var readings []func() (spec.Decoded, int)
	for _, gap := range []int{headerLen, 0, gapVersion, gapZeros} {
		bodies := []spec.Body{narrow, abroad, wide}
		if gap == 0 {
			// The NAC dialects have no header: of two readings that fit, theirs.
			bodies = []spec.Body{abroad, narrow, wide}
		}
		for _, body := range bodies {
			readings = append(readings, func() (spec.Decoded, int) {
				return decodeFrame(frame, gap, body, reveal)
			})
		}
	}
	for _, body := range []spec.Body{narrow, abroad, wide} {
		readings = append(readings,
			func() (spec.Decoded, int) { return body.Decode(frame, reveal) },
			func() (spec.Decoded, int) { return decodeBare(frame, body, reveal) })
	}
	return spec.Best(readings...)
}

// decodeFrame reads a frame whose message type stands gap bytes behind the TPDU
// or the LRI.
func decodeFrame(frame []byte, gap int, body spec.Body, reveal bool) (spec.Decoded, int) {
	off := tpduLen
	if len(frame) > tpduLen && strings.HasPrefix(string(frame[tpduLen:]), lriMark) {
		off += lriLen
	}
	if len(frame) < off+gap || frame[0] != 0x60 {
		err := spec.Fault{Kind: spec.FaultEnvelope}
		return spec.Decoded{Fields: map[string]string{}, Error: err.Error()}, 0
	}
	out, fit := body.Decode(frame[off+gap:], reveal)
	out.TPDU = spec.Hex(frame[:tpduLen])
	out.LRI = spec.Hex(frame[tpduLen:off])
	out.Header = spec.Hex(frame[off : off+gap])
	return out, fit
}

// decodeBare reads a frame that begins with an LRI or with its header: no TPDU.
func decodeBare(frame []byte, body spec.Body, reveal bool) (spec.Decoded, int) {
	off := 0
	if strings.HasPrefix(string(frame), lriMark) {
		off = lriLen
	}
	if len(frame) < off+headerLen || frame[off]&0xF0 != 0x60 {
		err := spec.Fault{Kind: spec.FaultEnvelope}
		return spec.Decoded{Fields: map[string]string{}, Error: err.Error()}, 0
	}
	out, fit := body.Decode(frame[off+headerLen:], reveal)
	out.LRI = spec.Hex(frame[:off])
	out.Header = spec.Hex(frame[off : off+headerLen])
	return out, fit
}

// prefixLen tells how many bytes of length stand in front: two of binary, which
// count bytes or, at one vendor, hex digits; or four ASCII digits.
func prefixLen(raw []byte) int {
	if len(raw) < 4 {
		return 0
	}
	n := int(raw[0])<<8 | int(raw[1])
	if n == len(raw)-2 || n == 2*(len(raw)-2) {
		return 2
	}
	digits, _, err := spec.ASCIIDigits.Decode(raw, 4)
	if err != nil {
		return 0
	}
	n = 0
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	if n == len(raw)-4 {
		return 4
	}
	return 0
}

// show is the text of a value: tracks with the separator as it stands on the
// wire, Chinese text as text, bytes as hex.
func show(id int, value string) string {
	switch id {
	case 35, 36:
		return strings.ReplaceAll(value, "=", "D")
	case 43, 56:
		if text, err := spec.DecodeGBK([]byte(value)); err == nil {
			return text
		}
	case 52, 55, 62, 64:
	case 63:
		if !spec.Printable(value) {
			return "hex:" + spec.Hex([]byte(value))
		}
		return value
	default:
		if spec.Printable(value) {
			return value
		}
	}
	return spec.Hex([]byte(value))
}

// showAbroad differs from show in the private fields.
func showAbroad(id int, value string) string {
	switch {
	case id == 62 && spec.Printable(value):
		return value
	case id == 62, id == 63:
		return spec.Hex([]byte(value))
	}
	return show(id, value)
}

// wideFields adds what a second bitmap has been seen to announce.
func wideFields() []spec.Format {
	return append(fields(),
		spec.NewFormat(70, "Network management code", spec.Fixed, spec.ASCII, 3, spec.MaskNone))
}

// abroadFields is the dialect of foreign acquirers, who share the framing: entry
// mode padded on the left, and text in the private fields.
func abroadFields() []spec.Format {
	text := func(id int, mask spec.Mask) spec.Format {
		return spec.NewFormat(id, "Private data", spec.BCDLLL, spec.Plain, 999, mask)
	}
	return append(fields(),
		spec.NewFormat(22, "Entry mode", spec.Fixed, spec.PackLeft, 3, spec.MaskNone),
		text(48, spec.MaskShort), text(60, spec.MaskShort), text(61, spec.MaskShort),
		text(62, spec.MaskShort), text(63, spec.MaskShort))
}
