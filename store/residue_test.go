package store

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// residue lists the words that stand in the files of a store.
func residue(t *testing.T, path string, words [][]byte) (found []string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(path + suffix)
		if os.IsNotExist(err) && suffix != "" {
			continue
		}
		require.NoError(t, err)
		for _, w := range words {
			if bytes.Contains(content, w) {
				found = append(found, fmt.Sprintf("%q%s", w, suffix))
			}
		}
	}
	return found
}

// secretsToGo writes what is to be deleted: wrapped keys of zone and terminal, a reversal's row, and payees over many
// pages. It returns the bytes to look for: the canaries, and of the payees what the file holds of them.
func secretsToGo(t *testing.T, db *DB) (words [][]byte) {
	t.Helper()
	canary := func(name string) string {
		words = append(words, []byte("canary-"+name))
		return "canary-" + name
	}
	ctx := t.Context()
	require.NoError(t, db.SaveZoneKey(ctx, acquirer.KeyBlock{Usage: acquirer.UsageZPK, Blob: canary("zone-key")}))
	session := acquirer.Session{PIK: acquirer.KeyBlock{Usage: acquirer.UsagePIK, Blob: canary("pin-key")},
		MAK: acquirer.KeyBlock{Usage: acquirer.UsageMAK, Blob: canary("mac-key")}}
	require.NoError(t, db.AddTerminal(ctx, acquirer.Terminal{ID: "10000001", Session: session}))
	_, r := owed(t, db, noon)
	r.HostCode = acquirer.ResponseCode(canary("host-code"))
	require.NoError(t, db.Reschedule(ctx, r))
	for i := range 300 {
		_, err := db.AddPayee(ctx, acquirer.Payee{Number: msisdn(t, fmt.Sprintf("138%08d", i)), Name: "王小明",
			Card: pan(t, "6217000000000000012"), Status: acquirer.PayeeActive})
		require.NoError(t, err)
	}
	rows, err := db.read.Query("SELECT sealed FROM payee WHERE id > 0 UNION ALL SELECT sealed FROM payee_card WHERE payee_id > 0")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var sealed []byte
		require.NoError(t, rows.Scan(&sealed))
		words = append(words, sealed)
	}
	require.NoError(t, rows.Err())
	require.Len(t, words, 4+600)
	return words
}

// deleteSecrets replaces and deletes what secretsToGo wrote, by the store's own writes where there is one.
func deleteSecrets(t *testing.T, db *DB) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, db.SaveZoneKey(ctx, acquirer.KeyBlock{Usage: acquirer.UsageZPK, Blob: "next"}))
	require.NoError(t, db.SaveSession(ctx, "10000001", acquirer.Session{}))
	queued, err := db.Reversals(ctx)
	require.NoError(t, err)
	tx, err := db.Get(ctx, queued[0].Transaction)
	require.NoError(t, err)
	c := change(acquirer.EventReversed)
	c.Finished = queued[0].ID
	moved(t, db, tx, acquirer.Reversed, c)
	for _, text := range []string{"DELETE FROM payee_card WHERE payee_id > 0", "DELETE FROM payee WHERE id > 0"} {
		_, err := db.conn.ExecContext(ctx, text)
		require.NoError(t, err)
	}
}

// What was deleted or replaced is in no file once the WAL was emptied at the end.
func TestDeletedSecretsAreGoneAfterClose(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	words := secretsToGo(t, db)
	require.GreaterOrEqual(t, len(residue(t, path, words)), len(words), "the search sees what is there")
	deleteSecrets(t, db)
	require.NotEmpty(t, residue(t, path, words), "the WAL keeps what was deleted until it is emptied")
	require.NoError(t, db.Close())
	require.Empty(t, residue(t, path, words))
	sound(t, path)
}

// The same in a process that goes on, at the first write an hour later.
func TestDeletedSecretsAreGoneWithinTheHour(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
		require.NoError(t, err)
		words := secretsToGo(t, db)
		deleteSecrets(t, db)
		time.Sleep(emptyEvery - time.Second)
		require.NoError(t, db.SetBlocked(t.Context(), "10000001", true))
		require.NotEmpty(t, residue(t, path, words))
		time.Sleep(time.Second)
		require.NoError(t, db.SetBlocked(t.Context(), "10000001", false))
		require.Empty(t, residue(t, path, words))
		var timeout int64
		require.NoError(t, db.conn.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&timeout))
		require.Equal(t, busyTimeout.Milliseconds(), timeout, "the writer waits for locks as before")
		require.NoError(t, db.Close())
	})
}

// The proof that it is secure_delete that does it: without, the words stay.
func TestDeletedSecretsStayWithoutSecureDelete(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	words := secretsToGo(t, db)
	_, err := db.conn.ExecContext(t.Context(), "PRAGMA secure_delete = OFF")
	require.NoError(t, err)
	deleteSecrets(t, db)
	require.NoError(t, db.Close())
	require.NotEmpty(t, residue(t, path, words))
}
