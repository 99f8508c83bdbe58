package acquirer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// AskSettlement says, durably, that a date is to be settled, and returns its row. The switch that serves takes it up within
// a second; a date may be asked for as often as one likes.
func AskSettlement(ctx context.Context, l Ledger, date Date, now time.Time) (*SettlementDay, error) {
	for {
		st, err := l.Settlement(ctx, date)
		if errors.Is(err, ErrNotFound) {
			st, err = &SettlementDay{Date: date, Stage: SettlementWanted}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the settlement of %d: %w", date, err)
		}
		if !now.After(st.Asked) {
			now = st.Asked.Add(time.Microsecond)
		}
		st.Asked = now
		if err = l.SaveSettlement(ctx, st); !errors.Is(err, ErrStale) {
			return st, err
		}
	}
}

// runSettlements takes up what was asked for, also before a restart, until ctx ends.
func (s *Switch) runSettlements(ctx context.Context) error {
	if s.Settlement.Ledger == nil {
		<-ctx.Done()
		return nil
	}
	for sleep(ctx, settleEvery) == nil {
		owed, err := s.Settlement.Ledger.OwedSettlements(ctx)
		if err != nil {
			return endOf(ctx, fmt.Errorf("reading wanted settlements: %w", err))
		}
		for _, st := range owed {
			if err := s.settle(ctx, st); err != nil {
				return endOf(ctx, fmt.Errorf("settling %d: %w", st.Date, err))
			}
		}
	}
	return nil
}

// settling is one run of a settlement. Every step of it is durable before the next and may be done again: a run that was cut short
// is simply begun anew.
type settling struct {
	*Switch
	ledger Ledger
	st     *SettlementDay
	whole  bool // every standing debit of the date is agreed by all three, so far as this run has looked
	lately lately
}

// moves gathers what becomes of the rows of a page, from many goroutines: they are moved in one write.
type moves struct {
	mu  sync.Mutex
	all []Move
}

func (m *moves) add(t, next *Transaction, c Change) {
	c.At = time.Now()
	m.mu.Lock()
	m.all = append(m.all, Move{t, next, c})
	m.mu.Unlock()
}

// lately is when terminals were heard last, as this run was told: of few terminals there are many rows.
type lately struct {
	mu sync.Mutex
	at map[TerminalID]time.Time // no more than are registered
}

// lastHeard is [Switch.LastHeard], but what it was told once it only asks again when that is not after since.
func (r *settling) lastHeard(ctx context.Context, id TerminalID, since time.Time) (time.Time, error) {
	r.lately.mu.Lock()
	at := r.lately.at[id]
	r.lately.mu.Unlock()
	if at.After(since) {
		return at, nil
	}
	at, err := r.LastHeard(ctx, id)
	if err != nil {
		return at, err
	}
	r.lately.mu.Lock()
	defer r.lately.mu.Unlock()
	if r.lately.at == nil {
		r.lately.at = make(map[TerminalID]time.Time)
	}
	r.lately.at[id] = at
	return at, nil
}

// writing is one write under way, while what comes next is made ready. Who started one must wait.
type writing struct{ done chan error }

// start waits for the write before and, if that went well, starts this one.
func (b *writing) start(write func() error) error {
	if err := b.wait(); err != nil {
		return err
	}
	b.done = make(chan error, 1)
	go func(done chan<- error) { done <- write() }(b.done)
	return nil
}

func (b *writing) wait() error {
	if b.done == nil {
		return nil
	}
	err := <-b.done
	b.done = nil
	return err
}

// moveAll moves what was gathered. A row that has moved on meanwhile is looked at by the next run.
//
// They go in the order of their ids, which is that of the rows on the disk, and not in the order in which they were judged at once.
func (r *settling) moveAll(ctx context.Context, m *moves) error {
	if len(m.all) == 0 {
		return nil
	}
	slices.SortFunc(m.all, func(a, b Move) int { return cmp.Compare(a.Old.ID, b.Old.ID) })
	if err := r.ledger.MoveAll(ctx, m.all); err != nil {
		return fmt.Errorf("moving %d rows: %w", len(m.all), err)
	}
	return nil
}

// settle runs a settlement as far as it comes today. What the host or its file lacks is the run's note and no error.
func (s *Switch) settle(ctx context.Context, st *SettlementDay) error {
	select {
	case s.books <- struct{}{}:
		defer func() { <-s.books }()
	case <-ctx.Done():
		return ctx.Err()
	}
	st, err := s.Settlement.Ledger.Settlement(ctx, st.Date)
	if err != nil {
		return fmt.Errorf("reading the settlement: %w", err)
	}
	r := &settling{Switch: s, ledger: s.Settlement.Ledger, st: st}
	begun := time.Now()
	if begun.Before(st.Asked) {
		begun = st.Asked
	}
	note, err := r.run(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // it is owed still
	case errors.Is(err, ErrStore):
		return s.checked(err)
	case err != nil:
		note = "failed: " + err.Error()
	}
	r.say("%s", note)
	return s.checked(r.save(ctx, func(st *SettlementDay) { st.Ended, st.Note = begun, note }))
}

