package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func purge(t testing.TB, db *DB, now time.Time, l acquirer.EnrolmentLimits) acquirer.Purged {
	t.Helper()
	p, err := db.Purge(t.Context(), now, l)
	require.NoError(t, err)
	return p
}

func TestPurgeMessagesAndUses(t *testing.T) {
	db := openNew(t)
	for _, at := range []time.Time{atNoon, atNoon.Add(time.Hour)} {
		require.NoError(t, db.NoteMessage(t.Context(), acquirer.Heard{Channel: "sms", MessageID: at.String(), At: at}))
		_, err := db.Take(t.Context(), acquirer.Use{Scope: "x", Subject: at.String(), At: at, Most: 1, Window: day})
		require.NoError(t, err)
	}
	l := acquirer.EnrolmentLimits{MessagesKept: 2 * day}
	require.Equal(t, acquirer.Purged{}, purge(t, db, atNoon.Add(day-time.Second), l))
	require.Equal(t, acquirer.Purged{Counters: 1}, purge(t, db, atNoon.Add(day), l))
	require.Equal(t, acquirer.Purged{Messages: 1, Counters: 1}, purge(t, db, atNoon.Add(2*day+time.Second), l))
	require.Equal(t, 1, count(t, db, "message"))
	require.Zero(t, count(t, db, "quota"))
}

func TestPurgeEnrolments(t *testing.T) {
	db := openNew(t)
	for id, v := range map[string]struct {
		state acquirer.EnrolmentState
		kind  acquirer.RequestKind
	}{"open": {acquirer.EnrolmentConfirmed, acquirer.RequestChangeCard}, "ended": {acquirer.EnrolmentActive, acquirer.RequestChangeCard},
		"forgotten": {acquirer.EnrolmentActive, acquirer.RequestDelete}} {
		e := enrolment(t, id)
		e.State, e.Kind, e.Changed = v.state, v.kind, atNoon
		if e.State.Ended() {
			e.Due = time.Time{}
		}
		require.NoError(t, db.OpenEnrolment(t.Context(), e, acquirer.EnrolmentChange{At: atNoon, Message: heard(e),
			Notices: []acquirer.Notice{{Enrolment: 1, Kind: acquirer.NoticeActive, Created: atNoon}}}))
		require.NoError(t, db.insert(t.Context(), call{writeNotice, append([]any{int64(e.ID)}, newNoticeCells(acquirer.Notice{Kind: 12})[1:]...)}))
	}
	l := acquirer.EnrolmentLimits{EnrolmentsKept: 100 * day, NoticesKept: 10 * day, MessagesKept: 1000 * day}
	require.Zero(t, purge(t, db, atNoon.Add(10*day), l).Enrolments)
	require.Equal(t, 1, purge(t, db, atNoon.Add(10*day+time.Second), l).Enrolments, "a request to be forgotten is forgotten early")
	require.Zero(t, purge(t, db, atNoon.Add(100*day), l).Enrolments)
	require.Equal(t, 1, purge(t, db, atNoon.Add(100*day+time.Second), l).Enrolments)
	require.Zero(t, purge(t, db, atNoon.Add(10000*day), l).Enrolments, "what is open stays")
	require.Equal(t, 1, count(t, db, "enrolment"))
	require.Equal(t, 1, count(t, db, "enrolment_step"))
	hasty := acquirer.EnrolmentLimits{EnrolmentsKept: time.Second, NoticesKept: time.Second}
	ended := enrolment(t, "hasty")
	ended.State, ended.Due, ended.Changed = acquirer.EnrolmentRefused, time.Time{}, atNoon
	enrol(t, db, ended)
	require.Zero(t, purge(t, db, atNoon.Add(leastKept), hasty).Enrolments, "an id is not given twice on a date")
}

