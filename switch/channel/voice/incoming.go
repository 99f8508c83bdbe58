package voice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"example.com/ringback/switch/channel/voice/rtp"
)

// invitation is what is read of an INVITE.
type invitation struct {
	call   *call // without a stream
	offer  rtp.Description
	caller dialogue.Caller
}

// readInvite reads an INVITE of somebody who is let in. status is 0, or why it is refused.
func (v *Voice) readInvite(req *sip.Request) (i invitation, status int) {
	from, to, id, seq, contact := req.From(), req.To(), req.CallID(), req.CSeq(), req.Contact()
	if from == nil || to == nil || id == nil || seq == nil || contact == nil || req.Via() == nil || *id == "" {
		return i, sip.StatusBadRequest
	}
	tag, _ := from.Params.Get("tag")
	routes := req.GetHeaders("Record-Route")
	if tag == "" || len(routes) > maxRoutes || contact.Address.Host == "" {
		return i, sip.StatusBadRequest
	}
	offer, err := rtp.Parse(req.Body())
	if err != nil {
		return i, sip.StatusNotAcceptableHere
	}
	c := &call{voice: v, id: string(*id), network: sip.NetworkToUpper(req.Transport()), peer: req.Source(), target: *contact.Address.Clone(),
		local: party{to.Address, v.tag()}, remote: party{from.Address, tag}, theirs: seq.SeqNo, acks: make(chan uint32, 1), over: make(chan struct{})}
	if c.client = v.clients[c.network]; c.client == nil {
		return i, sip.StatusBadRequest
	}
	for _, r := range routes {
		c.routes = append(c.routes, r.Value())
	}
	return invitation{c, offer, dialogue.Caller{Number: callerNumber(req), Source: source(c.peer), ID: callID(c.id)}}, 0
}

// callerNumber is whom a call claims to come from: what the peer asserts (RFC 3325), else the From. Empty: withheld, or no mobile number.
func callerNumber(req *sip.Request) string {
	user := req.From().Address.User
	if h := req.GetHeader("P-Asserted-Identity"); h != nil {
		var uri sip.Uri
		var params sip.HeaderParams
		if _, err := sip.ParseAddressValue(h.Value(), &uri, &params); err == nil {
			user = uri.User
		}
	}
	for _, prefix := range []string{"+86", "0086", "86", "0"} {
		if m, err := acquirer.ParseMSISDN(strings.TrimPrefix(user, prefix)); err == nil {
			return m.Reveal()
		}
	}
	return ""
}

// source names the peer that a call came by, for limits.
func source(peer string) string {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return "voice"
	}
	return "voice:" + at.Addr().Unmap().String()
}

// callID is the name of a call: a Call-ID may be long and may hold a number.
func callID(id string) string {
	h := sha256.Sum256([]byte(id))
	return hex.EncodeToString(h[:16])
}

// tag makes a tag that was not there and cannot be guessed.
func (v *Voice) tag() string {
	var b [16]byte
	for i := range 2 {
		n := v.config.Chance()
		for j := range 8 {
			b[8*i+j] = byte(n >> (8 * j))
		}
	}
	return hex.EncodeToString(b[:])
}

// takeCall answers a call and holds its conversation.
func (v *Voice) takeCall(life context.Context, req *sip.Request, tx sip.ServerTransaction) {
	i, status := v.readInvite(req)
	if status != 0 {
		v.noisy.Warn().Str("peer", req.Source()).Int("status", status).Msg("a call was refused: malformed, or without usable sound")
		v.answer(req, tx, status, "Not Acceptable Here")
		return
	}
	if v.merged(i.call) {
		v.answer(req, tx, sip.StatusLoopDetected, "Loop Detected")
		return
	}
	if err := v.converse(life, i, req, tx); err != nil {
		v.noisy.Warn().Str("peer", i.call.peer).Str("error", plain(err)).Msg("a call that came in has failed")
	}
}

// merged reports whether the same call came in by another way already (RFC 3261, 8.2.2.2).
func (v *Voice) merged(c *call) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, other := range v.calls {
		if other.id == c.id && other.remote.tag == c.remote.tag {
			return true
		}
	}
	return false
}

// converse holds the call. That the other side hangs up, at any time, is no error.
func (v *Voice) converse(life context.Context, i invitation, req *sip.Request, tx sip.ServerTransaction) error {
	c, began := i.call, time.Now()
	stream, err := rtp.Open(v.sound)
	if err != nil {
		v.answer(req, tx, sip.StatusServiceUnavailable, "Service Unavailable")
		return err
	}
	c.stream = stream
	defer func() { _ = stream.Close() }() // of a UDP socket
	stream.Turn(i.offer)
	tx.OnCancel(func(*sip.Request) { c.end() })
	defer v.keep(c)()
	res := v.accepting(req, c.network, stream.Answer(i.offer))
	res.To().Params = c.local.params()
	if err := c.accept(life, tx, res); err != nil {
		c.hangUp()
		return err
	}
	stream.Start()
	ctx, stop := c.watch(life, v.limits.Call)
	err = v.desk.Incoming(ctx, phone{c}, i.caller)
	stop()
	c.hangUp()
	v.log.Info().Str("peer", c.peer).Dur("took", time.Since(began)).Msg("a call came in")
	switch {
	case errors.Is(err, acquirer.ErrStore):
		v.fail(err)
	case errors.Is(err, dialogue.ErrHungUp), ctx.Err() != nil:
		return nil
	}
	return err
}
