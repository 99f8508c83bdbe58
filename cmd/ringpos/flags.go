package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/ringback/terminal/emulator"
)

// terminalFlags is what every verb takes that works as a terminal.
type terminalFlags struct {
	Terminal string        `required:"" placeholder:"TID" help:"Terminal number, F41."`
	Merchant string        `placeholder:"MID" help:"Merchant number, F42 (known for the demo world's terminals)."`
	TMK      string        `name:"tmk" xor:"tmk" placeholder:"HEX" help:"Terminal master key, 32 hex digits (known for the demo world's terminals)."`
	TMKFile  string        `name:"tmk-file" xor:"tmk" placeholder:"FILE" help:"File with the terminal master key."`
	Addr     string        `default:"127.0.0.1:8583" env:"RINGBACK_TERMINAL_ADDR" help:"Where the switch listens."`
	Line     *string       `placeholder:"NUMBER" help:"Number the terminal calls from, sent as LRI; empty: none (the demo world's is known)."`
	MAC      string        `name:"mac" enum:",ecb,x919" default:"" help:"Algorithm of F64: ecb or x919 (ecb, or what the demo world's terminal has)."`
	SM4      bool          `name:"sm4" help:"The master key is an SM4 key, as of a terminal with profile sm4."`
	State    string        `placeholder:"DIR" help:"Folder of the terminals' states (RINGBACK_DIR/pos, else ./var/pos)."`
	Timeout  time.Duration `default:"60s" help:"How long an answer is waited for."`
	TLS      bool          `name:"tls" help:"Connect with TLS."`
	TLSCA    string        `name:"tls-ca" placeholder:"FILE" help:"Certificates to trust, PEM, instead of the system's."`
	Lang     string        `enum:"zh,en" default:"zh" help:"Language of texts and receipts: zh or en."`
	Trace    bool          `help:"Show every message, masked, on standard error."`
	JSON     bool          `name:"json" help:"Print one JSON value on standard output."`
}

// Validate is called by kong before the verb runs.
func (f *terminalFlags) Validate() error {
	if f.Timeout <= 0 {
		return errors.New("--timeout must be more than nothing")
	}
	return nil
}

// with opens the terminal, runs do and closes it again.
func (f *terminalFlags) with(e *env, check bool, do func(t *emulator.Terminal) error) error {
	return f.withConfig(e, check, func(*emulator.Config) {}, do)
}

// withConfig is with for a verb that has a say in the terminal's configuration.
func (f *terminalFlags) withConfig(e *env, check bool, change func(*emulator.Config), do func(t *emulator.Terminal) error) error {
	c, err := f.config(e, check)
	if err != nil {
		return err
	}
	change(&c)
	t, err := openTerminal(e.ctx, c)
	if errors.Is(err, emulator.ErrConfig) {
		return fmt.Errorf("%w: %w", errUsage, err)
	} else if err != nil {
		return err
	}
	return errors.Join(do(t), t.Close())
}

// openTerminal waits while another process is the terminal: a person would wait at the counter too.
func openTerminal(ctx context.Context, c emulator.Config) (*emulator.Terminal, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.NewTimer(c.AnswerTimeout)
	defer deadline.Stop()
	for {
		t, err := emulator.Open(c)
		if !errors.Is(err, emulator.ErrStateInUse) {
			return t, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-deadline.C:
			return nil, err
		case <-again.C:
		}
	}
}

func (f *terminalFlags) config(e *env, check bool) (emulator.Config, error) {
	demo := demoTerminalOf(f.Terminal)
	c := emulator.Config{TerminalID: f.Terminal, MerchantID: demo.merchant, Line: demo.line, MAC: demo.mac, SM4: f.SM4,
		Addr: f.Addr, AnswerTimeout: f.Timeout, CheckNumbers: check, StateFile: f.stateFile(), Slips: true}
	if f.Merchant != "" {
		c.MerchantID = f.Merchant
	}
	if f.Line != nil {
		c.Line = *f.Line
	}
	if f.MAC != "" {
		c.MAC = emulator.MAC(f.MAC)
	}
	if f.Trace {
		c.Trace = func(dir emulator.Direction, frame []byte) { e.say("%s", describeTerminal(dir, frame)) }
	}
	var err error
	if c.TMK, err = f.masterKey(demo.tmk); err != nil {
		return c, err
	}
	if f.TLS || f.TLSCA != "" {
		c.Dial, err = f.dialTLS()
	}
	return c, err
}

func (f *terminalFlags) masterKey(known string) ([]byte, error) {
	text := known
	switch {
	case f.TMKFile != "":
		b, err := os.ReadFile(f.TMKFile)
		if err != nil {
			return nil, err
		}
		text = strings.TrimSpace(string(b))
	case f.TMK != "":
		text = f.TMK
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 16 {
		return nil, fmt.Errorf("%w: terminal %s needs a master key of 32 hex digits (--tmk or --tmk-file)", errUsage, f.Terminal)
	}
	return key, nil
}

// stateFile is one file per terminal; letters that are no file name's are refused later, with the number.
func (f *terminalFlags) stateFile() string {
	dir := f.State
	if dir == "" {
		dir = filepath.Join(orElse(os.Getenv("RINGBACK_DIR"), "var"), "pos")
	}
	return filepath.Join(dir, filepath.Base(f.Terminal)+".json")
}

func (f *terminalFlags) dialTLS() (func(context.Context, string) (net.Conn, error), error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.TLSCA != "" {
		pem, err := os.ReadFile(f.TLSCA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s has no certificate", errUsage, f.TLSCA)
		}
	}
	dialer := &tls.Dialer{Config: config}
	return func(ctx context.Context, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", addr)
	}, nil
}

// text is what is shown for a code: the switch's words, or English.
func (f *terminalFlags) text(code, text string) string {
	if f.Lang == string(emulator.English) && code != "" {
		return emulator.Text(emulator.English, code)
	}
	return text
}

// printJSON writes one value.
func (e *env) printJSON(v any) error {
	out := json.NewEncoder(e.stdout)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
