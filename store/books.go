package store

import (
	"context"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

var _ acquirer.BookRows = (*DB)(nil)

// PayoutsOf implements [acquirer.BookRows].
func (db *DB) PayoutsOf(ctx context.Context, from, to acquirer.ID) (map[acquirer.ID]*acquirer.PayoutRecord, error) {
	all := make(map[acquirer.ID]*acquirer.PayoutRecord)
	err := db.many(ctx, func(row scanner) error {
		p, err := db.scanPayout(row)
		if err == nil {
			all[p.Transaction] = p
		}
		return err
	}, readPayoutsOf, int64(from), int64(to))
	return all, err
}

// WorklistOf implements [acquirer.BookRows].
func (db *DB) WorklistOf(ctx context.Context, from, to acquirer.ID) (map[acquirer.ID][]*acquirer.Discrepancy, error) {
	list, err := db.discrepancies(ctx, readWorklistOf, int64(from), int64(to))
	all := make(map[acquirer.ID][]*acquirer.Discrepancy)
	for _, d := range list {
		all[d.Transaction] = append(all[d.Transaction], d)
	}
	return all, err
}

// linesUnlisted are the lines about no payment of ours that nobody has put on the worklist.
const linesUnlisted = `SELECT l.date, l.number FROM clearing_line l WHERE l.txn = 0 AND l.kind < 3 AND NOT EXISTS
	(SELECT 1 FROM discrepancy d WHERE d.kind = 'theirs-only' AND d.date = l.date AND d.theirs = l.amount) ORDER BY l.date, l.number`

// linesKept counts what is kept of a list: old lines are purged, and then it proves nothing any more.
const linesKept = `SELECT count(*) FROM clearing_line WHERE date = $1`

// books derives the books of every settlement date and proves them against the host's list. They are derived from a sound journal
// only, and a date of which a run is owed or under way proves nothing: its worklist is being written.
func (a *auditor) books(ctx context.Context) error {
	if len(a.report.Breaks) > 0 {
		return nil
	}
	for _, date := range a.settled {
		before, err := a.db.Settlement(ctx, date)
		if err != nil {
			return err
		}
		lines := int64(0)
		if err := a.tx.QueryRowContext(ctx, linesKept, int64(date)).Scan(&lines); err != nil {
			return err
		}
		before.Staged = before.Staged && lines == before.Lines
		day, err := acquirer.CloseBooks(ctx, a.db, before)
		if err != nil {
			return err
		}
		after, err := a.db.Settlement(ctx, date)
		if err != nil {
			return err
		}
		if !before.Owed() && before.Version == after.Version && before.Stage >= acquirer.SettlementCompared {
			a.judgeBooks(day)
		}
		a.report.Books = append(a.report.Books, day)
	}
	return a.each(ctx, linesUnlisted, func(c []any) error {
		a.broken(0, 0, "line %d of the host's list of %d is about no payment here, and not on the worklist", number(c[1]), number(c[0]))
		return nil
	})
}

// judgeBooks notes what a date's books do not bear out.
func (a *auditor) judgeBooks(day *acquirer.DayBooks) {
	for _, f := range day.Faults {
		a.broken(f.Transaction, 0, "%s", f.What)
	}
	if !day.Books.Balanced() {
		a.broken(0, 0, "the books of %d do not balance", day.Date)
	}
}

// ReportBy is by what a report of a date is grouped.
type ReportBy string

// The groups of a report.
const (
	ByPayee    ReportBy = "payee"
	ByMerchant ReportBy = "merchant"
	ByTerminal ReportBy = "terminal"
)

// reports are the texts, by group. The columns are ids and amounts; what is sorted goes into a file when it is much.
var reports = map[ReportBy]query{ByPayee: readReportPayee, ByMerchant: readReportMerchant, ByTerminal: readReportTerminal}

// Known reports whether there is such a group.
func (b ReportBy) Known() bool { _, ok := reports[b]; return ok }

// ReportRow is a group of a date's payments.
type ReportRow struct {
	Key    string            // merchant or terminal; empty: a payee
	Payee  acquirer.PayeeRef // zero: a merchant or terminal
	Debits acquirer.Sum      // that stand
	Paid   acquirer.Sum      // of them
	Agreed acquirer.Sum      // of them, and not paid out yet
	Waits  acquirer.Sum      // of them: not agreed, or on the worklist
	Closed acquirer.Sum      // of them: nobody is ever paid
	Undone acquirer.Sum
}

// Report calls yield with each group of the payments that the host's answer dated so, one after the other, in the order of their
// keys. Its memory does not grow with the payments. yield may read.
func (db *DB) Report(ctx context.Context, date acquirer.Date, by ReportBy, yield func(ReportRow) error) (err error) {
	q, ok := reports[by]
	if !ok {
		return fmt.Errorf("store: no report by %q", by)
	}
	first, last := settlementRange(date)
	rows, err := db.queries[q].QueryContext(ctx, first, last, date.F15())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r ReportRow
		err := rows.Scan(&r.Key, &r.Payee.ID, &r.Payee.CardVersion, &r.Debits.Count, &r.Debits.Fen, &r.Paid.Count, &r.Paid.Fen,
			&r.Agreed.Count, &r.Agreed.Fen, &r.Waits.Count, &r.Waits.Fen,
			&r.Closed.Count, &r.Closed.Fen, &r.Undone.Count, &r.Undone.Fen)
		if err == nil {
			err = yield(r)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}
