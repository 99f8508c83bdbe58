package store

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func payoutOf(tx *acquirer.Transaction, s acquirer.PayoutState) *acquirer.PayoutRecord {
	return &acquirer.PayoutRecord{Transaction: tx.ID, State: s, Date: 20261124, Amount: tx.Amount, CardVersion: 2, Attempt: 1, At: noon}
}

func settlementOf(date acquirer.Date) *acquirer.SettlementDay {
	return &acquirer.SettlementDay{Date: date, Stage: acquirer.SettlementWanted, Asked: noon, Note: "x", Hash: [32]byte{1}}
}

func TestSettlementIsCompareAndSet(t *testing.T) {
	db := openNew(t)
	_, err := db.Settlement(t.Context(), 20261124)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	s := settlementOf(20261124)
	require.NoError(t, db.SaveSettlement(t.Context(), s))
	require.ErrorIs(t, db.SaveSettlement(t.Context(), settlementOf(20261124)), acquirer.ErrStale, "it is there")
	old := *s
	s.Stage, s.Ended, s.CutOff, s.File, s.Hash, s.Lines = acquirer.SettlementTold, noon.Add(time.Second), "c", "f", [32]byte{1, 31: 2}, 3
	s.Ours = acquirer.SettlementTotals{Debits: acquirer.Sum{Count: 1, Fen: 2}, DebitReversals: acquirer.Sum{Count: 3, Fen: 4}}
	s.Theirs = acquirer.SettlementTotals{Debits: acquirer.Sum{Count: 5, Fen: 6}, DebitReversals: acquirer.Sum{Count: 7, Fen: 8}}
	s.Whole, s.Staged, s.Balance = true, true, acquirer.OutOfBalance
	owed, err := db.OwedSettlements(t.Context())
	require.NoError(t, err)
	require.Len(t, owed, 1)
	require.NoError(t, db.SaveSettlement(t.Context(), s))
	require.ErrorIs(t, db.SaveSettlement(t.Context(), &old), acquirer.ErrStale, "it has moved on")
	got, err := db.Settlement(t.Context(), 20261124)
	require.NoError(t, err)
	s.Asked, s.Ended = timeOf(micros(s.Asked)), timeOf(micros(s.Ended))
	require.Equal(t, s, got)
	owed, err = db.OwedSettlements(t.Context())
	require.NoError(t, err)
	require.Empty(t, owed)
}

// Lines go with the settlement's row or not at all; the same page again is no other.
func TestStagedLines(t *testing.T) {
	db := openNew(t)
	a, b := opened(t, db, noon), opened(t, db, noon)
	s := settlementOf(20261124)
	require.NoError(t, db.SaveSettlement(t.Context(), s))
	page := []acquirer.StagedLine{{Date: s.Date, Number: 1, Kind: acquirer.LineDebit, Transaction: a.ID, Amount: 5},
		{Date: s.Date, Number: 2, Kind: acquirer.LineReversal, Transaction: b.ID, Amount: 6}, {Date: s.Date, Number: 3, Kind: acquirer.LineDebit}}
	stale := *s
	require.NoError(t, db.StageLines(t.Context(), s, page))
	require.ErrorIs(t, db.StageLines(t.Context(), &stale, []acquirer.StagedLine{{Date: s.Date, Number: 9}}), acquirer.ErrStale)
	require.Equal(t, 3, count(t, db, "clearing_line"))
	got, err := db.LinesOf(t.Context(), a.ID, b.ID)
	require.NoError(t, err)
	require.Equal(t, page[:2], got)
	got, err = db.LinesOf(t.Context(), b.ID, b.ID)
	require.NoError(t, err)
	require.Equal(t, page[1:2], got)
	require.NoError(t, db.DropLines(t.Context(), s))
	require.Zero(t, count(t, db, "clearing_line"))
}

