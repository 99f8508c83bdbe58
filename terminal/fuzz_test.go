package terminal

import (
	"bytes"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// FuzzSession sends whatever bytes come to mind to a live server, in front of a sound sign-on on another connection.
// Every answer must be a sound response to a request that was sent, nothing may panic, and others are still served.
func FuzzSession(f *testing.F) {
	all := seeds(f)
	w := newWorld(f)
	till := w.newDevice(f, "10000001")
	till.batch = "000001"
	for _, frame := range [][]byte{till.settle(3, 1, 1234, nil), till.upload(4, pos.NetSettle, line(2, payerCard, 1234), nil),
		till.upload(5, pos.NetBatchUneven, "0001", nil)} {
		f.Add(pos.AppendFrame(nil, frame))
		all = pos.AppendFrame(all, frame)
	}
	f.Add(all)
	echo := w.newDevice(f, "10000001").manage(pos.MTINetwork, pos.NetEcho, fields{11: ""})
	f.Fuzz(func(t *testing.T, stream []byte) {
		w := &world{Server: &Server{Switch: w.Switch, Institution: institution, Log: zerolog.Nop()}, mem: w.mem, log: w.log}
		p := newPipes()
		w.serve(t, p)
		c := p.dial(t)
		answers := exchangeAll(t, c, stream)
		for _, frame := range answers {
			m, err := pos.Unpack(frame)
			require.NoError(t, err)
			require.Contains(t, "13579", m.MTI()[2:3], "an answer is a response")
			require.True(t, m.Has(41))
			require.True(t, m.Has(39) || m.MTI() == pos.MTISettleResponse && m.Has(48))
		}
		require.Equal(t, "00", p.dial(t).ask(echo).Get(39))
		stats := w.Stats()
		require.Zero(t, stats.Panics)
		require.LessOrEqual(t, uint64(len(answers)), stats.Frames-stats.Dropped)
	})
}

// exchangeAll writes a stream and returns what came back until the server had no more to say.
func exchangeAll(t *testing.T, c *client, stream []byte) (answers [][]byte) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			frame, err := pos.ReadFrame(c.nc, nil)
			if err != nil {
				return
			}
			answers = append(answers, frame)
		}
	})
	// The server takes every byte or closes; the write ends either way.
	if _, err := c.nc.Write(stream); err != nil {
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
	// Three unreadable frames make it answer what it has read, and close. They may fall into an unfinished frame.
	bad := bytes.Repeat(pos.AppendFrame(nil, make([]byte, pos.MinFrame)), 200)
	if _, err := c.nc.Write(bad); err != nil {
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
	wg.Wait()
	return answers
}

// seeds are the golden session, whole and by frames, and some ends of frames.
func seeds(f *testing.F) []byte {
	text, err := os.ReadFile("testdata/session.txt")
	require.NoError(f, err)
	lines, err := spec.ParseCapture(bytes.NewReader(text))
	require.NoError(f, err)
	var all []byte
	for _, l := range lines {
		f.Add(l.Frame)
		all = append(all, l.Frame...)
	}
	f.Add(all)
	f.Add(all[:len(all)/3])
	f.Add([]byte{0, 20})
	f.Add([]byte{8, 1})
	return all
}

// FuzzMutated alters one byte of a signed request, from the type on. It is dropped or refused, and no state is touched.
func FuzzMutated(f *testing.F) {
	w, p := newWorld(f), newPipes()
	w.serve(f, p)
	d := w.newDevice(f, "10000001")
	d.signOn(p.dial(f), pos.NetSignOn)
	echo := d.manage(pos.MTINetwork, pos.NetEcho, fields{11: ""})
	requests := [][]byte{d.inquiry(10, nil), d.debit(11, "x", nil), d.undo(12, nil)}
	for i := range requests {
		for _, at := range []uint16{11, 12, 20, 30, 41, 60, 90, 200} {
			f.Add(uint8(i), at, byte(0x10))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint16, flip byte) {
		if flip == 0 {
			return
		}
		frame := bytes.Clone(requests[int(which)%3])
		frame[11+int(at)%(len(frame)-11)] ^= flip
		c := p.dial(t)
		c.send(frame, echo)
		m := c.receive()
		if m.MTI() != pos.MTINetworkResponse {
			require.Contains(t, []string{"30", "13", "A0", "97", "03", "58", "P5", "40", "77"}, m.Get(39))
			require.Equal(t, pos.MTINetworkResponse, c.receive().MTI())
		}
		require.Empty(t, w.mem.all())
	})
}
