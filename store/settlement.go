package store

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"

	acquirer "example.com/ringback/switch"
)

var _ acquirer.Ledger = (*DB)(nil)

// The business dates on which a settlement date's payments are looked for: F15 lies a day ahead of the calendar or, after
// cut-offs by hand, some more; and a debit that the host answered late has an F15 of its own.
const (
	settleBack  = 8
	settleAhead = 1
)

// The columns of the settlement's tables, in the order in which their cells are written, read and hashed.
const (
	settlementColumns = `date, version, stage, asked, ended, note, cut_off, file, hash, lines, our_debits, our_debit_sum, our_reversals,
		our_reversal_sum, their_debits, their_debit_sum, their_reversals, their_reversal_sum, staged, whole, balance`
	discrepancyColumns = `kind, date, subject, txn, rrn, ours, theirs, opened, why`
	resolutionColumns  = `discrepancy, subject, resolution, why, who, line, at`
	payoutColumns      = `txn, state, date, amount, card_version, attempt, host_time, host_stan, code, at`
)

// settlementCells are the cells of settlementColumns.
func settlementCells(s *acquirer.SettlementDay, version int64) []any {
	return []any{int64(s.Date), version, int64(s.Stage), micros(s.Asked), micros(s.Ended), s.Note, s.CutOff, s.File, s.Hash[:], s.Lines,
		s.Ours.Debits.Count, int64(s.Ours.Debits.Fen), s.Ours.DebitReversals.Count, int64(s.Ours.DebitReversals.Fen),
		s.Theirs.Debits.Count, int64(s.Theirs.Debits.Fen), s.Theirs.DebitReversals.Count, int64(s.Theirs.DebitReversals.Fen),
		flag(s.Staged), flag(s.Whole), string(s.Balance)}
}

// scanSettlement reads settlementColumns and the hash behind them, which must be right.
func (db *DB) scanSettlement(row scanner) (*acquirer.SettlementDay, error) {
	var s acquirer.SettlementDay
	var asked, ended int64
	var hash, mac []byte
	o, t := &s.Ours, &s.Theirs
	err := row.Scan(&s.Date, &s.Version, &s.Stage, &asked, &ended, &s.Note, &s.CutOff, &s.File, &hash, &s.Lines,
		&o.Debits.Count, &o.Debits.Fen, &o.DebitReversals.Count, &o.DebitReversals.Fen,
		&t.Debits.Count, &t.Debits.Fen, &t.DebitReversals.Count, &t.DebitReversals.Fen,
		&s.Staged, &s.Whole, &s.Balance, &mac)
	if err != nil {
		return nil, absent(err)
	}
	s.Asked, s.Ended = timeOf(asked), timeOf(ended)
	copy(s.Hash[:], hash)
	return &s, db.proved(labelSettlement, settlementCells(&s, s.Version), mac, "the settlement of %d", s.Date)
}

// proved compares a row with its keyed hash. [ErrChain]: it was altered.
func (db *DB) proved(label string, cells []any, mac []byte, format string, args ...any) error {
	if want := db.sums.cellsSum(label, cells); !hmac.Equal(want[:], mac) {
		return fmt.Errorf("%s was altered: %w", fmt.Sprintf(format, args...), ErrChain)
	}
	return nil
}

// Settlement implements [acquirer.Ledger].
func (db *DB) Settlement(ctx context.Context, date acquirer.Date) (*acquirer.SettlementDay, error) {
	return db.scanSettlement(db.one(ctx, readSettlement, int64(date)))
}

// OwedSettlements implements [acquirer.Ledger].
func (db *DB) OwedSettlements(ctx context.Context) (all []*acquirer.SettlementDay, err error) {
	err = db.many(ctx, func(row scanner) error {
		s, err := db.scanSettlement(row)
		all = append(all, s)
		return err
	}, readSettlementsOwed)
	return all, err
}

// SaveSettlement implements [acquirer.Ledger].
func (db *DB) SaveSettlement(ctx context.Context, s *acquirer.SettlementDay) error {
	return db.saveSettlement(ctx, s)
}

// StageLines implements [acquirer.Ledger].
func (db *DB) StageLines(ctx context.Context, s *acquirer.SettlementDay, lines []acquirer.StagedLine) error {
	calls := make([]call, len(lines))
	for i, l := range lines {
		calls[i] = call{writeLine, []any{int64(l.Date), l.Number, int64(l.Kind), int64(l.Transaction), int64(l.Amount)}}
	}
	return db.saveSettlement(ctx, s, calls...)
}

// DropLines implements [acquirer.Ledger].
func (db *DB) DropLines(ctx context.Context, s *acquirer.SettlementDay) error {
	return db.saveSettlement(ctx, s, call{writeLinesGone, []any{int64(s.Date)}})
}

