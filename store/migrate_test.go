package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// beforeTheChain writes the content of a file into a new one as the schema of 0001 holds it, and returns where.
func beforeTheChain(t *testing.T, path string) string {
	t.Helper()
	old := newPath(t)
	schema, err := migrations.ReadFile("migration/0001_init.sql")
	require.NoError(t, err)
	db := pool(old, "_journal_mode=WAL", 1)
	defer func() { require.NoError(t, db.Close()) }()
	texts := []string{string(schema), "CREATE TABLE schema_version (version INTEGER PRIMARY KEY)", "INSERT INTO schema_version VALUES (1)",
		"ATTACH '" + path + "' AS new"}
	for _, table := range []string{"data_key", "txn", "spent", "payee_card", "zone_key"} {
		texts = append(texts, "INSERT INTO main."+table+" SELECT * FROM new."+table)
	}
	const terminal = "id, merchant, line, blocked, mac, single_mak, single_des, keyed_entry, tmk, batch, signed_on, pik, mak, tdk, old_mak, since"
	texts = append(texts, "INSERT INTO main.vault SELECT id, proof FROM new.vault",
		"INSERT INTO main.terminal ("+terminal+") SELECT "+terminal+" FROM new.terminal")
	texts = append(texts, "INSERT INTO main.payee SELECT id, number_index, card_version, status, key_id, sealed FROM new.payee",
		"INSERT INTO main.step SELECT txn, version, at, from_state, to_state, event, detail FROM new.step",
		"INSERT INTO main.outbox SELECT txn, kind, created, sent, tries FROM new.outbox",
		"INSERT INTO main.saf SELECT id, txn, host_time, host_stan, reason, tries, due, host_code FROM new.saf")
	for _, text := range texts {
		_, err := db.Exec(text)
		require.NoError(t, err, text)
	}
	require.NoError(t, os.Chmod(old, 0o600))
	return old
}

// A file made before there was a chain is chained as it stands: sound, and from then on an alteration is found.
func TestChainOfAnOldHistory(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	stories(t, db, 200)
	owing, err := db.Reversals(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, owing)
	require.NoError(t, db.Close())
	want := sound(t, path)

	old := beforeTheChain(t, path)
	_, err = Audit(t.Context(), AuditConfig{Config: Config{Path: old, Vault: testVault{}}})
	require.ErrorContains(t, err, "schema 1")
	_, err = Open(t.Context(), Config{Path: old, Vault: testVault{master: [32]byte{1}}})
	require.ErrorIs(t, err, acquirer.ErrKey, "another key must not chain it")
	db = openAt(t, old)
	got := sound(t, old)
	require.Equal(t, want.Sums, got.Sums)
	require.Equal(t, want.Steps, got.Steps)
	require.Zero(t, present(t, db, "step_before"))

	// Life goes on, also for what was owed before.
	for _, r := range owing {
		tx, err := db.Get(t.Context(), r.Transaction)
		require.NoError(t, err)
		moved(t, db, tx, acquirer.Reversed, finish(t, db, tx))
	}
	stories(t, db, 20)
	require.Equal(t, count(t, db, "saf"), sound(t, old).Sums[acquirer.Reversing].Count)

	tx, err := db.Get(t.Context(), owing[0].Transaction)
	require.NoError(t, err)
	for _, text := range []string{"UPDATE step SET at = at + 1 WHERE version = 1 AND txn = ", "UPDATE txn SET amount = 1 WHERE id = ",
		"UPDATE txn SET host_code = '96' WHERE id = "} {
		copied := copyFiles(t, old)
		raw(t, copied, text+fmt.Sprint(int64(tx.ID)))
		require.True(t, names(audited(t, copied), tx.RRN()), text)
	}
}

// A migration that fails leaves the file as it was.
func TestFailedMigrationChangesNothing(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	stories(t, db, 20)
	require.NoError(t, db.Close())
	old := beforeTheChain(t, path)
	raw(t, old, "UPDATE vault SET proof = zeroblob(16)")
	_, err := Open(t.Context(), Config{Path: old, Vault: testVault{}})
	require.ErrorIs(t, err, acquirer.ErrKey)
	left := pool(old, readerOptions(), 1)
	defer func() { require.NoError(t, left.Close()) }()
	var columns, version int
	require.NoError(t, errors.Join(left.QueryRow("SELECT count(*) FROM pragma_table_info('step')").Scan(&columns),
		left.QueryRow(reads[readSchema]).Scan(&version)))
	require.Equal(t, 7, columns)
	require.Equal(t, 1, version)
}

