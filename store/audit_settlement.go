package store

import (
	"bytes"
	"context"
	"slices"

	acquirer "example.com/ringback/switch"
)

// Every row of the settlement's tables, and what must stand beside it.
const (
	everySettlement  = `SELECT ` + settlementColumns + `, mac FROM settlement ORDER BY date`
	everyDiscrepancy = `SELECT ` + discrepancyColumns + `, mac, id, (SELECT count(*) FROM txn WHERE id = discrepancy.txn)
		FROM discrepancy ORDER BY id`
	everyResolution = `SELECT r.discrepancy, r.subject, r.resolution, r.why, r.who, r.line, r.at, r.mac, d.kind, d.subject
		FROM resolution r LEFT JOIN discrepancy d ON d.id = r.discrepancy ORDER BY r.discrepancy`
	everyPayout = `SELECT p.txn, p.state, p.date, p.amount, p.card_version, p.attempt, p.host_time, p.host_stan, p.code, p.at, p.mac,
		t.state, t.amount FROM payout p LEFT JOIN txn t ON t.id = p.txn ORDER BY p.txn`
	payoutMissing = `SELECT id FROM txn WHERE state IN (8, 9) AND NOT EXISTS (SELECT 1 FROM payout p WHERE p.txn = txn.id)
		AND EXISTS (SELECT 1 FROM step s WHERE s.txn = txn.id AND s.event = 'pay') ORDER BY id`
)

// settlements proves that what was decided about money after the payment is as it was written: every settlement, discrepancy,
// resolution and payout has its keyed hash, the worklist has no gap, its resolutions are permitted, and what is being paid out
// or was has one payout of its amount.
func (a *auditor) settlements(ctx context.Context) error {
	next := int64(0)
	for _, table := range [...]struct {
		text  string
		judge func(cells []any)
	}{
		{everySettlement, func(c []any) {
			a.settled = append(a.settled, acquirer.Date(number(c[0])))
			a.judgeSum(0, labelSettlement, c, 21, "settlement of %d", c[0])
		}},
		{everyDiscrepancy, func(c []any) { next = a.judgeDiscrepancy(c, next+1) }},
		{everyResolution, a.judgeResolution},
		{everyPayout, a.judgePayout},
		{payoutMissing, func(c []any) {
			a.broken(acquirer.ID(number(c[0])), 0, "it is paid out, or about to be, and its payout is missing")
		}},
	} {
		err := a.each(ctx, table.text, func(cells []any) error { table.judge(cells); return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// judgeSum compares the first n cells with the hash behind them.
func (a *auditor) judgeSum(id acquirer.ID, label string, cells []any, n int, format string, args ...any) {
	if mac := a.db.sums.cellsSum(label, cells[:n]); !bytes.Equal(mac[:], blob(cells[n])) {
		a.broken(id, 0, format+" was altered", args...)
	}
}

// judgeDiscrepancy returns the number that the next must follow.
func (a *auditor) judgeDiscrepancy(c []any, want int64) int64 {
	id, about := number(c[10]), acquirer.ID(number(c[3]))
	a.judgeSum(about, labelDiscrepancy, c, 9, "discrepancy %d", id)
	if id != want {
		a.broken(0, 0, "discrepancy %d is missing", want)
	}
	if about != 0 && number(c[11]) == 0 {
		a.broken(about, 0, "discrepancy %d is about a payment that is missing", id)
	}
	return id
}

func (a *auditor) judgeResolution(c []any) {
	a.judgeSum(0, labelResolution, c, 7, "the resolution of discrepancy %d", c[0])
	kind := text(c[8])
	if !acquirer.MayResolve(acquirer.DiscrepancyKind(kind), acquirer.Resolution(text(c[2]))) || text(c[1]) != text(c[9]) {
		a.broken(0, 0, "discrepancy %d (%s) was resolved as %s, which it may not, or another was", c[0], kind, text(c[2]))
	}
}

// payoutStates are the states of a payment that has a payout.
var payoutStates = []acquirer.State{acquirer.Paying, acquirer.Paid}

func (a *auditor) judgePayout(c []any) {
	id := acquirer.ID(number(c[0]))
	a.judgeSum(id, labelPayout, c, 10, "its payout")
	if c[11] == nil {
		a.broken(id, 0, "a payout stands without a payment")
		return
	}
	state := acquirer.State(number(c[11]))
	if !slices.Contains(payoutStates, state) {
		a.broken(id, 0, "%s with a payout", state)
	}
	if done := acquirer.PayoutState(number(c[1])) == acquirer.PayoutDone; done != (state == acquirer.Paid) {
		a.broken(id, 0, "%s, and its payout says otherwise", state)
	}
	if number(c[3]) != number(c[12]) {
		a.broken(id, 0, "a payout of %d fen for a payment of %d", number(c[3]), number(c[12]))
	}
}
