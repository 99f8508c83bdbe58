package main

import (
	"crypto/tls"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/mail"
	"example.com/ringback/switch/console"
)

// EmailConfig is the section channels.email: e-mail out through a smart host and in by a server of our own. It is off
// while neither SmartHost nor Listen is set.
type EmailConfig struct {
	Domain       string   `koanf:"domain"`
	From         string   `koanf:"from"`
	SmartHost    string   `koanf:"smart_host"`    // host:port
	Security     string   `koanf:"security"`      // starttls, tls, or clear towards loopback
	CAFile       string   `koanf:"ca_file"`       // whom its certificate must come from; empty: as the system says
	Username     string   `koanf:"username"`      // empty: no authentication
	PasswordFile string   `koanf:"password_file"` // for its owner only
	Listen       string   `koanf:"listen" validate:"omitempty,listen"`
	Mailboxes    []string `koanf:"mailboxes"`
	CertFile     string   `koanf:"cert_file" validate:"required_with=KeyFile"`
	KeyFile      string   `koanf:"key_file" validate:"required_with=CertFile"`
	Connections  int      `koanf:"connections" validate:"gte=0"`
	PerAddress   int      `koanf:"per_address" validate:"gte=0"`
}

func (c EmailConfig) on() bool { return c.SmartHost != "" || c.Listen != "" }

// emailFigures are what the channel of e-mail counts.
func (a *App) emailFigures() (out []console.Figure) {
	for _, r := range a.runners {
		m, ok := r.Runner.(*mail.Mail)
		if !ok {
			continue
		}
		for word, n := range m.Counts() {
			f := counter("ringback_email_total", "What e-mail did, by word.", uint64(n))
			f.Labels = map[string]string{"what": word}
			out = append(out, f)
		}
	}
	return out
}

// paths are the files that the section names.
func (c *EmailConfig) paths() []*string {
	return []*string{&c.CAFile, &c.PasswordFile, &c.CertFile, &c.KeyFile}
}

// missing names everything that is missing or wrong, for ringbackd check.
func (c EmailConfig) missing() error {
	if !c.on() {
		return nil
	}
	m, err := c.fill(mail.Config{})
	if err := errors.Join(err, m.Check()); err != nil {
		return fmt.Errorf("channels.email: %w", err)
	}
	return nil
}

// open makes the channel and opens its listener; nothing runs yet.
func (c EmailConfig) open(m mail.Config) (*mail.Mail, error) {
	m, err := c.fill(m)
	if err != nil {
		return nil, fmt.Errorf("channels.email: %w", err)
	}
	email, err := mail.New(m)
	if err != nil {
		return nil, fmt.Errorf("channels.email: %w", err)
	}
	return email, email.Listen()
}

// bounceKey is the key of bounce addresses: bounces of mail that was sent before a start are known behind it.
func bounceKey(codes acquirer.Key) acquirer.Key { return derive(codes, "bounce addresses of e-mail") }

// fill puts the section and what its files hold into m.
func (c EmailConfig) fill(m mail.Config) (mail.Config, error) {
	m.Domain, m.From, m.SmartHost, m.Security, m.Username = c.Domain, c.From, c.SmartHost, mail.Security(c.Security), c.Username
	m.Listen, m.Mailboxes, m.Connections, m.PerAddress = c.Listen, c.Mailboxes, c.Connections, c.PerAddress
	var wrong []error
	if c.PasswordFile != "" {
		password, err := readSecret(c.PasswordFile)
		if err != nil {
			err = fmt.Errorf("password_file: %w", err)
		}
		m.Password, wrong = password, append(wrong, err)
	}
	roots, err := certificates(c.CAFile)
	if err != nil {
		err = fmt.Errorf("ca_file: %w", err)
	}
	m.Roots, wrong = roots, append(wrong, err)
	if c.CertFile != "" || c.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			err = fmt.Errorf("cert_file, key_file: %w", err)
		}
		m.Certificate, wrong = &pair, append(wrong, err)
	}
	return m, errors.Join(wrong...)
}
