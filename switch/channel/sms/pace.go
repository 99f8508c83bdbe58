package sms

import (
	"context"
	"sync"
	"time"
)

// pace keeps submits to the configured rate, and makes a pause for all when the centre says that it is too much.
type pace struct {
	gap         time.Duration
	first, most time.Duration
	chance      func() float64

	mu    sync.Mutex
	next  time.Time     // nothing goes before
	pause time.Duration // the last pause; 0 since a submit was taken
}

// wait returns when the caller may submit, or with the error of ctx.
func (p *pace) wait(ctx context.Context) error {
	for {
		d := p.take(time.Now())
		if d <= 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

// take returns 0 when the moment is the caller's, else how long it is to the next.
func (p *pace) take(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d := p.next.Sub(now); d > 0 {
		return d
	}
	p.next = now.Add(p.gap)
	return 0
}

// throttled begins a pause: twice the last one, between half and all of it by chance, so that the senders of a centre do
// not come back together. Refusals of what was under way when the pause began do not make it longer.
func (p *pace) throttled(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pause > 0 && p.next.After(now.Add(p.gap)) {
		return
	}
	p.pause = min(max(2*p.pause, p.first), p.most)
	p.next = now.Add(spread(p.pause, p.chance))
}

// taken ends a series of pauses.
func (p *pace) taken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pause = 0
}

// spread returns between half and all of d.
func spread(d time.Duration, chance func() float64) time.Duration {
	return d/2 + time.Duration(chance()*float64(d/2))
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
