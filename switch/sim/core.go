package sim

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
)

// The span of a run. All of it is virtual.
const (
	coreHorizon = 12 * time.Hour   // a run whose terminals are not through by then hangs
	coreQuiet   = 25 * time.Minute // without faults: longer than the longest pause of a reversal, a delay and a deadline
	coreEnding  = time.Second      // for the flows of a killed switch to unwind
)

// coreOptions say what a run is. Two runs of equal options are equal.
type coreOptions struct {
	seed       uint64
	terminals  int
	payments   int       // of each terminal
	faults     coreRates // before they are mixed by seed
	forgetful  bool      // the host does not remember a reversal whose debit it has not seen
	unordered  bool      // a terminal's messages are handled at once, not in the order they came
	plant      coreBug
	midnight   bool // every run begins shortly before the business date changes
	cancels    bool // people often cancel while the host works
	slowPayers bool // people often take longer than a confirmation lasts
	slowDisk   bool // a commit takes up to 300 ms
	slowMail   bool // a device takes up to a minute for a notice
	rareMail   bool // the outbox is looked at once a minute
	setBack    bool // the clock may be set back while the switch is down, not only forward
	evening    bool // the day is settled when it is over
	oneBatch   bool // no terminal signs on during the day
	trace      bool // keep every event, for a story
}

// coreRun is one run: the world around the lives of a switch.
type coreRun struct {
	coreOptions
	cast  *coreCast
	dice  dice
	rates coreRates
	mem   *Memory
	host  *coreHost
	books *coreClearing
	start time.Time
	quit  chan struct{} // closed when the run is over

	healed atomic.Bool
	writes atomic.Int64
	pos    []*corePOS

	mu       sync.Mutex
	life     *coreLife // the one whose line is open, or nil
	lives    int
	fullTill time.Time // the disk is full until then
	forward  time.Time // when the clock was last set forward
	owners   map[string][]coreOwner
	events   []coreEvent
	letters  []coreLetter
	broken   []coreViolation
	count    coreCount
}

// coreCount is what a run amounts to.
type coreCount struct {
	payments, approved, undone, declined, unanswered int
	unconfirmed                                      int // approved, but the terminal lost its memory: the batch will tell
	overtaken                                        int // debited by a forgetful host behind the reversal: its list will tell
	hasty                                            int // before its deadline, since the clock was set forward meanwhile
	messages, crashes, lives                         int
	paid, listed                                     int // payouts, and what the worklist has in the end
	virtual                                          time.Duration
}

// add sums two counts.
func (c *coreCount) add(o coreCount) {
	c.payments += o.payments
	c.approved += o.approved
	c.undone += o.undone
	c.declined += o.declined
	c.unanswered += o.unanswered
	c.unconfirmed += o.unconfirmed
	c.overtaken += o.overtaken
	c.hasty += o.hasty
	c.messages += o.messages
	c.crashes += o.crashes
	c.lives += o.lives
	c.paid += o.paid
	c.listed += o.listed
	c.virtual += o.virtual
}

// coreResult is how a run ended.
type coreResult struct {
	coreCount
	violations []coreViolation
	events     []coreEvent // ordered; only when traced
}

// coreSimulate carries a run out. It must be called in a synctest bubble, and returns when every goroutine it started
// has ended or is about to.
func coreSimulate(cast *coreCast, o coreOptions) coreResult {
	w := &coreRun{coreOptions: o, cast: cast, dice: dice(o.seed), mem: NewMemory(), quit: make(chan struct{})}
	w.rates = o.faults.mixed(w.dice)
	w.host = newCoreHost(w)
	w.owners = map[string][]coreOwner{}
	w.books = newCoreClearing(w)
	pause(w.timeOfDay())
	w.start = time.Now()
	cast.settle(w)
	var supervisor sync.WaitGroup
	supervisor.Go(w.supervise)
	w.terminalsRun()
	w.healed.Store(true)
	pause(coreQuiet)
	close(w.quit)
	supervisor.Wait()
	pause(coreEnding)
	synctest.Wait()
	w.check()
	if w.evening {
		w.settleDay()
	}
	w.count.virtual = time.Since(w.start)
	w.count.lives = w.lives
	return coreResult{coreCount: w.count, violations: w.broken, events: orderedEvents(w.events)}
}

// timeOfDay says when a run begins, from the start of the bubble's clock, which is 08:00 in Beijing: at any time, and
// one in six a few minutes before the business date changes.
func (w *coreRun) timeOfDay() time.Duration {
	if w.midnight || w.dice.chance(1667, hopStart, 1) {
		return 16*time.Hour - w.dice.between(time.Minute, 6*time.Minute, hopStart)
	}
	return w.dice.between(0, 24*time.Hour, hopStart)
}

