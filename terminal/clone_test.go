package terminal

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// alarmBook hears the alarms that were written.
type alarmBook struct {
	mu    sync.Mutex
	heard []acquirer.Alarm
}

func (b *alarmBook) hear(a acquirer.Alarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, a)
}

// kinds lists the alarms since the last time.
func (b *alarmBook) kinds() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.heard {
		out = append(out, fmt.Sprintf("%s %s %d", a.Terminal, a.Kind, a.Count))
	}
	b.heard = nil
	return out
}

// watched is a bubble with a book of alarms.
func watched(t testing.TB) (*world, *alarmBook, *pipes, *client, *device) {
	book := &alarmBook{}
	w, p, c, d := bubble(t, func(w *world) {
		config := w.Switch.Config
		config.OnAlarm = book.hear
		w.Switch = acquirer.New(config)
	})
	return w, book, p, c, d
}

// Row 6. A sign-on while the terminal is at work on another connection raises an alarm, and ends the keys of the first
// but for what was in flight: 60 s.
func TestSecondSignOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, book, p, c, d := watched(t)
		clone, second := p.dial(t), w.newDevice(t, "10000001")
		second.batch = d.batch
		inFlight := d.undo(11, nil)
		second.signOn(clone, pos.NetSignOn)
		require.Equal(t, []string{"10000001 second-sign-on 1"}, book.kinds())
		require.EqualValues(t, 1, w.Switch.Alarms()[acquirer.AlarmSecondSignOn])
		require.Equal(t, "00", clone.ask(second.inquiry(1, nil)).Get(39), "the last has the session")
		require.Equal(t, "77", c.ask(d.inquiry(12, nil)).Get(39), "the batch is over")
		require.Equal(t, "00", c.ask(inFlight).Get(39))
		time.Sleep(acquirer.OldKeyLife)
		require.Equal(t, "A0", c.ask(inFlight).Get(39))
		require.Equal(t, "A0", c.ask(d.inquiry(12, nil)).Get(39))
		d.signOn(c, pos.NetSignOn)
		require.Equal(t, []string{"10000001 second-sign-on 1"}, book.kinds(), "the first takes it back")
		require.Equal(t, "00", c.ask(d.inquiry(13, nil)).Get(39))
	})
}

// What is no sign of a second terminal raises no alarm.
func TestSignOnWithoutAlarm(t *testing.T) {
	for _, v := range []struct {
		name  string
		again func(t *testing.T, w *world, p *pipes, c *client, d *device)
	}{
		{"on the same connection", func(_ *testing.T, _ *world, _ *pipes, c *client, d *device) { d.signOn(c, pos.NetSignOn) }},
		{"after the connection ended", func(t *testing.T, w *world, p *pipes, c *client, d *device) {
			require.NoError(t, c.nc.Close())
			synctest.Wait()
			d.signOn(p.dial(t), pos.NetSignOn)
		}},
		{"after a sign-off", func(t *testing.T, w *world, p *pipes, c *client, d *device) {
			require.Equal(t, "00", c.ask(d.manage(pos.MTINetwork, pos.NetSignOff, nil)).Get(39))
			d.signOn(p.dial(t), pos.NetSignOn)
		}},
		{"of another terminal", func(t *testing.T, w *world, p *pipes, _ *client, _ *device) {
			w.newDevice(t, "10000004").signOn(p.dial(t), pos.NetSignOn)
		}},
		{"refused", func(t *testing.T, w *world, p *pipes, _ *client, d *device) {
			require.Equal(t, "40", p.dial(t).ask(d.manage(pos.MTISignOn, "001", nil)).Get(39))
		}},
		{"an echo elsewhere", func(t *testing.T, w *world, p *pipes, _ *client, d *device) {
			require.Equal(t, "00", p.dial(t).ask(d.manage(pos.MTINetwork, pos.NetEcho, nil)).Get(39))
		}},
		{"moved without a sign-on", func(t *testing.T, w *world, p *pipes, c *client, d *device) {
			second := p.dial(t)
			require.Equal(t, "00", second.ask(d.inquiry(11, nil)).Get(39))
			d.signOn(second, pos.NetSignOn)
		}},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, book, p, c, d := watched(t)
				v.again(t, w, p, c, d)
				require.Empty(t, book.kinds())
				require.Zero(t, w.Switch.Alarms()[acquirer.AlarmSecondSignOn])
			})
		})
	}
}

