package store

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// wish is a line as an operator's verb writes it.
func wish(verb string, outcome Outcome, about int64) Operation {
	return Operation{Operator: "alice", Account: "al", UID: 1001, Verb: verb, Object: "terminal 10000001", Outcome: outcome,
		Detail: "because", About: about}
}

func record(t testing.TB, db *DB, o Operation) int64 {
	t.Helper()
	seq, err := db.Record(t.Context(), o)
	require.NoError(t, err)
	return seq
}

// operators writes a journal in which every outcome occurs, and two requests: 4, approved by 5, and 8, which waits.
func operators(t testing.TB, db *DB) {
	t.Helper()
	require.EqualValues(t, 1, record(t, db, wish("terminal block", OutcomeBegun, 0)))
	record(t, db, wish("terminal block", OutcomeDone, 1))
	record(t, db, wish("terminal add", OutcomeDenied, 0))
	id, err := db.File(t.Context(), wish("terminal add", OutcomeFiled, 0), "the arguments")
	require.NoError(t, err)
	require.EqualValues(t, 4, id)
	seq, err := db.Approve(t.Context(), wish("approve", OutcomeApproved, id))
	require.NoError(t, err)
	require.EqualValues(t, 5, seq)
	record(t, db, wish("terminal add", OutcomeFailed, seq))
	record(t, db, wish("payee add", OutcomeBegun, 0))
	id, err = db.File(t.Context(), wish("terminal add", OutcomeFiled, 0), "others")
	require.NoError(t, err)
	require.EqualValues(t, 8, id)
	record(t, db, wish("approve", OutcomeDenied, id))
}

func TestOperations(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
		require.NoError(t, err)
		operators(t, db)
		all, err := db.Operations(t.Context(), 0, 0)
		require.NoError(t, err)
		require.Len(t, all, 9)
		want := wish("terminal block", OutcomeDone, 1)
		want.Seq, want.At = 2, timeOf(micros(time.Now()))
		require.Equal(t, want, all[1])
		for _, c := range []struct{ after, limit, first, last int }{{0, 3, 7, 9}, {0, 9, 1, 9}, {5, 0, 6, 9}, {8, 0, 9, 9}} {
			some, err := db.Operations(t.Context(), int64(c.after), c.limit)
			require.NoError(t, err)
			require.EqualValues(t, c.first, some[0].Seq, c)
			require.EqualValues(t, c.last, some[len(some)-1].Seq, c)
			require.Len(t, some, c.last-c.first+1)
		}
		require.NoError(t, db.Close())
	})
	r := sound(t, path)
	require.Equal(t, 9, r.Operations)
	require.NotEqual(t, strings.Repeat("0", 32), r.OperationHead)
	again := openAt(t, path)
	require.EqualValues(t, 10, record(t, again, wish("payee add", OutcomeDone, 7)), "it goes on where it was left")
	require.NotEqual(t, r.OperationHead, sound(t, path).OperationHead)
}

func TestRequests(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
		require.NoError(t, err)
		operators(t, db)
		r, err := db.Request(t.Context(), 4)
		require.NoError(t, err)
		require.Equal(t, "the arguments", r.Args)
		require.EqualValues(t, 5, r.Closed)
		waiting, err := db.Requests(t.Context())
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		require.EqualValues(t, 8, waiting[0].Seq)
		for _, id := range []int64{0, 3, 4, 9, 10} { // none, a denial, an approved one, lines, nothing
			_, err := db.Approve(t.Context(), wish("approve", OutcomeApproved, id))
			require.ErrorIs(t, err, acquirer.ErrNotFound, id)
		}
		_, err = db.Request(t.Context(), 3)
		require.ErrorIs(t, err, acquirer.ErrNotFound)

		time.Sleep(RequestLife - time.Microsecond)
		waiting, err = db.Requests(t.Context())
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		time.Sleep(time.Microsecond)
		waiting, err = db.Requests(t.Context())
		require.NoError(t, err)
		require.Empty(t, waiting, "expired")

		for range maxRequests {
			_, err := db.File(t.Context(), wish("terminal add", OutcomeFiled, 0), "x")
			require.NoError(t, err)
		}
		_, err = db.File(t.Context(), wish("terminal add", OutcomeFiled, 0), "x")
		require.ErrorIs(t, err, ErrManyRequests)
		_, err = db.Approve(t.Context(), wish("approve", OutcomeApproved, 10))
		require.NoError(t, err)
		_, err = db.File(t.Context(), wish("terminal add", OutcomeFiled, 0), "x")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	sound(t, path)
}

