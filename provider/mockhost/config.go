package mockhost

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"example.com/ringback/spec/clearing"
)

// CentreID is the id of the UnionPay centre in message headers.
const CentreID = "00010000"

// DemoZMK is the public test key, 32 hex digits, that the demo world wraps its
// zone keys with.
const DemoZMK = "1023457689BADCEF0132546798ABCDFE"

// zmkLen is the size of the zone master key, double-length DES, in bytes.
const zmkLen = 16

// ErrConfig is the error of Open and of the Parse functions for something that
// cannot be configured; its text names what and why.
var ErrConfig = errors.New("mock host cannot be configured")

// Config is what a Host is made of. Open copies what it keeps.
type Config struct {
	// Dir is the folder of the ledger log, made if it is missing. "" keeps the
	// ledger in memory only, for tests.
	Dir string
	// ZMK is the zone master key, 16 bytes: zone keys travel and are stored
	// under it.
	ZMK []byte
	// Accounts are the issuers' accounts. Their money counts when the log does
	// not know the card yet; all else counts at every start.
	Accounts []Account
	// Institutions are the members, by F33, that may use the host; empty lets
	// any. A stranger is answered 31.
	Institutions []string
	// Settlement returns the settlement date, F15, that counts at a moment; nil
	// is the calendar day in Beijing.
	Settlement func(time.Time) time.Time
	// Faults and Seed make a share of the traffic go wrong. The same seed and
	// the same host key always meet the same fault.
	Faults []Fault
	Seed   uint64
	// Demo turns on the faults by amount, 98.01 to 98.08 yuan.
	Demo bool
	// Strict rejects messages whose header is not exactly as prescribed; without
	// it a deviation is only logged.
	Strict bool
	// SignOnRequired answers 77 to debits and reversals on a link that has not
	// signed on.
	SignOnRequired bool
	// DoubleMAC makes every new MAC key double length; else it is what the
	// member asks for in F53, single length by default.
	DoubleMAC bool
	// ForgetUnknown drops the memory of reversals that came before their debit,
	// so that the debit is accepted when it comes: the hole a switch must be
	// able to live with.
	ForgetUnknown bool
	// ClearingDir is the folder under which detail files are written, in a folder for each member, when their date has
	// ended. "" writes none.
	ClearingDir string
	// LongLines writes detail files of the 500-byte edition; else of the 299-byte one.
	LongLines bool
	// ClearingFaults make settlement dates go wrong.
	ClearingFaults []ClearingFault
	// PayoutsRefused is the share of payouts, 0 to 1, that the payee's bank refuses with 42, by Seed and host key.
	PayoutsRefused float64
	// CutoffAt is the time of day in Beijing at which the settlement date ends by itself, more than 0 and less than
	// 24 h; 0 is never: it ends on command, and at the latest with the calendar day.
	CutoffAt time.Duration
	// Echo is the time between the host's own echo tests on each link; 0 is none.
	Echo time.Duration
	// Log takes what the host has to say. No card number is in it unmasked, and
	// no PIN block, no track and no key at all.
	Log zerolog.Logger
}

func (c Config) check() error {
	if len(c.ZMK) != zmkLen {
		return fmt.Errorf("%w: zone master key has %d bytes, not %d", ErrConfig, len(c.ZMK), zmkLen)
	}
	if bytes.Equal(c.ZMK[:zmkLen/2], c.ZMK[zmkLen/2:]) {
		return fmt.Errorf("%w: both halves of the zone master key are the same", ErrConfig)
	}
	seen := make(map[string]bool, len(c.Accounts))
	for _, a := range c.Accounts {
		if err := a.check(); err != nil {
			return err
		}
		if seen[a.PAN] {
			return fmt.Errorf("%w: card %s is there twice", ErrConfig, mask(a.PAN))
		}
		seen[a.PAN] = true
	}
	if !(c.PayoutsRefused >= 0 && c.PayoutsRefused <= 1) || c.CutoffAt < 0 || c.CutoffAt >= 24*time.Hour {
		return fmt.Errorf("%w: share of payouts or time of cut-off out of range", ErrConfig)
	}
	for _, f := range c.ClearingFaults {
		if err := f.check(); err != nil {
			return err
		}
	}
	return checkFaults(c.Faults)
}

// edition is that of the detail files.
func (c Config) edition() clearing.Edition {
	if c.LongLines {
		return clearing.Long
	}
	return clearing.Short
}

// member reports whether an institution may use the host.
func (c Config) member(institution string) bool {
	return len(c.Institutions) == 0 || slices.Contains(c.Institutions, institution)
}

// settlement is the settlement date at a moment.
func (c Config) settlement(now time.Time) time.Time {
	if c.Settlement != nil {
		return c.Settlement(now)
	}
	return beijing(now)
}

// beijing is the time on the clocks of the line: F7, F12, F13 and F15 are Beijing
// local time, whatever the machine's zone.
func beijing(t time.Time) time.Time {
	return t.In(time.FixedZone("CST", 8*60*60))
}
