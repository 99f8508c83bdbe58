package sim

import (
	"context"
	"time"

	acquirer "example.com/ringback/switch"
)

// wordTaken takes an approval for the terminal's word; with undone it forgets undos of what is approved, too.
type wordTaken struct {
	*Memory
	undone bool
}

func (j *wordTaken) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if j.undone && old.State == acquirer.Approved && next.State == acquirer.Reversing {
		return nil
	}
	next.Confirmed = next.Confirmed || next.State == acquirer.Approved
	return j.Memory.Move(ctx, old, next, c)
}

// listIgnored has a line for every debit, as if the host's list said what the journal says.
type listIgnored struct {
	acquirer.Ledger
	m *Memory
}

func (l *listIgnored) LinesOf(_ context.Context, from, to acquirer.ID) (out []acquirer.StagedLine, err error) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	for _, id := range l.m.order {
		if t := l.m.rows[id].txn; id >= from && id <= to && stands(t) {
			out = append(out, acquirer.StagedLine{Date: dateOfRow(&t), Number: int64(id), Kind: acquirer.LineDebit, Transaction: id, Amount: t.Amount})
		}
	}
	return out, nil
}

// paysFirst lets payouts begin at once and writes them later, unless the process dies.
type paysFirst struct {
	acquirer.Ledger
	l *coreLife
}

func (l *paysFirst) MoveAll(ctx context.Context, moves []acquirer.Move) error {
	var later []acquirer.Move
	for _, v := range moves {
		if v.Change.Event != acquirer.EventPay {
			return l.Ledger.MoveAll(ctx, moves)
		}
		next := *v.Next
		later = append(later, acquirer.Move{Old: v.Old, Next: &next, Change: v.Change})
		v.Next.Version = v.Old.Version + 1
	}
	go func() {
		if l.l.wait(2 * time.Second) {
			_ = l.Ledger.MoveAll(background(coreWorker), later) // an error ends the process by itself
		}
	}()
	return nil
}

// eveningCard knows only to whom a number leads now.
type eveningCard struct{ *Memory }

func (d *eveningCard) PayeeByRef(ctx context.Context, ref acquirer.PayeeRef) (*acquirer.Payee, error) {
	p, err := d.Memory.PayeeByRef(ctx, ref)
	if err != nil {
		return nil, err
	}
	return d.PayeeByNumber(ctx, p.Number)
}

func (d *eveningCard) PayeeByNumber(ctx context.Context, number acquirer.MSISDN) (*acquirer.Payee, error) {
	d.mu.Lock()
	ref := d.owners[number]
	d.mu.Unlock()
	return d.Memory.PayeeByRef(ctx, ref)
}

// tellsAgain writes the payee's notice with every word about a payout, and loses that there is one.
type tellsAgain struct{ *Memory }

func (j *tellsAgain) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if err := j.Memory.Move(ctx, old, next, c); err != nil || c.Event != acquirer.EventPaidOut {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.rows[old.ID]
	r.notices = append(r.notices, c.Notices...)
	return nil
}

// alwaysWhole tells the host that everything is agreed.
type alwaysWhole struct{ acquirer.Reconciler }

func (c *alwaysWhole) Reconcile(ctx context.Context, d acquirer.Date, t acquirer.SettlementTotals, _ bool) (acquirer.Reconciliation, error) {
	return c.Reconciler.Reconcile(ctx, d, t, true)
}
