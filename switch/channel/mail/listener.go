package mail

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"
)

// listener limits who may connect: so many at once, so many from one address, each for so long. Who is too many is told
// 421 and hung up on.
type listener struct {
	net.Listener
	most, perAddress int

	mu   sync.Mutex
	open map[*conn]netip.Prefix
	from map[netip.Prefix]int
}

func newListener(l net.Listener, c Config) *listener {
	most, per := c.Connections, c.PerAddress
	if most <= 0 {
		most = defaultConnections
	}
	if per <= 0 {
		per = defaultPerAddress
	}
	return &listener{Listener: l, most: most, perAddress: per, open: map[*conn]netip.Prefix{}, from: map[netip.Prefix]int{}}
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if kept := l.admit(c); kept != nil {
			return kept, nil
		}
		turnAway(c)
	}
}

// admit returns the connection as it is kept, or nil when it is one too many.
func (l *listener) admit(c net.Conn) *conn {
	network := networkOf(c.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.most || l.from[network] >= l.perAddress {
		return nil
	}
	kept := &conn{Conn: c, owner: l, end: time.Now().Add(maxLife)}
	l.open[kept] = network
	l.from[network]++
	return kept
}

// forget lays a closed connection down.
func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	network, ok := l.open[c]
	if !ok {
		return
	}
	delete(l.open, c)
	if l.from[network]--; l.from[network] == 0 {
		delete(l.from, network)
	}
}

// hangUp closes every connection.
func (l *listener) hangUp() {
	l.mu.Lock()
	var open []*conn
	for c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // closing is all that is wanted of it
	}
}

// turnAway says why and closes; one small write into a fresh connection does not wait.
func turnAway(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte("421 4.7.0 too many connections\r\n"))
	_ = c.Close()
}

// networkOf is what connections are counted by: an IPv4 address, or an IPv6 network of the size one customer gets.
func networkOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap()
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// conn is a connection whose deadlines never go behind its end.
type conn struct {
	net.Conn
	owner *listener
	end   time.Time

	mu    sync.Mutex
	after func() // called when the peer has been told, or can be told no more; nil: nothing waits for that
}

// keptOf is the listener's connection under what a session sees of it; nil when it has none.
func keptOf(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	kept, _ := c.(*conn)
	return kept
}

// answering calls done behind the next write, or when the connection is closed.
func (c *conn) answering(done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = done
}

// answered calls what waits for an answer.
func (c *conn) answered() {
	c.mu.Lock()
	after := c.after
	c.after = nil
	c.mu.Unlock()
	if after != nil {
		after()
	}
}

// Write implements [net.Conn].
func (c *conn) Write(b []byte) (int, error) {
	defer c.answered()
	return c.Conn.Write(b)
}

func (c *conn) SetDeadline(t time.Time) error      { return c.Conn.SetDeadline(c.clip(t)) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.Conn.SetReadDeadline(c.clip(t)) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(c.clip(t)) }

// Close implements [net.Conn].
func (c *conn) Close() error {
	defer c.answered()
	c.owner.forget(c)
	return c.Conn.Close()
}

func (c *conn) clip(t time.Time) time.Time {
	if t.IsZero() || t.After(c.end) {
		return c.end
	}
	return t
}
