package provider

import (
	"context"

	"example.com/ringback/spec/cups"
)

// offerLate queues a 0210 that nobody waits for. A full queue drops it: it is evidence, which the day's detail file
// will bring again.
func (n *Network) offerLate(m *cups.Message) {
	n.counts.late.Add(1)
	select {
	case n.late <- m:
	default:
		n.counts.overflow.Add(1)
		n.noisy.Warn().Msg("too many late answers wait; one was dropped")
	}
}

// runLate hands late answers over until the queue is closed and empty.
func (n *Network) runLate(ctx context.Context) {
	for m := range n.late {
		n.handOver(ctx, m)
	}
}

// handOver passes one late answer on if its F128 is right.
func (n *Network) handOver(ctx context.Context, m *cups.Message) {
	if err := n.keys.verify(m); err != nil {
		n.counts.badMAC.Add(1)
		return
	}
	key, err := decodeHostKey(m)
	if err != nil || !m.Has(39) {
		n.counts.malformed.Add(1)
		return
	}
	n.log.Info().Str("f7", key.Time).Stringer("f11", key.STAN).Str("f39", m.Get(39)).Msg("answer came late or twice")
	if n.config.Late == nil {
		return
	}
	if err := n.config.Late(ctx, key, decodeAuthorization(m)); err != nil {
		n.log.Error().Str("f7", key.Time).Stringer("f11", key.STAN).Err(err).Msg("late answer was not taken")
	}
}