// A notice loses its address, not its place: that a payer was told is part of what the audit proves.
func TestPurgeNotices(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	queued := routed(t, db, waiting(t, db), "13900139001", atNoon)
	sent := routed(t, db, waiting(t, db), "13900139002", atNoon)
	handed := sent
	handed.State, handed.Sent, handed.Receipt = acquirer.NoticeHanded, atNoon, "r1"
	require.NoError(t, db.MoveNotice(t.Context(), &sent, &handed))
	l := acquirer.EnrolmentLimits{NoticesKept: day}
	require.Zero(t, purge(t, db, noon.Add(day), l).Notices)
	require.Equal(t, 2, purge(t, db, noon.Add(day+time.Second), l).Notices)
	require.Zero(t, purge(t, db, noon.Add(2*day), l).Notices, "once")
	require.Zero(t, count(t, db, "outbox_step"), "the history goes too")
	for _, v := range []struct {
		n    acquirer.Notice
		want acquirer.NoticeState
	}{{queued, acquirer.NoticeWithdrawn}, {handed, acquirer.NoticeHanded}} {
		got, err := db.NoticeOf(t.Context(), v.n)
		require.NoError(t, err)
		require.Equal(t, v.want, got.State)
		require.Zero(t, got.Address)
		require.Empty(t, got.Receipt)
	}
	report, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}}})
	require.NoError(t, err)
	require.Empty(t, report.Breaks)
}

// After the journal's time nobody can open what was personal in a payment, and the journal is proved all the same. Who was
// registered on that day is still a payee.
func TestShredding(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	old := opened(t, db, noon)
	old = moved(t, db, old, acquirer.Approved, approve(old.ID))
	young := opened(t, db, noon.AddDate(0, 0, 2))
	young = moved(t, db, young, acquirer.Approved, approve(young.ID))
	p := wang(t)
	var err error
	p.Ref, err = db.AddPayee(t.Context(), p)
	require.NoError(t, err)
	e := enrol(t, db, enrolment(t, "1"))
	require.NoError(t, db.ChangePayee(t.Context(), acquirer.Effect{Payee: p, Contact: &acquirer.Contact{Language: acquirer.English}}))
	routed(t, db, waiting(t, db), "13900139001", atNoon)
	rekey(t, db, 20261122)

	audit := func() *Report {
		report, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}}})
		require.NoError(t, err)
		return report
	}
	before := audit()
	require.Empty(t, before.Breaks)
	l := acquirer.EnrolmentLimits{JournalKept: 10 * day, NoticesKept: 1000 * day, EnrolmentsKept: 1000 * day, MessagesKept: 1000 * day}
	require.Empty(t, purge(t, db, noon.AddDate(0, 0, 10), l).Dates)
	require.Equal(t, []acquirer.Date{20261122}, purge(t, db, noon.AddDate(0, 0, 11), l).Dates)

	got, err := db.Get(t.Context(), old.ID)
	require.NoError(t, err)
	require.Zero(t, got.Payer)
	require.Zero(t, got.Card)
	require.Empty(t, got.PayeeName)
	require.Equal(t, old.Amount, got.Amount)
	same(t, young, get(t, db, young.ID))
	payee, err := db.PayeeByNumber(t.Context(), p.Number)
	require.NoError(t, err)
	require.Equal(t, p.Name, payee.Name)
	_, err = db.Enrolment(t.Context(), e.ID)
	require.NoError(t, err)
	contact, err := db.Contact(t.Context(), p.Ref.ID)
	require.NoError(t, err)
	require.Equal(t, acquirer.English, contact.Language)

	after := audit()
	require.Empty(t, after.Breaks, "the chain proves rows that nobody can open")
	require.Equal(t, before.Head, after.Head)
	require.Equal(t, 2, after.Shredded)
	require.Zero(t, count(t, openAt(t, path), "data_key WHERE id = 20261122"))

	// Only the switch can say that a key was destroyed, and the date never gets another one.
	_, err = db.keys.seal(t.Context(), 20261122, "txn", 1, []byte("x"))
	require.Error(t, err)
	_, err = db.conn.ExecContext(t.Context(), "UPDATE shredded SET at = at + 1")
	require.NoError(t, err)
	require.NotEmpty(t, audit().Breaks)
	_, err = db.conn.ExecContext(t.Context(), "DELETE FROM shredded")
	require.NoError(t, err)
	require.NotEmpty(t, audit().Breaks, "a key that is lost is no key that was destroyed")
}

