package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// victims is a journal at rest, made once, that every tamper gets a copy of.
type victims struct {
	file     []byte
	approved *acquirer.Transaction // steps 1 and 2
	owed     *acquirer.Transaction // Reversing, with its reversal in the queue
	taken    *acquirer.Transaction // the same, and its notice withdrawn
	done     *acquirer.Transaction // Reversed
	last     *acquirer.Transaction // its only step is the chain's last
}

func newVictims(t *testing.T) victims {
	t.Helper()
	path := newPath(t)
	db := openAt(t, path)
	chance := rand.New(rand.NewPCG(3, 4))
	var v victims
	for range 20 {
		story(t, db, chance, noon)
	}
	v.approved = opened(t, db, noon)
	v.approved = moved(t, db, v.approved, acquirer.Approved, approve(v.approved.ID))
	v.owed = opened(t, db, noon)
	v.owed = moved(t, db, v.owed, acquirer.Reversing, owe(t, db, v.owed))
	v.taken = opened(t, db, noon)
	v.taken = moved(t, db, v.taken, acquirer.Approved, approve(v.taken.ID))
	v.taken = moved(t, db, v.taken, acquirer.Reversing, owe(t, db, v.taken))
	v.done = opened(t, db, noon)
	v.done = moved(t, db, v.done, acquirer.Reversing, owe(t, db, v.done))
	v.done = moved(t, db, v.done, acquirer.Reversed, finish(t, db, v.done))
	for range 20 {
		story(t, db, chance, noon)
	}
	v.last = opened(t, db, noon)
	require.NoError(t, db.Close())
	sound(t, path)
	var err error
	v.file, err = os.ReadFile(path)
	require.NoError(t, err)
	return v
}

// after returns the audit of a copy on which statements were run.
func (v victims) after(t *testing.T, texts ...string) *Report {
	t.Helper()
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, v.file, 0o600))
	raw(t, path, texts...)
	return audited(t, path)
}

// names reports whether a break names a payment.
func names(r *Report, rrn acquirer.RRN) bool {
	for _, b := range r.Breaks {
		if b.RRN == rrn && !strings.Contains(b.What, "waits for the host") {
			return true
		}
	}
	return false
}

// cellColumn is a column of a table, and another value for it in SQL.
type cellColumn struct{ name, other string }

func columns(t *testing.T, table string) (all []cellColumn) {
	t.Helper()
	db := openNew(t)
	rows, err := db.read.Query("SELECT name, type FROM pragma_table_info($1)", table)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var name, kind string
		require.NoError(t, rows.Scan(&name, &kind))
		other := map[string]string{"INTEGER": name + " + 5000000", "TEXT": "coalesce(" + name + ", '') || '1'",
			"BLOB": "CASE WHEN " + name + " IS NULL THEN X'01' ELSE zeroblob(length(" + name + ")) END"}[kind]
		all = append(all, cellColumn{name, other})
	}
	require.NoError(t, rows.Err())
	return all
}

