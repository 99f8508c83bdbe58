package voice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/rs/zerolog"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"example.com/ringback/switch/channel/voice/rtp"
	"example.com/ringback/switch/channel/voice/speech"
)

// Voice is the device "voice" and the channel "voice". Its methods are safe for concurrent use.
type Voice struct {
	config Config
	limits Limits
	log    zerolog.Logger
	noisy  zerolog.Logger // for what a peer or a caller can cause at will
	desk   dialogue.Desk
	sound  rtp.Config

	udp     *net.UDPConn
	tcp     net.Listener
	at      netip.AddrPort // what messages say
	agent   *sipgo.UserAgent
	server  *sipgo.Server
	clients map[string]*sipgo.Client // by network, in upper case

	proxy   atomic.Pointer[netip.AddrPort] // where the proxy's name leads
	up      atomic.Bool                    // it has answered
	in, out chan struct{}                  // a place for each call

	mu    sync.Mutex
	life  context.Context // of Run; nil: it has not begun, or is ending
	calls map[string]*call
	parts sync.WaitGroup // calls and requests under way

	failed chan error // what ends Run
}

var (
	_ acquirer.Slow   = (*Voice)(nil)
	_ acquirer.Runner = (*Voice)(nil)
)

// New checks a configuration and opens nothing. The error names everything that is missing or wrong.
func New(c Config) (*Voice, error) {
	c.Limits = c.Limits.WithDefaults()
	if c.Network == "" {
		c.Network = UDP
	}
	err := c.Check()
	if c.Speaker == nil || c.Inbox == nil || c.Chance == nil {
		err = errors.Join(err, errors.New("no speaker, no inbox or no source of chance"))
	}
	if err != nil {
		return nil, fmt.Errorf("voice: %w", err)
	}
	silence()
	v := &Voice{config: c, limits: c.Limits, log: c.Log, desk: dialogue.Desk{Inbox: c.Inbox, Limits: c.Dialogue},
		in: make(chan struct{}, c.Limits.CallsIn), out: make(chan struct{}, c.Limits.CallsOut), calls: map[string]*call{},
		failed: make(chan error, 1)}
	v.noisy = c.Log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: noisyPeriod})
	v.sound = rtp.Config{Ports: rtp.NewPorts(c.Listen.Addr(), c.FirstPort, c.LastPort), Public: c.Public, Silence: c.Limits.Silence, Chance: c.Chance,
		Encode: map[byte]func(int16) byte{rtp.PCMU: speech.EncodeMuLaw, rtp.PCMA: speech.EncodeALaw}}
	return v, nil
}

// Listen opens the listeners, so that a taken address is told before anything starts. They are closed by Run, or by Close.
func (v *Voice) Listen() (err error) {
	for range listenTries {
		if err = v.listen(); err == nil || v.config.Listen.Port() != 0 {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("voice: %w", err)
	}
	bound := v.udp.LocalAddr().(*net.UDPAddr).AddrPort()
	v.at = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	if v.config.Public.IsValid() {
		v.at = netip.AddrPortFrom(v.config.Public, bound.Port())
	}
	if err := v.prepare(bound); err != nil {
		return errors.Join(fmt.Errorf("voice: %w", err), v.Close())
	}
	return nil
}

func (v *Voice) listen() error {
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(v.config.Listen))
	if err != nil {
		return err
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	v.udp, v.tcp = udp, tcp
	return nil
}

// prepare makes sipgo's parts.
func (v *Voice) prepare(bound netip.AddrPort) (err error) {
	log := slog.New(quiet{v.noisy})
	parser := sip.NewParser()
	parser.MaxMessageLength = maxMessage
	drop := func(*sip.Response) {} // an answer that nobody waits for any more
	v.agent, err = sipgo.NewUA(sipgo.WithUserAgent("ringback"), sipgo.WithUserAgentHostname(v.config.domain()), sipgo.WithUserAgentParser(parser),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log), sip.WithTransportLayerReadFilter(v.filter)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log), sip.WithTransactionLayerUnhandledResponseHandler(drop),
			sip.WithTransactionLayerTerminateOnConnClose()))
	if err != nil {
		return err
	}
	if v.server, err = sipgo.NewServer(v.agent, sipgo.WithServerLogger(log)); err != nil {
		return err
	}
	v.serve()
	// ServeUDP makes the socket known only once it runs, and a request before that would open another.
	v.agent.TransportLayer().Pool("udp").Add(bound.String(), &sip.UDPConnection{PacketConn: v.udp, PacketAddr: bound.String(), Listener: true})
	udp, err := sipgo.NewClient(v.agent, sipgo.WithClientLogger(log), sipgo.WithClientAddr(v.at.String()), sipgo.WithClientNAT(),
		sipgo.WithClientConnectionAddr(bound.String()))
	if err != nil {
		return err
	}
	tcp, err := sipgo.NewClient(v.agent, sipgo.WithClientLogger(log), sipgo.WithClientAddr(v.at.String()), sipgo.WithClientNAT())
	v.clients = map[string]*sipgo.Client{"UDP": udp, "TCP": tcp}
	return err
}

