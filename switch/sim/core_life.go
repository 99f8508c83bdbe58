package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// coreWritesOfPayment is how many durable steps a payment may take, on the average of a run, before something spins.
const coreWritesOfPayment = 40

// coreLife is one process of the switch, from its start to its kill. After the kill every port refuses, so that a
// flow that is still under way does nothing more.
type coreLife struct {
	w       *coreRun
	n       uint64
	sw      *acquirer.Switch
	link    *coreLink
	journal acquirer.Journal // what lies behind the gate
	gate    *coreGate
	ctx     context.Context
	cancel  context.CancelFunc
	dead    chan struct{}

	mu     sync.Mutex // held while something is written, so that a kill does not come in the middle
	ended  bool
	failed bool                       // a write failed: from then on every port refuses, at once
	lanes  map[*corePOS]chan struct{} // by terminal: closed when its last message has its place
}

// newCoreLife makes a switch on the journal of the run.
func newCoreLife(w *coreRun, n uint64) *coreLife {
	l := &coreLife{w: w, n: n, dead: make(chan struct{}), lanes: map[*corePOS]chan struct{}{}}
	l.ctx, l.cancel = context.WithCancel(background(coreWorker))
	l.link, l.journal = newCoreLink(l), w.plant.behind(l, w.mem)
	l.gate = &coreGate{Journal: l.journal, l: l}
	c := acquirer.Config{Journal: l.gate, Directory: w.mem, HSM: coreHSM{}, Network: l.link,
		Numbers: w.cast.numbers, Issuers: w.cast.issuers, Institution: "48020000",
		Limits: acquirer.Limits{Budget: acquirer.BudgetLimits{Capacity: 1 << 30}}, Random: &coreNonces{life: n}}
	if w.evening {
		w.books.join(l, &c)
	}
	w.plant.before(l, &c)
	l.sw = acquirer.New(c)
	return l
}

// live runs the process: recovery, then the open line and the work in the background, until it is killed, stopped or
// ends by itself because of a store error. When it returns the process is dead.
func (l *coreLife) live() {
	l.w.tell(acquirer.TerminalKey{}, "the switch starts")
	done := make(chan error, 1)
	if _, err := l.sw.Recover(l.ctx); err == nil {
		l.w.open(l)
		go func() { done <- l.sw.Run(l.ctx) }()
		go l.deliver()
		l.serve(done)
		l.w.open(nil)
	} else {
		done <- nil
	}
	pause(time.Nanosecond)
	l.kill()
	<-done
	l.w.mem.Crash()
	l.w.setClock(l.n)
	if j, ok := l.journal.(interface{ crash() }); ok {
		j.crash()
	}
}

// serve waits for the end of the process. A store error ends it from within.
func (l *coreLife) serve(done chan error) {
	select {
	case <-l.dead:
	case <-l.w.quit:
	case <-l.stopped():
		l.w.tell(acquirer.TerminalKey{}, "the switch is told to stop")
		l.w.open(nil)
		l.cancel()
		select {
		case <-done: // the answers to reversals were waited for
			done <- nil
		case <-l.w.quit:
		}
	case err := <-done:
		done <- nil
		if l.alive() && !errors.Is(err, acquirer.ErrStore) {
			l.w.violate("process", acquirer.TerminalKey{}, "Run ended with %v", err)
		}
	}
}

// stopped returns a channel that receives when an operator stops the process; in most lives nobody does.
func (l *coreLife) stopped() <-chan time.Time {
	if !l.w.faulty(l.w.rates.stop, hopGraceful, l.n) {
		return nil
	}
	return after(l.w.dice.between(time.Second, 5*time.Minute, hopGraceful, l.n, 1))
}

// kill ends the process at this instant.
func (l *coreLife) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.dead)
	l.cancel()
	l.w.tell(acquirer.TerminalKey{}, "the switch is dead")
}

