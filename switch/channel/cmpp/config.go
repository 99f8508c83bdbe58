package cmpp

import (
	"example.com/ringback/switch/channel/sms"
)

// Version is that of the protocol, as it stands on the wire.
type Version byte

// The versions.
const (
	V20 Version = 0x20
	V30 Version = 0x30
)

func (v Version) String() string { return string('0'+rune(v>>4)) + "." + string('0'+rune(v&0xF)) }

// Config is what the link is made of. All of Common that must be, Version, Account, Password, Source and FeeType must be set.
type Config struct {
	sms.Common
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
}

// New returns the link as device and channel; it has started nothing: call its Run.
func New(c Config) *sms.SMS {
	p := &protocol{Config: c}
	c.Limits = Defaults(c.Limits)
	return sms.New(sms.Config{Common: c.Common, Name: "cmpp", Protocol: p, Source: "cmpp:" + c.Account, Check: p.check})
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