// The 0420 of a debit carries its card: while it is owed the key of its day stays, however old it is.
func TestShreddingWaitsForReversals(t *testing.T) {
	db := openNew(t)
	l := acquirer.EnrolmentLimits{JournalKept: 10 * day, NoticesKept: 1000 * day, EnrolmentsKept: 1000 * day, MessagesKept: 1000 * day}
	sent := opened(t, db, noon)
	require.Empty(t, purge(t, db, noon.AddDate(1, 0, 0), l).Dates, "it may be at the host")
	r := acquirer.Reversal{ID: sent.ID + 1, Transaction: sent.ID, Reason: acquirer.CodeNoAnswer, Due: noon, Host: acquirer.HostKey{Time: "1122040000", STAN: 2}}
	owed := moved(t, db, sent, acquirer.Reversing, acquirer.Change{At: noon, Event: acquirer.EventUnknown, Reversal: &r})
	require.Empty(t, purge(t, db, noon.AddDate(1, 0, 0), l).Dates, "it is owed to the host")
	same(t, owed, get(t, db, owed.ID))
	moved(t, db, owed, acquirer.Reversed, acquirer.Change{At: noon, Event: acquirer.EventReversed, Finished: r.ID})
	require.Equal(t, []acquirer.Date{20261122}, purge(t, db, noon.AddDate(1, 0, 0), l).Dates)
}

// A payee who is still to be paid must be found, and so must whoever a discrepancy is about: the key of their day stays, and the
// lines of the host's list with it.
func TestShreddingWaitsForPayouts(t *testing.T) {
	l := acquirer.EnrolmentLimits{JournalKept: 10 * day, NoticesKept: 1000 * day, EnrolmentsKept: 1000 * day, MessagesKept: 1000 * day}
	later := noon.AddDate(1, 0, 0)
	gone := []acquirer.Date{20261122}
	staged := func(t *testing.T, db *DB, tx *acquirer.Transaction) {
		s := settlementOf(20261122)
		require.NoError(t, db.SaveSettlement(t.Context(), s))
		require.NoError(t, db.StageLines(t.Context(), s, []acquirer.StagedLine{{Date: s.Date, Number: 1, Kind: acquirer.LineDebit, Transaction: tx.ID, Amount: tx.Amount},
			{Date: s.Date, Number: 2, Kind: acquirer.LineDebit}}))
	}
	t.Run("paid", func(t *testing.T) {
		db := openNew(t)
		tx := opened(t, db, noon)
		staged(t, db, tx)
		tx = moved(t, db, tx, acquirer.Approved, approve(tx.ID))
		tx = moved(t, db, tx, acquirer.Settled, change(acquirer.EventAgreed))
		require.Empty(t, purge(t, db, later, l).Dates, "settled")
		c := change(acquirer.EventPay)
		c.Payout = payoutOf(tx, acquirer.PayoutOwed)
		tx = moved(t, db, tx, acquirer.Paying, c)
		require.Empty(t, purge(t, db, later, l).Dates, "paying")
		require.Equal(t, 2, count(t, db, "clearing_line"))
		c = change(acquirer.EventPaidOut)
		c.Payout = payoutOf(tx, acquirer.PayoutDone)
		moved(t, db, tx, acquirer.Paid, c)
		p := purge(t, db, later, l)
		require.Equal(t, gone, p.Dates)
		require.Positive(t, p.Lines)
		require.Zero(t, count(t, db, "clearing_line"))
	})
	t.Run("disputed", func(t *testing.T) {
		db := openNew(t)
		tx := disputed(t, db)
		require.Empty(t, purge(t, db, later, l).Dates)
		c := change(acquirer.EventResolved)
		c.Resolved = &acquirer.Resolved{Discrepancy: 1, Subject: fmt.Sprint(tx.ID), As: acquirer.NoPayout, Why: "x", Who: "a", At: noon}
		moved(t, db, tx, acquirer.Approved, c)
		require.Equal(t, gone, purge(t, db, later, l).Dates)
	})
	t.Run("given up", func(t *testing.T) {
		db := openNew(t)
		tx := opened(t, db, noon)
		tx = moved(t, db, tx, acquirer.Approved, approve(tx.ID))
		next := *tx
		next.State, next.Exception = acquirer.Settled, "closed: "+string(acquirer.Refunded)
		require.NoError(t, db.Move(t.Context(), tx, &next, change(acquirer.EventAgreed)))
		require.Equal(t, gone, purge(t, db, later, l).Dates)
	})
}