// Every column of every table of the journal, one altered value at a time.
func TestAuditFindsEveryAlteredValue(t *testing.T) {
	v := newVictims(t)
	for _, c := range []struct {
		table, where string
		tx           *acquirer.Transaction
		columns      int // that the table must have, so that none is forgotten
	}{
		{"txn", "id = %d", v.approved, 29},
		{"txn", "id = %d", v.owed, 29},
		{"step", "txn = %d AND version = 1", v.approved, 13},
		{"step", "txn = %d AND version = 2", v.approved, 13},
		{"step", "txn = %d AND version = 2", v.done, 13},
		{"step", "txn = %d", v.last, 13},
		{"outbox", "txn = %d", v.approved, 19},
		{"outbox", "txn = %d", v.taken, 19},
		{"saf", "txn = %d", v.owed, 9},
	} {
		all := columns(t, c.table)
		require.Len(t, all, c.columns, c.table)
		for _, col := range all {
			text := fmt.Sprintf("UPDATE %s SET %s = %s WHERE "+c.where, c.table, col.name, col.other, int64(c.tx.ID))
			r := v.after(t, text)
			require.True(t, names(r, c.tx.RRN()), "%s: %v", text, r.Breaks)
			if c.table == "txn" || col.name == "chain" || col.name == "seq" {
				continue
			}
			require.LessOrEqual(t, len(r.Breaks), 4+r.Open, "%s: one altered value makes few breaks: %v", text, r.Breaks)
		}
	}
	for _, col := range columns(t, "chain") {
		text := fmt.Sprintf("UPDATE chain SET %s = %s", col.name, col.other)
		require.Contains(t, fmt.Sprint(v.after(t, text).Breaks), "end", text)
	}
	r := v.after(t, "UPDATE data_key SET wrapped = zeroblob(length(wrapped))")
	require.True(t, names(r, v.approved.RRN()))
}

// Rows taken out, put in, exchanged and cut off. %d is the payment that must be named.
func TestAuditFindsRowsThatMoved(t *testing.T) {
	v := newVictims(t)
	other := fmt.Sprint(int64(v.owed.ID))
	swap := func(column string) string {
		return "UPDATE txn SET " + column + " = (SELECT " + column + " FROM txn o WHERE o.id = %d + " + other + " - txn.id) WHERE id IN (%d, " + other + ")"
	}
	for _, c := range []struct {
		name  string
		tx    *acquirer.Transaction
		texts []string
	}{
		{"row deleted", v.approved, []string{"DELETE FROM txn WHERE id = %d"}},
		{"first step deleted", v.approved, []string{"DELETE FROM step WHERE txn = %d AND version = 1"}},
		{"last step deleted", v.approved, []string{"DELETE FROM step WHERE txn = %d AND version = 2"}},
		{"middle step deleted", v.done, []string{"DELETE FROM step WHERE txn = %d AND version = 2"}},
		{"history deleted", v.done, []string{"DELETE FROM step WHERE txn = %d"}},
		{"notice withdrawn", v.approved, []string{"UPDATE outbox SET state = 4 WHERE txn = %d"}},
		{"withdrawn notice made one that waits", v.taken, []string{"UPDATE outbox SET state = 0 WHERE txn = %d"}},
		{"notice deleted", v.approved, []string{"DELETE FROM outbox WHERE txn = %d"}},
		{"reversal deleted", v.owed, []string{"DELETE FROM saf WHERE txn = %d"}},
		{"sealed records exchanged", v.approved, []string{swap("sealed")}},
		{"amounts exchanged", v.approved, []string{"UPDATE txn SET amount = amount + id % 7 WHERE id = %d"}},
		{"numbers of steps exchanged", v.approved, []string{"UPDATE step SET seq = 2 * (SELECT min(seq) FROM step WHERE txn = %d) + 1 - seq WHERE txn = %d"}},
		{"events of steps exchanged", v.approved, []string{"UPDATE step SET event = CASE version WHEN 1 THEN 'approve' ELSE 'send' END WHERE txn = %d"}},
		{"step put in", v.approved, []string{"INSERT INTO step SELECT txn, 3, at, 3, 7, event, detail, NULL, NULL, moved_sum, chain, seq + 1000, hash FROM step WHERE txn = %d AND version = 2"}},
		{"step put in with a number", v.approved, []string{"INSERT INTO step SELECT txn, 3, at, 3, 3, event, detail, NULL, NULL, moved_sum, chain, seq, hash FROM step WHERE txn = %d AND version = 2"}},
		{"notice put in", v.owed, []string{"INSERT INTO outbox SELECT %d, kind, copy, created, state, fixed, turn, device, lane, tries, start, due, sent, receipt, detail, revision, key_id, sealed, mac FROM outbox LIMIT 1"}},
		{"second notice put in", v.approved, []string{"INSERT INTO outbox SELECT txn, 2, copy, created, state, fixed, turn, device, lane, tries, start, due, sent, receipt, detail, revision, key_id, sealed, mac FROM outbox WHERE txn = %d"}},
		{"reversal put in", v.approved, []string{"INSERT INTO saf SELECT id + 1000, %d, host_time, host_stan, reason, tries, due, host_code, mac FROM saf LIMIT 1"}},
		{"second reversal put in", v.owed, []string{"INSERT INTO saf SELECT id + 1000, txn, host_time, host_stan, reason, tries, due, host_code, mac FROM saf WHERE txn = %d"}},
		{"finished reversal brought back", v.done, []string{"INSERT INTO saf SELECT id + 1000, %d, host_time, host_stan, reason, tries, due, host_code, mac FROM saf LIMIT 1"}},
		{"tail cut", v.last, []string{"DELETE FROM step WHERE txn = %d", "DELETE FROM txn WHERE id = %d"}},
		{"undone said approved", v.owed, []string{"UPDATE txn SET state = 3, code = '00' WHERE id = %d", "DELETE FROM saf WHERE txn = %d"}},
		{"payment copied", v.approved, []string{
			"INSERT INTO txn SELECT id + 7000000, version, state, biz_date, merchant, terminal, batch, stan + 7000, amount, payee_id, card_version, entry_mode, card_seq, NULL, NULL, NULL, deadline, opened, answered, code, auth_code, settle_date, host_text, host_code, undo_wanted, confirmed, exception, key_id, sealed FROM txn WHERE id = %d",
			"INSERT INTO step SELECT txn + 7000000, version, at, from_state, to_state, event, detail, made, fixed_sum, moved_sum, chain, seq, hash FROM step WHERE txn = %d"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			texts := make([]string, len(c.texts))
			for i, text := range c.texts {
				texts[i] = strings.ReplaceAll(text, "%d", fmt.Sprint(int64(c.tx.ID)))
			}
			r := v.after(t, texts...)
			want := c.tx.RRN()
			if c.name == "payment copied" {
				want = (c.tx.ID + 7_000_000).RRN()
			}
			require.True(t, names(r, want), "%v", r.Breaks)
		})
	}
}

