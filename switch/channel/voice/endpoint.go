package voice

import (
	"context"
	"errors"
	"time"

	"github.com/emiago/sipgo/sip"

	"example.com/ringback/switch/channel/voice/rtp"
)

// allowed are the methods that are served.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS"

// serve names who handles what. A method that is not named here is answered with 405 by sipgo.
func (v *Voice) serve() {
	v.server.OnInvite(v.onInvite)
	v.server.OnAck(v.onAck)
	v.server.OnBye(v.onBye)
	v.server.OnOptions(func(req *sip.Request, tx sip.ServerTransaction) { v.answer(req, tx, sip.StatusOK, "OK") })
	v.server.OnCancel(func(req *sip.Request, tx sip.ServerTransaction) { // one that sipgo knows an INVITE for does not come here
		v.answer(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	})
}

// answer gives a short answer. That it could not be written is the peer's to notice: it sends the request again.
func (v *Voice) answer(req *sip.Request, tx sip.ServerTransaction, status int, reason string) {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	res.AppendHeader(sip.NewHeader("Allow", allowed))
	v.respond(tx, res)
}

func (v *Voice) respond(tx sip.ServerTransaction, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		v.noisy.Warn().Int("status", res.StatusCode).Str("error", plain(err)).Msg("an answer could not be sent")
	}
}

func (v *Voice) onAck(req *sip.Request, _ sip.ServerTransaction) {
	if c := v.callOf(req); c != nil {
		c.acked(req.CSeq().SeqNo)
	}
}

func (v *Voice) onBye(req *sip.Request, tx sip.ServerTransaction) {
	c := v.callOf(req)
	if c == nil {
		v.answer(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return
	}
	c.end()
	v.answer(req, tx, sip.StatusOK, "OK")
}

// onInvite takes a call, or a change of one.
func (v *Voice) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	life, leave, ok := v.enter()
	if !ok {
		v.answer(req, tx, sip.StatusServiceUnavailable, "Service Unavailable")
		return
	}
	defer leave()
	if to := req.To(); to != nil && to.Params.Has("tag") {
		v.onChange(life, req, tx)
		return
	}
	select {
	case v.in <- struct{}{}:
		defer func() { <-v.in }()
	default:
		v.noisy.Warn().Str("peer", req.Source()).Int("calls", cap(v.in)).Msg("a call was refused: too many at one time")
		v.answer(req, tx, sip.StatusBusyHere, "Busy Here")
		return
	}
	v.takeCall(life, req, tx)
}

// onChange answers an INVITE within a call: the other side renews its session, has moved, or is on hold (RFC 3261, 14.2).
func (v *Voice) onChange(life context.Context, req *sip.Request, tx sip.ServerTransaction) {
	c := v.callOf(req)
	if c == nil {
		v.answer(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return
	}
	if !c.newer(req.CSeq().SeqNo) {
		v.answer(req, tx, sip.StatusInternalServerError, "Server Internal Error")
		return
	}
	offer, err := rtp.Parse(req.Body())
	if err != nil {
		v.answer(req, tx, sip.StatusNotAcceptableHere, "Not Acceptable Here")
		return
	}
	c.stream.Turn(offer)
	if err := c.accept(life, tx, v.accepting(req, c.network, c.stream.Answer(offer))); err != nil {
		c.hangUp()
	}
}

// newer reports whether a request comes behind the last one that changed the session.
func (c *call) newer(seq uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seq <= c.theirs {
		return false
	}
	c.theirs = seq
	return true
}

// accepting is the 200 to an INVITE.
func (v *Voice) accepting(req *sip.Request, network string, description []byte) *sip.Response {
	res := sip.NewSDPResponseFromRequest(req, description)
	res.AppendHeader(v.contact(network))
	res.AppendHeader(sip.NewHeader("Allow", allowed))
	return res
}

var errNoAck = errors.New("no ACK came")

// accept sends a 200 until its ACK comes (RFC 3261, 13.3.1.4).
func (c *call) accept(life context.Context, tx sip.ServerTransaction, res *sip.Response) error {
	seq := res.CSeq().SeqNo
	end := time.NewTimer(ackTime)
	defer end.Stop()
	for pause := ackFirst; ; pause = min(2*pause, ackMax) {
		if err := tx.Respond(res); err != nil {
			return err
		}
		again := time.NewTimer(pause)
		acked, err := c.awaitACK(life, tx, seq, again.C, end.C)
		again.Stop()
		if acked || err != nil {
			return err
		}
	}
}

// awaitACK waits for the ACK; false, nil: the 200 should be sent again.
func (c *call) awaitACK(life context.Context, tx sip.ServerTransaction, seq uint32, again, end <-chan time.Time) (acked bool, err error) {
	for {
		select {
		case got := <-c.acks:
			if got == seq {
				return true, nil
			}
		case <-tx.Acks(): // one with the branch of the INVITE
			return true, nil
		case <-c.over:
			return true, nil // a BYE in its stead
		case <-again:
			return false, nil
		case <-end:
			return false, errNoAck
		case <-life.Done():
			return false, life.Err()
		}
	}
}
