package voice

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"example.com/ringback/switch/channel/voice/rtp"
)

// How a call that goes out fails before it is answered.
var (
	errAway   = errors.New("the proxy does not answer")
	errMissed = errors.New("nobody picked up")
	errLogin  = errors.New("the proxy does not take user and password")
	errSound  = errors.New("the other side has no usable sound")
)

// refusal is a final answer to an INVITE that is no success.
type refusal struct {
	status int
	after  time.Duration // Retry-After; 0: none
}

func (r *refusal) Error() string { return "SIP status " + statusText(r.status) }

// dial calls a number and returns when it is answered; the call must be hung up and forgotten, and its stream closed.
func (v *Voice) dial(ctx context.Context, number string) (*call, error) {
	proxy := v.proxy.Load()
	if proxy == nil {
		return nil, errAway
	}
	stream, err := rtp.Open(v.sound)
	if err != nil {
		return nil, err
	}
	network := strings.ToUpper(string(v.config.Network))
	c := &call{voice: v, client: v.clients[network], id: v.tag(), network: network, peer: proxy.String(), stream: stream, seq: 0,
		local: party{v.ours(), v.tag()}, remote: party{uri: v.theirs(number)}, acks: make(chan uint32, 1), over: make(chan struct{}), forget: func() {}}
	c.target = c.remote.uri
	if err := c.invite(ctx); err != nil {
		c.forget()
		return nil, errors.Join(err, stream.Close())
	}
	return c, nil
}

func (v *Voice) ours() sip.Uri {
	return sip.Uri{Scheme: "sip", User: v.config.from(), Host: v.config.domain()}
}

func (v *Voice) theirs(number string) sip.Uri {
	return sip.Uri{Scheme: "sip", User: v.config.Prefix + number, Host: v.config.domain()}
}

// invite sends the INVITE, with the password when it is asked for, and acknowledges the answer.
func (c *call) invite(ctx context.Context) error {
	req := c.request(sip.INVITE)
	req.AppendHeader(sip.NewHeader("Allow", allowed))
	req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	req.SetBody(c.stream.Offer())
	tx, err := c.client.TransactionRequest(ctx, req)
	for try := 0; ; try++ {
		if err != nil {
			return errors.Join(errAway, cause(err))
		}
		res, err2 := c.await(ctx, tx, req)
		if err2 != nil {
			tx.Terminate()
			return err2
		}
		if res.IsSuccess() {
			return c.answered(tx, res)
		}
		tx.Terminate()
		if !challenged(res) {
			return refused(res)
		}
		if req, tx, err = c.voice.login(ctx, c.client, req, res, try); errors.Is(err, errLogin) {
			return err
		}
		c.mu.Lock()
		c.seq++
		c.mu.Unlock()
	}
}

func challenged(res *sip.Response) bool {
	return res.StatusCode == sip.StatusUnauthorized || res.StatusCode == sip.StatusProxyAuthRequired
}

// login sends a request again with the answer to a challenge.
func (v *Voice) login(ctx context.Context, client *sipgo.Client, req *sip.Request, res *sip.Response, try int) (*sip.Request, sip.ClientTransaction, error) {
	if try >= logins || v.config.User == "" {
		return req, nil, errLogin
	}
	req = req.Clone()
	tx, err := client.TransactionDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: v.config.User, Password: string(v.config.Password.Reveal())})
	if err != nil && !isTransport(err) { // a challenge that cannot be answered
		err = errLogin
	}
	return req, tx, err
}

// await waits for the final answer to an INVITE. When nobody picks up in time, or ctx ends, it calls the INVITE off.
func (c *call) await(ctx context.Context, tx sip.ClientTransaction, req *sip.Request) (*sip.Response, error) {
	first := time.NewTimer(c.voice.limits.Answer)
	defer first.Stop()
	ring := time.NewTimer(c.voice.limits.Ring)
	defer ring.Stop()
	for heard := false; ; {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
			heard = true
			first.Stop()
		case <-first.C:
			return nil, errAway
		case <-ring.C:
			return nil, errors.Join(errMissed, c.callOff(tx, req, heard))
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), c.callOff(tx, req, heard))
		case <-tx.Done():
			return nil, errors.Join(errAway, cause(tx.Err()))
		}
	}
}