// Several programs write at once: no line is lost, none has the number of another, a request is approved once.
func TestOperationsOfManyPrograms(t *testing.T) {
	path := newPath(t)
	request, err := openAt(t, path).File(t.Context(), wish("terminal add", OutcomeFiled, 0), "x")
	require.NoError(t, err)
	var group sync.WaitGroup
	var mu sync.Mutex
	approved := 0
	for i := range 4 {
		db := openAt(t, path)
		group.Go(func() {
			for range 20 {
				_, err := db.Record(t.Context(), wish(fmt.Sprint("verb ", i), OutcomeDone, 0))
				fine(t, err)
				_, err = db.File(t.Context(), wish("terminal add", OutcomeFiled, 0), "y")
				fine(t, err)
			}
			if _, err := db.Approve(t.Context(), wish("approve", OutcomeApproved, request)); err == nil {
				mu.Lock()
				approved++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, approved)
	r := sound(t, path)
	require.Equal(t, 1+4*40+1, r.Operations)
}

func fine(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// Texts are cut in whole characters, and what is no text is made one.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		size int
	}{{"", 0}, {strings.Repeat("a", maxOperationText), maxOperationText}, {strings.Repeat("a", maxOperationText+1), maxOperationText},
		{strings.Repeat("名", 133), 399}, {strings.Repeat("名", 134), 399}, {"a\xff", 2}} {
		got := cut(c.text)
		require.Len(t, got, c.size)
		require.True(t, utf8.ValidString(got))
	}
}

// What a request says is in no file.
func TestArgumentsAreSealed(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	_, err := db.File(t.Context(), wish("terminal add", OutcomeFiled, 0), "canary-arguments")
	require.NoError(t, err)
	require.Empty(t, residue(t, path, [][]byte{[]byte("canary-arguments")}))
	require.NotEmpty(t, residue(t, path, [][]byte{[]byte("terminal add")}), "the search sees what is there")
}

// Every column of the operators' journal, of its end and of a request, one altered value at a time.
func TestAuditFindsEveryAlteredLine(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	operators(t, db)
	require.NoError(t, db.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	v := victims{file: file}
	for _, c := range []struct {
		table, where string
		line         int64 // that must be named
		columns      int   // that the table must have, so that none is forgotten
	}{
		{"operation", "seq = 1", 1, 11},
		{"operation", "seq = 3", 3, 11},
		{"operation", "seq = 4", 4, 11},
		{"operation", "seq = 5", 5, 11},
		{"operation", "seq = 9", 9, 11},
		{"request", "id = 4", 4, 4},
		{"request", "id = 8", 8, 4},
		{"operation_end", "id = 1", 0, 4},
	} {
		all := columns(t, c.table)
		require.Len(t, all, c.columns, c.table)
		for _, col := range all {
			text := fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", c.table, col.name, col.other, c.where)
			r := v.after(t, text)
			require.True(t, namesLine(r, c.line), "%s: %v", text, r.Breaks)
			if col.name != "seq" && col.name != "id" {
				require.LessOrEqual(t, len(r.Breaks), 3, "%s: one altered value makes few breaks: %v", text, r.Breaks)
			}
		}
	}
}

// namesLine reports whether a break names a line, or the end when the line is 0.
func namesLine(r *Report, seq int64) bool {
	for _, b := range r.Breaks {
		if b.Line == seq && seq != 0 || seq == 0 && strings.Contains(b.What, "end of the operators' journal") {
			return true
		}
	}
	return false
}

// Lines and requests taken out, put in, exchanged and cut off.
func TestAuditFindsLinesThatMoved(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	operators(t, db)
	require.NoError(t, db.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	v := victims{file: file}
	const copied = "INSERT INTO operation SELECT %s, at, operator, account, uid, verb, object, outcome, detail, about, hash FROM operation WHERE seq = 3"
	for _, c := range []struct {
		name, what string
		refused    bool // by Open, too
		texts      []string
	}{
		{"first deleted", "1 lines of the operators' journal are missing in front of line 2", false, []string{"DELETE FROM operation WHERE seq = 1"}},
		{"middle deleted", "2 lines of the operators' journal are missing in front of line 4", false, []string{"DELETE FROM operation WHERE seq IN (2, 3)"}},
		{"middle deleted and closed up", "line 3 of the operators' journal is not as it was written", true, []string{
			"DELETE FROM operation WHERE seq = 3", "UPDATE operation SET seq = seq - 1 WHERE seq > 3"}},
		{"last deleted", "1 lines are missing at the end", true, []string{"DELETE FROM operation WHERE seq = 9"}},
		{"tail cut with its end", "the end of the operators' journal was altered", true, []string{"DELETE FROM operation WHERE seq = 9",
			"UPDATE operation_end SET (seq, hash) = (SELECT seq, hash FROM operation WHERE seq = 8)"}},
		{"all deleted", "9 lines are missing at the end", true, []string{"DELETE FROM operation"}},
		{"all deleted with its end", "the end of the operators' journal is missing", true, []string{"DELETE FROM operation", "DELETE FROM operation_end"}},
		{"put in in front", "line 0 of the operators' journal was put in", false, []string{fmt.Sprintf(copied, "0")}},
		{"put in behind", "1 lines stand behind the end", true, []string{fmt.Sprintf(copied, "10")}},
		{"exchanged", "line 2 of the operators' journal is not as it was written", false, []string{
			"UPDATE operation SET seq = -1 WHERE seq = 2", "UPDATE operation SET seq = 2 WHERE seq = 3", "UPDATE operation SET seq = 3 WHERE seq = -1"}},
		{"second end", "is not one", false, []string{"INSERT INTO operation_end SELECT 2, seq, hash, mac FROM operation_end"}},
		{"request deleted", "request 8 is missing", false, []string{"DELETE FROM request WHERE id = 8"}},
		{"request opened again", "the request that line 5 approved is not closed by it", false, []string{"UPDATE request SET closed = 0 WHERE id = 4"}},
		{"request closed", "request 8 is closed by a line that did not approve it", false, []string{"UPDATE request SET closed = 5 WHERE id = 8"}},
		{"request put in", "request 3 was put in", false, []string{"INSERT INTO request SELECT 3, 0, key_id, sealed FROM request WHERE id = 8"}},
		{"arguments exchanged", "what is sealed in request 8 does not open", false, []string{
			"UPDATE request SET sealed = (SELECT o.sealed FROM request o WHERE o.id = 4) WHERE id = 8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := newPath(t)
			require.NoError(t, os.WriteFile(path, v.file, 0o600))
			raw(t, path, c.texts...)
			require.Contains(t, fmt.Sprint(audited(t, path).Breaks), c.what)
			db, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
			if c.refused {
				require.ErrorIs(t, err, ErrChain)
				return
			}
			require.NoError(t, err)
			require.NoError(t, db.Close())
		})
	}
}

// Who asked for what cannot be altered between the request and its approval, nor can an approved one be opened again.
func TestAlteredRequestsAreNotTaken(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	operators(t, db)
	raw(t, path, "UPDATE request SET closed = 0 WHERE id = 4")
	_, err := db.Approve(t.Context(), wish("approve", OutcomeApproved, 4))
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	for _, text := range []string{"UPDATE operation SET uid = 1002 WHERE seq = 8", "UPDATE operation SET at = at + 1 WHERE seq = 8",
		"UPDATE operation SET verb = 'payee add' WHERE seq = 8"} {
		copied := copyFiles(t, path)
		raw(t, copied, text)
		other := openAt(t, copied)
		_, err := other.Request(t.Context(), 8)
		require.ErrorIs(t, err, ErrChain, text)
	}
	_, err = db.Request(t.Context(), 8)
	require.NoError(t, err)
}

// A journal that is altered under a running program is not written on, and what was to be done is not.
func TestLinesAlteredWhileRunning(t *testing.T) {
	for _, text := range []string{"DELETE FROM operation_end", "UPDATE operation_end SET seq = seq - 1",
		"INSERT INTO operation SELECT 10, at, operator, account, uid, verb, object, outcome, detail, about, hash FROM operation WHERE seq = 3"} {
		path := newPath(t)
		db := openAt(t, path)
		operators(t, db)
		raw(t, path, text)
		_, err := db.Record(t.Context(), wish("terminal block", OutcomeBegun, 0))
		require.ErrorIs(t, err, acquirer.ErrStore, text)
		require.ErrorIs(t, err, ErrChain, text)
		<-db.Failed()
	}
}