// fail makes every port refuse from now on: a store that failed once has failed for good. Otherwise it would depend on
// the order of goroutines whether the work in the background begins something at the instant at which it is told to end.
func (l *coreLife) fail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = true
}

// works reports whether the ports of the process do anything.
func (l *coreLife) works() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended && !l.failed
}

// alive reports whether the process has not been killed.
func (l *coreLife) alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended
}

// failpoint kills the process here when the dice say so: the caller does not go on. The kill is carried out a
// nanosecond later, when all that can run at this instant has run.
func (l *coreLife) failpoint(hop uint64, what string, keys ...uint64) error {
	if l.w.healed.Load() || !l.w.dice.chance(l.w.rates.crash, hop, l.n, l.w.dice.roll(keys...)) {
		return nil
	}
	l.w.mu.Lock()
	l.w.count.crashes++
	l.w.mu.Unlock()
	l.w.tell(acquirer.TerminalKey{}, "crash "+what)
	time.AfterFunc(time.Nanosecond, l.kill)
	<-l.dead
	return errDead
}

// errDead is what a port of a dead process returns.
var errDead = fmt.Errorf("%w: the process is dead", acquirer.ErrStore)

// wait lets time pass in the process; false: it died meanwhile.
func (l *coreLife) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.dead:
		return false
	}
}

// coreGate stands between the flows of a life and the journal. It makes a write take time, crashes before and after
// it, lets the disk be full, and refuses once the life has ended.
type coreGate struct {
	acquirer.Journal
	l *coreLife
}

// write carries out one durable step. keys name the step.
func (g *coreGate) write(what string, do func() error, keys ...uint64) error {
	l, key := g.l, g.l.w.dice.roll(keys...)
	if !l.works() {
		return errDead
	}
	if l.w.spins() {
		<-l.dead
	}
	if err := l.failpoint(hopCrashBefore, "before "+what, keys...); err != nil {
		return err
	}
	if !l.wait(l.w.dice.between(200*time.Microsecond, l.w.slowestCommit(), hopCommit, l.n, key)) {
		return errDead
	}
	if l.diskFull(key) {
		return g.refuse(what, do, key)
	}
	err := l.commit(do)
	if crash := l.failpoint(hopCrashAfter, "after "+what, keys...); crash != nil {
		return crash
	}
	if l.w.dice.chance(3000, hopHeard, l.n, key) && !l.wait(l.w.dice.between(10*time.Microsecond, 3*time.Millisecond, hopHeard, l.n, key, 1)) {
		return errDead
	}
	return err
}

// spins reports whether the flows write without an end; the run is stopped then.
func (w *coreRun) spins() bool {
	limit := int64(coreWritesOfPayment * (w.terminals*w.payments + 100))
	n := w.writes.Add(1)
	if n == limit {
		w.violate("finished", acquirer.TerminalKey{}, "a flow writes without an end")
	}
	return n >= limit
}

// slowestCommit is how long a commit may take.
func (w *coreRun) slowestCommit() time.Duration {
	if w.slowDisk {
		return 300 * time.Millisecond
	}
	return 6 * time.Millisecond
}

// commit writes unless the process is dead.
func (l *coreLife) commit(do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return errDead
	}
	return do()
}

// diskFull reports whether a write finds the disk full; it stays full for a while.
func (l *coreLife) diskFull(key uint64) bool {
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Before(w.fullTill) {
		return !w.healed.Load()
	}
	if !w.faulty(w.rates.full, hopFull, l.n, key) {
		return false
	}
	if w.dice.chance(3000, hopFullFor, l.n, key) {
		w.fullTill = now.Add(w.dice.between(time.Second, 20*time.Second, hopFullFor, l.n, key, 1))
	}
	return true
}

