package cmpp

import (
	"context"
	"net"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"github.com/rs/zerolog"
)

// Version is that of the protocol, as it stands on the wire.
type Version byte

// The versions.
const (
	V20 Version = 0x20
	V30 Version = 0x30
)

func (v Version) String() string { return string('0'+rune(v>>4)) + "." + string('0'+rune(v&0xF)) }

// Config is what the link is made of. Addrs, Account, Password, Source, Inbox, Receipts, NameKey and Chance must be set.
type Config struct {
	Addrs []string // host:port of the gateway's doors: one is tried after the other
	// Dial opens a connection, which then belongs to the link; nil means TCP. Its ctx ends after Limits.Bind.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Version is the highest that is asked for; a gateway that says it is too high is asked for 2.0.
	Version  Version
	Account  string                 // Source_Addr and Msg_src, the SP_Id: 6 characters
	Password func() (string, error) // shared secret, asked at each log-in, so that it can be changed while the switch runs
	// AnyGateway takes a gateway whose AuthenticatorISMG does not show that it knows the secret.
	AnyGateway bool
	Source     string // Src_Id, the access number that notices and answers come from
	Service    string // Service_Id, at most 10 characters
	Prefix     string // in front of a number's 11 digits
	// FeeType and FeeCode say what the message costs: FeeType has 2 digits, "01" is nothing for the receiver; FeeCode at
	// most 6. The SP is who pays.
	FeeType, FeeCode string
	// SilentLater leaves a deliver that cannot be done now without an answer instead of refusing it with 8 (flow control):
	// for gateways that bring again only what was not answered.
	SilentLater bool
	EarlyParts  bool // see [sms.Config]

	Inbox    acquirer.Inbox
	Receipts acquirer.Receipts
	NameKey  acquirer.Key   // see [sms.Config]
	Chance   func() float64 // see [sms.Config]
	Log      zerolog.Logger // the zero value logs nothing
	Limits   Limits
}

// New returns the link as device and channel; it has started nothing: call its Run.
func New(c Config) *sms.SMS {
	p := &protocol{Config: c}
	return sms.New(sms.Config{Name: "cmpp", Protocol: p, Addrs: c.Addrs, Dial: c.Dial, Source: "cmpp:" + c.Account, EarlyParts: c.EarlyParts,
		Inbox: c.Inbox, Receipts: c.Receipts, NameKey: c.NameKey, Chance: c.Chance, Log: c.Log, Limits: Defaults(c.Limits), Check: p.check})
}

// check names everything that is missing or wrong, one a line.
func (p *protocol) check() error {
	out := &sms.Faults{Name: "cmpp"}
	out.Want(p.Version == V20 || p.Version == V30, "version is neither 2.0 nor 3.0")
	out.Want(len(p.Account) == 6, "account is not 6 characters")
	out.Want(p.Password != nil, "no password")
	out.Want(p.Source != "" && len(p.Source) <= 20, "source address is empty or longer than 20 characters")
	out.Want(len(p.Service) <= 10, "service is longer than 10 characters")
	out.Want(len(p.Prefix) <= 4, "prefix is longer than 4 digits")
	out.Want(len(p.FeeType) == 2 && len(p.FeeCode) <= 6, "fee type is not 2 characters or fee code longer than 6")
	return out.Err()
}
