package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

const day = 24 * time.Hour

func TestOpenWritesEverything(t *testing.T) {
	db := openNew(t)
	for _, state := range acquirer.Openings {
		tx := debit(t, db, noon)
		tx.State, tx.Code, tx.Answered = state, "96", noon
		tx.AuthCode, tx.SettleDate, tx.HostText, tx.HostCode = "A12345", "1123", "text", "05"
		tx.UndoWanted, tx.Confirmed, tx.Exception = true, true, "look"
		require.NoError(t, db.Open(t.Context(), tx, change(acquirer.EventSend)))
		require.EqualValues(t, 1, tx.Version)
		got, err := db.Get(t.Context(), tx.ID)
		require.NoError(t, err)
		same(t, tx, got)
	}
}

func TestOpenWritesTheZeroValue(t *testing.T) {
	db := openNew(t)
	for range 2 { // no token and no host key are no keys: they are not taken
		id, err := db.NewID(noon)
		require.NoError(t, err)
		tx := &acquirer.Transaction{ID: id, State: acquirer.Tombstone, Key: acquirer.TerminalKey{STAN: acquirer.STAN(id.Sequence())}}
		require.NoError(t, db.Open(t.Context(), tx, acquirer.Change{}))
		got, err := db.Get(t.Context(), id)
		require.NoError(t, err)
		same(t, tx, got)
	}
	_, err := db.FindToken(t.Context(), acquirer.TokenID{})
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	_, err = db.FindHost(t.Context(), acquirer.HostKey{})
	require.ErrorIs(t, err, acquirer.ErrNotFound)
}

func TestOpenRefusesOtherStates(t *testing.T) {
	db := openNew(t)
	tx := debit(t, db, noon)
	tx.State = acquirer.Approved
	require.Error(t, db.Open(t.Context(), tx, change(acquirer.EventSend)))
	require.Zero(t, count(t, db, "txn"))
}

// Both sides of each border of what makes a key taken.
func TestOpenDuplicate(t *testing.T) {
	cases := []struct {
		name   string
		first  acquirer.State // what the first row has become
		second func(first, second *acquirer.Transaction)
		want   error
	}{
		{"another key", acquirer.Sent, func(_, _ *acquirer.Transaction) {}, nil},
		{"terminal key of the day", acquirer.Sent, sameKey(0), acquirer.ErrDuplicate},
		{"terminal key of the day before", acquirer.Sent, sameKey(1), acquirer.ErrDuplicate},
		{"terminal key of two days before", acquirer.Sent, sameKey(2), nil},
		{"terminal key of the day after", acquirer.Sent, sameKey(-1), nil},
		{"terminal key of a declined row", acquirer.Declined, sameKey(1), acquirer.ErrDuplicate},
		{"another batch", acquirer.Sent, func(a, b *acquirer.Transaction) { b.Key = a.Key; b.Key.Batch++ }, nil},
		{"another trace number", acquirer.Sent, func(a, b *acquirer.Transaction) { b.Key = a.Key; b.Key.STAN++ }, nil},
		{"another terminal", acquirer.Sent, func(a, b *acquirer.Transaction) { b.Key = a.Key; b.Key.Terminal = "10000002" }, nil},
		{"another merchant", acquirer.Sent, func(a, b *acquirer.Transaction) { b.Key = a.Key; b.Key.Merchant = "898110000000002" }, nil},
		{"token in use", acquirer.Sent, sameToken(0), acquirer.ErrDuplicate},
		{"token of an approved debit", acquirer.Approved, sameToken(0), acquirer.ErrDuplicate},
		{"token of a reversing debit", acquirer.Reversing, sameToken(0), acquirer.ErrDuplicate},
		{"token of the day before", acquirer.Approved, sameToken(1), acquirer.ErrDuplicate},
		{"token of a declined debit", acquirer.Declined, sameToken(0), nil},
		{"token of a declined debit of the day before", acquirer.Declined, sameToken(1), nil},
		{"host key of the day", acquirer.Sent, func(a, b *acquirer.Transaction) { b.Host = a.Host }, acquirer.ErrDuplicate},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			db := openNew(t)
			first := opened(t, db, noon)
			if c.first != acquirer.Sent {
				moved(t, db, first, c.first, change(acquirer.EventUnknown))
			}
			second := debit(t, db, noon)
			c.second(first, second)
			err := db.Open(t.Context(), second, withAll(second.ID))
			require.ErrorIs(t, err, c.want)
			_, found := db.Get(t.Context(), second.ID)
			if c.want == nil {
				require.NoError(t, found)
				return
			}
			require.ErrorIs(t, found, acquirer.ErrNotFound)
			steps, err := db.Steps(t.Context(), second.ID)
			require.NoError(t, err)
			require.Empty(t, steps, "nothing is written with a refused row")
			require.Zero(t, count(t, db, "outbox")+count(t, db, "saf"))
		})
	}
}

