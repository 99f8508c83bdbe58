package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// waiting puts a notice of an approved debit into the outbox.
func waiting(t testing.TB, db *DB) acquirer.Notice {
	t.Helper()
	tx := opened(t, db, noon)
	moved(t, db, tx, acquirer.Approved, approve(tx.ID))
	n, err := db.NoticeOf(t.Context(), acquirer.Notice{Transaction: tx.ID, Kind: acquirer.NoticeDebited})
	require.NoError(t, err)
	return n
}

// routed gives a notice its device and address.
func routed(t testing.TB, db *DB, n acquirer.Notice, number string, due time.Time) acquirer.Notice {
	t.Helper()
	next := n
	var err error
	next.Address, err = acquirer.NewAddress(acquirer.DeviceSMS, number)
	require.NoError(t, err)
	next.Device, next.Due = acquirer.DeviceSMS, due
	require.NoError(t, db.MoveNotice(t.Context(), &n, &next))
	return next
}

func ids(all []acquirer.Notice, err error) (out []string) {
	for _, n := range all {
		out = append(out, n.ID())
	}
	if err != nil {
		return []string{err.Error()}
	}
	return out
}

func TestNoticeRoundTrip(t *testing.T) {
	db := openNew(t)
	n := waiting(t, db)
	require.Equal(t, []string{n.ID()}, ids(db.UnroutedNotices(t.Context(), atNoon, 10)))
	r := routed(t, db, n, "13900139001", atNoon)
	require.Empty(t, ids(db.UnroutedNotices(t.Context(), atNoon, 10)))
	require.ErrorIs(t, db.MoveNotice(t.Context(), &n, &n), acquirer.ErrStale)
	sent := r
	sent.State, sent.Sent, sent.Receipt, sent.Tries, sent.Turn, sent.Detail = acquirer.NoticeHanded, atNoon, "r1", 2, 1, "late"
	require.NoError(t, db.MoveNotice(t.Context(), &r, &sent))
	got, err := db.NoticeByReceipt(t.Context(), acquirer.DeviceSMS, "r1")
	require.NoError(t, err)
	require.Equal(t, sent, got)
	for _, other := range [][2]string{{"email", "r1"}, {"sms", "r2"}, {"sms", ""}} {
		_, err = db.NoticeByReceipt(t.Context(), acquirer.DeviceKind(other[0]), other[1])
		require.ErrorIs(t, err, acquirer.ErrNotFound)
	}
	require.Equal(t, []string{n.ID()}, ids(db.NoticesIn(t.Context(), acquirer.NoticeHanded, 10)))
	require.Empty(t, ids(db.NoticesIn(t.Context(), acquirer.NoticeDead, 10)))
	require.Panics(t, func() {
		back := sent
		back.State = acquirer.NoticeWithdrawn
		_ = db.MoveNotice(t.Context(), &sent, &back)
	})
	_, err = db.NoticeOf(t.Context(), acquirer.Notice{Transaction: n.Transaction, Kind: acquirer.NoticePaidOut})
	require.ErrorIs(t, err, acquirer.ErrNotFound)

	// The address opens in its own row only.
	other := routed(t, db, waiting(t, db), "13900139002", atNoon)
	_, err = db.conn.ExecContext(t.Context(), "UPDATE outbox SET sealed = (SELECT sealed FROM outbox WHERE txn = $1) WHERE txn = $2",
		int64(n.Transaction), int64(other.Transaction))
	require.NoError(t, err)
	_, err = db.NoticeOf(t.Context(), other)
	require.ErrorIs(t, err, acquirer.ErrKey)
}

// Of one address only the first that was made is due, whatever its own pause; a code waits for codes only.
func TestLanes(t *testing.T) {
	db := openNew(t)
	var all []acquirer.Notice
	for range 4 {
		all = append(all, waiting(t, db))
	}
	a1 := routed(t, db, all[0], "13900139001", atNoon.Add(time.Hour))
	routed(t, db, all[1], "13900139001", atNoon)
	b := routed(t, db, all[2], "13900139002", atNoon)
	e := enrol(t, db, enrolment(t, "1"))
	next := *e
	next.State = acquirer.EnrolmentChecked
	address, err := acquirer.NewAddress(acquirer.DeviceSMS, "13900139001")
	require.NoError(t, err)
	code := acquirer.Notice{Enrolment: e.ID, Kind: acquirer.NoticeCode, Copy: 1, Created: atNoon, Fixed: true, Device: acquirer.DeviceSMS, Address: address}
	require.NoError(t, db.MoveEnrolment(t.Context(), e, &next, acquirer.EnrolmentChange{At: atNoon, Notices: []acquirer.Notice{code}}))

	due := func(at time.Time) []string { return ids(db.DueNotices(t.Context(), acquirer.DeviceSMS, at, 10)) }
	require.ElementsMatch(t, []string{b.ID(), code.ID()}, due(atNoon), "the first of the lane has a pause, the second waits behind it")
	require.ElementsMatch(t, []string{a1.ID(), b.ID(), code.ID()}, due(atNoon.Add(time.Hour)))
	sent := a1
	sent.State = acquirer.NoticeHanded
	require.NoError(t, db.MoveNotice(t.Context(), &a1, &sent))
	require.ElementsMatch(t, []string{all[1].ID(), b.ID(), code.ID()}, due(atNoon))
	require.Empty(t, ids(db.DueNotices(t.Context(), acquirer.DeviceEmail, atNoon, 10)))
	require.Len(t, ids(db.DueNotices(t.Context(), acquirer.DeviceSMS, atNoon, 2)), 2)
}

