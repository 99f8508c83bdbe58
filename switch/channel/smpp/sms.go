package smpp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linxGnu/gosmpp/pdu"
	"github.com/rs/zerolog"

	acquirer "example.com/ringback/switch"
)

// SMS is the bind to a short message centre: device and channel in one. Its methods are safe for concurrent use.
type SMS struct {
	Config
	source   pdu.Address
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
	c.Alphabet = fallback(c.Alphabet, GSM7)
	c.ReceiptIDs = fallback(c.ReceiptIDs, SameIDs)
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

// Bound reports whether the centre has taken the bind that is up.
func (s *SMS) Bound() bool { return s.bound.Load() != nil }

// Run implements [acquirer.Runner]: it stays bound until ctx ends, then it waits for what is under way, unbinds, and
// returns nil when all it started has ended. A centre that is away is no error. It returns an error at once when the
// configuration is not whole or when it is called a second time, and when a message or a receipt cannot be stored for
// certain (acquirer.ErrStore).
func (s *SMS) Run(ctx context.Context) error {
	if err := s.Check(); err != nil {
		return err
	}
	if !s.running.CompareAndSwap(false, true) {
		return errors.New("smpp: Run was called before")
	}
	source, err := s.Source.address()
	if err != nil {
		return fmt.Errorf("smpp: source: %w", err)
	}
	s.source = source
	life, end := context.WithCancel(ctx)
	defer end()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx)) // lanes finish what they have while the bind ends
	defer stop()
	var workers sync.WaitGroup
	for i := range s.lanes {
		workers.Go(func() { s.lane(inner, s.lanes[i]) })
	}
	workers.Go(func() { s.sweeper(inner) })
	bound := make(chan struct{})
	go func() { defer close(bound); s.stayBound(life) }()
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
	s.failing.Do(func() { s.failed <- fmt.Errorf("smpp: %w", err) })
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

// stayBound binds again and again, at one address after the other.
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

// once binds and stays until the link ends. since is when it was bound; zero: it never was.
func (s *SMS) once(ctx context.Context, addr string) (since time.Time, err error) {
	dialing, stop := context.WithTimeout(ctx, s.Limits.Bind)
	conn, err := s.Dial(dialing, addr)
	if err != nil {
		stop()
		return since, fmt.Errorf("connecting to the centre: %w", err)
	}
	l, err := bind(dialing, conn, s.Config)
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
	err = l.run(ctx, func(f frame) { s.deliver(l, f) }, quit)
	quit()
	if err == nil {
		s.log.Info().Msg("unbound")
	}
	return since, err
}
