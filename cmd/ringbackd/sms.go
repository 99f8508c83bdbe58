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
	"example.com/ringback/switch/channel/smpp"
)

// SMSConfig is the section channels.sms: one bind to a short message centre. It is off while Centres is empty.
type SMSConfig struct {
	Centres      []string      `koanf:"centres" validate:"dive,hostname_port"` // one is tried after the other
	TLS          bool          `koanf:"tls"`
	CAFile       string        `koanf:"ca_file"` // whom its certificate must come from; empty: as the system says
	SystemID     string        `koanf:"system_id"`
	SystemType   string        `koanf:"system_type"`
	PasswordFile string        `koanf:"password_file"` // for its owner only; read at each bind
	Source       string        `koanf:"source"`        // who notices and answers come from
	SourceTON    uint8         `koanf:"source_ton" validate:"lte=6"`
	SourceNPI    uint8         `koanf:"source_npi" validate:"lte=18"`
	Prefix       string        `koanf:"prefix" validate:"omitempty,number,max=4"` // in front of a number's 11 digits
	DestTON      uint8         `koanf:"dest_ton" validate:"lte=6"`
	DestNPI      uint8         `koanf:"dest_npi" validate:"lte=18"`
	Alphabet     string        `koanf:"alphabet" validate:"oneof=gsm7 latin1"`
	ReceiptIDs   string        `koanf:"receipt_ids" validate:"oneof=same hex-dec"`
	EarlyParts   bool          `koanf:"early_parts"`
	Rate         int           `koanf:"rate" validate:"gte=1,lte=1000"`
	Window       int           `koanf:"window" validate:"gte=1,lte=255"`
	Enquire      time.Duration `koanf:"enquire" validate:"gte=1s,lte=10m"`
	Hold         time.Duration `koanf:"hold" validate:"gte=100ms,lte=1m"`
	Double       time.Duration `koanf:"double" validate:"gte=1ms,lte=24h"`
}

func defaultSMS() SMSConfig {
	l := smpp.Limits{}.WithDefaults()
	return SMSConfig{SourceNPI: 1, Prefix: "86", DestTON: 1, DestNPI: 1, Alphabet: string(smpp.GSM7), ReceiptIDs: string(smpp.SameIDs),
		Rate: l.Rate, Window: l.Window, Enquire: l.Enquire, Hold: l.Hold, Double: l.Double}
}

func (c SMSConfig) on() bool { return len(c.Centres) > 0 }

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
	want(c.SystemID != "" && len(c.SystemID) <= 15, "system_id", "1 to 15 characters")
	want(len(c.SystemType) <= 12, "system_type", "at most 12 characters")
	want(c.Source != "" && len(c.Source) <= 20, "source", "1 to 20 characters")
	want(c.PasswordFile != "", "password_file", "required")
	return out
}

// openSMS makes the bind to the short message centre.
func (a *App) openSMS() error {
	c := a.config.Channels.SMS
	if !c.on() {
		return nil
	}
	f, err := c.fill()
	if err != nil {
		return fmt.Errorf("channels.sms: %w", err)
	}
	f.Inbox, f.Receipts, f.NameKey = a.Enrolments, a.Notifier, nameKey(a.db.CodeKey())
	f.Log = a.log.With().Str("part", "sms").Logger()
	s := smpp.New(f)
	if err := s.Check(); err != nil {
		return fmt.Errorf("channels.sms: %w", err)
	}
	a.Notifier.Use(s)
	a.runners = append(a.runners, runner{"sms", s})
	return nil
}

// fill makes the part of a configuration that the section decides. It reads the password once, so that a start says what is
// wrong with the file.
func (c SMSConfig) fill() (smpp.Config, error) {
	out := smpp.Config{Addrs: c.Centres, SystemID: c.SystemID, SystemType: c.SystemType, Password: c.password,
		Source: smpp.Party{TON: c.SourceTON, NPI: c.SourceNPI, Addr: c.Source}, Prefix: c.Prefix, DestTON: c.DestTON, DestNPI: c.DestNPI,
		Alphabet: smpp.Alphabet(c.Alphabet), ReceiptIDs: smpp.ReceiptIDs(c.ReceiptIDs), EarlyParts: c.EarlyParts, Chance: rand.Float64,
		Limits: smpp.Limits{Rate: c.Rate, Window: c.Window, Enquire: c.Enquire, Hold: c.Hold, Double: c.Double}}
	_, err := c.password()
	if c.TLS {
		roots, rootsErr := certificates(c.CAFile)
		err = errors.Join(err, rootsErr)
		d := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
		out.Dial = func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	return out, err
}

func (c SMSConfig) password() (string, error) {
	secret, err := readSecret(c.PasswordFile)
	if err != nil {
		return "", err
	}
	if len(secret.Reveal()) > 8 {
		return "", fmt.Errorf("%s does not hold a password of 1 to 8 characters", filepath.Base(c.PasswordFile))
	}
	return string(secret.Reveal()), nil
}

// nameKey is the key of the names of short messages.
func nameKey(codes acquirer.Key) acquirer.Key { return derive(codes, "names of short messages") }
