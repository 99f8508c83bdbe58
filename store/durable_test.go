package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// childPath names the variable that makes this test binary a process which writes until it is killed.
const childPath = "RINGBACK_STORE_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

// child writes payments from 32 goroutines and prints a line for every write that was acknowledged.
func child(path string) int {
	db, err := Open(context.Background(), Config{Path: path, Vault: testVault{}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	said := func(id acquirer.ID, version int64) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(int64(id), version)
	}
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for {
				if err := childPayment(db, said); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
			}
		})
	}
	group.Wait()
	return 1
}

func childPayment(db *DB, said func(acquirer.ID, int64)) error {
	ctx := context.Background()
	id, err := db.NewID(noon)
	if err != nil {
		return err
	}
	tx := &acquirer.Transaction{ID: id, State: acquirer.Sent, Opened: noon,
		Key: acquirer.TerminalKey{Date: acquirer.DateOf(noon), Batch: int(id.Sequence()), Terminal: "10000001"}}
	if err := db.Open(ctx, tx, change(acquirer.EventSend)); err != nil {
		return err
	}
	said(id, 1)
	next := *tx
	next.State = acquirer.Approved
	c := change(acquirer.EventApprove)
	c.Notices = []acquirer.Notice{{Transaction: id, Kind: acquirer.NoticeDebited}}
	if err := db.Move(ctx, tx, &next, c); err != nil {
		return err
	}
	said(id, 2)
	return nil
}

// A process that is killed while it writes, three times over on the same file, has lost nothing that it acknowledged
// and has left no step or notice without its row.
func TestKilledProcessLosesNothing(t *testing.T) {
	path := newPath(t)
	acknowledged := map[acquirer.ID]int64{}
	for round := range 3 {
		killAfter(t, path, 500+200*round, acknowledged)
		db := openAt(t, path)
		var verdict string
		require.NoError(t, db.read.QueryRow("PRAGMA integrity_check").Scan(&verdict))
		require.Equal(t, "ok", verdict)
		for id, version := range acknowledged {
			tx, err := db.Get(t.Context(), id)
			require.NoError(t, err)
			require.GreaterOrEqual(t, tx.Version, version)
		}
		recount(t, db)
		id, err := db.NewID(noon)
		require.NoError(t, err)
		require.NotContains(t, acknowledged, id)
		require.NoError(t, db.Close())
	}
}

// killAfter runs a child until it has said so many lines, kills it and collects what it has said by then.
func killAfter(t *testing.T, path string, lines int, acknowledged map[acquirer.ID]int64) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	scan := bufio.NewScanner(out)
	for n := 0; scan.Scan(); n++ {
		if n == lines {
			require.NoError(t, cmd.Process.Kill())
		}
		id, version, ok := strings.Cut(scan.Text(), " ")
		if !ok || version == "" {
			continue // the line that the kill cut
		}
		i, err := strconv.ParseInt(id, 10, 64)
		require.NoError(t, err)
		acknowledged[acquirer.ID(i)] = int64(version[0] - '0')
	}
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, -1, exit.ExitCode(), "ended by the signal")
}

// recount checks that rows, steps and notices tell the same story.
func recount(t *testing.T, db *DB) {
	t.Helper()
	for what, text := range map[string]string{
		"a step for each version":             "SELECT count(*) FROM txn WHERE version <> (SELECT count(*) FROM step WHERE txn = id)",
		"the last step is the state":          "SELECT count(*) FROM txn JOIN step s ON s.txn = id AND s.version = txn.version WHERE s.to_state <> state",
		"no step without its row":             "SELECT count(*) FROM step WHERE txn NOT IN (SELECT id FROM txn)",
		"a notice for each approved and back": "SELECT count(*) FROM txn FULL JOIN outbox o ON o.txn = id WHERE (coalesce(txn.state, 0) = 3) <> (o.kind IS NOT NULL)",
	} {
		var wrong int
		require.NoError(t, db.read.QueryRow(text).Scan(&wrong))
		require.Zero(t, wrong, what)
	}
}

