package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// told is the history of a notice, a word for each step.
func told(t testing.TB, db *DB, n acquirer.Notice) (out []string) {
	t.Helper()
	steps, err := db.NoticeSteps(t.Context(), n)
	require.NoError(t, err)
	for _, s := range steps {
		require.False(t, s.At.IsZero())
		out = append(out, fmt.Sprintf("%s %d %s %q %q", s.Device, s.Try, s.State, s.Detail, s.Reference))
	}
	return out
}

// Every move that means something is a step, in its order; one that another was faster than is none.
func TestNoticeHistory(t *testing.T) {
	db := openNew(t)
	n := waiting(t, db)
	require.Empty(t, told(t, db, n))
	r := routed(t, db, n, "13900139001", atNoon)
	counted := r
	counted.Tries++
	require.NoError(t, db.MoveNotice(t.Context(), &r, &counted))
	failed := counted
	failed.Detail, failed.Due = "queue full", atNoon.Add(time.Minute)
	require.NoError(t, db.MoveNotice(t.Context(), &counted, &failed))
	require.ErrorIs(t, db.MoveNotice(t.Context(), &r, &failed), acquirer.ErrStale)
	again := failed
	again.Tries++
	require.NoError(t, db.MoveNotice(t.Context(), &failed, &again))
	handed := again
	handed.State, handed.Sent, handed.Receipt, handed.Detail = acquirer.NoticeHanded, atNoon, "r1", ""
	require.NoError(t, db.MoveNotice(t.Context(), &again, &handed))
	delivered := handed
	delivered.State, delivered.Detail = acquirer.NoticeDelivered, "DELIVRD"
	require.NoError(t, db.MoveNotice(t.Context(), &handed, &delivered))
	require.Equal(t, []string{`sms 0 queued "" ""`, `sms 1 queued "queue full" ""`, `sms 2 handed "" "r1"`, `sms 2 delivered "DELIVRD" ""`}, told(t, db, n))
	require.Empty(t, told(t, db, waiting(t, db)), "of another notice")
	require.Equal(t, 4, count(t, db, "outbox_step"))
}

// A debit that is undone withdraws its notice, which its history tells; a notice that was sent is not withdrawn.
func TestHistoryOfWithdrawn(t *testing.T) {
	db := openNew(t)
	for _, c := range []struct {
		state acquirer.NoticeState
		want  []string
	}{
		{acquirer.NoticeQueued, []string{`sms 0 queued "" ""`, `sms 0 withdrawn "the debit is undone" ""`}},
		{acquirer.NoticeHanded, []string{`sms 0 queued "" ""`, `sms 0 handed "" ""`}},
	} {
		n := routed(t, db, waiting(t, db), "13900139001", atNoon)
		if c.state != n.State {
			next := n
			next.State = c.state
			require.NoError(t, db.MoveNotice(t.Context(), &n, &next))
		}
		tx := get(t, db, n.Transaction)
		moved(t, db, tx, acquirer.Reversing, owe(t, db, tx))
		require.Equal(t, c.want, told(t, db, n))
	}
}

// The history of a notice that has no address any more goes when its time is over; that of others goes with their address.
func TestPurgeHistory(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, time.Now())
	moved(t, db, tx, acquirer.Approved, approve(tx.ID))
	n, err := db.NoticeOf(t.Context(), acquirer.Notice{Transaction: tx.ID, Kind: acquirer.NoticeDebited})
	require.NoError(t, err)
	dead := n
	dead.State, dead.Turn = acquirer.NoticeDead, 1
	require.NoError(t, db.MoveNotice(t.Context(), &n, &dead))
	l := acquirer.EnrolmentLimits{NoticesKept: 2 * day}
	purge(t, db, time.Now().Add(2*day-time.Minute), l)
	require.Equal(t, 1, count(t, db, "outbox_step"))
	purge(t, db, time.Now().Add(2*day+time.Second), l)
	require.Zero(t, count(t, db, "outbox_step"))
	require.Equal(t, 1, count(t, db, "outbox"), "the notice stays")
}
