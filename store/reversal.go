package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	acquirer "example.com/ringback/switch"
)

// Due implements [acquirer.Journal].
func (db *DB) Due(ctx context.Context, now time.Time, limit int) ([]acquirer.Reversal, error) {
	return db.reversals(ctx, readDue, micros(now), int64(limit))
}

// Reversals returns every queued reversal, the first due in front.
func (db *DB) Reversals(ctx context.Context) ([]acquirer.Reversal, error) {
	return db.reversals(ctx, readReversals)
}

// ReversalOf returns the queued reversal of a transaction, or [acquirer.ErrNotFound] when none is owed.
func (db *DB) ReversalOf(ctx context.Context, id acquirer.ID) (acquirer.Reversal, error) {
	all, err := db.reversals(ctx, readReversalOf, int64(id))
	switch {
	case err != nil:
		return acquirer.Reversal{}, err
	case len(all) == 0:
		return acquirer.Reversal{}, acquirer.ErrNotFound
	}
	return all[0], nil
}

func (db *DB) reversals(ctx context.Context, q query, args ...any) (all []acquirer.Reversal, err error) {
	err = db.many(ctx, func(row scanner) error {
		var r acquirer.Reversal
		var due int64
		err := row.Scan(&r.ID, &r.Transaction, &r.Host.Time, &r.Host.STAN, &r.Reason, &r.Tries, &due, &r.HostCode)
		r.Due = timeOf(due)
		all = append(all, r)
		return err
	}, q, args...)
	return all, err
}

// NextDue implements [acquirer.Journal].
func (db *DB) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var due int64
	switch err := db.one(ctx, readNextDue).Scan(&due); {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, err
	}
	return timeOf(due), true, nil
}

// Reschedule implements [acquirer.Journal]. [acquirer.ErrNotFound]: the reversal is not queued, or not any more.
func (db *DB) Reschedule(ctx context.Context, r acquirer.Reversal) error {
	mac := db.sums.reversalSum(int64(r.ID), int64(r.Tries), micros(r.Due), string(r.HostCode))
	return db.update(ctx, call{writeReschedule, []any{int64(r.Tries), micros(r.Due), string(r.HostCode), mac[:], int64(r.ID)}})
}

// update carries out statements of which the first is on a row that must be there.
func (db *DB) update(ctx context.Context, calls ...call) error {
	rows, err := db.commits.submit(ctx, newOp(calls...))
	if err == nil && rows == 0 {
		return acquirer.ErrNotFound
	}
	return err
}

// insert carries out statements of which the first writes a row that must not be there.
func (db *DB) insert(ctx context.Context, calls ...call) error {
	rows, err := db.commits.submit(ctx, newOp(calls...))
	if err == nil && rows == 0 {
		return acquirer.ErrDuplicate
	}
	return err
}
