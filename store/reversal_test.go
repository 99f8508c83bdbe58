package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// owed makes a debit that is being reversed and returns it with its reversal.
func owed(t *testing.T, db *DB, due time.Time) (*acquirer.Transaction, acquirer.Reversal) {
	t.Helper()
	tx := opened(t, db, noon)
	id, err := db.NewID(noon)
	require.NoError(t, err)
	r := acquirer.Reversal{ID: id, Transaction: tx.ID, Host: acquirer.HostKey{Time: acquirer.HostTime(noon), STAN: id.STAN()},
		Reason: "98", Due: due}
	c := change(acquirer.EventUnknown)
	c.Reversal = &r
	r.Due = timeOf(micros(due))
	return moved(t, db, tx, acquirer.Reversing, c), r
}

func TestDue(t *testing.T) {
	db := openNew(t)
	_, ok, err := db.NextDue(t.Context())
	require.NoError(t, err)
	require.False(t, ok)
	_, third := owed(t, db, noon.Add(3*time.Second))
	_, first := owed(t, db, noon.Add(1*time.Second))
	_, second := owed(t, db, noon.Add(2*time.Second))

	due := func(later time.Duration, limit int) []acquirer.Reversal {
		all, err := db.Due(t.Context(), noon.Add(later), limit)
		require.NoError(t, err)
		return all
	}
	require.Empty(t, due(time.Second-time.Microsecond, 10))
	require.Equal(t, []acquirer.Reversal{first}, due(time.Second, 10))
	require.Equal(t, []acquirer.Reversal{first, second}, due(time.Hour, 2))
	require.Equal(t, []acquirer.Reversal{first, second, third}, due(time.Hour, 10))
	all, err := db.Reversals(t.Context())
	require.NoError(t, err)
	require.Equal(t, []acquirer.Reversal{first, second, third}, all)
	at, ok, err := db.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, first.Due, at)
}

func TestReschedule(t *testing.T) {
	db := openNew(t)
	_, r := owed(t, db, noon)
	later := r
	later.Tries, later.HostCode, later.Due = 3, "96", timeOf(micros(noon.Add(time.Minute)))
	changed := later
	changed.Reason, changed.Transaction, changed.Host = "06", 1, acquirer.HostKey{}
	require.NoError(t, db.Reschedule(t.Context(), changed))
	all, err := db.Reversals(t.Context())
	require.NoError(t, err)
	require.Equal(t, []acquirer.Reversal{later}, all, "only tries, due and host code are stored")
	later.ID++
	require.ErrorIs(t, db.Reschedule(t.Context(), later), acquirer.ErrNotFound)
}

func TestFinished(t *testing.T) {
	db := openNew(t)
	tx, r := owed(t, db, noon)
	_, other := owed(t, db, noon)
	c := change(acquirer.EventReversed)
	c.Finished = r.ID
	stale, next := *tx, *tx
	stale.Version--
	next.State = acquirer.Reversed
	require.ErrorIs(t, db.Move(t.Context(), &stale, &next, c), acquirer.ErrStale)
	require.Equal(t, 2, count(t, db, "saf"), "a stale move takes nothing off the queue")
	moved(t, db, tx, acquirer.Reversed, c)
	all, err := db.Reversals(t.Context())
	require.NoError(t, err)
	require.Equal(t, []acquirer.Reversal{other}, all)
}

func TestNoticeIsUnique(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, noon)
	c := change(acquirer.EventApprove)
	c.Notices = []acquirer.Notice{{Transaction: tx.ID, Kind: acquirer.NoticeDebited, Created: noon},
		{Transaction: tx.ID, Kind: acquirer.NoticePaidOut, Created: noon}}
	tx = moved(t, db, tx, acquirer.Approved, c)
	moved(t, db, tx, acquirer.Approved, c)
	notices, err := db.Outbox(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, notices, 2)
	notices, err = db.Outbox(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, acquirer.NoticeDebited, notices[0].Kind)
}