// A row belongs to a date by the host's F15 or by the host's list, within the days around it.
func TestRowsOfASettlementDate(t *testing.T) {
	db := openNew(t)
	day := acquirer.DateOf(noon)
	var want []acquirer.ID
	for _, v := range []struct {
		shift  int // days
		f15    string
		listed bool
		in     bool
	}{
		{0, day.F15(), false, true}, {0, day.After().F15(), false, false}, {0, "", true, true}, {0, "", false, false},
		{-settleBack, day.F15(), false, true}, {-settleBack - 1, day.F15(), false, false},
		{settleAhead, day.F15(), false, true}, {settleAhead + 1, day.F15(), false, false},
	} {
		tx := opened(t, db, noon.AddDate(0, 0, v.shift))
		next := *tx
		next.State, next.SettleDate = acquirer.Approved, v.f15
		require.NoError(t, db.Move(t.Context(), tx, &next, approve(tx.ID)))
		if v.listed {
			s := settlementOf(day)
			require.NoError(t, db.StageLines(t.Context(), s, []acquirer.StagedLine{{Date: day, Number: 1, Kind: acquirer.LineDebit, Transaction: tx.ID}}))
		}
		if v.in {
			want = append(want, tx.ID)
		}
	}
	var got []acquirer.ID
	for after := acquirer.ID(0); ; {
		page, err := db.RowsOf(t.Context(), day, after, 2)
		require.NoError(t, err)
		for _, tx := range page {
			got, after = append(got, tx.ID), tx.ID
		}
		if len(page) < 2 {
			break
		}
	}
	require.ElementsMatch(t, want, got)
	require.IsIncreasing(t, got)
}

// disputed is a payment with a discrepancy about it, and one about none.
func disputed(t testing.TB, db *DB) *acquirer.Transaction {
	t.Helper()
	tx := opened(t, db, noon)
	tx = moved(t, db, tx, acquirer.Approved, approve(tx.ID))
	c := change(acquirer.EventDisputed)
	c.Discrepancy = &acquirer.Discrepancy{Kind: acquirer.OursOnly, Date: 20261124, Subject: fmt.Sprint(tx.ID), Transaction: tx.ID,
		RRN: tx.RRN(), Ours: tx.Amount, Opened: noon, Why: "w"}
	tx = moved(t, db, tx, acquirer.Approved, c)
	other := &acquirer.Discrepancy{Kind: acquirer.TheirsOnly, Date: 20261124, Subject: "1124120000/000009", Theirs: 7, Opened: noon, Why: "v"}
	require.NoError(t, db.OpenDiscrepancy(t.Context(), other))
	require.NoError(t, db.OpenDiscrepancy(t.Context(), other), "it is there")
	return tx
}

func TestWorklist(t *testing.T) {
	db := openNew(t)
	tx := disputed(t, db)
	all, err := db.Discrepancies(t.Context(), 0, false, 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []int64{1, 2}, []int64{all[0].ID, all[1].ID})
	require.Equal(t, tx.ID, all[0].Transaction)
	mine, err := db.DiscrepanciesOf(t.Context(), tx.ID)
	require.NoError(t, err)
	require.Equal(t, all[:1], mine)

	r := acquirer.Resolved{Discrepancy: 2, Subject: all[1].Subject, As: acquirer.Refunded, Why: "y", Who: "alice", Line: 3, At: noon}
	wrong := r
	wrong.Subject = all[0].Subject
	require.ErrorIs(t, db.Resolve(t.Context(), wrong), acquirer.ErrStale, "of another")
	require.NoError(t, db.Resolve(t.Context(), r))
	require.ErrorIs(t, db.Resolve(t.Context(), r), acquirer.ErrStale, "closed is closed")
	c := change(acquirer.EventResolved)
	c.Resolved = &acquirer.Resolved{Discrepancy: 1, Subject: all[0].Subject, As: acquirer.HostCorrects, Who: "bob", At: noon}
	moved(t, db, tx, acquirer.Approved, c)

	open, err := db.Discrepancies(t.Context(), 0, false, 0, 10)
	require.NoError(t, err)
	require.Empty(t, open)
	closed, err := db.Discrepancies(t.Context(), 20261124, true, 1, 10)
	require.NoError(t, err)
	require.Len(t, closed, 1)
	r.At = timeOf(micros(r.At))
	require.Equal(t, &r, closed[0].Closed)
	_, err = db.Discrepancy(t.Context(), 3)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	none, err := db.Discrepancies(t.Context(), 20261125, true, 0, 10)
	require.NoError(t, err)
	require.Empty(t, none)
}