// A whole payment taken out leaves a gap, which the step behind it names; a tail that is cut together with the end is
// told by the end's seal.
func TestAuditFindsWhatIsGoneWhole(t *testing.T) {
	v := newVictims(t)
	everything := func(tx *acquirer.Transaction) (texts []string) {
		for _, table := range []string{"txn WHERE id", "step WHERE txn"} {
			texts = append(texts, fmt.Sprintf("DELETE FROM %s = %d", table, int64(tx.ID)))
		}
		return texts
	}
	r := v.after(t, append(everything(v.approved), fmt.Sprintf("DELETE FROM outbox WHERE txn = %d", int64(v.approved.ID)))...)
	require.True(t, names(r, v.owed.RRN()), "%v", r.Breaks)
	require.Contains(t, fmt.Sprint(r.Breaks), "2 steps are missing in the chain in front of step 1")

	cut := append(everything(v.last), "UPDATE chain SET (seq, txn, version, hash) = (SELECT seq, txn, version, hash FROM step ORDER BY seq DESC LIMIT 1)")
	r = v.after(t, cut...)
	require.Contains(t, fmt.Sprint(r.Breaks), "the end of chain 0 was altered")

	r = v.after(t, "DELETE FROM chain")
	require.Contains(t, fmt.Sprint(r.Breaks), "the end of the chain is missing")
	r = v.after(t, "DELETE FROM step")
	require.True(t, names(r, v.approved.RRN()))
	require.True(t, names(r, v.last.RRN()))
	r = v.after(t, "UPDATE step SET hash = zeroblob(16)", "UPDATE txn SET amount = 0")
	require.NotEmpty(t, r.Breaks)
}

