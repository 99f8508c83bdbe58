package acquirer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// reconcile sends the totals of the date (0520) and keeps the host's word. A word that was given on these totals is not asked
// for again.
func (r *settling) reconcile(ctx context.Context) error {
	if r.st.Balance != NotTold {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, r.Limits.HostTimeout)
	a, err := r.Settlement.Centre.Reconcile(wait, r.st.Date, r.st.Ours, r.st.Whole)
	cancel()
	if err != nil {
		return fmt.Errorf("sending the totals: %w", err)
	}
	if a.Balance == NoBalance {
		return fmt.Errorf("the host could not judge the totals: its answer is %q", a.Code)
	}
	r.say("totals: %s", a.Balance.Text())
	return r.save(ctx, func(st *SettlementDay) {
		st.Stage, st.Balance = SettlementTold, a.Balance
		if a.Totals != nil {
			st.Theirs = *a.Totals
		}
	})
}

// startPayouts gives every settled debit of the date its payout. From then on it may be paid. held: one could not be given its own,
// since an undo has come for it meanwhile; the host must not be told that it may pay all.
func (r *settling) startPayouts(ctx context.Context) (held bool, err error) {
	var writes writing
	var stale atomic.Bool // a row moved on before its payout was written
	err = r.eachRow(ctx, func(page []*Transaction) error {
		var begun moves
		for _, t := range page {
			if t.State != Settled || !r.ownDate(t) {
				continue
			}
			if t.Exception != "" {
				held = true
				continue
			}
			next := t.copied()
			next.State = Paying
			p := &PayoutRecord{Transaction: t.ID, State: PayoutOwed, Date: r.st.Date, Amount: t.Amount, CardVersion: t.Payee.CardVersion,
				Attempt: 1, At: time.Now()}
			begun.add(t, next, Change{Event: EventPay, Detail: "to the card bound at name-confirm", Payout: p})
		}
		return writes.start(func() error {
			err := r.moveAll(ctx, &begun)
			if err == nil && slices.ContainsFunc(begun.all, func(m Move) bool { return m.Next.Version == m.Old.Version }) {
				stale.Store(true)
			}
			return err
		})
	})
	err = errors.Join(err, writes.wait())
	return held || stale.Load(), err
}

// orderAll pays what is settled though the date is not whole, where single payouts can be ordered.
func (r *settling) orderAll(ctx context.Context) error {
	if r.Settlement.Orders == nil {
		return nil
	}
	if _, err := r.startPayouts(ctx); err != nil {
		return err
	}
	return r.order(ctx)
}

// order orders, one by one, what the host does not pay on its own word: when the date is not whole, or not in balance, and what is
// to be paid again.
func (r *settling) order(ctx context.Context) error {
	byItself := r.st.Whole && r.st.Balance == InBalance
	orders := 0
	err := r.eachRow(ctx, func(page []*Transaction) error {
		for _, t := range page {
			if t.State != Paying || t.Exception != "" || !r.ownDate(t) {
				continue
			}
			p, err := r.ledger.Payout(ctx, t.ID)
			if err != nil {
				return fmt.Errorf("reading the payout of %s: %w", t.RRN(), err)
			}
			if p.State != PayoutOwed || byItself && p.Attempt == 1 && p.Host == (HostKey{}) {
				continue
			}
			if err := r.orderOne(ctx, t, p); err != nil {
				return err
			}
			orders++
		}
		return nil
	})
	if orders > 0 {
		r.say("%d payouts ordered one by one", orders)
	}
	return err
}

