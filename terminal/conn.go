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
	"time"

	"example.com/ringback/spec/pos"
)

// Why a connection ends, beside what the network reports.
var (
	errClosing   = errors.New("server is shutting down")
	errBadFrames = errors.New("too many unreadable frames in a row")
	errSlow      = errors.New("frame not complete in time")
	errPanic     = errors.New("panic while reading")
)

// buffer holds one frame.
type buffer [pos.MaxFrame]byte

// conn is one connection. While nothing is in flight one goroutine waits in read, without a buffer.
type conn struct {
	server *Server
	nc     net.Conn
	addr   netip.Addr // valid only with a limit per address
	prefix [2]byte    // of the frame that is being read
	bad    int        // unreadable frames in a row

	// A request holds a slot from before it is read until its answer has been written or given up.
	slots   chan struct{}
	pending sync.WaitGroup // requests that hold a slot

	mu      sync.Mutex
	outbox  [][]byte // answers with their length in front, in order
	writing bool     // somebody runs flush, or is about to
	broken  bool     // a write failed; used by the one that runs flush
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

// read waits for one frame, lets another goroutine wait for the next and handles its own. An idle connection thus never
// holds a stack that has grown in handling; and where the frame stands in its lane is settled before the next is read.
func (c *conn) read() {
	got, err := c.await()
	if err != nil {
		c.end(err)
		return
	}
	q, err := c.next(got)
	if err != nil {
		c.end(err)
		return
	}
	if q == nil {
		c.server.work.Go(c.read)
		return
	}
	turn := c.server.lanes.enter(q)
	c.server.work.Go(c.read)
	c.server.dispatch(q, turn)
}

// await waits for the first byte of a frame, which may be long, and returns how many bytes of the length came. It waits
// for a slot before: a peer that sends without taking answers is held by TCP, not by memory. Idle connections wait
// here, a few frames deep, so that 2 KiB of stack are enough.
func (c *conn) await() (got int, err error) {
	c.slots <- struct{}{}
	if err := c.allow(c.server.limits.IdleTimeout); err != nil {
		return 0, err
	}
	for got == 0 && err == nil {
		got, err = c.nc.Read(c.prefix[:])
	}
	if got > 0 {
		return got, nil // an error with it will come again
	}
	return 0, err
}

// end waits until everything that was read has been answered, then closes.
func (c *conn) end(cause error) {
	c.explain(cause)
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

// next reads the rest of a frame; nil: it gets no answer.
func (c *conn) next(got int) (q *session, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.panicked(p, "")
			err = errPanic
		}
	}()
	buf, frame, err := c.readFrame(got)
	if err != nil {
		return nil, err
	}
	c.server.counters.frames.Add(1)
	q = newSession(c, buf, frame)
	if !q.answerable() {
		q.release()
		<-c.slots
		return nil, c.drop()
	}
	c.bad = 0
	c.pending.Add(1)
	return q, nil
}

// drop counts a frame that gets no answer; the error says that it was one too many in a row.
func (c *conn) drop() error {
	c.server.counters.dropped.Add(1)
	if c.bad++; c.bad >= c.server.limits.BadFrames {
		return errBadFrames
	}
	return nil
}

// readFrame returns the frame, got bytes of whose length have come, without that length. The buffer is taken only once
// the length is in range.
func (c *conn) readFrame(got int) (*buffer, []byte, error) {
	if err := c.allow(c.server.limits.FrameTimeout); err != nil {
		return nil, nil, err
	}
	if _, err := io.ReadFull(c.nc, c.prefix[got:]); err != nil {
		return nil, nil, inside(err)
	}
	n := int(c.prefix[0])<<8 | int(c.prefix[1])
	if n < pos.MinFrame || n > pos.MaxFrame {
		return nil, nil, fmt.Errorf("%w: %d", pos.ErrFrameLength, n)
	}
	buf := c.server.buffers.Get().(*buffer)
	if _, err := io.ReadFull(c.nc, buf[:n]); err != nil {
		c.server.buffers.Put(buf)
		return nil, nil, inside(err)
	}
	return buf, buf[:n], nil
}

// allow sets the time that reading may take from now. The order matters: Shutdown sets closing first and the deadline
// after, so that one of the two is seen here.
func (c *conn) allow(d time.Duration) error {
	if err := c.nc.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	if c.server.closing.Load() {
		return errClosing
	}
	return nil
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
		timedOut(err) || c.server.closing.Load()
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
