package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/store/faultvfs"
	acquirer "example.com/ringback/switch"
)

// trial runs one process with one fault. What it found that should not be is in the outcome; an error ends the test.
type trial func(ctx context.Context, w *world, position int) (outcome, error)

// trials runs a trial at each position on a machine of its own, on all processors, and adds up what they found.
func trials(t *testing.T, positions []int, try trial) (sum outcome) {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	work := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		folder := t.TempDir()
		group.Go(func() {
			for position := range work {
				o, err := attempt(t.Context(), folder, position, try)
				if err != nil {
					t.Errorf("at %d: %v", position, err)
				}
				mu.Lock()
				sum.add(o)
				mu.Unlock()
			}
		})
	}
	for _, position := range positions {
		work <- position
	}
	close(work)
	group.Wait()
	return sum
}

func attempt(ctx context.Context, folder string, position int, try trial) (outcome, error) {
	w, err := newWorld(folder)
	if err != nil {
		return outcome{}, err
	}
	o, err := try(ctx, w, position)
	return o, errors.Join(err, w.close(), empty(folder))
}

// upTo lists 1 to n, every so many of them.
func upTo(n, every int) (all []int) {
	for i := 1; i <= n; i += every {
		all = append(all, i)
	}
	return all
}

// run is the process in which the fault comes.
func (w *world) run(ctx context.Context) error {
	if err := w.boot(ctx); err != nil {
		return err
	}
	return w.pays(ctx, 4)
}

// broken reports, as an error, a store that a failed write has not ended for good.
func (w *world) broken(ctx context.Context, cause error) error {
	if w.db == nil {
		return nil // it did not open
	}
	if !errors.Is(cause, acquirer.ErrStore) {
		return fmt.Errorf("no ErrStore but %w", cause)
	}
	<-w.db.Failed()
	if err := w.pay(ctx, 0); !errors.Is(err, acquirer.ErrStore) {
		return fmt.Errorf("after %w came %w", cause, err)
	}
	return nil
}

// again has a new process work on the machine where one has ended, and then the power go before there was a checkpoint.
func (w *world) again(ctx context.Context, lost faultvfs.Fate) (o outcome, err error) {
	w.pragmas = fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", checkpointPages)
	if err := w.boot(ctx); err != nil {
		return o, fmt.Errorf("starting again: %w", err)
	}
	if err := w.pays(ctx, 3); err != nil {
		return o, fmt.Errorf("paying again: %w", err)
	}
	return w.unplug(ctx, lost)
}

// unplug takes the power after the last operation and looks at what may be on the disk; lost is the fate of what a
// failed sync should have written.
func (w *world) unplug(ctx context.Context, lost faultvfs.Fate) (o outcome, err error) {
	w.halt()
	history := w.machine.History()
	d := faultvfs.NewDisk(uint64(len(history)))
	d.Unsynced = lost
	for _, op := range history {
		d.Apply(op)
	}
	folder := filepath.Join(filepath.Dir(w.path), "image")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return o, err
	}
	var last map[string][]byte
	var f found
	for _, fate := range []faultvfs.Fate{faultvfs.Lost, faultvfs.Kept, faultvfs.Scattered} {
		image := d.Image(faultvfs.Op{}, fate)
		if !maps.EqualFunc(image, last, bytes.Equal) {
			f = inspect(ctx, folder, image)
			o.distinct++
		}
		o.compare(w.tales, len(history)+1, f)
		last = image
	}
	return o, os.Remove(folder)
}

// syncs counts the syncs of a history.
func syncs(history []faultvfs.Op) (n int) {
	for _, op := range history {
		if op.Kind == faultvfs.Sync || op.Kind == faultvfs.SyncFailed {
			n++
		}
	}
	return n
}

// rehearse runs the process without a fault and returns its machine.
func rehearse(t *testing.T) *world {
	t.Helper()
	w := startWorld(t)
	require.NoError(t, w.run(t.Context()))
	return w
}