// orderOne sends an order whose key is durable: a repeat after a crash has the same and is paid once. The host's silence leaves it
// owed, to be sent again by the next run.
func (r *settling) orderOne(ctx context.Context, t *Transaction, p *PayoutRecord) error {
	payee, err := r.Directory.PayeeByRef(ctx, PayeeRef{ID: t.Payee.ID, CardVersion: p.CardVersion})
	if err != nil {
		return fmt.Errorf("reading the card of %s: %w", t.RRN(), err)
	}
	if p.Host == (HostKey{}) {
		if t, err = r.keyed(ctx, t, p); err != nil || t == nil {
			return err
		}
	}
	wait, cancel := context.WithTimeout(ctx, r.Limits.HostTimeout)
	code, err := r.Settlement.Orders.PayOut(wait, PayoutOrder{Transaction: t, Date: r.st.Date, Host: p.Host, Card: payee.Card, Name: payee.Name})
	cancel()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("ordering the payout of %s: %w", t.RRN(), err)
	case code.Unknown():
		return nil
	case code != CodeApproved:
		return ignoreStale(r.notPaid(ctx, t, p, code))
	}
	p.State, p.Code, p.At = PayoutTaken, code, time.Now()
	return r.move(ctx, t, t.copied(), Change{Event: EventPay, Detail: "the host has taken the order", Payout: p})
}

// keyed gives an order its key. nil: the row has moved on, and nothing is to be sent.
func (r *settling) keyed(ctx context.Context, t *Transaction, p *PayoutRecord) (*Transaction, error) {
	now := time.Now()
	id, err := r.Journal.NewID(now)
	if err != nil {
		return nil, err
	}
	p.Host, p.At = HostKey{Time: HostTime(now), STAN: id.STAN()}, now
	next := t.copied()
	if err := r.move(ctx, t, next, Change{Event: EventPay, Detail: fmt.Sprintf("order %d", p.Attempt), Payout: p}); err != nil {
		return nil, err
	}
	if next.Version == t.Version {
		return nil, nil
	}
	return next, nil
}

