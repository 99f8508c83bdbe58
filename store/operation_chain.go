package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
)

// operationEnd is the last line of the operators' journal: its number and hash. The zero value is that of a journal
// without a line.
type operationEnd struct {
	seq  int64
	hash sum
}

// sealOperation is the keyed hash that goes with an end into its row.
func (k *keyedHash) sealOperation(e operationEnd) sum {
	s := k.begin(labelOperationEnd)
	s.int(e.seq)
	s.blob(e.hash[:])
	return k.end(s)
}

// followOperation returns the end behind a line: cells are those of operationColumns.
func (k *keyedHash) followOperation(e operationEnd, cells []any) operationEnd {
	s := k.begin(labelOperation)
	s.blob(e.hash[:])
	s.cells(cells)
	return operationEnd{seq: number(cells[0]), hash: k.end(s)}
}

// errLines is what an altered operators' journal is refused with.
func errLines(format string, args ...any) error {
	return fmt.Errorf("operators' journal: %s: %w", fmt.Sprintf(format, args...), ErrChain)
}

// scan reads the columns of readOperationEnd, whose seal must be good, and more behind them.
func (e *operationEnd) scan(row scanner, k *keyedHash, more ...any) error {
	var hash, mac []byte
	err := row.Scan(append([]any{&e.seq, &hash, &mac}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return errLines("its end is missing")
	}
	if err != nil {
		return err
	}
	copy(e.hash[:], hash)
	if want := k.sealOperation(*e); len(hash) != len(e.hash) || !hmac.Equal(want[:], mac) {
		return errLines("its end was altered")
	}
	return nil
}

// note writes a line behind the last one, whoever wrote that. A line that cannot be written fails the batch: nothing is
// done that is not in the journal.
func (w *writer) note(ctx context.Context, l *line) error {
	var last operationEnd
	if err := last.scan(w.readLast.QueryRowContext(ctx), w.sums); err != nil {
		return err
	}
	l.cells[0] = last.seq + 1
	next := w.sums.followOperation(last, l.cells)
	rows, err := w.exec(ctx, call{writeOperation, append(l.cells, next.hash[:])})
	if err == nil && rows == 0 {
		err = errLines("line %d stands behind its end", next.seq)
	}
	if err != nil {
		return err
	}
	mac := w.sums.sealOperation(next)
	if _, err := w.exec(ctx, call{writeOperationEnd, []any{next.seq, next.hash[:], mac[:]}}); err != nil {
		return err
	}
	l.seq = next.seq
	return nil
}

// checkOperationEnd compares the end of the operators' journal with its last line: one whose tail was cut must not be
// gone on with.
func (db *DB) checkOperationEnd(ctx context.Context) error {
	var e operationEnd
	var seq sql.NullInt64
	var hash []byte
	if err := e.scan(db.one(ctx, readOperationLast), db.sums, &seq, &hash); err != nil {
		return err
	}
	if seq.Int64 != e.seq || e.seq > 0 && !hmac.Equal(hash, e.hash[:]) {
		return errLines("its last line, %d, was altered or is missing, or another was put behind it", e.seq)
	}
	return nil
}

// proves compares a line that was read with its hash; before is that of the line in front, nil for the first.
func (db *DB) proves(o Operation, hash, before []byte) bool {
	var last operationEnd
	copy(last.hash[:], before)
	want := db.sums.followOperation(last, o.cells())
	return hmac.Equal(want.hash[:], hash)
}
