package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// sealedTxn is a row of txn as it is read, its secrets not opened yet.
type sealedTxn struct {
	acquirer.Transaction
	key    acquirer.Date
	sealed []byte
}

// scanner is a row or rows.
type scanner interface{ Scan(to ...any) error }

// scan reads the columns of selectTxn.
func (s *sealedTxn) scan(row scanner) error {
	t := &s.Transaction
	var token []byte
	var hostTime sql.NullString
	var hostSTAN sql.NullInt64
	var opened, deadline, answered int64
	err := row.Scan(&t.ID, &t.Version, &t.State, &t.Key.Date, &t.Key.Merchant, &t.Key.Terminal, &t.Key.Batch, &t.Key.STAN,
		&t.Amount, &t.Payee.ID, &t.Payee.CardVersion, &t.EntryMode, &t.CardSeq, &token, &hostTime, &hostSTAN,
		&opened, &deadline, &answered, &t.Code, &t.AuthCode, &t.SettleDate, &t.HostText, &t.HostCode,
		&t.UndoWanted, &t.Confirmed, &t.Exception, &s.key, &s.sealed)
	if err != nil {
		return err
	}
	copy(t.Token[:], token)
	t.Host = acquirer.HostKey{Time: hostTime.String, STAN: acquirer.STAN(hostSTAN.Int64)}
	t.Opened, t.Deadline, t.Answered = timeOf(opened), timeOf(deadline), timeOf(answered)
	return nil
}

// unseal opens the secrets of a row. One whose day's key was destroyed has none any more.
func (db *DB) unseal(ctx context.Context, s *sealedTxn) (*acquirer.Transaction, error) {
	record, err := db.keys.unseal(ctx, s.key, "txn", int64(s.ID), s.sealed)
	if errors.Is(err, errShredded) {
		return &s.Transaction, nil
	}
	if err != nil {
		return nil, err
	}
	clear, err := decodeSecrets(record)
	if err != nil {
		return nil, fmt.Errorf("transaction %d: %w", s.ID, err)
	}
	clear.into(&s.Transaction)
	return &s.Transaction, nil
}

// fixedCells are the cells of fixedColumns.
func fixedCells(t *acquirer.Transaction, key acquirer.Date, sealed []byte) []any {
	var token, hostTime, hostSTAN any
	if t.Token != (acquirer.TokenID{}) {
		token = t.Token[:]
	}
	if t.Host != (acquirer.HostKey{}) {
		hostTime, hostSTAN = t.Host.Time, int64(t.Host.STAN)
	}
	k := t.Key
	return []any{int64(t.ID), int64(k.Date), string(k.Merchant), string(k.Terminal), int64(k.Batch), int64(k.STAN),
		int64(t.Amount), int64(t.Payee.ID), int64(t.Payee.CardVersion), t.EntryMode, t.CardSeq, token, hostTime, hostSTAN,
		micros(t.Opened), int64(key), sealed}
}

// movedCells are the cells of movedColumns.
func movedCells(t *acquirer.Transaction, version int64) []any {
	return []any{version, int64(t.State), micros(t.Deadline), micros(t.Answered), string(t.Code), t.AuthCode, t.SettleDate,
		t.HostText, string(t.HostCode), flag(t.UndoWanted), flag(t.Confirmed), t.Exception}
}

// fixed returns what no move changes, as the columns hold it: what the debit is, not what became of it.
func fixed(t acquirer.Transaction) acquirer.Transaction {
	t.Version, t.State, t.Deadline, t.Answered, t.Code = 0, 0, time.Time{}, time.Time{}, ""
	t.AuthCode, t.SettleDate, t.HostText, t.HostCode = "", "", "", ""
	t.UndoWanted, t.Confirmed, t.Exception = false, false, ""
	t.Opened = timeOf(micros(t.Opened))
	return t
}

// stepCells are the cells of stepColumns for a move of id to version. fixed is nil but for the first.
func stepCells(id acquirer.ID, from, to acquirer.State, version int64, c acquirer.Change, fixed, moved []byte) []any {
	return []any{int64(id), version, micros(c.At), int64(from), int64(to), string(c.Event), c.Detail, encodeMade(c), fixed, moved}
}

// changeCalls are the statements that go with a move of a transaction.
func (db *DB) changeCalls(id acquirer.ID, c acquirer.Change) []call {
	calls := make([]call, 0, 4+len(c.Notices))
	for _, n := range c.Notices {
		calls = append(calls, call{writeNotice, newNoticeCells(n)})
	}
	if c.Withdraw != 0 {
		calls = append(calls, call{writeWithdrawnStep, []any{micros(c.At), int64(id), int64(c.Withdraw)}},
			call{writeWithdrawn, []any{int64(id), int64(c.Withdraw)}})
	}
	if r := c.Reversal; r != nil {
		mac := db.sums.reversalSum(int64(r.ID), int64(r.Tries), micros(r.Due), string(r.HostCode))
		calls = append(calls, call{writeReversal, []any{int64(r.ID), int64(r.Transaction), r.Host.Time, int64(r.Host.STAN),
			string(r.Reason), int64(r.Tries), micros(r.Due), string(r.HostCode), mac[:]}})
	}
	if f := c.Finished; f != 0 {
		calls = append(calls, call{writeSpent, []any{int64(f.Date()), int64(f)}}, call{writeFinished, []any{int64(f)}})
	}
	if c.Payout != nil {
		calls = append(calls, db.payoutCall(c.Payout))
	}
	if c.Discrepancy != nil {
		calls = append(calls, db.discrepancyCall(c.Discrepancy))
	}
	if c.Resolved != nil {
		calls = append(calls, db.resolutionCall(*c.Resolved))
	}
	return calls
}

// checkChange refuses what a step could not keep: what belongs to another transaction, or a text that no field of the
// host's messages can hold.
func checkChange(id acquirer.ID, c acquirer.Change) error {
	for _, n := range c.Notices {
		if n.Transaction != id || n.Copy < 0 || n.Copy > 0 && n.Kind != acquirer.NoticeNewCard || n.Fixed {
			return fmt.Errorf("store: a change of %d has a notice of another transaction, or one that is addressed", id)
		}
	}
	if r := c.Reversal; r != nil && (r.Transaction != id || len(r.Host.Time) > maxShort || len(r.Reason) > maxShort) {
		return fmt.Errorf("store: a change of %d has a reversal that is not its own or malformed", id)
	}
	if p := c.Payout; p != nil && p.Transaction != id {
		return fmt.Errorf("store: a change of %d has another transaction's payout", id)
	}
	if d := c.Discrepancy; d != nil && d.Transaction != id {
		return fmt.Errorf("store: a change of %d has another transaction's discrepancy", id)
	}
	return nil
}

// micros writes a time as the columns hold it: microseconds since 1970 UTC, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOf reverses micros, in UTC.
func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// flag writes a bool as the columns hold it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
