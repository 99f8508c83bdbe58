package sms

import (
	"sync"
	"time"
)

// held is a delivery that waits for its answer.
type held struct {
	link  *link
	write func(Verdict) []byte
}

// respond answers; false: its link has ended, and the centre will send the same again.
func (h held) respond(v Verdict) bool {
	b := h.write(v)
	return b == nil || h.link.put(b, nil)
}

// messageKey names a long message as its parts do. Eight-bit references come round after 256 messages of a handset, so
// that everything else that the parts share belongs to the name.
type messageKey struct {
	source, dest Party
	Concat       // Seq is 0
	coding       byte
}

// assembly joins the parts of long messages.
//
// A part alone is in memory only: to store it would mean to store personal data outside the core. So its response is held
// until the whole message is durable, and a process that ends owes nothing, for the centre sends every part again. After
// Limits.Hold the parts are refused for now, before the centre gives the link up, but kept: a centre that sends one
// message at a time can then bring the others, and what it brings again later is known.
type assembly struct {
	limits Limits
	early  bool // parts are acknowledged at once

	mu        sync.Mutex
	open      map[messageKey]*gathered
	perSender map[Party]int
	owed      map[messageKey]debt
	owedOrder []messageKey
}

// gathered is a message with the parts that came so far.
type gathered struct {
	key     messageKey
	parts   [][]byte
	own     string // the centre's name for the first part
	missing int
	waiting []heldPart
	answer  time.Time // when those that wait are refused for now
	until   time.Time
	working bool // whole, and being received
}

type heldPart struct {
	held
	part byte
}

// debt is the parts of a finished message that were not acknowledged: each will come once more, and is acknowledged then.
type debt struct {
	parts map[byte]uint64 // with the fingerprints of their texts
	until time.Time
}

func newAssembly(l Limits, early bool) *assembly {
	return &assembly{limits: l, early: early, open: map[messageKey]*gathered{}, perSender: map[Party]int{}, owed: map[messageKey]debt{}}
}

// add takes a part. whole is the message when all parts of it are there: the caller must call finish for it. Else the part
// was dealt with.
func (a *assembly) add(m Message, h held, now time.Time) (whole *gathered) {
	key := messageKey{m.Source, m.Dest, m.Concat, m.Coding}
	key.Seq = 0
	a.mu.Lock()
	whole, v, respond := a.put(key, m, h, now)
	a.mu.Unlock()
	if respond {
		h.respond(v)
	}
	return whole
}

// put is add under mu.
func (a *assembly) put(key messageKey, m Message, h held, now time.Time) (whole *gathered, v Verdict, respond bool) {
	part := m.Concat.Seq
	if a.pay(key, part, m.Text, now) {
		return nil, Taken, true
	}
	g := a.open[key]
	if g == nil {
		if g = a.begin(key, now); g == nil {
			return nil, Later, true
		}
	}
	old := g.parts[part-1]
	switch {
	case old == nil:
		g.parts[part-1] = m.Text
		g.missing--
	case string(old) != string(m.Text): // another message under the same name: when this one has gone
		return nil, Later, true
	}
	if part == 1 {
		g.own = m.Own
	}
	if a.early && g.missing > 0 {
		return nil, Taken, true
	}
	if len(g.waiting) >= maxHeld {
		return nil, Later, true
	}
	if len(g.waiting) == 0 {
		g.answer = now.Add(a.limits.Hold)
	}
	g.waiting = append(g.waiting, heldPart{h, part})
	if g.missing > 0 || g.working {
		return nil, 0, false
	}
	g.working = true
	return g, 0, false
}

// pay reports whether the part is one of a finished message that was not acknowledged.
func (a *assembly) pay(key messageKey, part byte, text []byte, now time.Time) bool {
	d, ok := a.owed[key]
	print, due := d.parts[part]
	if !ok || !due || now.After(d.until) || print != fingerprint(string(text)) {
		return false
	}
	delete(d.parts, part)
	return true
}

// begin makes room for a message, or returns nil.
func (a *assembly) begin(key messageKey, now time.Time) *gathered {
	if len(a.open) >= a.limits.Unfinished || a.perSender[key.source] >= a.limits.PerSender {
		return nil
	}
	g := &gathered{key: key, parts: make([][]byte, key.Total), missing: int(key.Total), until: now.Add(a.limits.PartsFor)}
	a.open[key] = g
	a.perSender[key.source]++
	return g
}

// text joins the parts.
func (g *gathered) text() (b []byte) {
	for _, p := range g.parts {
		b = append(b, p...)
	}
	return b
}

// finish answers the parts of a whole message. One that shall come again is kept, so that any of its parts is enough.
func (a *assembly) finish(g *gathered, v Verdict, now time.Time) {
	a.mu.Lock()
	waiting := g.waiting
	g.waiting, g.working = nil, false
	if v != Later {
		a.remove(g)
	}
	a.mu.Unlock()
	open := map[byte]uint64{}
	for i, p := range g.parts {
		open[byte(i+1)] = fingerprint(string(p))
	}
	for _, h := range waiting {
		if h.respond(v) {
			delete(open, h.part)
		}
	}
	if v != Later && !a.early && len(open) > 0 {
		a.owe(g.key, debt{open, now.Add(a.limits.PartsFor)})
	}
}

// remove takes a message out. The caller holds mu.
func (a *assembly) remove(g *gathered) {
	delete(a.open, g.key)
	if a.perSender[g.key.source]--; a.perSender[g.key.source] <= 0 {
		delete(a.perSender, g.key.source)
	}
}

// owe notes what will come once more.
func (a *assembly) owe(key messageKey, d debt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.owedOrder) >= doneMessages {
		delete(a.owed, a.owedOrder[0])
		a.owedOrder = a.owedOrder[1:]
	}
	a.owed[key] = d
	a.owedOrder = append(a.owedOrder, key)
}

// sweep refuses for now what was held long enough, and forgets what was never finished.
func (a *assembly) sweep(now time.Time) (forgotten int) {
	var late []heldPart
	a.mu.Lock()
	for _, g := range a.open {
		switch {
		case g.working:
		case now.After(g.until):
			late = append(late, g.waiting...)
			a.remove(g)
			forgotten++
		case len(g.waiting) > 0 && !now.Before(g.answer):
			late = append(late, g.waiting...)
			g.waiting = nil
		}
	}
	a.mu.Unlock()
	for _, h := range late {
		h.respond(Later)
	}
	return forgotten
}

// release refuses for now all that is held and not being received: the link is about to end.
func (a *assembly) release() {
	var late []heldPart
	a.mu.Lock()
	for _, g := range a.open {
		if !g.working {
			late = append(late, g.waiting...)
			g.waiting = nil
		}
	}
	a.mu.Unlock()
	for _, h := range late {
		h.respond(Later)
	}
}
