package speech

import "math/bits"

// The two laws of ITU-T G.711, between 16-bit linear samples and octets as they are on the line: μ-law with all bits
// inverted, A-law with every other.

const (
	muBias = 33 << 2 // 33 in the 14 bits of the recommendation
	muClip = 8158 << 2
)

// EncodeMuLaw compresses a sample by the μ-law.
func EncodeMuLaw(sample int16) byte {
	v, sign := int(sample), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, muClip) + muBias
	segment := bits.Len(uint(v)) - 8 // v has 8 to 15 bits
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3)&0x0F))
}

// DecodeMuLaw expands an octet of the μ-law.
func DecodeMuLaw(octet byte) int16 {
	b := ^octet
	v := (int(b&0x0F)<<3+muBias)<<(b>>4&7) - muBias
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

// EncodeALaw compresses a sample by the A-law.
func EncodeALaw(sample int16) byte {
	v, sign := int(sample)>>3, byte(0x80)
	if v < 0 {
		v, sign = ^v, 0
	}
	segment := max(bits.Len(uint(v))-5, 0) // v has 12 bits
	return (sign | byte(segment<<4) | byte(v>>max(segment, 1)&0x0F)) ^ 0x55
}

// DecodeALaw expands an octet of the A-law.
func DecodeALaw(octet byte) int16 {
	b := octet ^ 0x55
	v, segment := int(b&0x0F)<<4+8, int(b>>4&7)
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}
