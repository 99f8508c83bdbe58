package acquirer

import "context"

// Ledger keeps settlements, the worklist and payouts. What is written is durable when the method returns; [ErrStore],
// [ErrStale] and [ErrNotFound] as in [Journal]. What belongs to a transaction is written by [Journal.Move] with its move.
type Ledger interface {
	// Settlement returns the settlement of a date, or [ErrNotFound].
	Settlement(ctx context.Context, date Date) (*SettlementDay, error)
	// SaveSettlement writes s if the row stored still has s.Version, or is not there for 0; s.Version becomes one more.
	SaveSettlement(ctx context.Context, s *SettlementDay) error
	// OwedSettlements returns those of which a run is owed, the oldest date in front.
	OwedSettlements(ctx context.Context) ([]*SettlementDay, error)

	// StageLines saves s and keeps lines of its date, all or nothing.
	StageLines(ctx context.Context, s *SettlementDay, lines []StagedLine) error
	// DropLines saves s and forgets every line of its date.
	DropLines(ctx context.Context, s *SettlementDay) error
	// LinesOf returns the lines about transactions of a range of ids, both ends included, of whatever date.
	LinesOf(ctx context.Context, from, to ID) ([]StagedLine, error)
	// RowsOf returns up to limit transactions with an id greater than after that belong to a settlement date: the host's
	// answer named it, or a line of it is about them. In the order of their ids.
	RowsOf(ctx context.Context, date Date, after ID, limit int) ([]*Transaction, error)

	// FindHosts is [Journal.FindHost] for many keys; a key of no transaction has no entry.
	FindHosts(ctx context.Context, keys []HostKey) (map[HostKey]*Transaction, error)
	// MoveAll is [Journal.Move] for many rows in one write. One that is not stored as it was read is left out: the version of its Next
	// stays that of its Old.
	MoveAll(ctx context.Context, moves []Move) error

	// OpenDiscrepancy puts what is about no transaction on the worklist; what is there already stays.
	OpenDiscrepancy(ctx context.Context, d *Discrepancy) error
	// Resolve closes a discrepancy about no transaction. [ErrStale]: it is closed already.
	Resolve(ctx context.Context, r Resolved) error
	// Discrepancy returns one by number.
	Discrepancy(ctx context.Context, id int64) (*Discrepancy, error)
	// DiscrepanciesOf returns all about a transaction.
	DiscrepanciesOf(ctx context.Context, id ID) ([]*Discrepancy, error)
	// Discrepancies returns up to limit with a number greater than after, of a date or, for 0, all; closed ones only if wanted.
	Discrepancies(ctx context.Context, date Date, closed bool, after int64, limit int) ([]*Discrepancy, error)

	// Payout returns that of a transaction, or [ErrNotFound].
	Payout(ctx context.Context, id ID) (*PayoutRecord, error)
}

// Move is one move of many.
type Move struct {
	Old, Next *Transaction
	Change    Change
}

// PayoutOrders is the line on which single payouts are ordered. Errors as those of [Network].
type PayoutOrders interface {
	// PayOut orders one payout (0200, F3 = 290000) and returns F39: 00, it is taken and will be told by a 0220; any other, it is
	// refused.
	PayOut(ctx context.Context, o PayoutOrder) (ResponseCode, error)
}

// SettlementConfig is what settlement needs beside a [Config].
type SettlementConfig struct {
	Ledger Ledger
	Centre Reconciler
	Orders PayoutOrders // nil: nothing is paid before the whole date is agreed
	// Automatic: a date is settled as soon as the host has ended it (0820/202); else somebody must ask.
	Automatic bool
	// Progress is told of each stage and of long work on the way, for people. May be nil; called from one goroutine at a time.
	Progress func(Date, string)
}