func ignoreStale(err error) error {
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// notPaid writes that a card could not be credited: a person must look, and the payee is asked for another card. [ErrStale]: the
// row has moved on.
func (s *Switch) notPaid(ctx context.Context, t *Transaction, p *PayoutRecord, code ResponseCode) error {
	now := time.Now()
	failed := *p
	failed.State, failed.Code, failed.At = PayoutFailed, code, now
	why := fmt.Sprintf("the payee could not be paid: host answered %s", code)
	next := t.copied()
	if next.Exception == "" {
		next.Exception = string(PayoutRefused) + ": " + why
	}
	return s.Journal.Move(ctx, t, next, Change{At: now, Event: EventNotPaid, Detail: why, Payout: &failed,
		Discrepancy: aboutRow(PayoutRefused, p.Date, t, t.Amount, fmt.Sprintf("/%d", p.Attempt), why, now),
		Notices:     askAnother(t, p, code, now)})
}

// askAnother asks the payee for another card, once for each card that was tried and that its bank did not credit. A host that
// refuses for another reason, which no card mends, leaves the payee alone.
func askAnother(t *Transaction, p *PayoutRecord, code ResponseCode, now time.Time) []Notice {
	switch code {
	case CodeInvalid, CodeBadAmount, CodeNoOriginal, CodeFormat, CodeNotContracted, CodeNotSupported, CodeOriginal, CodeSignOn, CodeUnreachable:
		return nil
	}
	return []Notice{{Transaction: t.ID, Kind: NoticeNewCard, Copy: p.Attempt - 1, Created: now}}
}

// PaidOut implements [Settlement]: it takes the host's word on a payout (0220). With 00 the word is durable, or was before; an
// error means no answer, and the host says it again. Nothing that the host says of money is dropped: what was not
// ordered, or not so, is on the worklist.
func (s *Switch) PaidOut(ctx context.Context, a Payout) (ResponseCode, error) {
	ctx = context.WithoutCancel(ctx)
	for {
		err := s.paidOut(ctx, a)
		switch {
		case err == nil:
			return CodeApproved, nil
		case !errors.Is(err, ErrStale):
			return "", s.checked(err)
		}
	}
}

// paidOut is PaidOut for a row as it is now. ErrStale: it moved meanwhile.
func (s *Switch) paidOut(ctx context.Context, a Payout) error {
	now := time.Now()
	id, err := a.RRN.ID(now)
	var t *Transaction
	if err == nil {
		t, err = s.Journal.Get(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("reading the debit of a payout: %w", err)
		}
	}
	if err != nil {
		return s.strange(ctx, a, "no such debit", now)
	}
	wrong, p, err := s.matches(ctx, t, a)
	switch {
	case err != nil:
		return err
	case wrong != "":
		return s.unexpected(ctx, t, a, wrong, now)
	case t.State == Paid && a.paid(), t.State == Paying && !a.paid() && p.State == PayoutFailed:
		return nil // said before
	case t.State == Paid:
		return s.unexpected(ctx, t, a, "the host says that it could not pay what it has paid", now)
	case !a.paid():
		return s.notPaid(ctx, t, p, a.Code)
	}
	done := *p
	done.State, done.Code, done.At = PayoutDone, CodeApproved, now
	next := t.copied()
	next.State = Paid
	return s.Journal.Move(ctx, t, next, Change{At: now, Event: EventPaidOut, Payout: &done,
		Notices: []Notice{{Transaction: t.ID, Kind: NoticePaidOut, Created: now}}})
}

// matches compares an advice with the payout that was started. wrong: in what it differs, for people.
func (s *Switch) matches(ctx context.Context, t *Transaction, a Payout) (wrong string, p *PayoutRecord, err error) {
	if t.State != Paying && t.State != Paid {
		return "a payout of what is " + t.State.String() + " here", nil, nil
	}
	if p, err = s.Settlement.Ledger.Payout(ctx, t.ID); err != nil {
		return "", nil, fmt.Errorf("reading the payout of %s: %w", t.RRN(), err)
	}
	payee, err := s.Directory.PayeeByRef(ctx, PayeeRef{ID: t.Payee.ID, CardVersion: p.CardVersion})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", nil, fmt.Errorf("reading the payee of %s: %w", t.RRN(), err)
	}
	switch {
	case a.Amount != t.Amount:
		return fmt.Sprintf("a payout of %s for a debit of %s", a.Amount, t.Amount), p, nil
	case a.Debit != (HostKey{}) && a.Debit != t.Host:
		return "a payout that names another original debit", p, nil
	case a.Card != (PAN{}) && payee != nil && a.Card != payee.Card:
		return "a payout to another card than was ordered", p, nil
	case p.State == PayoutClosed && a.paid():
		return "a payout of what nobody was to be paid any more", p, nil
	}
	return "", p, nil
}

// unexpected keeps an advice that does not fit as evidence.
func (s *Switch) unexpected(ctx context.Context, t *Transaction, a Payout, why string, now time.Time) error {
	d := aboutRow(PayoutUnknown, a.Date, t, a.Amount, "/"+string(a.Code), why, now)
	there, err := s.Settlement.Ledger.DiscrepanciesOf(ctx, t.ID)
	if err != nil {
		return fmt.Errorf("reading the worklist: %w", err)
	}
	for _, o := range there {
		if o.Kind == d.Kind && o.Date == d.Date && o.Subject == d.Subject {
			return nil
		}
	}
	next := t.copied()
	if next.Exception == "" && MayMove(t.State, t.State) {
		next.Exception = string(PayoutUnknown) + ": " + why
	}
	return s.Journal.Move(ctx, t, next, Change{At: now, Event: EventDisputed, Detail: why, Discrepancy: d})
}

// strange keeps an advice about no debit of ours.
func (s *Switch) strange(ctx context.Context, a Payout, why string, now time.Time) error {
	return s.Settlement.Ledger.OpenDiscrepancy(ctx, &Discrepancy{Kind: PayoutUnknown, Date: a.Date,
		Subject: fmt.Sprintf("%s/%s/%s", a.RRN, a.Debit.Time, a.Debit.STAN), RRN: a.RRN, Theirs: a.Amount, Opened: now, Why: why})
}