// refuse is a write on a full disk: nobody knows if it was carried out. The process must end by itself.
func (g *coreGate) refuse(what string, do func() error, key uint64) error {
	l := g.l
	if l.w.dice.chance(5000, hopFullWritten, l.n, key) {
		_ = l.commit(do)
	}
	l.fail()
	l.w.tell(acquirer.TerminalKey{}, "disk full at "+what)
	time.AfterFunc(time.Second, func() {
		if l.alive() {
			l.w.violate("process", acquirer.TerminalKey{}, "a store error did not end the process")
		}
	})
	return fmt.Errorf("%w: disk full", acquirer.ErrStore)
}

// NewID implements [acquirer.Journal]. A dead process takes no id from the one that lives.
func (g *coreGate) NewID(now time.Time) (id acquirer.ID, err error) {
	err = g.l.commit(func() error {
		id, err = g.Journal.NewID(now)
		return err
	})
	return id, err
}

// Open implements [acquirer.Journal].
func (g *coreGate) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	err := g.write("open as "+t.State.String(), func() error { return g.Journal.Open(ctx, t, c) }, uint64(t.ID), 0)
	g.l.w.tellMove(t, c, err)
	return err
}

// Move implements [acquirer.Journal]. A move that the table does not permit is reported, not carried out.
func (g *coreGate) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if !acquirer.MayMove(old.State, next.State) {
		g.l.w.violate("path", old.Key, "a flow moves from %s to %s", old.State, next.State)
		return fmt.Errorf("%w: illegal move", acquirer.ErrStore)
	}
	err := g.write("move to "+next.State.String(), func() error { return g.Journal.Move(ctx, old, next, c) }, uint64(old.ID), uint64(old.Version), uint64(next.State))
	g.l.w.tellMove(next, c, err)
	return err
}

// Reschedule implements [acquirer.Journal].
func (g *coreGate) Reschedule(ctx context.Context, r acquirer.Reversal) error {
	return g.write("reschedule", func() error { return g.Journal.Reschedule(ctx, r) }, uint64(r.ID), uint64(r.Due.UnixNano()))
}

// Find implements [acquirer.Journal]. What it finds may be old when it is heard.
func (g *coreGate) Find(ctx context.Context, key acquirer.TerminalKey) (*acquirer.Transaction, error) {
	t, err := g.Journal.Find(ctx, key)
	return t, g.read(err, uint64(key.STAN), uint64(key.Batch))
}

// Get implements [acquirer.Journal], as Find.
func (g *coreGate) Get(ctx context.Context, id acquirer.ID) (*acquirer.Transaction, error) {
	t, err := g.Journal.Get(ctx, id)
	return t, g.read(err, uint64(id))
}

// FindHost implements [acquirer.Journal], as Find.
func (g *coreGate) FindHost(ctx context.Context, key acquirer.HostKey) (*acquirer.Transaction, error) {
	t, err := g.Journal.FindHost(ctx, key)
	return t, g.read(err, uint64(key.STAN), 1)
}

// Told implements [acquirer.Journal], as Find.
func (g *coreGate) Told(ctx context.Context, id acquirer.ID, kind acquirer.NoticeKind) (bool, error) {
	told, err := g.Journal.Told(ctx, id, kind)
	return told, g.read(err, uint64(id), 2)
}

// Due implements [acquirer.Journal], as Find.
func (g *coreGate) Due(ctx context.Context, now time.Time, limit int) ([]acquirer.Reversal, error) {
	r, err := g.Journal.Due(ctx, now, limit)
	return r, g.read(err)
}

// read takes its time in one of four reads; keys and the moment name the read. A dead process reads nothing.
func (g *coreGate) read(err error, keys ...uint64) error {
	l := g.l
	if !l.works() {
		return errDead
	}
	now := uint64(time.Since(l.w.start))
	key := l.w.dice.roll(keys...)
	if l.w.dice.chance(2500, hopRead, now, key) {
		l.wait(l.w.dice.between(5*time.Microsecond, 2*time.Millisecond, hopRead, now, key, 1))
	}
	if !l.works() {
		return errDead
	}
	return err
}
