package spec

import (
	"encoding/binary"
	"math/bits"
)

// Value is one field that a walk came past.
type Value struct {
	ID         int
	Start, End int       // of the value in the message, without its length prefix
	Chars      int       // digits of packed values, else bytes
	Kind       FaultKind // what is wrong with the value; never Structural
}

// Bitmaps is what a message announces.
type Bitmaps struct {
	First  uint64 // fields 1 to 64, field 1 in the highest bit
	Second uint64 // fields 65 to 128; 0 if there is no second bitmap
	End    int    // offset behind the bitmaps
}

// ReadBitmaps reads one binary bitmap at off, and with wide a second one if the
// first announces it by field 1. ok is false if src ends before.
func ReadBitmaps(src []byte, off int, wide bool) (b Bitmaps, ok bool) {
	if len(src) < off+8 {
		return b, false
	}
	b.First, b.End = binary.BigEndian.Uint64(src[off:]), off+8
	if !wide || b.First>>63 == 0 {
		return b, true
	}
	b.First &^= 1 << 63
	if len(src) < b.End+8 {
		return b, false
	}
	b.Second = binary.BigEndian.Uint64(src[b.End:])
	b.End += 8
	return b, true
}

// Walk steps over the fields that maps announces, calls visit (which may be nil)
// for each it finds, and returns the first fault. It goes on behind a fault that
// leaves the end of the field known. Bytes after the last field are a fault of
// the highest field number.
func (t *Table) Walk(src []byte, maps Bitmaps, visit func(Value)) Fault {
	fault, off := t.walkMap(src, maps.End, maps.First, 0, visit)
	if fault.Kind.Structural() {
		return fault
	}
	second, off := t.walkMap(src, off, maps.Second, 64, visit)
	switch {
	case fault.Kind != FaultNone:
		return fault
	case second.Kind != FaultNone:
		return second
	case off != len(src):
		return Fault{Field: MaxField, Kind: FaultTrailing}
	}
	return fault
}

func (t *Table) walkMap(src []byte, off int, set uint64, base int, visit func(Value)) (first Fault, next int) {
	for set != 0 {
		bit := bits.LeadingZeros64(set)
		set &^= 1 << (63 - uint(bit))
		id := base + bit + 1
		start, end, n, kind := t.Step(src, off, id)
		if kind != FaultNone && first.Kind == FaultNone {
			first = Fault{Field: id, Kind: kind}
		}
		if kind.Structural() {
			return Fault{Field: id, Kind: kind}, off
		}
		if visit != nil {
			visit(Value{ID: id, Start: start, End: end, Chars: n, Kind: kind})
		}
		off = end
	}
	return first, off
}

// Offsets says where fields 1 to 64 begin, with their length prefix; field 64
// stands at 0. Entries of absent fields are 0.
type Offsets [64]uint16

// Scan is Walk over the first bitmap for the line that reads thousands of frames
// a second: it calls nothing back. sound has the bits of the fields that have no
// fault, end is the offset behind the last field that has one. The fault is the
// first, or the one that hides the end of its field.
func (t *Table) Scan(src []byte, off int, set uint64, at *Offsets) (sound uint64, end int, fault Fault) {
	for set != 0 {
		lead := uint(bits.LeadingZeros64(set))
		bit := uint64(1) << 63 >> lead
		set &^= bit
		_, next, _, kind := t.Step(src, off, int(lead)+1)
		if kind == FaultNone {
			sound |= bit
		} else if fault.Kind == FaultNone || kind.Structural() {
			fault = Fault{Field: int(lead) + 1, Kind: kind}
		}
		if kind.Structural() {
			break
		}
		at[(lead+1)%64] = uint16(off)
		off = next
	}
	return sound, off, fault
}
