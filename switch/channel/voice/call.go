package voice

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"example.com/ringback/switch/channel/voice/rtp"
)

// party is one side of a dialog: its address and the tag that it has chosen.
type party struct {
	uri sip.Uri
	tag string
}

func (p party) from() *sip.FromHeader {
	return &sip.FromHeader{Address: *p.uri.Clone(), Params: p.params()}
}

func (p party) to() *sip.ToHeader { return &sip.ToHeader{Address: *p.uri.Clone(), Params: p.params()} }

func (p party) params() sip.HeaderParams {
	if p.tag == "" {
		return nil
	}
	return sip.HeaderParams{{K: "tag", V: p.tag}}
}

// call is one call with its dialog (RFC 3261, 12), whoever began it. Every request of ours goes to the peer that the call came from or
// was handed to, whatever address stands in its messages.
type call struct {
	voice         *Voice
	client        *sipgo.Client
	id            string // Call-ID
	local, remote party
	target        sip.Uri // the other side's Contact
	routes        []string
	network, peer string
	stream        *rtp.Stream
	acks          chan uint32 // CSeq of the ACK that came last
	over          chan struct{}
	ending        sync.Once
	forget        func() // the dialog of a call that went out; never nil there

	mu     sync.Mutex // held for what follows
	seq    uint32     // of our last request
	theirs uint32     // of the other side's last request that changed the session
}

// key is how messages of a call are known: by Call-ID and our tag.
func key(id, tag string) string { return id + "\x00" + tag }

// keep makes the call known to requests within it.
func (v *Voice) keep(c *call) (forget func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := key(c.id, c.local.tag)
	v.calls[k] = c
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.calls, k)
	}
}

// callOf is the call that a request is within, nil if there is none.
func (v *Voice) callOf(req *sip.Request) *call {
	to, from, id := req.To(), req.From(), req.CallID()
	if to == nil || from == nil || id == nil || req.CSeq() == nil {
		return nil
	}
	ours, _ := to.Params.Get("tag")
	theirs, _ := from.Params.Get("tag")
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.calls[key(string(*id), ours)]
	if c == nil || c.remote.tag != theirs {
		return nil
	}
	return c
}

// end says that the other side has hung up.
func (c *call) end() { c.ending.Do(func() { close(c.over) }) }

// ended reports whether the other side has hung up.
func (c *call) ended() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// acked takes an ACK.
func (c *call) acked(seq uint32) {
	select {
	case c.acks <- seq:
	default: // one waits to be looked at, and the next 200 brings another
	}
}

// request makes a request within the call. An ACK has the number of the INVITE that it is for.
func (c *call) request(method sip.RequestMethod) *sip.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	if method != sip.ACK {
		c.seq++
	}
	req := sip.NewRequest(method, *c.target.Clone())
	id := sip.CallIDHeader(c.id)
	for _, h := range []sip.Header{c.local.from(), c.remote.to(), &id, &sip.CSeqHeader{SeqNo: c.seq, MethodName: method}, c.voice.contact(c.network)} {
		req.AppendHeader(h)
	}
	for _, route := range c.routes {
		req.AppendHeader(sip.NewHeader("Route", route))
	}
	c.voice.address(req, c.network, c.peer)
	return req
}

// address says how a request travels.
func (v *Voice) address(req *sip.Request, network, peer string) {
	req.SetTransport(network)
	req.SetDestination(peer)
}

// contact is where requests to us go.
func (v *Voice) contact(network string) *sip.ContactHeader {
	return &sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: "ringback", Host: v.at.Addr().String(), Port: int(v.at.Port()),
		UriParams: sip.HeaderParams{{K: "transport", V: sip.NetworkToLower(network)}}}}
}

// hangUp says that the call is over, unless the other side did, and waits for its answer. An answer that does not come is
// no fault of ours: the other side notices by the silence.
func (c *call) hangUp() {
	if c.ended() {
		return
	}
	c.end()
	ctx, stop := context.WithTimeout(context.Background(), c.voice.limits.Drain)
	defer stop()
	if _, err := ask(ctx, c.client, c.request(sip.BYE)); err != nil {
		c.voice.noisy.Warn().Str("peer", c.peer).Str("error", plain(err)).Msg("a call could not be hung up")
	}
}

// ask sends a request and waits for its final answer.
func ask(ctx context.Context, client *sipgo.Client, req *sip.Request) (*sip.Response, error) {
	tx, err := client.TransactionRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	return final(ctx, tx)
}

// final waits for the final answer.
func final(ctx context.Context, tx sip.ClientTransaction) (*sip.Response, error) {
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("waiting for an answer: %w", tx.Err())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// watch returns a context that is over when the call may not go on: the other side has hung up or is silent, its time is up,
// or life is over.
func (c *call) watch(life context.Context, longest time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithTimeout(life, longest)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case <-c.over:
		case <-c.stream.Gone():
		case <-ctx.Done():
		}
		stop()
	})
	return ctx, func() { stop(); watcher.Wait() }
}
