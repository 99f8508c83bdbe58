package sim

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// The times of a full-stack run. All of it is virtual.
const (
	stackNight   = 24 * time.Hour   // within which a run begins, so that some cross midnight in Beijing
	stackQuiet   = 12 * time.Minute // without faults: longer than the longest pause of a reversal with the largest jump back
	stackUnwind  = 3 * time.Minute  // for the goroutines of dead lives to end: longer than any wait of theirs
	stackPatient = 30               // how often a terminal tries to get rid of an undo once the faults are over
)

// stackOptions say what a run is. Two runs of equal options have equal traces.
type stackOptions struct {
	seed      uint64
	terminals int
	payments  int    // of each terminal
	dir       string // an empty folder for database, ledger and terminals' states
	// calm leaves only the faults that are asked for below.
	calm bool
	// crashAt kills the switch at the durable step of this number, counted over all lives from 1; crashAfter says on
	// which side of the write. 0: crashes are a matter of fate.
	crashAt    int64
	crashAfter bool
	// farBack lets the clock jump back by hours between two lives.
	farBack bool
	// doubled lets messages to the host arrive twice, each answered by itself.
	doubled bool
	// forgetful is a host that does not remember a reversal whose debit it has not seen.
	forgetful bool
	plant     stackPlant
	test      string // its name, for who wants to see the run again
}

// stackPorts is what the switch and its line keep their state in.
type stackPorts interface {
	acquirer.Journal
	acquirer.Directory
}

// stackPlant puts a bug between the switch and its ports; the zero value puts none.
type stackPlant struct {
	ports   func(l *stackLife, inner stackPorts) stackPorts
	network func(l *stackLife, inner acquirer.Network) acquirer.Network
	// amnesia loses what was written last when the switch dies.
	amnesia bool
}

// stackCount is what a run amounted to.
type stackCount struct {
	payments, debits, approved, declined, reversed, tombstones, exceptions int
	overtaken                                                              int // debited by a forgetful host behind the reversal
	lives, crashes, full, hostCrashes, powerCuts, replays                  int64
	frames                                                                 int
	virtual                                                                time.Duration
}

func (c *stackCount) add(o stackCount) {
	c.payments += o.payments
	c.debits += o.debits
	c.approved += o.approved
	c.declined += o.declined
	c.reversed += o.reversed
	c.tombstones += o.tombstones
	c.exceptions += o.exceptions
	c.overtaken += o.overtaken
	c.lives += o.lives
	c.crashes += o.crashes
	c.full += o.full
	c.hostCrashes += o.hostCrashes
	c.powerCuts += o.powerCuts
	c.replays += o.replays
	c.frames += o.frames
	c.virtual += o.virtual
}

// String is one line for people.
func (c stackCount) String() string {
	return fmt.Sprintf("%d payments, %d debits: %d approved, %d declined, %d undone, %d undone before they came, "+
		"%d on the worklist; %d lives of the switch, %d crashes, %d by a full disk; %d host crashes, %d power cuts, "+
		"%d replays, %d frames; %v of virtual time", c.payments, c.debits, c.approved, c.declined, c.reversed, c.tombstones,
		c.exceptions, c.lives, c.crashes, c.full, c.hostCrashes, c.powerCuts, c.replays, c.frames, c.virtual)
}

// stackResult is how a run ended.
type stackResult struct {
	stackCount
	steps  int64          // durable steps
	moves  map[string]int // how often each move was seen
	trace  []string
	broken []stackViolation
	err    error // the run could not be carried out
}

// stack is one run: the real switch with all its parts, the mock host and terminals, and what goes wrong between them.
type stack struct {
	stackOptions
	fate   fate
	mood   stackMood
	start  time.Time
	net    *simNet
	log    stackLog
	module *hsm.Module
	host   *stackHost
	pos    []*stackPOS

	healed  atomic.Bool
	quit    chan struct{}  // closed when no new life of the switch may begin
	zombies sync.WaitGroup // whatever is left of dead lives
	steps   atomic.Int64
	broke   chan error // why the run cannot go on
	count   struct{ lives, crashes, full, hostCrashes, powerCuts, replays atomic.Int64 }
}

// stackSimulate carries a run out. It must be called in a synctest bubble and returns when everything it started has
// ended.
func stackSimulate(o stackOptions) stackResult {
	s := &stack{stackOptions: o, fate: fate(o.seed).of("stack", 0), quit: make(chan struct{}), broke: make(chan error, 1)}
	s.mood = stackMoodOf(s.fate.of("mood", 0), o)
	idle(s.fate.of("begin", 0).between(0, stackNight))
	s.start = time.Now()
	s.log.start = s.start
	s.net = newSimNet(s.fate.of("net", 0), s.weather, s.log.note, s.log.tap)
	if err := s.prepare(); err != nil {
		return stackResult{err: err}
	}
	result := s.run()
	s.zombies.Wait()
	result.virtual = time.Since(s.start)
	result.trace = s.log.trace()
	return result
}

// prepare makes the world: the switch's database with its people, the host and the terminals.
func (s *stack) prepare() (err error) {
	if s.module, err = stackModule(s.fate); err != nil {
		return err
	}
	s.host = newStackHost(s)
	for n := range s.terminals {
		s.pos = append(s.pos, newStackPOS(s, n))
	}
	if err := s.enterPeople(); err != nil {
		return err
	}
	return s.host.open()
}

// run is the story: trouble, healing, quiet, the end, and the books.
func (s *stack) run() stackResult {
	var switchEnds, hostEnds sync.WaitGroup
	trouble := make(chan struct{})
	switchEnds.Go(s.supervise)
	hostEnds.Go(func() { s.host.suffer(trouble) })
	s.each((*stackPOS).work)
	close(trouble)
	hostEnds.Wait()
	s.heal()
	s.each((*stackPOS).settle)
	idle(stackQuiet)
	s.each((*stackPOS).retire)
	close(s.quit)
	switchEnds.Wait()
	idle(stackUnwind)
	return s.audit()
}

// each has all terminals do something at once and waits for them.
func (s *stack) each(do func(*stackPOS)) {
	var all sync.WaitGroup
	for _, p := range s.pos {
		all.Go(func() { do(p) })
	}
	all.Wait()
}

// heal ends the faults: what is under way on the lines may still be late.
func (s *stack) heal() {
	s.healed.Store(true)
	s.log.note("healed")
	s.host.restart()
}

// supervise is what a service manager does: one life of the switch after the other until the run is over.
func (s *stack) supervise() {
	for n := int64(1); ; n++ {
		s.count.lives.Add(1)
		l := newStackLife(s, n)
		l.live()
		select {
		case <-s.quit:
			return
		default:
		}
		down := s.fate.of("down", n)
		pause := down.between(time.Second, 5*time.Second)
		if down.of("long", 0).chance(0.2) {
			pause = down.between(5*time.Second, 3*time.Minute)
		}
		idle(pause)
	}
}

// fail notes why the run cannot be carried out; the first reason counts.
func (s *stack) fail(err error) {
	select {
	case s.broke <- err:
	default:
	}
}

func (s *stack) database() string { return filepath.Join(s.dir, "ringback.db") }
