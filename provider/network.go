package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// Keys is the part of [acquirer.Directory] that keeps the zone's keys.
type Keys interface {
	// ZoneKey returns the key in force of a usage (ZPK or ZAK), or acquirer.ErrNotFound.
	ZoneKey(ctx context.Context, usage acquirer.KeyUsage) (acquirer.KeyBlock, error)
	// SaveZoneKey makes a new key durable. An error of kind acquirer.ErrStore ends Run.
	SaveZoneKey(ctx context.Context, key acquirer.KeyBlock) error
}

// Config is what a [Network] is made of. Addrs, Institution, ZMK, HSM and Keys must be set.
type Config struct {
	// Addrs are host:port, one link each; an address listed twice gets two links.
	Addrs []string
	// Dial opens a connection, which then belongs to the Network; nil means TCP. Its ctx ends after Limits.Dial.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Institution is the switch's own code, 8 digits: F32, F33 and the source in the header.
	Institution string
	// Centre is the destination in the header; empty means 00010000, the domestic centre.
	Centre string
	// MerchantType is F18; empty means 6012, the category for services of a member institution, which is what
	// money sent to a person is; an agreement with the centre may name another.
	MerchantType string
	// TerminalType is the two digits in F60.2; empty means 03, a POS. Some agreements want 07, a fixed telephone.
	TerminalType string
	// MerchantName gives F43, name and place, for a merchant; it is cut to 40 bytes of GBK. It must give the same
	// answer each time, for a 0420 is repeated unchanged. Nil leaves the field blank.
	MerchantName func(acquirer.MerchantID) string
	// DoubleMAC asks for a MAC key of double length (F53 = 26...); else a single one is asked for, the form of the
	// dialect's known answers. Both are taken whoever asked.
	DoubleMAC bool

	ZMK  acquirer.KeyBlock // zone master key
	HSM  acquirer.HSM
	Keys Keys
	// Late takes an answer to a debit that nobody waits for; its F128 is right, F4, F37 and F41 were not compared.
	// Calls come one after the other. Nil means that late answers are only counted.
	Late func(ctx context.Context, key acquirer.HostKey, a acquirer.Authorization) error

	// Settlement takes cut-offs and payouts. Nil: a cut-off is answered 00 and only logged, and a payout is not answered,
	// so that the host keeps it.
	Settlement acquirer.Settlement

	Log    zerolog.Logger // the zero value logs nothing
	Limits Limits
}

// Network is the line to the host. Its methods are safe for concurrent use.
type Network struct {
	config  Config
	limits  Limits
	log     zerolog.Logger
	noisy   zerolog.Logger // for what a peer can cause at will
	lines   []*line
	turn    atomic.Uint64 // round robin over lines
	linkIDs atomic.Uint64
	traces  atomic.Uint64 // F11 of network management
	pending pending
	routes  routes
	keys    keyring
	zone    zone
	late    chan *cups.Message
	counts  counts
	running atomic.Bool
	ended   chan struct{} // closed when Run is at its end
}

var _ acquirer.Network = (*Network)(nil)

