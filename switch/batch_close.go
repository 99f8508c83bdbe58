package acquirer

import (
	"context"
	"errors"
	"time"
)

// CloseRequest is a terminal's batch totals (0500).
type CloseRequest struct {
	Terminal          *Terminal
	Batch             int
	STAN              STAN
	Domestic, Foreign BatchTotals
	Signed            bool      // F64 was there, and right
	Received          time.Time // as in [DebitRequest]
}

// CloseBatch compares a terminal's totals with the journal. Where they agree the batch is closed and its standing debits
// are Confirmed when CloseBatch returns; else the terminal must upload its details. The same 0500 again gets the same
// record, also after a restart or another sign-on. Closed stays closed: other totals for it do not agree, and change nothing,
// unless they are signed and what closed it was not.
//
// A sign-on gives a new number whether the batch before was closed or not, so the totals may be those of the number alone
// or those of all debits since the terminal last closed a batch: either agrees.
//
// Errors, by F39: 77 the batch is not the session's, 96 the journal could not be read.
func (s *Switch) CloseBatch(ctx context.Context, r CloseRequest) (*Batch, error) {
	const op = "switch.CloseBatch"
	ctx = context.WithoutCancel(ctx)
	now := time.Now()
	key := BatchKey{Merchant: r.Terminal.Merchant, Terminal: r.Terminal.ID, Batch: r.Batch}
	b, err := s.Batches.Batch(ctx, key, oldestBatchDate(now))
	switch {
	case errors.Is(err, ErrNotFound):
		b = &Batch{Key: key, Date: DateOf(now)}
	case err != nil:
		return nil, refuse(op, CodeMalfunction, s.checked(err))
	case b.outweighedBy(r):
	case b.repeats(r):
		return s.finishBatch(ctx, b)
	case b.State != BatchUploading:
		return b.contradicted(r, now), nil
	}
	if err := s.CheckBatch(r.Terminal, r.Batch); err != nil {
		return nil, err
	}
	if r.Signed {
		s.hear(r.Terminal.ID, r.Received)
	}
	if err := s.compareTotals(ctx, b, r, now); err != nil {
		return nil, refuse(op, CodeMalfunction, s.checked(err))
	}
	if err := s.checked(s.Batches.SaveBatch(ctx, b, true)); err != nil {
		return nil, refuse(op, CodeMalfunction, err)
	}
	return s.finishBatch(ctx, b)
}

// outweighedBy reports whether r is to be heard anew: somebody on the line may have said the word before it.
func (b *Batch) outweighedBy(r CloseRequest) bool {
	return r.Signed && !b.Signed && !b.Agreed() && b.State != BatchSettling
}

// repeats reports whether r is the 0500 that b has answered. A closed batch is told by its totals alone: the terminal may
// ask with a new trace number.
func (b *Batch) repeats(r CloseRequest) bool {
	return b.Domestic == r.Domestic && b.Foreign == r.Foreign && (b.State != BatchUploading || b.STAN == r.STAN)
}

// contradicted is the answer to other totals of a batch that is closed.
func (b *Batch) contradicted(r CloseRequest, now time.Time) *Batch {
	n := *b
	n.STAN, n.Domestic, n.Foreign, n.At = r.STAN, r.Domestic, r.Foreign, now
	n.DomesticAgrees, n.ForeignAgrees = false, r.Foreign == (BatchTotals{})
	return &n
}

// compareTotals writes the terminal's totals and the verdict into b.
func (s *Switch) compareTotals(ctx context.Context, b *Batch, r CloseRequest, now time.Time) error {
	since, err := s.Batches.LastClosed(ctx, b.Key)
	if err != nil {
		return err
	}
	var own, all BatchSum
	err = batchDates(now, func(on Date) (bool, error) {
		ofBatch, ofAll, err := s.Batches.SumDebits(ctx, b.Key, on, since)
		own, all = own.plus(ofBatch), all.plus(ofAll)
		return true, err
	})
	if err != nil {
		return err
	}
	b.STAN, b.Domestic, b.Foreign = r.STAN, r.Domestic, r.Foreign
	b.Signed, b.At, b.Reference = r.Signed, now, s.Reference(now)
	b.judgeTotals(own, all)
	b.State, b.Closed = BatchUploading, time.Time{}
	if b.Agreed() {
		b.State, b.Closed = BatchSettling, now
	}
	return nil
}

// judgeTotals decides. Which class a card is of the terminal alone knows: the two classes are compared together.
func (b *Batch) judgeTotals(own, all BatchSum) {
	said := b.Domestic.Debits.plus(b.Foreign.Debits)
	b.Whole = said != own && said == all
	b.Ours = own
	if b.Whole {
		b.Ours = all
	}
	agrees := said == b.Ours && b.Domestic.Credits == (BatchSum{}) && b.Foreign.Credits == (BatchSum{})
	b.DomesticAgrees = agrees
	b.ForeignAgrees = agrees || b.Foreign == (BatchTotals{})
}
