package rtp

// keypad finds the presses of keys among the event packets of one call (RFC 4733). Each press is many packets: one every 20 to 50 ms
// while it lasts and its end three times, all with the timestamp of its beginning.
type keypad struct {
	known  bool
	source uint32
	time   uint32 // of the press that was counted last
	seq    uint16 // of its first packet
	event  byte
}

// events are the keys by their event codes (RFC 4733, 3.2); those behind are no keys.
const events = "0123456789*#"

// press returns the key that a packet is the first news of; 0: it is of a press that was counted, or of no key.
func (k *keypad) press(p packet) byte {
	if len(p.payload) < 4 || int(p.payload[0]) >= len(events) {
		return 0
	}
	if !k.fresh(p) {
		return 0
	}
	again := k.known && p.source == k.source && !p.marker && p.payload[0] == k.event && p.time == k.time+0xFFFF
	k.known, k.source, k.time, k.seq, k.event = true, p.source, p.time, p.seq, p.payload[0]
	if again { // a key that is held longer than a packet can say goes on as a new segment (2.5.1.3)
		return 0
	}
	return events[p.payload[0]]
}

// fresh reports whether a packet is of a press that was not counted. A sender whose clock jumps back is believed at the packet that is
// marked as a beginning.
func (k *keypad) fresh(p packet) bool {
	switch {
	case !k.known || p.source != k.source:
		return true
	case p.time == k.time:
		return false
	case int32(p.time-k.time) > 0:
		return true
	}
	return p.marker && p.seq != k.seq
}
