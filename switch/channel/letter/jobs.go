package letter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// jobs are the prints whose end is waited for.
type jobs struct {
	mu   sync.Mutex
	open map[string]int // reference to number
}

// add remembers a print, as long as there is room.
func (j *jobs) add(name string, job int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.open) < maxOpen {
		j.open[reference(name, job)] = job
	}
}

func (j *jobs) drop(ref string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.open, ref)
}

// all returns what is open, for the caller to keep.
func (j *jobs) all() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.open)
}

// ours are the names of our jobs.
var ours = regexp.MustCompile(`^letter-[0-9A-F]{12}$`)

// Run asks the printer what became of the letters until ctx ends; with a folder it only waits. What was printed before a
// start is known by the printer's memory of its jobs. An error is of kind [acquirer.ErrStore].
func (l *Letter) Run(ctx context.Context) error {
	if l.printer == nil || l.Receipts == nil {
		<-ctx.Done()
		return nil
	}
	recovered := false
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if !recovered {
			recovered = l.recover(ctx)
		}
		if err := l.poll(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("letters: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// recover takes up the jobs that an earlier process gave to the printer; false: the printer did not say.
func (l *Letter) recover(ctx context.Context) bool {
	known, err := l.printer.known(ctx)
	if err != nil {
		l.Log.Debug().Err(err).Msg("the printer does not name its jobs")
		return false
	}
	for name, found := range known {
		l.jobs.add(name, found.job)
	}
	return true
}

// poll looks at each open job once. A printer that does not answer is asked again later.
func (l *Letter) poll(ctx context.Context) error {
	for ref, job := range l.jobs.all() {
		state, err := l.printer.state(ctx, job)
		switch {
		case errors.Is(err, errGone):
			l.jobs.drop(ref)
			continue
		case err != nil:
			l.Log.Debug().Err(err).Msg("the printer does not say what became of a letter")
			return nil
		}
		if err := l.ended(ctx, ref, state); err != nil {
			return err
		}
	}
	return nil
}

// The states in which a job is over (RFC 8011, 5.3.7).
const (
	cancelled = 7
	aborted   = 8
	completed = 9
)

// jobEnds says them for the operator.
var jobEnds = map[int]string{cancelled: "cancelled at the printer", aborted: "aborted by the printer", completed: "printed"}

// ended makes the end of a job durable.
func (l *Letter) ended(ctx context.Context, ref string, state int) error {
	what, over := jobEnds[state]
	if !over {
		return nil
	}
	err := l.Receipts.Receipt(ctx, acquirer.Receipt{Device: acquirer.DeviceLetter, Reference: ref, Delivered: state == completed, Detail: what, At: time.Now()})
	if errors.Is(err, acquirer.ErrNotFound) {
		return nil // offered again: its notices are not durable yet
	}
	if err == nil {
		l.jobs.drop(ref)
	}
	return err
}
