package acquirer

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// stateRow is one line of the table in docs/states.md.
type stateRow struct{ state, event, next, answer, owed string }

func stateTable(t *testing.T) []stateRow {
	t.Helper()
	page, err := os.ReadFile("../docs/states.md")
	require.NoError(t, err)
	var rows []stateRow
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || strings.Contains(line, "---") || strings.TrimSpace(cells[1]) == "state" {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, stateRow{cells[1], cells[2], cells[3], cells[4], cells[5]})
	}
	return rows
}

// pairs that can meet; the table must have each of them once, and no other.
func wantedPairs() map[string]bool {
	always := []string{"debit", "undo", "restart", "listed", "unlisted", "paid out", "not paid"}
	more := map[string][]string{
		"-":         {"late yes", "late no"},
		"sent":      {"other", "yes", "no", "unknown", "silence", "unsent", "overdue"},
		"approved":  {"other", "yes", "no", "unknown", "silence", "late yes", "late no"},
		"declined":  {"other", "late yes", "late no"},
		"reversing": {"other", "yes", "no", "late yes", "late no", "done", "again"},
		"reversed":  {"other", "late yes", "late no"},
		"tombstone": {"other"}, "settled": {"other"}, "paying": {"other"}, "paid": {"other"},
	}
	out := make(map[string]bool)
	for state, events := range more {
		for _, e := range append(events, always...) {
			out[state+"/"+e] = true
		}
	}
	return out
}

func TestStateTable(t *testing.T) {
	wanted := wantedPairs()
	for _, row := range stateTable(t) {
		pair := row.state + "/" + row.event
		require.True(t, wanted[pair], "%s is there twice, or cannot be", pair)
		delete(wanted, pair)
		t.Run(strings.ReplaceAll(pair, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { meet(t, row) })
		})
	}
	require.Empty(t, wanted, "pairs without a row")
}

// meet puts a row into the state, lets the event happen and compares with the table.
func meet(t *testing.T, want stateRow) {
	w := newWorld(t)
	r := w.request(t, 1, 1234)
	sent := w.rowIn(t, r, want.state)
	answer := w.happen(t, r, sent, want.event)
	if want.answer == "-" {
		want.answer = ""
	}
	require.Equal(t, want.answer, answer, "answer")
	next, owed := "-", "-"
	if rows := w.mem.all(); len(rows) > 0 {
		require.Len(t, rows, 1)
		next = rows[0].State.String()
	}
	for _, r := range w.mem.queue {
		switch {
		case want.state == "reversing" && want.event != "again": // owed before
		case r.Due.After(time.Now()):
			owed = "0420 later"
		default:
			owed = "0420"
		}
	}
	require.Equal(t, want.next, next, "next state")
	require.Equal(t, want.owed, owed, "owed")
}

// rowIn brings the journal's row for r into a state as the flows would, and returns the row as it was when Sent.
func (w *world) rowIn(t *testing.T, r DebitRequest, state string) *Transaction {
	if state == "-" {
		return nil
	}
	if state == "tombstone" {
		undo(t, w, r.STAN)
		return nil
	}
	draft, err := w.draft(r)
	require.NoError(t, err)
	require.NoError(t, w.identify(draft))
	draft.State, draft.Deadline = Sent, draft.Opened.Add(w.Limits.HostTimeout)
	draft.Host = HostKey{HostTime(draft.Opened), draft.ID.STAN()}
	require.NoError(t, w.open(t.Context(), draft, EventSend, ""))
	sent := *draft
	outcomes := map[string]outcome{
		"approved": judge(Authorization{Code: "00"}, nil), "declined": judge(Authorization{Code: "51"}, nil),
		"reversing": judge(Authorization{}, ErrUnknown), "reversed": judge(Authorization{}, ErrUnknown),
		"settled": judge(Authorization{Code: "00"}, nil), "paying": judge(Authorization{Code: "00"}, nil), "paid": judge(Authorization{Code: "00"}, nil),
	}
	o, moved := outcomes[state]
	if !moved {
		return &sent
	}
	row, err := w.conclude(t.Context(), draft, o)
	require.NoError(t, err)
	w.further(t, row, state)
	return &sent
}

// further moves an approved row along settlement, and a reversing one to its end.
func (w *world) further(t *testing.T, row *Transaction, state string) {
	for _, s := range []State{Settled, Paying, Paid} {
		if target, _ := ParseState(state); target >= s && row.State >= Approved && state != "reversing" && state != "reversed" && state != "approved" {
			next := *row
			next.State = s
			var p *PayoutRecord
			if s == Paying || s == Paid {
				p = &PayoutRecord{Transaction: row.ID, State: map[State]PayoutState{Paying: PayoutOwed, Paid: PayoutDone}[s], Date: row.ID.Date(), Amount: row.Amount,
					CardVersion: row.Payee.CardVersion, Attempt: 1}
			}
			require.NoError(t, w.mem.Move(t.Context(), row, &next, Change{Payout: p}))
			row = &next
		}
	}
	if state == "reversed" {
		w.runQueue(t, "25")
	}
}

