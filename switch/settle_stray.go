package acquirer

import (
	"context"
	"fmt"
	"time"
)

// openStrays puts on the worklist what terminals listed and nobody here knows, of the batches of the date and of those before it
// that may have been closed since an earlier run. A stray belongs to the date of its batch, so that each is there once.
func (r *settling) openStrays(ctx context.Context) error {
	if r.Batches == nil {
		return nil
	}
	for back := range BatchDates {
		on := DateOf(r.st.Date.Time().AddDate(0, 0, -back))
		strays, err := r.Batches.Strays(ctx, on, maxStrays)
		if err != nil {
			return fmt.Errorf("reading what batches of %d list: %w", on, err)
		}
		for _, s := range strays {
			if err := r.ledger.OpenDiscrepancy(ctx, s.discrepancy(on, time.Now())); err != nil {
				return fmt.Errorf("opening a discrepancy: %w", err)
			}
		}
	}
	return nil
}

// discrepancy is the stray as the worklist has it: somebody may hold a slip of what was never paid.
func (s Stray) discrepancy(on Date, now time.Time) *Discrepancy {
	k := s.Batch
	return &Discrepancy{Kind: BatchDiffers, Date: on, Subject: fmt.Sprintf("%s/%s/%d/%d", k.Merchant, k.Terminal, k.Batch, s.STAN),
		Theirs: s.Amount, Opened: now,
		Why: fmt.Sprintf("terminal %s of %s lists number %s in batch %d, and there is no such debit", k.Terminal, k.Merchant, s.STAN, k.Batch)}
}
