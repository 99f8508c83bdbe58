package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func aBatch(number int) *acquirer.Batch {
	said := acquirer.BatchTotals{Debits: acquirer.BatchSum{Count: 1, Amount: 2}, Credits: acquirer.BatchSum{Count: 3, Amount: 4}}
	other := acquirer.BatchTotals{Debits: acquirer.BatchSum{Count: 5, Amount: 6}, Credits: acquirer.BatchSum{Count: 7, Amount: 8}}
	return &acquirer.Batch{Key: acquirer.BatchKey{Merchant: "898110000000001", Terminal: "10000001", Batch: number},
		Date: acquirer.DateOf(noon), State: acquirer.BatchUploading, STAN: 9, Domestic: said, Foreign: other,
		Ours: acquirer.BatchSum{Count: 10, Amount: 11}, ForeignAgrees: true, Whole: true, Signed: true,
		At: timeOf(micros(noon)), Reference: "632590000001", Closed: timeOf(micros(noon) + 1)}
}

func TestBatchRecord(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	b := aBatch(7)
	_, err := db.Batch(ctx, b.Key, 0)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	require.NoError(t, db.SaveBatch(ctx, b, true))
	got, err := db.Batch(ctx, b.Key, b.Date)
	require.NoError(t, err)
	require.Equal(t, b, got)
	_, err = db.Batch(ctx, b.Key, b.Date+1)
	require.ErrorIs(t, err, acquirer.ErrNotFound, "it is too old")

	stale := *b
	stale.Version = 0
	require.ErrorIs(t, db.SaveBatch(ctx, &stale, true), acquirer.ErrStale)
	b.DomesticAgrees, b.ForeignAgrees, b.Whole, b.Signed, b.State = true, false, false, false, acquirer.BatchSettling
	require.NoError(t, db.SaveBatch(ctx, b, false))
	require.EqualValues(t, 2, b.Version)
	all, err := db.Unfinished(ctx)
	require.NoError(t, err)
	require.Equal(t, []*acquirer.Batch{b}, all)
	require.ErrorIs(t, db.SaveBatch(ctx, got, false), acquirer.ErrStale)

	// The same number on a later date is another batch; the newer is found.
	later := aBatch(7)
	later.Date += 2
	require.NoError(t, db.SaveBatch(ctx, later, true))
	got, err = db.Batch(ctx, b.Key, 0)
	require.NoError(t, err)
	require.Equal(t, later, got)

	for number, want := range map[int]time.Time{7: {}, 8: b.Closed} {
		at, err := db.LastClosed(ctx, acquirer.BatchKey{Merchant: b.Key.Merchant, Terminal: b.Key.Terminal, Batch: number})
		require.NoError(t, err)
		require.Equal(t, want, at, "a batch is not before itself")
	}
}

