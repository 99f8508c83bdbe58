package pos

import (
	"encoding/binary"
	"math/bits"

	"example.com/ringback/spec"
)

// Head is what a walk over the offsets of a frame finds, without building a
// message: enough to admit, route, verify or refuse it. It holds copies and
// offsets, so it stays valid as long as the frame is not changed.
type Head struct {
	MTI      [4]byte  // four ASCII digits
	STAN     [6]byte  // F11; zero bytes if absent
	Terminal [8]byte  // F41
	Merchant [15]byte // F42
	Kind     [2]byte  // 60.1
	Batch    [6]byte  // 60.2
	NetCode  [3]byte  // 60.3; zero bytes in an F60 of 8 digits

	MTIOffset int    // of the message type within the frame
	MACOffset int    // of F64 within the frame; 0 if there is none
	End       int    // offset behind the last field walked
	Bits      uint64 // the bitmap, field 1 in the highest bit
	Readable  bool   // type, F11 and F41 are sound: the sender can be answered
	Fault     spec.Fault

	at spec.Offsets
}

// Peek walks over a frame without its length prefix. It allocates nothing and
// applies every rule of the dialect to digits, pad nibbles, text, lengths and
// the bitmap; Unpack accepts a frame if and only if Peek finds no fault.
//
// The error is the Head's Fault, a spec.Fault, or nil. A value that is bad but
// has its place (a digit above 9 in F4, say) does not end the walk, and neither
// does an undefined field of ISO 8583:1987: so Head may be Readable although
// there is an error.
func Peek(frame []byte) (Head, error) {
	var h Head
	h.walk(frame)
	if h.Fault.Kind != spec.FaultNone {
		return h, h.Fault
	}
	return h, nil
}

// Has reports whether field id (2 to 64) is in the bitmap.
func (h *Head) Has(id int) bool {
	return id >= 1 && id <= 64 && h.Bits>>(64-uint(id))&1 == 1
}

// Raw returns the bytes of field id without its length prefix, aliasing the
// frame that Peek was given; nil if the field is absent or was not reached.
func (h *Head) Raw(frame []byte, id int) []byte {
	if id < 2 || id > 64 {
		return nil
	}
	off := int(h.at[id%64])
	start, end, _, kind := terminal.table.Step(frame, off, id)
	if off == 0 || kind.Structural() {
		return nil
	}
	return frame[start:end]
}

// TerminalID is F41 as a string.
func (h *Head) TerminalID() string { return string(h.Terminal[:]) }

// MerchantID is F42 as a string.
func (h *Head) MerchantID() string { return string(h.Merchant[:]) }

// ResponseMTI is the type of the answer: the type plus 10.
func (h *Head) ResponseMTI() string {
	m := h.MTI
	m[2] |= 1 // requests and advices have an even third digit
	return string(m[:])
}

func (h *Head) walk(frame []byte) {
	if len(frame) > MaxFrame {
		h.fail(0, spec.FaultEnvelope)
		return
	}
	h.MTIOffset = envelopeLen(frame)
	body := h.MTIOffset + mtiLen
	if h.MTIOffset == 0 || len(frame) < body+bitmapLen {
		h.fail(0, spec.FaultEnvelope)
		return
	}
	h.readMTI(frame[h.MTIOffset:])
	h.Bits = binary.BigEndian.Uint64(frame[body:])
	if h.Has(1) {
		h.walkBitOne(frame, body+bitmapLen)
		return
	}
	before := *h
	h.fields(frame, body+bitmapLen)
	if !h.Fault.Kind.Structural() && h.End != len(frame) {
		h.fail(64, spec.FaultTrailing)
	}
	h.conclude()
	if h.Bits&undefinedEarly != 0 && h.End != len(frame) {
		h.withoutUndefined(before, frame, body+bitmapLen)
	}
}

