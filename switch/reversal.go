package acquirer

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"
)

// saf is the store-and-forward of reversals: the queue is in the journal, this is only what is under way.
type saf struct {
	woken chan struct{}
	mu    sync.Mutex
	busy  map[ID]bool
	ended map[ID]bool // were under way and are no more, since the queue was read last
}

func (q *saf) init() {
	q.woken = make(chan struct{}, 1)
	q.busy = make(map[ID]bool)
	q.ended = make(map[ID]bool)
}

// look says that the queue is about to be read.
func (q *saf) look() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.ended)
}

// wake makes the worker look at the queue now.
func (q *saf) wake() {
	select {
	case q.woken <- struct{}{}:
	default: // it will look anyway
	}
}

// take marks a reversal as under way; false: it is already, or enough are, or it was when the queue was read, so that what
// was read of it is no more true. Its end has woken the worker, which then reads it anew.
func (q *saf) take(id ID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[id] || q.ended[id] || len(q.busy) >= reversalsAtOnce {
		return false
	}
	q.busy[id] = true
	return true
}

func (q *saf) drop(id ID) {
	q.mu.Lock()
	delete(q.busy, id)
	q.ended[id] = true
	q.mu.Unlock()
	q.wake()
}

// runReversals sends what is owed until ctx ends, then waits for those under way. A reversal is repeated for ever;
// each has its own pause, so that a refused one never blocks another.
func (s *Switch) runReversals(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	looked := time.Now()
	for ctx.Err() == nil {
		if time.Since(looked) >= reversalMax { // behind one that is repeated nobody would see those that wait too long
			looked = time.Now()
			if err := s.pullForward(ctx); err != nil {
				return endOf(ctx, err)
			}
		}
		s.saf.look()
		due, err := s.Journal.Due(ctx, time.Now(), pageSize)
		if err != nil {
			return endOf(ctx, fmt.Errorf("reading the reversal queue: %w", err))
		}
		for _, r := range due {
			if s.saf.take(r.ID) {
				wg.Go(func() {
					defer s.saf.drop(r.ID)
					s.try(ctx, r)
				})
			}
		}
		if err := s.untilDue(ctx, len(due) > 0); err != nil {
			return endOf(ctx, err)
		}
	}
	return nil
}

// endOf hides an error that only says that ctx ended.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// untilDue waits for a wake, for the next due time, or for the end of ctx. When some are under way the wake that
// comes with their end is what to wait for, or a second, whichever is first.
func (s *Switch) untilDue(ctx context.Context, underWay bool) error {
	pause := reversalMax
	at, ok, err := s.Journal.NextDue(ctx)
	if err != nil {
		return fmt.Errorf("reading the reversal queue: %w", err)
	}
	if ok {
		pause = max(time.Until(at), time.Millisecond)
	}
	if pause > s.longestPause() {
		return s.pullForward(ctx)
	}
	if underWay {
		pause = max(pause, time.Second)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.saf.woken:
	case <-ctx.Done():
	}
	return nil
}

// longestPause is how far ahead a reversal falls due at most.
func (s *Switch) longestPause() time.Duration {
	return max(reversalMax+reversalMax/10, s.longestWait())
}

// pullForward makes reversals due that wait longer than any pause lasts: the clock was set back after they were put off.
// One that was never sent may wait for the deadline of its debit, which is at most so far away.
func (s *Switch) pullForward(ctx context.Context) error {
	now := time.Now()
	all, err := s.Journal.Due(ctx, now.AddDate(100, 0, 0), queueSize)
	if err != nil {
		return fmt.Errorf("reading the reversal queue: %w", err)
	}
	for _, r := range all {
		if r.Due.Sub(now) <= s.longestPause() {
			continue
		}
		if r.Due = now; r.Tries == 0 {
			r.Due = now.Add(s.longestWait())
		}
		if err := s.checked(s.Journal.Reschedule(ctx, r)); err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("making a reversal due: %w", err)
		}
	}
	return nil
}

