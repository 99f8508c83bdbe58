package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

func TestSignOnAndEcho(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		require.NoError(t, w.Ready())
		pause(t.Context(), 61*time.Second)
		got := w.host.received("0820")
		require.Len(t, got, 3)
		for i, code := range []string{"001", "301", "301"} {
			m := got[i]
			require.Equal(t, []int{7, 11, 33, 70}, m.Fields())
			require.Equal(t, code, m.Get(70))
			require.Equal(t, institution, m.Get(33))
			require.Equal(t, fmt.Sprintf("%06d", i+1), m.Get(11))
		}
		require.Equal(t, []LinkStats{{Addr: "host:0", SignedOn: true}}, w.Stats().Links)
	})
}

func TestSignOnRefusedOrUnanswered(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*hostLink, *cups.Message)
		dials  int // within 20 s
	}{
		"refused":    {func(l *hostLink, m *cups.Message) { l.send(answerTo(m, "0830", 7, 11, 33, 70).set(39, "91")) }, 5},
		"unanswered": {silent, 2},
		"cut":        {func(l *hostLink, _ *cups.Message) { _ = l.Close() }, 5},
		"rejected": {func(l *hostLink, _ *cups.Message) {
			l.sendRaw(framed(rejected(l.host.frame("0820"), "00055")))
		}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.host.network(func(l *hostLink, m *cups.Message) bool { c.answer(l, m); return true })
				w.start(t)
				pause(t.Context(), 20*time.Second)
				require.Error(t, w.Ready())
				require.Equal(t, c.dials, w.host.dialled())
			})
		})
	}
}

// TestBackOff: 1, 2, 4, 8, 16, 30, 30 s with a spread of a tenth, the same in each run and another on each line.
func TestBackOff(t *testing.T) {
	run := func() (pauses [2][]time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			last := map[string]time.Time{}
			w := newWorld(t, 2, func(c *Config) {
				c.Dial = func(_ context.Context, addr string) (net.Conn, error) {
					mu.Lock()
					defer mu.Unlock()
					if at, ok := last[addr]; ok {
						i := int(addr[len(addr)-1] - '0')
						pauses[i] = append(pauses[i], time.Since(at))
					}
					last[addr] = time.Now()
					return nil, net.ErrClosed
				}
			}).start(t)
			pause(t.Context(), 2*time.Minute)
			require.Error(t, w.Ready())
			require.NotZero(t, w.Stats().Reconnects)
		})
		return pauses
	}
	first, second := run(), run()
	require.Equal(t, first, second)
	require.NotEqual(t, first[0], first[1])
	for i, d := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		require.InDelta(t, float64(d*time.Second), float64(first[0][i]), float64(d*time.Second)/10)
	}
}

func TestReconnectsAfterDrop(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for seq := range int64(3) {
			_ = w.host.link(0).Close()
			pause(t.Context(), 2*time.Second)
			require.NoError(t, w.Ready())
			_, err := w.authorize(t, seq+1)
			require.NoError(t, err)
		}
		require.Equal(t, 4, w.host.dialled())
	})
}

func TestEchoRefusedSignsOnAgain(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.network(func(l *hostLink, m *cups.Message) bool {
			if m.Get(70) != "301" {
				return false
			}
			l.send(answerTo(m, "0830", 7, 11, 33, 70).set(39, "77"))
			return true
		})
		pause(t.Context(), 32*time.Second)
		require.Equal(t, 2, w.host.dialled())
		require.NoError(t, w.Ready())
	})
}

// TestSilentLinkIsClosed: the host's end is alive and says nothing.
func TestSilentLinkIsClosed(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.network(func(_ *hostLink, m *cups.Message) bool { return m.Get(70) == "301" })
		pause(t.Context(), 74*time.Second)
		require.NoError(t, w.Ready())
		pause(t.Context(), 2*time.Second-time.Millisecond)
		require.Error(t, w.Ready())
		require.Equal(t, 1, w.host.dialled())
		pause(t.Context(), 2*time.Second)
		require.Equal(t, 2, w.host.dialled())
	})
}

func TestKeepAliveCountsAsLife(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.network(func(_ *hostLink, m *cups.Message) bool { return m.Get(70) == "301" })
		for range 10 {
			pause(t.Context(), 50*time.Second)
			w.host.link(0).sendRaw([]byte("0000"))
		}
		require.Equal(t, 1, w.host.dialled())
	})
}

func TestHalfFrameIsGivenUp(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.link(0).sendRaw([]byte("01"))
		pause(t.Context(), 9*time.Second)
		require.NoError(t, w.Ready())
		pause(t.Context(), 2*time.Second-time.Millisecond)
		require.Error(t, w.Ready())
	})
}

