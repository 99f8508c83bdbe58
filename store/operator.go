package store

import (
	"cmp"
	"context"
	"math"

	acquirer "example.com/ringback/switch"
)

// Filter says which transactions [DB.List] returns. The zero value is any.
type Filter struct {
	Date  acquirer.Date  // of one business date; 0: of any
	State acquirer.State // in one state; 0: in any
	After acquirer.ID    // with a greater id: the last of the page before
	Limit int            // at most so many; 0: 1000
}

// List returns transactions in the order of their ids.
func (db *DB) List(ctx context.Context, f Filter) ([]*acquirer.Transaction, error) {
	first, last := int64(f.After), int64(math.MaxInt64)
	if f.Date != 0 {
		from, to := idRange(f.Date)
		first, last = max(first, from), to
	}
	return db.rows(ctx, readTxnList, first, last, int64(f.State), int64(cmp.Or(f.Limit, listLimit)))
}

// Steps returns the history of a transaction, the first step in front; none for an id without a row.
func (db *DB) Steps(ctx context.Context, id acquirer.ID) (all []acquirer.Step, err error) {
	err = db.many(ctx, func(row scanner) error {
		var s acquirer.Step
		var at int64
		err := row.Scan(&s.Version, &at, &s.From, &s.To, &s.Event, &s.Detail)
		s.At = timeOf(at)
		all = append(all, s)
		return err
	}, readSteps, int64(id))
	return all, err
}

// Entry is a line of a transaction's history with all that was written with it.
type Entry struct {
	acquirer.Step
	Chain int64 // in which it stands
	Seq   int64 // where in the chain
	Made  Made
}

// History returns the history of a transaction, the first step in front; none for an id without a row.
func (db *DB) History(ctx context.Context, id acquirer.ID) (all []Entry, err error) {
	err = db.many(ctx, func(row scanner) error {
		var e Entry
		var at int64
		var made []byte
		err := row.Scan(&e.Chain, &e.Seq, &made, &e.Version, &at, &e.From, &e.To, &e.Event, &e.Detail)
		if err != nil {
			return err
		}
		e.At = timeOf(at)
		e.Made, err = decodeMade(id, e.At, made)
		all = append(all, e)
		return err
	}, readHistory, int64(id))
	return all, err
}

// Notices returns the notices of a transaction, sent, withdrawn or waiting.
func (db *DB) Notices(ctx context.Context, id acquirer.ID) ([]acquirer.Notice, error) {
	return db.notices(ctx, readNotices, int64(id))
}

// Outbox returns up to limit notices that wait, the oldest transaction's in front.
func (db *DB) Outbox(ctx context.Context, limit int) ([]acquirer.Notice, error) {
	return db.notices(ctx, readOutbox, int64(limit))
}

// Told implements [acquirer.Journal].
func (db *DB) Told(ctx context.Context, id acquirer.ID, kind acquirer.NoticeKind) (bool, error) {
	var n int
	err := db.one(ctx, readTold, int64(id), int64(kind)).Scan(&n)
	return n > 0, err
}
