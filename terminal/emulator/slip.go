package emulator

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// slip is what the terminal keeps of an approved debit until its batch is settled. The card number is under the master key.
type slip struct {
	Batch     string `json:"batch"`
	STAN      string `json:"stan"`
	Card      string `json:"card"` // hex of two blocks: 20 digits, six bytes of zeros
	AmountFen int64  `json:"amount_fen"`
	Chip      bool   `json:"chip,omitempty"`
}

const (
	slipDigits = 20
	slipBytes  = 16
)

// ErrBatchFull is the cause when the terminal keeps as many slips as one settlement can tell of. It must settle first.
var ErrBatchFull = errors.New("the batch is full: settle first")

// room refuses a payment before the terminal dials: its card cannot be read, or there is no room for its slip.
func (t *Terminal) room(c Card) error {
	if err := c.check(); err != nil {
		return err
	}
	if t.cfg.Slips && len(t.state.Slips) >= MaxSlips {
		return ErrBatchFull
	}
	return nil
}

// newSlip makes the slip of a payment.
func (c Config) newSlip(r Receipt, card Card) (slip, error) {
	block, err := hex.DecodeString(strings.Repeat("0", slipDigits-len(card.PAN)) + card.PAN)
	if err != nil {
		return slip{}, fmt.Errorf("%w: card number", ErrPayment)
	}
	block = append(block, make([]byte, slipBytes-len(block))...)
	seal := spec.EncryptECB
	if c.SM4 {
		seal = spec.EncryptSM4
	}
	return slip{Batch: r.Batch, STAN: r.STAN, Card: spec.Hex(seal(c.TMK, block)), AmountFen: r.AmountFen, Chip: card.Chip != nil}, nil
}

// detail opens a slip.
func (c Config) detail(s slip) (pos.Detail, error) {
	block, err := hex.DecodeString(s.Card)
	if err != nil || len(block) != slipBytes {
		return pos.Detail{}, fmt.Errorf("%w: a slip is not whole", ErrState)
	}
	open := spec.DecryptECB
	if c.SM4 {
		open = spec.DecryptSM4
	}
	if block, err = open(c.TMK, block); err != nil {
		return pos.Detail{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	pan := strings.TrimLeft(spec.Hex(block)[:slipDigits], "0")
	return pos.Detail{STAN: s.STAN, PAN: pan, AmountFen: s.AmountFen}, nil
}

// dropSlip forgets the slip of a debit that was undone.
func (s *state) dropSlip(o owed) {
	s.Slips = slices.DeleteFunc(s.Slips, func(k slip) bool { return k.Batch == o.Batch && k.STAN == o.STAN })
}
