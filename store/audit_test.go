package store

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func audited(t *testing.T, path string) *Report {
	t.Helper()
	r, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}}})
	require.NoError(t, err)
	return r
}

// sound wants an audit without a break. The debits of the tests are years behind their deadlines: a switch is said to run.
func sound(t *testing.T, path string) *Report {
	t.Helper()
	r, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}},
		Running: func() (bool, error) { return true, nil }})
	require.NoError(t, err)
	require.Empty(t, r.Breaks)
	require.Zero(t, r.More)
	return r
}

// approve is a change with the payer's notice.
func approve(id acquirer.ID) acquirer.Change {
	c := change(acquirer.EventApprove)
	c.Notices = []acquirer.Notice{{Transaction: id, Kind: acquirer.NoticeDebited, Created: noon}}
	return c
}

// owe is a change with a reversal, due now.
func owe(t testing.TB, db *DB, tx *acquirer.Transaction) acquirer.Change {
	id, err := db.NewID(noon)
	require.NoError(t, err)
	c := change(acquirer.EventUndo)
	c.Reversal = &acquirer.Reversal{ID: id, Transaction: tx.ID, Reason: "98", Due: noon,
		Host: acquirer.HostKey{Time: acquirer.HostTime(noon), STAN: id.STAN()}}
	if tx.State == acquirer.Approved {
		c.Withdraw = acquirer.NoticeDebited
	}
	return c
}

// story writes one payment that takes a way through the states by chance and stops somewhere on it.
func story(t testing.TB, db *DB, chance *rand.Rand, at time.Time) *acquirer.Transaction {
	t.Helper()
	tx := debit(t, db, at)
	switch chance.IntN(6) {
	case 0:
		tx.State, tx.Code, tx.Answered, tx.Token, tx.Host = acquirer.Declined, "P4", at, acquirer.TokenID{}, acquirer.HostKey{}
	case 1:
		tx.State, tx.Code, tx.Amount, tx.Token = acquirer.Tombstone, "98", 0, acquirer.TokenID{}
	}
	require.NoError(t, db.Open(t.Context(), tx, change(acquirer.EventSend)))
	for chance.IntN(8) > 0 {
		ways := acquirer.Moves[tx.State]
		to := ways[chance.IntN(len(ways))]
		c := change(acquirer.EventLateAnswer)
		switch {
		case to == acquirer.Approved && tx.State == acquirer.Sent:
			c = approve(tx.ID)
		case to == acquirer.Reversing && tx.State != acquirer.Reversing:
			c = owe(t, db, tx)
		case to == acquirer.Reversed && tx.State == acquirer.Reversing:
			c = finish(t, db, tx)
		}
		tx = moved(t, db, tx, to, c)
	}
	return tx
}

// finish is a change that takes the transaction's reversal off the queue, after a try that failed.
func finish(t testing.TB, db *DB, tx *acquirer.Transaction) acquirer.Change {
	r, err := db.ReversalOf(t.Context(), tx.ID)
	require.NoError(t, err)
	r.Tries, r.Due, r.HostCode = r.Tries+1, r.Due.Add(time.Minute), "96"
	require.NoError(t, db.Reschedule(t.Context(), r))
	c := change(acquirer.EventReversed)
	c.Finished = r.ID
	return c
}

// stories writes so many payments over three days.
func stories(t testing.TB, db *DB, n int) {
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		story(t, db, chance, noon.Add(time.Duration(i%3)*day))
	}
}

func TestAuditOfASoundJournal(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	empty := sound(t, path)
	none := hex.EncodeToString(make([]byte, 16))
	require.Equal(t, &Report{Head: none, OperationHead: none, Sums: map[acquirer.State]Subtotal{}}, empty)
	stories(t, db, 400)
	running := sound(t, path)
	require.Equal(t, 400, running.Rows)
	require.Equal(t, count(t, db, "step"), running.Steps)
	require.Equal(t, hex.EncodeToString(db.writer.head.hash[:]), running.Head)
	total := 0
	for state := acquirer.Declined; state <= acquirer.Paid; state++ {
		s := running.Sums[state]
		require.NotZero(t, s.Count, "no payment ended as %s: the test misses something", state)
		if state != acquirer.Tombstone {
			require.EqualValues(t, 12345*s.Count, s.Sum)
		}
		total += s.Count
	}
	require.Equal(t, 400, total)
	require.Equal(t, running.Open, running.Sums[acquirer.Sent].Count+running.Sums[acquirer.Reversing].Count)
	require.NoError(t, db.Close())
	require.Equal(t, running, sound(t, path), "offline")
	again := openAt(t, path)
	stories(t, again, 10)
	require.Equal(t, 410, sound(t, path).Rows, "the chain goes on behind a restart")
}