// withAll is a change with a notice and a reversal of a transaction.
func withAll(id acquirer.ID) acquirer.Change {
	c := change(acquirer.EventUnknown)
	c.Notices = []acquirer.Notice{{Transaction: id, Kind: acquirer.NoticeDebited, Created: noon}}
	c.Reversal = &acquirer.Reversal{ID: id + 1000, Transaction: id, Due: noon, Reason: "98",
		Host: acquirer.HostKey{Time: "1122120001", STAN: 1001}}
	return c
}

func sameKey(daysLater int) func(a, b *acquirer.Transaction) {
	return func(a, b *acquirer.Transaction) {
		b.Key = a.Key
		b.Key.Date = acquirer.DateOf(noon.Add(time.Duration(daysLater) * day))
	}
}

func sameToken(daysLater int) func(a, b *acquirer.Transaction) {
	return func(a, b *acquirer.Transaction) {
		b.Token = a.Token
		b.Key.Date = acquirer.DateOf(noon.Add(time.Duration(daysLater) * day))
	}
}

func TestOpenAgainIsDone(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, noon)
	again := *tx
	again.Version = 0
	require.NoError(t, db.Open(t.Context(), &again, change(acquirer.EventSend)))
	require.EqualValues(t, 1, again.Version)
	require.Equal(t, 1, count(t, db, "step"))

	other := debit(t, db, noon)
	other.ID = tx.ID
	err := db.Open(t.Context(), other, change(acquirer.EventSend))
	require.ErrorContains(t, err, "belongs to another")
	require.NotErrorIs(t, err, acquirer.ErrDuplicate)
}

func TestMove(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, noon)
	next := *tx
	next.State, next.Code, next.Answered = acquirer.Approved, "00", noon.Add(time.Second)
	next.AuthCode, next.SettleDate, next.HostText, next.HostCode = "A12345", "1123", "付款成功", "00"
	next.UndoWanted, next.Confirmed, next.Exception = true, true, "look"
	next.Deadline = noon.Add(time.Minute)
	c := change(acquirer.EventApprove)
	c.Notices = []acquirer.Notice{{Transaction: tx.ID, Kind: acquirer.NoticeDebited, Created: noon}}
	require.NoError(t, db.Move(t.Context(), tx, &next, c))
	require.EqualValues(t, 2, next.Version)
	require.EqualValues(t, 1, tx.Version)
	got, err := db.Get(t.Context(), tx.ID)
	require.NoError(t, err)
	same(t, &next, got)

	notices, err := db.Outbox(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []acquirer.Notice{{Transaction: tx.ID, Kind: acquirer.NoticeDebited, Created: timeOf(micros(noon))}}, notices)
	steps, err := db.Steps(t.Context(), tx.ID)
	require.NoError(t, err)
	require.Equal(t, []acquirer.Step{
		{Version: 1, At: timeOf(micros(noon)), To: acquirer.Sent, Event: acquirer.EventSend, Detail: "detail of send"},
		{Version: 2, At: timeOf(micros(noon)), From: acquirer.Sent, To: acquirer.Approved, Event: acquirer.EventApprove, Detail: "detail of approve"},
	}, steps)
}

func TestMoveStaleWritesNothing(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, noon)
	moved(t, db, tx, acquirer.Approved, change(acquirer.EventApprove))
	for _, version := range []int64{0, 1, 3} {
		old, next := *tx, *tx
		old.Version, next.State = version, acquirer.Reversing
		require.ErrorIs(t, db.Move(t.Context(), &old, &next, withAll(tx.ID)), acquirer.ErrStale)
		require.EqualValues(t, 1, next.Version, "next is left as it was")
	}
	require.Zero(t, count(t, db, "outbox")+count(t, db, "saf"))
	require.Equal(t, 2, count(t, db, "step"))

	missing := *tx
	missing.ID++
	next := missing
	require.ErrorIs(t, db.Move(t.Context(), &missing, &next, withAll(missing.ID)), acquirer.ErrStale)
	require.Equal(t, 2, count(t, db, "step"))
}