// callOff sends a CANCEL (RFC 3261, 9.1) and waits until the INVITE has its answer. One that was answered meanwhile is hung up.
func (c *call) callOff(tx sip.ClientTransaction, req *sip.Request, heard bool) error {
	ctx, stop := context.WithTimeout(context.Background(), c.voice.limits.Drain)
	defer stop()
	if !heard { // only now may it be sent
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return c.tooLate(tx, res)
			}
		case <-tx.Done():
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	if _, err := ask(ctx, c.client, c.cancelling(req)); err != nil {
		return cause(err)
	}
	res, err := final(ctx, tx)
	if err != nil {
		return cause(err)
	}
	return c.tooLate(tx, res)
}

// tooLate hangs up a call that was answered while it was called off.
func (c *call) tooLate(tx sip.ClientTransaction, res *sip.Response) error {
	if !res.IsSuccess() {
		return nil
	}
	err := c.answered(tx, res)
	c.hangUp()
	return err
}

// cancelling makes the CANCEL of an INVITE: the same branch, number and address.
func (c *call) cancelling(req *sip.Request) *sip.Request {
	out := sip.NewRequest(sip.CANCEL, *req.Recipient.Clone())
	out.AppendHeader(sip.HeaderClone(req.Via()))
	out.AppendHeader(sip.HeaderClone(req.From()))
	out.AppendHeader(sip.HeaderClone(req.To()))
	out.AppendHeader(sip.HeaderClone(req.CallID()))
	out.AppendHeader(&sip.CSeqHeader{SeqNo: req.CSeq().SeqNo, MethodName: sip.CANCEL})
	c.voice.address(out, c.network, c.peer)
	return out
}

// answered makes the dialog from a 200 and acknowledges it, also when it comes again.
func (c *call) answered(tx sip.ClientTransaction, res *sip.Response) error {
	if to := res.To(); to != nil {
		c.remote.tag, _ = to.Params.Get("tag")
	}
	if contact := res.Contact(); contact != nil && contact.Address.Host != "" {
		c.target = *contact.Address.Clone()
	}
	routes := res.GetHeaders("Record-Route")
	for i := len(routes) - 1; i >= 0 && len(c.routes) < maxRoutes; i-- {
		c.routes = append(c.routes, routes[i].Value())
	}
	c.forget = c.voice.keep(c) // before the ACK, for a BYE may be on its way already
	ack := c.request(sip.ACK)
	tx.OnRetransmission(func(*sip.Response) {
		_ = c.client.WriteRequest(ack.Clone()) // lost like the one before it, it is asked for again
	})
	if err := c.client.WriteRequest(ack.Clone()); err != nil {
		return errors.Join(errAway, cause(err))
	}
	answer, err := rtp.Parse(res.Body())
	if err != nil {
		c.hangUp()
		return errSound
	}
	c.stream.Turn(answer)
	return nil
}

// refused reads a final answer that is no success.
func refused(res *sip.Response) error {
	r := &refusal{status: res.StatusCode}
	if h := res.GetHeader("Retry-After"); h != nil {
		r.after = retryAfter(h.Value())
	}
	return r
}

// retryAfter reads "18000;duration=3600" or "120 (I'm in a meeting)": seconds.
func retryAfter(value string) time.Duration {
	n := time.Duration(0)
	for _, r := range strings.TrimSpace(value) {
		if r < '0' || r > '9' || n > maxRetryAfter {
			break
		}
		n = n*10 + time.Duration(r-'0')*time.Second
	}
	return min(n, maxRetryAfter)
}

// isTransport reports whether an error is of the network.
func isTransport(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, sip.ErrTransactionTransport)
}

// cause is what may be told of an error of sipgo, whose own words hold the request line with the called number.
func cause(err error) error {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dns):
		return errors.New("its name is not known")
	case errors.As(err, &op) && op.Err != nil:
		return op.Err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errors.New("time is up")
	case errors.Is(err, sip.ErrTransactionTimeout):
		return errors.New("transaction timeout")
	case errors.Is(err, sip.ErrUDPMTUCongestion):
		return errors.New("a message is too long for UDP: set network: tcp")
	}
	return errors.New("transport error")
}

// plain is the text of an error that may stand in a log.
func plain(err error) string {
	for _, own := range []error{errNoAck, errAway, errMissed, errLogin, errSound, rtp.ErrNoPort, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	return cause(err).Error()
}