// runQueue sends what is owed once, the host answering with code.
func (w *world) runQueue(t *testing.T, code ResponseCode) {
	w.net.reverse = undone(code)
	for _, r := range w.mem.queue {
		require.NoError(t, w.reverse(t.Context(), r))
	}
}

// happen lets one event meet the row and returns F39 to the terminal, if one goes there.
func (w *world) happen(t *testing.T, r DebitRequest, sent *Transaction, event string) string {
	host := map[string]outcome{
		"yes": judge(Authorization{Code: "00"}, nil), "no": judge(Authorization{Code: "51"}, nil),
		"unknown": judge(Authorization{Code: "96"}, nil), "unsent": judge(Authorization{}, ErrNotSent),
		"silence": judge(Authorization{}, ErrUnknown),
	}
	switch event {
	case "debit":
		return w.debitAgain(t, r, sent)
	case "other":
		r.Amount++
		tx, err := w.Debit(t.Context(), r, nothing)
		if err != nil {
			return string(CodeOf(err))
		}
		return string(tx.Code)
	case "undo":
		undo(t, w, r.STAN)
		return "00"
	case "yes", "no", "unknown", "silence", "unsent":
		row, err := w.conclude(t.Context(), sent, host[event])
		require.NoError(t, err)
		return string(row.Code)
	case "late yes", "late no":
		key := HostKey{"1124120000", 1}
		if sent != nil {
			key = sent.Host
		}
		code := map[string]ResponseCode{"late yes": "00", "late no": "51"}[event]
		require.NoError(t, w.LateAnswer(t.Context(), key, Authorization{Code: code}))
	case "restart":
		found, err := w.Recover(t.Context())
		require.NoError(t, err)
		if found == 1 {
			return string(w.mem.all()[0].Code)
		}
	case "overdue":
		time.Sleep(time.Until(sent.Deadline) + overdueGrace)
		require.NoError(t, w.abandon(t.Context(), sent, EventOverdue))
		return string(w.mem.all()[0].Code)
	case "listed":
		w.upload(t, BatchLine{STAN: r.STAN, Card: r.Card, Amount: r.Amount})
	case "unlisted":
		w.upload(t)
	case "paid out", "not paid":
		w.toldOfPayout(t, map[string]ResponseCode{"paid out": "", "not paid": "42"}[event])
	case "done":
		w.runQueue(t, "00")
	case "again":
		w.runQueue(t, "12")
	default:
		t.Fatalf("no event %q", event)
	}
	return ""
}

// toldOfPayout has the host tell twice what became of the money, which is answered 00 whatever the state. What was not to be expected
// is on the worklist, once.
func (w *world) toldOfPayout(t *testing.T, code ResponseCode) {
	c := w.Config
	c.Settlement.Ledger = w.mem
	a := Payout{RRN: NewID(20261124, 99).RRN(), Amount: 1234, Date: 20261124, Code: code}
	state := State(0)
	if rows := w.mem.all(); len(rows) > 0 {
		a.RRN, a.Amount, a.Debit, state = rows[0].RRN(), rows[0].Amount, rows[0].Host, rows[0].State
	}
	for range 2 {
		told, err := New(c).PaidOut(t.Context(), a)
		require.NoError(t, err)
		require.Equal(t, CodeApproved, told)
	}
	expected := code == "" && (state == Paying || state == Paid)
	if expected {
		require.Empty(t, w.mem.ledger.worklist)
		return
	}
	require.Len(t, w.mem.ledger.worklist, 1)
	kind := PayoutUnknown
	if state == Paying {
		kind = PayoutRefused
	}
	require.Equal(t, kind, w.mem.ledger.worklist[0].Kind)
}

// debitAgain sends the same 0200; when it only waits, that is the answer.
func (w *world) debitAgain(t *testing.T, r DebitRequest, sent *Transaction) string {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if rows := w.mem.all(); len(rows) == 1 && rows[0].State == Sent {
		fl, own, _ := w.flights.join(sent.Key, w.printOf(sent)) // the first is under way
		require.True(t, own)
		answered := make(chan error, 1)
		go func() { _, err := w.Debit(ctx, r, nothing); answered <- err }()
		synctest.Wait()
		require.Empty(t, answered)
		row, err := w.conclude(ctx, sent, judge(Authorization{Code: "00"}, nil))
		require.NoError(t, err)
		require.Equal(t, Approved, row.State)
		w.flights.land(sent.Key, fl)
		require.NoError(t, <-answered)
		restored := *sent // the table asks for the row while it waits
		w.mem.rows[sent.ID] = restored
		return "wait"
	}
	tx, err := w.Debit(ctx, r, nothing)
	require.NoError(t, err)
	return string(tx.Code)
}