// Every pair of states: those of the table are written, all others panic.
func TestMoveKeepsToTheTable(t *testing.T) {
	db := openNew(t)
	for from := acquirer.Declined; from <= acquirer.Paid; from++ {
		for to := acquirer.Declined; to <= acquirer.Paid; to++ {
			old := opened(t, db, noon)
			_, err := db.conn.ExecContext(t.Context(), "UPDATE txn SET state = $1 WHERE id = $2", int64(from), int64(old.ID))
			require.NoError(t, err)
			next := *old
			old.State, next.State = from, to
			move := func() { err = db.Move(t.Context(), old, &next, change(acquirer.EventUndo)) }
			if !acquirer.MayMove(from, to) {
				require.Panics(t, move)
				continue
			}
			move()
			require.NoError(t, err)
		}
	}
}

func TestMoveRefusesToChangeTheDebit(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, noon)
	for name, change := range map[string]func(*acquirer.Transaction){
		"id":     func(x *acquirer.Transaction) { x.ID++ },
		"key":    func(x *acquirer.Transaction) { x.Key.STAN++ },
		"amount": func(x *acquirer.Transaction) { x.Amount++ },
		"card":   func(x *acquirer.Transaction) { x.Card = acquirer.PAN{} },
		"payee":  func(x *acquirer.Transaction) { x.Payee.CardVersion++ },
		"token":  func(x *acquirer.Transaction) { x.Token = acquirer.TokenID{} },
		"host":   func(x *acquirer.Transaction) { x.Host.STAN++ },
		"opened": func(x *acquirer.Transaction) { x.Opened = x.Opened.Add(time.Second) },
	} {
		next := *tx
		change(&next)
		require.ErrorContains(t, db.Move(t.Context(), tx, &next, acquirer.Change{}), "what the debit is", name)
	}
	got, err := db.Get(t.Context(), tx.ID)
	require.NoError(t, err)
	same(t, tx, got)
}

func TestFind(t *testing.T) {
	db := openNew(t)
	yesterday := opened(t, db, noon.Add(-day))
	key := yesterday.Key
	find := func(later time.Duration) (*acquirer.Transaction, error) {
		k := key
		k.Date = acquirer.DateOf(noon.Add(later))
		return db.Find(t.Context(), k)
	}
	for _, later := range []time.Duration{-day, 0} {
		got, err := find(later)
		require.NoError(t, err)
		same(t, yesterday, got)
	}
	for _, later := range []time.Duration{-2 * day, day} {
		_, err := find(later)
		require.ErrorIs(t, err, acquirer.ErrNotFound)
	}
	// Two rows within reach of one look-up cannot come of Open; an older file's could: the newer one counts.
	today := debit(t, db, noon)
	today.Key = key
	today.Key.Date = acquirer.DateOf(noon.Add(day))
	require.NoError(t, db.Open(t.Context(), today, change(acquirer.EventSend)))
	_, err := db.conn.ExecContext(t.Context(), "UPDATE txn SET biz_date = $1 WHERE id = $2", int64(acquirer.DateOf(noon)), int64(today.ID))
	require.NoError(t, err)
	got, err := find(0)
	require.NoError(t, err)
	require.Equal(t, today.ID, got.ID)
}

func TestFindAcrossMonths(t *testing.T) {
	db := openNew(t)
	last := time.Date(2026, 11, 30, 23, 59, 59, 0, acquirer.Beijing)
	tx := opened(t, db, last)
	k := tx.Key
	k.Date = acquirer.DateOf(last.Add(time.Second))
	got, err := db.Find(t.Context(), k)
	require.NoError(t, err)
	same(t, tx, got)
	again := debit(t, db, last.Add(time.Second))
	again.Token = tx.Token
	require.ErrorIs(t, db.Open(t.Context(), again, change(acquirer.EventSend)), acquirer.ErrDuplicate)
	got, err = db.FindToken(t.Context(), tx.Token)
	require.NoError(t, err)
	same(t, tx, got)
}