// New returns a network that has started nothing: call [Network.Run].
func New(c Config) *Network {
	c.Limits = c.Limits.WithDefaults()
	c.Centre = fallback(c.Centre, "00010000")
	c.MerchantType = fallback(c.MerchantType, "6012")
	c.TerminalType = fallback(c.TerminalType, "03")
	if c.Dial == nil {
		c.Dial = dialTCP
	}
	if c.MerchantName == nil {
		c.MerchantName = func(acquirer.MerchantID) string { return "" }
	}
	n := &Network{config: c, limits: c.Limits, log: c.Log, ended: make(chan struct{}), late: make(chan *cups.Message, c.Limits.Late)}
	n.noisy = c.Log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: noisyPeriod})
	for i, addr := range c.Addrs {
		n.lines = append(n.lines, &line{index: i, addr: addr})
	}
	n.pending.init(c.Limits.InFlight)
	n.routes.init(c.Limits.Routes)
	n.keys.init(c.HSM, c.Limits.OldKey)
	n.zone.init(c.Limits.Requests)
	return n
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// Run owns the links until ctx ends. Then nothing new is sent, what is in flight is waited for during at most
// Limits.Drain with the links kept up, the links are closed, and Run returns nil when all it started has ended;
// requests that still wait fail as unknown. It returns an error at once when the configuration is not whole, when
// the stored keys cannot be read, when it is called a second time, and when a key cannot be stored for certain
// (acquirer.ErrStore).
func (n *Network) Run(ctx context.Context) error {
	if err := n.check(); err != nil {
		return err
	}
	if !n.running.CompareAndSwap(false, true) {
		return errors.New("provider: Run was called before")
	}
	defer close(n.ended)
	defer n.pending.close()
	if err := n.loadKeys(ctx); err != nil {
		return fmt.Errorf("provider: reading zone keys: %w", err)
	}
	return n.run(ctx)
}

func (n *Network) run(ctx context.Context) error {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	zone := make(chan error, 1)
	go func() { zone <- n.runZone(life) }()
	var lines, late sync.WaitGroup
	for _, ln := range n.lines {
		lines.Go(func() { n.runLine(life, ln) })
	}
	late.Go(func() { n.runLate(context.WithoutCancel(ctx)) })

	err := n.untilDrained(ctx, zone)
	stop()
	lines.Wait()
	close(n.late) // only readers fill it, and they have ended
	late.Wait()
	if err == nil {
		err = <-zone
	}
	return err
}

// untilDrained waits for the end of ctx and of what is in flight then, or for a failure of the zone.
func (n *Network) untilDrained(ctx context.Context, zone chan error) error {
	select {
	case err := <-zone:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(n.limits.Drain)
	defer timer.Stop()
	select {
	case err := <-zone:
		return err
	case <-n.pending.close():
	case <-timer.C:
		n.log.Warn().Msg("requests were still in flight when the line was closed")
	}
	return nil
}

// check names what is missing.
func (n *Network) check() error {
	c := n.config
	switch {
	case len(c.Addrs) == 0:
		return errors.New("provider: no address of the host")
	case len(c.Institution) != 8:
		return errors.New("provider: the institution code is not 8 digits")
	case c.HSM == nil || c.Keys == nil:
		return errors.New("provider: no security module or no key store")
	case c.ZMK.Usage != acquirer.UsageZMK:
		return errors.New("provider: no zone master key")
	}
	return nil
}

// Ready implements [acquirer.Network].
func (n *Network) Ready() error {
	_, closed := n.pending.state()
	switch {
	case !n.running.Load():
		return errors.New("the line was not started")
	case closed:
		return errClosing
	case !n.linked():
		return errNoLink
	}
	if usage := n.keys.missing(); usage != 0 {
		return fmt.Errorf("no zone key of usage %c has come yet", rune(usage))
	}
	return nil
}

// errNoLink: not one link is signed on.
var errNoLink = errors.New("no link to the host is signed on")

// linked reports whether a link is signed on.
func (n *Network) linked() bool {
	return slices.ContainsFunc(n.lines, func(ln *line) bool {
		l := ln.link.Load()
		return l != nil && l.alive()
	})
}

// candidates lists the signed-on links in the order in which they should be tried: the preferred one, then the others
// in turn.
func (n *Network) candidates(prefer linkID) []*link {
	if len(n.lines) == 0 {
		return nil
	}
	turn := int(n.turn.Add(1) % uint64(len(n.lines)))
	links := make([]*link, 0, len(n.lines))
	for i := range n.lines {
		l := n.lines[(turn+i)%len(n.lines)].link.Load()
		if l == nil || !l.alive() {
			continue
		}
		links = append(links, l)
		if l.id == prefer {
			last := len(links) - 1
			links[0], links[last] = links[last], links[0]
		}
	}
	return links
}