// terminalsRun lets every terminal make its payments and waits for them, not for ever.
func (w *coreRun) terminalsRun() {
	var all sync.WaitGroup
	for n := range w.terminals {
		p := newCorePOS(w, n)
		w.pos = append(w.pos, p)
		all.Go(p.run)
	}
	through := make(chan struct{})
	go func() {
		all.Wait()
		close(through)
	}()
	limit := time.NewTimer(coreHorizon)
	defer limit.Stop()
	select {
	case <-through:
	case <-limit.C:
		w.violate("finished", acquirer.TerminalKey{}, "a terminal still waits for the end of a payment")
	}
}

// supervise is what a service manager does: one life of the switch after the other until the run is over.
func (w *coreRun) supervise() {
	for {
		w.mu.Lock()
		w.lives++
		n := uint64(w.lives)
		w.mu.Unlock()
		newCoreLife(w, n).live()
		select {
		case <-w.quit:
			return
		case <-after(w.dice.between(20*time.Millisecond, 4*time.Second, hopDowntime, n)):
		}
	}
}

// setClock sets the clock of the machine while the switch is down, after some of its lives. The bubble's clock cannot
// be set: instead the times that the journal holds move the other way, which to a switch that starts is the same.
func (w *coreRun) setClock(life uint64) {
	if !w.faulty(w.rates.clock, hopClock, life) {
		return
	}
	jump := w.dice.between(time.Second, 2*time.Hour, hopClock, life, 1)
	if w.setBack && w.dice.chance(5000, hopClock, life, 2) {
		jump = -jump
	}
	w.tell(acquirer.TerminalKey{}, "the clock is set by "+jump.String())
	w.mem.shiftTimes(-jump)
	if jump > 0 {
		w.mu.Lock()
		w.forward = time.Now()
		w.mu.Unlock()
	}
}

// setForwardSince reports whether the clock was set forward after a moment: then a deadline seemed to have passed that
// had not, and nobody in the switch can know.
func (w *coreRun) setForwardSince(at time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.forward.After(at)
}

// open makes a life the one that terminals and host reach; nil closes the line.
func (w *coreRun) open(l *coreLife) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life = l
}

// reachable returns the life that answers, or nil.
func (w *coreRun) reachable() *coreLife {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.life
}

// faulty reports whether a fault of a rate befalls what the keys name. After the faults have healed none does.
func (w *coreRun) faulty(rate int, keys ...uint64) bool {
	return !w.healed.Load() && w.dice.chance(rate, keys...)
}

// outage reports whether this moment lies in a span of time in which something is down.
func (w *coreRun) outage(rate int, span time.Duration, hop uint64) bool {
	return w.faulty(rate, hop, uint64(time.Since(w.start)/span))
}

// carry takes a message along a line: it is lost, doubled or held up as the line's rates and the message's key say.
// deliver is called on a goroutine of its own for each copy.
func (w *coreRun) carry(r coreLineRates, key uint64, subject acquirer.TerminalKey, what string, deliver func(copy uint64)) {
	w.mu.Lock()
	w.count.messages++
	w.mu.Unlock()
	if w.faulty(r.loss, hopLoss, key) {
		w.tell(subject, what+", lost")
		return
	}
	w.tell(subject, what)
	copies := uint64(1)
	if w.faulty(r.double, hopDouble, key) {
		copies = 2
	}
	for c := range copies {
		d := w.dice.between(r.fastest, r.slowest, hopLatency, key, c)
		if w.faulty(r.hold, hopHold, key, c) {
			d += w.dice.between(time.Second, coreLongestDelay, hopHeld, key, c)
		}
		time.AfterFunc(d, func() { deliver(c) })
	}
}

// violate notes a broken invariant.
func (w *coreRun) violate(invariant string, key acquirer.TerminalKey, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, coreViolation{seed: w.seed, evening: w.evening, life: w.lives, at: time.Since(w.start), invariant: invariant,
		key: dateless(key), detail: fmt.Sprintf(format, args...)})
}

// dateless returns a terminal key as the terminal knows it.
func dateless(k acquirer.TerminalKey) acquirer.TerminalKey {
	k.Date = 0
	return k
}

// pause waits in virtual time.
func pause(d time.Duration) { <-after(d) }

// after returns a channel that receives in virtual time.
func after(d time.Duration) <-chan time.Time { return time.NewTimer(d).C }

// background is what every flow of the simulation is called with: no terminal hangs up on a flow.
func background(kind coreKind) context.Context {
	return context.WithValue(context.Background(), coreKindKey{}, kind)
}
