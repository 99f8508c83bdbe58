package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// teller writes payments by hand, on a clock of its own.
type teller struct {
	t   *testing.T
	db  *store.DB
	now time.Time
	tx  *acquirer.Transaction
}

func newTeller(t *testing.T) *teller {
	dir := t.TempDir()
	master, err := hsm.CreateMasterKey(filepath.Join(dir, "master.key"))
	require.NoError(t, err)
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "switch.db"), Vault: hsm.New(master)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &teller{t: t, db: db, now: time.Date(2026, 11, 22, 12, 0, 0, 0, acquirer.Beijing)}
}

func (w *teller) notifier() *acquirer.Notifier {
	n, err := newNotifier(defaultConfig(), w.db)
	require.NoError(w.t, err)
	return n
}

// open writes a new row.
func (w *teller) open(s acquirer.State, e acquirer.Event, detail string, with func(*acquirer.Transaction)) {
	w.t.Helper()
	id, err := w.db.NewID(w.now)
	require.NoError(w.t, err)
	card, err := acquirer.ParsePAN(goodCard)
	require.NoError(w.t, err)
	payer, err := acquirer.ParseMSISDN(payerOne)
	require.NoError(w.t, err)
	payee, err := acquirer.ParseMSISDN(payeeOne)
	require.NoError(w.t, err)
	w.tx = &acquirer.Transaction{ID: id, State: s, Amount: 1234, Payer: payer, PayeeNumber: payee, PayeeName: "王*明", Card: card,
		Key:    acquirer.TerminalKey{Date: acquirer.DateOf(w.now), Merchant: "898110000000001", Terminal: "10000001", Batch: 7, STAN: id.STAN()},
		Expiry: "3012", EntryMode: "021", Payee: acquirer.PayeeRef{ID: 1, CardVersion: 1}, Opened: w.now, Deadline: w.now.Add(30 * time.Second),
		Host: acquirer.HostKey{Time: acquirer.HostTime(w.now), STAN: id.STAN()}}
	copy(w.tx.Token[:], id.RRN())
	if with != nil {
		with(w.tx)
	}
	require.NoError(w.t, w.db.Open(context.Background(), w.tx, acquirer.Change{At: w.now, Event: e, Detail: detail}))
}

// send writes a debit that is on its way to the host.
func (w *teller) send() { w.open(acquirer.Sent, acquirer.EventSend, "", nil) }

// move lets time pass and writes a move; a move to Reversing from elsewhere owes a reversal, an approval a notice.
func (w *teller) move(after time.Duration, s acquirer.State, e acquirer.Event, detail string, with func(*acquirer.Transaction)) {
	w.t.Helper()
	w.now = w.now.Add(after)
	next := *w.tx
	next.State = s
	if with != nil {
		with(&next)
	}
	c := acquirer.Change{At: w.now, Event: e, Detail: detail}
	if s == acquirer.Approved && w.tx.State == acquirer.Sent {
		c.Notices = []acquirer.Notice{{Transaction: w.tx.ID, Kind: acquirer.NoticeDebited, Created: w.now}}
	}
	if s == acquirer.Reversing && w.tx.State != s {
		id, err := w.db.NewID(w.now)
		require.NoError(w.t, err)
		c.Reversal = &acquirer.Reversal{ID: id, Transaction: w.tx.ID, Reason: "98", Due: w.now,
			Host: acquirer.HostKey{Time: acquirer.HostTime(w.now), STAN: id.STAN()}}
		if w.tx.State == acquirer.Approved {
			c.Withdraw = acquirer.NoticeDebited
		}
	}
	if s == acquirer.Reversed {
		r, err := w.db.ReversalOf(context.Background(), w.tx.ID)
		require.NoError(w.t, err)
		c.Finished = r.ID
	}
	require.NoError(w.t, w.db.Move(context.Background(), w.tx, &next, c))
	w.tx = &next
}

// answered fixes the answer to the terminal.
func (w *teller) answered(code acquirer.ResponseCode) func(*acquirer.Transaction) {
	return func(t *acquirer.Transaction) { t.Code, t.Answered = code, w.now }
}

// yes is the host's approval.
func (w *teller) yes(t *acquirer.Transaction) {
	t.HostCode, t.AuthCode, t.SettleDate = "00", "A12345", "1123"
	if t.Code == "" {
		t.Code, t.Answered = "00", w.now
	}
}

