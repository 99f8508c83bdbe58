package emulator

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// ErrState is the error of Open for a state that was written for another terminal, or that cannot be read. Nothing is
// overwritten then: a trace number might be used twice.
var ErrState = errors.New("terminal state")

const stateFormat = 1

// state is everything that outlives a process.
type state struct {
	Format   int         `json:"format"`
	Terminal string      `json:"terminal"`
	Merchant string      `json:"merchant"`
	NextSTAN int         `json:"next_stan"` // not used yet
	Batch    string      `json:"batch"`     // "" before the first sign-on
	Keys     *sealedKeys `json:"keys"`      // nil when not signed on
	Owed     *owed       `json:"owed"`      // the debit that must be undone unless its answer settles it
	Receipts []Receipt   `json:"receipts"`  // newest last
	Slips    []slip      `json:"slips,omitempty"`
}

// owed is the reversal record: all that a 0400 needs. It has no card number: terminal, batch and trace number name the
// debit.
type owed struct {
	Batch     string `json:"batch"`
	STAN      string `json:"stan"`
	AmountFen int64  `json:"amount_fen"`
	EntryMode string `json:"entry_mode"`
	Reason    reason `json:"reason"`
	Attempts  int    `json:"attempts"`
}

// reason is F39 of a 0400.
type reason string

const (
	reasonNoAnswer reason = "98"
	reasonBadMAC   reason = "A0"
	reasonDevice   reason = "96" // approved, but the terminal could not finish
	reasonOther    reason = "06" // also what stands in the record while the debit is out: a terminal that finds it lost power
)

// sealedKeys are the working keys as the sign-on brought them: hex of the key under the master key and check value.
type sealedKeys struct {
	PIK string `json:"pik"`
	MAK string `json:"mak"`
	TDK string `json:"tdk,omitempty"`
}

// workKeys are the working keys in clear. They live in memory only.
type workKeys struct{ pik, mak, tdk []byte }

func newState(c Config) state {
	return state{Format: stateFormat, Terminal: c.TerminalID, Merchant: c.MerchantID, NextSTAN: 1}
}

// clone shares nothing with s that a change could reach.
func (s state) clone() state {
	if s.Keys != nil {
		keys := *s.Keys
		s.Keys = &keys
	}
	if s.Owed != nil {
		o := *s.Owed
		s.Owed = &o
	}
	s.Receipts = slices.Clone(s.Receipts)
	s.Slips = slices.Clone(s.Slips)
	return s
}

// addReceipt keeps the newest.
func (s *state) addReceipt(r Receipt) {
	s.Receipts = append(s.Receipts, r)
	if n := len(s.Receipts); n > MaxReceipts {
		s.Receipts = slices.Clone(s.Receipts[n-MaxReceipts:])
	}
}

// markUndone notes on the receipt of a debit that it was undone.
func (s *state) markUndone(o owed) {
	for i := range s.Receipts {
		if r := &s.Receipts[i]; r.Batch == o.Batch && r.STAN == o.STAN {
			r.Undone = true
		}
	}
}

func (s state) encode() ([]byte, error) { return json.MarshalIndent(s, "", "\t") }

// decodeState reads what encode wrote for the same terminal; no bytes at all are a new terminal.
func decodeState(b []byte, c Config) (state, error) {
	if len(b) == 0 {
		return newState(c), nil
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return state{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return s, s.check(c)
}

func (s state) check(c Config) error {
	switch {
	case s.Format != stateFormat:
		return fmt.Errorf("%w: format %d is not known", ErrState, s.Format)
	case s.Terminal != c.TerminalID || s.Merchant != c.MerchantID:
		return fmt.Errorf("%w: written by another terminal", ErrState)
	case s.NextSTAN < 1 || s.NextSTAN > maxSTAN:
		return fmt.Errorf("%w: trace number %d", ErrState, s.NextSTAN)
	case s.Batch != "" && !isBatch(s.Batch):
		return fmt.Errorf("%w: batch is not 6 digits", ErrState)
	case s.Owed != nil && !s.Owed.sound():
		return fmt.Errorf("%w: the undo that is owed is not whole", ErrState)
	}
	return nil
}

func (o owed) sound() bool {
	return isBatch(o.Batch) && isBatch(o.STAN) && len(o.EntryMode) == 3 && digitsOnly(o.EntryMode) &&
		o.AmountFen > 0 && o.AmountFen <= MaxAmountFen && len(o.Reason) == 2
}

// isBatch reports whether s has the form of a batch or a trace number.
func isBatch(s string) bool { return len(s) == 6 && digitsOnly(s) }

// nextSTAN follows a trace number; 999999 is followed by 000001.
func nextSTAN(n int) int {
	if n >= maxSTAN {
		return 1
	}
	return n + 1
}

func sealKeys(k pos.WorkKeys) *sealedKeys {
	text := func(s pos.Sealed) string {
		if s.Key == nil {
			return ""
		}
		return spec.Hex(append(slices.Clone(s.Key), s.CV[:]...))
	}
	return &sealedKeys{PIK: text(k.PIK), MAK: text(k.MAK), TDK: text(k.TDK)}
}

// open deciphers stored keys. It fails when the terminal has been given another master key since: it must sign on.
func (k sealedKeys) open(c Config) (*workKeys, error) {
	var out workKeys
	for _, one := range []struct {
		text string
		into *[]byte
	}{{k.PIK, &out.pik}, {k.MAK, &out.mak}, {k.TDK, &out.tdk}} {
		if one.text == "" && one.into == &out.tdk {
			continue
		}
		key, err := openKey(one.text, c)
		if err != nil {
			return nil, err
		}
		*one.into = key
	}
	return &out, nil
}

func openKey(text string, c Config) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) < 4 {
		return nil, fmt.Errorf("%w: stored key is not whole", ErrState)
	}
	n := len(b) - 4
	sealed := pos.Sealed{Key: b[:n], CV: [4]byte(b[n:])}
	if c.SM4 {
		return sealed.OpenSM4(c.TMK)
	}
	return sealed.Open(c.TMK)
}
