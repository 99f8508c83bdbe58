package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// terminalCmd groups the verbs on terminals.
type terminalCmd struct {
	Add     terminalAddCmd   `cmd:"" help:"Register a terminal; its master key is shown this once."`
	List    terminalListCmd  `cmd:"" help:"List the registered terminals."`
	Block   terminalBlockCmd `cmd:"" help:"Refuse a terminal's messages with 58 from now on."`
	Unblock terminalFreeCmd  `cmd:"" help:"Let a terminal work again; its alarms are seen to."`
}

// terminalAddCmd registers a terminal.
type terminalAddCmd struct {
	configFlag `json:"-"`
	jsonFlag   `json:"-"`
	TID        string `arg:"" name:"tid" help:"Terminal number, F41, 8 characters."`
	MID        string `arg:"" name:"mid" help:"Merchant number, F42, 15 characters."`
	Line       string `help:"Telephone line it must call from: digits."`
	Profile    string `default:"ecb" help:"Comma list of ecb, x919, single-mak, single-des, sm4, keyed (${default})."`
}

// Run prints the terminal's master key: the only time anybody sees it. With two persons the one who approves does.
func (t *terminalAddCmd) Run(ctx context.Context, a act) error {
	if _, err := newTerminal(t.TID, t.MID, t.Line, t.Profile); err != nil {
		return usage("%w", err)
	}
	return a.perform(ctx, t)
}

func (t *terminalAddCmd) object() string {
	term, err := newTerminal(t.TID, t.MID, t.Line, t.Profile)
	if err != nil {
		return "terminal ?"
	}
	line := "any line"
	if n := len(term.Line); n > 0 {
		line = "line " + strings.Repeat("*", n-n/3) + term.Line[n-n/3:]
	}
	return fmt.Sprintf("terminal %s, merchant %s, %s, profile %s", term.ID, term.Merchant, line, profileText(term.Profile))
}

func (t *terminalAddCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	term, err := newTerminal(t.TID, t.MID, t.Line, t.Profile)
	if err != nil {
		return result{}, err
	}
	clear, block, err := i.module.NewTMK(term.Profile.Cipher())
	if err != nil {
		return result{}, fmt.Errorf("making a terminal master key: %w", err)
	}
	term.TMK = block
	check, err := i.module.CheckValue(block)
	if err != nil {
		return result{}, fmt.Errorf("making a terminal master key: %w", err)
	}
	if err := i.db.AddTerminal(ctx, term); errors.Is(err, acquirer.ErrDuplicate) {
		return result{}, fmt.Errorf("terminal %s is registered already", term.ID)
	} else if err != nil {
		return result{}, err
	}
	tmk, kcv := upperHex(clear.Reveal()), upperHex(check[:])
	return result{
		json: struct {
			Terminal string `json:"terminal"`
			Merchant string `json:"merchant"`
			TMK      string `json:"tmk"`
			KCV      string `json:"kcv"`
		}{string(term.ID), string(term.Merchant), tmk, kcv},
		text: fmt.Sprintf("terminal %s, merchant %s\nTMK %s (shown this once)\nKCV %s\n", term.ID, term.Merchant, tmk, kcv),
	}, nil
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// newTerminal reads the arguments of terminal add.
func newTerminal(tid, mid, line, profile string) (acquirer.Terminal, error) {
	id, err := acquirer.ParseTerminalID(tid)
	if err != nil {
		return acquirer.Terminal{}, err
	}
	merchant, err := acquirer.ParseMerchantID(mid)
	if err != nil {
		return acquirer.Terminal{}, err
	}
	if strings.Trim(line, "0123456789") != "" || len(line) > 16 {
		return acquirer.Terminal{}, errors.New("line is not up to 16 digits")
	}
	p, err := parseProfile(profile)
	return acquirer.Terminal{ID: id, Merchant: merchant, Line: line, Profile: p}, err
}

// parseProfile reads a comma list of a terminal's traits.
func parseProfile(s string) (acquirer.Profile, error) {
	p := acquirer.Profile{MAC: acquirer.MACECB}
	for trait := range strings.SplitSeq(s, ",") {
		switch trait {
		case "ecb":
		case "x919":
			p.MAC = acquirer.MACX919
		case "single-mak":
			p.SingleMAK = true
		case "single-des":
			p.SingleDES = true
		case "sm4":
			p.SM4 = true
		case "keyed":
			p.KeyedEntry = true
		default:
			return p, fmt.Errorf("profile %q is none of ecb, x919, single-mak, single-des, sm4, keyed", trait)
		}
	}
	if p.SingleMAK && p.MAC == acquirer.MACX919 {
		return p, errors.New("profile x919 needs a double-length MAK: not with single-mak")
	}
	if p.SM4 && (p.SingleMAK || p.SingleDES) {
		return p, errors.New("profile sm4 has no DES keys: not with single-mak or single-des")
	}
	return p, nil
}

// profileText is parseProfile the other way.
func profileText(p acquirer.Profile) string {
	traits := []string{string(p.MAC)}
	for _, t := range []struct {
		name string
		has  bool
	}{{"single-mak", p.SingleMAK}, {"single-des", p.SingleDES}, {"sm4", p.SM4}, {"keyed", p.KeyedEntry}} {
		if t.has {
			traits = append(traits, t.name)
		}
	}
	return strings.Join(traits, ",")
}

// terminalListCmd lists terminals.
type terminalListCmd struct {
	configFlag
	jsonFlag
}

// terminalJSON is one terminal as list prints it; keys are not shown.
type terminalJSON struct {
	Terminal string `json:"terminal"`
	Merchant string `json:"merchant"`
	Line     string `json:"line,omitempty"`
	Profile  string `json:"profile"`
	Blocked  bool   `json:"blocked"`
	SignedOn bool   `json:"signed_on"`
	Batch    string `json:"batch"`

	Alarms []alarmJSON `json:"alarms,omitempty"`
}

// alarmJSON is an alarm that nobody has seen to.
type alarmJSON struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
	First string `json:"first"`
	Last  string `json:"last"`
}