// plot writes one payment.
type plot struct {
	name string
	tell func()
}

// plots are payments that end in every way that there is.
func (w *teller) plots() []plot { return append(w.plotsOfUndos(), w.plotsOfEnds()...) }

func (w *teller) plotsOfUndos() []plot {
	return []plot{
		{"approved", func() {
			w.send()
			w.move(312*time.Millisecond, acquirer.Approved, acquirer.EventApprove, "", w.yes)
		}},
		{"undone after the approval, and the host is silent", func() {
			w.send()
			w.move(time.Second, acquirer.Approved, acquirer.EventApprove, "", w.yes)
			w.move(4*time.Second, acquirer.Reversing, acquirer.EventUndo, "reason 98", w.answered("98"))
			r, err := w.db.ReversalOf(context.Background(), w.tx.ID)
			require.NoError(w.t, err)
			r.Tries, r.HostCode, r.Due = 6, "96", w.now.Add(5*time.Minute)
			require.NoError(w.t, w.db.Reschedule(context.Background(), r))
			w.move(time.Minute, acquirer.Reversing, acquirer.EventRepeat, "host answered 96", func(t *acquirer.Transaction) {
				t.Exception = "reversal unanswered after 6 tries"
			})
		}},
		{"undone while it was at the host", func() {
			w.send()
			w.move(2*time.Second, acquirer.Sent, acquirer.EventUndo, "reason 06", func(t *acquirer.Transaction) {
				t.UndoWanted, t.Code, t.Answered = true, "98", w.now
			})
			w.move(time.Second, acquirer.Reversing, acquirer.EventApprove, "", w.yes)
			w.move(time.Second, acquirer.Reversed, acquirer.EventReversed, "host answered 00", nil)
		}},
		{"no answer in time, and a late one", func() {
			w.send()
			w.move(30*time.Second, acquirer.Reversing, acquirer.EventUnknown, "context deadline exceeded", w.answered("98"))
			w.move(10*time.Second, acquirer.Reversing, acquirer.EventLateAnswer, "host answered 00", func(t *acquirer.Transaction) { t.HostCode = "00" })
			w.move(time.Second, acquirer.Reversed, acquirer.EventReversed, "host answered 00", nil)
		}},
		{"the switch was killed", func() {
			w.send()
			w.move(3*time.Second, acquirer.Reversing, acquirer.EventRestart, "", w.answered("98"))
		}},
	}
}

func (w *teller) plotsOfEnds() []plot {
	return []plot{
		{"declined by the host", func() {
			w.send()
			w.move(200*time.Millisecond, acquirer.Declined, acquirer.EventDecline, "", func(t *acquirer.Transaction) {
				t.HostCode, t.Code, t.Answered = "51", "51", w.now
			})
		}},
		{"no link", func() {
			w.send()
			w.move(time.Millisecond, acquirer.Declined, acquirer.EventNotSent, "nothing was sent", w.answered("91"))
		}},
		{"at the host", w.send},
		{"refused by the switch", func() {
			w.open(acquirer.Declined, acquirer.EventRefused, "switch.Debit: F39 31", func(t *acquirer.Transaction) {
				t.Code, t.Answered, t.Token, t.Host, t.Deadline = "31", w.now, acquirer.TokenID{}, acquirer.HostKey{}, time.Time{}
			})
		}},
		{"an undo of a debit never seen", func() {
			w.open(acquirer.Tombstone, acquirer.EventUndo, "no such debit yet; reason 98", func(t *acquirer.Transaction) {
				*t = acquirer.Transaction{ID: t.ID, State: t.State, Key: t.Key, Amount: t.Amount, Opened: w.now, Answered: w.now, Code: "98"}
			})
		}},
		{"paid, and then an undo", func() {
			w.send()
			w.move(time.Second, acquirer.Approved, acquirer.EventApprove, "", w.yes)
			w.move(time.Hour, acquirer.Settled, "settle", "in balance", nil)
			w.move(time.Minute, acquirer.Paying, "pay", "", nil)
			w.move(time.Minute, acquirer.Paid, "paid", "", nil)
			w.move(time.Hour, acquirer.Paid, acquirer.EventUndoLate, "reason 98", func(t *acquirer.Transaction) {
				t.Exception = "undo after settlement: a refund is owed"
			})
		}},
		{"in the terminal's batch", func() {
			w.send()
			w.move(time.Second, acquirer.Approved, acquirer.EventApprove, "", w.yes)
			w.move(time.Hour, acquirer.Approved, acquirer.EventListed, "", func(t *acquirer.Transaction) { t.Confirmed = true })
		}},
		{"not in the terminal's batch", func() {
			w.send()
			w.move(time.Second, acquirer.Approved, acquirer.EventApprove, "", w.yes)
			w.move(time.Hour, acquirer.Reversing, acquirer.EventUnlisted, "", w.answered("98"))
		}},
		{"not in the terminal's batch, at the host", func() {
			w.send()
			w.move(time.Second, acquirer.Sent, acquirer.EventUnlisted, "", func(t *acquirer.Transaction) {
				t.UndoWanted, t.Code, t.Answered = true, "98", w.now
			})
		}},
		{"in the terminal's batch with another amount", func() {
			w.send()
			w.move(time.Second, acquirer.Approved, acquirer.EventApprove, "", w.yes)
			const why = "the terminal's batch lists it with another amount"
			w.move(time.Hour, acquirer.Approved, acquirer.EventListed, why, func(t *acquirer.Transaction) { t.Exception = why })
		}},
	}
}