// undefinedEarly are the bits of the fields before F41 that the dialect does not define.
var undefinedEarly = func() (mask uint64) {
	for id := 2; id < 41; id++ {
		if !terminal.table.Defined(id) {
			mask |= 1 << (64 - uint(id))
		}
	}
	return mask
}()

// withoutUndefined reads a frame again whose undefined fields, stepped over in the form of ISO 8583:1987, did not bring
// the walk to its end: a sender may have set a bit and written nothing. If that does not come out even either, F11 and
// F41 may be anybody's bytes, and nobody can be answered.
func (h *Head) withoutUndefined(before Head, frame []byte, off int) {
	second := before
	second.Bits &^= undefinedEarly
	second.fail(bits.LeadingZeros64(h.Bits&undefinedEarly)+1, spec.FaultUndefined)
	second.fields(frame, off)
	second.conclude()
	if second.Readable && second.End == len(frame) {
		*h = second
		return
	}
	h.Readable = false
}

// walkBitOne reads a frame whose bitmap announces field 1. The dialect has no
// second bitmap, but a sender that sets the bit may have written one: the
// reading that comes out even is taken, the dialect's own if neither does.
func (h *Head) walkBitOne(frame []byte, off int) {
	h.fail(1, spec.FaultBitOne)
	h.Bits &^= 1 << 63
	second := *h
	h.fields(frame, off)
	h.conclude()
	if h.End == len(frame) && h.Readable || len(frame) < off+bitmapLen {
		return
	}
	second.fields(frame, off+bitmapLen)
	second.conclude()
	if second.Readable && (second.End == len(frame) || !h.Readable) {
		*h = second
	}
}

// fields walks over everything the bitmap announces.
func (h *Head) fields(frame []byte, off int) {
	sound, end, fault := terminal.table.Scan(frame, off, h.Bits, &h.at)
	h.End = end
	if fault.Kind != spec.FaultNone {
		h.fail(fault.Field, fault.Kind)
	}
	h.take(frame, sound)
}

// take copies the few values that Head offers, if they are sound.
func (h *Head) take(frame []byte, sound uint64) {
	has := func(id uint) bool { return sound>>(64-id)&1 == 1 }
	if has(11) {
		unpackDigits(h.STAN[:], frame[h.at[11]:])
	}
	if has(41) {
		h.Terminal = [8]byte(frame[h.at[41]:])
	}
	if has(42) {
		h.Merchant = [15]byte(frame[h.at[42]:])
	}
	if has(60) {
		h.take60(frame[h.at[60]:])
	}
	if has(64) {
		h.MACOffset = int(h.at[0])
	}
}

// take60 splits F60; the second byte of its prefix counts the digits.
func (h *Head) take60(field []byte) {
	if field[1] >= 0x08 {
		unpackDigits(h.Kind[:], field[2:])
		unpackDigits(h.Batch[:], field[3:])
	}
	if field[1] >= 0x11 {
		unpackDigits(h.NetCode[:], field[6:])
	}
}

func (h *Head) readMTI(src []byte) {
	unpackDigits(h.MTI[:], src)
	if !h.soundMTI() {
		h.fail(0, spec.FaultDigit)
	}
}

func (h *Head) soundMTI() bool {
	m := &h.MTI
	return m[0] <= '9' && m[1] <= '9' && m[2] <= '9' && m[3] <= '9'
}

// conclude settles whether the sender can be answered.
func (h *Head) conclude() {
	h.Readable = h.soundMTI() && h.STAN[0] != 0 && h.Terminal[0] != 0
}

// fail keeps the first fault.
func (h *Head) fail(id int, kind spec.FaultKind) {
	if h.Fault.Kind == spec.FaultNone || kind.Structural() && !h.Fault.Kind.Structural() {
		h.Fault = spec.Fault{Field: id, Kind: kind}
	}
}

// unpackDigits fills dst from packed digits.
func unpackDigits(dst, src []byte) {
	for i := range dst {
		digit := src[i>>1]
		if i&1 == 0 {
			digit >>= 4
		}
		dst[i] = '0' + digit&0xF
	}
}
