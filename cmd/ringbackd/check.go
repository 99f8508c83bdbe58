package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// peerPatience is how long the verb check waits for one peer.
const peerPatience = 2 * time.Second

// checkCmd validates a configuration.
type checkCmd struct {
	configFlag
	Reach bool `help:"Ask every peer too whether it can be reached, for 2 seconds each."`
}

// Levels of a finding.
const (
	levelOK      = "ok"
	levelMissing = "missing" // a file, a program, a value: serve would refuse to start, or the channel would not work
	levelAway    = "away"    // a peer that cannot be reached now
)

// finding is one line of the verb check.
type finding struct{ Section, Level, Text string }

func (f finding) String() string {
	switch {
	case f.Text == "":
		return f.Level + ": " + f.Section
	case strings.HasPrefix(f.Text, f.Section+"."): // the text names the key
		return f.Level + ": " + f.Text
	}
	return f.Level + ": " + f.Section + ": " + f.Text
}

// Run prints a line for every section that is configured. What is missing comes as the error, one a line. It starts nothing.
func (c *checkCmd) Run() error { return c.check(context.Background(), os.Stdout) }

func (c *checkCmd) check(ctx context.Context, to io.Writer) error {
	config, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	found := config.findings()
	if c.Reach {
		found = append(found, reach(ctx, config.peers())...)
	}
	var wrong []error
	for _, f := range found {
		if f.Level != levelOK {
			wrong = append(wrong, errors.New(f.String()))
			continue
		}
		if _, err := fmt.Fprintln(to, f); err != nil {
			return err
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "ok:", c.Config)
	return nil
}

// findings says of each section that is on that it is in order, or all that it lacks.
func (c Config) findings() []finding {
	out := slices.Concat(judged("keys", c.masterMissing()), judged("host", c.hostMissing()), judged("issuers", c.issuersMissing()),
		judged("notices", c.textsMissing()), judged("store", c.Store.missing()))
	if c.Terminal.TLS.Addr != "" {
		out = append(out, judged("terminal.tls", c.Terminal.TLS.missing())...)
	}
	if c.HTTP.TLS.on() {
		_, err := c.HTTP.TLS.files().Load()
		out = append(out, judged("http.tls", err)...)
	}
	if c.Web.Addr != "" {
		out = append(out, judged("web", c.Web.missing())...)
	}
	return append(out, c.Channels.findings()...)
}

// findings are those of the channels and devices. What a channel's missing names belongs to its section, which it begins with.
func (c ChannelsConfig) findings() (out []finding) {
	wrong := append(parts(c.missing()), parts(c.Email.missing())...)
	for _, section := range c.on() {
		mine := func(err error) bool { return sectionOf(err) == section }
		out = append(out, judged(section, errors.Join(slices.DeleteFunc(slices.Clone(wrong), func(err error) bool { return !mine(err) })...))...)
		wrong = slices.DeleteFunc(wrong, mine)
	}
	for _, err := range wrong {
		out = append(out, judged(sectionOf(err), err)...)
	}
	return out
}

// on names the channels that are configured.
func (c ChannelsConfig) on() (out []string) {
	for _, s := range []struct {
		name string
		on   bool
	}{{"spool", c.Spool.Dir != ""}, {"email", c.Email.on()}, {"sms", c.SMS.on()}, {"voice", c.Voice.on()}, {"webhook", c.Webhook.Enabled}, {"letter", c.Letter.on()}} {
		if s.on {
			out = append(out, "channels."+s.name)
		}
	}
	return out
}

// sectionOf is the section that the text of an error begins with: "channels.letter" of "channels.letter.dir: ...".
func sectionOf(err error) string {
	key, _, _ := strings.Cut(err.Error(), ":")
	words := strings.Split(key, ".")
	return strings.Join(words[:min(2, len(words))], ".")
}

// judged makes findings of all that is wrong with a section; of nothing, that it is in order.
func judged(section string, err error) (out []finding) {
	for _, one := range parts(err) {
		for line := range strings.SplitSeq(strings.TrimPrefix(one.Error(), section+": "), "\n") { // joined errors behind one section's name
			out = append(out, finding{section, levelMissing, line})
		}
	}
	if len(out) == 0 {
		out = []finding{{section, levelOK, ""}}
	}
	return out
}

// parts takes joined errors apart.
func parts(err error) (out []error) {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || strings.Count(err.Error(), "\n") == 0 && len(joined.Unwrap()) > 1 { // a single line that wraps several is one
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		out = append(out, parts(one)...)
	}
	return out
}

func (c Config) masterMissing() error {
	_, err := hsm.LoadMasterKey(c.Keys.MasterFile)
	return err
}

func (c Config) hostMissing() error {
	_, err := loadZMK(c)
	return err
}

func (c Config) issuersMissing() error {
	_, err := loadIssuers(c.Issuers)
	return err
}

func (c Config) textsMissing() error {
	_, err := acquirer.LoadTemplates(c.Notices.Templates)
	return err
}

// missing says whether the folder of the journal is there.
func (c StoreConfig) missing() error {
	dir := filepath.Dir(c.Path)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	return err
}

// missing says which file of the terminals' listener is not there.
func (c TLSConfig) missing() error {
	_, certificate := os.Stat(c.CertFile)
	_, key := os.Stat(c.KeyFile)
	return errors.Join(certificate, key)
}

// peer is whom a section talks to.
type peer struct {
	section, name string
	ask           func(ctx context.Context) error // nil when it can be reached
}

// peers are all that are configured.
func (c Config) peers() (out []peer) {
	for _, addr := range c.Host.Addrs {
		out = append(out, dialled("host", addr))
	}
	if c.Channels.Email.SmartHost != "" {
		out = append(out, dialled("channels.email", c.Channels.Email.SmartHost))
	}
	for _, addr := range c.Channels.SMS.Centres {
		out = append(out, dialled("channels.sms", addr))
	}
	return slices.Concat(out, c.Channels.Voice.peers(), c.Channels.Letter.peers())
}

// dialled is a peer that listens on TCP. It is connected to and told nothing.
func dialled(section, addr string) peer {
	return peer{section, addr, func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	}}
}

// reach asks every peer, one after the other.
func reach(ctx context.Context, peers []peer) (out []finding) {
	for _, p := range peers {
		wait, cancel := context.WithTimeout(ctx, peerPatience)
		err := p.ask(wait)
		cancel()
		if err != nil {
			out = append(out, finding{p.section, levelAway, fmt.Sprintf("%s cannot be reached: %v", p.name, err)})
			continue
		}
		out = append(out, finding{p.section, levelOK, p.name + " answers"})
	}
	return out
}
