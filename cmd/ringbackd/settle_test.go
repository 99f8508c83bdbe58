package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// printed runs a verb and returns what it wrote to standard output.
func printed(t *testing.T, config string, args ...string) (string, error) {
	t.Helper()
	return captured(func() error { return runAs(t.Context(), t, thisCaller(), config, args...) })
}

// confirm says that a terminal has spoken for every approved debit.
func (w *world) confirm() {
	for _, x := range w.rows() {
		if x.State != acquirer.Approved || x.Confirmed {
			continue
		}
		next := *x
		next.Confirmed = true
		require.NoError(w.t, w.app.db.Move(w.t.Context(), x, &next, acquirer.Change{At: time.Now(), Event: "listed"}))
	}
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
// a debit without its terminal's word waits, and keeps the host from paying on its own word.
func TestSettleADay(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term := w.terminal("10000001")
	for _, fen := range []int64{1200, 3400} {
		_, err := term.Pay(t.Context(), payment(fen), holder{[]string{"123456"}})
		require.NoError(t, err)
	}
	out := w.settle("--wait=8s")
	require.Equal(t, "by the host", out.CutOff)
	require.Equal(t, "in balance", out.Balance)
	require.Equal(t, sumJSON{2, 4600}, out.OurDebits)
	require.Equal(t, out.OurDebits, out.HostDebits)
	require.Equal(t, sumJSON{1, 1200}, out.Settled, "the second debit is the terminal's word for the first")
	require.Equal(t, sumJSON{1, 3400}, out.Waiting)
	require.Equal(t, "the terminal has not been heard since", out.Waits[0].Why)
	_, held := w.balance(goodCard)
	require.Equal(t, int64(4600), held, "nothing is paid while something waits")

	w.confirm()
	out = w.settle("--date", out.Date)
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
	w.stopSwitch()
	require.NoError(t, runAs(t.Context(), t, thisCaller(), w.config(), "audit"))
	_, err := printed(t, w.config(), "settle", "--date", out.Date)
	require.ErrorContains(t, err, "no switch serves")
	w.startSwitch()
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