func TestBatchLines(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	b, other := aBatch(7), aBatch(8)
	first := []acquirer.ListedLine{{STAN: 2, Amount: 20, Verdict: acquirer.LineKnown, Transaction: 5}, {STAN: 1, Amount: 10, Verdict: acquirer.LineUnknown}}
	require.ErrorIs(t, db.AddLines(ctx, b, first), acquirer.ErrStale, "there is no such batch")
	require.NoError(t, db.SaveBatch(ctx, b, true))
	require.NoError(t, db.SaveBatch(ctx, other, true))
	require.NoError(t, db.AddLines(ctx, b, first))
	require.NoError(t, db.AddLines(ctx, b, []acquirer.ListedLine{{STAN: 2, Amount: 99, Verdict: acquirer.LineAmount}, {STAN: 3, Amount: 30, Verdict: acquirer.LineCard, Transaction: 6}}))
	n, err := db.CountLines(ctx, b)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	lines, err := db.Lines(ctx, b)
	require.NoError(t, err)
	require.Equal(t, []acquirer.ListedLine{first[1], first[0], {STAN: 3, Amount: 30, Verdict: acquirer.LineCard, Transaction: 6}}, lines)
	n, err = db.CountLines(ctx, other)
	require.NoError(t, err)
	require.Zero(t, n)

	for state, want := range map[acquirer.BatchState][]acquirer.Stray{acquirer.BatchUploading: nil, acquirer.BatchSettling: nil,
		acquirer.BatchClosed: {{Batch: other.Key, STAN: 4, Amount: 40}}} {
		_, err := db.conn.ExecContext(ctx, "UPDATE terminal_batch SET state = 1 WHERE batch = 8")
		require.NoError(t, err)
		require.NoError(t, db.AddLines(ctx, other, []acquirer.ListedLine{{STAN: 4, Amount: 40, Verdict: acquirer.LineUnknown}}))
		other.State = state
		require.NoError(t, db.SaveBatch(ctx, other, false))
		strays, err := db.Strays(ctx, other.Date, 10)
		require.NoError(t, err)
		require.Equal(t, want, strays)
	}
	strays, err := db.Strays(ctx, other.Date+1, 10)
	require.NoError(t, err)
	require.Empty(t, strays)

	require.NoError(t, db.SaveBatch(ctx, b, true), "anew: the lines before it go")
	n, err = db.CountLines(ctx, b)
	require.NoError(t, err)
	require.Zero(t, n)
	b.State = acquirer.BatchSettling
	require.NoError(t, db.SaveBatch(ctx, b, false))
	require.ErrorIs(t, db.AddLines(ctx, b, first), acquirer.ErrStale, "it is open no more")
}

// A batch that closes closes the terminal's session for debits, if that has the same number; the next sign-on opens it.
func TestBatchClosesSession(t *testing.T) {
	for _, v := range []struct {
		batch  int
		state  acquirer.BatchState
		closed bool
	}{{7, acquirer.BatchUploading, false}, {7, acquirer.BatchSettling, true}, {7, acquirer.BatchClosed, true}, {8, acquirer.BatchClosed, false}} {
		db := openNew(t)
		ctx := t.Context()
		term := acquirer.Terminal{ID: "10000001", Merchant: "898110000000001", Session: acquirer.Session{Batch: 7, SignedOn: true}}
		require.NoError(t, db.AddTerminal(ctx, term))
		b := aBatch(v.batch)
		b.State = v.state
		require.NoError(t, db.SaveBatch(ctx, b, true))
		got, err := db.Terminal(ctx, term.ID)
		require.NoError(t, err)
		require.Equal(t, v.closed, got.Session.Closed)
		for _, keep := range []bool{true, false} {
			require.NoError(t, db.SaveSession(ctx, term.ID, acquirer.Session{Batch: 8, SignedOn: true, Closed: keep}))
			got, err = db.Terminal(ctx, term.ID)
			require.NoError(t, err)
			require.Equal(t, keep, got.Session.Closed)
		}
	}
}