// Every kind of payment is told as a person should read it, with nothing in it that must not be shown.
func TestPaymentStories(t *testing.T) {
	w := newTeller(t)
	var out strings.Builder
	for _, p := range w.plots() {
		w.now = w.now.Truncate(time.Minute).Add(10 * time.Minute)
		p.tell()
		f, err := readPayment(t.Context(), w.db, w.notifier(), w.tx.ID)
		require.NoError(t, err)
		out.WriteString("===== " + p.name + "\n")
		require.NoError(t, writeStory(&out, f))
		j, err := json.Marshal(f.show())
		require.NoError(t, err)
		requireMasked(t, string(j))
	}
	requireMasked(t, out.String())
	const path = "testdata/stories.golden"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func requireMasked(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{goodCard, payerOne, payeeOne, "3012"} {
		require.NotContains(t, text, secret)
	}
}

// The JSON of one payment: what a program finds beside the stored steps.
func TestPaymentJSON(t *testing.T) {
	w := newTeller(t)
	w.plots()[1].tell()
	f, err := readPayment(t.Context(), w.db, w.notifier(), w.tx.ID)
	require.NoError(t, err)
	p := f.show()
	require.Equal(t, "reversing", p.State)
	require.Equal(t, &reversalJSON{State: "queued", STAN: "000002", HostTime: "1122120005", Reason: "98", Tries: 6,
		Due: "2026-11-22T12:05:05.000+08:00", HostCode: "96"}, p.Reversal)
	require.Len(t, p.Notices, 1)
	require.Equal(t, string(f.RRN())+"-1", p.Notices[0].ID)
	require.True(t, p.Notices[0].Withdrawn)
	require.Equal(t, "debited", p.Notices[0].Kind)
	n := acquirer.Notice{Transaction: w.tx.ID, Kind: acquirer.NoticeUndone}
	letter, err := w.notifier().Show(t.Context(), n)
	require.NoError(t, err)
	undone := showNotice(n, letter)
	require.Equal(t, "undone", undone.Kind)
	require.Equal(t, w.tx.Payer.Masked(), undone.To)
	require.Contains(t, undone.Text, "11月22日12:00")
	require.Contains(t, undone.Text, "已撤销")
	require.Len(t, p.Steps, 4)
	require.Equal(t, []string{"payer"}, p.Steps[1].NoticesTo)
	require.Equal(t, "000002", p.Steps[2].Reversal)
	require.EqualValues(t, 5000, p.Steps[2].AfterMS)
	for i, s := range p.Steps {
		require.EqualValues(t, i+1, s.Seq)
		require.NotEmpty(t, s.Story)
	}
	w.move(time.Minute, acquirer.Reversed, acquirer.EventReversed, "host answered 25", nil)
	f, err = readPayment(t.Context(), w.db, w.notifier(), w.tx.ID)
	require.NoError(t, err)
	require.Equal(t, "finished", f.show().Reversal.State)
	require.Equal(t, "2026-11-22T12:02:05.000+08:00", f.show().Reversal.Finished)
}
