package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	acquirer "example.com/ringback/switch"
)

// Open implements [acquirer.Journal]. A token is looked for on the two business dates of the key: its life is shorter.
// The same row again, which a caller sends who did not hear of its commit, is no duplicate but done.
func (db *DB) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	if !slices.Contains(acquirer.Openings, t.State) {
		return fmt.Errorf("store: no row begins as %s", t.State)
	}
	if err := checkChange(t.ID, c); err != nil {
		return err
	}
	record, err := secretsOf(t).encode()
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	key := t.ID.Date()
	sealed, err := db.keys.seal(ctx, key, "txn", int64(t.ID), record)
	if err != nil {
		return err
	}
	rows, err := db.commits.submit(ctx, db.openOp(t, key, sealed, c))
	if err != nil {
		return err
	}
	if rows == 0 {
		if err := db.opened(ctx, t); err != nil {
			return err
		}
	}
	t.Version = 1
	return nil
}

// openOp is the write of a new row.
func (db *DB) openOp(t *acquirer.Transaction, key acquirer.Date, sealed []byte, c acquirer.Change) *op {
	fixed, moved := fixedCells(t, key, sealed), movedCells(t, 1)
	fixedSum, movedSum := db.sums.fixedSum(fixed), db.sums.movedSum(t.ID, moved)
	args := slices.Concat(fixed, moved, []any{int64(t.Key.Date.Before())})
	o := newOp(append([]call{{writeOpen, args}}, db.changeCalls(t.ID, c)...)...)
	o.step = &link{cells: stepCells(t.ID, 0, t.State, 1, c, fixedSum[:], movedSum[:])}
	return o
}

// opened says why a row was not written: nil, it was before; [acquirer.ErrDuplicate], another row holds a key of it.
func (db *DB) opened(ctx context.Context, t *acquirer.Transaction) error {
	stored, err := db.Get(context.WithoutCancel(ctx), t.ID)
	switch {
	case errors.Is(err, acquirer.ErrNotFound):
		return acquirer.ErrDuplicate
	case err != nil:
		return err
	case fixed(*stored) != fixed(*t):
		return fmt.Errorf("store: id %d belongs to another transaction", t.ID)
	}
	return nil
}

// Move implements [acquirer.Journal]. What the debit is (its keys, amount, parties, card, memo, token, host key and
// time) is written by Open only: a next in which it differs is refused, and nothing is written.
func (db *DB) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if err := checkMove(old, next, c); err != nil {
		return err
	}
	rows, err := db.commits.submit(ctx, db.moveOp(old, next, c))
	if err != nil {
		return err
	}
	if rows == 0 {
		return acquirer.ErrStale
	}
	next.Version = old.Version + 1
	return nil
}

// checkMove refuses what must not be written, and panics at a move that the states do not know.
func checkMove(old, next *acquirer.Transaction, c acquirer.Change) error {
	if !acquirer.MayMove(old.State, next.State) {
		panic(fmt.Sprintf("store: no move from %s to %s", old.State, next.State))
	}
	if fixed(*old) != fixed(*next) {
		return fmt.Errorf("store: a move of %d changes what the debit is", old.ID)
	}
	return checkChange(old.ID, c)
}

// moveOp is the write of a move.
func (db *DB) moveOp(old, next *acquirer.Transaction, c acquirer.Change) *op {
	version := old.Version + 1
	moved := movedCells(next, version)
	movedSum, before := db.sums.movedSum(old.ID, moved), db.sums.movedSum(old.ID, movedCells(old, old.Version))
	o := newOp(append([]call{{writeMove, append(moved, int64(old.ID), old.Version)}}, db.changeCalls(old.ID, c)...)...)
	o.step = &link{cells: stepCells(old.ID, old.State, next.State, version, c, nil, movedSum[:]), before: before[:]}
	return o
}

// Find implements [acquirer.Journal].
func (db *DB) Find(ctx context.Context, k acquirer.TerminalKey) (*acquirer.Transaction, error) {
	return db.newest(ctx, readTxnByKey, int64(k.Date), int64(k.Date.Before()), string(k.Merchant), string(k.Terminal),
		int64(k.Batch), int64(k.STAN))
}

// FindToken implements [acquirer.Journal]. A token is looked for on the newest business date there is and the date
// before it.
func (db *DB) FindToken(ctx context.Context, token acquirer.TokenID) (*acquirer.Transaction, error) {
	var newest acquirer.Date
	if err := db.one(ctx, readLastDate).Scan(&newest); err != nil {
		return nil, err
	}
	return db.newest(ctx, readTxnByToken, int64(newest), int64(newest.Before()), token[:])
}

// FindHost implements [acquirer.Journal]. F7 has no year: of two rows it is the newer one.
func (db *DB) FindHost(ctx context.Context, key acquirer.HostKey) (*acquirer.Transaction, error) {
	return db.newest(ctx, readTxnByHost, key.Time, int64(key.STAN))
}

// newest returns the row of the latest business date.
func (db *DB) newest(ctx context.Context, q query, args ...any) (*acquirer.Transaction, error) {
	var newest *sealedTxn
	err := db.many(context.WithoutCancel(ctx), func(r scanner) error {
		s := &sealedTxn{}
		if err := s.scan(r); err != nil {
			return err
		}
		if newest == nil || s.Key.Date > newest.Key.Date {
			newest = s
		}
		return nil
	}, q, args...)
	switch {
	case err != nil:
		return nil, err
	case newest == nil:
		return nil, acquirer.ErrNotFound
	}
	return db.unseal(ctx, newest)
}

// Get implements [acquirer.Journal].
func (db *DB) Get(ctx context.Context, id acquirer.ID) (*acquirer.Transaction, error) {
	var s sealedTxn
	if err := s.scan(db.one(ctx, readTxn, int64(id))); err != nil {
		return nil, absent(err)
	}
	return db.unseal(ctx, &s)
}

// InState implements [acquirer.Journal]. Sent and Reversing are read from an index of their own; any other state costs
// a look at every row behind after.
func (db *DB) InState(ctx context.Context, s acquirer.State, after acquirer.ID, limit int) ([]*acquirer.Transaction, error) {
	q := readTxnInState
	if s == acquirer.Sent || s == acquirer.Reversing {
		q = readTxnUnfinished
	}
	return db.rows(ctx, q, int64(s), int64(after), int64(limit))
}

// rows reads all rows before it opens any: opening may have to read a data key.
func (db *DB) rows(ctx context.Context, q query, args ...any) ([]*acquirer.Transaction, error) {
	var all []*sealedTxn
	err := db.many(ctx, func(r scanner) error {
		s := &sealedTxn{}
		all = append(all, s)
		return s.scan(r)
	}, q, args...)
	if err != nil {
		return nil, err
	}
	out := make([]*acquirer.Transaction, len(all))
	for i, s := range all {
		if out[i], err = db.unseal(ctx, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}
