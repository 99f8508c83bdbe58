package voice

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/rs/zerolog"
)

// Network is what SIP towards the proxy goes over.
type Network string

// The networks. The zero value is [UDP]. Who calls in may use either.
const (
	UDP Network = "udp"
	TCP Network = "tcp"
)

// Config is what a [Voice] is made of.
type Config struct {
	// Listen is the address of SIP, over UDP and TCP: that of one interface, for it stands in messages. Port 0: any that is free.
	Listen netip.AddrPort
	// Public is what messages say instead of Listen's address where a router translates it; zero: Listen's.
	Public netip.Addr
	// Peers are the networks beside the proxy that calls are taken from. Whatever comes from others is dropped unread.
	Peers []netip.Prefix

	// Proxy is host:port of who takes our calls; empty: none goes out.
	Proxy    string
	Network  Network // towards it
	Domain   string  // behind the @ of both sides; empty: the proxy's host
	User     string  // for digest authentication (RFC 2617, RFC 7616) and for a registration; empty: none
	Password acquirer.Key
	From     string // who calls, as a number or a name of the trunk; empty: User
	Prefix   string // in front of a number's 11 digits
	Register bool   // the proxy wants to be told where we are

	FirstPort, LastPort int // of sound (RTP), even ones of them are used; 0, 0: any

	Speaker  dialogue.Speaker
	Dialogue dialogue.Limits
	Inbox    acquirer.Inbox
	Limits   Limits
	Chance   func() uint64 // for what must not be guessed or collide: tags, the beginnings of streams
	Log      zerolog.Logger
}

// userName is what may stand in front of the @ as it is: part of RFC 3261's user.
var userName = regexp.MustCompile(`^[A-Za-z0-9+._-]{1,40}$`)

var hostName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}$|^\[[0-9a-fA-F:]+\]$`)

// Check names every figure that is missing or wrong, one a line; whether Speaker, Inbox and Chance are there is for [New].
func (c Config) Check() error {
	var out []error
	want := func(ok bool, key, what string) {
		if !ok {
			out = append(out, fmt.Errorf("%s: %s", key, what))
		}
	}
	want(c.Listen.IsValid() && !c.Listen.Addr().IsUnspecified(), "listen", "not the address and port of one interface")
	want(c.Proxy != "" || len(c.Peers) > 0, "proxy, peers", "neither is set: no call could be made or taken")
	want(c.Proxy == "" || isHostPort(c.Proxy), "proxy", "no host:port")
	want(c.Network == UDP || c.Network == TCP || c.Network == "", "network", "neither udp nor tcp")
	want(c.Domain == "" || hostName.MatchString(c.Domain), "domain", "no host name")
	want(c.User == "" || userName.MatchString(c.User), "user", "1 to 40 letters, digits, + . _ -")
	want((c.User == "") == (len(c.Password.Reveal()) == 0), "user, password_file", "one without the other")
	want(c.Proxy == "" || userName.MatchString(c.from()), "from", "1 to 40 letters, digits, + . _ -")
	want(c.Prefix == "" || userName.MatchString(c.Prefix), "prefix", "not of digits or a +")
	want(!c.Register || c.Proxy != "" && c.User != "", "register", "needs proxy and user")
	want(c.portsFit(), "rtp_first, rtp_last", "not 1024 to 65535, or with fewer than two ports for each of the calls")
	return errors.Join(out...)
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && (hostName.MatchString(host) || isAddr(host))
}

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// portsFit reports whether every call that is allowed finds a port for its sound.
func (c Config) portsFit() bool {
	l := c.Limits.WithDefaults()
	if c.FirstPort == 0 && c.LastPort == 0 {
		return true
	}
	return c.FirstPort >= 1024 && c.LastPort <= 65535 && (c.LastPort-c.FirstPort+1)/2 >= l.CallsIn+l.CallsOut
}

func (c Config) from() string {
	if c.From != "" {
		return c.From
	}
	return c.User
}

// domain is what stands behind the @.
func (c Config) domain() string {
	if c.Domain != "" {
		return c.Domain
	}
	host, _, err := net.SplitHostPort(c.Proxy)
	if err != nil {
		return c.Listen.Addr().String()
	}
	return host
}
