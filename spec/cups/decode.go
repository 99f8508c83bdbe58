package cups

import (
	"encoding/hex"

	"example.com/ringback/spec"
)

// body reads messages for people.
var body = spec.NewBody(host.table, spec.ASCIIDigits, true, show)

// Decode takes a message apart that stands as hex in a line, with or without the
// four digits of length and the header (host dialect, sections 1 and 2).
// Sensitive values are masked unless reveal is set. A message that cannot be
// read whole comes back as far as it was read, with Error set; so does one that
// the centre sent back, with the reject code as Error.
func Decode(hexLine string, reveal bool) spec.Decoded {
	raw, err := spec.ParseHex(hexLine)
	if err != nil {
		return spec.Decoded{Fields: map[string]string{}, Error: err.Error()}
	}
	if string(raw) == KeepAlive {
		return spec.Decoded{Fields: map[string]string{}, Error: "keep-alive, no message"}
	}
	return spec.Best(
		func() (spec.Decoded, int) { return decodeMessage(raw[prefixLen(raw):], reveal) },
		func() (spec.Decoded, int) { return body.Decode(raw, reveal) },
	)
}

// decodeMessage reads header and body. A rejected message has a second header,
// that of the message which was refused.
func decodeMessage(frame []byte, reveal bool) (spec.Decoded, int) {
	h, err := ParseHeader(frame)
	if err != nil {
		return spec.Decoded{Fields: map[string]string{}, Error: err.Error()}, 0
	}
	off := HeaderLen
	if _, err := ParseHeader(frame[off:]); err == nil && h.Rejected() {
		off += HeaderLen
	}
	var out spec.Decoded
	fit := spec.MaxField
	if len(frame) > off {
		out, fit = body.Decode(frame[off:], reveal)
	} else {
		out.Fields = map[string]string{} // a header alone is sound
	}
	out.Header = spec.Hex(frame[:HeaderLen])
	if h.Rejected() && spec.Printable(h.Reject) {
		out.Error = "rejected by the centre: " + h.Reject
	}
	return out, fit
}

// prefixLen is 4 if the line begins with the length of its rest.
func prefixLen(raw []byte) int {
	if len(raw) < 4 {
		return 0
	}
	n, err := frameLen(raw[:4])
	if err != nil || n != len(raw)-4 {
		return 0
	}
	return 4
}

// show is the text of a value: bytes as hex, Chinese text marked as such, and
// what is neither text nor of a binary field marked as hex.
func show(id int, value string) string {
	text := hex.EncodeToString([]byte(value))
	switch id {
	case 52, 55, 96, 128:
		return text
	}
	if spec.Printable(value) {
		return value
	}
	if chinese, err := spec.DecodeGBK([]byte(value)); err == nil && id != 62 && id != 63 {
		return "gbk:" + chinese
	}
	return "hex:" + text
}