// AwaitsFile is the note of a run without the host's list.
const AwaitsFile = "the host's detail file is awaited"

// run goes through the stages and says how far it came.
func (r *settling) run(ctx context.Context) (note string, err error) {
	if r.st.Stage < SettlementClosed {
		if err := r.close(ctx); err != nil {
			return "", err
		}
	}
	awaited, err := r.awaits(ctx)
	if err != nil || awaited {
		return AwaitsFile, err
	}
	if err := r.compare(ctx); err != nil {
		return "", err
	}
	if err := r.openStrays(ctx); err != nil {
		return "", err
	}
	if r.whole { // the host pays on its word: the keys must stand before it can
		held, err := r.startPayouts(ctx)
		if err == nil && held { // the host would pay what has no payout here
			err = r.save(ctx, func(st *SettlementDay) { st.Whole, st.Balance = false, NotTold })
		}
		if err != nil {
			return "", err
		}
	}
	if err := r.reconcile(ctx); err != nil {
		return "", err
	}
	if err := r.orderAll(ctx); err != nil {
		return "", err
	}
	return "totals: " + r.st.Balance.Text(), nil
}

// save changes the settlement's row. Nobody else writes it but who asks for it once more.
func (r *settling) save(ctx context.Context, change func(*SettlementDay)) error {
	return r.write(ctx, change, r.ledger.SaveSettlement)
}

// write is save together with what else a write of the ledger does.
func (r *settling) write(ctx context.Context, change func(*SettlementDay), write func(context.Context, *SettlementDay) error) error {
	for {
		next := *r.st
		change(&next)
		err := write(ctx, &next)
		if err == nil {
			r.st = &next
			return nil
		}
		if !errors.Is(err, ErrStale) {
			return fmt.Errorf("writing the settlement: %w", err)
		}
		now, err := r.ledger.Settlement(ctx, r.st.Date)
		if err != nil {
			return fmt.Errorf("reading the settlement: %w", err)
		}
		r.st.Asked, r.st.Version = now.Asked, now.Version
	}
}

func (r *settling) say(format string, args ...any) {
	if r.Settlement.Progress != nil {
		r.Settlement.Progress(r.st.Date, fmt.Sprintf(format, args...))
	}
}

// close ends the date. The host is asked for its cut-off; one that refuses or is silent does not hold up the settlement: its list
// and its totals say what belongs to the date.
func (r *settling) close(ctx context.Context) error {
	how := "by the calendar"
	if r.st.Date >= DateOf(time.Now()) {
		how = "by the host"
		wait, cancel := context.WithTimeout(ctx, r.Limits.HostTimeout)
		err := r.Settlement.Centre.RequestCutOff(wait)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			how = "here, for the host has not closed it: " + err.Error()
		}
	}
	r.say("closed %s", how)
	return r.save(ctx, func(st *SettlementDay) { st.Stage, st.CutOff = SettlementClosed, how })
}

// eachRow calls page with every page of rows of the date, and reads the next one meanwhile.
func (r *settling) eachRow(ctx context.Context, page func([]*Transaction) error) error {
	for ahead := r.readRows(ctx, 0); ; {
		p := <-ahead
		if p.err != nil {
			return fmt.Errorf("reading the debits of the date: %w", p.err)
		}
		if len(p.rows) < settlePage {
			if len(p.rows) == 0 {
				return nil
			}
			return page(p.rows)
		}
		ahead = r.readRows(ctx, p.rows[settlePage-1].ID)
		if err := page(p.rows); err != nil {
			<-ahead
			return err
		}
	}
}

// rowsRead is a page of rows, or why there is none.
type rowsRead struct {
	rows []*Transaction
	err  error
}

// readRows begins to read a page. Who calls it must wait for it.
func (r *settling) readRows(ctx context.Context, after ID) <-chan rowsRead {
	done := make(chan rowsRead, 1)
	go func() {
		rows, err := r.ledger.RowsOf(ctx, r.st.Date, after, settlePage)
		done <- rowsRead{rows, err}
	}()
	return done
}

// together calls f for 0 to n-1, settleMoves at one time, waits for all, and returns their errors.
func together(n int, f func(i int) error) error {
	errs := make(chan error, n)
	slots := make(chan struct{}, settleMoves)
	for i := range n {
		slots <- struct{}{}
		go func() {
			errs <- f(i)
			<-slots
		}()
	}
	var all []error
	for range n {
		if err := <-errs; err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// move moves a row of the date. One that has moved on meanwhile is looked at by the next run.
func (r *settling) move(ctx context.Context, t, next *Transaction, c Change) error {
	c.At = time.Now()
	err := r.Journal.Move(ctx, t, next, c)
	if errors.Is(err, ErrStale) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("moving %s: %w", t.RRN(), err)
	}
	return nil
}
