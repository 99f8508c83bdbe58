package acquirer

import (
	"context"
	"errors"
	"sync"
	"time"
)

// What the history and the worklist say of a batch's debits.
const (
	exceptionListed   = "the terminal's batch lists it, and it does not stand"
	exceptionAtHost   = "the terminal's batch lists it before the host has answered"
	exceptionAmount   = "the terminal's batch lists it with another amount"
	exceptionCard     = "the terminal's batch lists it with another card"
	exceptionUnlisted = "the terminal's closed batch does not list it"
	exceptionUnsigned = "the terminal's closed batch, which was not signed, does not list it"
)

// finishBatch moves the debits of a batch whose terminal's word is complete, each by itself, and closes it. What was done
// before a crash is found done. Any other batch comes back as it is.
func (s *Switch) finishBatch(ctx context.Context, b *Batch) (*Batch, error) {
	const op = "switch.finishBatch"
	if b.State != BatchSettling {
		return b, nil
	}
	settle := s.settleUpload
	if b.Agreed() {
		settle = s.settleAgreed
	}
	err := settle(ctx, b)
	if err != nil {
		return nil, refuse(op, CodeMalfunction, s.checked(err))
	}
	b.State = BatchClosed
	err = s.checked(s.Batches.SaveBatch(ctx, b, false))
	if err != nil && !errors.Is(err, ErrStale) { // stale: somebody else finished it, as far as we did
		return nil, refuse(op, CodeMalfunction, err)
	}
	return b, nil
}

// recoverBatches finishes what a process before this one left.
func (s *Switch) recoverBatches(ctx context.Context) error {
	if s.Batches == nil {
		return nil
	}
	all, err := s.Batches.Unfinished(ctx)
	if err != nil {
		return err
	}
	for _, b := range all {
		if _, err := s.finishBatch(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// settleAgreed confirms the debits of a batch whose totals agreed. One that waits for the host was not counted: the
// terminal has no slip of it.
func (s *Switch) settleAgreed(ctx context.Context, b *Batch) error {
	var since time.Time
	if b.Whole {
		var err error
		if since, err = s.Batches.LastClosed(ctx, b.Key); err != nil {
			return err
		}
		if since.IsZero() { // none was closed: from the beginning
			since = time.UnixMicro(1)
		}
	}
	return s.eachDebit(ctx, b, since, func(t *Transaction, now time.Time) (*Transaction, Change, error) {
		switch {
		case t.Opened.After(b.At):
			return nil, Change{}, nil // a batch that is closed takes no debit: one of another number
		case t.State != Sent:
			return slipHeld(t, now)
		case t.Key.Batch == b.Key.Batch:
			return s.unlisted(t, b, now)
		}
		return nil, Change{}, nil
	})
}

// settleUpload moves what the upload lists and, of the batch's own debits, what it does not list.
func (s *Switch) settleUpload(ctx context.Context, b *Batch) error {
	lines, err := s.Batches.Lines(ctx, b)
	if err != nil {
		return err
	}
	verdicts := make(map[ID]LineVerdict, len(lines))
	ids := make([]ID, 0, len(lines))
	for _, l := range lines {
		if l.Transaction != 0 {
			verdicts[l.Transaction] = l.Verdict
			ids = append(ids, l.Transaction)
		}
	}
	err = s.moveAll(ctx, ids, func(t *Transaction, now time.Time) (*Transaction, Change, error) {
		return claimed(t, verdicts[t.ID], now)
	})
	if err != nil {
		return err
	}
	return s.eachDebit(ctx, b, time.Time{}, func(t *Transaction, now time.Time) (*Transaction, Change, error) {
		if _, is := verdicts[t.ID]; is {
			return nil, Change{}, nil
		}
		return s.unlisted(t, b, now)
	})
}

// mover says how a row is to be moved; a nil row: not at all.
type mover func(t *Transaction, now time.Time) (next *Transaction, c Change, err error)

// eachDebit applies d to the debits of a batch on every date, and with since to those opened later of any.
func (s *Switch) eachDebit(ctx context.Context, b *Batch, since time.Time, d mover) error {
	return batchDates(b.At, func(on Date) (bool, error) {
		ids, err := s.Batches.Debits(ctx, b.Key, on, since)
		if err != nil {
			return false, err
		}
		return true, s.moveAll(ctx, ids, d)
	})
}

// moveAll applies d to rows, batchMoves at a time: their writes share commits.
func (s *Switch) moveAll(ctx context.Context, ids []ID, d mover) error {
	for len(ids) > 0 {
		n := min(len(ids), batchMoves)
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i, id := range ids[:n] {
			wg.Go(func() { errs[i] = s.moveOne(ctx, id, d) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

func (s *Switch) moveOne(ctx context.Context, id ID, d mover) error {
	for {
		t, err := s.Journal.Get(ctx, id)
		if err != nil {
			return err
		}
		next, c, err := d(t, time.Now())
		if err != nil || next == nil {
			return err
		}
		err = s.Journal.Move(ctx, t, next, c)
		if !errors.Is(err, ErrStale) {
			s.saf.wake()
			return err
		}
	}
}

// slipHeld is what becomes of a debit of which the terminal says that it has the slip.
func slipHeld(t *Transaction, now time.Time) (*Transaction, Change, error) {
	next, c := *t, Change{At: now, Event: EventListed}
	switch t.State {
	case Approved:
		if t.Confirmed {
			return nil, c, nil
		}
		next.Confirmed = true
		return &next, c, nil
	case Sent:
		return excepted(t, c, exceptionAtHost)
	case Settled, Paying, Paid:
		return nil, c, nil
	}
	return excepted(t, c, exceptionListed)
}

// claimed is slipHeld for a line of an upload, which may differ from the debit.
func claimed(t *Transaction, v LineVerdict, now time.Time) (*Transaction, Change, error) {
	c := Change{At: now, Event: EventListed}
	switch v {
	case LineAmount:
		return excepted(t, c, exceptionAmount)
	case LineCard:
		return excepted(t, c, exceptionCard)
	}
	return slipHeld(t, now)
}

// unlisted is what becomes of a debit that the terminal's closed batch does not list: the terminal has no slip of it. A
// word without F64 takes no money back, for anybody on the line may have said it.
func (s *Switch) unlisted(t *Transaction, b *Batch, now time.Time) (*Transaction, Change, error) {
	next, c := *t, Change{At: now, Event: EventUnlisted}
	switch {
	case t.State >= Settled:
		return excepted(t, c, exceptionUnlisted)
	case t.State != Sent && t.State != Approved:
		return nil, c, nil
	case !b.Signed:
		return excepted(t, c, exceptionUnsigned)
	case t.State == Sent && t.UndoWanted:
		return nil, c, nil
	}
	err := s.takeAway(t, &next, &c, CodeNoAnswer)
	return &next, c, err
}

// excepted puts a row on the worklist, if it is not there for another reason.
func excepted(t *Transaction, c Change, why string) (*Transaction, Change, error) {
	if t.Exception != "" {
		return nil, c, nil
	}
	next := *t
	next.Exception, c.Detail = why, why
	return &next, c, nil
}
