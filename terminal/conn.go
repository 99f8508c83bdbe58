package terminal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"example.com/ringback/spec/pos"
)

// Why a connection ends, beside what the network reports.
var (
	errClosing   = errors.New("reading has been ended")
	errBadFrames = errors.New("too many unreadable frames in a row")
	errSlow      = errors.New("frame not complete in time")
	errPanic     = errors.New("panic while reading")
	errWrongMACs = errors.New("too many wrong MACs of a terminal in a row")
	errBlocked   = errors.New("its terminal is blocked")
)

// buffer holds one frame.
type buffer [pos.MaxFrame]byte

// conn is one connection. While nothing is in flight one goroutine waits in read, without a buffer.
type conn struct {
	server *Server
	nc     net.Conn
	addr   netip.Addr // valid only with a limit per address
	port   *port      // nil: no terminal has been at work, or failed to show its key; belongs to the roster

	// The reader's own, one goroutine after the other.
	prefix    [2]byte       // of the frame that is being read
	from, to  uint16        // what of ahead has not been taken
	bad       int32         // unreadable frames in a row
	inRow     int32         // frames taken in a row with more of them waiting
	ahead     *buffer       // bytes read behind the last frame; nil: none
	pause     time.Duration // before the next is read
	asked     bucket        // by all terminals
	strangers bucket        // by those that have not shown their key here

	// A request holds a slot from before it is read until its answer has been written or given up.
	slots   chan struct{}
	pending sync.WaitGroup // requests that hold a slot

	mu      sync.Mutex
	outbox  [][]byte // answers with their length in front, in order
	writing bool     // somebody runs flush, or is about to
	broken  bool     // a write failed; used by the one that runs flush
	ending  atomic.Bool
}

func newConn(s *Server, nc net.Conn) *conn {
	return &conn{server: s, nc: nc, slots: make(chan struct{}, s.limits.InFlight)}
}

// serve begins a connection.
func (c *conn) serve() {
	if err := c.handshake(); err != nil {
		c.end(err)
		return
	}
	c.server.work.Go(c.read)
}

// end waits until everything that was read has been answered, then closes.
func (c *conn) end(cause error) {
	c.explain(cause)
	c.server.roster.gone(c)
	c.dropAhead()
	c.pending.Wait()
	c.close()
	c.server.forget(c)
}

// handshake completes TLS, where the listener speaks it, under the deadline of a frame.
func (c *conn) handshake() error {
	secure, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	if err := c.allow(c.server.limits.FrameTimeout); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.server.base, c.server.limits.FrameTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	return nil
}

// allow sets the time that reading may take from now. The order matters: Shutdown and hangUp set their mark first and the
// deadline after, so that one of the two is seen here.
func (c *conn) allow(d time.Duration) error {
	if err := c.nc.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	if c.server.closing.Load() || c.ending.Load() {
		return errClosing
	}
	return nil
}

// hangUp makes the connection end: no more is read, what was read is answered, and then it is closed.
func (c *conn) hangUp(why error) {
	if c.ending.Swap(true) {
		return
	}
	c.server.counters.expelled.Add(1)
	c.server.noisy.Warn().Stringer("peer", c.nc.RemoteAddr()).Err(why).Msg("connection ends")
	c.wake()
}

// inside names the end of a connection within a frame.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if timedOut(err) {
		return errSlow
	}
	return err
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// explain logs why reading ended, when somebody is to blame. A terminal that hangs up or sleeps is normal.
func (c *conn) explain(err error) {
	quiet := errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		timedOut(err) || errors.Is(err, errClosing)
	if !quiet {
		c.server.noisy.Info().Stringer("peer", c.nc.RemoteAddr()).Err(err).Msg("connection ends")
	}
}

// wake makes a reader that waits for bytes look at closing. An error means that the connection has ended anyway.
func (c *conn) wake() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }

// abort closes the socket now. An error means that it is closed already.
func (c *conn) abort() { _ = c.nc.Close() }

// close ends the connection when every answer has been written. Closing a socket that holds unread bytes makes the
// kernel throw away what it has not sent yet, so that the peer's bytes are taken for a moment.
func (c *conn) close() {
	defer c.abort()
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.nc.SetReadDeadline(time.Now().Add(c.server.limits.Linger)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, c.nc) // until the peer closes, fails or the time is over: all the same
}