// TestPeerStopsReading: the first write fails after 5 s and is unknown; what queued behind it never left.
func TestPeerStopsReading(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		l := w.host.link(0)
		l.hang()
		_, err := w.authorize(t, 1) // read, and then no more
		require.NoError(t, err)
		begin := time.Now()
		errs := make(chan error, 50)
		for seq := range int64(50) {
			go func() { _, err := w.authorize(t, seq+2); errs <- err }()
		}
		stuck := 0
		for range 50 {
			err := <-errs
			if !isKind(err, acquirer.ErrNotSent) {
				require.ErrorIs(t, err, acquirer.ErrUnknown)
				stuck++
			}
		}
		require.Equal(t, 1, stuck)
		require.Equal(t, 5*time.Second, time.Since(begin))
		pause(t.Context(), 3*time.Second)
		require.NoError(t, w.Ready(), "a new link is there")
		require.Equal(t, 2, w.host.dialled())
	})
}

// TestAnswersAfterFailedWrite: the host no longer reads but still answers; what it says must not be thrown away.
func TestAnswersAfterFailedWrite(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		l := w.host.link(0)
		w.host.debits(func(l *hostLink, m *cups.Message) {
			l.hang()
			time.AfterFunc(5500*time.Millisecond, func() { good(l, m) })
		})
		errs := make(chan error, 2)
		go func() { _, err := w.authorize(t, 1); errs <- err }()
		synctest.Wait()
		go func() { _, err := w.authorize(t, 2); errs <- err }()
		require.ErrorIs(t, <-errs, acquirer.ErrUnknown) // the second, after 5 s
		require.False(t, w.lines[0].link.Load() != nil && w.lines[0].link.Load().alive())
		require.NoError(t, <-errs)
		_ = l.Close()
	})
}

// TestStuckLinkFallsOver: with two links what one cannot take goes to the other.
func TestStuckLinkFallsOver(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		stuck := w.host.link(0)
		stuck.hang()
		w.host.debits(func(l *hostLink, m *cups.Message) {
			if l != stuck {
				good(l, m)
			}
		})
		errs := make(chan error, 40)
		for seq := range int64(40) {
			go func() { _, err := w.authorize(t, seq+1); errs <- err }()
		}
		lost := 0
		for range 40 {
			if err := <-errs; err != nil {
				require.ErrorIs(t, err, acquirer.ErrUnknown)
				lost++
			}
		}
		require.LessOrEqual(t, lost, 2) // one was read, one was being written
	})
}

func isKind(err, kind error) bool { return errors.Is(err, kind) }

func TestHostRequests(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for code, want := range map[string]string{"301": "00", "201": "00", "202": "00", "002": "40"} {
			d := draft{cups.New("0820")}
			d.SetHeader(cups.NewHeader(institution, centre))
			w.host.link(0).send(d.set(7, "1124150500").set(11, "000077").set(15, "1125").set(70, code).set(100, institution))
			synctest.Wait()
			all := w.host.received("0830")
			m := all[len(all)-1]
			require.Equal(t, []int{7, 11, 15, 39, 70, 100}, m.Fields())
			require.Equal(t, want, m.Get(39))
			require.Equal(t, code, m.Get(70))
			require.Equal(t, "000077", m.Get(11))
			require.Equal(t, centre, m.Header().Dest)
		}
		require.Equal(t, "1125", w.Stats().SettleDate)
	})
}

// TestFlood sends more requests than fit the queue while the host does not read; nothing grows.
func TestFlood(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		l := w.host.link(0)
		before := runtime.NumGoroutine()
		d := draft{cups.New("0820")}
		d.SetHeader(cups.NewHeader(institution, centre))
		echo := d.set(7, "1124150500").set(11, "000077").set(70, "301").set(100, institution)
		l.hang()
		for range 5000 {
			l.send(echo)
		}
		require.Less(t, runtime.NumGoroutine(), before+5)
		require.Greater(t, w.Stats().Overflow, uint64(4000))
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.host.debits(func(l *hostLink, m *cups.Message) { time.AfterFunc(20*time.Second, func() { good(l, m) }) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		errs := make(chan error, 1)
		go func() { _, err := w.authorize(t, 1); errs <- err }()
		synctest.Wait()
		begin := time.Now()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, w.Ready(), errClosing)
		_, err := w.authorize(t, 2)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
		require.NoError(t, <-errs)
		require.NoError(t, <-done)
		require.Equal(t, 20*time.Second, time.Since(begin))
	})
}

func TestDrainGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.host.debits(silent)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		errs := make(chan error, 1)
		go func() { _, err := w.Authorize(t.Context(), debit(t, 1)); errs <- err }() // waits for ever
		synctest.Wait()
		begin := time.Now()
		cancel()
		require.ErrorIs(t, <-errs, acquirer.ErrUnknown)
		require.NoError(t, <-done)
		require.Equal(t, 35*time.Second, time.Since(begin))
	})
}