// What waits behind its deadline is a break only when nobody waits for it.
func TestAuditOfOpenDebits(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	late := opened(t, db, time.Now().Add(-time.Hour))
	opened(t, db, time.Now())
	require.Equal(t, 2, sound(t, path).Open)
	r := audited(t, path)
	require.Equal(t, 2, r.Open)
	require.Len(t, r.Breaks, 1)
	require.Equal(t, late.RRN(), r.Breaks[0].RRN)
	require.Contains(t, r.Breaks[0].What, "no switch runs")
	_, err := Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{}},
		Running: func() (bool, error) { return false, errDisk }})
	require.ErrorIs(t, err, errDisk)
}

func TestAuditRefuses(t *testing.T) {
	path := newPath(t)
	config := Config{Path: path, Vault: testVault{}}
	_, err := Audit(t.Context(), AuditConfig{Config: config})
	require.Error(t, err)
	require.NoFileExists(t, path)
	db := openAt(t, path)
	_, err = Audit(t.Context(), AuditConfig{Config: Config{Path: path, Vault: testVault{master: [32]byte{1}}}})
	require.ErrorIs(t, err, acquirer.ErrKey)
	_, err = db.conn.ExecContext(t.Context(), "DELETE FROM schema_version WHERE version > 1")
	require.NoError(t, err)
	_, err = Audit(t.Context(), AuditConfig{Config: config})
	require.ErrorContains(t, err, "schema 1")
}

// The audit reads one moment of the journal, whatever is written meanwhile.
func TestAuditWhileManyWrite(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			chance := rand.New(rand.NewPCG(uint64(i), 0))
			for !closed(stop) {
				story(t, db, chance, noon)
			}
		})
	}
	rows := 0
	for range 5 {
		r := sound(t, path)
		require.GreaterOrEqual(t, r.Rows, rows)
		rows = r.Rows
	}
	close(stop)
	group.Wait()
	require.NotZero(t, sound(t, path).Rows)
}

// Two processes that move in turn, and at once, add to one chain.
func TestTwoProcessesAddToOneChain(t *testing.T) {
	path := newPath(t)
	one, other := openAt(t, path), openAt(t, path)
	var mine []*acquirer.Transaction
	for range 20 {
		mine = append(mine, opened(t, one, noon))
	}
	var group sync.WaitGroup
	for i, tx := range mine {
		db := []*DB{one, other}[i%2]
		group.Go(func() { moved(t, db, tx, acquirer.Approved, approve(tx.ID)) })
	}
	group.Wait()
	require.Equal(t, 40, sound(t, path).Steps)
}

// A step that a foreign row keeps from being written holds up nothing, and is missed.
func TestForeignStepHoldsUpNothing(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	tx := opened(t, db, noon)
	raw(t, path, `INSERT INTO step SELECT txn, 2, at, 2, 3, event, detail, NULL, NULL, moved_sum, 0, 99, hash FROM step`)
	next := moved(t, db, tx, acquirer.Approved, approve(tx.ID))
	opened(t, db, noon)
	r := audited(t, path)
	require.Contains(t, fmt.Sprint(r.Breaks), "end of chain 0")
	require.Contains(t, fmt.Sprint(r.Breaks), string(next.RRN()))
}

// raw runs statements on a connection of its own, as somebody would who has the file and no key.
func raw(t *testing.T, path string, texts ...string) {
	t.Helper()
	db := pool(path, "", 1)
	defer func() { require.NoError(t, db.Close()) }()
	for _, text := range texts {
		result, err := db.Exec(text)
		require.NoError(t, err, text)
		rows, err := result.RowsAffected()
		require.NoError(t, err)
		require.NotZero(t, rows, text)
	}
}
