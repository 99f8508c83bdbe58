package faultvfs

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// begin makes a folder a machine and a database there with a row for each of some numbers.
func begin(t *testing.T, folder string, rows ...int) (*Machine, *sql.DB) {
	t.Helper()
	m, err := New(folder)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	db := open(t, folder)
	t.Cleanup(func() { _ = db.Close() }) // it may have failed on purpose
	_, err = db.Exec("CREATE TABLE n (n INTEGER)")
	require.NoError(t, err)
	for _, n := range rows {
		require.NoError(t, insert(db, n))
	}
	return m, db
}

func open(t *testing.T, folder string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(folder, "a.db")+"?_journal_mode=WAL&_synchronous=FULL")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	return db
}

func insert(db *sql.DB, n int) error {
	_, err := db.Exec("INSERT INTO n VALUES (?)", n)
	return err
}

func sum(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT coalesce(sum(n), 0) FROM n").Scan(&n))
	return n
}

// sumOf opens an image on a disk without faults.
func sumOf(t *testing.T, image map[string][]byte) int {
	t.Helper()
	folder := t.TempDir()
	for name, bytes := range image {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), bytes, 0o600))
	}
	db := open(t, folder)
	defer func() { require.NoError(t, db.Close()) }()
	return sum(t, db)
}

// played returns the disk after a machine's history.
func played(m *Machine) *Disk {
	d := NewDisk(1)
	for _, op := range m.History() {
		d.Apply(op)
	}
	return d
}

func TestOtherFilesAreNotTouched(t *testing.T) {
	m, _ := begin(t, t.TempDir(), 1)
	before := m.Ops()
	m.Kill()
	db := open(t, t.TempDir())
	_, err := db.Exec("CREATE TABLE n (n INTEGER)")
	require.NoError(t, err)
	require.NoError(t, insert(db, 1))
	require.NoError(t, db.Close())
	require.Equal(t, before, m.Ops())
}