// rekey seals what was sealed today under the key of another date, as if it had been made then.
func rekey(t testing.TB, db *DB, d acquirer.Date) {
	t.Helper()
	_, err := db.keys.seal(t.Context(), d, "x", 1, nil)
	require.NoError(t, err)
	for _, table := range resealedTables {
		rows, err := db.read.Query("SELECT 1 FROM " + table.table + " LIMIT 1")
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		reseal(t, db, table, d)
	}
}

// reseal is what [DB.reseal] does, to a date that is given.
func reseal(t testing.TB, db *DB, table resealed, d acquirer.Date) {
	t.Helper()
	today := acquirer.DateOf(time.Now())
	var rows []sealedRow
	require.NoError(t, db.many(t.Context(), func(row scanner) error {
		var r sealedRow
		err := row.Scan(&r.id, &r.version, &r.sealed)
		rows = append(rows, r)
		return err
	}, table.read, int64(today), int64(100)))
	require.NotEmpty(t, rows, table.table)
	for _, r := range rows {
		record, err := db.keys.unseal(t.Context(), today, table.table, table.row(r.id, r.version), r.sealed)
		require.NoError(t, err)
		sealed, err := db.keys.seal(t.Context(), d, table.table, table.row(r.id, r.version), record)
		require.NoError(t, err)
		_, err = db.commits.submit(t.Context(), newOp(call{table.write, table.args(d, sealed, r, today)}))
		require.NoError(t, err)
	}
}

func TestPurgePayees(t *testing.T) {
	db := openNew(t)
	p := wang(t)
	var err error
	p.Ref, err = db.AddPayee(t.Context(), p)
	require.NoError(t, err)
	gone := p
	gone.Number, gone.Name, gone.Status, gone.Ended = acquirer.MSISDN{}, "", acquirer.PayeeDeleted, atNoon
	require.NoError(t, db.ChangePayee(t.Context(), acquirer.Effect{Payee: gone, Contact: &acquirer.Contact{}}))
	l := acquirer.EnrolmentLimits{JournalKept: 10 * day}
	require.Zero(t, purge(t, db, atNoon.Add(10*day), l).Payees)
	_, err = db.PayeeByRef(t.Context(), p.Ref)
	require.NoError(t, err, "its card stays as long as the payments to it")
	require.Equal(t, 1, purge(t, db, atNoon.Add(10*day+time.Second), l).Payees)
	_, err = db.PayeeByRef(t.Context(), p.Ref)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	require.Equal(t, 1, count(t, db, "payee_card"), "nobody's")
}

func get(t testing.TB, db *DB, id acquirer.ID) *acquirer.Transaction {
	t.Helper()
	tx, err := db.Get(t.Context(), id)
	require.NoError(t, err)
	return tx
}
