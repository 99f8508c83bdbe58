package terminal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	acquirer "example.com/ringback/switch"
)

// Server answers terminals. Set the exported fields before the first call of [Server.Serve] and leave them alone from
// then on; the zero value of Log logs nothing. A Server must not be copied.
type Server struct {
	Switch      *acquirer.Switch
	Institution string // the switch's own institution code, F32 of every answer: 8 digits
	Log         zerolog.Logger
	Limits      Limits

	once     sync.Once
	began    time.Time
	limits   Limits          // with defaults
	rates    rates           // of limits
	base     context.Context // of the flows; ends when Shutdown is cut short
	cut      context.CancelFunc
	noisy    zerolog.Logger // for lines that a peer can cause
	buffers  sync.Pool      // of *buffer
	lanes    lanes
	roster   roster
	counters counters

	closing atomic.Bool // written with mu held
	closed  chan struct{}
	drained chan struct{} // closed when everything accepted has been answered

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	addresses addresses      // kept only with a limit per address
	work      sync.WaitGroup // every goroutine that reads, handles or writes; the first of a connection starts with mu held
}

// age is how long the server has been there.
func (s *Server) age() time.Duration { return time.Since(s.began) }

func (s *Server) init() {
	s.began = time.Now()
	s.limits = s.Limits.WithDefaults()
	s.base, s.cut = context.WithCancel(context.Background())
	s.rates = s.limits.rates()
	s.noisy = s.Log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: noisyPeriod})
	s.buffers.New = func() any { return new(buffer) }
	s.lanes.init(s.limits.Queue, s.limits.Requests)
	s.roster.init(&s.limits)
	s.closed = make(chan struct{})
	s.drained = make(chan struct{})
	s.listeners = make(map[net.Listener]struct{})
	s.conns = make(map[*conn]struct{})
	s.addresses.init(s.limits)
}

// Serve answers the terminals that connect to l until [Server.Shutdown], then returns nil; l is closed then. It may run
// for several listeners at a time; a TLS listener is one like any other (see [ListenTLS]). A failing accept, such as
// the file limit reached, is tried again after a pause; Serve returns an error only when l was closed by somebody else.
func (s *Server) Serve(l net.Listener) error {
	s.once.Do(s.init)
	if !s.listen(l) {
		return l.Close()
	}
	defer s.unlisten(l)
	pause := time.Duration(0)
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.admit(nc)
		case s.closing.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("terminals' listener: %w", err)
		default:
			pause = s.rest(pause, err)
		}
	}
}

// Shutdown stops accepting and reading, waits until everything that was read has been answered, and closes all
// connections. When ctx ends first, connections are closed as they stand and ctx's error is returned; what is at the
// host stays in the journal, and the terminal's undo or the next start takes it up.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(s.init)
	err := s.stop()
	select {
	case <-s.drained:
	case <-ctx.Done():
		s.abandon()
		return errors.Join(err, ctx.Err())
	}
	return err
}

// listen takes a listener into care; false: the server is shutting down.
func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) unlisten(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// stop makes accept loops and readers end, once, and starts to wait for what they left.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Swap(true) {
		return nil
	}
	close(s.closed)
	var err error
	for l := range s.listeners {
		err = errors.Join(err, l.Close())
	}
	for c := range s.conns {
		c.wake()
	}
	go s.drain()
	return err
}

// drain ends when no goroutine of the server is left.
func (s *Server) drain() {
	s.work.Wait()
	s.cut()
	close(s.drained)
}

// abandon closes every connection, answered or not.
func (s *Server) abandon() {
	s.cut()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.abort()
	}
}
