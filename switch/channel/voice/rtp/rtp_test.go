package rtp

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sdpOf(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

var head = []string{"v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"}

func offer(lines ...string) []byte { return sdpOf(append(append([]string{}, head...), lines...)...) }

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		sdp  []byte
		to   string
		laws []byte
		keys byte
		mute bool
		hush bool
	}{
		{"both laws", offer("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000"), "192.0.2.1:4000", []byte{0, 8}, 101, false, false},
		{"the other order, other key number", offer("m=audio 4000 RTP/AVP 18 8 0 96", "a=rtpmap:96 TELEPHONE-EVENT/8000"), "192.0.2.1:4000", []byte{8, 0}, 96, false, false},
		{"keys of another clock", offer("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/48000"), "192.0.2.1:4000", []byte{8}, 0, false, false},
		{"keys not among formats", offer("m=audio 4000 RTP/AVP 8", "a=rtpmap:101 telephone-event/8000"), "192.0.2.1:4000", []byte{8}, 0, false, false},
		{"keys by a fixed number", offer("m=audio 4000 RTP/AVP 8 95", "a=rtpmap:95 telephone-event/8000"), "192.0.2.1:4000", []byte{8}, 0, false, false},
		{"own address", offer("m=audio 4000 RTP/AVP 8", "c=IN IP4 192.0.2.9"), "192.0.2.9:4000", []byte{8}, 0, false, false},
		{"on hold", offer("m=audio 4000 RTP/AVP 8", "a=sendonly"), "192.0.2.1:4000", []byte{8}, 0, true, false},
		{"listens only", offer("m=audio 4000 RTP/AVP 8", "a=recvonly"), "192.0.2.1:4000", []byte{8}, 0, false, true},
		{"inactive", offer("m=audio 4000 RTP/AVP 8", "a=inactive"), "192.0.2.1:4000", []byte{8}, 0, true, true},
		{"second medium", offer("m=video 5000 RTP/AVP 96", "m=audio 4000 RTP/AVP 8"), "192.0.2.1:4000", []byte{8}, 0, false, false},
		{"two ports", offer("m=audio 4000/2 RTP/AVP 8"), "192.0.2.1:4000", []byte{8}, 0, false, false},
		{"six", sdpOf("v=0", "c=IN IP6 2001:db8::1", "m=audio 4000 RTP/AVP 8"), "[2001:db8::1]:4000", []byte{8}, 0, false, false},
	} {
		d, err := Parse(c.sdp)
		require.NoError(t, err, c.name)
		require.Equal(t, c.to, d.To.String(), c.name)
		require.Equal(t, []any{c.laws, c.keys, c.mute, c.hush}, []any{d.Laws, d.Keys, d.Mute, d.Quiet}, c.name)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, sdp := range map[string][]byte{
		"nothing": nil, "no description": []byte("hello"), "no medium": offer(), "no G.711": offer("m=audio 4000 RTP/AVP 18"),
		"encrypted": offer("m=audio 4000 RTP/SAVP 8"), "refused": offer("m=audio 0 RTP/AVP 8"), "no port": offer("m=audio x RTP/AVP 8"),
		"port too large": offer("m=audio 65536 RTP/AVP 8"), "short": offer("m=audio 4000 RTP/AVP"),
		"a name": sdpOf("v=0", "c=IN IP4 host.example", "m=audio 4000 RTP/AVP 8"), "no address": sdpOf("v=0", "m=audio 4000 RTP/AVP 8"),
		"multicast": sdpOf("v=0", "c=IN IP4 224.2.1.1", "m=audio 4000 RTP/AVP 8"), "with ttl": sdpOf("v=0", "c=IN IP4 192.0.2.1/127", "m=audio 4000 RTP/AVP 8"),
		"too long":       offer("m=audio 4000 RTP/AVP 8", "a="+strings.Repeat("x", maxDescription)),
		"too many media": offer(strings.Split(strings.Repeat("m=video 1 RTP/AVP 96\n", maxMedia+1), "\n")[:maxMedia+1]...),
		"many formats":   offer("m=audio 4000 RTP/AVP" + strings.Repeat(" 8", maxFormats+1)),
	} {
		_, err := Parse(sdp)
		require.ErrorIs(t, err, ErrUnusable, name)
	}
	_, err := Parse(offer("m=audio 4000 RTP/AVP" + strings.Repeat(" 8", maxFormats)))
	require.NoError(t, err)
}

func TestAnswer(t *testing.T) {
	d, err := Parse(offer("m=video 5000 RTP/AVP 96 97", "m=audio 4000 RTP/AVP 8 0 96", "a=rtpmap:96 telephone-event/8000", "a=sendonly"))
	require.NoError(t, err)
	got := string(d.Answer(netip.MustParseAddrPort("198.51.100.1:20000"), 7))
	require.Equal(t, "v=0\r\no=- 7 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=video 0 RTP/AVP 96 97\r\n"+
		"m=audio 20000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-11\r\na=ptime:20\r\na=recvonly\r\n", got)
	own, err := Parse(Offer(netip.MustParseAddrPort("[2001:db8::1]:20000"), 7))
	require.NoError(t, err)
	require.Equal(t, []any{"[2001:db8::1]:20000", []byte{PCMA, PCMU}, byte(101)}, []any{own.To.String(), own.Laws, own.Keys})
}

