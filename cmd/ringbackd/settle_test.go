package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/provider/mockhost"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
)

// printed runs a verb and returns what it wrote to standard output.
func printed(t *testing.T, config string, args ...string) (string, error) {
	t.Helper()
	return captured(func() error { return runAs(t.Context(), t, thisCaller(), config, args...) })
}

func (w *world) settle(args ...string) settlementJSON {
	w.t.Helper()
	text, err := printed(w.t, w.config(), append([]string{"settle", "--json", "--wait=20s"}, args...)...)
	require.NoError(w.t, err)
	var out settlementJSON
	require.NoError(w.t, json.Unmarshal([]byte(text), &out), text)
	return out
}

// A whole day through both ends: the host closes the date and lists it, the totals agree, the payee has the money and is told;
// a debit without its terminal's word waits, keeps the host from paying on its own word, and the other is ordered singly.
func TestSettleADay(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term := w.till(emulator.BatchFaults{})
	w.pay(term, 1200, 3400)
	out := w.settle("--wait=20s")
	require.Equal(t, "by the host", out.CutOff)
	require.Equal(t, "in balance", out.Balance)
	require.Equal(t, sumJSON{2, 4600}, out.OurDebits)
	require.Equal(t, out.OurDebits, out.HostDebits)
	require.Equal(t, sumJSON{1, 1200}, out.Paid, "the second debit is the terminal's word for the first")
	require.Equal(t, sumJSON{1, 3400}, out.Waiting)
	require.Equal(t, "the terminal has not been heard since", out.Waits[0].Why)
	_, held := w.balance(goodCard)
	require.Equal(t, int64(3400), held)
	require.Equal(t, int64(1), w.payouts())
	out = w.settle("--date", out.Date)
	require.Equal(t, []sumJSON{{1, 1200}, {1, 3400}}, []sumJSON{out.Paid, out.Waiting}, "settled once more, nothing changes")
	require.Equal(t, int64(1), w.payouts())

	_, err := term.Settle(t.Context())
	require.NoError(t, err)
	out = w.settle("--date", out.Date)
	require.Equal(t, int64(2), w.payouts())
	require.Equal(t, sumJSON{2, 4600}, out.Paid, "%+v", out)
	require.Empty(t, out.Waits)
	require.Empty(t, out.Discrepancies)
	_, held = w.balance(goodCard)
	require.Zero(t, held)
	for _, x := range w.rows() {
		require.Equal(t, acquirer.Paid, x.State)
		told, err := w.app.db.NoticesAbout(t.Context(), int64(x.ID))
		require.NoError(t, err)
		require.Len(t, told, 2, "the payer was told of the debit, the payee of the money")
	}
	text, err := printed(t, w.config(), "report", out.Date, "--csv")
	require.NoError(t, err)
	require.Contains(t, text, ",2,4600,2,4600,0,0,0,0,0,0,0,0\n")
	require.Contains(t, text, "payee,138****8001,")
	w.stopSwitch()
	text, err = printed(t, w.config(), "audit", "--json")
	require.NoError(t, err)
	var audited auditJSON
	require.NoError(t, json.Unmarshal([]byte(text), &audited))
	require.Equal(t, audited.Books[0].Agreed, audited.Books[0].PaidOut, "each agreed debit is paid out, and nothing else")
	require.Equal(t, subtotalJSON{2, 4600}, audited.Books[0].PaidOut)
	require.Zero(t, audited.Books[0].Receivable)
	_, err = printed(t, w.config(), "settle", "--date", out.Date)
	require.ErrorContains(t, err, "no switch serves")
	w.startSwitch()
}

// payouts is how often the host has credited a payee.
func (w *world) payouts() int64 {
	totals, err := w.host.Ledger()
	require.NoError(w.t, err)
	return totals.Payouts
}

// rebind binds another card to a payee.
func (w *world) rebind(number, card string) {
	m, err := acquirer.ParseMSISDN(number)
	require.NoError(w.t, err)
	p, err := w.app.db.PayeeByNumber(w.t.Context(), m)
	require.NoError(w.t, err)
	next := *p
	next.Card, err = acquirer.ParsePAN(card)
	require.NoError(w.t, err)
	next.Ref.CardVersion++
	require.NoError(w.t, w.app.db.ChangePayee(w.t.Context(), acquirer.Effect{Payee: next}))
}

