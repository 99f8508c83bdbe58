package terminal

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// block does what the operator's verb makes of a terminal in the store.
func (w *world) block(id acquirer.TerminalID, blocked bool) {
	w.mem.mu.Lock()
	defer w.mem.mu.Unlock()
	t := w.mem.terminals[id]
	if s := &t.Session; blocked && s.SignedOn {
		*s = acquirer.Session{Batch: s.Batch, MAK: s.MAK, Since: s.Since, Ended: time.Now()}
	}
	t.Blocked = blocked
	w.mem.terminals[id] = t
}

// Row 5. The next message of a terminal that is blocked at work is answered 58, signed, and then its connection ends;
// whatever was read with it is answered, too. On another connection it hears 58 as often as it asks.
func TestBlockAtWork(t *testing.T) {
	for _, v := range []struct {
		name string
		next func(*device) []byte
	}{
		{"name-confirm", func(d *device) []byte { return d.inquiry(12, nil) }},
		{"debit", func(d *device) []byte { return d.debit(12, "", nil) }},
		{"forged", func(d *device) []byte { f := d.inquiry(12, nil); f[len(f)-1] ^= 1; return f }},
		{"sign-on", func(d *device) []byte { return d.manage(pos.MTISignOn, pos.NetSignOn, nil) }},
		{"sign-off", func(d *device) []byte { return d.manage(pos.MTINetwork, pos.NetSignOff, nil) }},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, p, c, d := bubble(t)
				w.block("10000001", true)
				c.send(v.next(d), d.inquiry(13, nil))
				first := c.read()
				m, err := pos.Unpack(first)
				require.NoError(t, err)
				require.Equal(t, "58", m.Get(39))
				if m.Has(64) {
					d.requireSigned(first)
				}
				require.Equal(t, m.MTI()[1] != '8', m.Has(64))
				if frame, err := pos.ReadFrame(c.nc, nil); err == nil { // it had been read before the end
					m, err := pos.Unpack(frame)
					require.NoError(t, err)
					require.Equal(t, []string{"000013", "58"}, []string{m.Get(11), m.Get(39)})
				}
				c.requireClosed()
				require.EqualValues(t, 1, w.Stats().Expelled)
				second := p.dial(t)
				for range 5 {
					require.Equal(t, "58", second.ask(d.inquiry(14, nil)).Get(39))
					require.Equal(t, "58", second.ask(d.manage(pos.MTISignOn, pos.NetSignOn, nil)).Get(39))
				}
				require.EqualValues(t, 1, w.Stats().Expelled)
			})
		})
	}
}

// What strangers say under the terminal's number in between changes nothing.
func TestBlockWithStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		w.block("10000001", true)
		stranger := p.dial(t)
		for range 3 {
			require.Equal(t, "58", stranger.ask(spoilt(d.inquiry(1, nil))).Get(39))
		}
		require.Zero(t, w.Stats().Expelled)
		require.Equal(t, "58", c.ask(d.inquiry(12, nil)).Get(39))
		c.requireClosed()
		require.Equal(t, "58", stranger.ask(d.inquiry(1, nil)).Get(39))
	})
}

// A terminal that was blocked before it came stays connected and hears 58, also for an undo: it has no key that one could
// be made with.
func TestBlockedFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, _, _ := bubble(t)
		c, d := p.dial(t), w.newDevice(t, "10000003")
		for i := range 10 {
			require.Equal(t, "58", c.ask(d.manage(pos.MTISignOn, pos.NetSignOn, nil)).Get(39))
			require.Equal(t, "58", c.ask(d.inquiry(i, nil)).Get(39))
			require.Equal(t, "58", c.ask(d.undo(i, nil)).Get(39))
			require.Equal(t, "58", c.ask(d.manage(pos.MTINetwork, pos.NetEcho, nil)).Get(39))
			time.Sleep(time.Minute)
		}
		require.Zero(t, w.Stats().Expelled)
	})
}

// A connection that carries other terminals stays: they do not feel it.
func TestBlockOnConcentrator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c, d := bubble(t)
		other := w.newDevice(t, "10000004")
		other.signOn(c, pos.NetSignOn)
		w.block("10000001", true)
		for i := range 5 {
			require.Equal(t, "58", c.ask(d.inquiry(i, nil)).Get(39))
			require.Equal(t, "00", c.ask(other.inquiry(i, nil)).Get(39))
		}
		w.block("10000004", true)
		require.Equal(t, "58", c.ask(other.inquiry(9, nil)).Get(39))
		require.Equal(t, "58", c.ask(other.inquiry(9, nil)).Get(39), "it may carry a third")
		require.Zero(t, w.Stats().Expelled)
	})
}

