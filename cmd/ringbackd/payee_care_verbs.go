package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	acquirer "example.com/ringback/switch"
)

// payeeArg names a payee.
type payeeArg struct {
	Phone string `arg:"" help:"Mobile number: 11 digits, +86 or 0086 in front allowed."`
}

func (p payeeArg) number() (acquirer.MSISDN, error) {
	m, err := acquirer.ParseMSISDN(trimCountry(p.Phone))
	if err != nil {
		return m, usage("%w", err)
	}
	return m, nil
}

func (p payeeArg) object() string {
	m, err := p.number()
	if err != nil {
		return "payee ?"
	}
	return "payee " + m.Masked()
}

// find returns the payee; an error for a person when there is none.
func (p payeeArg) find(ctx context.Context, i *installation) (*acquirer.Payee, error) {
	m, err := p.number()
	if err != nil {
		return nil, err
	}
	payee, err := i.db.PayeeByNumber(ctx, m)
	if errors.Is(err, acquirer.ErrNotFound) {
		err = fmt.Errorf("nobody is registered at %s", m)
	}
	return payee, err
}

// payeeSuspendCmd keeps a payee from being paid.
type payeeSuspendCmd struct {
	configFlag
	payeeArg
}

// Run suspends the payee until an operator resumes it: no code of the payee's does.
func (p *payeeSuspendCmd) Run(ctx context.Context, a act) error { return p.perform(ctx, a, p) }

func (p *payeeSuspendCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	return p.set(ctx, i, acquirer.PayeeBlocked, "is suspended")
}

// payeeResumeCmd lets a payee be paid again.
type payeeResumeCmd struct {
	configFlag
	payeeArg
}

// Run resumes the payee: the operator vouches for it, as with payee add, and for the number.
func (p *payeeResumeCmd) Run(ctx context.Context, a act) error { return p.perform(ctx, a, p) }

func (p *payeeResumeCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	return p.set(ctx, i, acquirer.PayeeActive, "can be paid")
}

// payeeDeleteCmd forgets a payee.
type payeeDeleteCmd struct {
	configFlag
	payeeArg
}

// Run deletes name, number and devices; what payments made must keep goes with them.
func (p *payeeDeleteCmd) Run(ctx context.Context, a act) error { return p.perform(ctx, a, p) }

func (p *payeeDeleteCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	return p.set(ctx, i, acquirer.PayeeDeleted, "is deleted")
}

// perform refuses a number that is none before anything is written down.
func (p payeeArg) perform(ctx context.Context, a act, c change) error {
	if _, err := p.number(); err != nil {
		return err
	}
	return a.perform(ctx, c)
}

func (p payeeArg) set(ctx context.Context, i *installation, status acquirer.PayeeStatus, done string) (result, error) {
	m, err := p.number()
	if err != nil {
		return result{}, err
	}
	s, err := enrolmentsOf(i)
	if err != nil {
		return result{}, err
	}
	if err := s.SetStatus(ctx, m, status); errors.Is(err, acquirer.ErrNotFound) {
		return result{}, fmt.Errorf("nobody is registered at %s", m)
	} else if err != nil {
		return result{}, err
	}
	return result{text: fmt.Sprintf("%s %s\n", m, done)}, nil
}

// payeeShowCmd shows what is held about a payee.
type payeeShowCmd struct {
	configFlag
	payeeArg
}

// Run prints it as JSON, masked.
func (p *payeeShowCmd) Run(ctx context.Context) error {
	return with(ctx, p.Config, func(i *installation) error {
		h, err := p.held(ctx, i)
		if err != nil {
			return err
		}
		return h.WriteJSON(os.Stdout, false)
	})
}

func (p payeeArg) held(ctx context.Context, i *installation) (*acquirer.Held, error) {
	payee, err := p.find(ctx, i)
	if err != nil {
		return nil, err
	}
	s, err := enrolmentsOf(i)
	if err != nil {
		return nil, err
	}
	return s.HeldAbout(ctx, payee)
}