// A payee's card is closed when it is paid to: worklist, the payee is asked for another card, that one is bound, the payout
// is tried again, also after a restart, and paid once.
func TestPayAgain(t *testing.T) {
	const closed, other = "6217000000000000012", "6228480000000000018"
	w := newWorld(t, 5*time.Second)
	addr := w.hostAddr
	require.NoError(t, w.host.Close())
	w.startHost(addr, func(c *mockhost.Config) {
		for i := range c.Accounts {
			if c.Accounts[i].PAN == closed {
				c.Accounts[i].Status = mockhost.StatusClosed
			}
			if c.Accounts[i].PAN == other {
				c.Accounts[i].Name = "王小明"
			}
		}
	})
	w.stopSwitch()
	w.startSwitch()
	w.pay(w.till(emulator.BatchFaults{}), 1200, 3400)
	out := w.settle()
	require.Zero(t, out.Paid.Count)
	require.Zero(t, w.payouts())
	require.Len(t, out.Discrepancies, 1)
	require.Equal(t, string(acquirer.PayoutRefused), out.Discrepancies[0].Kind)
	refused := w.byAmount()[1200]
	require.Equal(t, acquirer.Paying, refused.State)
	told, err := w.app.db.NoticesAbout(t.Context(), int64(refused.ID))
	require.NoError(t, err)
	require.Equal(t, acquirer.NoticeNewCard, told[len(told)-1].Kind)

	out = w.settle("--date", out.Date)
	require.Zero(t, out.Paid.Count, "not tried again by itself")
	w.rebind(payeeOne, other)
	_, err = printed(t, w.config(), "discrepancy", "resolve", "1", "--as", "pay-again", "--why", "another card is bound")
	require.NoError(t, err)
	w.stopSwitch()
	w.startSwitch()
	out = w.settle("--date", out.Date)
	require.Equal(t, sumJSON{1, 1200}, out.Paid, "%+v", out)
	require.Equal(t, int64(1), w.payouts())
	got, _ := w.balance(other)
	require.Equal(t, int64(1200), got)
	out = w.settle("--date", out.Date)
	require.Equal(t, int64(1), w.payouts())
	require.Equal(t, sumJSON{1, 3400}, out.Waiting)
}

// What the worklist's verbs show and refuse.
func TestDiscrepancyVerbs(t *testing.T) {
	config := newInstallation(t, "")
	require.NoError(t, with(t.Context(), config, func(i *installation) error {
		return i.db.OpenDiscrepancy(t.Context(), &acquirer.Discrepancy{Kind: acquirer.TheirsOnly, Date: 20261124, Subject: "s", Theirs: 700,
			Opened: time.Now(), Why: "line 3"})
	}))
	text, err := printed(t, config, "discrepancy", "list", "--json")
	require.NoError(t, err)
	var all []discrepancyJSON
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	require.Len(t, all, 1)
	require.Equal(t, "open", all[0].State)
	require.Equal(t, []string{"host-corrects", "refunded"}, all[0].May)
	_, err = printed(t, config, "discrepancy", "resolve", "1", "--as", "pay-again", "--why", "x")
	require.ErrorIs(t, err, acquirer.ErrResolution)
	_, err = printed(t, config, "discrepancy", "resolve", "1", "--as", "nonsense", "--why", "x")
	require.Error(t, err)
	_, err = printed(t, config, "discrepancy", "resolve", "2", "--as", "refunded", "--why", "x")
	require.ErrorContains(t, err, "there is no discrepancy 2")
	_, err = printed(t, config, "discrepancy", "resolve", "1", "--as", "refunded", "--why", "card 6222020000000000018 at the counter")
	require.NoError(t, err)
	_, err = printed(t, config, "discrepancy", "resolve", "1", "--as", "refunded", "--why", "x")
	require.ErrorIs(t, err, acquirer.ErrResolved)
	text, err = printed(t, config, "discrepancy", "show", "1")
	require.NoError(t, err)
	require.Contains(t, text, "refunded by")
	require.NotContains(t, text, "6222020000000000018")
	text, err = printed(t, config, "discrepancy", "list", "--json")
	require.NoError(t, err)
	require.JSONEq(t, "[]", text)
}

func TestNextDaily(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.ParseInLocation(time.DateTime, s, acquirer.Beijing)
		require.NoError(t, err)
		return x
	}
	for _, v := range []struct{ now, hhmm, want string }{
		{"2026-11-24 22:59:59", "23:00", "2026-11-24 23:00:00"},
		{"2026-11-24 23:00:00", "23:00", "2026-11-25 23:00:00"},
		{"2026-12-31 23:30:00", "00:05", "2027-01-01 00:05:00"},
	} {
		require.True(t, nextDaily(at(v.now), v.hhmm).Equal(at(v.want)), v.now)
	}
}
