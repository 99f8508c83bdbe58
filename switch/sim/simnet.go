package sim

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// simNet is a network of byte streams in memory, for a synctest bubble: what a TCP stack with bad luck does, in virtual
// time. What goes wrong on a connection is a hash of seed, connection, direction and byte count, never a draw in the
// order of goroutines; every latency is an odd count of nanoseconds, so that two events hardly ever share an instant.
//
// A connection is named after who dials it and how many dials of his came before, "t01#3"; its two directions are
// "t01#3>" and "t01#3<".
type simNet struct {
	fate    fate
	weather func(from string) netWeather // asked at each dial and each write
	note    func(text string)            // every event, at its instant
	tap     func(netFrame)               // every write, with what becomes of it

	mu        sync.Mutex
	listeners map[string]*netListener
	dials     map[string]int64
	open      map[string]*netConn // the dialler's end of each connection
}

// netWeather is how often what goes wrong on the links of one dialler. The zero value is a good day.
type netWeather struct {
	split  float64       // share of the writes that travel in pieces
	slow   float64       // share of the pieces that are held up, and everything behind them with them
	held   time.Duration // for how long at most
	double float64       // share of the writes that arrive twice
	reset  float64       // share of the directions that are reset at a byte
	hole   float64       // share of the directions that fall silent at a byte and stay so
}

// netFrame is one write, as the story of a payment tells it.
type netFrame struct {
	pipe    string // connection and direction
	at      time.Time
	arrives time.Time // of its last byte; zero: it never does
	fault   string    // what went wrong; "" for nothing
	bytes   []byte    // a copy, with what is secret in it
}

func newSimNet(f fate, weather func(string) netWeather, note func(string), tap func(netFrame)) *simNet {
	return &simNet{fate: f, weather: weather, note: note, tap: tap, listeners: make(map[string]*netListener),
		dials: make(map[string]int64), open: make(map[string]*netConn)}
}

// listen opens an address. It fails with EADDRINUSE while another listener has it.
func (n *simNet) listen(addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "sim", Addr: netAddr(addr), Err: syscall.EADDRINUSE}
	}
	l := &netListener{net: n, addr: addr, queue: make(chan *netConn, netBacklog), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// dial connects to an address; from names who dials. It takes a latency, and fails like a refused connection when
// nobody listens by then.
func (n *simNet) dial(ctx context.Context, from, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dials[from]++
	name := fmt.Sprintf("%s#%d", from, n.dials[from])
	n.mu.Unlock()
	if !rest(ctx, n.fate.of(name, 0).between(netFastest, netSlowest)) {
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[addr]
	if l == nil {
		n.note(name + " refused")
		return nil, &net.OpError{Op: "dial", Net: "sim", Addr: netAddr(addr), Err: syscall.ECONNREFUSED}
	}
	near, far := newNetConns(n, name, from, addr)
	l.queue <- far
	n.open[name] = near
	n.note(name + " open")
	return near, nil
}

// cut ends every connection whose dialler's name begins with prefix, in the order of their names, as the death of a
// process does: what it has written still arrives, or, for half of them, nothing more does.
func (n *simNet) cut(prefix string, dialler bool) {
	n.mu.Lock()
	var dying []*netConn
	for name, c := range n.open {
		if strings.HasPrefix(name, prefix) {
			dying = append(dying, c)
		}
	}
	n.mu.Unlock()
	slices.SortFunc(dying, func(a, b *netConn) int { return strings.Compare(a.name, b.name) })
	for _, c := range dying {
		if n.fate.of(c.name+" cut", 0).chance(0.5) {
			c.abort(0)
			continue
		}
		if !dialler {
			c = c.peer
		}
		_ = c.Close() // it says only that it was closed before
	}
}

// shut closes the listener of an address, if there is one.
func (n *simNet) shut(addr string) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l != nil {
		_ = l.Close() // never fails
	}
}

// forget drops a connection both ends of which are closed.
func (n *simNet) forget(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, name)
}

// netListener implements net.Listener.
type netListener struct {
	net   *simNet
	addr  string
	queue chan *netConn
	done  chan struct{}
	once  sync.Once
}

// netBacklog is how many connections may wait to be accepted; a run never has as many.
const netBacklog = 4096

func (l *netListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "sim", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close ends the listener and resets what was not accepted.
func (l *netListener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, l.addr)
		l.net.mu.Unlock()
		close(l.done)
		for {
			select {
			case c := <-l.queue:
				c.abort(0)
			default:
				return
			}
		}
	})
	return nil
}

func (l *netListener) Addr() net.Addr { return netAddr(l.addr) }

// netAddr is an address of the network.
type netAddr string

func (netAddr) Network() string  { return "sim" }
func (a netAddr) String() string { return string(a) }
