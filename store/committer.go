package store

import (
	"context"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// call is one statement with its arguments: int64, string, []byte or nil.
type call struct {
	text statement
	args []any
}

// op is one caller's write: statements that go into one transaction together. The first decides: when it writes no row,
// the others are not carried out.
type op struct {
	calls []call
	step  *link      // the step that goes with the first; nil: none
	parts []*op      // carried out behind it, each for itself
	line  *line      // of the operators' journal, written behind the calls; nil: none
	rows  int64      // that the first wrote, once done has spoken
	done  chan error // holds one, so that the writer never waits for a reader of it
}

func newOp(calls ...call) *op { return &op{calls: calls, done: make(chan error, 1)} }

// backend carries out a batch as one durable transaction and sets the rows of each op. An error means that nothing is
// known about any of them.
type backend interface {
	commit(batch []*op) error
}

// errClosed is the cause of a write's failure after Close. Nothing was written.
var errClosed = errors.New("closed")

// committer gathers what waits into one transaction: group commit. It has no linger: the flush under way is what the
// next batch gathers behind.
type committer struct {
	backend backend
	queue   chan *op
	stopped chan struct{} // closed: no more is taken
	ended   chan struct{} // closed when run has returned
	failed  chan struct{} // closed at the first error
}

func newCommitter(b backend) *committer {
	return &committer{backend: b, queue: make(chan *op, maxQueue), stopped: make(chan struct{}),
		ended: make(chan struct{}), failed: make(chan struct{})}
}

// submit waits until o is durable and returns the rows that decide. When ctx ends before o is queued it is not carried
// out and the error is ctx's; from then on the outcome is waited for, whatever ctx does: there is no "maybe".
func (c *committer) submit(ctx context.Context, o *op) (rows int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	select {
	case c.queue <- o:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-c.ended:
		return 0, fmt.Errorf("%w: %w", acquirer.ErrStore, errClosed)
	}
	select {
	case err = <-o.done:
	case <-c.ended:
		select {
		case err = <-o.done: // it was in the last batch
		default: // it was queued behind the last batch
			err = fmt.Errorf("%w: %w", acquirer.ErrStore, errClosed)
		}
	}
	return o.rows, err
}

// run commits until stop, then what is still queued. After the first error nothing more is tried.
func (c *committer) run() {
	defer close(c.ended)
	var broken error
	for batch := c.next(nil); len(batch) > 0; batch = c.next(batch[:0]) {
		if broken == nil {
			if err := c.backend.commit(batch); err != nil {
				broken = fmt.Errorf("%w: %w", acquirer.ErrStore, err)
				close(c.failed)
			}
		}
		for _, o := range batch {
			o.done <- broken
		}
	}
}

// next waits for an op and appends it, with what else is queued, to batch. It returns none when the committer is
// stopped and the queue empty.
func (c *committer) next(batch []*op) []*op {
	select {
	case o := <-c.queue:
		batch = append(batch, o)
	case <-c.stopped:
	}
	for len(batch) < maxBatch {
		select {
		case o := <-c.queue:
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// stop ends run and waits for it. It must be called once.
func (c *committer) stop() {
	close(c.stopped)
	<-c.ended
}
