package terminal

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// A bucket holds what fits into its depth, refills at its rate and never holds more.
func TestBucket(t *testing.T) {
	r, now := rate{every: 10 * time.Millisecond, depth: 50 * time.Millisecond}, time.Minute
	var b bucket
	for i, v := range []struct {
		after time.Duration // the step before
		wait  time.Duration // before one is taken
	}{
		{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0},
		{0, 10 * time.Millisecond}, // taken all the same
		{10 * time.Millisecond, 10 * time.Millisecond},
		{20*time.Millisecond - 1, 1},
		{11 * time.Millisecond, 0},
		{time.Hour, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0},
		{0, 10 * time.Millisecond},
	} {
		now += v.after
		require.Equal(t, v.wait, b.wait(now, r), "step %d", i)
		b.take(now, r)
	}
	require.Zero(t, (&bucket{}).wait(now, perSecond(1<<30, 1)), "more than one a nanosecond is no limit")
}

// flood sends n frames at once on a connection of its own goroutine, and returns the answers by F39 when all have come.
func flood(t *testing.T, c *client, n int, frame []byte) map[string]int {
	t.Helper()
	var out []byte
	for range n {
		out = pos.AppendFrame(out, frame)
	}
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { _, _ = c.nc.Write(out) }) // what is missing shows below
	codes := make(map[string]int)
	for range n {
		codes[c.receive().Get(39)]++
	}
	return codes
}

// Row 24. A connection that asks faster than it may is read more slowly, and nothing is refused or lost: a terminal that
// showed its key by its own rate, a stranger by that of strangers, one that waits for each answer too.
func TestRates(t *testing.T) {
	for _, v := range []struct {
		name   string
		limits Limits
		id     string
		burst  int
		rate   int // in a second
	}{
		{"terminal", Limits{TerminalRate: 100}, "10000001", 200, 100},
		{"stranger", Limits{StrangerRate: 50}, "99999999", 100, 50},
		{"connection", Limits{ConnectionRate: 20}, "10000001", 40, 20},
		{"connection of a stranger", Limits{ConnectionRate: 20}, "99999999", 40, 20},
	} {
		for _, pipelined := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s pipelined=%v", v.name, pipelined), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, p, c, d := bubble(t, func(w *world) { w.Limits = v.limits; w.Limits.Turn = 1 << 20 })
					if v.id != d.id {
						c, d = p.dial(t), w.newDevice(t, v.id)
					}
					good := w.newDevice(t, "10000004")
					other := p.dial(t)
					good.signOn(other, pos.NetSignOn)
					time.Sleep(time.Minute) // buckets are full
					n, begin := v.burst+10*v.rate, time.Now()
					frame := d.manage(pos.MTINetwork, pos.NetEcho, nil)
					if v.id == "10000001" {
						frame = d.inquiry(1, nil)
						require.Equal(t, "00", c.ask(frame).Get(39)) // shows its key
						time.Sleep(time.Minute)
						begin = time.Now()
					}
					codes := make(map[string]int)
					if pipelined {
						codes = flood(t, c, n, frame)
					} else {
						for range n {
							codes[c.ask(frame).Get(39)]++
						}
					}
					require.Len(t, codes, 1)
					require.Zero(t, codes["96"])
					require.WithinDuration(t, begin.Add(10*time.Second), time.Now(), 200*time.Millisecond)
					require.NotZero(t, w.Stats().Paused)
					require.Zero(t, w.Stats().Throttled)
					begin = time.Now()
					require.Equal(t, "00", other.ask(good.inquiry(1, nil)).Get(39))
					require.Equal(t, begin, time.Now(), "others do not feel it")
				})
			})
		}
	}
}

