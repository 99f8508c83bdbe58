package terminal

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
)

// Bad input, PROTOCOL 1.3. Offsets are of the frame of a name-confirm without LRI: type at 11, bitmap 13, F3 21, F4 24,
// F11 30, F22 33, F25 35, F41 36.
func TestBadInput(t *testing.T) {
	_, c, d := start(t)
	set := func(at int, b ...byte) func([]byte) []byte {
		return func(f []byte) []byte { copy(f[at:], b); return f }
	}
	bits := func(f []byte, on uint64) []byte {
		binary.BigEndian.PutUint64(f[13:], binary.BigEndian.Uint64(f[13:])|on)
		return f
	}
	for _, v := range []struct {
		name   string
		change func([]byte) []byte
		code   string // "": no answer
	}{
		{"nothing", func(f []byte) []byte { return f }, "00"},
		{"byte after the last field", func(f []byte) []byte { return append(f, 0) }, "30"},
		{"pad nibble 1", set(34, 0x21), "30"},
		{"pad nibble F", set(34, 0x2F), "A0"}, // allowed; F64 was made over another byte
		{"field 1", func(f []byte) []byte { return bits(f, 1<<63) }, "30"},
		{"undefined field 7", func(f []byte) []byte {
			return bits(bytes.Join([][]byte{f[:30], {1, 2, 3, 4, 5}, f[30:]}, nil), 1<<57)
		}, "30"},
		{"F3 no digits", set(22, 0xAB), "30"},
		{"F4 no digits", set(28, 0xAB), "13"},
		{"F22 no digits", set(33, 0xA1), "30"},
		{"F42 no text", set(44, 7), "30"},
		{"F62 too long", func(f []byte) []byte { i := bytes.Index(f, []byte("PE011")); f[i-2], f[i-1] = 5, 0x13; return f }, "30"},
		{"ends within F62", func(f []byte) []byte { return f[:len(f)-20] }, "30"},
		{"F64 cut", func(f []byte) []byte { return f[:len(f)-1] }, "30"},
		{"type no digits", set(12, 0x0A), ""},
		{"type of a response", set(12, 0x10), ""},
		{"F11 no digits", set(31, 0xAB), ""},
		{"F41 no text", set(36, 0x1B), ""},
		{"ends within F41", func(f []byte) []byte { return f[:40] }, ""},
		{"ends within the bitmap", func(f []byte) []byte { return append(f[:11], bytes.Repeat([]byte{0xFF}, 10)...) }, ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := &client{t, c.nc}
			c.send(v.change(d.inquiry(10, nil)))
			if v.code == "" { // the next answer is to the next frame
				require.Equal(t, "000011", c.ask(d.inquiry(11, nil)).Get(11))
				return
			}
			frame := c.read()
			d.requireSigned(frame)
			m, err := pos.Unpack(frame)
			require.NoError(t, err)
			require.Equal(t, []string{"0110", v.code, "000010", d.id}, []string{m.MTI(), m.Get(39), m.Get(11), m.Get(41)})
			for _, id := range []int{12, 13, 32, 37, 62} {
				require.True(t, m.Has(id), "F%d", id)
			}
			if v.code == "13" {
				require.False(t, m.Has(4), "what cannot be read is not repeated")
			}
		})
	}
}

// A fault is told before anything is asked of a session, and signed only where there is a key.
func TestBadInputOfOthers(t *testing.T) {
	w := newWorld(t)
	c := dial(t, w.listen(t))
	for _, id := range []string{"99999999", "10000001", "10000003"} {
		d := w.newDevice(t, id)
		d.merchant = "898110000000001"
		m := c.ask(append(d.inquiry(10, nil), 0))
		require.Equal(t, "30", m.Get(39))
		require.False(t, m.Has(64))
		require.Equal(t, []string{"480000", "000000001234", "82", "156", "71000000000"}, []string{m.Get(3), m.Get(4), m.Get(25), m.Get(49), m.Get(60)})
	}
	d := w.newDevice(t, "10000001")
	m := c.ask(append(d.manage(pos.MTISignOn, pos.NetSignOn, nil), 0))
	require.Equal(t, "11 12 13 32 37 39 41 42 60", present(m))
	require.Equal(t, "30", m.Get(39))
}

func TestBadFramesInARow(t *testing.T) {
	w, c, d := start(t)
	bad, good := make([]byte, pos.MinFrame), d.manage(pos.MTINetwork, pos.NetEcho, nil)
	for range 3 {
		c.send(bad, bad)
		require.Equal(t, "00", c.ask(good).Get(39), "two, and a good one")
	}
	c.send(bad, bad)
	require.Equal(t, "30", c.ask(append(d.inquiry(10, nil), 0)).Get(39), "one that is answered breaks the row")
	require.EqualValues(t, 8, w.Stats().Dropped)
	c.send(bad, bad, bad)
	c.requireClosed()
}

func TestFrameLength(t *testing.T) {
	w := newWorld(t)
	addr := w.listen(t)
	d := w.newDevice(t, "10000001")
	longest := d.manage(pos.MTISignOn, pos.NetSignOn, fields{46: strings.Repeat("x", 999), 47: strings.Repeat("y", 900)})
	longest = d.manage(pos.MTISignOn, pos.NetSignOn, fields{46: strings.Repeat("x", 999),
		47: strings.Repeat("y", 900+pos.MaxFrame-len(longest))})
	require.Len(t, longest, pos.MaxFrame)
	c := dial(t, addr)
	require.Equal(t, "00", c.ask(longest).Get(39))
	c.send(make([]byte, pos.MinFrame))
	require.Equal(t, "00", c.ask(longest).Get(39), "21 bytes are a frame, if an unreadable one")

	for _, n := range []uint16{0, 1, pos.MinFrame - 1, pos.MaxFrame + 1, 65535} {
		w := newWorld(t)
		w.once.Do(w.init)
		w.buffers.New = func() any { panic("a buffer was taken") }
		c := dial(t, w.listen(t))
		_, err := c.nc.Write(binary.BigEndian.AppendUint16(nil, n))
		require.NoError(t, err)
		c.requireClosed()
		require.Zero(t, w.Stats().Panics)
		require.Contains(t, w.log.String(), "frame length out of range")
	}
}
