package terminal

import (
	"sync"
	"sync/atomic"

	acquirer "example.com/ringback/switch"
)

// Stats are the server's figures since it was made, but for Open. They are read one after the other, so that they may
// be some requests apart.
type Stats struct {
	Accepted   uint64 // connections that were served
	Refused    uint64 // connections closed at once: a cap was reached
	Open       int64  // connections now
	Frames     uint64 // frames read whole
	Dropped    uint64 // frames of them that got no answer because nothing says whom to answer, or that are no requests
	Unanswered uint64 // requests whose outcome is not known here: a store error, or a panic with a debit at the host
	Panics     uint64
	Throttled  uint64 // requests answered 96 because their terminal was over its rate; among Answered
	Paused     uint64 // times that reading from a connection rested because of a rate
	Expelled   uint64 // connections ended because of wrong MACs or a blocked terminal
	// Answered counts the answers by F39. The map is the caller's.
	Answered map[acquirer.ResponseCode]uint64
}

// counters are the figures as they are counted.
type counters struct {
	accepted, refused, frames, dropped, unanswered, panics, throttled, paused, expelled atomic.Uint64

	open     atomic.Int64
	answered sync.Map // acquirer.ResponseCode to *atomic.Uint64: the set of codes is not ours, the host adds to it
}

// Stats returns the figures.
func (s *Server) Stats() Stats {
	c := &s.counters
	out := Stats{
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), Open: c.open.Load(),
		Frames: c.frames.Load(), Dropped: c.dropped.Load(),
		Unanswered: c.unanswered.Load(), Panics: c.panics.Load(),
		Throttled: c.throttled.Load(), Paused: c.paused.Load(), Expelled: c.expelled.Load(),
		Answered: make(map[acquirer.ResponseCode]uint64),
	}
	c.answered.Range(func(code, n any) bool {
		out.Answered[code.(acquirer.ResponseCode)] = n.(*atomic.Uint64).Load()
		return true
	})
	return out
}

// answer counts one answer.
func (c *counters) answer(code acquirer.ResponseCode) {
	n, ok := c.answered.Load(code)
	if !ok {
		n, _ = c.answered.LoadOrStore(code, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}
