package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// testVault wraps data keys under a master key that is not stored.
type testVault struct{ master [32]byte }

func (v testVault) aead() cipher.AEAD {
	block, err := aes.NewCipher(v.master[:])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func (v testVault) NewDataKey() (acquirer.Key, []byte, error) {
	clear := make([]byte, 32)
	if _, err := rand.Read(clear); err != nil {
		return acquirer.Key{}, nil, err
	}
	return acquirer.NewKey(clear), v.aead().Seal(nil, nil, clear, nil), nil
}

func (v testVault) OpenDataKey(wrapped []byte) (acquirer.Key, error) {
	clear, err := v.aead().Open(nil, nil, wrapped, nil)
	if err != nil {
		return acquirer.Key{}, acquirer.ErrKey
	}
	return acquirer.NewKey(clear), nil
}

func (v testVault) NewIndexSecret() []byte {
	return v.aead().Seal(nil, nil, v.master[:], []byte("index"))
}

func (v testVault) IndexKey(secret []byte, label string) (acquirer.Key, error) {
	clear, err := v.aead().Open(nil, nil, secret, []byte("index"))
	if err != nil {
		return acquirer.Key{}, acquirer.ErrKey
	}
	h := hmac.New(sha256.New, clear)
	h.Write([]byte(label))
	return acquirer.NewKey(h.Sum(nil)), nil
}

// RewrapKey marks what it wrapped.
func (v testVault) RewrapKey(b acquirer.KeyBlock) (acquirer.KeyBlock, error) {
	if b.Blob == "altered" {
		return acquirer.KeyBlock{}, acquirer.ErrKey
	}
	b.Blob += " anew"
	return b, nil
}

// noon is the clock of the tests: 22 November 2026.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 123_456_000, acquirer.Beijing)

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "switch.db") }

