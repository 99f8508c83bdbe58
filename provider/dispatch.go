package provider

import (
	"bytes"
	"errors"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// receive handles one frame in the goroutine that reads the link. It never waits: what takes time goes to a bounded
// queue. A frame that cannot be read is counted and changes nothing; the debit it may have been about ends unknown.
func (n *Network) receive(l *link, frame []byte) {
	defer func() {
		if v := recover(); v != nil {
			n.counts.malformed.Add(1)
			n.log.Error().Str("link", l.addr).Msg("a frame could not be handled") // what was thrown may hold its bytes
		}
	}()
	if len(frame) == 0 {
		return // keep-alive, never answered
	}
	m, err := cups.Unpack(frame)
	switch {
	case errors.Is(err, cups.ErrRejected):
		n.receiveRejected(l, frame)
	case err != nil:
		n.counts.malformed.Add(1)
		n.noisy.Warn().Str("link", l.addr).Err(err).Msg("frame cannot be read")
	default:
		n.dispatch(l, m)
	}
}

// dispatch sends a message where it belongs.
func (n *Network) dispatch(l *link, m *cups.Message) {
	switch m.MTI() {
	case cups.MTIDebitResponse:
		if n.pending.deliver(keyOf(m), reply{message: m}) {
			return
		}
		if m.Get(3) == cups.ProcPayout { // the order is sent again, and the 0220 tells
			n.counts.stray.Add(1)
			return
		}
		n.offerLate(m)
	case cups.MTIReversalResponse, cups.MTIVerifyResponse, cups.MTIReconcileResponse:
		if !n.pending.deliver(keyOf(m), reply{message: m}) {
			n.counts.stray.Add(1)
		}
	case cups.MTINetworkResponse:
		if !n.pending.deliver(keyOf(m), reply{message: m}) {
			n.receiveStray(l, m)
		}
	case cups.MTINetwork:
		n.offer(l.requests, m)
	case cups.MTIKeyReset:
		n.zone.offer(n, delivery{l, m})
	case cups.MTIAdvice:
		if n.config.Settlement != nil {
			n.offer(l.requests, m)
			return
		}
		fallthrough
	default:
		n.counts.stray.Add(1)
		n.noisy.Warn().Str("link", l.addr).Str("mti", m.MTI()).Msg("message of an unexpected type")
	}
}

// offer puts a request of the host into a queue; when it is full the host has to repeat.
func (n *Network) offer(queue chan *cups.Message, m *cups.Message) {
	select {
	case queue <- m:
	default:
		n.counts.overflow.Add(1)
		n.noisy.Warn().Str("mti", m.MTI()).Msg("too many requests of the host wait")
	}
}

// receiveStray takes an 0830 that nobody waits for: a late one, or the answer to a request for a key.
func (n *Network) receiveStray(l *link, m *cups.Message) {
	code := acquirer.ResponseCode(m.Get(39))
	if m.Get(70) == cups.NetKeyReset && code != acquirer.CodeApproved {
		n.noisy.Warn().Str("link", l.addr).Str("f39", string(code)).Msg("host refused to send a key")
		return
	}
	n.counts.stray.Add(1)
}

// receiveRejected takes a frame whose header carries a reject code. It is never an answer, whatever stands in it; the
// one who waits learns that the outcome is unknown.
func (n *Network) receiveRejected(l *link, frame []byte) {
	n.counts.rejected.Add(1)
	header, err := cups.ParseHeader(frame)
	if err != nil {
		return
	}
	n.noisy.Warn().Str("link", l.addr).Str("reject", header.Reject).Msg("message was rejected by the centre")
	if m, err := decodeRejected(frame); err == nil {
		n.pending.deliver(keyOf(m), reply{reject: header.Reject})
	}
}

// decodeRejected reads the message inside a rejected one: as a rule it still has its own header (host dialect page,
// section 0, item 10); the centre's own messages may not.
func decodeRejected(frame []byte) (*cups.Message, error) {
	if m, err := cups.Unpack(frame[cups.HeaderLen:]); err == nil {
		return m, nil
	}
	plain := bytes.Clone(frame)
	copy(plain[cups.HeaderLen-len(cups.RejectNone):], cups.RejectNone)
	return cups.Unpack(plain)
}
