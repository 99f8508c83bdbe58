package emulator

import (
	"context"
	"errors"
	"fmt"

	"example.com/ringback/spec/pos"
)

// UndoRequest names a debit to undo. The zero value is the one that is owed.
type UndoRequest struct {
	STAN      string // six digits
	Batch     string // six digits; "": the current one
	AmountFen int64  // 0: that of the receipt, if it is still kept
}

// Undo sends the undo that is owed, or one for the debit the request names, and returns when the switch has
// acknowledged it: from then on the switch owns it. An undo that was asked for and not acknowledged is owed from then
// on. The cause ErrNothingOwed says that there was nothing to send.
func (t *Terminal) Undo(ctx context.Context, req UndoRequest) error {
	release, err := t.take(ctx)
	if err != nil {
		return failure(PhaseUndo, err)
	}
	defer release()
	if req == (UndoRequest{}) && t.state.Owed == nil {
		return failure(PhaseUndo, ErrNothingOwed)
	}
	o, err := t.owedFor(req) // before a sign-on makes another batch the current one
	if err != nil {
		return failure(PhaseUndo, err)
	}
	if err := t.ready(ctx); err != nil || req == (UndoRequest{}) {
		return plain(err)
	}
	if err := t.commit(func(s *state) { s.Owed = &o }); err != nil {
		return failure(PhaseUndo, err)
	}
	return plain(t.sendOwed(ctx))
}

// owedFor makes a reversal record from a request and the receipts; the zero request needs none.
func (t *Terminal) owedFor(req UndoRequest) (owed, error) {
	if req == (UndoRequest{}) {
		return owed{}, nil
	}
	o := owed{Batch: orDefault(req.Batch, t.batch()), STAN: req.STAN, AmountFen: req.AmountFen, EntryMode: "021", Reason: reasonOther}
	for _, r := range t.state.Receipts {
		if r.Batch == o.Batch && r.STAN == o.STAN {
			o.EntryMode = r.EntryMode
			o.AmountFen = orDefault(o.AmountFen, r.AmountFen)
		}
	}
	if !o.sound() {
		return o, fmt.Errorf("%w: no receipt for it is kept and the request is not whole", ErrNothingOwed)
	}
	return o, nil
}

// sendOwed sends the undo that is owed, if any. It ends without an error only when nothing is owed any more. An answer
// that cannot be believed, or wants a sign-on, is followed by a sign-on and one more attempt.
func (t *Terminal) sendOwed(ctx context.Context) *Error {
	if t.state.Owed == nil {
		return nil
	}
	again, err := t.sendOwedOnce(ctx)
	if !again || err == nil {
		return err
	}
	if err := t.signOn(ctx, t.cfg.SignOnKind); err != nil {
		return err
	}
	_, err = t.sendOwedOnce(ctx)
	return err
}

// sendOwedOnce sends one 0400. It carries batch and number of its debit, whatever sign-ons came between.
func (t *Terminal) sendOwedOnce(ctx context.Context) (again bool, e *Error) {
	o := *t.state.Owed
	m := t.paymentMessage(pos.MTIReversal, pos.KindDebit, o.Batch, o.EntryMode, o.AmountFen)
	m.Set(11, o.STAN)
	m.Set(39, string(o.Reason))
	a, err := t.transmit(ctx, m, t.mac(), func(s *state) { s.Owed.Attempts++ })
	if err != nil {
		return false, t.giveUp(&Error{Phase: PhaseUndo, Err: fmt.Errorf("%w: %w", ErrUndoOwed, err)})
	}
	if a.verified && (a.code == "00" || a.code == "12" || a.code == "25") {
		if err := t.commit(func(s *state) { s.markUndone(o); s.dropSlip(o); s.Owed = nil }); err != nil {
			return false, failure(PhaseUndo, err)
		}
		return false, nil
	}
	if !a.verified {
		return true, t.giveUp(&Error{Phase: PhaseUndo, Err: fmt.Errorf("%w: %w: F64", ErrUndoOwed, ErrBadAnswer)})
	}
	e = refusal(PhaseUndo, a)
	e.Err = ErrUndoOwed
	return a.refusesForSession(), t.giveUp(e)
}

// giveUp drops the undo if the terminal is one that counts attempts; else it returns what went wrong.
func (t *Terminal) giveUp(cause *Error) *Error {
	limit := t.cfg.DiscardUndoAfter
	if limit == 0 || t.state.Owed.Attempts < limit {
		return cause
	}
	if err := t.commit(func(s *state) { s.Owed = nil }); err != nil {
		return failure(PhaseUndo, err)
	}
	return nil
}

// keepOwed notes why the debit that is out must be undone. If even that cannot be stored, the record stands as it is,
// which serves too.
func (t *Terminal) keepOwed(why reason, cause error) error {
	return errors.Join(cause, t.commit(func(s *state) { s.Owed.Reason = why }))
}