func TestMachineWithAnOpenFileStays(t *testing.T) {
	m, _ := begin(t, t.TempDir())
	require.ErrorContains(t, m.Close(), "open")
	_, err := New(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPowerCut(t *testing.T) {
	m, db := begin(t, t.TempDir(), 1, 2)
	m.CutAt(m.Ops() + 1) // a commit writes a frame's header first
	require.ErrorContains(t, insert(db, 4), "disk I/O error")
	ops := m.Ops()
	require.ErrorContains(t, insert(db, 8), "disk I/O error")
	require.Equal(t, ops, m.Ops(), "nothing happens without power")
	for _, fate := range Fates {
		require.Equal(t, 3, sumOf(t, played(m).Image(Op{}, fate)), fate)
	}
}

func TestUnsyncedIsLostKeptOrInPart(t *testing.T) {
	m, db := begin(t, t.TempDir(), 1)
	_, err := db.Exec("PRAGMA synchronous = NORMAL")
	require.NoError(t, err)
	require.NoError(t, insert(db, 2))
	d := played(m)
	require.Equal(t, 1, sumOf(t, d.Image(Op{}, Lost)))
	require.Equal(t, 3, sumOf(t, d.Image(Op{}, Kept)))
	d.Apply(Op{Kind: Sync, File: m.History()[m.Ops()-1].File})
	require.Equal(t, 3, sumOf(t, d.Image(Op{}, Lost)))
}

func TestKilledProcessLeavesItsWrites(t *testing.T) {
	folder := t.TempDir()
	m, db := begin(t, folder, 1)
	_, err := db.Exec("PRAGMA synchronous = NORMAL")
	require.NoError(t, err)
	require.NoError(t, insert(db, 2))
	m.Kill()
	require.Error(t, insert(db, 4))
	require.NoError(t, db.Close())
	m.Restart()
	db = open(t, folder)
	require.Equal(t, 3, sum(t, db))
	require.Equal(t, 1, sumOf(t, played(m).Image(Op{}, Lost)), "they are not durable by that")
	require.NoError(t, db.Close())
}

func TestFailedSync(t *testing.T) {
	m, db := begin(t, t.TempDir(), 1)
	m.FailSyncs(2, 1)
	require.NoError(t, insert(db, 2))
	require.ErrorContains(t, insert(db, 4), "disk I/O error")
	require.NoError(t, insert(db, 8))
	require.Equal(t, 11, sum(t, db), "what the failed one wrote was written again over it")
	require.Equal(t, 11, sumOf(t, played(m).Image(Op{}, Lost)))
}

func TestFullDisk(t *testing.T) {
	m, db := begin(t, t.TempDir(), 1)
	m.Limit(5)
	require.ErrorContains(t, insert(db, 2), "full")
	m.Restart()
	require.NoError(t, insert(db, 4))
	require.Equal(t, 5, sum(t, db))
}

func TestFailedRead(t *testing.T) {
	folder := t.TempDir()
	m, err := New(folder)
	require.NoError(t, err)
	db := open(t, folder)
	m.FailRead(m.Reads() + 1)
	require.ErrorContains(t, db.Ping(), "disk I/O error")
	require.NoError(t, db.Ping(), "once only")
	require.NoError(t, db.Close())
	require.NoError(t, m.Close())
}

// The disk alone, on a history written by hand.
func TestDisk(t *testing.T) {
	write := func(file int, at int64, data string) Op {
		return Op{Kind: Write, File: file, At: at, Data: []byte(data)}
	}
	d := NewDisk(7)
	d.Apply(Op{Kind: Found, File: 0, Name: "a", Data: []byte("old")})
	d.Apply(write(0, 5, "new"))
	require.Equal(t, map[string][]byte{"a": []byte("old")}, d.Image(Op{}, Lost))
	require.Equal(t, map[string][]byte{"a": []byte("old\x00\x00new")}, d.Image(Op{}, Kept))
	under := Op{Kind: Truncate, File: 0, At: 1}
	require.Equal(t, "o", string(d.Image(under, Kept)["a"]))
	d.Apply(Op{Kind: SyncFailed, File: 0})
	require.Equal(t, "old", string(d.Image(Op{}, Kept)["a"]), "the kernel does not write it any more")

	d.Apply(Op{Kind: Create, File: 1, Name: "b"})
	d.Apply(write(1, 0, "first"))
	require.NotContains(t, d.Image(Op{}, Lost), "b")
	d.Apply(Op{Kind: Sync, File: 1})
	require.Equal(t, "first", string(d.Image(Op{}, Lost)["b"]), "the first sync of a file makes its name durable")

	d.Apply(Op{Kind: Delete, File: 1, Name: "b"})
	d.Apply(Op{Kind: Create, File: 2, Name: "b"})
	d.Apply(write(2, 0, "second"))
	require.Equal(t, "first", string(d.Image(Op{}, Lost)["b"]), "the deletion waits for a flush of the folder")
	require.Equal(t, "second", string(d.Image(Op{}, Kept)["b"]))
	d.Apply(Op{Kind: Delete, File: 2, Name: "b", At: 1})
	require.NotContains(t, d.Image(Op{}, Lost), "b")
}

func TestSectorsTearApart(t *testing.T) {
	d := NewDisk(7)
	d.Apply(Op{Kind: Found, File: 0, Name: "a", Data: make([]byte, 4*sector)})
	under := Op{Kind: Write, File: 0, At: sector / 2, Data: []byte(strings.Repeat("x", 3*sector))}
	kinds := map[string]bool{}
	for range 200 {
		kinds[string(d.Image(under, Torn)["a"])] = true
	}
	require.Len(t, kinds, 16, "each of four sectors is there or not")
}

// No program of the product holds this package.
func TestNoProgramIsLinkedWithIt(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./cmd/...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	require.NoError(t, err)
	listed := strings.Fields(string(out))
	require.Contains(t, listed, "example.com/ringback/store")
	require.NotContains(t, listed, "example.com/ringback/store/faultvfs")
}
