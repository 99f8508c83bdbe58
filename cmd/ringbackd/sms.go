package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/cmpp"
	"example.com/ringback/switch/channel/smpp"
	"example.com/ringback/switch/channel/sms"
)

// SMSConfig is the section channels.sms: one link to a short message centre or gateway. It is off while Centres is empty.
type SMSConfig struct {
	Protocol     string        `koanf:"protocol" validate:"oneof=smpp cmpp2 cmpp3"`
	Centres      []string      `koanf:"centres" validate:"dive,hostname_port"` // one is tried after the other
	TLS          bool          `koanf:"tls"`
	CAFile       string        `koanf:"ca_file"`                                  // whom its certificate must come from; empty: as the system says
	SystemID     string        `koanf:"system_id"`                                // of CMPP the SP_Id
	PasswordFile string        `koanf:"password_file"`                            // for its owner only; read at each log-in
	Source       string        `koanf:"source"`                                   // who notices and answers come from
	Prefix       string        `koanf:"prefix" validate:"omitempty,number,max=4"` // in front of a number's 11 digits
	EarlyParts   bool          `koanf:"early_parts"`
	Rate         int           `koanf:"rate" validate:"gte=1,lte=1000"`
	Window       int           `koanf:"window" validate:"gte=0,lte=255"` // 0: the protocol's own, as with hold
	Enquire      time.Duration `koanf:"enquire" validate:"gte=1s,lte=10m"`
	Hold         time.Duration `koanf:"hold" validate:"omitempty,gte=100ms,lte=1m"`
	Double       time.Duration `koanf:"double" validate:"gte=1ms,lte=24h"`

	// Of SMPP only.
	SystemType string `koanf:"system_type"`
	SourceTON  uint8  `koanf:"source_ton" validate:"lte=6"`
	SourceNPI  uint8  `koanf:"source_npi" validate:"lte=18"`
	DestTON    uint8  `koanf:"dest_ton" validate:"lte=6"`
	DestNPI    uint8  `koanf:"dest_npi" validate:"lte=18"`
	Alphabet   string `koanf:"alphabet" validate:"oneof=gsm7 latin1"`
	ReceiptIDs string `koanf:"receipt_ids" validate:"oneof=same hex-dec"`

	// Of CMPP only.
	Service     string        `koanf:"service"` // Service_Id
	FeeType     string        `koanf:"fee_type" validate:"len=2,number"`
	FeeCode     string        `koanf:"fee_code" validate:"max=6,number"`
	Answer      time.Duration `koanf:"answer" validate:"gte=1s,lte=5m"` // T of the standard
	Sends       int           `koanf:"sends" validate:"gte=1,lte=10"`   // N of the standard
	AnyGateway  bool          `koanf:"any_gateway"`
	SilentLater bool          `koanf:"silent_later"`
}

func defaultSMS() SMSConfig {
	l, g := smpp.Limits{}.WithDefaults(), cmpp.Defaults(cmpp.Limits{})
	return SMSConfig{Protocol: "smpp", SourceNPI: 1, Prefix: "86", DestTON: 1, DestNPI: 1, Alphabet: string(smpp.GSM7),
		ReceiptIDs: string(smpp.SameIDs), Rate: l.Rate, Enquire: l.Enquire, Double: l.Double,
		FeeType: "01", FeeCode: "0", Answer: g.Answer, Sends: g.Sends}
}

func (c SMSConfig) on() bool { return len(c.Centres) > 0 }

// smpp reports whether the protocol is SMPP; else it is CMPP.
func (c SMSConfig) smpp() bool { return c.Protocol == "smpp" }

// paths are the files that the section names.
func (c *SMSConfig) paths() []*string { return []*string{&c.CAFile, &c.PasswordFile} }

// problems names what is missing or wrong in a section that is on.
func (c SMSConfig) problems() (out []error) {
	if !c.on() {
		return nil
	}
	want := func(ok bool, key, what string) {
		if !ok {
			out = append(out, fmt.Errorf("channels.sms.%s: %s", key, what))
		}
	}
	if c.smpp() {
		want(c.SystemID != "" && len(c.SystemID) <= 15, "system_id", "1 to 15 characters")
		want(len(c.SystemType) <= 12, "system_type", "at most 12 characters")
	} else {
		want(len(c.SystemID) == 6, "system_id", "the SP_Id, 6 characters")
		want(len(c.Service) <= 10, "service", "at most 10 characters")
	}
	want(c.Source != "" && len(c.Source) <= 20, "source", "1 to 20 characters")
	want(c.PasswordFile != "", "password_file", "required")
	for key, strange := range c.strange() {
		want(!strange, key, "means nothing with protocol "+c.Protocol)
	}
	return out
}