// alarmsOf gathers the alarms by terminal.
func alarmsOf(marks []store.AlarmMark) map[acquirer.TerminalID][]alarmJSON {
	out := make(map[acquirer.TerminalID][]alarmJSON)
	for _, m := range marks {
		out[m.Terminal] = append(out[m.Terminal], alarmJSON{string(m.Kind), m.Count, clockText(m.First), clockText(m.Last)})
	}
	return out
}

// Run prints every registered terminal.
func (t *terminalListCmd) Run(ctx context.Context) error {
	return with(ctx, t.Config, func(i *installation) error {
		all, err := i.db.Terminals(ctx)
		if err != nil {
			return err
		}
		marks, err := i.db.Alarms(ctx)
		if err != nil {
			return err
		}
		alarms := alarmsOf(marks)
		out := make([]terminalJSON, 0, len(all))
		for _, t := range all {
			out = append(out, terminalJSON{string(t.ID), string(t.Merchant), t.Line, profileText(t.Profile), t.Blocked,
				t.Session.SignedOn, fmt.Sprintf("%06d", t.Session.Batch), alarms[t.ID]})
		}
		if t.JSON {
			return printJSON(out)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TERMINAL\tMERCHANT\tPROFILE\tLINE\tBATCH\tSTATE\tALARMS")
		for _, t := range out {
			state := "signed off"
			if t.Blocked {
				state = "blocked"
			} else if t.SignedOn {
				state = "signed on"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Terminal, t.Merchant, t.Profile, t.Line, t.Batch, state, alarmsText(t.Alarms))
		}
		return w.Flush()
	})
}

// alarmsText writes a terminal's alarms on one line.
func alarmsText(alarms []alarmJSON) string {
	parts := make([]string, 0, len(alarms))
	for _, a := range alarms {
		parts = append(parts, fmt.Sprintf("%s: %d, last %s", a.Kind, a.Count, a.Last))
	}
	return strings.Join(parts, "; ")
}

// terminalBlockCmd blocks a terminal, terminalFreeCmd frees it.
type terminalBlockCmd struct {
	configFlag
	TID string `arg:"" name:"tid" help:"Terminal number."`
}

type terminalFreeCmd struct {
	configFlag
	TID string `arg:"" name:"tid" help:"Terminal number."`
}

// Run blocks: the switch reads it with the terminal's next message.
func (t *terminalBlockCmd) Run(ctx context.Context, a act) error {
	if _, err := acquirer.ParseTerminalID(t.TID); err != nil {
		return usage("%w", err)
	}
	return a.perform(ctx, t)
}

func (t *terminalBlockCmd) object() string { return terminalObject(t.TID) }

func (t *terminalBlockCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	return result{}, setBlocked(ctx, i, t.TID, true)
}

// Run frees.
func (t *terminalFreeCmd) Run(ctx context.Context, a act) error {
	if _, err := acquirer.ParseTerminalID(t.TID); err != nil {
		return usage("%w", err)
	}
	return a.perform(ctx, t)
}

func (t *terminalFreeCmd) object() string { return terminalObject(t.TID) }

func (t *terminalFreeCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	return result{}, setBlocked(ctx, i, t.TID, false)
}

// terminalObject names a terminal for the journal.
func terminalObject(tid string) string {
	id, err := acquirer.ParseTerminalID(tid)
	if err != nil {
		return "terminal ?"
	}
	return "terminal " + string(id)
}

func setBlocked(ctx context.Context, i *installation, tid string, blocked bool) error {
	id, err := acquirer.ParseTerminalID(tid)
	if err != nil {
		return err
	}
	if err := i.db.SetBlocked(ctx, id, blocked); errors.Is(err, acquirer.ErrNotFound) {
		return fmt.Errorf("terminal %s is not registered", id)
	} else if err != nil {
		return err
	}
	return nil
}