// A debit that is undone takes its notice back, also from whoever has read it: nothing that he writes stands.
func TestWithdrawnUnderTheHand(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	n := routed(t, db, waiting(t, db), "13900139001", atNoon)
	counted := n
	counted.Tries++
	require.NoError(t, db.MoveNotice(t.Context(), &n, &counted))
	tx := get(t, db, n.Transaction)
	moved(t, db, tx, acquirer.Reversing, owe(t, db, tx))
	handed := counted
	handed.State, handed.Sent = acquirer.NoticeHanded, atNoon
	require.ErrorIs(t, db.MoveNotice(t.Context(), &counted, &handed), acquirer.ErrStale)
	got, err := db.NoticeOf(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, acquirer.NoticeWithdrawn, got.State)
	told, err := db.Told(t.Context(), tx.ID, acquirer.NoticeDebited)
	require.NoError(t, err)
	require.True(t, told, "a device had it")
	require.Empty(t, ids(db.DueNotices(t.Context(), acquirer.DeviceSMS, atNoon, 10)))
	report, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}}, Running: func() (bool, error) { return true, nil }})
	require.NoError(t, err)
	require.Empty(t, report.Breaks)
}

// What a device did with a notice is proved too: a row that says something else is a break.
func TestAuditProvesTheOutbox(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	n := waiting(t, db)
	r := routed(t, db, n, "13900139001", atNoon)
	sent := r
	sent.State, sent.Sent = acquirer.NoticeDelivered, atNoon
	require.NoError(t, db.MoveNotice(t.Context(), &r, &sent))
	audit := func() []Break {
		report, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}}})
		require.NoError(t, err)
		return report.Breaks
	}
	require.Empty(t, audit())
	for _, column := range []string{"state = 0", "sent = 0", "device = 'pc'", "revision = 9", "due = 1", "detail = 'x'", "mac = NULL", "mac = zeroblob(16)", "lane = NULL"} {
		var before string
		name := column[:len(column)-len(column[indexOf(column):])]
		require.NoError(t, db.read.QueryRow(fmt.Sprintf("SELECT quote(%s) FROM outbox", name)).Scan(&before))
		set := func(text string) {
			_, err := db.conn.ExecContext(t.Context(), "UPDATE outbox SET "+text)
			require.NoError(t, err)
		}
		set(column)
		require.Len(t, audit(), 1, column)
		set(name + " = " + before)
		require.Empty(t, audit(), column)
	}
	enrol(t, db, enrolment(t, "1"))
	require.NoError(t, db.Remind(t.Context(), acquirer.Notice{Payee: 1, Kind: acquirer.NoticeDormant, Created: atNoon}))
	require.Empty(t, audit(), "notices about other things are no payment's")
}

// indexOf is where the name of a column ends.
func indexOf(set string) int {
	for i, c := range set {
		if c == ' ' {
			return i
		}
	}
	return len(set)
}

// What goes beside a notice is of its device and address, due, queued, in the order of its making, and no code. A receipt
// for several is about one that still waits for it.
func TestNoticesBeside(t *testing.T) {
	db := openNew(t)
	var all []acquirer.Notice
	for i, due := range []time.Duration{0, time.Hour, 0, 0} {
		n := waiting(t, db)
		to := "13900139001"
		if i == 3 {
			to = "13900139002"
		}
		all = append(all, routed(t, db, n, to, atNoon.Add(due)))
	}
	beside := func(at time.Time, limit int) []string { return ids(db.NoticesBeside(t.Context(), all[0], at, limit)) }
	require.Equal(t, []string{all[0].ID(), all[2].ID()}, beside(atNoon, 10))
	require.Equal(t, []string{all[0].ID(), all[1].ID(), all[2].ID()}, beside(atNoon.Add(time.Hour), 10))
	require.Equal(t, []string{all[0].ID()}, beside(atNoon, 1))
	require.Empty(t, beside(atNoon.Add(-time.Second), 10))
	handed := func(n acquirer.Notice, state acquirer.NoticeState) acquirer.Notice {
		next := n
		next.State, next.Sent, next.Receipt = state, atNoon, "job 1"
		require.NoError(t, db.MoveNotice(t.Context(), &n, &next))
		return next
	}
	handed(all[0], acquirer.NoticeDelivered)
	waits := handed(all[1], acquirer.NoticeHanded)
	handed(all[2], acquirer.NoticeDelivered)
	require.Empty(t, beside(atNoon.Add(time.Hour), 10))
	got, err := db.NoticeByReceipt(t.Context(), acquirer.DeviceSMS, "job 1")
	require.NoError(t, err)
	require.Equal(t, waits.ID(), got.ID())
	handed(waits, acquirer.NoticeDelivered)
	got, err = db.NoticeByReceipt(t.Context(), acquirer.DeviceSMS, "job 1")
	require.NoError(t, err)
	require.Equal(t, acquirer.NoticeDelivered, got.State)
}