// A terminal that was blocked after its debit can still undo it, for two days, and nothing else; an undo does not end its
// connection. After an unblock it is told to sign on, and its undo is taken before and after it has.
func TestUndoOfBlockedTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		require.Equal(t, "00", c.ask(d.debit(11, d.token(c, 10), nil)).Get(39))
		w.block("10000001", true)
		require.Equal(t, "58", c.ask(d.inquiry(12, nil)).Get(39))
		c = p.dial(t)
		forged := d.undo(11, nil)
		forged[len(forged)-1] ^= 1
		require.Equal(t, "A0", c.ask(forged).Get(39))
		require.Equal(t, acquirer.Approved, w.mem.all()[0].State)
		c.send(d.undo(11, nil))
		frame := c.read()
		d.requireSigned(frame)
		m, err := pos.Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, "00", m.Get(39))
		require.Equal(t, acquirer.Reversing, w.mem.all()[0].State)
		require.Equal(t, "58", c.ask(d.inquiry(12, nil)).Get(39))
		require.Equal(t, "00", c.ask(d.undo(11, nil)).Get(39), "again, on the connection that heard 58")

		w.block("10000001", false)
		require.Equal(t, "77", c.ask(d.inquiry(12, nil)).Get(39))
		require.Equal(t, "77", c.ask(d.debit(12, "", nil)).Get(39))
		require.Equal(t, "00", c.ask(d.undo(11, nil)).Get(39))
		stale := d.undo(11, nil)
		d.signOn(c, pos.NetSignOn)
		require.Equal(t, "A0", c.ask(stale).Get(39), "the key of the session that was ended is no key before a sign-on")
		require.Equal(t, "00", c.ask(d.inquiry(12, nil)).Get(39))
		d.batch = "000001"
		require.Equal(t, "00", c.ask(d.undo(11, nil)).Get(39))

		w.block("10000001", true)
		undo := d.undo(13, nil)
		time.Sleep(acquirer.EndedKeyLife - time.Second)
		require.Equal(t, "00", p.dial(t).ask(undo).Get(39))
		time.Sleep(time.Second)
		require.Equal(t, "58", p.dial(t).ask(undo).Get(39), "there is no debit of before the block left to be found")
		w.block("10000001", false)
		require.Equal(t, "77", p.dial(t).ask(undo).Get(39))
	})
}

// A block that comes while the terminal's sign-on is on its way brings 58 and no key.
func TestBlockDuringSignOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c, d := bubble(t)
		w.block("10000001", true)
		want := w.mem.terminals["10000001"].Session
		w.mem.mu.Lock()
		open := w.mem.terminals["10000001"]
		w.mem.mu.Unlock()
		open.Blocked = false // as it was read before the block
		w.Switch = acquirer.New(withDirectory(w.Switch.Config, stale{w.mem, open}))
		require.Equal(t, "58", c.ask(d.manage(pos.MTISignOn, pos.NetSignOn, nil)).Get(39))
		require.Equal(t, want, w.mem.terminals["10000001"].Session)
	})
}

// stale is a directory that reads a terminal as it was and writes it as it is.
type stale struct {
	acquirer.Directory
	was acquirer.Terminal
}

func (s stale) Terminal(context.Context, acquirer.TerminalID) (*acquirer.Terminal, error) {
	t := s.was
	return &t, nil
}

func withDirectory(c acquirer.Config, d acquirer.Directory) acquirer.Config {
	c.Directory = d
	return c
}

// A store that fails says nothing, and ends no connection.
func TestBlockedAndStoreError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		w.block("10000001", true)
		w.mem.mu.Lock()
		w.mem.broken = errors.New("disk")
		w.mem.mu.Unlock()
		c.send(d.undo(11, nil))
		synctest.Wait()
		require.EqualValues(t, 1, w.Stats().Unanswered)
		require.Zero(t, w.Stats().Expelled)
		require.Equal(t, "58", p.dial(t).ask(d.inquiry(12, nil)).Get(39), "reading goes on")
	})
}
