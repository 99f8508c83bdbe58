package store

import (
	"context"
	"errors"
	"time"

	acquirer "example.com/ringback/switch"
)

// resealed is a table whose rows may outlive the key of the date on which they were sealed.
type resealed struct {
	read  query
	write statement
	table string // what its records are bound to
	row   func(id, version int64) int64
	guard bool // the write asks for the version too
}

// resealedTables are all but outbox, whose rows are replaced whole. The rows of txn die with their key.
var resealedTables = []resealed{
	{readPayeesUnder, writePayeeKey, "payee", func(id, _ int64) int64 { return id }, true},
	{readCardsUnder, writeCardKey, "payee_card", func(id, version int64) int64 {
		return cardRow(acquirer.PayeeRef{ID: acquirer.PayeeID(id), CardVersion: int32(version)})
	}, false},
	{readContactsUnder, writeContactKey, "payee_contact", func(id, _ int64) int64 { return id }, false},
	{readEnrolmentsUnder, writeEnrolmentKey, "enrolment", func(id, _ int64) int64 { return id }, true},
}

// resealAll seals everything but transactions that is under the key of a date under the key of today.
func (db *DB) resealAll(ctx context.Context, old acquirer.Date) error {
	for _, t := range resealedTables {
		for more := true; more; {
			var err error
			if more, err = db.reseal(ctx, t, old); err != nil {
				return err
			}
		}
	}
	for more := true; more; {
		page, err := db.notices(ctx, readNoticesUnder, int64(old), int64(purgeBatch))
		if err != nil {
			return err
		}
		for _, n := range page {
			same := n
			if err := db.replaceNotice(ctx, &n, &same); err != nil && !errors.Is(err, acquirer.ErrStale) {
				return err
			}
		}
		more = len(page) == purgeBatch
	}
	return nil
}

// sealedRow is a row of a resealed table.
type sealedRow struct {
	id, version int64
	sealed      []byte
}

// reseal takes one batch of a table; more: there may be another. A row that changes meanwhile is under a newer key then.
func (db *DB) reseal(ctx context.Context, t resealed, old acquirer.Date) (more bool, err error) {
	var rows []sealedRow
	err = db.many(ctx, func(row scanner) error {
		var r sealedRow
		err := row.Scan(&r.id, &r.version, &r.sealed)
		rows = append(rows, r)
		return err
	}, t.read, int64(old), int64(purgeBatch))
	if err != nil {
		return false, err
	}
	today := acquirer.DateOf(time.Now())
	for _, r := range rows {
		record, err := db.keys.unseal(ctx, old, t.table, t.row(r.id, r.version), r.sealed)
		if err != nil {
			return false, err
		}
		sealed, err := db.keys.seal(ctx, today, t.table, t.row(r.id, r.version), record)
		if err != nil {
			return false, err
		}
		if _, err := db.commits.submit(ctx, newOp(call{t.write, t.args(today, sealed, r, old)})); err != nil {
			return false, err
		}
	}
	return len(rows) == purgeBatch, nil
}

// args are those of the table's write.
func (t resealed) args(today acquirer.Date, sealed []byte, r sealedRow, old acquirer.Date) []any {
	switch {
	case t.guard:
		return []any{int64(today), sealed, r.id, int64(old), r.version}
	case t.write == writeCardKey:
		return []any{int64(today), sealed, r.id, r.version, int64(old)}
	}
	return []any{int64(today), sealed, r.id, int64(old)}
}
