package acquirer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Worklist closes discrepancies for people. It needs no [Switch] and works beside one.
type Worklist struct {
	Journal Journal
	Ledger  Ledger
	Payees  interface {
		// Payee returns a payee with the card bound now, as in [Registry].
		Payee(ctx context.Context, id PayeeID) (*Payee, error)
	}
}

// Errors of [Worklist.Resolve]. Nothing was written.
var (
	ErrResolved    = errors.New("it is resolved already")
	ErrResolution  = errors.New("that is no resolution for this kind of discrepancy")
	ErrNotPayable  = errors.New("the payee cannot be paid now")
	ErrUnexplained = errors.New("the worklist wants to know why")
)

// Resolve closes a discrepancy in one transaction with what follows from it: a debit that is cleared may go on to payout with the
// next run of its date; one that is not keeps its exception for ever, and nobody is paid for it. It adds to history and changes
// none. [ErrNotFound]: there is no such discrepancy.
func (w Worklist) Resolve(ctx context.Context, c Resolved) error {
	for {
		d, err := w.Ledger.Discrepancy(ctx, c.Discrepancy)
		switch {
		case err != nil:
			return err
		case d.Closed != nil:
			return ErrResolved
		case !MayResolve(d.Kind, c.As):
			return ErrResolution
		case c.Why == "":
			return ErrUnexplained
		}
		c.Subject, c.At = d.Subject, time.Now()
		if d.Transaction == 0 {
			err = w.Ledger.Resolve(ctx, c)
		} else {
			err = w.resolveRow(ctx, d, c)
		}
		if !errors.Is(err, ErrStale) {
			return err
		}
	}
}

// resolveRow closes a discrepancy of a transaction. ErrStale: the row moved meanwhile.
func (w Worklist) resolveRow(ctx context.Context, d *Discrepancy, c Resolved) error {
	t, err := w.Journal.Get(ctx, d.Transaction)
	if err != nil {
		return fmt.Errorf("reading %s: %w", d.RRN, err)
	}
	next := t.copied()
	change := Change{At: c.At, Event: EventResolved, Detail: string(c.As), Resolved: &c}
	next.Exception, err = w.exception(ctx, t, d, c)
	if err != nil {
		return err
	}
	if d.Kind == PayoutRefused {
		if change.Payout, err = w.payout(ctx, t, c); err != nil {
			return err
		}
	}
	return w.Journal.Move(ctx, t, next, change)
}

// exception is what stays of a row's exception: none when this was the last discrepancy and all of them cleared it.
func (w Worklist) exception(ctx context.Context, t *Transaction, d *Discrepancy, c Resolved) (string, error) {
	if !c.As.clears() {
		return "closed: " + string(c.As), nil
	}
	all, err := w.Ledger.DiscrepanciesOf(ctx, t.ID)
	if err != nil {
		return "", fmt.Errorf("reading the worklist: %w", err)
	}
	for _, o := range all {
		if o.ID != d.ID && (o.Closed == nil || !o.Closed.As.clears()) {
			return t.Exception, nil
		}
	}
	return "", nil
}

// payout is what becomes of a payout that was refused.
func (w Worklist) payout(ctx context.Context, t *Transaction, c Resolved) (*PayoutRecord, error) {
	p, err := w.Ledger.Payout(ctx, t.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the payout: %w", err)
	}
	if p.State != PayoutFailed {
		return nil, ErrResolved
	}
	p.At = c.At
	if c.As != PayAgain {
		p.State = PayoutClosed
		return p, nil
	}
	payee, err := w.Payees.Payee(ctx, t.Payee.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the payee: %w", err)
	}
	if payee.Status != PayeeActive {
		return nil, fmt.Errorf("%w: %s", ErrNotPayable, payee.Status)
	}
	p.State, p.CardVersion, p.Attempt, p.Host, p.Code = PayoutOwed, payee.Ref.CardVersion, p.Attempt+1, HostKey{}, ""
	return p, nil
}
