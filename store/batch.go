package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	acquirer "example.com/ringback/switch"
)

// Batch implements [acquirer.Batches].
func (db *DB) Batch(ctx context.Context, k acquirer.BatchKey, since acquirer.Date) (*acquirer.Batch, error) {
	b := &acquirer.Batch{}
	err := scanBatch(db.one(ctx, readBatch, string(k.Terminal), string(k.Merchant), int64(k.Batch), int64(since)), b)
	if err != nil {
		return nil, absent(err)
	}
	return b, nil
}

// Unfinished implements [acquirer.Batches].
func (db *DB) Unfinished(ctx context.Context) (all []*acquirer.Batch, err error) {
	err = db.many(ctx, func(row scanner) error {
		b := &acquirer.Batch{}
		all = append(all, b)
		return scanBatch(row, b)
	}, readBatchesSettling)
	return all, err
}

// scanBatch reads batchColumns.
func scanBatch(row scanner, b *acquirer.Batch) error {
	var at, closed int64
	domestic, foreign := &b.Domestic, &b.Foreign
	err := row.Scan(&b.Key.Terminal, &b.Key.Merchant, &b.Key.Batch, &b.Date, &b.Version, &b.State, &b.STAN,
		&domestic.Debits.Count, &domestic.Debits.Amount, &domestic.Credits.Count, &domestic.Credits.Amount,
		&foreign.Debits.Count, &foreign.Debits.Amount, &foreign.Credits.Count, &foreign.Credits.Amount,
		&b.Ours.Count, &b.Ours.Amount, &b.DomesticAgrees, &b.ForeignAgrees, &b.Whole, &b.Signed, &at, &b.Reference, &closed)
	b.At, b.Closed = timeOf(at), timeOf(closed)
	return err
}

// batchKeyCells are the key of a record.
func batchKeyCells(b *acquirer.Batch) []any {
	return []any{string(b.Key.Terminal), string(b.Key.Merchant), int64(b.Key.Batch), int64(b.Date)}
}

// batchCells are the cells of batchColumns.
func batchCells(b *acquirer.Batch, version int64) []any {
	cells := append(batchKeyCells(b), version, int64(b.State), int64(b.STAN))
	for _, t := range []acquirer.BatchTotals{b.Domestic, b.Foreign} {
		cells = append(cells, int64(t.Debits.Count), int64(t.Debits.Amount), int64(t.Credits.Count), int64(t.Credits.Amount))
	}
	return append(cells, int64(b.Ours.Count), int64(b.Ours.Amount), flag(b.DomesticAgrees), flag(b.ForeignAgrees), flag(b.Whole),
		flag(b.Signed), micros(b.At), string(b.Reference), micros(b.Closed))
}

// SaveBatch implements [acquirer.Batches].
func (db *DB) SaveBatch(ctx context.Context, b *acquirer.Batch, anew bool) error {
	calls := []call{{writeBatch, batchCells(b, b.Version+1)}}
	if anew {
		calls = append(calls, call{writeBatchLinesGone, batchKeyCells(b)})
	}
	if b.State != acquirer.BatchUploading {
		calls = append(calls, call{writeBatchClosed, []any{string(b.Key.Terminal), int64(b.Key.Batch)}})
	}
	rows, err := db.commits.submit(ctx, newOp(calls...))
	if err != nil {
		return err
	}
	if rows == 0 {
		return acquirer.ErrStale
	}
	b.Version++
	return nil
}

// AddLines implements [acquirer.Batches].
func (db *DB) AddLines(ctx context.Context, b *acquirer.Batch, lines []acquirer.ListedLine) error {
	calls := []call{{writeBatchOpen, append(batchKeyCells(b), b.Version)}}
	for _, l := range lines {
		calls = append(calls, call{writeBatchLine, append(batchKeyCells(b), int64(l.STAN), int64(l.Amount), int64(l.Verdict),
			int64(l.Transaction))})
	}
	rows, err := db.commits.submit(ctx, newOp(calls...))
	if err == nil && rows == 0 {
		return acquirer.ErrStale
	}
	return err
}