// Where there is a break the switch does not start: it would go on from there.
func TestOpenRefusesABrokenEnd(t *testing.T) {
	v := newVictims(t)
	for _, text := range []string{"DELETE FROM chain", "UPDATE chain SET seq = seq - 1", "UPDATE chain SET mac = zeroblob(16)",
		"DELETE FROM step WHERE seq = (SELECT max(seq) FROM step)", "UPDATE step SET hash = zeroblob(16)",
		"UPDATE step SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM step)"} {
		path := newPath(t)
		require.NoError(t, os.WriteFile(path, v.file, 0o600))
		raw(t, path, text)
		_, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
		require.ErrorIs(t, err, ErrChain, text)
		require.NotEmpty(t, audited(t, path).Breaks)
	}
}

// What was altered in a row does not pass into the history with the next move.
func TestMoveDoesNotVouchForWhatItFinds(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	tx := opened(t, db, noon)
	tx = moved(t, db, tx, acquirer.Approved, approve(tx.ID))
	raw(t, path, "UPDATE txn SET confirmed = 1")
	found, err := db.Get(t.Context(), tx.ID)
	require.NoError(t, err)
	require.True(t, found.Confirmed)
	moved(t, db, found, acquirer.Settled, change(acquirer.EventUndoLate))
	r := audited(t, path)
	require.True(t, names(r, tx.RRN()), "%v", r.Breaks)
}

// A chain whose end is altered under a running switch ends the store.
func TestEndAlteredWhileRunning(t *testing.T) {
	for _, text := range []string{"DELETE FROM chain", "UPDATE chain SET seq = seq + 1", "UPDATE chain SET hash = zeroblob(16)"} {
		path := newPath(t)
		db := openAt(t, path)
		opened(t, db, noon)
		raw(t, path, text)
		err := db.Open(t.Context(), debit(t, db, noon), change(acquirer.EventSend))
		require.ErrorIs(t, err, acquirer.ErrStore, text)
		require.ErrorIs(t, err, ErrChain)
		<-db.Failed()
		require.Equal(t, 1, count(t, db, "txn"))
	}
	path := newPath(t)
	db := openAt(t, path)
	opened(t, db, noon)
	_, err := db.conn.ExecContext(t.Context(), "CREATE TABLE kept AS SELECT * FROM chain")
	require.NoError(t, err)
	opened(t, db, noon)
	raw(t, path, "DELETE FROM chain", "INSERT INTO chain SELECT * FROM kept")
	err = db.Open(t.Context(), debit(t, db, noon), change(acquirer.EventSend))
	require.ErrorIs(t, err, ErrChain, "an older end, well sealed")
}

// Keys that are used twice are found by themselves, without the chain: an error of the switch would be chained too.
func TestAuditFindsKeysUsedTwice(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	today := opened(t, db, noon)
	before := debit(t, db, noon.Add(-day))
	before.Key, before.Token = today.Key, today.Token
	before.Key.Date = acquirer.DateOf(noon.Add(-day))
	require.NoError(t, db.Open(t.Context(), before, change(acquirer.EventSend)), "a clock that went back over midnight")
	r := audited(t, path)
	require.True(t, names(r, today.RRN()))
	require.Contains(t, fmt.Sprint(r.Breaks), "terminal key in common with "+string(before.RRN()))
	require.Contains(t, fmt.Sprint(r.Breaks), "token in common with "+string(before.RRN()))
}

// The list of breaks is bounded, their number is not.
func TestAuditListsSoManyBreaks(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path)
	for range 300 {
		opened(t, db, noon)
	}
	raw(t, path, "UPDATE txn SET amount = -amount", "UPDATE step SET hash = zeroblob(16), seq = seq * 2, to_state = 9")
	r := audited(t, path)
	require.Len(t, r.Breaks, auditBreaks)
	require.NotZero(t, r.More)
}
