package rtp

import (
	"encoding/binary"
	"errors"
)

// packet is what is read of an RTP packet (RFC 3550, 5.1).
type packet struct {
	marker  bool
	kind    byte // payload type
	seq     uint16
	time    uint32
	source  uint32 // SSRC
	payload []byte // part of the datagram
}

var errPacket = errors.New("no RTP packet")

// parsePacket reads a datagram. The payload is a part of it.
func parsePacket(b []byte) (p packet, err error) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return p, errPacket
	}
	p = packet{marker: b[1]&0x80 != 0, kind: b[1] & 0x7F, seq: binary.BigEndian.Uint16(b[2:]), time: binary.BigEndian.Uint32(b[4:]),
		source: binary.BigEndian.Uint32(b[8:])}
	rest := b[12:]
	if n := 4 * int(b[0]&0x0F); n <= len(rest) { // contributing sources
		rest = rest[n:]
	} else {
		return p, errPacket
	}
	if b[0]&0x10 != 0 { // a header extension
		if len(rest) < 4 || 4+4*int(binary.BigEndian.Uint16(rest[2:])) > len(rest) {
			return p, errPacket
		}
		rest = rest[4+4*int(binary.BigEndian.Uint16(rest[2:])):]
	}
	if b[0]&0x20 != 0 { // padding, whose last byte is its length
		if len(rest) == 0 || rest[len(rest)-1] == 0 || int(rest[len(rest)-1]) > len(rest) {
			return p, errPacket
		}
		rest = rest[:len(rest)-int(rest[len(rest)-1])]
	}
	p.payload = rest
	return p, nil
}

// append writes the packet behind b.
func (p packet) append(b []byte) []byte {
	second := p.kind
	if p.marker {
		second |= 0x80
	}
	b = append(b, 0x80, second)
	b = binary.BigEndian.AppendUint16(b, p.seq)
	b = binary.BigEndian.AppendUint32(b, p.time)
	b = binary.BigEndian.AppendUint32(b, p.source)
	return append(b, p.payload...)
}