// settledFile is a journal with a row in each table of the settlement.
func settledFile(t *testing.T) []byte {
	path := newPath(t)
	db := openAt(t, path)
	require.NoError(t, db.SaveSettlement(t.Context(), settlementOf(20261124)))
	disputed(t, db)
	require.NoError(t, db.Resolve(t.Context(), acquirer.Resolved{Discrepancy: 2, Subject: "1124120000/000009", As: acquirer.Refunded, At: noon}))
	tx := opened(t, db, noon)
	for _, s := range []acquirer.State{acquirer.Approved, acquirer.Settled, acquirer.Paying, acquirer.Paid} {
		c := change(acquirer.EventPay)
		switch s {
		case acquirer.Approved:
			c = approve(tx.ID)
		case acquirer.Paying:
			c.Payout = payoutOf(tx, acquirer.PayoutOwed)
		case acquirer.Paid:
			c.Payout = payoutOf(tx, acquirer.PayoutDone)
		}
		tx = moved(t, db, tx, s, c)
	}
	p, err := db.Payout(t.Context(), tx.ID)
	require.NoError(t, err)
	require.Equal(t, acquirer.PayoutDone, p.State)
	require.NoError(t, db.Close())
	sound(t, path)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return file
}

// No column of what was decided about money can be altered, and no row taken away, unseen.
func TestAuditOfSettlement(t *testing.T) {
	file := settledFile(t)
	v := victims{file: file}
	for _, table := range []string{"settlement", "discrepancy", "resolution", "payout"} {
		for _, c := range columns(t, table) {
			r := v.after(t, fmt.Sprintf("UPDATE %s SET %s = %s WHERE rowid = (SELECT min(rowid) FROM %s)", table, c.name, c.other, table))
			require.NotEmpty(t, r.Breaks, "%s.%s", table, c.name)
		}
	}
	for name, text := range map[string]string{
		"payout gone":             "DELETE FROM payout",
		"payout of an open debit": "UPDATE txn SET state = 7 WHERE state = 9",
		"first discrepancy gone":  "DELETE FROM discrepancy WHERE id = 1",
		"resolution of another":   "UPDATE resolution SET discrepancy = 1",
		"discrepancies exchanged": "UPDATE discrepancy SET id = CASE id WHEN 1 THEN 5 ELSE 1 END; UPDATE discrepancy SET id = 2 WHERE id = 5",
	} {
		require.NotEmpty(t, v.after(t, text).Breaks, name)
	}
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, file, 0o600))
	raw(t, path, "UPDATE payout SET amount = amount + 1")
	db := openAt(t, path)
	var id acquirer.ID
	require.NoError(t, db.read.QueryRow("SELECT txn FROM payout").Scan(&id))
	_, err := db.Payout(t.Context(), id)
	require.True(t, errors.Is(err, ErrChain), "%v", err)
}

// A second request for another card is a notice of its own, and the audit proves both.
func TestSecondNewCardNotice(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	tx := opened(t, db, noon)
	tx = moved(t, db, tx, acquirer.Approved, approve(tx.ID))
	tx = moved(t, db, tx, acquirer.Settled, change(acquirer.EventAgreed))
	c := change(acquirer.EventPay)
	c.Payout = payoutOf(tx, acquirer.PayoutOwed)
	tx = moved(t, db, tx, acquirer.Paying, c)
	for copied := range 2 {
		c := change(acquirer.EventNotPaid)
		c.Notices = []acquirer.Notice{{Transaction: tx.ID, Kind: acquirer.NoticeNewCard, Copy: copied, Created: c.At}}
		tx = moved(t, db, tx, acquirer.Paying, c)
	}
	c = change(acquirer.EventNotPaid)
	c.Notices = []acquirer.Notice{{Transaction: tx.ID, Kind: acquirer.NoticePaidOut, Copy: 1, Created: c.At}}
	require.Error(t, db.Move(t.Context(), tx, tx, c), "of other kinds there is one")
	told, err := db.NoticesAbout(t.Context(), int64(tx.ID))
	require.NoError(t, err)
	require.Len(t, told, 3)
	sound(t, path)
	_, err = db.conn.ExecContext(t.Context(), "UPDATE outbox SET copy = 2 WHERE copy = 1")
	require.NoError(t, err)
	require.NotEmpty(t, audited(t, path).Breaks)
}

func TestChangeOfAnothersPayout(t *testing.T) {
	db := openNew(t)
	a, b := opened(t, db, noon), opened(t, db, noon)
	c := approve(a.ID)
	c.Payout = payoutOf(b, acquirer.PayoutOwed)
	next := *a
	next.State = acquirer.Approved
	require.Error(t, db.Move(t.Context(), a, &next, c))
	c.Payout, c.Discrepancy = nil, &acquirer.Discrepancy{Transaction: b.ID}
	require.Error(t, db.Move(t.Context(), a, &next, c))
}