// A notice that was not sent is withdrawn with the move that says so, and stays for the history; one that was sent stays
// sent. What was told of does not change by that.
func TestNoticeIsWithdrawn(t *testing.T) {
	for _, c := range []struct {
		name   string
		device string // what a device did with the notice meanwhile
		told   bool
		state  acquirer.NoticeState
	}{
		{"not tried", "", false, acquirer.NoticeWithdrawn},
		{"tried", "tries = 1", true, acquirer.NoticeWithdrawn},
		{"sent", "tries = 1, sent = 1, state = 1", true, acquirer.NoticeHanded},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openNew(t)
			tx, other := opened(t, db, noon), opened(t, db, noon)
			approved := approve(tx.ID)
			approved.Notices = append(approved.Notices, acquirer.Notice{Transaction: tx.ID, Kind: acquirer.NoticePaidOut, Created: noon})
			tx = moved(t, db, tx, acquirer.Approved, approved)
			moved(t, db, other, acquirer.Approved, approve(other.ID))
			if c.device != "" {
				_, err := db.conn.ExecContext(t.Context(), "UPDATE outbox SET "+c.device+" WHERE kind = 1 AND txn = $1", int64(tx.ID))
				require.NoError(t, err)
			}
			told := func(id acquirer.ID, kind acquirer.NoticeKind) bool {
				yes, err := db.Told(t.Context(), id, kind)
				require.NoError(t, err)
				return yes
			}
			require.Equal(t, c.told, told(tx.ID, acquirer.NoticeDebited))

			stale, next := *tx, *tx
			stale.Version--
			next.State = acquirer.Reversing
			require.ErrorIs(t, db.Move(t.Context(), &stale, &next, owe(t, db, tx)), acquirer.ErrStale)
			before, err := db.Notices(t.Context(), tx.ID)
			require.NoError(t, err)
			require.NotEqual(t, acquirer.NoticeWithdrawn, before[0].State, "a stale move withdraws nothing")

			tx = moved(t, db, tx, acquirer.Reversing, owe(t, db, tx))
			got, err := db.Notices(t.Context(), tx.ID)
			require.NoError(t, err)
			require.Len(t, got, 2)
			require.Equal(t, c.state, got[0].State)
			require.Equal(t, acquirer.NoticeQueued, got[1].State, "of another kind")
			waiting, err := db.Outbox(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, waiting, 2, "what is withdrawn waits no more")
			require.Equal(t, c.told, told(tx.ID, acquirer.NoticeDebited))
			require.False(t, told(tx.ID, acquirer.NoticePaidOut))
			require.False(t, told(other.ID, acquirer.NoticeDebited))
			history, err := db.History(t.Context(), tx.ID)
			require.NoError(t, err)
			require.Equal(t, acquirer.NoticeDebited, history[2].Made.Withdrew)
			require.Zero(t, history[1].Made.Withdrew)
		})
	}
}

func TestNewID(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	take := func(at time.Time) int64 {
		id, err := db.NewID(at)
		require.NoError(t, err)
		require.Equal(t, acquirer.DateOf(at), id.Date())
		return id.Sequence()
	}
	reopen := func() {
		require.NoError(t, db.Close())
		db = openAt(t, path)
	}
	require.EqualValues(t, 1, take(noon))
	require.EqualValues(t, 2, take(noon))
	require.EqualValues(t, 1, take(noon.Add(day)), "each date begins with 1")
	reopen()
	require.EqualValues(t, 1, take(noon), "nothing durable, nothing spent")

	opened(t, db, noon)
	opened(t, db, noon.Add(day))
	reopen()
	require.EqualValues(t, 3, take(noon), "behind the greatest durable transaction")
	require.EqualValues(t, 2, take(noon.Add(day)))

	tx, r := owed(t, db, noon) // 4 and 5
	require.EqualValues(t, 5, r.ID.Sequence())
	reopen()
	require.EqualValues(t, 6, take(noon), "behind the greatest queued reversal")
	reopen()
	c := change(acquirer.EventReversed)
	c.Finished = r.ID
	moved(t, db, tx, acquirer.Reversed, c)
	reopen()
	require.EqualValues(t, 6, take(noon), "behind a reversal that has left the queue")
}

func TestNewIDEnds(t *testing.T) {
	db := openNew(t)
	db.ids.begin(acquirer.DateOf(noon), acquirer.MaxSequence-1)
	id, err := db.NewID(noon)
	require.NoError(t, err)
	require.EqualValues(t, acquirer.MaxSequence, id.Sequence())
	for range 2 {
		_, err = db.NewID(noon)
		require.ErrorContains(t, err, "used up")
	}
	_, err = db.NewID(noon.Add(day))
	require.NoError(t, err)
}
