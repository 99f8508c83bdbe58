package main

import (
	"errors"
	"fmt"

	"example.com/ringback/terminal/emulator"
)

// settleCmd settles the batch.
type settleCmd struct {
	terminalFlags
	Unsigned bool `help:"Send no F64, as terminals of the plain dialect do."`
}

// settleJSON is what settle prints.
type settleJSON struct {
	Terminal string `json:"terminal"`
	emulator.Settlement
	Phase string `json:"phase"`
	Code  string `json:"code"`
	Text  string `json:"text"`
}

// Run settles and prints what came of it.
func (c *settleCmd) Run(e *env) error {
	return c.withConfig(e, true, func(cfg *emulator.Config) { cfg.Faults.Unsigned = c.Unsigned }, func(t *emulator.Terminal) error {
		s, err := t.Settle(e.ctx)
		code, text, phase := told(err, emulator.PhaseSettle)
		switch {
		case c.JSON:
			return errors.Join(err, e.printJSON(settleJSON{Terminal: c.Terminal, Settlement: s, Phase: phase, Code: code,
				Text: c.text(code, text)}))
		case err == nil:
			_, err = fmt.Fprintln(e.stdout, describeSettlement(s))
		}
		return err
	})
}

// describeSettlement says in a line what a settlement came to.
func describeSettlement(s emulator.Settlement) string {
	text := fmt.Sprintf("batch %s closed: %d debits, %s yuan, ", s.Batch, s.Debits, emulator.Yuan(s.AmountFen))
	if s.Agreed {
		return text + "agreed"
	}
	return text + fmt.Sprintf("not agreed, %d details uploaded", s.Uploaded)
}