// Row 6. Trace numbers that run backwards within a batch raise an alarm, and are answered as ever.
func TestTraceNumbers(t *testing.T) {
	for _, v := range []struct {
		name   string
		traces []int
		alarms int
	}{
		{"rise", []int{1, 2, 3, 700, 701}, 0},
		{"a repeat", []int{5, 5, 6, 6, 6}, 0},
		{"back", []int{5, 4}, 1},
		{"back far", []int{500_000, 1}, 1},
		{"two terminals by turns", []int{100, 7, 101, 8, 102, 9}, 3},
		{"over the end", []int{999_998, 999_999, 1, 2}, 0},
		{"over the end, with numbers between that are not seen", []int{999_000, 1_000, 1_001}, 0},
		{"not quite the end", []int{998_999, 1}, 1},
		{"not quite the beginning", []int{999_999, 1_001}, 1},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, book, _, c, d := watched(t)
				for _, trace := range v.traces {
					require.Equal(t, "00", c.ask(d.inquiry(trace, nil)).Get(39))
					time.Sleep(acquirer.AlarmEvery)
				}
				require.Len(t, book.kinds(), v.alarms)
				require.EqualValues(t, v.alarms, w.Switch.Alarms()[acquirer.AlarmTraceBack])
			})
		})
	}
}

// Of the numbers only those count that an authentic name-confirm or debit of the batch has.
func TestTraceOfWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, book, p, c, d := watched(t)
		token := d.token(c, 100)
		require.Equal(t, "00", c.ask(d.debit(101, token, nil)).Get(39))
		forged := d.inquiry(1, nil)
		forged[len(forged)-1] ^= 1
		require.Equal(t, "A0", c.ask(forged).Get(39))
		require.Equal(t, "77", c.ask(d.inquiry(1, fields{60: "71000007000"})).Get(39), "another batch")
		require.Equal(t, "00", c.ask(d.undo(1, nil)).Get(39), "an undo has its debit's number")
		require.Equal(t, "00", c.ask(d.manage(pos.MTINetwork, pos.NetEcho, nil)).Get(39))
		require.Equal(t, "00", c.ask(d.debit(101, token, nil)).Get(39), "a repeat")
		require.Empty(t, book.kinds())
		require.Equal(t, "00", p.dial(t).ask(d.inquiry(50, nil)).Get(39), "on any connection")
		require.Equal(t, []string{"10000001 trace-back 1"}, book.kinds())
		d.signOn(c, pos.NetSignOn)
		book.kinds()
		require.Equal(t, "00", c.ask(d.inquiry(1, nil)).Get(39), "a new batch")
		require.Empty(t, book.kinds())
		require.Equal(t, "P4", c.ask(d.debit(0, "x", nil)).Get(39))
		require.Empty(t, book.kinds(), "written a moment ago")
		require.EqualValues(t, 2, w.Switch.Alarms()[acquirer.AlarmTraceBack])
	})
}

// Alarms are counted as they come and written once a minute: a clone cannot make the switch write for each message.
func TestAlarmsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, book, _, c, d := watched(t)
		pair := func() {
			require.Equal(t, "00", c.ask(d.inquiry(500, nil)).Get(39))
			require.Equal(t, "00", c.ask(d.inquiry(5, nil)).Get(39))
		}
		for range 100 {
			pair()
		}
		require.Equal(t, []string{"10000001 trace-back 1"}, book.kinds())
		time.Sleep(acquirer.AlarmEvery - time.Nanosecond)
		pair()
		require.Empty(t, book.kinds())
		time.Sleep(time.Nanosecond)
		pair()
		require.Equal(t, []string{"10000001 trace-back 101"}, book.kinds())
		require.EqualValues(t, 102, w.Switch.Alarms()[acquirer.AlarmTraceBack])
	})
}

// An alarm that cannot be written is a store error: nothing is said, and the process ends.
func TestAlarmAndStoreError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _, c, d := watched(t)
		require.Equal(t, "00", c.ask(d.inquiry(500, nil)).Get(39))
		w.mem.mu.Lock()
		w.mem.broken = errors.New("disk")
		w.mem.mu.Unlock()
		c.send(d.inquiry(5, nil))
		synctest.Wait()
		require.EqualValues(t, 1, w.Stats().Unanswered)
		require.ErrorIs(t, w.Switch.Run(t.Context()), acquirer.ErrStore)
	})
}
