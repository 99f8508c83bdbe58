package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func TestMoveAll(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	var moves []acquirer.Move
	for range 3 {
		old := opened(t, db, noon)
		next := *old
		next.State, next.Code, next.Answered, next.SettleDate = acquirer.Approved, "00", noon, "1122"
		moves = append(moves, acquirer.Move{Old: old, Next: &next, Change: approve(old.ID)})
	}
	moved(t, db, moves[1].Old, acquirer.Declined, change(acquirer.EventDecline)) // somebody was faster
	require.NoError(t, db.MoveAll(t.Context(), moves))
	for i, want := range []acquirer.State{acquirer.Approved, acquirer.Declined, acquirer.Approved} {
		got, err := db.Get(t.Context(), moves[i].Old.ID)
		require.NoError(t, err)
		require.Equal(t, want, got.State)
		require.Equal(t, i != 1, moves[i].Next.Version == 2, "the version of what was left out stays")
		require.Equal(t, int64(2), got.Version)
	}
	require.NoError(t, db.Close())
	sound(t, path) // the chain holds every move once
	db = openAt(t, path)

	other := *moves[0].Next
	other.Amount++
	require.Error(t, db.MoveAll(t.Context(), []acquirer.Move{{Old: moves[0].Next, Next: &other, Change: change(acquirer.EventAgreed)}}))
	require.NoError(t, db.MoveAll(t.Context(), nil))
}

func TestFindHosts(t *testing.T) {
	db := openNew(t)
	a, b := opened(t, db, noon), opened(t, db, noon)
	last := *opened(t, db, noon)
	found, err := db.FindHosts(t.Context(), []acquirer.HostKey{a.Host, b.Host, {Time: a.Host.Time, STAN: 999_999}, {}, a.Host})
	require.NoError(t, err)
	require.Len(t, found, 2)
	same(t, a, found[a.Host])
	same(t, b, found[b.Host])

	again := *debit(t, db, noon.AddDate(1, 0, 0)) // a year later F7 comes again
	again.Host = last.Host
	require.NoError(t, db.Open(t.Context(), &again, change(acquirer.EventSend)))
	found, err = db.FindHosts(t.Context(), []acquirer.HostKey{last.Host})
	require.NoError(t, err)
	same(t, &again, found[last.Host])

	found, err = db.FindHosts(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, found)
}
