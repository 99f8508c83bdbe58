package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// MAC names the algorithm of F64.
type MAC string

// The algorithms of F64.
const (
	MACECB  MAC = "ecb"  // CUP "ECB", eight hex characters
	MACX919 MAC = "x919" // ANSI X9.19, with SM4 CBC-MAC, eight bytes
)

// Direction tells which way a traced frame went.
type Direction byte

// The directions of a frame.
const (
	Sent     Direction = '>' // terminal to switch
	Received Direction = '<'
)

// Config is what a terminal is born with. The zero value of a field marked so means its default.
type Config struct {
	TerminalID string // F41, eight characters
	MerchantID string // F42, fifteen characters
	TMK        []byte // terminal master key, 16 bytes

	// Line is the number the terminal calls from, as its access server would put it into the LRI. "": no LRI.
	Line    string
	Dialled string // the number called, in the LRI

	// SM4 says that the master key is an SM4 key, and so are all others: sign-on 006 and no other.
	SM4 bool

	MAC        MAC    // "": MACECB
	SignOnKind string // 60.3 of a sign-on the terminal makes by itself; "": 003, with SM4 006
	Operator   string // F63 of a sign-on, up to three characters; "": 01

	Addr string // where the switch listens
	// Dial opens a connection. nil: plain TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// StateFile is where the state is kept. It is created with mode 0600, and one process at a time may have it.
	// "": in memory, for as long as the Terminal lives.
	StateFile string

	AnswerTimeout time.Duration // 0: DefaultAnswerTimeout
	// CheckNumbers lets the terminal refuse what cannot be a person's mobile number before it dials.
	CheckNumbers bool
	// DiscardUndoAfter is the number of attempts after which an undo that nobody acknowledges is dropped, as some
	// terminals do. 0: never, which is the only value that is sound.
	DiscardUndoAfter int

	// Slips lets the terminal keep what Settle needs of each payment: up to MaxSlips, then it pays no more before it settles.
	Slips  bool
	Faults BatchFaults // of Settle

	TPDU   [5]byte // zero: that of pos.DefaultEnvelope
	Header [6]byte // zero: that of pos.DefaultEnvelope

	// Trace sees every frame, without its length prefix and with everything that is secret in it. It must not keep or
	// change the slice.
	Trace func(dir Direction, frame []byte)
}

// ErrConfig is the error of Open for a configuration that no terminal can have.
var ErrConfig = errors.New("terminal configuration")

// normal returns the configuration with its defaults filled in.
func (c Config) normal() (Config, error) {
	c.TMK = slices.Clone(c.TMK)
	c.MAC = orDefault(c.MAC, MACECB)
	c.SignOnKind = orDefault(c.SignOnKind, c.defaultKind())
	c.Operator = orDefault(c.Operator, "01")
	c.AnswerTimeout = orDefault(c.AnswerTimeout, DefaultAnswerTimeout)
	c.TPDU = orDefault(c.TPDU, pos.DefaultEnvelope().TPDU)
	c.Header = orDefault(c.Header, pos.DefaultEnvelope().Header)
	if c.Dial == nil {
		c.Dial = dialTCP
	}
	if c.Trace == nil {
		c.Trace = func(Direction, []byte) {}
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case len(c.TerminalID) != 8 || !spec.Printable(c.TerminalID):
		return fmt.Errorf("%w: terminal number is not 8 characters", ErrConfig)
	case len(c.MerchantID) != 15 || !spec.Printable(c.MerchantID):
		return fmt.Errorf("%w: merchant number is not 15 characters", ErrConfig)
	case len(c.TMK) != 16:
		return fmt.Errorf("%w: terminal master key is not 16 bytes", ErrConfig)
	case c.MAC != MACECB && c.MAC != MACX919:
		return fmt.Errorf("%w: MAC is neither %s nor %s", ErrConfig, MACECB, MACX919)
	case len(c.Operator) > 3 || !spec.Printable(c.Operator):
		return fmt.Errorf("%w: operator is longer than 3 characters", ErrConfig)
	case c.AnswerTimeout < 0 || c.DiscardUndoAfter < 0:
		return fmt.Errorf("%w: negative limit", ErrConfig)
	}
	return c.checkKind(c.SignOnKind)
}

// checkKind refuses a kind of sign-on that there is not, or not for the cipher of the master key.
func (c Config) checkKind(kind string) error {
	switch {
	case keyBlockSize(kind) == 0:
		return fmt.Errorf("%w: no sign-on is called %q", ErrConfig, kind)
	case c.SM4 != (kind == pos.NetSignOnSM4):
		return fmt.Errorf("%w: sign-on %s is not for the master key's cipher", ErrConfig, kind)
	}
	return nil
}

func (c Config) defaultKind() string {
	if c.SM4 {
		return pos.NetSignOnSM4
	}
	return pos.NetSignOn
}

// envelope is what stands before every message the terminal sends.
func (c Config) envelope() pos.Envelope {
	e := pos.Envelope{TPDU: c.TPDU, Header: c.Header}
	if c.Line != "" {
		e.LRI = pos.BuildLRI(c.Line, c.Dialled)
	}
	return e
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, "tcp", addr)
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
