package acquirer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var _ Settlement = (*Switch)(nil)

// CutOff implements [Settlement]. Each debit belongs to the date in F15 of its answer, so that a cut-off moves none. That the host
// has ended a date is noted, so that it is not asked to do so again.
func (s *Switch) CutOff(ctx context.Context, date Date, phase CutOffPhase) error {
	l := s.Settlement.Ledger
	if l == nil || phase != CutOffEnds {
		return nil
	}
	ended := date.Before()
	for {
		st, err := l.Settlement(ctx, ended)
		if errors.Is(err, ErrNotFound) {
			st, err = &SettlementDay{Date: ended, Stage: SettlementWanted}, nil
		}
		if err != nil {
			return fmt.Errorf("reading the settlement of %d: %w", ended, err)
		}
		if st.Stage >= SettlementClosed {
			return nil
		}
		st.Stage, st.CutOff = SettlementClosed, "by the host"
		if s.Settlement.Automatic {
			st.Asked = time.Now()
		}
		if err = l.SaveSettlement(ctx, st); !errors.Is(err, ErrStale) {
			return s.checked(err)
		}
	}
}

// Clearing takes the host's detail file of a date over, page by page; what is staged is not read again after a restart. A file with
// other bytes than the one that is there is the host's correction and takes its place. A settlement that was asked for goes on.
func (s *Switch) Clearing(ctx context.Context, f ClearingFile) error {
	select {
	case s.books <- struct{}{}:
		defer func() { <-s.books }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l := s.Settlement.Ledger
	st, err := l.Settlement(ctx, f.Date)
	if errors.Is(err, ErrNotFound) {
		st = &SettlementDay{Date: f.Date, Stage: SettlementWanted}
		err = s.checked(l.SaveSettlement(ctx, st))
	}
	if err != nil {
		return fmt.Errorf("beginning the settlement of %d: %w", f.Date, err)
	}
	r := &settling{Switch: s, ledger: l, st: st}
	same := st.File != "" && st.Hash == f.Hash
	if same && st.Staged {
		return nil
	}
	if !same {
		err = r.write(ctx, func(st *SettlementDay) {
			st.File, st.Hash, st.Lines, st.Staged, st.Balance = f.Name, f.Hash, 0, false, NotTold
		}, l.DropLines)
		if err != nil {
			return s.checked(err)
		}
	}
	if err := r.stage(ctx, f); err != nil {
		return s.checked(err)
	}
	return s.checked(r.save(ctx, func(st *SettlementDay) {
		st.Staged, st.Theirs = true, f.Totals
		if !st.Asked.IsZero() { // it waits for the file, or was compared with another one
			st.Asked = time.Now()
		}
	}))
}

// awaits reports whether the date needs a file that is not there: on a date on which nothing happened the host writes none.
func (r *settling) awaits(ctx context.Context) (bool, error) {
	if r.st.Staged {
		return false, nil
	}
	rows, err := r.ledger.RowsOf(ctx, r.st.Date, 0, 1)
	if err != nil {
		return false, fmt.Errorf("reading the debits of the date: %w", err)
	}
	return len(rows) > 0, nil
}

// numbered is a line with its number in the file, from 1.
type numbered struct {
	ClearingLine
	number int64
	kind   LineKind
}

// stage reads on behind the lines that are staged, and finds the debits of a page while the page before is written.
func (r *settling) stage(ctx context.Context, f ClearingFile) error {
	var writes writing
	err := r.stagePages(ctx, f, *r.st, &writes)
	return errors.Join(err, writes.wait())
}

// stagePages is stage but for the last write; st is the row as it was before the first.
func (r *settling) stagePages(ctx context.Context, f ClearingFile, st SettlementDay, writes *writing) error {
	var page []numbered
	n := int64(0)
	for line, err := range f.Lines {
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if n++; n > st.Lines {
			page = append(page, numbered{line, n, line.kind()})
		}
		if len(page) < settlePage && n < f.Count || len(page) == 0 {
			continue
		}
		staged, err := r.stagePage(ctx, page, &st)
		if err == nil {
			err = writes.start(func() error { return r.writePage(ctx, f, staged) })
		}
		if err != nil {
			return err
		}
		page = page[:0]
	}
	if n != f.Count {
		return fmt.Errorf("%s: %d lines where %d were counted", f.Name, n, f.Count)
	}
	return nil
}

// stagePage finds the debits that lines are about and returns the lines without their cards. What is about none of ours is on
// the worklist before the page counts as read.
func (r *settling) stagePage(ctx context.Context, page []numbered, st *SettlementDay) ([]StagedLine, error) {
	debits, err := r.debits(ctx, page)
	if err != nil {
		return nil, err
	}
	staged := make([]StagedLine, len(page))
	return staged, together(len(page), func(i int) error {
		l := page[i]
		staged[i] = StagedLine{Date: st.Date, Number: l.number, Kind: l.kind, Amount: l.Amount}
		if l.kind == LineOther {
			return nil
		}
		t := debits[l.debit()]
		why := l.unlike(t)
		if why == "" {
			staged[i].Transaction = t.ID
			return nil
		}
		return r.checked(r.ledger.OpenDiscrepancy(ctx, strangeLine(st, l, why)))
	})
}

// writePage keeps a page of lines.
func (r *settling) writePage(ctx context.Context, f ClearingFile, staged []StagedLine) error {
	last := staged[len(staged)-1].Number
	err := r.write(ctx, func(st *SettlementDay) { st.Lines = last }, func(ctx context.Context, st *SettlementDay) error {
		return r.ledger.StageLines(ctx, st, staged)
	})
	if err == nil {
		r.say("%d of %d lines of %s", last, f.Count, f.Name)
	}
	return err
}

// debit is the host key of the debit that a line is about.
func (l *numbered) debit() HostKey {
	if l.kind == LineReversal {
		return l.Original
	}
	return l.Host
}

// debits returns the debits that the lines of a page may be about.
func (r *settling) debits(ctx context.Context, page []numbered) (map[HostKey]*Transaction, error) {
	keys := make([]HostKey, 0, len(page))
	for i := range page {
		if page[i].kind != LineOther {
			keys = append(keys, page[i].debit())
		}
	}
	debits, err := r.ledger.FindHosts(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("finding the debits of lines %d to %d: %w", page[0].number, page[len(page)-1].number, err)
	}
	return debits, nil
}

// unlike says why t is not the debit of a line: trace number, time and card must be its (host dialect page, section 5.1); the amount
// is compared later. Empty: it is. t is nil when none has the line's trace number and time.
func (l *numbered) unlike(t *Transaction) string {
	switch {
	case t == nil:
		return "no such debit was sent"
	case t.Card != (PAN{}) && t.Card != l.Card:
		return "the debit of this trace number and time is of another card"
	case l.RRN != "" && l.RRN != string(t.RRN()):
		return "the debit of this trace number and time has another reference number"
	}
	return ""
}

// strangeLine is the discrepancy of a line that is about none of our debits.
func strangeLine(st *SettlementDay, l numbered, why string) *Discrepancy {
	d := &Discrepancy{Kind: TheirsOnly, Date: st.Date, Subject: fmt.Sprintf("%s/%s/%d", l.Host.Time, l.Host.STAN, l.kind),
		RRN: RRN(l.RRN), Theirs: l.Amount, Opened: time.Now()}
	what := "debit"
	if l.kind == LineReversal {
		what = "reversal"
	}
	d.Why = fmt.Sprintf("line %d of %s, a %s of card %s at terminal %s: %s", l.number, st.File, what, l.Card.Masked(), l.Terminal, why)
	return d
}