// try sends a reversal. A store error ends Run through checked; after any other the reversal is put off, for else it would be
// taken up again at once.
func (s *Switch) try(ctx context.Context, r Reversal) {
	err := s.checked(s.reverse(ctx, r))
	if err == nil || errors.Is(err, ErrStore) || ctx.Err() != nil {
		return
	}
	if s.OnStuck != nil {
		s.OnStuck(r, err)
	}
	r.Tries++
	r.Due = time.Now().Add(backOff(r))
	_ = s.checked(s.Journal.Reschedule(context.WithoutCancel(ctx), r)) // ErrNotFound: it has left the queue, and is stuck no more
}

// reverse sends one 0420 and writes what came of it.
func (s *Switch) reverse(ctx context.Context, r Reversal) error {
	t, err := s.Journal.Get(ctx, r.Transaction)
	if err != nil {
		return fmt.Errorf("reading the debit of a reversal: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, s.Limits.HostTimeout)
	code, err := s.Network.Reverse(wait, r, t)
	cancel()
	if ctx.Err() != nil && err != nil {
		return nil // the process ends; the queue holds the reversal
	}
	ctx = context.WithoutCancel(ctx) // what the host said is written even while the process ends
	switch {
	case err == nil && (code == CodeApproved || code == CodeNoOriginal):
		return s.reversed(ctx, r, t, code)
	case errors.Is(err, ErrNotSent):
		r.Due = time.Now().Add(reversalFirst)
		return s.Journal.Reschedule(ctx, r)
	}
	return s.repeat(ctx, r, t, code, err)
}

// reversed ends a reversal: the host undid the debit, or never had it.
func (s *Switch) reversed(ctx context.Context, r Reversal, t *Transaction, code ResponseCode) error {
	for {
		next := *t
		next.State = Reversed
		c := Change{At: time.Now(), Event: EventReversed, Detail: "host answered " + string(code), Finished: r.ID}
		var err error
		if code == CodeNoOriginal && t.HostCode == CodeApproved {
			next.Exception = "host approved the debit, and knew no such debit when it was undone"
		} else if err = s.takeBack(ctx, t.ID, &c); err != nil {
			return err
		}
		if code == CodeNoOriginal {
			next.HostCode = code // what a late approval is held against
		}
		err = s.Journal.Move(ctx, t, &next, c)
		if !errors.Is(err, ErrStale) {
			return err
		}
		if t, err = s.Journal.Get(ctx, r.Transaction); err != nil {
			return err
		}
	}
}

// takeBack has a payer who may have been told of the debit told that it is undone.
func (s *Switch) takeBack(ctx context.Context, id ID, c *Change) error {
	told, err := s.Journal.Told(ctx, id, NoticeDebited)
	if told {
		c.Notices = []Notice{{Transaction: id, Kind: NoticeUndone, Created: c.At}}
	}
	return err
}

// repeat puts a reversal off. From reversalAlarm tries on the debit is on the worklist; the repeats go on.
func (s *Switch) repeat(ctx context.Context, r Reversal, t *Transaction, code ResponseCode, cause error) error {
	now := time.Now()
	r.Tries++
	r.HostCode, r.Due = code, now.Add(backOff(r))
	if err := s.Journal.Reschedule(ctx, r); err != nil {
		return err
	}
	if r.Tries < reversalAlarm || t.Exception != "" {
		return nil
	}
	detail := "host answered " + string(code)
	if cause != nil {
		detail = cause.Error()
	}
	next := *t
	next.Exception = fmt.Sprintf("reversal unanswered after %d tries", r.Tries)
	err := s.Journal.Move(ctx, t, &next, Change{At: now, Event: EventRepeat, Detail: detail})
	if errors.Is(err, ErrStale) {
		return nil // evidence came in between; the next repeat puts it there
	}
	return err
}

// backOff is the pause before the next try: 5, 10, 20 ... 300 s, spread by a tenth. The spread is a hash of the
// reversal and the try, so that a run can be repeated exactly.
func backOff(r Reversal) time.Duration {
	d := reversalMax
	if shift := r.Tries - 1; shift < 6 {
		d = min(reversalFirst<<max(shift, 0), reversalMax)
	}
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%d/%d", r.ID, r.Tries) // a hash takes every write
	return d - d/10 + time.Duration(h.Sum32()%200)*d/1000
}
