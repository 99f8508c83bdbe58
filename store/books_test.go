package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// bookedDay is a compared date with two agreed debits, of which one is being paid out.
func bookedDay(t *testing.T) (db *DB, path string, st *acquirer.SettlementDay, rows []*acquirer.Transaction) {
	path = newPath(t)
	db = openAt(t, path)
	st = settlementOf(acquirer.DateOf(noon))
	require.NoError(t, db.SaveSettlement(t.Context(), st))
	for i := range 2 {
		tx := opened(t, db, noon)
		next := *tx
		next.State, next.SettleDate, next.AuthCode, next.Code, next.Answered = acquirer.Approved, st.Date.F15(), "A", "00", noon
		require.NoError(t, db.Move(t.Context(), tx, &next, approve(tx.ID)))
		rows = append(rows, moved(t, db, &next, acquirer.Settled, change(acquirer.EventAgreed)))
		require.NoError(t, db.StageLines(t.Context(), st, []acquirer.StagedLine{{Date: st.Date, Number: int64(i + 1), Kind: acquirer.LineDebit,
			Transaction: tx.ID, Amount: tx.Amount}}))
	}
	c := change(acquirer.EventPay)
	c.Payout = payoutOf(rows[1], acquirer.PayoutOwed)
	rows[1] = moved(t, db, rows[1], acquirer.Paying, c)
	st.Stage, st.Staged, st.Lines, st.Ended = acquirer.SettlementTold, true, 2, st.Asked.Add(time.Second)
	require.NoError(t, db.SaveSettlement(t.Context(), st))
	return db, path, st, rows
}

func TestAuditDerivesTheBooks(t *testing.T) {
	db, path, st, rows := bookedDay(t)
	require.NoError(t, db.Close())
	r := sound(t, path)
	require.Len(t, r.Books, 1)
	b, amount := r.Books[0], rows[0].Amount
	require.Equal(t, st.Date, b.Date)
	require.Equal(t, acquirer.Sum{Count: 2, Fen: 2 * amount}, b.Agreed)
	require.Equal(t, b.Agreed, b.Listed)
	require.Zero(t, b.Payouts)
	require.Equal(t, -2*amount, b.Books[acquirer.PayeePayable].Balance())
	require.Equal(t, 2*amount, b.Books[acquirer.ProviderReceivable].Balance())
}

// What stands otherwise in the host's list is a break unless the worklist has it, or a run is owed that will put it there.
func TestAuditProvesTheBooks(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(*testing.T, *DB, *acquirer.SettlementDay, []*acquirer.Transaction)
		breaks int
	}{
		{"another amount", func(t *testing.T, db *DB, st *acquirer.SettlementDay, rows []*acquirer.Transaction) {
			relist(t, db, st, rows[0].ID, rows[0].Amount+1)
		}, 1},
		{"not listed", func(t *testing.T, db *DB, st *acquirer.SettlementDay, rows []*acquirer.Transaction) {
			relist(t, db, st, 0, 0)
		}, 1},
		{"lines were purged", func(t *testing.T, db *DB, st *acquirer.SettlementDay, _ []*acquirer.Transaction) {
			require.NoError(t, db.DropLines(t.Context(), st))
		}, 0},
		{"a run is owed", func(t *testing.T, db *DB, st *acquirer.SettlementDay, rows []*acquirer.Transaction) {
			relist(t, db, st, rows[0].ID, rows[0].Amount+1)
			st.Asked = st.Ended.Add(time.Second)
			require.NoError(t, db.SaveSettlement(t.Context(), st))
		}, 0},
		{"on the worklist", func(t *testing.T, db *DB, st *acquirer.SettlementDay, rows []*acquirer.Transaction) {
			relist(t, db, st, rows[0].ID, rows[0].Amount+1)
			d := change(acquirer.EventDisputed)
			d.Discrepancy = &acquirer.Discrepancy{Kind: acquirer.AmountDiffers, Date: st.Date, Subject: "x", Transaction: rows[0].ID, Opened: noon}
			moved(t, db, rows[0], acquirer.Settled, d)
		}, 0},
		{"a line of no payment", func(t *testing.T, db *DB, st *acquirer.SettlementDay, _ []*acquirer.Transaction) {
			foreignLine(t, db, st)
		}, 1},
		{"the same on the worklist", func(t *testing.T, db *DB, st *acquirer.SettlementDay, _ []*acquirer.Transaction) {
			foreignLine(t, db, st)
			require.NoError(t, db.OpenDiscrepancy(t.Context(), &acquirer.Discrepancy{Kind: acquirer.TheirsOnly, Date: st.Date, Subject: "x", Theirs: 9, Opened: noon}))
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, path, st, rows := bookedDay(t)
			c.spoil(t, db, st, rows)
			require.NoError(t, db.Close())
			r, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}}})
			require.NoError(t, err)
			require.Len(t, r.Breaks, c.breaks, "%v", r.Breaks)
		})
	}
}

// relist replaces the first line of the list; without a transaction it goes.
func relist(t *testing.T, db *DB, st *acquirer.SettlementDay, id acquirer.ID, amount acquirer.Fen) {
	t.Helper()
	lines, err := db.LinesOf(t.Context(), 1, 1<<62)
	require.NoError(t, err)
	require.NoError(t, db.DropLines(t.Context(), st))
	lines[0].Transaction, lines[0].Amount = id, amount
	if id == 0 {
		lines = lines[1:]
	}
	st.Lines = int64(len(lines))
	require.NoError(t, db.StageLines(t.Context(), st, lines))
}

func foreignLine(t *testing.T, db *DB, st *acquirer.SettlementDay) {
	t.Helper()
	st.Lines = 3
	require.NoError(t, db.StageLines(t.Context(), st, []acquirer.StagedLine{{Date: st.Date, Number: 3, Kind: acquirer.LineDebit, Amount: 9}}))
}

func TestReport(t *testing.T) {
	db, _, st, rows := bookedDay(t)
	one, two := acquirer.Sum{Count: 1, Fen: rows[0].Amount}, acquirer.Sum{Count: 2, Fen: 2 * rows[0].Amount}
	for by, want := range map[ReportBy]ReportRow{ByPayee: {Payee: rows[0].Payee}, ByMerchant: {Key: "898110000000001"}, ByTerminal: {Key: "10000001"}} {
		var got []ReportRow
		require.NoError(t, db.Report(t.Context(), st.Date, by, func(r ReportRow) error { got = append(got, r); return nil }))
		want.Debits, want.Agreed = two, two
		require.Equal(t, []ReportRow{want}, got)
	}
	c := change(acquirer.EventDisputed)
	disputed := *rows[0]
	disputed.Exception = "amount: x"
	require.NoError(t, db.Move(t.Context(), rows[0], &disputed, c))
	closed := *rows[1]
	closed.Exception = "closed: no-payout"
	require.NoError(t, db.Move(t.Context(), rows[1], &closed, c))
	require.NoError(t, db.Report(t.Context(), st.Date, ByTerminal, func(r ReportRow) error {
		require.Equal(t, ReportRow{Key: "10000001", Debits: two, Waits: one, Closed: one}, r)
		return nil
	}))
	require.NoError(t, db.Report(t.Context(), st.Date.After(), ByTerminal, func(ReportRow) error { panic("nothing is of that date") }))
	require.Error(t, db.Report(t.Context(), st.Date, "colour", nil))
}