// saveSettlement writes s and, if it still was as it was read, what goes with it.
func (db *DB) saveSettlement(ctx context.Context, s *acquirer.SettlementDay, more ...call) error {
	cells := settlementCells(s, s.Version+1)
	mac := db.sums.cellsSum(labelSettlement, cells)
	first := call{writeSettlement, append(cells, mac[:])}
	if s.Version > 0 {
		first = call{writeSettlementMove, append(append([]any{}, cells[1:]...), mac[:], int64(s.Date), s.Version)}
	}
	rows, err := db.commits.submit(ctx, newOp(append([]call{first}, more...)...))
	if err != nil {
		return err
	}
	if rows == 0 {
		return acquirer.ErrStale
	}
	s.Version++
	return nil
}

// LinesOf implements [acquirer.Ledger].
func (db *DB) LinesOf(ctx context.Context, from, to acquirer.ID) (all []acquirer.StagedLine, err error) {
	err = db.many(ctx, func(row scanner) error {
		var l acquirer.StagedLine
		err := row.Scan(&l.Date, &l.Number, &l.Kind, &l.Transaction, &l.Amount)
		all = append(all, l)
		return err
	}, readLinesOf, int64(from), int64(to))
	return all, err
}

// settlementRange is where the ids of a settlement date are looked for.
func settlementRange(date acquirer.Date) (first, last int64) {
	day := date.Time()
	first, _ = idRange(acquirer.DateOf(day.AddDate(0, 0, -settleBack)))
	_, last = idRange(acquirer.DateOf(day.AddDate(0, 0, settleAhead)))
	return first, last
}

// RowsOf implements [acquirer.Ledger].
func (db *DB) RowsOf(ctx context.Context, date acquirer.Date, after acquirer.ID, limit int) ([]*acquirer.Transaction, error) {
	first, last := settlementRange(date)
	return db.rows(ctx, readTxnOfSettlement, max(first, int64(after)), last, date.F15(), int64(date), int64(limit))
}

// FindHosts implements [acquirer.Ledger].
func (db *DB) FindHosts(ctx context.Context, keys []acquirer.HostKey) (map[acquirer.HostKey]*acquirer.Transaction, error) {
	list := make([][2]any, len(keys))
	for i, k := range keys {
		list[i] = [2]any{k.Time, int64(k.STAN)}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	rows, err := db.rows(ctx, readTxnOfHosts, string(text))
	found := make(map[acquirer.HostKey]*acquirer.Transaction, len(rows))
	for _, t := range rows { // the latest business date comes last: F7 has no year
		found[t.Host] = t
	}
	return found, err
}

// MoveAll implements [acquirer.Ledger].
func (db *DB) MoveAll(ctx context.Context, moves []acquirer.Move) error {
	parts := make([]*op, len(moves))
	for i, m := range moves {
		if err := checkMove(m.Old, m.Next, m.Change); err != nil {
			return err
		}
		parts[i] = db.moveOp(m.Old, m.Next, m.Change)
	}
	whole := newOp()
	whole.parts = parts
	if _, err := db.commits.submit(ctx, whole); err != nil {
		return err
	}
	for i, m := range moves {
		if parts[i].rows > 0 {
			m.Next.Version = m.Old.Version + 1
		}
	}
	return nil
}

// LastSettlementDate returns the settlement date of the newest debit that has one, or [acquirer.ErrNotFound].
func (db *DB) LastSettlementDate(ctx context.Context) (acquirer.Date, error) {
	var id acquirer.ID
	var f15 string
	if err := db.one(ctx, readLastSettled).Scan(&id, &f15); err != nil {
		return 0, absent(err)
	}
	date, ok := acquirer.SettlementDate(f15, id.Date())
	if !ok {
		return 0, acquirer.ErrNotFound
	}
	return date, nil
}

// payoutCells are the cells of payoutColumns.
func payoutCells(p *acquirer.PayoutRecord) []any {
	return []any{int64(p.Transaction), int64(p.State), int64(p.Date), int64(p.Amount), int64(p.CardVersion), int64(p.Attempt),
		p.Host.Time, int64(p.Host.STAN), string(p.Code), micros(p.At)}
}

func (db *DB) payoutCall(p *acquirer.PayoutRecord) call {
	cells := payoutCells(p)
	mac := db.sums.cellsSum(labelPayout, cells)
	return call{writePayout, append(cells, mac[:])}
}

// Payout implements [acquirer.Ledger].
func (db *DB) Payout(ctx context.Context, id acquirer.ID) (*acquirer.PayoutRecord, error) {
	return db.scanPayout(db.one(ctx, readPayout, int64(id)))
}

// scanPayout reads payoutColumns and the hash behind them, which must be right.
func (db *DB) scanPayout(row scanner) (*acquirer.PayoutRecord, error) {
	var p acquirer.PayoutRecord
	var at int64
	var mac []byte
	err := row.Scan(&p.Transaction, &p.State, &p.Date, &p.Amount, &p.CardVersion, &p.Attempt,
		&p.Host.Time, &p.Host.STAN, &p.Code, &at, &mac)
	if err != nil {
		return nil, absent(err)
	}
	p.At = timeOf(at)
	return &p, db.proved(labelPayout, payoutCells(&p), mac, "the payout of %s", p.Transaction.RRN())
}
