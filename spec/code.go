package spec

import (
	"encoding/binary"

	"github.com/moov-io/iso8583/encoding"
)

// Code is how the characters of a value are written. Each is a strict
// encoding.Encoder of moov-io/iso8583 and keeps nothing between calls.
//
// The stock packed encoders are not used: they build two tables on every call,
// turn a nibble F into a NUL character and do not know track separators.
type Code uint8

const (
	// PackLeft is packed decimal; an odd count leaves the first nibble unused.
	PackLeft Code = iota
	// PackRight is packed decimal; an odd count leaves the last nibble unused.
	PackRight
	// PackTrack is PackRight with the separator '=' written as nibble D.
	PackTrack
	// ASCIIDigits is one ASCII digit a byte.
	ASCIIDigits
	// ASCII is printable ASCII, 0x20 to 0x7E.
	ASCII
	// Plain is bytes of any value.
	Plain
)

var _ encoding.Encoder = Plain

// Packed reports whether two characters share a byte.
func (c Code) Packed() bool { return c <= PackTrack }

// Size is the number of bytes that n characters need.
func (c Code) Size(n int) int {
	if c.Packed() {
		return (n + 1) / 2
	}
	return n
}

// Encode returns value in a new slice. The pad nibble of an odd count is 0.
// The error is a Fault without a field number.
func (c Code) Encode(value []byte) ([]byte, error) {
	return c.append(make([]byte, 0, c.Size(len(value))), string(value))
}

// Decode returns the first n characters of src in a new slice and the number of
// bytes read. The pad nibble of an odd count may be 0 or F.
// The error is a Fault without a field number.
func (c Code) Decode(src []byte, n int) ([]byte, int, error) {
	size := c.Size(n)
	if n < 0 || len(src) < size {
		return nil, 0, Fault{Kind: FaultShort}
	}
	if kind := c.check(src, 0, size, n); kind != FaultNone {
		return nil, 0, Fault{Kind: kind}
	}
	return c.appendDecoded(make([]byte, 0, n), src[:size], n), size, nil
}

// append writes value behind dst.
func (c Code) append(dst []byte, value string) ([]byte, error) {
	if c == Plain {
		return append(dst, value...), nil
	}
	if !c.Packed() {
		return c.appendText(dst, value)
	}
	return c.appendPacked(dst, value)
}

func (c Code) appendText(dst []byte, value string) ([]byte, error) {
	start := len(dst)
	dst = append(dst, value...)
	if kind := c.checkText(dst, start, len(dst)); kind != FaultNone {
		return nil, Fault{Kind: kind}
	}
	return dst, nil
}

func (c Code) appendPacked(dst []byte, value string) ([]byte, error) {
	high := c != PackLeft || len(value)%2 == 0
	for i := range len(value) {
		nibble := value[i] - '0'
		if nibble > 9 {
			if c != PackTrack || value[i] != '=' {
				return nil, Fault{Kind: FaultDigit}
			}
			nibble = 0xD
		}
		switch {
		case high:
			dst = append(dst, nibble<<4)
		case i == 0:
			dst = append(dst, nibble)
		default:
			dst[len(dst)-1] |= nibble
		}
		high = !high
	}
	return dst, nil
}

// appendDecoded writes the n characters of src, which passed check, behind dst.
func (c Code) appendDecoded(dst, src []byte, n int) []byte {
	if !c.Packed() {
		return append(dst, src...)
	}
	skip := 0
	if c == PackLeft {
		skip = n & 1
	}
	for i := skip; i < n+skip; i++ {
		nibble := src[i/2] >> (4 * (1 - uint(i)%2)) & 0xF
		char := '0' + nibble
		if nibble == 0xD {
			char = '='
		}
		dst = append(dst, char)
	}
	return dst
}

// pad returns the unused nibble of an odd count.
func (c Code) pad(src []byte) byte {
	if c == PackLeft {
		return src[0] >> 4
	}
	return src[len(src)-1] & 0xF
}

// check looks at the n characters in src[start:end], eight bytes at a time: it
// runs for every field of every frame before anything else does.
func (c Code) check(src []byte, start, end, n int) FaultKind {
	if c == Plain {
		return FaultNone
	}
	if c > PackTrack {
		return c.checkText(src, start, end)
	}
	bad, kind, odd := uint64(0), FaultNone, n&1 == 1
	if odd && c == PackLeft {
		kind = padKind(src[start] >> 4)
		bad = c.badNibbles(uint64(src[start] & 0xF))
		start++
	}
	for ; end-start > 8; start += 8 {
		bad |= c.badNibbles(binary.BigEndian.Uint64(src[start:]))
	}
	last := lastWord(src, start, end)
	if odd && c != PackLeft {
		kind = padKind(byte(last) & 0xF)
		last &^= 0xF
	}
	if kind == FaultNone && bad|c.badNibbles(last) != 0 {
		return FaultDigit
	}
	return kind
}

// padKind allows the nibble F beside 0: some terminals send it.
func padKind(nibble byte) FaultKind {
	if nibble != 0 && nibble != 0xF {
		return FaultPad
	}
	return FaultNone
}

// badNibbles is not 0 if a nibble is above 9 (in a track: above 9 and not D).
// Within a nibble b3b2b1b0 a digit has no b3 together with b2 or b1, and D is the
// one value with b3, b2 and b0 but not b1.
func (c Code) badNibbles(x uint64) uint64 {
	const b3 = 0x8888888888888888
	b2, b1 := x<<1, x<<2
	if c == PackTrack {
		b2 &^= x << 3
	}
	return x & (b2 | b1) & b3
}

// checkText looks at eight characters at a time.
func (c Code) checkText(src []byte, start, end int) FaultKind {
	low, high, kind := uint64(' '), uint64('~'), FaultText
	if c == ASCIIDigits {
		low, high, kind = '0', '9', FaultDigit
	}
	bad := uint64(0)
	for ; end-start > 8; start += 8 {
		bad |= outside(binary.BigEndian.Uint64(src[start:]), low, high)
	}
	const zeros = '0' * everyByte // what lastWord leaves empty must pass
	last := lastWord(src, start, end) | zeros<<(uint(end-start)*8)
	if bad|outside(last, low, high) != 0 {
		return kind
	}
	return FaultNone
}

// everyByte is a factor that repeats a byte in all eight of a word.
const everyByte = 0x0101010101010101

// outside is not 0 if a byte of x is below low or above high, both ASCII.
func outside(x, low, high uint64) uint64 {
	const top = 0x80 * everyByte
	below := ^((x | top) - low*everyByte)
	above := x + (0x7F-high)*everyByte
	return (below | above | x) & top
}

// lastWord is src[start:end], at most 8 bytes, as a number.
func lastWord(src []byte, start, end int) uint64 {
	size := uint(end - start)
	if end >= 8 {
		return binary.BigEndian.Uint64(src[end-8:]) & (1<<(size*8) - 1)
	}
	var word uint64
	for _, b := range src[start:end] {
		word = word<<8 | uint64(b)
	}
	return word
}
