package mail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	acquirer "example.com/ringback/switch"
	"github.com/rs/zerolog"
)

// Security says how the connection to the smart host is kept private.
type Security string

// The ways. The zero value is [StartTLS].
const (
	StartTLS Security = "starttls" // TLS after STARTTLS; a host that does not offer it is not used
	TLS      Security = "tls"      // TLS from the first byte (port 465)
	Clear    Security = "clear"    // none; only towards a loopback address, and never with a password
)

// Config is what a [Mail] is made of.
type Config struct {
	// Domain is the mail domain that is the switch's own: that of Message-IDs, of bounce addresses and of the mailboxes.
	Domain string
	// From is the From line of what is sent, such as "手机付款 <notice@pay.example>".
	From string

	// SmartHost is host:port of the mail server that delivers what is sent; empty: nothing is sent, and the device is down.
	SmartHost string
	Security  Security
	Roots     *x509.CertPool // whom the smart host's certificate must come from; nil: as the system says
	Username  string         // empty: no authentication
	Password  acquirer.Key   // needed with Username

	// Listen is the address of the SMTP server; empty: nothing is received, and bounces are nobody's.
	Listen      string
	Mailboxes   []string         // addresses that take commands, each of Domain
	Certificate *tls.Certificate // for STARTTLS; nil: not offered
	Connections int              // at once: 100
	PerAddress  int              // at once from one IPv4 address or one IPv6 network /64: 5
	Resolver    Resolver         // for SPF and DKIM; nil: the system's
	TagKey      acquirer.Key     // makes the tags of bounce addresses; must be the same after a restart
	Inbox       acquirer.Inbox
	Receipts    acquirer.Receipts
	Log         zerolog.Logger
}

var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)

// Check names every figure that is missing or wrong, one a line; whether Inbox, Receipts and TagKey are there is for [New].
func (c Config) Check() error {
	var wrong []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	say(!domainName.MatchString(c.Domain), "domain: %q is no mail domain in lower case", c.Domain)
	_, err := parseFrom(c.From)
	say(err != nil, "from: %q is no address of the form Name <box@domain>", c.From)
	say(c.SmartHost == "" && c.Listen == "", "smart_host, listen: neither is set")
	wrong = append(wrong, c.checkSmartHost(), c.checkServer())
	return errors.Join(wrong...)
}

func (c Config) checkSmartHost() error {
	if c.SmartHost == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.SmartHost)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		return fmt.Errorf("smart_host: %q is no host:port", c.SmartHost)
	}
	switch {
	case !slices.Contains([]Security{"", StartTLS, TLS, Clear}, c.Security):
		return fmt.Errorf("smart_host security: %q is none of starttls, tls, clear", c.Security)
	case c.Security == Clear && !loopback(host):
		return fmt.Errorf("smart_host security: clear is for a loopback address only, not for %s", host)
	case c.Security == Clear && c.Username != "":
		return errors.New("smart_host security: no password goes over a clear connection")
	case c.Username != "" && c.Password == (acquirer.Key{}):
		return errors.New("smart_host: a user name without a password")
	}
	return nil
}

func (c Config) checkServer() error {
	if c.Listen == "" {
		return nil
	}
	var wrong []error
	if len(c.Mailboxes) == 0 {
		wrong = append(wrong, errors.New("mailboxes: none is set"))
	}
	for _, box := range c.Mailboxes {
		name, domain, ok := strings.Cut(box, "@")
		if a, err := parseAddress(box); !ok || err != nil || a != box || domain != c.Domain || strings.ToLower(box) != box || strings.HasPrefix(name, bounceBox) {
			wrong = append(wrong, fmt.Errorf("mailboxes: %q is no address of %s in lower case", box, c.Domain))
		}
	}
	return errors.Join(wrong...)
}

// checkParts wants what the configuration cannot give: it is a fault of the program when it is not there.
func (c Config) checkParts() error {
	switch {
	case c.Listen == "":
		return nil
	case c.TagKey == (acquirer.Key{}):
		return errors.New("the key of bounce addresses is not set")
	case c.Inbox == nil || c.Receipts == nil:
		return errors.New("nobody takes what comes in")
	}
	return nil
}

// loopback reports whether a host is written as a loopback address. A name is not looked up: it could change.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost"
}

// parseFrom reads a From line of the configuration.
func parseFrom(s string) (*netmail.Address, error) {
	if strings.ContainsFunc(s, control) {
		return nil, errors.New("control character in an address")
	}
	a, err := netmail.ParseAddress(s)
	if err != nil {
		return nil, err
	}
	_, err = parseAddress(a.Address)
	return a, err
}

// maxAddress is the longest address (RFC 5321, 4.5.3.1.3), maxLocal the longest part before its @.
const (
	maxAddress = 254
	maxLocal   = 64
)

var plainAddress = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_{|}~.\x60-]+@[A-Za-z0-9.-]+$`)

// parseAddress accepts a bare address in ASCII, without quotes, routes, comments or a name, and returns it with its
// domain in lower case. Its error does not hold the address.
func parseAddress(s string) (string, error) {
	if len(s) > maxAddress || !plainAddress.MatchString(s) {
		return "", errors.New("no plain mail address")
	}
	local, domain, _ := strings.Cut(s, "@")
	domain = strings.ToLower(domain)
	dots := strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..")
	if len(local) > maxLocal || dots || !domainName.MatchString(domain) {
		return "", errors.New("no plain mail address")
	}
	return local + "@" + domain, nil
}

// control reports whether a character would end or disturb a line.
func control(r rune) bool {
	return r < ' ' || r >= 0x7F && r < 0xA0 || r == '\u2028' || r == '\u2029' || r == '\uFFFD'
}