// strange says which keys of the other protocol were set.
func (c SMSConfig) strange() map[string]bool {
	d := defaultSMS()
	if c.smpp() {
		return map[string]bool{"service": c.Service != d.Service, "fee_type": c.FeeType != d.FeeType, "fee_code": c.FeeCode != d.FeeCode,
			"answer": c.Answer != d.Answer, "sends": c.Sends != d.Sends, "any_gateway": c.AnyGateway, "silent_later": c.SilentLater}
	}
	return map[string]bool{"system_type": c.SystemType != "", "source_ton": c.SourceTON != d.SourceTON, "source_npi": c.SourceNPI != d.SourceNPI,
		"dest_ton": c.DestTON != d.DestTON, "dest_npi": c.DestNPI != d.DestNPI, "alphabet": c.Alphabet != d.Alphabet,
		"receipt_ids": c.ReceiptIDs != d.ReceiptIDs}
}

// openSMS makes the link to the short message centre.
func (a *App) openSMS() error {
	c := a.config.Channels.SMS
	if !c.on() {
		return nil
	}
	if err := c.ready(); err != nil {
		return fmt.Errorf("channels.sms: %w", err)
	}
	s := c.link(a)
	if err := s.Check(); err != nil {
		return fmt.Errorf("channels.sms: %w", err)
	}
	a.Notifier.Use(s)
	a.runners = append(a.runners, runner{"sms", s})
	return nil
}

// link makes the device and channel of the section, which is ready.
func (c SMSConfig) link(a *App) *sms.SMS {
	common := sms.Common{Addrs: c.Centres, Dial: c.dial, EarlyParts: c.EarlyParts, Inbox: a.Enrolments, Receipts: a.Notifier,
		NameKey: nameKey(a.db.CodeKey()), Chance: rand.Float64, Log: a.log.With().Str("part", "sms").Logger(),
		Limits: sms.Limits{Rate: c.Rate, Window: c.Window, Enquire: c.Enquire, Hold: c.Hold, Double: c.Double}}
	if c.smpp() {
		return smpp.New(smpp.Config{Common: common, SystemID: c.SystemID, SystemType: c.SystemType, Password: c.password,
			Source: smpp.Party{TON: c.SourceTON, NPI: c.SourceNPI, Addr: c.Source}, Prefix: c.Prefix, DestTON: c.DestTON, DestNPI: c.DestNPI,
			Alphabet: smpp.Alphabet(c.Alphabet), ReceiptIDs: smpp.ReceiptIDs(c.ReceiptIDs)})
	}
	common.Limits.Answer, common.Limits.Sends = c.Answer, c.Sends
	version := cmpp.V30
	if c.Protocol == "cmpp2" {
		version = cmpp.V20
	}
	return cmpp.New(cmpp.Config{Common: common, Version: version, Account: c.SystemID, Password: c.password, AnyGateway: c.AnyGateway,
		Source: c.Source, Service: c.Service, Prefix: c.Prefix, FeeType: c.FeeType, FeeCode: c.FeeCode, SilentLater: c.SilentLater})
}

// ready reads the files once, so that a start says what is wrong with them.
func (c SMSConfig) ready() error {
	_, err := c.password()
	_, rootsErr := certificates(c.CAFile)
	return errors.Join(err, rootsErr)
}

// dial opens a connection to the centre.
func (c SMSConfig) dial(ctx context.Context, addr string) (net.Conn, error) {
	var plain net.Dialer
	if !c.TLS {
		return plain.DialContext(ctx, "tcp", addr)
	}
	roots, err := certificates(c.CAFile)
	if err != nil {
		return nil, err
	}
	d := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return d.DialContext(ctx, "tcp", addr)
}

// password reads the password: SMPP has room for 8 characters, CMPP hashes what is agreed.
func (c SMSConfig) password() (string, error) {
	secret, err := readSecret(c.PasswordFile)
	if err != nil {
		return "", err
	}
	most := 64
	if c.smpp() {
		most = 8
	}
	if len(secret.Reveal()) > most {
		return "", fmt.Errorf("%s does not hold a password of 1 to %d characters", filepath.Base(c.PasswordFile), most)
	}
	return string(secret.Reveal()), nil
}

// nameKey is the key of the names of short messages.
func nameKey(codes acquirer.Key) acquirer.Key { return derive(codes, "names of short messages") }
