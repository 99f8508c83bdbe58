package mockhost

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// newOrder orders the payout of a debit that was approved on a date, to a card.
func (c *client) newOrder(debit *cups.Message, f15, card string) *cups.Message {
	m := cups.New("0200")
	m.SetHeader(debit.Header())
	for _, id := range []int{4, 18, 25, 32, 33, 37, 41, 42, 49, 60} {
		m.Set(id, debit.Get(id))
	}
	for id, value := range map[int]string{
		3: "290000", 7: "1124130000", 11: c.next(), 12: "130000", 13: "1124", 15: f15, 48: "ASAO00210", 103: card,
		90: "0200" + debit.Get(11) + debit.Get(7) + "000" + member + "000" + member,
	} {
		m.Set(id, value)
	}
	return m
}

// One order pays one debit and leaves the other; neither the same order again, nor another, nor the balance of the
// date pays it twice, and no money is made or lost.
func TestOrderPaysOneDebitOnce(t *testing.T) {
	h := start(t, nil)
	c := h.client()
	before := h.totals().TotalFen
	first, second := c.newDebit(payer, 100), c.newDebit(payer, 250)
	f15 := c.ask(first).Get(15)
	c.ask(second)
	order := c.newOrder(first, f15, payee)
	a := c.ask(order)
	require.Equal(t, []string{"0210", "00", "290000", f15, "112400000001", order.Get(90), payee},
		[]string{a.MTI(), a.Get(39), a.Get(3), a.Get(15), a.Get(37), a.Get(90), a.Get(103)})
	told := c.take("0220", "00")
	require.Equal(t, []string{order.Get(90), "000000000100", payee, f15, ""},
		[]string{told.Get(90), told.Get(4), told.Get(103), told.Get(15), told.Get(39)})
	for range 3 {
		require.Equal(t, "00", c.ask(order).Get(39))
	}
	require.Equal(t, "00", c.ask(c.newOrder(first, f15, payee)).Get(39))
	require.Equal(t, "94", c.ask(c.newOrder(first, f15, closedCard)).Get(39), "paid to another card")
	require.Equal(t, "12", c.ask(c.newReversal(first)).Get(39))
	require.Equal(t, int64(250), h.account(payer).HeldFen)

	require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(2, 350))).Get(66))
	require.Equal(t, "000000000250", c.take("0220", "00").Get(4))
	c.settled()
	require.Equal(t, int64(2), h.totals().Payouts)
	require.Equal(t, int64(350), h.account(payee).BalanceFen)
	require.Equal(t, before, h.totals().TotalFen)
}

func TestOrderIsRefused(t *testing.T) {
	h := start(t, func(c *Config) { c.Accounts[5].Status = StatusClosed })
	c := h.client()
	standing, undone, declined := c.newDebit(payer, 100), c.newDebit(payer, 100), c.newDebit(payer, 100)
	f15 := c.ask(standing).Get(15)
	c.ask(undone)
	require.Equal(t, "00", c.ask(c.newReversal(undone)).Get(39))
	c.setPIN(declined, "654321")
	require.Equal(t, "55", c.ask(declined).Get(39))
	name := func(s string) []byte { return cups.Holder{Name: spec.EncodeGBK(s)}.AppendAsk(nil) }
	for code, v := range map[string]struct {
		of     *cups.Message
		change func(*cups.Message)
	}{
		"a closed card":             {standing, func(m *cups.Message) { m.Set(103, closedCard) }},
		"no such card":              {standing, func(m *cups.Message) { m.Set(103, "6217000000000000038") }},
		"no such issuer":            {standing, func(m *cups.Message) { m.Set(103, "9999990000000000011") }},
		"another name":              {standing, func(m *cups.Message) { m.SetBytes(61, name("李小明")) }},
		"a name that is none":       {standing, func(m *cups.Message) { m.Set(61, "CUP") }},
		"another amount":            {standing, func(m *cups.Message) { m.Set(4, "000000000101") }},
		"another reference":         {standing, func(m *cups.Message) { m.Set(37, "112400000002") }},
		"another date":              {standing, func(m *cups.Message) { m.Set(15, "0229") }},
		"another business":          {standing, func(m *cups.Message) { m.Set(48, "ASAO00207") }},
		"no original":               {standing, func(m *cups.Message) { m.Unset(90) }},
		"an original of a reversal": {standing, func(m *cups.Message) { m.Set(90, "0420"+m.Get(90)[4:]) }},
		"somebody else's debit":     {standing, func(m *cups.Message) { m.Set(90, m.Get(90)[:20]+"0000001234500000012345") }},
		"an unknown debit":          {c.newDebit(payer, 100), nil},
		"a debit that was undone":   {undone, nil},
		"a debit that was declined": {declined, nil},
	} {
		want := map[string]string{
			"a closed card": "42", "no such card": "14", "no such issuer": "15", "another name": "05", "another amount": "64",
			"another reference": "25", "an unknown debit": "25", "a debit that was declined": "25", "a debit that was undone": "12",
		}[code]
		m := c.newOrder(v.of, f15, payee)
		if v.change != nil {
			v.change(m)
		}
		got := c.ask(m).Get(39)
		if want == "" {
			want = "30"
		}
		if code == "another date" && got == "64" {
			want = "64" // 29 February is a date in some years
		}
		require.Equal(t, want, got, code)
	}
	bad := c.newOrder(standing, f15, payee)
	bad.SetBytes(128, []byte("00000000"))
	c.send(bad)
	require.Equal(t, "A0", c.receive().Get(39))
	require.Zero(t, h.totals().Payouts)
	require.Equal(t, int64(100), h.account(payer).HeldFen)
}