// A terminal that floods on a connection that carries others is answered 96 at once, alone: signed, and with nothing
// touched for it. A stranger there is, too. Nobody uses up another's messages, on this connection or elsewhere.
func TestRateOnConcentrator(t *testing.T) {
	const rate = 100
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t, func(w *world) {
			w.Limits.TerminalRate, w.Limits.StrangerRate, w.Limits.Turn = rate, rate, 1<<20
		})
		other := w.newDevice(t, "10000004")
		other.signOn(c, pos.NetSignOn)
		for _, d := range []*device{d, other} {
			require.Equal(t, "00", c.ask(d.inquiry(1, nil)).Get(39))
		}
		time.Sleep(time.Minute)
		begin := time.Now()
		require.Equal(t, map[string]int{"00": 2 * rate, "96": 3 * rate}, flood(t, c, 5*rate, d.inquiry(2, nil)))
		require.EqualValues(t, 3*rate, w.Stats().Throttled)
		c.send(d.debit(3, "", nil))
		frame := c.read()
		d.requireSigned(frame)
		m, err := pos.Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, []string{"0210", "96", "000003", "000000001234", "480000"}, []string{m.MTI(), m.Get(39), m.Get(11), m.Get(4), m.Get(3)})
		require.Equal(t, pos.Text("96"), gbk(t, d.element(m, pos.TagText)))
		require.Equal(t, "96", c.ask(d.undo(3, nil)).Get(39), "as in any overload: it is sent again")
		require.Empty(t, w.mem.all())
		require.Equal(t, "00", c.ask(other.inquiry(3, nil)).Get(39))

		stranger := w.newDevice(t, "99999999")
		require.Equal(t, map[string]int{"97": 2 * rate, "96": rate}, flood(t, c, 3*rate, stranger.inquiry(1, nil)))
		require.Equal(t, "00", c.ask(other.inquiry(4, nil)).Get(39))
		require.Equal(t, begin, time.Now(), "all at once")
		forger := p.dial(t)
		require.Equal(t, "A0", forger.ask(spoilt(other.inquiry(5, nil))).Get(39))
		require.Equal(t, map[string]int{"00": 5 * rate}, flood(t, forger, 5*rate, other.manage(pos.MTINetwork, pos.NetEcho, nil)))
		begin = time.Now()
		require.Equal(t, map[string]int{"00": 2 * rate}, flood(t, c, 2*rate, other.inquiry(6, nil)), "its own")
		require.Equal(t, begin, time.Now())
		require.Equal(t, "00", c.ask(d.undo(3, nil)).Get(39))
	})
}

func gbk(t *testing.T, s string) string {
	t.Helper()
	text, err := spec.DecodeGBK([]byte(s))
	require.NoError(t, err)
	return text
}

// More than a turn of frames at once: the connection rests a millisecond after each turn. How many make a turn depends on
// whose keys were shown.
func TestTurns(t *testing.T) {
	turn := Limits{}.WithDefaults().Turn
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		echo := d.manage(pos.MTINetwork, pos.NetEcho, nil)
		rests := func(c *client, n int) int {
			begin := time.Now()
			require.Equal(t, map[string]int{"00": n}, flood(t, c, n, echo))
			return int(time.Since(begin) / turnRest)
		}
		const n = 160
		require.Equal(t, n-1, rests(p.dial(t), n), "a stranger: one a turn, and none waits behind the last")
		require.Equal(t, n-1, rests(c, n), "a sign-on shows no key")
		require.Equal(t, "00", c.ask(d.inquiry(1, nil)).Get(39))
		require.Equal(t, (n-1)/turn, rests(c, n))
		require.Zero(t, rests(c, 1))
		require.Zero(t, rests(c, turn))
		require.Equal(t, 1, rests(c, turn+1))
		other := w.newDevice(t, "10000004")
		other.signOn(c, pos.NetSignOn)
		require.Equal(t, (n-1)/turn, rests(c, n), "nor does that of a second terminal")
		require.Equal(t, "00", c.ask(other.inquiry(1, nil)).Get(39))
		require.Zero(t, rests(c, Limits{}.WithDefaults().InFlight))
		require.Equal(t, 1, rests(c, Limits{}.WithDefaults().InFlight+1))
		begin := time.Now()
		for range n {
			require.Equal(t, "00", c.ask(echo).Get(39))
		}
		require.Equal(t, begin, time.Now(), "who waits for each answer never rests")
	})
}

// A connection that rests hears the end of the server.
func TestShutdownWhileResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, _ := bubble(t, func(w *world) { w.Limits.StrangerRate = 1 })
		stranger := p.dial(t)
		echo := w.newDevice(t, "99999999").manage(pos.MTINetwork, pos.NetEcho, nil)
		for range 3 {
			require.Equal(t, "97", stranger.ask(echo).Get(39))
		}
		begin := time.Now()
		require.NoError(t, w.Shutdown(t.Context()))
		require.Equal(t, begin, time.Now())
		stranger.requireClosed()
		c.requireClosed()
	})
}
