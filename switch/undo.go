package acquirer

import (
	"context"
	"errors"
	"time"
)

// UndoRequest is an authentic 0400. Key is its debit's: F11 and 60.2 are those of the debit.
type UndoRequest struct {
	Terminal *Terminal
	Batch    int
	STAN     STAN
	Amount   Fen
	Reason   ResponseCode // F39: 98, 96, A0 or 06
}

// Undo takes a debit back, or makes sure that it will never happen, and returns the row once that is durable. It has
// no refusal: an authentic 0400 is answered 00 in every state, for terminals take 12 and 25 for success and forget
// (reliability rule R10). An error is of kind [ErrStore], or the journal could not be read, and is not 00.
func (s *Switch) Undo(ctx context.Context, r UndoRequest) (*Transaction, error) {
	const op = "switch.Undo"
	ctx = context.WithoutCancel(ctx)
	key := TerminalKey{Merchant: r.Terminal.Merchant, Terminal: r.Terminal.ID, Batch: r.Batch, STAN: r.STAN}
	for {
		now := time.Now()
		key.Date = DateOf(now)
		t, err := s.Journal.Find(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound):
			t, err = s.openTombstone(ctx, key, r, now)
		case err == nil:
			t, err = s.undo(ctx, t, r, now)
		}
		switch {
		case err == nil:
			return t, nil
		case !errors.Is(err, ErrStale) && !errors.Is(err, ErrDuplicate):
			return nil, refuse(op, CodeMalfunction, s.checked(err))
		}
	}
}

// openTombstone leaves a mark for a debit never seen: if it arrives later, it is refused with 98.
func (s *Switch) openTombstone(ctx context.Context, key TerminalKey, r UndoRequest, now time.Time) (*Transaction, error) {
	t := &Transaction{State: Tombstone, Key: key, Amount: r.Amount, Opened: now, Answered: now, Code: CodeNoAnswer}
	if err := s.identify(t); err != nil {
		return nil, err
	}
	return t, s.open(ctx, t, EventUndo, "no such debit yet; reason "+string(r.Reason))
}

// undo moves a row that is there. ErrStale: it moved meanwhile, look again.
func (s *Switch) undo(ctx context.Context, t *Transaction, r UndoRequest, now time.Time) (*Transaction, error) {
	next := *t
	c := Change{At: now, Event: EventUndo, Detail: "reason " + string(r.Reason)}
	switch t.State {
	case Sent, Approved:
		if t.UndoWanted {
			return t, nil
		}
		if err := s.takeAway(t, &next, &c, r.Reason); err != nil {
			return nil, err
		}
	case Settled, Paying, Paid:
		if t.Exception != "" {
			return t, nil
		}
		c.Event, next.Exception = EventUndoLate, "undo after settlement: a refund is owed"
		if date, ok := SettlementDate(t.SettleDate, t.ID.Date()); ok {
			c.Discrepancy = aboutRow(UndoTooLate, date, t, t.Amount, "", next.Exception+"; reason "+string(r.Reason), now)
		}
	default: // Declined, Reversing, Reversed, Tombstone: nothing is left to undo
		return t, nil
	}
	if err := s.Journal.Move(ctx, t, &next, c); err != nil {
		return nil, err
	}
	s.saf.wake()
	return &next, nil
}

// takeAway writes into next and c that a debit at the host, or one that was approved, is to be undone, and that its answer
// is 98 from now on.
func (s *Switch) takeAway(t, next *Transaction, c *Change, reason ResponseCode) error {
	next.Code, next.Answered = CodeNoAnswer, c.At
	if t.State == Sent {
		next.UndoWanted = true
		return nil
	}
	next.State = Reversing
	c.Withdraw = NoticeDebited
	return s.owe(t, c, reason, true)
}