func FuzzParse(f *testing.F) {
	f.Add(offer("m=video 5000 RTP/AVP 96", "m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=sendonly"))
	f.Add(sdpOf("v=0", "c=IN IP6 ::", "m=audio 9/2 RTP/AVP 8"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			require.ErrorIs(t, err, ErrUnusable)
			return
		}
		require.NotEmpty(t, d.Laws)
		require.True(t, d.To.Addr().IsValid())
		require.NotZero(t, d.To.Port())
		answer, err := Parse(d.Answer(netip.MustParseAddrPort("198.51.100.1:20000"), 7))
		require.NoError(t, err, "what we answer can be read")
		require.Equal(t, d.Laws[:1], answer.Laws)
		require.Equal(t, d.Keys, answer.Keys)
		require.Equal(t, d.Mute, answer.Quiet)
	})
}

func TestParsePacket(t *testing.T) {
	plain := packet{marker: true, kind: 101, seq: 7, time: 0xFFFFFFF0, source: 9, payload: []byte{1, 2, 3, 4}}
	b := plain.append(nil)
	p, err := parsePacket(b)
	require.NoError(t, err)
	require.Equal(t, plain, p)
	all := append([]byte{0x80 | 0x20 | 0x10 | 1}, b[1:12]...)            // padding, extension, one contributing source
	all = append(all, 0, 0, 0, 5, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9, 1, 2, 3) // 4 + 4 + 4 bytes, then the payload
	all = append(all, 4, 0, 0, 2)
	p, err = parsePacket(all)
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2, 3, 4, 0}, p.payload)
	for name, bad := range map[string][]byte{"empty": nil, "short": b[:11], "version": append([]byte{0x40}, b[1:]...),
		"sources": append([]byte{0x8F}, b[1:]...), "extension": append([]byte{0x90}, b[1:14]...), "long extension": append([]byte{0x90}, b[1:]...),
		"no padding": append([]byte{0xA0}, b[1:12]...), "padding 0": append(append([]byte{0xA0}, b[1:12]...), 0), "padding too long": append(append([]byte{0xA0}, b[1:12]...), 2)} {
		_, err := parsePacket(bad)
		require.Error(t, err, name)
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add(packet{kind: 101, payload: []byte{1, 2, 3, 4}}.append(nil))
	f.Add([]byte{0xBF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePacket(b)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(p.payload)+12, len(b))
		again, err := parsePacket(p.append(nil))
		require.NoError(t, err)
		require.Equal(t, len(p.payload), len(again.payload))
		var pad keypad
		pad.press(p)
		require.Zero(t, pad.press(p), "a packet that comes twice is one press")
	})
}

// event is a packet of a press.
func event(code byte, seq uint16, time uint32, marker bool) packet {
	return packet{marker: marker, kind: 101, seq: seq, time: time, source: 1, payload: binary.BigEndian.AppendUint16([]byte{code, 10}, 160)}
}

func TestKeypad(t *testing.T) {
	for _, c := range []struct {
		name    string
		packets []packet
		want    string
	}{
		{"one press is many packets", []packet{event(5, 1, 100, true), event(5, 2, 100, false), event(5, 3, 100, false), event(5, 3, 100, false)}, "5"},
		{"its beginning is lost", []packet{event(5, 2, 100, false), event(5, 3, 100, false)}, "5"},
		{"the same key twice", []packet{event(5, 1, 100, true), event(5, 2, 900, true)}, "55"},
		{"late packets of the one before", []packet{event(1, 1, 100, true), event(2, 3, 900, true), event(1, 2, 100, false)}, "12"},
		{"star and hash", []packet{event(10, 1, 100, true), event(11, 2, 900, true)}, "*#"},
		{"letters and flash are no keys", []packet{event(12, 1, 100, true), event(16, 2, 900, true), event(255, 3, 1900, true)}, ""},
		{"held long", []packet{event(5, 1, 100, true), event(5, 2, 100+0xFFFF, false), event(5, 3, 100+0xFFFF, false)}, "5"},
		{"the clock wraps", []packet{event(5, 1, 0xFFFFFF00, true), event(6, 2, 100, true)}, "56"},
		{"the clock begins anew", []packet{event(5, 1, 90000, true), event(6, 1, 100, false), event(6, 2, 100, true), event(6, 3, 100, false)}, "56"},
		{"another source", []packet{event(5, 1, 900, true), {kind: 101, seq: 1, time: 100, source: 2, payload: []byte{5, 0, 0, 0}}}, "55"},
		{"too short", []packet{{kind: 101, payload: []byte{5, 0, 0}}}, ""},
	} {
		var pad keypad
		var got strings.Builder
		for _, p := range c.packets {
			if k := pad.press(p); k != 0 {
				got.WriteByte(k)
			}
		}
		require.Equal(t, c.want, got.String(), c.name)
	}
}