// Sums and ids of a terminal's debits: its own, of the date, in the states that count, of the number or opened later.
func TestBatchDebits(t *testing.T) {
	db := openNew(t)
	ctx := t.Context()
	key := acquirer.BatchKey{Merchant: "898110000000001", Terminal: "10000001", Batch: 7}
	on := acquirer.DateOf(noon)
	var stan acquirer.STAN
	entered := func(batch int, at time.Time, amount acquirer.Fen, state acquirer.State, alter func(*acquirer.Transaction)) acquirer.ID {
		tx := debit(t, db, at)
		stan++
		tx.Key.Batch, tx.Key.STAN, tx.Amount = batch, stan, amount
		if alter != nil {
			alter(tx)
		}
		require.NoError(t, db.Open(ctx, tx, change(acquirer.EventSend)))
		path := map[acquirer.State][]acquirer.State{acquirer.Approved: {acquirer.Approved}, acquirer.Declined: {acquirer.Declined},
			acquirer.Reversing: {acquirer.Reversing}, acquirer.Settled: {acquirer.Approved, acquirer.Settled},
			acquirer.Paid: {acquirer.Approved, acquirer.Settled, acquirer.Paying, acquirer.Paid}}
		for _, s := range path[state] {
			tx = moved(t, db, tx, s, change(acquirer.EventApprove))
		}
		return tx.ID
	}
	approved := entered(7, noon, 1, acquirer.Approved, nil)
	settled := entered(7, noon, 10, acquirer.Settled, nil)
	paid := entered(7, noon, 100, acquirer.Paid, nil)
	sent := entered(7, noon, 1_000, acquirer.Sent, nil)
	entered(7, noon, 10_000, acquirer.Declined, nil)
	entered(7, noon, 100_000, acquirer.Reversing, nil)
	later := entered(8, noon.Add(time.Microsecond), 1_000_000, acquirer.Approved, nil)
	entered(7, noon.Add(day), 10_000_000, acquirer.Approved, nil)
	entered(7, noon, 100_000_000, acquirer.Approved, func(tx *acquirer.Transaction) { tx.Key.Terminal = "10000002" })
	entered(7, noon, 1_000_000_000, acquirer.Approved, func(tx *acquirer.Transaction) { tx.Key.Merchant = "898110000000002" })

	for _, v := range []struct {
		since time.Time
		all   acquirer.BatchSum
		ids   []acquirer.ID
	}{
		{time.Time{}, acquirer.BatchSum{Count: 4, Amount: 1_000_111}, []acquirer.ID{approved, settled, paid, sent}},
		{time.UnixMicro(1), acquirer.BatchSum{Count: 4, Amount: 1_000_111}, []acquirer.ID{approved, settled, paid, sent, later}},
		{noon, acquirer.BatchSum{Count: 1, Amount: 1_000_000}, []acquirer.ID{approved, settled, paid, sent, later}},
		{noon.Add(time.Microsecond), acquirer.BatchSum{}, []acquirer.ID{approved, settled, paid, sent}},
	} {
		own, all, err := db.SumDebits(ctx, key, on, v.since)
		require.NoError(t, err)
		require.Equal(t, acquirer.BatchSum{Count: 3, Amount: 111}, own)
		require.Equal(t, v.all, all)
		ids, err := db.Debits(ctx, key, on, v.since)
		require.NoError(t, err)
		require.ElementsMatch(t, v.ids, ids)
	}
	ids, err := db.DebitsByTrace(ctx, key, on, 7)
	require.NoError(t, err)
	require.Equal(t, []acquirer.ID{later}, ids)
	ids, err = db.DebitsByTrace(ctx, key, on, 8)
	require.NoError(t, err)
	require.Empty(t, ids)

	for _, q := range []query{readBatchSums, readBatchDebits, readDebitsByTrace} {
		rows, err := db.read.Query("EXPLAIN QUERY PLAN "+reads[q], 1, 1, 1, "", "")
		require.NoError(t, err)
		require.True(t, rows.Next())
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		require.NoError(t, rows.Close())
		require.Contains(t, detail, "INDEX sqlite_autoindex_txn_1 (biz_date=? AND merchant=? AND terminal=?")
	}
}

func TestHeard(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	ctx := t.Context()
	at, err := db.Heard(ctx, "10000001")
	require.NoError(t, err)
	require.Zero(t, at)
	require.NoError(t, db.SaveHeard(ctx, map[acquirer.TerminalID]time.Time{"10000001": noon, "10000002": noon}))
	require.NoError(t, db.SaveHeard(ctx, map[acquirer.TerminalID]time.Time{"10000001": noon.Add(-time.Hour)}), "the newest word holds")
	many := map[acquirer.TerminalID]time.Time{}
	for i := range heardBatch + 1 {
		many[acquirer.TerminalID(time.Duration(i).String())] = noon
	}
	require.NoError(t, db.SaveHeard(ctx, many))
	require.NoError(t, db.Close())
	db = openAt(t, path)
	require.Equal(t, heardBatch+3, count(t, db, "witness"))
	for id, want := range map[acquirer.TerminalID]time.Time{"10000001": noon.Add(-time.Hour), "10000002": noon} {
		at, err = db.Heard(ctx, id)
		require.NoError(t, err)
		require.True(t, at.Equal(want))
	}
}
