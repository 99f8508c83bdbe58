package voice

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/rs/zerolog"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
)

// keepTrunk asks the proxy again and again whether it is there, and registers, until ctx ends.
func (v *Voice) keepTrunk(ctx context.Context) {
	r := &registration{voice: v, id: v.tag(), tag: v.tag()}
	for ctx.Err() == nil {
		v.touch(ctx, r)
		pause(ctx, v.limits.Probe)
	}
	if v.config.Register && !r.until.IsZero() {
		away, stop := context.WithTimeout(context.WithoutCancel(ctx), v.limits.Drain)
		defer stop()
		_ = r.renew(away, 0) // the registration ends by itself, too
	}
}

// Reach asks the proxy of a configuration once whether it is there, from a free port of the address that is listened on; nil without a
// proxy. Speaker, Inbox and Chance need not be set.
func Reach(ctx context.Context, c Config) error {
	if c.Proxy == "" {
		return nil
	}
	c.Listen = netip.AddrPortFrom(c.Listen.Addr(), 0)
	c.Speaker, c.Inbox, c.Chance, c.Log = nobody{}, nobody{}, rand.Uint64, zerolog.Nop()
	c.Limits.Answer = reachTime
	v, err := New(c)
	if err != nil {
		return err
	}
	if err := v.Listen(); err != nil {
		return err
	}
	servers := v.serveBoth(ctx)
	if err = v.resolve(ctx); err == nil {
		err = v.probe(ctx)
	}
	if err != nil {
		err = errors.New(plain(err))
	}
	err = errors.Join(err, v.shut())
	servers.Wait()
	return err
}

// nobody speaks and takes nothing: nobody calls.
type nobody struct {
	dialogue.Speaker
	acquirer.Inbox
}

// touch looks once whether calls can be made, and says so when that has changed.
func (v *Voice) touch(ctx context.Context, r *registration) {
	err := v.resolve(ctx)
	if err == nil {
		err = v.probe(ctx)
	}
	if err == nil && v.config.Register && time.Until(r.until) < v.limits.Register/2 {
		err = r.renew(ctx, v.limits.Register)
	}
	if ctx.Err() != nil {
		return
	}
	was := v.up.Swap(err == nil)
	switch {
	case err != nil:
		v.noisy.Warn().Str("proxy", v.config.Proxy).Str("error", plain(err)).Msg("calls cannot be made")
	case !was:
		v.log.Info().Str("proxy", v.config.Proxy).Msg("calls can be made")
	}
}

// Up reports whether the proxy has answered when it was last asked.
func (v *Voice) Up() bool { return v.up.Load() }

// resolve looks where the proxy's name leads. Calls from there are taken.
func (v *Voice) resolve(ctx context.Context) error {
	host, port, err := net.SplitHostPort(v.config.Proxy)
	if err != nil {
		return errAway
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return errAway
	}
	ctx, stop := context.WithTimeout(ctx, v.limits.Answer)
	defer stop()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a = a.Unmap(); a.Is4() == v.config.Listen.Addr().Unmap().Is4() {
			at := netip.AddrPortFrom(a, uint16(n))
			v.proxy.Store(&at)
			return nil
		}
	}
	return errAway
}

// probe asks the proxy for its abilities (RFC 3261, 11). Any answer says that it is there.
func (v *Voice) probe(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, v.limits.Answer)
	defer stop()
	req := sip.NewRequest(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: v.config.domain()})
	ours := party{v.ours(), v.tag()}
	req.AppendHeader(ours.from())
	req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", Host: v.config.domain()}})
	network := v.network()
	req.AppendHeader(v.contact(network))
	v.address(req, network, v.proxy.Load().String())
	if _, err := ask(ctx, v.clients[network], req); err != nil {
		return errors.Join(errAway, cause(err))
	}
	return nil
}

func (v *Voice) network() string { return strings.ToUpper(string(v.config.Network)) }

// registration is what the proxy knows about where we are (RFC 3261, 10). It is one Call-ID with rising numbers.
type registration struct {
	voice   *Voice
	id, tag string
	seq     uint32
	until   time.Time
}

// renew registers for a time; 0 takes the registration back.
func (r *registration) renew(ctx context.Context, life time.Duration) error {
	v := r.voice
	ctx, stop := context.WithTimeout(ctx, v.limits.Answer)
	defer stop()
	network := v.network()
	r.seq++
	req := sip.NewRequest(sip.REGISTER, sip.Uri{Scheme: "sip", Host: v.config.domain()})
	aor := sip.Uri{Scheme: "sip", User: v.config.User, Host: v.config.domain()}
	id := sip.CallIDHeader(r.id)
	for _, h := range []sip.Header{party{aor, r.tag}.from(), party{uri: aor}.to(), &id, &sip.CSeqHeader{SeqNo: r.seq, MethodName: sip.REGISTER},
		v.contact(network), sip.NewHeader("Expires", strconv.Itoa(int(life.Seconds())))} {
		req.AppendHeader(h)
	}
	v.address(req, network, v.proxy.Load().String())
	res, err := ask(ctx, v.clients[network], req)
	for try := 0; err == nil && challenged(res); try++ {
		r.seq++
		var tx sip.ClientTransaction
		if req, tx, err = v.login(ctx, v.clients[network], req, res, try); err != nil {
			break
		}
		res, err = final(ctx, tx)
		tx.Terminate()
	}
	switch {
	case errors.Is(err, errLogin):
		return err
	case err != nil:
		return errors.Join(errAway, cause(err))
	case !res.IsSuccess():
		return errLogin
	}
	r.until = time.Now().Add(life)
	return nil
}
