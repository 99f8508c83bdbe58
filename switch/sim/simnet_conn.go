package sim

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// The times of a connection on a good day.
const (
	netFastest = 200 * time.Microsecond
	netSlowest = 20 * time.Millisecond
)

// netConn is one end of a connection. It implements net.Conn, with CloseWrite as a TCP connection has it.
type netConn struct {
	net     *simNet
	name    string
	peer    *netConn
	in, out *netPipe
	local   netAddr
	remote  netAddr
	closed  atomic.Bool
}

// newNetConns makes both ends of a connection.
func newNetConns(n *simNet, name, from, addr string) (near, far *netConn) {
	w := n.weather(from)
	there, back := newNetPipe(n, from, name+">", w), newNetPipe(n, from, name+"<", w)
	near = &netConn{net: n, name: name, in: back, out: there, local: netAddr(name), remote: netAddr(addr)}
	far = &netConn{net: n, name: name, in: there, out: back, local: netAddr(addr), remote: netAddr(name)}
	near.peer, far.peer = far, near
	return near, far
}

func (c *netConn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	if err != nil && err != io.EOF { // the end is bare, as of any reader
		err = c.opError("read", err)
	}
	return n, err
}

func (c *netConn) Write(b []byte) (int, error) {
	n, doomed, err := c.out.write(b)
	if doomed {
		c.in.breakAt(c.out.fate.of("reset", 0).between(netFastest, netSlowest))
	}
	if err != nil {
		return n, c.opError("write", err)
	}
	return n, nil
}

// Close ends both directions: what was written still arrives, and the peer's writes fail a latency later.
func (c *netConn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", net.ErrClosed)
	}
	c.out.finish()
	c.in.leave()
	if c.peer.closed.Load() {
		c.net.forget(c.name)
	}
	return nil
}

// CloseWrite ends one direction.
func (c *netConn) CloseWrite() error {
	c.out.finish()
	return nil
}

// abort resets both directions after d: what has not arrived by then never does.
func (c *netConn) abort(d time.Duration) {
	c.in.breakAt(d)
	c.out.breakAt(d)
	c.net.forget(c.name)
}

func (c *netConn) LocalAddr() net.Addr  { return c.local }
func (c *netConn) RemoteAddr() net.Addr { return c.remote }

func (c *netConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *netConn) SetReadDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	c.in.setReadBy(t)
	return nil
}

func (c *netConn) SetWriteDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	c.out.setWriteBy(t)
	return nil
}

func (c *netConn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "sim", Source: c.local, Addr: c.remote, Err: err}
}
