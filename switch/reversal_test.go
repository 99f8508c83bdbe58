package acquirer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// What was under way when the queue was read, and ended before its row was looked at, is not taken by what was read.
func TestNothingIsTakenFromAnOldPage(t *testing.T) {
	var q saf
	q.init()
	q.look()
	require.True(t, q.take(1))
	require.False(t, q.take(1), "under way")
	q.look() // a page that still has it
	q.drop(1)
	require.False(t, q.take(1), "the page is older than the end")
	require.Len(t, q.woken, 1, "the queue is read again")
	q.look()
	require.True(t, q.take(1), "a page that is younger")
	q.drop(1)
	require.False(t, q.take(1))
	require.True(t, q.take(2))
}

// A clock that is set back makes no reversal wait for as long.
func TestReversalAfterClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.authorize = answer("96")
		_, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
		require.NoError(t, err)
		for id, r := range w.mem.queue {
			r.Due = time.Now().Add(5 * time.Hour)
			w.mem.queue[id] = r
		}
		_, err = w.Recover(t.Context())
		require.NoError(t, err)
		w.start(t)
		time.Sleep(w.longestWait() - time.Second)
		require.Equal(t, Reversing, w.mem.all()[0].State, "its debit's deadline may be so far away")
		time.Sleep(2 * time.Second)
		require.Equal(t, Reversed, w.mem.all()[0].State)
	})
}

// A reversal may not overtake its debit: it leaves when the host has answered the debit, or at the debit's deadline. The
// terminal does not wait for that.
func TestReversalWaitsForTheDebit(t *testing.T) {
	const deadline = 30 * time.Second
	restart := func(ahead time.Duration) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			row := w.mem.all()[0]
			row.Deadline = time.Now().Add(ahead)
			w.mem.rows[row.ID] = row
			n, err := w.Recover(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
	}
	for _, c := range []struct {
		name  string
		first func(context.Context, AuthorizationRequest) (Authorization, error)
		then  func(*testing.T, *world) // what happens to a debit that nobody waits for; nil: nothing
		code  ResponseCode
		sent  time.Duration // when the 0420 leaves
	}{
		{"link cut", refused(ErrUnknown), nil, "98", deadline},
		{"any other error", refused(errors.New("what")), nil, "98", deadline},
		{"wrong MAC", refused(ErrDisbelieved), nil, "98", 0},
		{"host 96", answer("96"), nil, "98", 0},
		{"undo of an approval", answer("00"), func(t *testing.T, w *world) { undo(t, w, 1) }, "00", 0},
		{"restart", nil, restart(deadline), "98", deadline},
		{"restart just before the deadline", nil, restart(time.Nanosecond), "98", time.Nanosecond},
		{"restart at the deadline", nil, restart(0), "98", 0},
		{"restart after the deadline", nil, restart(-time.Second), "98", 0},
		{"restart, the clock was set back a little", nil, restart(deadline + 20*time.Second), "98", deadline + 20*time.Second},
		{"restart, the clock was set back by hours", nil, restart(5 * time.Hour), "98", terminalPatience},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				begin := time.Now()
				var mu sync.Mutex
				var left []time.Duration
				w.net.reverse = func(context.Context, Reversal, *Transaction) (ResponseCode, error) {
					mu.Lock()
					defer mu.Unlock()
					left = append(left, time.Since(begin))
					return "25", nil
				}
				r := w.request(t, 1, 1234)
				if c.first == nil {
					w.rowIn(t, r, "sent")
				} else {
					w.net.authorize = c.first
					tx, err := w.Debit(t.Context(), r, nothing)
					require.NoError(t, err)
					require.Equal(t, c.code, tx.Code)
				}
				if c.then != nil {
					c.then(t, w)
				}
				require.Zero(t, time.Since(begin), "the terminal's answer waits for nothing")
				require.Equal(t, Reversing, w.mem.all()[0].State)
				w.start(t)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				require.Len(t, left, 1)
				require.GreaterOrEqual(t, left[0], c.sent)
				require.Less(t, left[0], c.sent+time.Second)
				require.Equal(t, Reversed, w.mem.all()[0].State)
			})
		})
	}
}

// The same while the process runs and another reversal, which the host refuses again and again, is always the next to
// fall due.
func TestReversalAfterClockSetBackBehindAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.authorize = answer("96")
		w.net.reverse = func(_ context.Context, _ Reversal, tx *Transaction) (ResponseCode, error) {
			if tx.Key.STAN == 1 {
				return "12", nil
			}
			return "00", nil
		}
		for stan := range STAN(2) {
			_, err := w.Debit(t.Context(), w.request(t, stan+1, 1234), nothing)
			require.NoError(t, err)
		}
		stubborn, other := w.mem.all()[0].ID, w.mem.all()[1].ID
		for id, r := range w.mem.queue {
			if r.Transaction == other {
				r.Tries, r.Due = 1, time.Now().Add(5*time.Hour)
				w.mem.queue[id] = r
			}
		}
		w.start(t)
		time.Sleep(2*reversalMax + time.Minute)
		require.Equal(t, Reversing, w.mem.all()[0].State)
		require.Equal(t, stubborn, w.mem.all()[0].ID)
		require.Equal(t, Reversed, w.mem.all()[1].State)
	})
}

// unreadable is a journal that cannot open the row of one debit; a hundred tries are a loop.
type unreadable struct {
	*memory
	lock  sync.Mutex
	row   ID
	tries int
}

// hide makes the row of a debit unreadable, and tells how often somebody tried one.
func (u *unreadable) hide(id ID) int {
	u.lock.Lock()
	defer u.lock.Unlock()
	u.row = id
	return u.tries
}

func (u *unreadable) Get(ctx context.Context, id ID) (*Transaction, error) {
	u.lock.Lock()
	defer u.lock.Unlock()
	if u.row != id {
		return u.memory.Get(ctx, id)
	}
	if u.tries++; u.tries > 100 {
		panic("it is tried again and again at one instant")
	}
	return nil, ErrKey
}

// A reversal that cannot be sent for a reason of our own is put off like one that the host refuses, and told of; others
// go on.
func TestReversalThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unreadable{}
		told := make(chan error, 100)
		w := newWorld(t, func(c *Config) {
			u.memory = c.Journal.(*memory)
			c.Journal, c.OnStuck = u, func(_ Reversal, err error) { told <- err }
		})
		w.net.authorize, w.net.reverse = answer("96"), undone("00")
		first, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
		require.NoError(t, err)
		u.hide(first.ID)
		second, err := w.Debit(t.Context(), w.request(t, 2, 1234), nothing)
		require.NoError(t, err)
		w.start(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		state := func(id ID) State {
			row, err := w.mem.Get(t.Context(), id)
			require.NoError(t, err)
			return row.State
		}
		require.Equal(t, Reversed, state(second.ID))
		require.Equal(t, Reversing, state(first.ID))
		tries := u.hide(0)
		require.GreaterOrEqual(t, tries, 3)
		require.LessOrEqual(t, tries, 6, "5, 10, 20, 40 s")
		require.Len(t, told, tries)
		require.ErrorIs(t, <-told, ErrKey)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Equal(t, Reversed, state(first.ID), "it is owed for ever")
	})
}