// ending is how the process ends in which the fault came, and what comes then.
type ending struct {
	orderly bool          // it closes the store; else it is killed
	again   bool          // another process works on the files, which read as if nothing had been lost
	lost    faultvfs.Fate // of what a failed sync should have written
}

// end carries an ending out, up to the power cut.
func (w *world) end(ctx context.Context, e ending) (outcome, error) {
	if e.orderly && w.db != nil {
		_ = w.db.Close() // what it says is not what is asked
		w.db = nil
	}
	w.halt()
	if e.again {
		return w.again(ctx, e.lost)
	}
	return w.unplug(ctx, e.lost)
}

func (e ending) String() string {
	first, then := "killed", ""
	if e.orderly {
		first = "closed"
	}
	if e.again {
		then = ", worked again"
	}
	return fmt.Sprintf("%s%s, power cut, unsynced pages %s", first, then, e.lost)
}

// endings lists some of them, or all.
func endings() []ending {
	some := []ending{{false, false, faultvfs.Scattered}, {true, false, faultvfs.Lost},
		{false, true, faultvfs.Lost}, {true, true, faultvfs.Scattered}}
	if everything() {
		some = append(some, ending{false, false, faultvfs.Lost}, ending{true, false, faultvfs.Scattered},
			ending{false, true, faultvfs.Scattered}, ending{true, true, faultvfs.Lost})
	}
	return some
}

// A sync fails and its pages may be lost: one only, or all from that on. When it was a commit's, the store fails for
// good; a checkpoint's is made up for by the next one. Nothing that was acknowledged is lost, however the process ends.
func TestFailedSync(t *testing.T) {
	n := syncs(rehearse(t).machine.History())
	for i, e := range endings() {
		counts := []int{1, math.MaxInt32}
		if !everything() {
			counts = counts[i%2 : i%2+1]
		}
		for _, count := range counts {
			o := trials(t, upTo(n, 1), func(ctx context.Context, w *world, position int) (outcome, error) {
				w.machine.FailSyncs(position, count)
				err := w.run(ctx)
				if err == nil && committed(w.machine.History()) {
					return outcome{}, errors.New("a commit's sync failed and the store went on")
				}
				if err != nil {
					if err := w.broken(ctx, err); err != nil {
						return outcome{}, err
					}
				}
				return w.end(ctx, e)
			})
			o.report(t, fmt.Sprintf("failed syncs: %d; %s", count, e), n)
			o.requireNothingLost(t)
		}
	}
}

// committed reports whether the first sync that failed was a commit's: one of the WAL, behind a write to it.
func committed(history []faultvfs.Op) bool {
	i := slices.IndexFunc(history, func(op faultvfs.Op) bool { return op.Kind == faultvfs.SyncFailed })
	return i > 0 && strings.HasSuffix(history[i].Name, "-wal") && history[i-1].Kind == faultvfs.Write
}

// totals lists how large the files of a machine were together after each operation.
func totals(history []faultvfs.Op) (all []int) {
	sizes, total := map[int]int{}, 0
	for _, op := range history {
		size := sizes[op.File]
		switch op.Kind {
		case faultvfs.Write:
			size = max(size, int(op.At)+len(op.Data))
		case faultvfs.Truncate:
			size = int(op.At)
		case faultvfs.Delete:
			size = 0
		}
		total += size - sizes[op.File]
		sizes[op.File] = size
		all = append(all, total)
	}
	return all
}

// room is how large the files may become together.
type room struct {
	bytes int
	later bool // counted from when the file has been made
}

// rooms lists, for each time that the files were larger than ever, the room that is one byte too small for it.
func rooms(totals []int, later bool) (all []room) {
	start, most := 0, 0
	if later {
		start, totals = totals[0], totals[1:]
		most = start
	}
	for _, total := range totals {
		if total > most {
			all = append(all, room{total - start - 1, later})
			most = total
		}
	}
	return all
}

