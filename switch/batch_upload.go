package acquirer

import (
	"context"
	"errors"
	"time"
)

// UploadRequest is a piece of a terminal's batch upload (0320).
type UploadRequest struct {
	Terminal *Terminal
	Batch    int
	Lines    []BatchLine
	Signed   bool
}

// UploadBatch takes details of a batch whose totals did not agree. They count when [Switch.EndBatch] says that they are
// whole. Details of a batch that is closed are taken and change nothing. Errors, by F39: 95 no totals of this batch were
// refused before, or it has more than [MaxBatchLines], 96 the journal could not be read.
func (s *Switch) UploadBatch(ctx context.Context, r UploadRequest) error {
	const op = "switch.UploadBatch"
	ctx = context.WithoutCancel(ctx)
	b, err := s.uploading(ctx, op, r.Terminal, r.Batch)
	if err != nil || b.State != BatchUploading {
		return err
	}
	have, err := s.Batches.CountLines(ctx, b)
	if err != nil {
		return refuse(op, CodeMalfunction, err)
	}
	if have+len(r.Lines) > MaxBatchLines {
		return refuse(op, CodeReconcile, errors.New("more details than a batch may have"))
	}
	lines, err := s.matchLines(ctx, b, r.Lines)
	if err == nil && b.Signed && !r.Signed {
		b.Signed = false
		err = s.Batches.SaveBatch(ctx, b, false)
	}
	if err == nil {
		err = s.Batches.AddLines(ctx, b, lines)
	}
	if err != nil {
		return refuse(op, CodeMalfunction, s.checked(err))
	}
	return nil
}

// EndRequest is the end of a terminal's batch upload (0320 with 60.3 = 202 or 207).
type EndRequest struct {
	Terminal *Terminal
	Batch    int
	Count    int  // of the details, as the terminal says
	Even     bool // 207: it takes the totals for agreed
	Signed   bool
}

// EndBatch closes a batch by what its upload lists: what it lists and we approved is Confirmed; what it lists and we did
// not approve goes to the worklist; what stands and is not listed is undone, or, when a part of the upload came without
// F64 or the debit is settled, goes to the worklist. All of that is durable when EndBatch returns. The end of a closed batch
// changes nothing. Errors, by F39: 95 the count is not that of the details here, or the totals did not agree and the
// terminal says that they did: nothing is touched, and the terminal begins anew; 96 as above.
func (s *Switch) EndBatch(ctx context.Context, r EndRequest) error {
	const op = "switch.EndBatch"
	ctx = context.WithoutCancel(ctx)
	b, err := s.uploading(ctx, op, r.Terminal, r.Batch)
	if err != nil {
		return err
	}
	if b.State == BatchUploading {
		have, err := s.Batches.CountLines(ctx, b)
		switch {
		case err != nil:
			return refuse(op, CodeMalfunction, err)
		case have != r.Count || r.Even:
			return refuse(op, CodeReconcile, errors.New("the end is not that of the details before it"))
		}
		b.State, b.Closed, b.Signed = BatchSettling, time.Now(), b.Signed && r.Signed
		if err := s.checked(s.Batches.SaveBatch(ctx, b, false)); err != nil {
			return refuse(op, CodeMalfunction, err)
		}
	}
	_, err = s.finishBatch(ctx, b)
	return err
}

// uploading returns the batch that an upload is of.
func (s *Switch) uploading(ctx context.Context, op string, t *Terminal, batch int) (*Batch, error) {
	key := BatchKey{Merchant: t.Merchant, Terminal: t.ID, Batch: batch}
	b, err := s.Batches.Batch(ctx, key, oldestBatchDate(time.Now()))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, refuse(op, CodeReconcile, errors.New("no totals of the batch came before"))
	case err != nil:
		return nil, refuse(op, CodeMalfunction, err)
	}
	return b, nil
}

// matchLines looks for the debits of lines.
func (s *Switch) matchLines(ctx context.Context, b *Batch, lines []BatchLine) ([]ListedLine, error) {
	since, err := s.Batches.LastClosed(ctx, b.Key)
	if err != nil {
		return nil, err
	}
	out := make([]ListedLine, len(lines))
	for i, line := range lines {
		t, err := s.debitOf(ctx, b, line.STAN, since)
		if err != nil {
			return nil, err
		}
		out[i] = judgeLine(line, t)
	}
	return out, nil
}

// debitOf returns the debit of a line: of the batch itself, else of one that was not closed before; nil: there is none.
func (s *Switch) debitOf(ctx context.Context, b *Batch, stan STAN, since time.Time) (found *Transaction, err error) {
	err = batchDates(b.At, func(on Date) (bool, error) {
		ids, err := s.Batches.DebitsByTrace(ctx, b.Key, on, stan)
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			t, err := s.Journal.Get(ctx, id)
			if err != nil {
				return false, err
			}
			if t.Key.Batch == b.Key.Batch {
				found = t
				return false, nil
			}
			if found == nil && t.Opened.After(since) {
				found = t
			}
		}
		return true, nil
	})
	return found, err
}

// judgeLine compares a line with its debit, which may be nil.
func judgeLine(line BatchLine, t *Transaction) ListedLine {
	out := ListedLine{STAN: line.STAN, Amount: line.Amount, Verdict: LineUnknown}
	if t == nil {
		return out
	}
	out.Transaction = t.ID
	switch {
	case t.Amount != line.Amount:
		out.Verdict = LineAmount
	case t.State != Tombstone && t.Card != line.Card:
		out.Verdict = LineCard
	default:
		out.Verdict = LineKnown
	}
	return out
}