// Addr is the listeners' address, zero before Listen.
func (v *Voice) Addr() netip.AddrPort { return v.at }

// Close closes the listeners, if they are open; it is for those that Run was never called for.
func (v *Voice) Close() error {
	if v.udp == nil {
		return nil
	}
	var out []error
	for _, err := range []error{v.udp.Close(), v.tcp.Close()} {
		if !errors.Is(err, net.ErrClosed) {
			out = append(out, err)
		}
	}
	return errors.Join(out...)
}

// Run implements [acquirer.Runner]: it takes calls and keeps in touch with the proxy until ctx ends; then every call is hung up, and it
// returns nil when all has ended. It opens the listeners when Listen was not called. A proxy that is away is no error. The error is of kind
// [acquirer.ErrStore] when the inbox could not write.
func (v *Voice) Run(ctx context.Context) error {
	if v.udp == nil {
		if err := v.Listen(); err != nil {
			return err
		}
	}
	life, end := context.WithCancel(ctx)
	defer end()
	v.mu.Lock()
	v.life = life
	v.mu.Unlock()
	servers := v.serveBoth(life)
	var trunk sync.WaitGroup
	if v.config.Proxy != "" {
		trunk.Go(func() { v.keepTrunk(life) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-v.failed:
	}
	end()
	err = errors.Join(err, v.stop(&trunk))
	servers.Wait()
	return err
}

// serveBoth reads what comes over both networks, until the listeners are closed.
func (v *Voice) serveBoth(life context.Context) *sync.WaitGroup {
	var servers sync.WaitGroup
	servers.Go(func() { v.fail(v.server.ServeUDP(v.udp)) })
	servers.Go(func() { v.fail(v.server.ServeTCP(&doorman{Listener: v.tcp, voice: v, life: life})) })
	return &servers
}

// stop takes no new calls, waits for those that there are, and closes everything.
func (v *Voice) stop(trunk *sync.WaitGroup) error {
	v.mu.Lock()
	v.life = nil
	v.mu.Unlock()
	v.up.Store(false)
	v.parts.Wait()
	trunk.Wait()
	return v.shut()
}

// shut closes the sockets.
func (v *Voice) shut() error { return errors.Join(v.Close(), v.agent.Close()) }

// fail makes Run end, unless it is ending.
func (v *Voice) fail(err error) {
	if err == nil {
		err = errors.New("a listener was closed")
	}
	select {
	case v.failed <- fmt.Errorf("voice: %w", err):
	default:
	}
}

// enter begins something that Run waits for; ctx is over when Run is to end. false: it is ending, or has not begun.
func (v *Voice) enter() (life context.Context, leave func(), ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.life == nil {
		return nil, nil, false
	}
	v.parts.Add(1)
	return v.life, v.parts.Done, true
}
