package acquirer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Recover turns every debit found Sent into one that is undone: the answer it waited for died with the process that
// sent it (DESIGN section 4, rule 2). Its reversal is queued now and sent at the debit's deadline, for the debit may
// still be on its way. Then it finishes the batches that were being closed. It must return nil before a listener opens; it returns how many it found.
func (s *Switch) Recover(ctx context.Context) (int, error) {
	if err := s.pullForward(ctx); err != nil {
		return 0, err
	}
	found := 0
	for after := ID(0); ; {
		page, err := s.Journal.InState(ctx, Sent, after, pageSize)
		if err != nil {
			return found, fmt.Errorf("reading open debits: %w", err)
		}
		for _, t := range page {
			if err := s.abandon(ctx, t, EventRestart); err != nil {
				return found, fmt.Errorf("taking up %s: %w", t.RRN(), err)
			}
			after = t.ID
			found++
		}
		if len(page) < pageSize {
			return found, s.recoverBatches(ctx)
		}
	}
}

// runOverdue looks for debits that stayed Sent long after their deadline, and has them undone, until ctx ends. Whoever
// waits for a debit moves it at its deadline; one that stays is of a node that died, or of a flow that panicked.
func (s *Switch) runOverdue(ctx context.Context) error {
	for sleep(ctx, overdueEvery) == nil {
		page, err := s.Journal.InState(ctx, Sent, 0, pageSize)
		if err != nil {
			return endOf(ctx, fmt.Errorf("reading open debits: %w", err))
		}
		for _, t := range page {
			if time.Since(t.Deadline) < overdueGrace {
				continue
			}
			if err := s.abandon(context.WithoutCancel(ctx), t, EventOverdue); err != nil {
				return fmt.Errorf("taking up %s: %w", t.RRN(), err)
			}
			s.saf.wake()
		}
	}
	return nil
}

// abandon moves one debit from Sent to Reversing.
func (s *Switch) abandon(ctx context.Context, t *Transaction, cause Event) error {
	now := time.Now()
	next := *t
	next.State = Reversing
	if next.Code == "" {
		next.Code, next.Answered = CodeNoAnswer, now
	}
	c := Change{At: now, Event: cause}
	if err := s.owe(t, &c, CodeNoAnswer, false); err != nil {
		return err
	}
	err := s.Journal.Move(ctx, t, &next, c)
	if errors.Is(err, ErrStale) {
		return nil // somebody else took it up
	}
	return err
}
