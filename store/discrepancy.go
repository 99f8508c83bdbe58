package store

import (
	"context"
	"database/sql"

	acquirer "example.com/ringback/switch"
)

// discrepancyCells are the cells of discrepancyColumns.
func discrepancyCells(d *acquirer.Discrepancy) []any {
	return []any{string(d.Kind), int64(d.Date), d.Subject, int64(d.Transaction), string(d.RRN), int64(d.Ours), int64(d.Theirs),
		micros(d.Opened), cut(d.Why)}
}

func (db *DB) discrepancyCall(d *acquirer.Discrepancy) call {
	cells := discrepancyCells(d)
	mac := db.sums.cellsSum(labelDiscrepancy, cells)
	return call{writeDiscrepancy, append(cells, mac[:])}
}

// resolutionCells are the cells of resolutionColumns.
func resolutionCells(r acquirer.Resolved) []any {
	return []any{r.Discrepancy, r.Subject, string(r.As), cut(r.Why), cut(r.Who), r.Line, micros(r.At)}
}

func (db *DB) resolutionCall(r acquirer.Resolved) call {
	cells := resolutionCells(r)
	mac := db.sums.cellsSum(labelResolution, cells)
	return call{writeResolution, append(cells, mac[:])}
}

// scanDiscrepancy reads the columns of selectDiscrepancy; both rows must be as they were written.
func (db *DB) scanDiscrepancy(row scanner) (*acquirer.Discrepancy, error) {
	var d acquirer.Discrepancy
	var opened int64
	var mac, closedMAC []byte
	var about, line, at sql.NullInt64
	var subject, as, why, who sql.NullString
	err := row.Scan(&d.ID, &d.Kind, &d.Date, &d.Subject, &d.Transaction, &d.RRN, &d.Ours, &d.Theirs, &opened, &d.Why, &mac,
		&about, &subject, &as, &why, &who, &line, &at, &closedMAC)
	if err != nil {
		return nil, absent(err)
	}
	d.Opened = timeOf(opened)
	if err := db.proved(labelDiscrepancy, discrepancyCells(&d), mac, "discrepancy %d", d.ID); err != nil {
		return nil, err
	}
	if !about.Valid {
		return &d, nil
	}
	d.Closed = &acquirer.Resolved{Discrepancy: about.Int64, Subject: subject.String, As: acquirer.Resolution(as.String), Why: why.String, Who: who.String,
		Line: line.Int64, At: timeOf(at.Int64)}
	return &d, db.proved(labelResolution, resolutionCells(*d.Closed), closedMAC, "the resolution of discrepancy %d", d.ID)
}

// OpenDiscrepancy implements [acquirer.Ledger].
func (db *DB) OpenDiscrepancy(ctx context.Context, d *acquirer.Discrepancy) error {
	_, err := db.commits.submit(ctx, newOp(db.discrepancyCall(d)))
	return err
}

// Resolve implements [acquirer.Ledger].
func (db *DB) Resolve(ctx context.Context, r acquirer.Resolved) error {
	rows, err := db.commits.submit(ctx, newOp(db.resolutionCall(r)))
	if err == nil && rows == 0 {
		return acquirer.ErrStale
	}
	return err
}

// Discrepancy implements [acquirer.Ledger].
func (db *DB) Discrepancy(ctx context.Context, id int64) (*acquirer.Discrepancy, error) {
	return db.scanDiscrepancy(db.one(ctx, readDiscrepancy, id))
}

// DiscrepanciesOf implements [acquirer.Ledger].
func (db *DB) DiscrepanciesOf(ctx context.Context, id acquirer.ID) ([]*acquirer.Discrepancy, error) {
	return db.discrepancies(ctx, readDiscrepanciesOf, int64(id))
}

// Discrepancies implements [acquirer.Ledger].
func (db *DB) Discrepancies(ctx context.Context, date acquirer.Date, closed bool, after int64, limit int) ([]*acquirer.Discrepancy, error) {
	return db.discrepancies(ctx, readDiscrepancies, int64(date), flag(closed), after, int64(limit))
}

func (db *DB) discrepancies(ctx context.Context, q query, args ...any) (all []*acquirer.Discrepancy, err error) {
	err = db.many(ctx, func(row scanner) error {
		d, err := db.scanDiscrepancy(row)
		all = append(all, d)
		return err
	}, q, args...)
	return all, err
}
