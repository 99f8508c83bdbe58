package mockhost

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/cups"
)

func TestAmountFaults(t *testing.T) {
	for _, v := range []struct {
		fen   int64
		held  bool
		check func(*testing.T, *client, *cups.Message)
	}{
		{9800, true, func(t *testing.T, c *client, _ *cups.Message) { require.Equal(t, "00", c.receive().Get(39)) }},
		{9801, true, func(t *testing.T, c *client, _ *cups.Message) { c.silent(3 * time.Minute) }},
		{9802, true, checkLate},
		{9803, true, func(t *testing.T, c *client, m *cups.Message) {
			first := c.receiveFrame()
			require.Equal(t, first, c.receiveFrame())
			c.silent(time.Minute)
		}},
		{9804, true, func(t *testing.T, c *client, m *cups.Message) {
			a := c.receive()
			require.Equal(t, "00", a.Get(39))
			got := a.Get(128)
			require.Regexp(t, "^[0-9A-F]{8}$", got)
			require.NotEqual(t, c.seal(a).Get(128), got)
		}},
		{9805, true, func(t *testing.T, c *client, _ *cups.Message) {
			_, err := c.read(time.Second)
			requireEOF(t, err)
		}},
		{9806, true, func(t *testing.T, c *client, m *cups.Message) {
			a := c.receive()
			require.Equal(t, "00", a.Get(39))
			require.Equal(t, "000000009807", a.Get(4))
			c.checkMAC(a)
		}},
		{9807, false, func(t *testing.T, c *client, _ *cups.Message) { c.silent(time.Minute) }},
		{9808, false, func(t *testing.T, c *client, _ *cups.Message) {
			a := c.receive()
			require.Equal(t, "96", a.Get(39))
			require.False(t, a.Has(38))
			c.checkMAC(a)
		}},
		{9809, true, func(t *testing.T, c *client, _ *cups.Message) { require.Equal(t, "00", c.receive().Get(39)) }},
	} {
		t.Run(fmt.Sprint(v.fen), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				c := r.client()
				m := c.newDebit(payer, v.fen)
				c.send(c.seal(m))
				v.check(t, c, m)
				held := map[bool]int64{true: v.fen}[v.held]
				require.Equal(t, AccountTotals{payer, 100_000_000 - held, held}, r.account(payer))
				checkUndo(t, r, r.another(c), m, v.held)
			})
		})
	}
}

func checkLate(t *testing.T, c *client, _ *cups.Message) {
	c.silent(40*time.Second - time.Nanosecond)
	a := c.receive()
	require.Equal(t, "00", a.Get(39))
	c.checkMAC(a)
}

// checkUndo wants the reversal of a faulty debit to be an ordinary one.
func checkUndo(t *testing.T, r *rig, c *client, debit *cups.Message, held bool) {
	t.Helper()
	want := "00"
	if debit.Get(4) == "000000009807" {
		want = "25"
	}
	require.Equal(t, want, c.ask(c.newReversal(debit)).Get(39))
	require.Equal(t, AccountTotals{payer, 100_000_000, 0}, r.account(payer))
	require.Equal(t, held, r.totals().Reversals == 1)
	require.Equal(t, "94", c.ask(debit).Get(39))
}

func TestFaultsByAmountAreForTheDemo(t *testing.T) {
	r := start(t, func(c *Config) { c.Demo = false })
	c := r.client()
	for fen := int64(9801); fen <= 9808; fen++ {
		a := c.debit(payer, fen)
		require.Equal(t, "00", a.Get(39))
	}
	declined := start(t, nil).client()
	require.Equal(t, "51", declined.debit(poor, 9801).Get(39), "a decline is a decline")
}

func TestLateAnswerTakesTheLinkThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		c := r.client()
		c.send(c.seal(c.newDebit(payer, 9802)))
		synctest.Wait()
		require.NoError(t, c.conn.Close())
		d := r.another(c)
		frame, err := d.read(41 * time.Second)
		require.NoError(t, err)
		m, err := cups.Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, "0210", m.MTI())
	})
}

func faulty(kind FaultKind, isReversal bool) func(*Config) {
	return func(c *Config) { c.Faults = []Fault{{Kind: kind, Reversal: isReversal, Share: 1}} }
}

func TestFaultOtherLink(t *testing.T) {
	r := start(t, faulty(FaultOtherLink, false))
	c := r.client()
	require.Equal(t, "00", c.debit(payer, 100).Get(39), "there is no other")
	d := r.another(c)
	m := c.newDebit(payer, 100)
	c.send(c.seal(m))
	require.Equal(t, m.Get(11), d.receive().Get(11))
}

// Of several other links it is the one that has been there longest, not any.
func TestFaultOtherLinkIsAlwaysTheSame(t *testing.T) {
	r := start(t, faulty(FaultOtherLink, false))
	c := r.client()
	others := []*client{r.another(c), r.another(c), r.another(c)}
	for i, d := range others {
		for range 8 {
			m := c.newDebit(payer, 1)
			c.send(c.seal(m))
			require.Equal(t, m.Get(11), d.receive().Get(11))
		}
		require.NoError(t, d.conn.Close())
		require.Eventually(t, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.links) == len(others)-i
		}, 10*time.Second, time.Millisecond)
	}
}