func TestFindToken(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, noon)
	got, err := db.FindToken(t.Context(), tx.Token)
	require.NoError(t, err)
	same(t, tx, got)
	moved(t, db, tx, acquirer.Declined, change(acquirer.EventDecline))
	_, err = db.FindToken(t.Context(), tx.Token)
	require.ErrorIs(t, err, acquirer.ErrNotFound, "a declined debit gives its token back")
}

func TestFindHost(t *testing.T) {
	db := openNew(t)
	old := debit(t, db, noon.AddDate(-1, 0, 0))
	require.NoError(t, db.Open(t.Context(), old, change(acquirer.EventSend)))
	tx := debit(t, db, noon)
	tx.Host = old.Host
	require.NoError(t, db.Open(t.Context(), tx, change(acquirer.EventSend)), "F7 has no year: a host key comes again")
	got, err := db.FindHost(t.Context(), tx.Host)
	require.NoError(t, err)
	same(t, tx, got)
	_, err = db.FindHost(t.Context(), acquirer.HostKey{Time: tx.Host.Time, STAN: tx.Host.STAN + 1})
	require.ErrorIs(t, err, acquirer.ErrNotFound)
}

func TestInState(t *testing.T) {
	db := openNew(t)
	var rows []*acquirer.Transaction
	for range 10 {
		rows = append(rows, opened(t, db, noon))
	}
	for _, i := range []int{1, 4, 7} {
		rows[i] = moved(t, db, rows[i], acquirer.Approved, change(acquirer.EventApprove))
	}
	moved(t, db, rows[9], acquirer.Reversing, change(acquirer.EventUnknown))
	ids := func(s acquirer.State, after acquirer.ID, limit int) (out []acquirer.ID) {
		page, err := db.InState(t.Context(), s, after, limit)
		require.NoError(t, err)
		for _, tx := range page {
			require.Equal(t, s, tx.State)
			out = append(out, tx.ID)
		}
		return out
	}
	require.Equal(t, []acquirer.ID{rows[0].ID, rows[2].ID, rows[3].ID}, ids(acquirer.Sent, 0, 3))
	require.Equal(t, []acquirer.ID{rows[5].ID, rows[6].ID, rows[8].ID}, ids(acquirer.Sent, rows[3].ID, 100))
	require.Equal(t, []acquirer.ID{rows[4].ID, rows[7].ID}, ids(acquirer.Approved, rows[1].ID, 100))
	require.Equal(t, []acquirer.ID{rows[9].ID}, ids(acquirer.Reversing, 0, 100))
	require.Empty(t, ids(acquirer.Paid, 0, 100))
}

// The reads that a payment or a restart waits for must not look at every row.
func TestReadsUseIndexes(t *testing.T) {
	db := openNew(t)
	for q, index := range map[query]string{
		readTxnByKey:      "sqlite_autoindex_txn_1",
		readTxnByToken:    "txn_token",
		readTxnByHost:     "txn_host",
		readTxnUnfinished: "txn_unfinished",
		readDue:           "saf_due",
		readNextDue:       "saf_due",
		readPayeeByNumber: "sqlite_autoindex_payee_1",
		readLastDate:      "txn_payee",

		readPaymentsTo:        "txn_payee",
		readEnrolmentsDue:     "enrolment_due",
		readEnrolmentsOf:      "enrolment_number",
		readEnrolmentsBy:      "enrolment_sender",
		readEnrolmentsOfPayee: "enrolment_payee",
		readUnrouted:          "outbox_due",
		readDueNotices:        "outbox_due",
		readNoticesBeside:     "outbox_lane",
		readNoticeByReceipt:   "outbox_receipt",
	} {
		require.Contains(t, plan(t, db, reads[q]), "INDEX "+index, reads[q])
	}
	require.Contains(t, plan(t, db, reads[readEnrolmentsOf]), "INDEX enrolment_new")
	require.Contains(t, plan(t, db, reads[readDueNotices]), "INDEX outbox_lane")
	for _, q := range []query{readTxnUnfinished, readUnrouted, readDueNotices, readEnrolmentsDue, readEnrolmentsBy} {
		require.NotContains(t, plan(t, db, reads[q]), "TEMP B-TREE", reads[q])
	}
	require.NotContains(t, plan(t, db, reads[readLastID]), "SCAN txn")
}

func plan(t *testing.T, db *DB, text string) (out string) {
	rows, err := db.read.Query("EXPLAIN QUERY PLAN "+text, make([]any, parameters(text))...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		out += detail + "\n"
	}
	require.NoError(t, rows.Err())
	return out
}
