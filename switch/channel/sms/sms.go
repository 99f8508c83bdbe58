package sms

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/rs/zerolog"
)

// Config is what an [SMS] is made of: what a protocol adds to what its own configuration holds.
type Config struct {
	Common
	Name     string   // of the protocol, in front of errors
	Protocol Protocol // how to speak
	Source   string   // what limits count messages by: the protocol and the name at the centre
	// Check names what is wrong in the protocol's own part; nil: nothing ever is.
	Check func() error
}

// Common is what the configurations of all protocols hold. All but Dial, EarlyParts, Log and Limits must be set.
type Common struct {
	Addrs []string // host:port of the centre's doors: one is tried after the other
	// Dial opens a connection, which then belongs to the SMS; nil means TCP. Its ctx ends after Limits.Bind.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// EarlyParts acknowledges the parts of a long message one by one, for centres that send the next part only then. A
	// message whose last part is still to come is lost when the process ends meanwhile; its sender gets no answer.
	EarlyParts bool

	Inbox    acquirer.Inbox
	Receipts acquirer.Receipts
	// NameKey keys the names of incoming messages: 32 bytes, the same after a restart. The names are stored; without the
	// key nobody can try out which text of which number one of them stands for.
	NameKey acquirer.Key
	// Chance spreads pauses: it returns a number from 0 up to below 1, and is called concurrently.
	Chance func() float64
	Log    zerolog.Logger // the zero value logs nothing
	Limits Limits
}

// check names everything that is missing or wrong, one a line.
func (c Config) check() error {
	out := &Faults{Name: c.Name}
	out.Want(len(c.Addrs) > 0, "no address of a centre")
	out.Want(c.Inbox != nil && c.Receipts != nil, "no inbox or no receipts")
	out.Want(len(c.NameKey.Reveal()) == 32, "name key is not 32 bytes")
	out.Want(c.Chance != nil, "no source of chance")
	out.Want(c.Limits.Rate > 0 && c.Limits.Window > 0, "rate or window is below 1")
	if c.Check != nil {
		return errors.Join(c.Check(), out.Err())
	}
	return out.Err()
}

// Faults collects what is wrong in a configuration, under the protocol's name.
type Faults struct {
	Name  string
	found []error
}

// Want notes what when ok is false.
func (f *Faults) Want(ok bool, what string) {
	if !ok {
		f.found = append(f.found, errors.New(f.Name+": "+what))
	}
}

// Err joins what was noted, one a line; nil: nothing.
func (f *Faults) Err() error { return errors.Join(f.found...) }

// SMS is the link to a short message centre: device and channel in one. Its methods are safe for concurrent use.
type SMS struct {
	Config
	log      zerolog.Logger
	noisy    zerolog.Logger // for what a peer or a sender can cause at will
	bound    atomic.Pointer[link]
	pace     pace
	outgoing *outgoing
	assembly *assembly
	names    names
	lanes    [lanes]chan job
	running  atomic.Bool
	failed   chan error
	failing  sync.Once
}

var _ acquirer.Runner = (*SMS)(nil)

// New returns an SMS that has started nothing: call [SMS.Run].
func New(c Config) *SMS {
	c.Limits = c.Limits.WithDefaults()
	if c.Dial == nil {
		c.Dial = dialTCP
	}
	s := &SMS{Config: c, log: c.Log, failed: make(chan error, 1), outgoing: newOutgoing(c.Limits),
		assembly: newAssembly(c.Limits, c.EarlyParts), names: names{life: c.Limits.Double, known: map[string]named{}}}
	s.noisy = c.Log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: noisyPeriod})
	s.pace = pace{gap: time.Second / time.Duration(max(c.Limits.Rate, 1)), first: c.Limits.PauseFirst, most: c.Limits.PauseMax, chance: c.Chance}
	for i := range s.lanes {
		s.lanes[i] = make(chan job, c.Limits.Waiting)
	}
	return s
}

// Check names everything that is missing or wrong in the configuration, one a line.
func (s *SMS) Check() error { return s.check() }

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// Bound reports whether the centre has taken the log-in of the link that is up.
func (s *SMS) Bound() bool { return s.bound.Load() != nil }

// Run implements [acquirer.Runner]: it stays with the centre until ctx ends, then it waits for what is under way, says goodbye, and
// returns nil when all it started has ended. A centre that is away is no error. It returns an error at once when the
// configuration is not whole or when it is called a second time, and when a message or a receipt cannot be stored for
// certain (acquirer.ErrStore).
func (s *SMS) Run(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	if !s.running.CompareAndSwap(false, true) {
		return errors.New(s.Name + ": Run was called before")
	}
	life, end := context.WithCancel(ctx)
	defer end()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx)) // lanes finish what they have while the link ends
	defer stop()
	var workers sync.WaitGroup
	for i := range s.lanes {
		workers.Go(func() { s.lane(inner, s.lanes[i]) })
	}
	workers.Go(func() { s.sweeper(inner) })
	bound := make(chan struct{})
	go func() { defer close(bound); s.stayBound(life) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	end()
	<-bound
	stop()
	workers.Wait()
	return err
}

// fail makes Run end.
func (s *SMS) fail(err error) {
	s.failing.Do(func() { s.failed <- fmt.Errorf("%s: %w", s.Name, err) })
}

// sweeper looks after what is held.
func (s *SMS) sweeper(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			if n := s.assembly.sweep(now); n > 0 {
				s.noisy.Info().Int("messages", n).Msg("messages whose parts did not all come: forgotten")
			}
		}
	}
}

// stayBound logs in again and again, at one address after the other.
func (s *SMS) stayBound(ctx context.Context) {
	failures := 0
	for turn := 0; ctx.Err() == nil; turn++ {
		since, err := s.once(ctx, s.Addrs[turn%len(s.Addrs)])
		if ctx.Err() != nil {
			return
		}
		failures++
		if !since.IsZero() && time.Since(since) >= s.Limits.Steady {
			failures = 1
		}
		pause := spread(min(s.Limits.RetryFirst<<min(failures-1, 16), s.Limits.RetryMax), s.Chance)
		s.log.Warn().Err(err).Dur("pause", pause).Msg("not bound")
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// once logs in and stays until the link ends. since is when it was bound; zero: it never was.
func (s *SMS) once(ctx context.Context, addr string) (since time.Time, err error) {
	dialing, stop := context.WithTimeout(ctx, s.Limits.Bind)
	conn, err := s.Dial(dialing, addr)
	if err != nil {
		stop()
		return since, fmt.Errorf("connecting to the centre: %w", err)
	}
	l, err := bind(dialing, conn, s.Protocol, s.Limits)
	stop()
	if err != nil {
		return since, err
	}
	since = time.Now()
	s.log.Info().Str("centre", addr).Msg("bound")
	s.bound.Store(l)
	quit := func() {
		s.bound.Store(nil)
		s.assembly.release()
	}
	err = l.run(ctx, func(d Delivery) { s.deliver(l, d) }, quit)
	quit()
	if err == nil {
		s.log.Info().Msg("unbound")
	}
	return since, err
}
