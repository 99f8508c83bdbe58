package terminal

import (
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// roster knows which terminals are at work, by a sign-on or a message with a good F64 since the server was made: on which
// connection last, how far their trace numbers are and how much they ask. It holds no more terminals than are registered,
// and is asked without the store. What it forgets at a restart comes back with the next message.
//
// A sign-on is not authentic. It makes a terminal at work on a connection, and others there are not to be disturbed; but
// trust goes to those only that have shown their key, by F64.
type roster struct {
	limits  *Limits
	mu      sync.Mutex
	members map[acquirer.TerminalID]*member
}

// member is a terminal that is at work.
type member struct {
	at        *port // where it was last; nil: it signed off or was blocked
	shown     bool  // it has shown its key there
	mak       acquirer.KeyBlock
	algorithm acquirer.MACAlgorithm
	batch     int
	trace     int // F11 of its last message in batch
	asked     bucket
}

// port is a connection on which terminals are at work, or failed to show their keys.
type port struct {
	peer   string // its address
	gone   bool   // it is read no more
	work   crew   // the terminals at work
	keys   crew   // those that have shown their keys
	doubts map[acquirer.TerminalID]doubt
}

// crew says of some terminals as much as must be known: the first of them, and whether it is the only one.
type crew struct {
	first acquirer.TerminalID
	many  bool
}

func (c *crew) add(id acquirer.TerminalID) {
	if c.first == "" {
		c.first = id
	}
	c.many = c.many || c.first != id
}

// others reports whether there is another than id.
func (c *crew) others(id acquirer.TerminalID) bool { return c.many || c.first != "" && c.first != id }

// doubt is a terminal whose last messages on a connection had a wrong F64.
type doubt struct {
	wrong  int
	barred time.Time // until when it is refused there
}

func (r *roster) init(l *Limits) {
	r.limits = l
	r.members = make(map[acquirer.TerminalID]*member)
}

// enter notes a sign-on of t on c.
func (r *roster) enter(c *conn, t *acquirer.Terminal) { r.meet(c, t, false) }

// vouch notes that a message of t on c was authentic under a key. Only the key of a living session puts it to work there:
// what comes under the one before was in flight, and an undo of an ended session is taken and no more.
func (r *roster) vouch(c *conn, t *acquirer.Terminal, mak acquirer.KeyBlock) {
	if !t.Blocked && t.Session.SignedOn && mak == t.Session.MAK {
		r.meet(c, t, true)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(c.place().doubts, t.ID)
}

func (r *roster) meet(c *conn, t *acquirer.Terminal, shown bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := c.place()
	delete(p.doubts, t.ID) // also after a sign-on: what follows is under another key
	m := r.members[t.ID]
	if m == nil {
		m = &member{}
		r.members[t.ID] = m
	}
	m.at, m.shown, m.mak, m.algorithm = p, shown, t.Session.MAK, t.Profile.MAC
	p.work.add(t.ID)
	if shown {
		p.keys.add(t.ID)
	}
}

// place returns what is known of c; the lock is held.
func (c *conn) place() *port {
	if c.port == nil {
		c.port = &port{peer: c.nc.RemoteAddr().String()}
	}
	return c.port
}

// rival returns the address of a living connection other than c on which the terminal was at work last; "": none.
func (r *roster) rival(c *conn, id acquirer.TerminalID) (peer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[id]; m != nil && m.at != nil && m.at != c.port && !m.at.gone {
		return m.at.peer
	}
	return ""
}

// leave notes that the terminal's session is over: it has no key to sign with and is on no connection.
func (r *roster) leave(id acquirer.TerminalID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[id]; m != nil {
		m.at, m.mak = nil, acquirer.KeyBlock{}
	}
}

// gone notes that c is read no more.
func (r *roster) gone(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.port != nil {
		c.port.gone = true
	}
}

// dismiss ends the work of a terminal on c, where it is at work, and reports whether no other is there. Elsewhere it stays: its
// own connection is to hear of it.
func (r *roster) dismiss(c *conn, id acquirer.TerminalID) (alone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[id]
	if c.port == nil || m == nil || m.at != c.port {
		return false
	}
	m.at = nil
	return !c.port.work.others(id)
}

// wrong counts a wrong F64. With too many in a row it reports that the connection should end, or, where it carries
// others, bars the terminal from it for a while: nothing disturbs them (PROTOCOL 1.3). The session stays in either case:
// who can write on a line must not be able to sign the true terminal off.
func (r *roster) wrong(c *conn, id acquirer.TerminalID, now time.Time) (end bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := c.place()
	d := p.doubts[id]
	d.wrong++
	if d.wrong >= r.limits.WrongMACs {
		if !p.work.others(id) {
			return true
		}
		d = doubt{barred: now.Add(barredFor)}
	}
	p.note(id, d)
	return false
}

// note keeps a doubt; the lock is held.
func (p *port) note(id acquirer.TerminalID, d doubt) {
	if p.doubts == nil {
		p.doubts = make(map[acquirer.TerminalID]doubt)
	}
	if _, known := p.doubts[id]; !known && len(p.doubts) >= maxDoubts {
		for other := range p.doubts {
			delete(p.doubts, other)
			break
		}
	}
	p.doubts[id] = d
}

// barred reports whether the terminal is refused on c for its wrong MACs.
func (r *roster) barred(c *conn, id acquirer.TerminalID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.port != nil && now.Before(c.port.doubts[id].barred)
}

// follow notes the trace number of an authentic message. It returns the one before it in the batch when that is ahead:
// numbers only rise, but for a repeat of the last and the step from 999999 to 1.
func (r *roster) follow(id acquirer.TerminalID, batch, trace int) (last int, back bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[id]
	if m == nil {
		return 0, false
	}
	last, same := m.trace, m.batch == batch
	m.batch, m.trace = batch, trace
	wrapped := trace <= traceWrap && last > 999_999-traceWrap
	return last, same && trace < last && !wrapped
}

// key returns what the terminal's answers are signed with; zero: nothing is known.
func (r *roster) key(id acquirer.TerminalID) (acquirer.KeyBlock, acquirer.MACAlgorithm) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[id]; m != nil {
		return m.mak, m.algorithm
	}
	return acquirer.KeyBlock{}, ""
}