func openAt(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(context.Background(), Config{Path: path, Vault: testVault{}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func openNew(t testing.TB) *DB { return openAt(t, newPath(t)) }

func pan(t testing.TB, s string) acquirer.PAN {
	t.Helper()
	p, err := acquirer.ParsePAN(s)
	require.NoError(t, err)
	return p
}

func msisdn(t testing.TB, s string) acquirer.MSISDN {
	t.Helper()
	m, err := acquirer.ParseMSISDN(s)
	require.NoError(t, err)
	return m
}

// debit makes a transaction about to be sent, with an id, a terminal key, a token and a host key of its own.
func debit(t testing.TB, db *DB, at time.Time) *acquirer.Transaction {
	t.Helper()
	id, err := db.NewID(at)
	require.NoError(t, err)
	tx := &acquirer.Transaction{
		ID: id, State: acquirer.Sent,
		Key: acquirer.TerminalKey{Date: acquirer.DateOf(at), Merchant: "898110000000001", Terminal: "10000001",
			Batch: int(id.Date()%100)*1000 + int(id.Sequence()/1_000_000), STAN: acquirer.STAN(id.Sequence() % 1_000_000)},
		Amount: 12345, Payer: msisdn(t, "13900139001"), PayeeNumber: msisdn(t, "13800138001"),
		Payee: acquirer.PayeeRef{ID: 7, CardVersion: 2}, PayeeName: "王*明", Card: pan(t, "6225880000000000019"),
		Expiry: "3012", EntryMode: "021", CardSeq: "001", Memo: "房租 November",
		Host:     acquirer.HostKey{Time: acquirer.HostTime(at), STAN: id.STAN()},
		Deadline: at.Add(30 * time.Second), Opened: at,
	}
	copy(tx.Token[:], "token")
	tx.Token[6], tx.Token[7], tx.Token[8] = byte(id>>16), byte(id>>8), byte(id)
	return tx
}

func change(e acquirer.Event) acquirer.Change {
	return acquirer.Change{At: noon, Event: e, Detail: "detail of " + string(e)}
}

// opened makes a transaction and writes it.
func opened(t testing.TB, db *DB, at time.Time) *acquirer.Transaction {
	t.Helper()
	tx := debit(t, db, at)
	require.NoError(t, db.Open(t.Context(), tx, change(acquirer.EventSend)))
	return tx
}

// moved writes a move to a state and returns the new row.
func moved(t testing.TB, db *DB, old *acquirer.Transaction, to acquirer.State, c acquirer.Change) *acquirer.Transaction {
	t.Helper()
	next := *old
	next.State, next.Code, next.Answered = to, "00", noon.Add(time.Second)
	require.NoError(t, db.Move(t.Context(), old, &next, c))
	return &next
}

// same compares rows; the time zone of a time is not stored.
func same(t testing.TB, want, got *acquirer.Transaction) {
	t.Helper()
	norm := func(x acquirer.Transaction) acquirer.Transaction {
		for _, at := range []*time.Time{&x.Opened, &x.Deadline, &x.Answered} {
			*at = timeOf(micros(*at))
		}
		return x
	}
	require.True(t, norm(*want) == norm(*got), "want %+v\ngot %+v", *want, *got)
}

func count(t testing.TB, db *DB, table string) (n int) {
	t.Helper()
	require.NoError(t, db.read.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func TestOpenRefusesLessThanFull(t *testing.T) {
	for _, level := range []string{"NORMAL", "OFF"} {
		_, err := open(t.Context(), Config{Path: newPath(t), Vault: testVault{}}, writerOptions(level))
		require.ErrorContains(t, err, "not FULL")
	}
	options := strings.Replace(writerOptions("FULL"), "_secure_delete=on", "_secure_delete=off", 1)
	_, err := open(t.Context(), Config{Path: newPath(t), Vault: testVault{}}, options)
	require.ErrorContains(t, err, "secure_delete")
	options = strings.Replace(writerOptions("FULL"), "_journal_mode=WAL", "_journal_mode=DELETE", 1)
	_, err = open(t.Context(), Config{Path: newPath(t), Vault: testVault{}}, options)
	require.ErrorContains(t, err, "not wal")
}

func TestSettings(t *testing.T) {
	db := openNew(t)
	for pragma, want := range map[string]int{"synchronous": 2, "page_size": 4096, "wal_autocheckpoint": 4000,
		"secure_delete": 1, "temp_store": 2, "busy_timeout": 5000} {
		var got int
		require.NoError(t, db.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err := db.read.Exec("DELETE FROM txn")
	require.Error(t, err, "a reader must not write")
}

func TestOpenRefusesAnotherMasterKey(t *testing.T) {
	path := newPath(t)
	require.NoError(t, openAt(t, path).Close())
	_, err := Open(t.Context(), Config{Path: path, Vault: testVault{master: [32]byte{1}}})
	require.ErrorIs(t, err, acquirer.ErrKey)
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	_, err := db.conn.ExecContext(t.Context(), "INSERT INTO schema_version (version) VALUES (999)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = Open(t.Context(), Config{Path: path, Vault: testVault{}})
	require.ErrorContains(t, err, "older than the file")
}

func TestOpenMakesAPrivateFileOfAnyName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b#c%41 d.db")
	db := openAt(t, path)
	opened(t, db, noon)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	_, err = Open(t.Context(), Config{Path: t.TempDir(), Vault: testVault{}})
	require.Error(t, err, "a folder is no file")
}

func TestCloseEmptiesTheWAL(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	opened(t, db, noon)
	require.NoError(t, db.Close())
	require.NoError(t, db.Close())
	_, err := os.Stat(path + "-wal")
	require.ErrorIs(t, err, os.ErrNotExist)
	tx := &acquirer.Transaction{ID: 1, State: acquirer.Sent}
	require.ErrorIs(t, db.SaveZoneKey(t.Context(), acquirer.KeyBlock{Usage: acquirer.UsageZAK, Blob: "x"}), acquirer.ErrStore)
	require.Error(t, db.Open(t.Context(), tx, acquirer.Change{}))
}

func TestOpenMigratesOnceAmongMany(t *testing.T) {
	path := newPath(t)
	errs := make(chan error)
	for range 8 {
		go func() {
			db, err := Open(context.Background(), Config{Path: path, Vault: testVault{}})
			if err == nil {
				err = db.Close()
			}
			errs <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-errs)
	}
	files, err := migrationFiles()
	require.NoError(t, err)
	require.Equal(t, len(files), count(t, openAt(t, path), "schema_version"), "each file once")
}