func TestFault98(t *testing.T) {
	r := start(t, faulty(Fault98, false))
	c := r.client()
	a := c.debit(payer, 100)
	require.Equal(t, "98", a.Get(39))
	require.False(t, a.Has(38))
	require.EqualValues(t, 100, r.account(payer).HeldFen)
}

func TestFaultTruncated(t *testing.T) {
	r := start(t, faulty(FaultTruncated, false))
	c := r.client()
	c.send(c.seal(c.newDebit(payer, 100)))
	_, err := c.read(time.Second)
	requireEOF(t, err)
	require.EqualValues(t, 100, r.account(payer).HeldFen)
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *Config) {
			c.Faults = []Fault{{Kind: FaultDelay, Share: 1}, {Kind: FaultLate, Reversal: true, Share: 1, Delay: 3 * time.Second}}
		})
		c := r.client()
		m := c.newDebit(payer, 100)
		c.send(c.seal(m))
		c.silent(ShortDelay - time.Nanosecond)
		require.Equal(t, "00", c.receive().Get(39))
		c.send(c.seal(c.newReversal(m)))
		c.silent(3*time.Second - time.Nanosecond)
		require.Equal(t, "00", c.receive().Get(39))
	})
}

func TestReversalFaults(t *testing.T) {
	for _, v := range []struct {
		kind     FaultKind
		code     string
		reversed bool
	}{{FaultLost, "", false}, {FaultSilent, "", true}, {Fault96, "96", false}, {Fault98, "98", true}, {FaultAmount, "00", true}} {
		t.Run(string(v.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, faulty(v.kind, true))
				c := r.client()
				m := c.newDebit(payer, 100)
				require.Equal(t, "00", c.ask(m).Get(39))
				c.send(c.seal(c.newReversal(m)))
				if v.code == "" {
					c.silent(time.Minute)
				} else {
					require.Equal(t, v.code, c.receive().Get(39))
				}
				require.Equal(t, v.reversed, r.totals().Reversals == 1)
			})
		})
	}
}

func TestShares(t *testing.T) {
	faults := []Fault{{Kind: FaultSilent, Share: 0.1}, {Kind: Fault96, Share: 0.05}, {Kind: FaultSilent, Reversal: true, Share: 0.5}}
	one, same, other := newChance(faults, 7), newChance(faults, 7), newChance(faults, 8)
	const n = 20_000
	var counts [4]int
	for i := range n {
		key := fmt.Sprintf("%06d1124120000", i)
		f := one.debit(key)
		require.Equal(t, f, same.debit(key))
		switch f.Kind {
		case FaultSilent:
			counts[0]++
		case Fault96:
			counts[1]++
		}
		if f != other.debit(key) {
			counts[2]++
		}
		first, second := one.reversal(key), one.reversal(key)
		require.Equal(t, []Fault{first, second}, []Fault{same.reversal(key), same.reversal(key)})
		if first != second {
			counts[3]++
		}
	}
	require.InDelta(t, 0.1, float64(counts[0])/n, 0.01)
	require.InDelta(t, 0.05, float64(counts[1])/n, 0.01)
	require.Greater(t, counts[2], n/10, "another seed, other faults")
	require.InDelta(t, 0.5, float64(counts[3])/n, 0.02, "each repeat is decided anew")
}

// The repeats of a reversal are counted in the log: a host that comes back meets it with the fault of its next attempt,
// not with that of its first again.
func TestAttemptsOutliveTheHost(t *testing.T) {
	faults := []Fault{{Kind: FaultSilent, Reversal: true, Share: 0.4}, {Kind: Fault96, Reversal: true, Share: 0.4}}
	const keys, attempts = 50, 6
	key := func(i int) string { return fmt.Sprintf("%06d1124120000", i) }
	want := newChance(faults, 7)
	dir := t.TempDir()
	different := 0
	for attempt := range attempts {
		cfg := demoConfig(t)
		cfg.Dir, cfg.Faults, cfg.Seed = dir, faults, 7
		h, err := Open(cfg)
		require.NoError(t, err)
		first := newChance(faults, 7)
		for i := range keys {
			got := h.chance.reversal(key(i))
			require.Equal(t, want.reversal(key(i)), got, "attempt %d", attempt)
			if got != first.reversal(key(i)) {
				different++
			}
		}
		require.NoError(t, h.Close())
	}
	require.Greater(t, different, keys, "each attempt is decided anew")
}

func TestParseFault(t *testing.T) {
	for _, text := range []string{"silent=0.01", "late=0.5@35s", "reversal-98=1", "otherlink=0"} {
		f, err := ParseFault(text)
		require.NoError(t, err)
		require.Equal(t, text, f.String())
	}
	for _, text := range []string{"", "silent", "silent=", "silent=2", "silent=-1", "silent=NaN", "loud=0.1", "late=0.1@x", "late=0.1@-1s", "=1"} {
		_, err := ParseFault(text)
		require.ErrorIs(t, err, ErrConfig, text)
	}
	require.Error(t, checkFaults([]Fault{{Kind: FaultLost, Share: 0.6}, {Kind: FaultTwice, Share: 0.6}}))
	require.NoError(t, checkFaults([]Fault{{Kind: FaultLost, Share: 0.6}, {Kind: FaultTwice, Share: 0.6, Reversal: true}}))
	require.False(t, math.IsNaN(fraction(nil)))
	require.Equal(t, "000000000001", otherAmount("999999999999"))
}
