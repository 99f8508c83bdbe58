package sms

import (
	"context"
	"time"
)

// flightKey names a part of a message: the same while it is tried again.
type flightKey struct {
	message string
	part    byte
	text    uint64
}

// flight is a submit without an answer. It has a place in the window and outlives the try that began it, for the answer may
// come between two tries: sent anew meanwhile, the handset would get it twice.
type flight struct {
	key    flightKey
	seq    uint32
	frame  []byte
	taken  func(id string) // called by the reader, before anything behind the answer is read: the receipt may stand there already
	answer chan Result     // to the flight
	done   chan struct{}   // closed when result and err stand
	result Result
	err    error
}

// submit sends a part, or waits for the answer to the same part that is under way. errSilent: none came.
func (l *link) submit(ctx context.Context, key flightKey, s Submission, p Part, taken func(id string)) (Result, error) {
	f, err := l.begin(ctx, key, s, p, taken)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-f.done:
		return f.result, f.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// begin finds the flight of a part or starts one, when there is a place in the window.
func (l *link) begin(ctx context.Context, key flightKey, s Submission, p Part, taken func(id string)) (*flight, error) {
	l.mu.Lock()
	f := l.flying[key]
	l.mu.Unlock()
	if f != nil {
		return f, nil
	}
	select {
	case l.window <- struct{}{}:
	case <-l.down:
		return nil, errDown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f = &flight{key: key, seq: l.next(), taken: taken, answer: make(chan Result, 1), done: make(chan struct{})}
	var err error
	if f.frame, err = l.dialect.Submit(f.seq, s, p); err == nil {
		err = l.start(f)
	}
	if err != nil {
		<-l.window
		return nil, err
	}
	return f, nil
}

// start lets a flight go.
func (l *link) start(f *flight) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return errDown
	}
	l.pending[f.seq], l.flying[f.key] = f, f
	l.life.Go(func() { l.fly(f) })
	return nil
}

// fly sends the frame of a flight until it is answered, as often as the limits say, and gives its place back.
func (l *link) fly(f *flight) {
	f.result, f.err = l.await(f)
	l.mu.Lock()
	delete(l.pending, f.seq)
	if l.flying[f.key] == f {
		delete(l.flying, f.key)
	}
	l.mu.Unlock()
	<-l.window
	close(f.done)
}

func (l *link) await(f *flight) (Result, error) {
	t := time.NewTimer(l.limits.Answer)
	defer t.Stop()
	for sent := range l.limits.Sends {
		t.Reset(l.limits.Answer)
		if !l.put(f.frame, t.C) {
			return Result{}, errDown
		}
		select {
		case r := <-f.answer:
			return f.settled(r, sent > 0), nil
		case <-l.down:
			return Result{}, errDown
		case <-t.C:
		}
	}
	return Result{}, errSilent
}

// settled says what a result is when the frame went once or, again, more often.
func (f *flight) settled(r Result, again bool) Result {
	switch {
	case r.Fate != Double:
	case again:
		f.taken("") // under a name that nobody learned
		r.Fate = Accepted
	default:
		r.Fate = Failed
	}
	return r
}

// settle gives an answer to who waits for it.
func (l *link) settle(seq uint32, r Result) {
	l.mu.Lock()
	f := l.pending[seq]
	delete(l.pending, seq)
	l.mu.Unlock()
	if f == nil {
		return
	}
	if r.Fate == Accepted {
		f.taken(r.ID)
	}
	f.answer <- r
}