// CountLines implements [acquirer.Batches].
func (db *DB) CountLines(ctx context.Context, b *acquirer.Batch) (n int, err error) {
	err = db.one(ctx, readBatchLineCount, batchKeyCells(b)...).Scan(&n)
	return n, err
}

// Lines implements [acquirer.Batches].
func (db *DB) Lines(ctx context.Context, b *acquirer.Batch) (all []acquirer.ListedLine, err error) {
	err = db.many(ctx, func(row scanner) error {
		var l acquirer.ListedLine
		err := row.Scan(&l.STAN, &l.Amount, &l.Verdict, &l.Transaction)
		all = append(all, l)
		return err
	}, readBatchLines, batchKeyCells(b)...)
	return all, err
}

// Strays implements [acquirer.Batches].
func (db *DB) Strays(ctx context.Context, on acquirer.Date, limit int) (all []acquirer.Stray, err error) {
	err = db.many(ctx, func(row scanner) error {
		var s acquirer.Stray
		err := row.Scan(&s.Batch.Terminal, &s.Batch.Merchant, &s.Batch.Batch, &s.STAN, &s.Amount)
		all = append(all, s)
		return err
	}, readStrays, int64(on), int64(limit))
	return all, err
}

// LastClosed implements [acquirer.Batches].
func (db *DB) LastClosed(ctx context.Context, k acquirer.BatchKey) (time.Time, error) {
	var at int64
	err := db.one(ctx, readLastClosed, string(k.Terminal), string(k.Merchant), int64(k.Batch)).Scan(&at)
	return timeOf(at), err
}

// SumDebits implements [acquirer.Batches]. No row leaves the engine.
func (db *DB) SumDebits(ctx context.Context, k acquirer.BatchKey, on acquirer.Date, since time.Time) (own, all acquirer.BatchSum, err error) {
	err = db.one(ctx, readBatchSums, int64(k.Batch), micros(since), int64(on), string(k.Merchant), string(k.Terminal)).
		Scan(&own.Count, &own.Amount, &all.Count, &all.Amount)
	return own, all, err
}

// Debits implements [acquirer.Batches].
func (db *DB) Debits(ctx context.Context, k acquirer.BatchKey, on acquirer.Date, since time.Time) ([]acquirer.ID, error) {
	later := micros(since)
	if since.IsZero() {
		later = math.MaxInt64
	}
	return db.txnIDs(ctx, readBatchDebits, int64(on), string(k.Merchant), string(k.Terminal), int64(k.Batch), later)
}

// DebitsByTrace implements [acquirer.Batches].
func (db *DB) DebitsByTrace(ctx context.Context, k acquirer.BatchKey, on acquirer.Date, stan acquirer.STAN) ([]acquirer.ID, error) {
	return db.txnIDs(ctx, readDebitsByTrace, int64(on), string(k.Merchant), string(k.Terminal), int64(stan))
}

func (db *DB) txnIDs(ctx context.Context, q query, args ...any) (ids []acquirer.ID, err error) {
	err = db.many(ctx, func(row scanner) error {
		var id acquirer.ID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, q, args...)
	return ids, err
}

// SaveHeard implements [acquirer.Witnesses].
func (db *DB) SaveHeard(ctx context.Context, at map[acquirer.TerminalID]time.Time) error {
	var calls []call
	for id, heard := range at {
		calls = append(calls, call{writeHeard, []any{string(id), micros(heard)}})
	}
	for len(calls) > 0 {
		n := min(len(calls), heardBatch)
		if _, err := db.commits.submit(ctx, newOp(calls[:n]...)); err != nil {
			return err
		}
		calls = calls[n:]
	}
	return nil
}

// Heard implements [acquirer.Witnesses].
func (db *DB) Heard(ctx context.Context, id acquirer.TerminalID) (time.Time, error) {
	var at int64
	err := db.one(ctx, readHeard, string(id)).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return timeOf(at), err
}