// A refused order is refused again, over a restart too, and is not paid by the balance of its date; a new order to
// another card is paid, and told with that card until it is answered.
func TestOrderAfterARefusal(t *testing.T) {
	dir := t.TempDir()
	open := func(t *testing.T) *rig {
		return start(t, func(c *Config) { c.Dir, c.Accounts[5].Status = dir, StatusClosed })
	}
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		c := h.client()
		debit := c.newDebit(payer, 100)
		debit.Set(103, closedCard)
		f15 := c.ask(debit).Get(15)
		refused := c.newOrder(debit, f15, closedCard)
		require.Equal(t, "42", c.ask(refused).Get(39))
		require.NoError(t, h.Close())
		synctest.Wait()

		h = open(t)
		c = h.client()
		require.Equal(t, "42", c.ask(refused).Get(39))
		require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(1, 100))).Get(66))
		c.silent(2 * RepeatAfter)
		require.Zero(t, h.totals().Payouts)
		again := c.newOrder(debit, f15, payee)
		again.Set(11, "800000")
		require.Equal(t, "00", c.ask(again).Get(39))
		told := c.take("0220", "96")
		require.NoError(t, h.Close())
		synctest.Wait()

		h = open(t)
		c = h.client()
		require.Equal(t, "00", c.ask(again).Get(39))
		more := c.take("0220", "00")
		require.Equal(t, []string{told.Get(7), told.Get(11), payee}, []string{more.Get(7), more.Get(11), more.Get(103)})
		c.silent(2 * RepeatAfter)
		require.Equal(t, int64(1), h.totals().Payouts)
		require.Equal(t, int64(100), h.account(payee).BalanceFen)
		require.NoError(t, h.Close())
	})
}

// An order after a payout that the balance tried and the bank refused, while the member has not yet answered its 0220.
func TestOrderOfWhatTheBalanceCouldNotPay(t *testing.T) {
	h := start(t, func(c *Config) { c.Accounts[5].Status = StatusClosed })
	c := h.client()
	debit := c.newDebit(payer, 100)
	debit.Set(103, closedCard)
	f15 := c.ask(debit).Get(15)
	require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(1, 100))).Get(66))
	require.Equal(t, "42", c.receive().Get(39))
	require.Equal(t, "00", c.ask(c.newOrder(debit, f15, payee)).Get(39))
	require.Equal(t, payee, c.take("0220", "00").Get(103))
	require.Equal(t, int64(1), h.totals().Payouts)
}

// Faults of orders strike orders alone, each attempt anew: what acts, acts once.
func TestOrderFaults(t *testing.T) {
	for _, v := range []struct {
		fault Fault
		paid  int64
		check func(*client)
	}{
		{Fault{Kind: FaultSilent, Share: 1}, 1, func(c *client) { require.Equal(t, "0220", c.receive().MTI()) }},
		{Fault{Kind: FaultLost, Share: 1}, 0, func(c *client) { c.silent(time.Minute) }},
		{Fault{Kind: Fault96, Share: 1}, 0, func(c *client) { require.Equal(t, "96", c.receive().Get(39)) }},
		{Fault{Kind: Fault98, Share: 1}, 1, func(c *client) { require.Equal(t, "98", c.receive().Get(39)) }},
	} {
		t.Run(string(v.fault.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v.fault.Payout = true
				h := start(t, func(c *Config) { c.Faults = []Fault{v.fault} })
				c := h.client()
				debit := c.newDebit(payer, 100)
				f15 := c.ask(debit).Get(15)
				c.send(c.seal(c.newOrder(debit, f15, payee)))
				v.check(c)
				require.Equal(t, v.paid, h.totals().Payouts)
				require.NoError(t, h.Close())
			})
		})
	}
	c := newChance([]Fault{{Kind: FaultSilent, Share: 0.5, Payout: true}}, 1)
	struck := map[bool]int{}
	for range 100 {
		struck[c.payout("1") == Fault{}]++
	}
	require.Greater(t, struck[true], 20, fmt.Sprint(struck))
	require.Greater(t, struck[false], 20)
	require.Equal(t, Fault{}, c.reversal("1"))
	require.Equal(t, Fault{}, c.debit("1"))
	f, err := ParseFault("payout-late=0.5@3s")
	require.NoError(t, err)
	require.Equal(t, Fault{Kind: FaultLate, Payout: true, Share: 0.5, Delay: 3 * time.Second}, f)
	require.Equal(t, "payout-late=0.5@3s", f.String())
	_, err = ParseFault("reversal-payout-late=0.5")
	require.ErrorIs(t, err, ErrConfig)
}
