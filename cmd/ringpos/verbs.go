package main

import (
	"errors"
	"fmt"

	"example.com/ringback/terminal/emulator"
)

// signOnCmd fetches keys.
type signOnCmd struct {
	terminalFlags
	Kind string `enum:"003,004,001" default:"003" help:"60.3: 003 double-length keys, 004 with a track key, 001 single-length."`
}

// Run signs on.
func (s *signOnCmd) Run(e *env) error {
	return s.manage(e, emulator.PhaseSignOn, func(t *emulator.Terminal) error { return t.SignOn(e.ctx, s.Kind) })
}

// signOffCmd ends the session.
type signOffCmd struct{ terminalFlags }

// Run signs off.
func (s *signOffCmd) Run(e *env) error {
	return s.manage(e, emulator.PhaseNetwork, func(t *emulator.Terminal) error { return t.SignOff(e.ctx) })
}

// echoCmd asks whether the switch is there.
type echoCmd struct{ terminalFlags }

// Run sends an echo.
func (c *echoCmd) Run(e *env) error {
	return c.manage(e, emulator.PhaseNetwork, func(t *emulator.Terminal) error { return t.Echo(e.ctx) })
}

// undoCmd undoes a debit.
type undoCmd struct {
	terminalFlags
	STAN   string `name:"stan" placeholder:"N" help:"Trace number of the debit, six digits; without it the undo that is owed."`
	Batch  string `placeholder:"N" help:"Batch of the debit, six digits (the current one)."`
	Amount yuan   `placeholder:"YUAN" help:"Amount of the debit (that of the receipt)."`
}

// Run sends the undo.
func (u *undoCmd) Run(e *env) error {
	if u.STAN == "" && (u.Batch != "" || u.Amount != 0) {
		return fmt.Errorf("%w: --batch and --amount belong to --stan", errUsage)
	}
	return u.manage(e, emulator.PhaseUndo, func(t *emulator.Terminal) error {
		return t.Undo(e.ctx, emulator.UndoRequest{STAN: u.STAN, Batch: u.Batch, AmountFen: int64(u.Amount)})
	})
}

// statusJSON is what the managing verbs print.
type statusJSON struct {
	Terminal string `json:"terminal"`
	Done     bool   `json:"done"`
	Phase    string `json:"phase"`
	Code     string `json:"code"`
	Text     string `json:"text"`
	Batch    string `json:"batch"`
	NextSTAN int    `json:"next_stan"`
	SignedOn bool   `json:"signed_on"`
	UndoOwed string `json:"undo_owed"` // trace number; empty: none
}

// manage does one thing and prints how the terminal stands.
func (f *terminalFlags) manage(e *env, phase emulator.Phase, do func(t *emulator.Terminal) error) error {
	return f.with(e, true, func(t *emulator.Terminal) error {
		err := do(t)
		code, text, where := told(err, phase)
		now := t.Status()
		if f.JSON {
			return errors.Join(err, e.printJSON(statusJSON{Terminal: f.Terminal, Done: err == nil, Phase: where, Code: code,
				Text: f.text(code, text), Batch: now.Batch, NextSTAN: now.NextSTAN, SignedOn: now.SignedOn, UndoOwed: now.UndoOwed}))
		}
		if err == nil {
			_, err = fmt.Fprintf(e.stdout, "%s done; batch %s\n", where, orElse(now.Batch, "none"))
		}
		return err
	})
}
