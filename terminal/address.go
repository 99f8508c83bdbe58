package terminal

import (
	"net"
	"net/netip"
	"time"
)

// addresses bounds what one address may take of the server: connections at a time and in a second. Server.mu guards it. An
// entry goes when its connections have ended and it may connect as often as ever.
type addresses struct {
	most  int  // connections at a time; 0: any number
	pace  rate // of connections; zero: any
	known map[netip.Addr]address
	sweep int           // from how many entries on those that say nothing are looked for
	swept time.Duration // when they were
}

// address is one that is connected, or was a moment ago.
type address struct {
	open int
	came bucket
}

func (a *addresses) init(l Limits) {
	a.most, a.known, a.sweep = l.PerAddress, make(map[netip.Addr]address), addressSweep
	if l.AcceptsPerSecond > 0 {
		a.pace = perSecond(l.AcceptsPerSecond, 1)
	}
}

// enter counts a connection in; false: it is one too many.
func (a *addresses) enter(from netip.Addr, now time.Duration) bool {
	e, known := a.known[from]
	if a.most > 0 && e.open >= a.most || a.pace.every > 0 && e.came.wait(now, a.pace) > 0 {
		return false
	}
	if !known && !a.room(now) {
		return true // unwatched
	}
	e.open++
	if a.pace.every > 0 {
		e.came.take(now, a.pace)
	}
	a.known[from] = e
	return true
}

// leave counts a connection out.
func (a *addresses) leave(from netip.Addr, now time.Duration) {
	e, known := a.known[from]
	if !known {
		return
	}
	if e.open = max(0, e.open-1); e.idle(now) {
		delete(a.known, from)
		return
	}
	a.known[from] = e
}

func (e address) idle(now time.Duration) bool { return e.open == 0 && e.came.full <= now }

// room makes room for one entry more by dropping those that say nothing, once there are twice as many as were left the
// last time, and at most once a second; false: there is none.
func (a *addresses) room(now time.Duration) bool {
	if len(a.known) < a.sweep || now-a.swept < time.Second {
		return len(a.known) < maxAddresses
	}
	for from, e := range a.known {
		if e.idle(now) {
			delete(a.known, from)
		}
	}
	a.sweep, a.swept = max(addressSweep, 2*len(a.known)), now
	return len(a.known) < maxAddresses
}

// addressOf returns the peer's IP address; it is invalid on a connection that has none. Of an IPv6 address the first 64
// bits count: the others are the peer's own choice.
func addressOf(nc net.Conn) netip.Addr {
	tcp, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