// present counts the tables of a name.
func present(t *testing.T, db *DB, table string) (n int) {
	t.Helper()
	require.NoError(t, db.read.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = $1", table).Scan(&n))
	return n
}

// What the steps of an old history made is ascribed to the step that must have made it.
func TestAscribe(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	tx := opened(t, db, noon)
	tx = moved(t, db, tx, acquirer.Approved, approve(tx.ID))
	tx = moved(t, db, tx, acquirer.Approved, change(acquirer.EventLateAnswer))
	c := owe(t, db, tx)
	c.Withdraw = 0 // there was no such thing
	tx = moved(t, db, tx, acquirer.Reversing, c)
	tx = moved(t, db, tx, acquirer.Reversing, change(acquirer.EventRepeat))
	want, err := db.History(t.Context(), tx.ID)
	require.NoError(t, err)
	require.Len(t, want[1].Made.Notices, 1)
	require.Equal(t, c.Reversal.ID, want[3].Made.Reversal.ID)
	require.NoError(t, db.Close())
	got, err := openAt(t, beforeTheChain(t, path)).History(t.Context(), tx.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// The audit reads in the order of the keys that are there; only the chain is sorted.
func TestAuditReadsInOrder(t *testing.T) {
	db := openNew(t)
	for _, text := range []string{everyTxn, everyStep, everyNotice, everyReversal, keyTexts[0].within, keyTexts[1].within, keyTexts[2].within} {
		require.NotContains(t, plan(t, db, text), "TEMP B-TREE", text)
	}
	for _, k := range keyTexts[:2] {
		require.Equal(t, 2, strings.Count(plan(t, db, k.across), "SEARCH"), k.across)
	}
	require.Contains(t, plan(t, db, everyLink), "SEARCH p USING PRIMARY KEY")
}

// Made has one form only, and what is cut short is malformed.
func TestMade(t *testing.T) {
	at := timeOf(micros(noon))
	c := withAll(7)
	c.At, c.Finished, c.Withdraw = at, 9, acquirer.NoticePaidOut
	c.Notices = append(c.Notices, acquirer.Notice{Transaction: 7, Kind: acquirer.NoticePaidOut, Created: at.Add(1e9)})
	column := encodeMade(c)
	got, err := decodeMade(7, at, column)
	require.NoError(t, err)
	require.Equal(t, acquirer.ID(9), got.Finished)
	require.Equal(t, acquirer.NoticePaidOut, got.Withdrew)
	require.Equal(t, c.Reversal.Host, got.Reversal.Host)
	require.Equal(t, []acquirer.Notice{{Transaction: 7, Kind: acquirer.NoticeDebited, Created: at}, c.Notices[1]}, got.Notices)
	boundaries := 0
	for n := range column {
		if _, err := decodeMade(7, at, column[:n]); err == nil {
			boundaries++
		}
	}
	require.Equal(t, 5, boundaries, "between its parts only")
	_, err = decodeMade(7, at, []byte{99})
	require.ErrorIs(t, err, errMade)
	require.Nil(t, encodeMade(acquirer.Change{}))
}

func TestChangeOfAnotherIsRefused(t *testing.T) {
	db := openNew(t)
	tx := opened(t, db, noon)
	next := *tx
	next.State = acquirer.Reversing
	require.ErrorContains(t, db.Move(t.Context(), tx, &next, withAll(tx.ID+1)), "another transaction")
	c := withAll(tx.ID)
	c.Reversal.Transaction++
	require.ErrorContains(t, db.Move(t.Context(), tx, &next, c), "not its own")
	second := debit(t, db, noon)
	require.ErrorContains(t, db.Open(t.Context(), second, c), "another transaction")
	require.Equal(t, 1, count(t, db, "step"))
}

// A terminal that was blocked before a block ended its session loses its keys when the new program first opens the file;
// its MAK stays for undos from then on.
func TestBlockedTerminalsOfAnOldFile(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	live := acquirer.Session{Batch: 3, SignedOn: true, PIK: key(acquirer.UsagePIK, "pik"), MAK: key(acquirer.UsageMAK, "mak"),
		TDK: key(acquirer.UsageTDK, "tdk"), OldMAK: key(acquirer.UsageMAK, "old"), Since: timeOf(micros(noon))}
	for id, term := range map[acquirer.TerminalID]acquirer.Terminal{
		"10000001": {Session: live}, "10000002": {Session: live, Blocked: true}, "10000003": {Blocked: true}} {
		term.ID = id
		require.NoError(t, db.AddTerminal(t.Context(), term))
	}
	require.NoError(t, db.Close())
	for _, k := range []*acquirer.KeyBlock{&live.PIK, &live.MAK, &live.TDK, &live.OldMAK} {
		k.Blob += " anew" // as testVault wraps what a file of that age holds
	}
	db = openAt(t, beforeTheChain(t, path))
	all, err := db.Terminals(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), all[1].Session.Ended, time.Minute)
	all[1].Session.Ended = time.Time{}
	ended := acquirer.Session{Batch: 3, MAK: live.MAK, Since: live.Since}
	require.Equal(t, []acquirer.Session{live, ended, {}}, []acquirer.Session{all[0].Session, all[1].Session, all[2].Session})
}
