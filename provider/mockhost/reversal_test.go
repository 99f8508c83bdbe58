package mockhost

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/cups"
)

func TestReversal(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	debit := c.newDebit(payer, 1234)
	require.Equal(t, "00", c.ask(debit).Get(39))
	m := c.newReversal(debit)
	a := c.ask(m)
	require.Equal(t, "0430", a.MTI())
	require.Equal(t, "00", a.Get(39))
	require.Equal(t,
		[]int{2, 3, 4, 7, 11, 12, 13, 15, 18, 25, 32, 33, 37, 39, 41, 42, 49, 60, 100, 128}, a.Fields())
	require.Equal(t, "00", c.ask(m).Get(39), "the same again")
	require.Equal(t, "00", c.ask(c.newReversal(debit)).Get(39), "under another key")
	m.Set(0, "0421")
	require.Equal(t, "00", c.ask(m).Get(39), "marked as a repeat")
	require.Equal(t, AccountTotals{payer, 100_000_000, 0}, r.account(payer))
	totals := r.totals()
	require.EqualValues(t, 1, totals.Debits)
	require.EqualValues(t, 1, totals.Reversals)
	require.Equal(t, "94", c.ask(debit).Get(39), "the debit cannot come again")
}

func TestReversalOfDecline(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	debit := c.newDebit(poor, 101)
	require.Equal(t, "51", c.ask(debit).Get(39))
	require.Equal(t, "00", c.ask(c.newReversal(debit)).Get(39))
	require.Zero(t, r.totals().Reversals)
	require.EqualValues(t, 100, r.account(poor).BalanceFen)
}

func TestOvertakenDebit(t *testing.T) {
	for _, forget := range []bool{false, true} {
		r := start(t, func(c *Config) { c.ForgetUnknown = forget })
		c := r.client()
		debit := c.newDebit(payer, 100)
		require.Equal(t, "25", c.ask(c.newReversal(debit)).Get(39))
		require.Equal(t, "25", c.ask(c.newReversal(debit)).Get(39))
		want := map[bool]string{false: "94", true: "00"}[forget]
		require.Equal(t, want, c.ask(debit).Get(39))
		require.Equal(t, forget, r.account(payer).HeldFen == 100)
		if !forget {
			require.Equal(t, "25", c.ask(c.newReversal(debit)).Get(39))
		}
	}
}

func TestReversalCodes(t *testing.T) {
	for _, v := range []struct {
		name, code string
		change     func(debit, m *cups.Message)
	}{
		{"another amount", "64", func(_, m *cups.Message) { m.Set(4, "000000000099") }},
		{"another card", "25", func(_, m *cups.Message) { m.Set(2, poor) }},
		{"original is no debit", "30", func(_, m *cups.Message) { m.Set(90, "0100"+m.Get(90)[4:]) }},
		{"another trace number", "25", func(_, m *cups.Message) { m.Set(90, "0200999999"+m.Get(90)[10:]) }},
		{"another time", "25", func(_, m *cups.Message) { m.Set(90, m.Get(90)[:10]+"0101000000"+m.Get(90)[20:]) }},
		{"another acquirer", "25", func(_, m *cups.Message) { m.Set(32, "11110000") }},
		{"another member in F90", "25", func(_, m *cups.Message) { m.Set(90, m.Get(90)[:31]+"00011110000") }},
		{"no original", "30", func(_, m *cups.Message) { m.Unset(90) }},
		{"no card", "30", func(_, m *cups.Message) { m.Unset(2) }},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := start(t, nil)
			c := r.client()
			debit := c.newDebit(payer, 100)
			require.Equal(t, "00", c.ask(debit).Get(39))
			m := c.newReversal(debit)
			v.change(debit, m)
			require.Equal(t, v.code, c.ask(m).Get(39))
			require.Zero(t, r.totals().Reversals)
			require.Equal(t, "00", c.ask(c.newReversal(debit)).Get(39), "the right one still works")
		})
	}
}

func TestReversalOnAnotherLink(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	debit := c.newDebit(payer, 100)
	require.Equal(t, "00", c.ask(debit).Get(39))
	require.Equal(t, "00", r.another(c).ask(c.newReversal(debit)).Get(39))
	require.Zero(t, r.account(payer).HeldFen)
}

func TestReversalWithWrongMAC(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	debit := c.newDebit(payer, 100)
	require.Equal(t, "00", c.ask(debit).Get(39))
	m := c.newReversal(debit)
	m.Set(128, "00000000")
	c.send(m)
	require.Equal(t, "A0", c.receive().Get(39))
	require.EqualValues(t, 100, r.account(payer).HeldFen)
}
