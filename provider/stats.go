package provider

import "sync/atomic"

// counts are the counters behind [Stats].
type counts struct {
	sent, answered, unanswered atomic.Uint64
	late, badMAC, mismatched   atomic.Uint64
	rejected, malformed, stray atomic.Uint64
	overflow, reconnects       atomic.Uint64
	resets, resetsRefused      atomic.Uint64
	settleDate                 atomic.Pointer[string]
}

// Stats is a snapshot. Counters run from the start of the process.
type Stats struct {
	Links      []LinkStats
	InFlight   int    // debits and reversals waiting for an answer
	Sent       uint64 // debits and reversals written
	Answered   uint64 // replies handed to the one who waited, good or bad
	Unanswered uint64 // waits that ended without one
	Late       uint64 // 0210 that nobody waited for: late, or the second of two
	BadMAC     uint64 // answers whose F128 was wrong
	Mismatched uint64 // answers with another F4, F37 or F41
	Rejected   uint64 // frames with a reject code in the header
	Malformed  uint64 // frames that could not be read
	Stray      uint64 // other messages that belong to nothing
	Overflow   uint64 // messages dropped because a queue was full
	Reconnects uint64 // links lost, and dials that failed

	KeyResets        uint64 // acknowledged with 00
	KeyResetsRefused uint64
	SettleDate       string // F15 of the last end of cut-off, MMDD; empty before
}

// LinkStats tells of one configured address.
type LinkStats struct {
	Addr     string
	SignedOn bool
}

// Stats returns what the line has done and how it stands.
func (n *Network) Stats() Stats {
	c := &n.counts
	owed, _ := n.pending.state()
	s := Stats{
		InFlight: owed, Sent: c.sent.Load(), Answered: c.answered.Load(), Unanswered: c.unanswered.Load(),
		Late: c.late.Load(), BadMAC: c.badMAC.Load(), Mismatched: c.mismatched.Load(),
		Rejected: c.rejected.Load(), Malformed: c.malformed.Load(), Stray: c.stray.Load(),
		Overflow: c.overflow.Load(), Reconnects: c.reconnects.Load(),
		KeyResets: c.resets.Load(), KeyResetsRefused: c.resetsRefused.Load(),
	}
	if date := c.settleDate.Load(); date != nil {
		s.SettleDate = *date
	}
	for _, ln := range n.lines {
		l := ln.link.Load()
		s.Links = append(s.Links, LinkStats{Addr: ln.addr, SignedOn: l != nil && l.alive()})
	}
	return s
}
