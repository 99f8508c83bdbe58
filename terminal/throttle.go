package terminal

import (
	"time"

	acquirer "example.com/ringback/switch"
)

// standing is what a connection is trusted with.
type standing byte

const (
	stranger standing = iota // no terminal has shown its key on it
	single                   // one has
	carrier                  // several have: a concentrator
)

// turn is how many frames of a backlog it may have handled in a row.
func (l *Limits) turn(s standing) int {
	switch s {
	case stranger:
		return max(1, l.Turn/2)
	case carrier:
		return max(l.Turn, l.InFlight)
	}
	return l.Turn
}

// rates are the limits in the form that buckets use.
type rates struct{ terminal, stranger, connection rate }

func (l *Limits) rates() rates {
	return rates{terminal: perSecond(l.TerminalRate, burst), stranger: perSecond(l.StrangerRate, burst),
		connection: perSecond(l.ConnectionRate, burst)}
}

// charge takes a message of the terminal out of its bucket: its own on the connection on which it showed its key, else
// that of the strangers on c, so that nobody can use up another's. An empty bucket is answered by over where others than
// the sender are at work on c, who must not wait for it; else by the time until there is room again.
func (r *roster) charge(c *conn, id acquirer.TerminalID, now time.Duration, l *rates) (s standing, over bool, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked, limit, others := &c.strangers, l.stranger, false
	if p := c.port; p != nil {
		s, others = p.standing(), p.work.others(id)
		if m := r.members[id]; m != nil && m.at == p && m.shown {
			asked, limit = &m.asked, l.terminal
		}
	}
	if wait = asked.wait(now, limit); wait > 0 && others {
		return s, true, 0
	}
	asked.take(now, limit)
	return s, false, wait
}

func (p *port) standing() standing {
	switch {
	case p.keys.many:
		return carrier
	case p.keys.first != "":
		return single
	}
	return stranger
}

// admit decides what becomes of a request that was read, and how long reading rests behind it: when it was over a rate, or
// when more frames wait and the connection has had its turn. A peer that sends faster is held by TCP, and others have
// their turn. It is called by the reader.
func (c *conn) admit(q *session) turn {
	s, now := c.server, c.server.age()
	standing, over, pause := s.roster.charge(c, q.id, now, &s.rates)
	pause = max(pause, c.asked.wait(now, s.rates.connection))
	c.asked.take(now, s.rates.connection)
	if pause > 0 {
		s.counters.paused.Add(1)
	}
	if c.inRow++; c.ahead == nil {
		c.inRow = 0
	} else if int(c.inRow) >= s.limits.turn(standing) {
		c.inRow = 0
		pause = max(pause, turnRest)
	}
	c.pause = pause
	if over {
		return turnOver
	}
	return s.lanes.enter(q)
}

// rest keeps the reader from reading for as long as admit has said. It ends early when the server shuts down.
func (c *conn) rest() {
	if c.pause <= 0 {
		return
	}
	timer := time.NewTimer(c.pause)
	defer timer.Stop()
	c.pause = 0
	select {
	case <-timer.C:
	case <-c.server.closed:
	}
}

// busy answers a request that is over its terminal's rate: 96 from what the walk over the frame has found. It is not
// unpacked, its MAC is not looked at and the store is not asked; the answer is signed when the terminal's key is known
// from a message before.
func (q *session) busy() []byte {
	q.server.counters.throttled.Add(1)
	return q.guard(func() []byte {
		q.mak, q.algorithm = q.server.roster.key(q.id)
		now := time.Now()
		m := q.reply(acquirer.CodeMalfunction, now, q.server.Switch.Reference(now))
		q.explainCode(m, acquirer.CodeMalfunction)
		return q.seal(m)
	})
}
