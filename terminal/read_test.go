package terminal

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
)

// Frames are found wherever the line cuts them: pieces of every size up to more than a buffer, all answered, in order.
func TestFramesInPieces(t *testing.T) {
	w, p := newWorld(t, patient), newPipes()
	w.serve(t, p)
	d := w.newDevice(t, "99999999")
	var frames [][]byte
	var all []byte
	for i := range 60 {
		f := d.inquiry(i, fields{43: ""})
		if i%20 == 7 { // one as long as may be
			f = d.manage(pos.MTISignOn, pos.NetSignOn, fields{11: fmt.Sprintf("%06d", i), 46: string(bytes.Repeat([]byte("x"), 999))})
			f = d.manage(pos.MTISignOn, pos.NetSignOn, fields{11: fmt.Sprintf("%06d", i), 46: string(bytes.Repeat([]byte("x"), 999)),
				47: string(bytes.Repeat([]byte("y"), pos.MaxFrame-len(f)-2))})
			require.Len(t, f, pos.MaxFrame)
		}
		frames = append(frames, f)
		all = pos.AppendFrame(all, f)
	}
	sizes := []int{1, 2, 3, 5, 7, 20, 21, 63, 200, 255, 1000, 2046, 2047, 2048, 2049, 2050, 2051, 4097, len(all)}
	for _, size := range sizes {
		c := p.dial(t)
		var work sync.WaitGroup
		work.Go(func() {
			for rest := all; len(rest) > 0; {
				n := min(size, len(rest))
				if _, err := c.nc.Write(rest[:n]); err != nil {
					t.Errorf("pieces of %d: %v", size, err)
					return
				}
				rest = rest[n:]
			}
		})
		for i := range frames {
			m := c.receive()
			require.Equal(t, []string{fmt.Sprintf("%06d", i), "97"}, []string{m.Get(11), m.Get(39)}, "pieces of %d", size)
		}
		work.Wait()
		require.NoError(t, c.nc.Close())
	}
	require.EqualValues(t, len(sizes)*len(frames), w.Stats().Answered["97"])
	require.Zero(t, w.Stats().Dropped)
}

// What is read ahead counts for the time of its frame from when its turn comes, and a lying length in it ends the
// connection behind the answers.
func TestReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c, d := bubble(t)
		two := pos.AppendFrame(pos.AppendFrame(nil, d.inquiry(10, nil)), d.inquiry(11, nil))
		_, err := c.nc.Write(two[:len(two)-1])
		require.NoError(t, err)
		require.Equal(t, "000010", c.receive().Get(11))
		time.Sleep(10*time.Second - turnRest)
		_, err = c.nc.Write(two[len(two)-1:])
		require.NoError(t, err)
		require.Equal(t, "000011", c.receive().Get(11))
		_, err = c.nc.Write(two[:len(two)-1])
		require.NoError(t, err)
		require.Equal(t, "000010", c.receive().Get(11))
		begin := time.Now()
		c.requireClosed()
		require.WithinDuration(t, begin.Add(10*time.Second), time.Now(), 10*turnRest)

		c = p.dial(t)
		_, err = c.nc.Write(append(two[:len(two):len(two)], 0xFF, 0xFF, 1, 2, 3))
		require.NoError(t, err)
		require.Equal(t, "000010", c.receive().Get(11))
		require.Equal(t, "000011", c.receive().Get(11))
		c.requireClosed()
	})
}

// Every buffer that comes back is empty: of frames that were answered, of halves, and of what was read ahead.
func TestBuffersComeBackEmpty(t *testing.T) {
	w := newWorld(t, patient)
	w.once.Do(w.init)
	var mu sync.Mutex
	var taken []*buffer
	w.buffers.New = func() any {
		mu.Lock()
		defer mu.Unlock()
		b := new(buffer)
		taken = append(taken, b)
		return b
	}
	addr := w.listen(t)
	d := w.newDevice(t, "99999999")
	frame := pos.AppendFrame(nil, d.debit(1, "", nil))
	whole := bytes.Repeat(frame, 30)
	for _, n := range []int{len(whole), len(whole) - 1, len(frame) + 40, len(frame) - 1, 100} {
		c := dial(t, addr)
		_, err := c.nc.Write(whole[:n])
		require.NoError(t, err)
		require.NoError(t, c.nc.(*net.TCPConn).CloseWrite())
		for range n / len(frame) {
			require.Equal(t, "97", c.receive().Get(39))
		}
		c.requireClosed()
	}
	requireSoon(t, func() bool { return w.Stats().Open == 0 })
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(t, taken)
	for _, b := range taken {
		require.Equal(t, buffer{}, *b)
	}
}
