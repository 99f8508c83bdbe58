package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
)

// payTo pays another demo payee than the first.
func payTo(t *testing.T, term *emulator.Terminal, payee string, fen int64) {
	t.Helper()
	p := payment(fen)
	p.Payee = payee
	_, err := term.Pay(t.Context(), p, holder{[]string{"123456"}})
	require.NoError(t, err)
}

// A day of two terminals and three payees. One debit is undone, for the host never answered; one waits, for its terminal has said nothing
// since. While it waits nobody is paid on the host's word alone; when its terminal has settled, all are, once, and told.
func TestDayOfTwoTerminals(t *testing.T) {
	w := newWorld(t, 2*time.Second)
	slips := func(c *emulator.Config) { c.Slips = true }
	one, two := w.terminal("10000001", slips), w.terminal("10000002", slips)
	cards := map[string]string{payeeOne: "6217000000000000012", "13800138002": "6228480000000000018", "13800138003": "6216610000000000016"}
	payTo(t, one, payeeOne, 1200)
	payTo(t, one, "13800138002", 3400)
	_, err := one.Pay(t.Context(), payment(9801), holder{[]string{"123456"}})
	var refused *emulator.Error
	require.True(t, errors.As(err, &refused), "the host debits and is silent: %v", err)
	require.Equal(t, "98", refused.Code)
	payTo(t, two, "13800138003", 700)
	w.settled()
	batch, err := one.Settle(t.Context())
	require.NoError(t, err)
	require.True(t, batch.Agreed)
	require.Equal(t, int64(4600), batch.AmountFen)

	out := w.settle("--wait=6s")
	require.Equal(t, sumJSON{1, 700}, out.Waiting)
	require.Equal(t, "the terminal has not been heard since", out.Waits[0].Why)
	require.Equal(t, sumJSON{1, 9801}, out.Undone)
	require.Equal(t, acquirer.Fen(4600), out.Settled.AmountFen+out.Paying.AmountFen+out.Paid.AmountFen)
	require.Equal(t, sumJSON{4, 1200 + 3400 + 9801 + 700}, out.OurDebits)
	require.Equal(t, sumJSON{1, 9801}, out.OurReversals)
	require.Equal(t, out.OurDebits, out.HostDebits)
	require.Equal(t, out.OurReversals, out.HostReversals)
	third, _ := w.balance(cards["13800138003"])
	require.Zero(t, third)

	batch, err = two.Settle(t.Context())
	require.NoError(t, err)
	require.True(t, batch.Agreed)
	out = w.settle("--date", out.Date)
	require.Equal(t, sumJSON{3, 5300}, out.Paid, "%+v", out)
	require.Empty(t, out.Waits)
	require.Empty(t, out.Discrepancies)
	w.compareDay(cards)
	w.stopSwitch()
	require.NoError(t, runAs(t.Context(), t, thisCaller(), w.config(), "audit"))
	w.startSwitch()
}

// compareDay compares our books with the host's ledger: who was paid what, what the payer has less, and who was told.
func (w *world) compareDay(cards map[string]string) {
	w.t.Helper()
	paid, spent := map[string]int64{}, int64(0)
	for _, x := range w.rows() {
		told, err := w.app.db.NoticesAbout(w.t.Context(), int64(x.ID))
		require.NoError(w.t, err)
		kinds := map[acquirer.NoticeKind]int{}
		for _, n := range told {
			kinds[n.Kind]++
		}
		if x.State != acquirer.Paid {
			require.Equal(w.t, acquirer.Reversed, x.State)
			require.Zero(w.t, kinds[acquirer.NoticePaidOut])
			continue
		}
		require.Equal(w.t, 1, kinds[acquirer.NoticePaidOut])
		paid[cards[x.PayeeNumber.Reveal()]] += int64(x.Amount)
		spent += int64(x.Amount)
	}
	for _, card := range cards {
		has, _ := w.balance(card)
		require.Equal(w.t, paid[card], has, "our books and the host's ledger")
	}
	left, held := w.balance(goodCard)
	require.Equal(w.t, int64(100_000_000)-spent, left)
	require.Zero(w.t, held)
}