// A copy of the files at any moment holds every write acknowledged before the copy began: it is what a dead machine
// leaves. The writes stay below a checkpoint, which a copy made in two steps could not be trusted across.
func TestCopyOfTheFilesIsWhole(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	stop := make(chan struct{})
	var mu sync.Mutex
	acknowledged := map[acquirer.ID]int64{}
	said := func(id acquirer.ID, version int64) {
		mu.Lock()
		defer mu.Unlock()
		acknowledged[id] = version
	}
	var left atomic.Int64
	left.Store(2_000)
	var group sync.WaitGroup
	defer group.Wait()
	defer close(stop)
	for range 16 {
		group.Go(func() {
			for left.Add(-1) > 0 && !closed(stop) {
				if err := childPayment(db, said); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		mu.Lock()
		want := map[acquirer.ID]int64{}
		for id, version := range acknowledged {
			want[id] = version
		}
		mu.Unlock()
		copied := openAt(t, copyFiles(t, path))
		for id, version := range want {
			tx, err := copied.Get(t.Context(), id)
			require.NoError(t, err)
			require.GreaterOrEqual(t, tx.Version, version)
		}
		recount(t, copied)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func copyFiles(t *testing.T, path string) string {
	t.Helper()
	to := newPath(t)
	for _, suffix := range []string{"", "-wal"} {
		in, err := os.Open(path + suffix)
		require.NoError(t, err)
		out, err := os.Create(to + suffix)
		require.NoError(t, err)
		_, err = io.Copy(out, in)
		require.NoError(t, errors.Join(err, in.Close(), out.Close()))
	}
	return to
}

// 64 goroutines open and move, in part the same rows and keys; then everything is counted.
func TestManyAtOnce(t *testing.T) {
	db := openNew(t)
	const rows, rivals = 64, 4
	var opens, moves, duplicates, stale atomic.Int64
	var group sync.WaitGroup
	for i := range rows {
		var shared sync.WaitGroup
		shared.Add(rivals)
		for r := range rivals {
			tx := debit(t, db, noon)
			tx.Key.STAN = acquirer.STAN(900_000 + i) // the same key for all rivals
			group.Go(func() {
				err := db.Open(t.Context(), tx, change(acquirer.EventSend))
				tally(t, err, acquirer.ErrDuplicate, &opens, &duplicates)
				shared.Done()
				shared.Wait()
				old, err := db.Find(t.Context(), tx.Key)
				if err != nil {
					t.Error(err)
					return
				}
				next := *old
				next.State = acquirer.Approved
				c := change(acquirer.EventApprove)
				if old.State == acquirer.Approved { // a rival was here: the move is one of an attribute
					next.Confirmed = true
				} else {
					c.Notices = []acquirer.Notice{{Transaction: old.ID, Kind: acquirer.NoticeDebited}}
				}
				c.Detail = fmt.Sprint(r)
				tally(t, db.Move(t.Context(), old, &next, c), acquirer.ErrStale, &moves, &stale)
			})
		}
	}
	group.Wait()
	require.EqualValues(t, rows, opens.Load())
	require.EqualValues(t, rows*(rivals-1), duplicates.Load())
	require.EqualValues(t, rows*rivals, moves.Load()+stale.Load())
	require.Equal(t, rows, count(t, db, "txn"))
	require.Equal(t, rows, count(t, db, "outbox"))
	require.EqualValues(t, opens.Load()+moves.Load(), count(t, db, "step"))
	require.LessOrEqual(t, count(t, db, "data_key"), 2, "one for the payments' date, one for nobody's")
	recount(t, db)
}

func tally(t *testing.T, err, other error, done, refused *atomic.Int64) {
	switch {
	case err == nil:
		done.Add(1)
	case errors.Is(err, other):
		refused.Add(1)
	default:
		t.Error(err)
	}
}

// A second process writes the same file while the switch works.
func TestTwoProcessesOnOneFile(t *testing.T) {
	path := newPath(t)
	server, verbs := openAt(t, path), openAt(t, path)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if err := childPayment(server, func(acquirer.ID, int64) {}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 50 {
		id := acquirer.TerminalID(fmt.Sprintf("%08d", i))
		require.NoError(t, verbs.AddTerminal(t.Context(), acquirer.Terminal{ID: id}))
		require.NoError(t, server.SetBlocked(t.Context(), id, true))
		got, err := verbs.Terminal(t.Context(), id)
		require.NoError(t, err)
		require.True(t, got.Blocked)
	}
	require.NoError(t, verbs.Close(), "while the other writes")
	group.Wait()
	require.Equal(t, 400, count(t, server, "txn"))
	require.Equal(t, 50, count(t, server, "terminal"))
	recount(t, server)
}

// An SQL error ends the store: nothing of the batch is written, and nothing later.
func TestBrokenStoreStaysBroken(t *testing.T) {
	db := openNew(t)
	opened(t, db, noon)
	_, err := db.conn.ExecContext(t.Context(), "DROP TABLE outbox")
	require.NoError(t, err)
	tx := debit(t, db, noon)
	require.ErrorIs(t, db.Open(t.Context(), tx, withAll(tx.ID)), acquirer.ErrStore)
	require.Zero(t, tx.Version)
	<-db.Failed()
	require.Equal(t, 1, count(t, db, "txn"))
	require.ErrorIs(t, db.SetBlocked(t.Context(), "10000001", true), acquirer.ErrStore)
	require.ErrorIs(t, db.Open(t.Context(), debit(t, db, noon), change(acquirer.EventSend)), acquirer.ErrStore)
}

func TestEndedContextWritesNothing(t *testing.T) {
	db := openNew(t)
	tx := debit(t, db, noon)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, db.Open(ctx, tx, change(acquirer.EventSend)), context.Canceled)
	require.Zero(t, count(t, db, "txn"))
	require.NoError(t, db.Open(t.Context(), tx, change(acquirer.EventSend)))
}

// In a bubble the clock is virtual, a goroutine that does not end panics, and a wait that the bubble does not know of
// stops the test.
func TestInABubble(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
		require.NoError(t, err)
		begin := time.Now()
		var group sync.WaitGroup
		for i := range 50 {
			later := time.Duration(i) * time.Minute
			tx := debit(t, db, begin.Add(later))
			group.Go(func() {
				time.Sleep(later)
				if err := db.Open(t.Context(), tx, change(acquirer.EventSend)); err != nil {
					t.Error(err)
				}
				time.Sleep(30 * time.Second)
				next := *tx
				next.State = acquirer.Reversing
				if err := db.Move(t.Context(), tx, &next, change(acquirer.EventUnknown)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, 49*time.Minute+30*time.Second, time.Since(begin))
		rows, err := db.InState(t.Context(), acquirer.Reversing, 0, 100)
		require.NoError(t, err)
		require.Len(t, rows, 50)
		require.NoError(t, db.Close())
	})
	require.NoFileExists(t, path+"-wal")
}
