package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice"
	"example.com/ringback/switch/channel/voice/speech"
)

// VoiceConfig is the section channels.voice: telephone calls over SIP, out by a proxy and in from it. It is off while Listen is empty.
type VoiceConfig struct {
	Listen       string        `koanf:"listen" validate:"omitempty,listen"` // of one interface, for UDP and TCP
	Public       string        `koanf:"public" validate:"omitempty,ip"`     // what messages say instead, behind a router
	Peers        []string      `koanf:"peers" validate:"dive,cidr|ip"`      // whose calls are taken, beside the proxy's
	Proxy        string        `koanf:"proxy"`                              // host:port; empty: no calls out
	Network      string        `koanf:"network" validate:"oneof=udp tcp"`   // towards it
	Domain       string        `koanf:"domain"`
	User         string        `koanf:"user"`
	PasswordFile string        `koanf:"password_file"` // for its owner only
	From         string        `koanf:"from"`
	Prefix       string        `koanf:"prefix"` // in front of a number's 11 digits
	Register     bool          `koanf:"register"`
	RTPFirst     int           `koanf:"rtp_first" validate:"gte=0,lte=65535"`
	RTPLast      int           `koanf:"rtp_last" validate:"gte=0,lte=65535"`
	CallsIn      int           `koanf:"calls_in" validate:"gte=1,lte=1000"`
	CallsOut     int           `koanf:"calls_out" validate:"gte=1,lte=1000"`
	Ring         time.Duration `koanf:"ring" validate:"gte=5s,lte=3m"`
	Call         time.Duration `koanf:"call" validate:"gte=10s,lte=1h"`
	Silence      time.Duration `koanf:"silence" validate:"gte=5s,lte=10m"`
	Speech       string        `koanf:"speech" validate:"oneof=espeak recorded"`
	Program      string        `koanf:"espeak_program"` // by name or path
	VoiceZH      string        `koanf:"voice_zh"`
	VoiceEN      string        `koanf:"voice_en"`
	Prompts      string        `koanf:"prompts"` // a folder that replaces and adds to the recorded ones
}

func defaultVoice() VoiceConfig {
	l := voice.Limits{}.WithDefaults()
	return VoiceConfig{Network: string(voice.UDP), CallsIn: l.CallsIn, CallsOut: l.CallsOut, Ring: l.Ring, Call: l.Call, Silence: l.Silence,
		Speech: string(speech.Recorded), Program: "espeak-ng"}
}

func (c VoiceConfig) on() bool { return c.Listen != "" }

// paths are the files and folders that the section names.
func (c *VoiceConfig) paths() []*string { return []*string{&c.PasswordFile, &c.Prompts} }

// problems names what is missing or wrong in a section that is on, as far as no file has to be read.
func (c VoiceConfig) problems() []error {
	if !c.on() {
		return nil
	}
	c.PasswordFile = "" // whether it fits is for missing
	user := c.User
	c.User = ""
	f, err := c.fill()
	if f.From == "" {
		f.From = user
	}
	f.Register = false
	if err := errors.Join(err, f.Check()); err != nil {
		return []error{fmt.Errorf("channels.voice: %w", err)}
	}
	return nil
}

// missing names what is wrong with files, programs and figures that calls need, for the verb check.
func (c VoiceConfig) missing() error {
	if !c.on() {
		return nil
	}
	f, err := c.fill()
	err = errors.Join(err, f.Check(), c.speech().Check())
	if err != nil {
		return fmt.Errorf("channels.voice: %w", err)
	}
	return nil
}

// peers is the proxy, for the verb check. It is asked for its abilities, from another port.
func (c VoiceConfig) peers() []peer {
	if !c.on() || c.Proxy == "" {
		return nil
	}
	return []peer{{"channels.voice", c.Proxy, func(ctx context.Context) error {
		f, err := c.fill()
		if err != nil {
			return err
		}
		return voice.Reach(ctx, f)
	}}}
}

// openVoice makes the channel and the device of telephone calls, and opens its listeners.
func (a *App) openVoice() error {
	c := a.config.Channels.Voice
	if !c.on() {
		return nil
	}
	f, err := c.fill()
	if err != nil {
		return fmt.Errorf("channels.voice: %w", err)
	}
	if f.Speaker, err = speech.New(c.speech()); err != nil {
		return fmt.Errorf("channels.voice: %w", err)
	}
	f.Inbox, f.Chance, f.Log = a.Enrolments, rand.Uint64, a.log.With().Str("part", "voice").Logger()
	v, err := voice.New(f)
	if err != nil {
		return fmt.Errorf("channels.voice: %w", err)
	}
	if err := v.Listen(); err != nil {
		return fmt.Errorf("channels.voice: %w", err)
	}
	if c.Proxy != "" {
		a.Notifier.Use(v)
	}
	a.runners = append(a.runners, runner{"voice", v})
	a.closers = append(a.closers, v)
	return nil
}

// speech is the part of the section that says how calls speak.
func (c VoiceConfig) speech() speech.Config {
	s := speech.Config{Kind: speech.Kind(c.Speech), Dir: c.Prompts}
	if s.Kind == speech.Espeak {
		s.Program, s.Voices = c.Program, map[acquirer.Language]speech.Voice{acquirer.Chinese: {Name: c.VoiceZH}, acquirer.English: {Name: c.VoiceEN}}
	}
	return s
}

// fill makes the part of a configuration that the section and its password decide.
func (c VoiceConfig) fill() (f voice.Config, err error) {
	f = voice.Config{Proxy: c.Proxy, Network: voice.Network(c.Network), Domain: c.Domain, User: c.User, From: c.From, Prefix: c.Prefix, Register: c.Register,
		FirstPort: c.RTPFirst, LastPort: c.RTPLast,
		Limits: voice.Limits{CallsIn: c.CallsIn, CallsOut: c.CallsOut, Ring: c.Ring, Call: c.Call, Silence: c.Silence}}
	var wrong []error
	if f.Listen, err = netip.ParseAddrPort(c.Listen); err != nil {
		wrong = append(wrong, errors.New("listen: no address and port"))
	}
	if c.Public != "" {
		if f.Public, err = netip.ParseAddr(c.Public); err != nil {
			wrong = append(wrong, errors.New("public: no address"))
		}
	}
	for _, p := range c.Peers {
		network, err := parseNetwork(p)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("peers: %q is no address or network", p))
			continue
		}
		f.Peers = append(f.Peers, network)
	}
	if c.PasswordFile != "" {
		if f.Password, err = readSecret(c.PasswordFile); err != nil {
			wrong = append(wrong, fmt.Errorf("password_file: %w", err))
		}
	}
	return f, errors.Join(slices.Clip(wrong)...)
}