// The disk is full in the middle of a write, at each size that the files ever reach: while the file is made, or later.
// The store fails for good, a process that starts while it is full loses nothing, and one that has room goes on.
func TestFullDisk(t *testing.T) {
	every := 4
	if everything() {
		every = 1
	}
	w := startWorld(t)
	require.NoError(t, w.boot(t.Context()))
	made := w.machine.Ops()
	require.NoError(t, w.pays(t.Context(), 4))
	all := totals(w.machine.History())
	small := slices.Concat(rooms(all[:made], false), rooms(all[made-1:], true))
	positions := upTo(len(small), every)
	var sum outcome
	for _, e := range endings()[1:3] {
		o := trials(t, positions, func(ctx context.Context, w *world, position int) (outcome, error) {
			if err := w.fill(ctx, small[position-1]); err != nil {
				return outcome{}, err
			}
			return w.end(ctx, e)
		})
		o.report(t, fmt.Sprintf("disk full; %s", e), len(positions))
		sum.add(o)
	}
	sum.requireNothingLost(t)
}

// fill has a process run into a full disk and another one start on it.
func (w *world) fill(ctx context.Context, r room) (err error) {
	limit := int64(r.bytes)
	if r.later {
		if err := w.boot(ctx); err != nil {
			return err
		}
		all := totals(w.machine.History())
		limit += int64(all[len(all)-1])
		w.machine.Limit(limit)
		err = w.pays(ctx, 4)
	} else {
		w.machine.Limit(limit)
		err = w.run(ctx)
	}
	if err != nil { // else only a checkpoint found no room, and the WAL still has what it could not move
		if err := w.broken(ctx, err); err != nil {
			return err
		}
	}
	w.halt()
	w.machine.Limit(limit)
	if w.boot(ctx) != nil {
		w.db = nil // it may refuse
	}
	return nil
}

// A read fails, at each position. It is an answer to nobody, least of all that there is no such payment.
func TestFailedRead(t *testing.T) {
	every := 5
	if everything() {
		every = 1
	}
	w := rehearse(t)
	require.NoError(t, w.read(t.Context()).err)
	n := w.machine.Reads()
	o := trials(t, upTo(n, every), func(ctx context.Context, w *world, position int) (outcome, error) {
		w.machine.FailRead(position)
		err := w.run(ctx)
		if w.db != nil {
			err = errors.Join(err, w.sees(ctx))
		}
		if errors.Is(err, acquirer.ErrNotFound) {
			return outcome{}, err
		}
		return w.end(ctx, ending{again: true})
	})
	o.report(t, "failed read", (n+every-1)/every)
	o.requireNothingLost(t)
}

// sees reads back, while the store lives, what it has acknowledged.
func (w *world) sees(ctx context.Context) error {
	for _, l := range w.tales {
		if len(l.acked) == 0 {
			continue
		}
		tx, err := w.db.Get(ctx, l.id)
		if err != nil {
			return err
		}
		if tx.Version < l.states[len(l.acked)].txn.Version {
			return fmt.Errorf("payment %d reads as version %d", l.id, tx.Version)
		}
	}
	return nil
}

// The power goes while the store works: from then on nothing is acknowledged.
func TestPowerCutWhileWorking(t *testing.T) {
	every := 12
	if everything() {
		every = 1
	}
	n := rehearse(t).machine.Ops()
	o := trials(t, upTo(n, every), func(ctx context.Context, w *world, position int) (outcome, error) {
		w.machine.CutAt(position)
		err := w.run(ctx)
		if err == nil {
			return outcome{}, errors.New("the store went on without power")
		}
		if err := w.broken(ctx, err); err != nil {
			return outcome{}, err
		}
		if ops := w.machine.Ops(); ops != position {
			return outcome{}, fmt.Errorf("%d operations", ops)
		}
		return w.end(ctx, ending{})
	})
	o.report(t, "power cut while working", (n+every-1)/every)
	o.requireNothingLost(t)
}
