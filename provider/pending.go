package provider

import (
	"errors"
	"sync"

	"example.com/ringback/spec/cups"
)

// matchKey is what a request and its answer have in common: the message class (the first two digits of the type), F7,
// F11, F32 and F33 (host dialect page, section 1). With the class in it a 0210 can never answer a 0420.
type matchKey struct {
	class, time, trace, acquirer, forwarder string
}

// classNetwork is the class of network management messages. They carry F33 or F100 depending on who sends, and
// never F32, so that F7 and F11 must do.
const classNetwork = "08"

// classReconcile is the class of reconciliations. The dialect's list of their fields has neither F32 nor F33.
const classReconcile = "05"

// keyOf reads the key of a request or of an answer. m has a type of four digits.
func keyOf(m *cups.Message) matchKey {
	k := matchKey{class: m.MTI()[:2], time: m.Get(7), trace: m.Get(11)}
	if k.class != classNetwork && k.class != classReconcile {
		k.acquirer, k.forwarder = m.Get(32), m.Get(33)
	}
	return k
}

// reply is what came for a request: an answer, not yet believed, or the reject code of the header under which the
// centre sent the request back.
type reply struct {
	message *cups.Message
	reject  string
}

// waiter is one request in flight. Its channel holds one reply, so that delivering never waits.
type waiter struct {
	key   matchKey
	reply chan reply
}

// pending is the table of requests in flight on all links.
type pending struct {
	limit   int
	mu      sync.Mutex
	waiting map[matchKey]*waiter
	owed    int // of those, the ones that are no network management
	closed  bool
	drained chan struct{} // closed when the table is closed and nothing is owed
}

// Why a request is not registered.
var (
	errInFlight = errors.New("a request of this key is in flight")
	errFull     = errors.New("too many requests are in flight")
	errClosing  = errors.New("the line is being shut down")
)

func (p *pending) init(limit int) {
	p.limit = limit
	p.waiting = make(map[matchKey]*waiter)
	p.drained = make(chan struct{})
}

// register makes a waiter for a request that is about to be sent. The caller ends with a reply, or with forget.
func (p *pending) register(key matchKey) (*waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed && key.class != classNetwork:
		return nil, errClosing
	case p.waiting[key] != nil:
		return nil, errInFlight
	case len(p.waiting) >= p.limit:
		return nil, errFull
	}
	w := &waiter{key: key, reply: make(chan reply, 1)}
	p.waiting[key] = w
	if key.class != classNetwork {
		p.owed++
	}
	return w, nil
}

// deliver hands a reply to the one who waits for it; false: nobody does.
func (p *pending) deliver(key matchKey, r reply) bool {
	p.mu.Lock()
	w := p.waiting[key]
	if w != nil {
		p.remove(w)
	}
	p.mu.Unlock()
	if w == nil {
		return false
	}
	w.reply <- r
	return true
}

// forget gives a wait up; false: a reply has been taken for it and is in its channel, or about to be.
func (p *pending) forget(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[w.key] != w {
		return false
	}
	p.remove(w)
	return true
}

// remove takes w out; the lock is held.
func (p *pending) remove(w *waiter) {
	delete(p.waiting, w.key)
	if w.key.class != classNetwork {
		p.owed--
	}
	p.settle()
}

// close refuses what is not network management from now on. The channel is closed when nothing else is in flight.
func (p *pending) close() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.settle()
	}
	return p.drained
}

// settle signals the end of draining, once; the lock is held.
func (p *pending) settle() {
	if !p.closed || p.owed > 0 {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}

// state returns how many debits and reversals are in flight, and whether more are taken.
func (p *pending) state() (owed int, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.owed, p.closed
}
