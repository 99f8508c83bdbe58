package spec

import "github.com/moov-io/iso8583/prefix"

// Prefix is how the length of a value is written in front of it. Each is a
// strict prefix.Prefixer of moov-io/iso8583. The number counts digits for
// packed values and bytes for all others.
type Prefix uint8

const (
	// Fixed has no prefix: the length is that of the format.
	Fixed Prefix = iota
	// BCDLL is one byte of two packed digits.
	BCDLL
	// BCDLLL is two bytes of packed digits; the first nibble must be 0.
	BCDLLL
	// ASCIILL is two ASCII digits.
	ASCIILL
	// ASCIILLL is three ASCII digits.
	ASCIILLL
)

var _ prefix.Prefixer = Fixed

// Size is the number of bytes the prefix itself takes.
func (p Prefix) Size() int {
	switch p {
	case BCDLL:
		return 1
	case BCDLLL, ASCIILL:
		return 2
	case ASCIILLL:
		return 3
	}
	return 0
}

// EncodeLength returns the prefix for n characters. A fixed field must have
// exactly limit of them, any other at most limit; else the error is a Fault of
// kind FaultPrefix without a field number.
func (p Prefix) EncodeLength(limit, n int) ([]byte, error) {
	return p.append(nil, limit, n)
}

// DecodeLength returns the number of characters that follow and the bytes read.
// The error is a Fault without a field number.
func (p Prefix) DecodeLength(limit int, src []byte) (int, int, error) {
	n, kind := p.read(limit, src)
	if kind != FaultNone {
		return 0, 0, Fault{Kind: kind}
	}
	return n, p.Size(), nil
}

// Inspect names the prefix in the way of moov-io/iso8583.
func (p Prefix) Inspect() string {
	switch p {
	case BCDLL:
		return "StrictBCD.LL"
	case BCDLLL:
		return "StrictBCD.LLL"
	case ASCIILL:
		return "StrictASCII.LL"
	case ASCIILLL:
		return "StrictASCII.LLL"
	}
	return "Strict.Fixed"
}

func (p Prefix) append(dst []byte, limit, n int) ([]byte, error) {
	if n < 0 || n > limit || p == Fixed && n != limit || n > p.most() {
		return nil, Fault{Kind: FaultPrefix}
	}
	h, t, o := byte(n/100), byte(n/10%10), byte(n%10)
	switch p {
	case BCDLL:
		dst = append(dst, t<<4|o)
	case BCDLLL:
		dst = append(dst, h, t<<4|o)
	case ASCIILL:
		dst = append(dst, '0'+t, '0'+o)
	case ASCIILLL:
		dst = append(dst, '0'+h, '0'+t, '0'+o)
	}
	return dst, nil
}

// most is the largest number the prefix can write.
func (p Prefix) most() int {
	switch p {
	case BCDLL, ASCIILL:
		return 99
	case BCDLLL, ASCIILLL:
		return 999
	}
	return int(^uint(0) >> 1)
}

// read is DecodeLength without a boxed error: the offset walk calls it for
// every field that has a prefix.
func (p Prefix) read(limit int, src []byte) (int, FaultKind) {
	if p == Fixed {
		return limit, FaultNone
	}
	if len(src) < p.Size() {
		return 0, FaultShort
	}
	var h, t, o byte
	switch p {
	case BCDLL:
		t, o = src[0]>>4, src[0]&0xF
	case BCDLLL:
		h, t, o = src[0], src[1]>>4, src[1]&0xF
	case ASCIILL:
		t, o = src[0]-'0', src[1]-'0'
	case ASCIILLL:
		h, t, o = src[0]-'0', src[1]-'0', src[2]-'0'
	}
	n := int(h)*100 + int(t)*10 + int(o)
	if h > 9 || t > 9 || o > 9 || n > limit {
		return 0, FaultPrefix
	}
	return n, FaultNone
}