// payeeExportCmd gives out what is held about a payee, for the payee.
type payeeExportCmd struct {
	configFlag
	payeeArg
}

// Run prints everything, whole, as JSON. That it was given out stands in the operators' journal.
func (p *payeeExportCmd) Run(ctx context.Context, a act) error { return p.perform(ctx, a, p) }

// asJSON: the export is JSON.
func (p *payeeExportCmd) asJSON() bool { return true }

func (p *payeeExportCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	h, err := p.held(ctx, i)
	if err != nil {
		return result{}, err
	}
	var b bytes.Buffer
	if err := h.WriteJSON(&b, true); err != nil {
		return result{}, err
	}
	return result{json: json.RawMessage(b.Bytes())}, nil
}

// payeeStatementCmd shows the payments to a payee.
type payeeStatementCmd struct {
	configFlag
	jsonFlag
	payeeArg
	From string `help:"First business date, 2026-11-24 or 20261124; without it the first of this month."`
	To   string `help:"Last business date; without it today. At most 92 days are shown."`
}

// Run prints the payments grouped by the payer's number, masked.
func (p *payeeStatementCmd) Run(ctx context.Context) error {
	today := acquirer.DateOf(time.Now())
	from, to := today/100*100+1, today
	for _, d := range []struct {
		text string
		date *acquirer.Date
	}{{p.From, &from}, {p.To, &to}} {
		if d.text == "" {
			continue
		}
		date, err := parseDate(d.text)
		if err != nil {
			return usage("%w", err)
		}
		*d.date = date
	}
	return with(ctx, p.Config, func(i *installation) error {
		payee, err := p.find(ctx, i)
		if err != nil {
			return err
		}
		s, err := enrolmentsOf(i)
		if err != nil {
			return err
		}
		statement, err := s.StatementOf(ctx, payee, from, to)
		if err != nil {
			return err
		}
		if p.JSON {
			return statement.WriteJSON(os.Stdout, false)
		}
		return writeStatement(statement)
	})
}

// writeStatement writes a statement for a person.
func writeStatement(s *acquirer.Statement) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "payments to %s from %d to %d: %d, together %s yuan\n", s.Number, s.From, s.To, s.Count, s.Sum)
	for _, g := range s.Payers {
		fmt.Fprintf(w, "\n%s\t%d\t%s yuan\n", g.Payer, g.Count, g.Sum)
		for _, l := range g.Payments {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", l.RRN, clockText(l.At), l.Amount, l.State)
		}
	}
	if s.More {
		fmt.Fprintln(w, "\nThere are more: ask for fewer days.")
	}
	return w.Flush()
}

// purgeCmd removes what is kept too long.
type purgeCmd struct {
	configFlag
	jsonFlag
}

// purgedJSON is what a purge removed.
type purgedJSON struct {
	Messages   int             `json:"messages"`
	Counters   int             `json:"counters"`
	Enrolments int             `json:"enrolments"`
	Notices    int             `json:"notices"`
	Payees     int             `json:"payees"`
	Dates      []acquirer.Date `json:"dates"` // whose personal data nobody can open any more
}

// Run removes what the retention times say. The running switch does so once a day by itself.
func (c *purgeCmd) Run(ctx context.Context, a act) error { return a.perform(ctx, c) }

func (c *purgeCmd) object() string { return "what is kept too long" }

func (c *purgeCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	p, err := i.db.Purge(ctx, time.Now(), i.config.enrolmentLimits())
	if err != nil {
		return result{}, err
	}
	out := purgedJSON{p.Messages, p.Counters, p.Enrolments, p.Notices, p.Payees, p.Dates}
	if out.Dates == nil {
		out.Dates = []acquirer.Date{}
	}
	return result{json: out, text: fmt.Sprintf("removed: %d messages, %d counters, %d requests, %d addresses of notices, %d payees; keys of %d dates destroyed\n",
		p.Messages, p.Counters, p.Enrolments, p.Notices, p.Payees, len(p.Dates))}, nil
}
