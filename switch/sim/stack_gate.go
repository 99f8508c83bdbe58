package sim

import (
	"context"
	"fmt"
	"time"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// stackGate stands between a life of the switch and the store. Every durable step passes it: it takes the time of a
// disk, and it is where the switch dies, the disk is full or the clock has jumped. When the life is over nothing of it
// gets through any more, while a step that was written before stays. Reads pass.
type stackGate struct {
	*store.DB
	life *stackLife
}

// The times of a disk.
const (
	stackDiskFast = 100 * time.Microsecond
	stackDiskSlow = 3 * time.Millisecond
)

// errStackDead is what becomes of a write of a life that is over; errStackFull of one on a full disk.
var (
	errStackDead = fmt.Errorf("%w: the process is dead", acquirer.ErrStore)
	errStackFull = fmt.Errorf("%w: no space left on the disk", acquirer.ErrStore)
)

// step carries out a write. key tells it from every other one of the life.
func (g *stackGate) step(key string, write func() error) error {
	l := g.life
	f := l.fate.of(key, 0)
	idle(f.of("before", 0).between(stackDiskFast, stackDiskSlow))
	if l.over() {
		return errStackDead
	}
	if l.full.Load() {
		return errStackFull
	}
	n := l.world.steps.Add(1)
	before, after := l.world.crashes(f, n)
	if before {
		return l.die("before " + key)
	}
	full, unheard := l.world.fills(f)
	if full && !unheard {
		l.fill("before " + key)
		return errStackFull
	}
	l.snapshot(n)
	err := write()
	l.world.log.note(fmt.Sprintf("life %d %s: %s", l.n, key, stackWord(err)))
	if after {
		return l.die("after " + key)
	}
	if unheard {
		l.fill("after " + key)
		return errStackFull
	}
	idle(f.of("after", 0).between(stackDiskFast, stackDiskSlow))
	if l.over() {
		return errStackDead
	}
	return err
}

// stackWord says how a write ended.
func stackWord(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}

// crashes says whether the switch dies at a durable step, and on which side of the write.
func (s *stack) crashes(f fate, n int64) (before, after bool) {
	strikes := f.of("crash", 0).chance(s.mood.crash)
	behind := f.of("crash after", 0).chance(0.6)
	if s.crashAt > 0 {
		strikes, behind = n == s.crashAt, s.crashAfter
	}
	strikes = strikes && !s.healed.Load()
	return strikes && !behind, strikes && behind
}

// fills says whether the disk is full from this step on, and whether the step is written all the same and its answer
// lost.
func (s *stack) fills(f fate) (full, unheard bool) {
	full = f.of("full", 0).chance(s.mood.full) && !s.healed.Load()
	return full, full && f.of("unheard", 0).chance(0.5)
}

// Open implements acquirer.Journal.
func (g *stackGate) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	stored := *t
	stored.Deadline = g.life.toDisk(t.Deadline)
	key := fmt.Sprintf("open %d %s by %s", t.ID, t.State, c.Event)
	err := g.step(key, func() error { return g.DB.Open(ctx, &stored, g.change(c)) })
	if err == nil {
		t.Version = stored.Version
	}
	return err
}

// Move implements acquirer.Journal.
func (g *stackGate) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	stored := *next
	stored.Deadline = g.life.toDisk(next.Deadline)
	key := fmt.Sprintf("move %d v%d %s > %s by %s", old.ID, old.Version, old.State, next.State, c.Event)
	err := g.step(key, func() error { return g.DB.Move(ctx, old, &stored, g.change(c)) })
	if err == nil {
		next.Version = stored.Version
	}
	return err
}

// change is a change as the disk has it.
func (g *stackGate) change(c acquirer.Change) acquirer.Change {
	if c.Reversal != nil {
		r := *c.Reversal
		r.Due = g.life.toDisk(r.Due)
		c.Reversal = &r
	}
	return c
}

// Find implements acquirer.Journal.
func (g *stackGate) Find(ctx context.Context, k acquirer.TerminalKey) (*acquirer.Transaction, error) {
	return g.read(g.DB.Find(ctx, k))
}

// FindToken implements acquirer.Journal.
func (g *stackGate) FindToken(ctx context.Context, token acquirer.TokenID) (*acquirer.Transaction, error) {
	return g.read(g.DB.FindToken(ctx, token))
}

// FindHost implements acquirer.Journal.
func (g *stackGate) FindHost(ctx context.Context, k acquirer.HostKey) (*acquirer.Transaction, error) {
	return g.read(g.DB.FindHost(ctx, k))
}

// Get implements acquirer.Journal.
func (g *stackGate) Get(ctx context.Context, id acquirer.ID) (*acquirer.Transaction, error) {
	return g.read(g.DB.Get(ctx, id))
}

// read translates a row from the disk.
func (g *stackGate) read(t *acquirer.Transaction, err error) (*acquirer.Transaction, error) {
	if err == nil {
		t.Deadline = g.life.fromDisk(t.Deadline)
	}
	return t, err
}

// InState implements acquirer.Journal.
func (g *stackGate) InState(ctx context.Context, s acquirer.State, after acquirer.ID, limit int) ([]*acquirer.Transaction, error) {
	rows, err := g.DB.InState(ctx, s, after, limit)
	for _, t := range rows {
		t.Deadline = g.life.fromDisk(t.Deadline)
	}
	return rows, err
}

// Due implements acquirer.Journal. The look takes an instant, so that a store error that came with the wake ends the
// worker before it looks, and not as goroutines happen to run.
func (g *stackGate) Due(ctx context.Context, now time.Time, limit int) ([]acquirer.Reversal, error) {
	idle(1)
	all, err := g.DB.Due(ctx, g.life.toDisk(now), limit)
	for i := range all {
		all[i].Due = g.life.fromDisk(all[i].Due)
	}
	return all, err
}

// NextDue implements acquirer.Journal.
func (g *stackGate) NextDue(ctx context.Context) (time.Time, bool, error) {
	at, ok, err := g.DB.NextDue(ctx)
	return g.life.fromDisk(at), ok, err
}

// Reschedule implements acquirer.Journal.
func (g *stackGate) Reschedule(ctx context.Context, r acquirer.Reversal) error {
	key := fmt.Sprintf("reschedule %d try %d due %s", r.ID, r.Tries, clockOf(r.Due.Sub(g.life.world.start)))
	r.Due = g.life.toDisk(r.Due)
	return g.step(key, func() error { return g.DB.Reschedule(ctx, r) })
}

// SaveSession implements acquirer.Directory.
func (g *stackGate) SaveSession(ctx context.Context, id acquirer.TerminalID, s acquirer.Session) error {
	key := fmt.Sprintf("session %s batch %d at %s", id, s.Batch, clockOf(s.Since.Sub(g.life.world.start)))
	return g.step(key, func() error { return g.DB.SaveSession(ctx, id, s) })
}

// RaiseAlarm implements acquirer.Directory.
func (g *stackGate) RaiseAlarm(ctx context.Context, a acquirer.Alarm) error {
	key := fmt.Sprintf("alarm %s %s at %s", a.Terminal, a.Kind, clockOf(a.At.Sub(g.life.world.start)))
	return g.step(key, func() error { return g.DB.RaiseAlarm(ctx, a) })
}

// SaveZoneKey implements acquirer.Directory.
func (g *stackGate) SaveZoneKey(ctx context.Context, k acquirer.KeyBlock) error {
	key := fmt.Sprintf("zone key %c at %s", rune(k.Usage), clockOf(time.Since(g.life.world.start)))
	return g.step(key, func() error { return g.DB.SaveZoneKey(ctx, k) })
}
