package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// slowBackend takes a virtual second for a batch and fails from the batch numbered breaks, if that is not 0.
type slowBackend struct {
	batches [][]*op
	breaks  int
}

var errDisk = errors.New("disk is gone")

func (s *slowBackend) commit(batch []*op) error {
	time.Sleep(time.Second)
	s.batches = append(s.batches, append([]*op(nil), batch...))
	if s.breaks > 0 && len(s.batches) >= s.breaks {
		return errDisk
	}
	for _, o := range batch {
		o.rows = 1
	}
	return nil
}

// start begins a committer and a writer whose batch of one keeps the backend busy for a second.
func start(b backend) (c *committer, first chan error) {
	c = newCommitter(b)
	go c.run()
	first = make(chan error, 1)
	go func() {
		_, err := c.submit(context.Background(), newOp())
		first <- err
	}()
	synctest.Wait()
	return c, first
}

func TestCommitterGathersWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowBackend{}
		c, first := start(b)
		var group sync.WaitGroup
		for range 300 {
			group.Go(func() {
				if rows, err := c.submit(t.Context(), newOp()); err != nil || rows != 1 {
					t.Errorf("%d rows, %v", rows, err)
				}
			})
		}
		group.Wait()
		require.NoError(t, <-first)
		var sizes []int
		for _, batch := range b.batches {
			sizes = append(sizes, len(batch))
		}
		require.Equal(t, []int{1, maxBatch, 300 - maxBatch}, sizes)
		c.stop()
	})
}

func TestCommitterFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowBackend{breaks: 2}
		c, first := start(b)
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if _, err := c.submit(t.Context(), newOp()); !errors.Is(err, acquirer.ErrStore) || !errors.Is(err, errDisk) {
					t.Error(err)
				}
			})
		}
		require.NoError(t, <-first)
		select {
		case <-c.failed:
			t.Fatal("failed too early")
		default:
		}
		group.Wait()
		<-c.failed
		_, err := c.submit(t.Context(), newOp())
		require.ErrorIs(t, err, acquirer.ErrStore)
		require.Len(t, b.batches, 2, "nothing is tried after a failure")
		c.stop()
	})
}

func TestSubmitAndContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowBackend{}
		c, first := start(b)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.submit(ended, newOp())
		require.ErrorIs(t, err, context.Canceled)

		queued, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = c.submit(queued, newOp())
		require.NoError(t, err, "once queued the outcome is waited for")
		require.Error(t, queued.Err())
		require.NoError(t, <-first)
		require.Len(t, b.batches, 2, "what was not queued was not carried out")
		c.stop()
	})
}

func TestSubmitWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slowBackend{}
		c, first := start(b)
		for range maxQueue {
			c.queue <- newOp()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := c.submit(ctx, newOp())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, <-first)
		c.stop()
		done := 0
		for _, batch := range b.batches {
			done += len(batch)
		}
		require.Equal(t, 1+maxQueue, done, "stop carries out what is queued")
	})
}

func TestSubmitAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, first := start(&slowBackend{})
		c.stop()
		require.NoError(t, <-first)
		for range 100 { // the queue has room, so that select may choose either way
			_, err := c.submit(t.Context(), newOp())
			require.ErrorIs(t, err, acquirer.ErrStore)
			require.ErrorIs(t, err, errClosed)
		}
	})
}
