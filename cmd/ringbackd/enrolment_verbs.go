package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"text/tabwriter"

	acquirer "example.com/ringback/switch"
)

// enrolmentCmd groups the verbs on requests of payees.
type enrolmentCmd struct {
	List    enrolmentListCmd    `cmd:"" help:"List requests of payees, newest first."`
	Show    enrolmentShowCmd    `cmd:"" help:"Show one request with every step."`
	Approve enrolmentApproveCmd `cmd:"" help:"Say yes to a request that waits for a person: a change of name, or one that the bank could not be asked about."`
	Refuse  enrolmentRefuseCmd  `cmd:"" help:"Say no to a request that has not ended."`
}

// enrolmentJSON is a request as it is shown: numbers, cards and senders masked.
type enrolmentJSON struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	State     string   `json:"state"`
	ByPeople  bool     `json:"by_people"` // waits for approve or refuse
	Number    string   `json:"number"`
	NewNumber string   `json:"new_number,omitempty"`
	Name      string   `json:"name,omitempty"`
	Card      string   `json:"card,omitempty"`
	Payee     int64    `json:"payee,omitempty"`
	Channel   string   `json:"channel"`
	Sender    string   `json:"sender"`
	Checks    string   `json:"checks,omitempty"`
	Reasons   []string `json:"reasons,omitempty"`
	Opened    string   `json:"opened"`
	Changed   string   `json:"changed"`
	Due       string   `json:"due,omitempty"`
	Effective string   `json:"effective,omitempty"`

	Steps   []enrolmentStepJSON `json:"steps,omitempty"`
	Notices []noticeJSON        `json:"notices,omitempty"`
}

// enrolmentStepJSON is one step of a request.
type enrolmentStepJSON struct {
	Version int64  `json:"version"`
	At      string `json:"at"`
	From    string `json:"from,omitempty"`
	To      string `json:"to"`
	Event   string `json:"event"`
	Detail  string `json:"detail,omitempty"`
}

func showEnrolment(e *acquirer.Enrolment) enrolmentJSON {
	out := enrolmentJSON{ID: e.ID.String(), Kind: e.Kind.String(), State: e.State.String(), ByPeople: e.ByPeople && !e.State.Ended(),
		Number: e.Number.Masked(), NewNumber: e.NewNumber.Masked(), Card: e.Card.Masked(), Payee: int64(e.Payee.ID), Channel: string(e.Channel),
		Sender: maskSender(e.Sender), Checks: e.Evidence.Checks, Opened: clockText(e.Opened), Changed: clockText(e.Changed),
		Due: clockText(e.Due), Effective: clockText(e.Effective)}
	if e.Name != "" {
		out.Name = acquirer.MaskName(e.Name)
	}
	for _, r := range e.Reasons {
		out.Reasons = append(out.Reasons, string(r))
	}
	return out
}

// maskSender masks whatever a channel gave as its sender.
func maskSender(s string) string {
	a, err := acquirer.NewAddress(acquirer.DevicePC, s)
	if err != nil {
		return "***"
	}
	return a.Masked()
}

// enrolmentListCmd lists requests.
type enrolmentListCmd struct {
	configFlag
	jsonFlag
	State string `help:"One of received, checked, code-sent, confirmed, active, refused, expired, cancelled."`
	Limit int    `default:"100" help:"At most so many (${default})."`
}

// Run prints the requests that fit.
func (c *enrolmentListCmd) Run(ctx context.Context) error {
	state, ok := acquirer.ParseEnrolmentState(c.State)
	if c.State == "" {
		state, ok = 0, true
	}
	if !ok {
		return usage("no state %q", c.State)
	}
	return with(ctx, c.Config, func(i *installation) error {
		all, err := i.db.Enrolments(ctx, state, math.MaxInt64, c.Limit)
		if err != nil {
			return err
		}
		out := make([]enrolmentJSON, 0, len(all))
		for _, e := range all {
			out = append(out, showEnrolment(e))
		}
		if c.JSON {
			return printJSON(out)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "REQUEST\tKIND\tSTATE\tNUMBER\tNAME\tCARD\tCHANNEL\tOPENED")
		for _, e := range out {
			state := e.State
			if e.ByPeople {
				state += ", waits for you"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Kind, state, e.Number, e.Name, e.Card, e.Channel, e.Opened)
		}
		return w.Flush()
	})
}

// enrolmentArg names a request.
type enrolmentArg struct {
	ID string `arg:"" help:"The request, as the list names it."`
}

func (a enrolmentArg) id() (acquirer.EnrolmentID, error) {
	n, err := strconv.ParseInt(a.ID, 10, 64)
	if err != nil || n <= 0 {
		return 0, usage("%q is no request", a.ID)
	}
	return acquirer.EnrolmentID(n), nil
}

func (a enrolmentArg) object() string {
	if id, err := a.id(); err == nil {
		return "enrolment " + id.String()
	}
	return "enrolment ?"
}

// enrolmentShowCmd shows one request.
type enrolmentShowCmd struct {
	configFlag
	jsonFlag
	enrolmentArg
}

// Run prints the request, its steps and its notices.
func (c *enrolmentShowCmd) Run(ctx context.Context) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return with(ctx, c.Config, func(i *installation) error {
		out, err := readEnrolment(ctx, i, id)
		if errors.Is(err, acquirer.ErrNotFound) {
			return fmt.Errorf("no request %s", id)
		} else if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(out)
		}
		return writeEnrolment(out)
	})
}

func readEnrolment(ctx context.Context, i *installation, id acquirer.EnrolmentID) (out enrolmentJSON, err error) {
	e, err := i.db.Enrolment(ctx, id)
	if err != nil {
		return out, err
	}
	out = showEnrolment(e)
	steps, err := i.db.EnrolmentSteps(ctx, id)
	if err != nil {
		return out, err
	}
	for _, s := range steps {
		j := enrolmentStepJSON{Version: s.Version, At: clockText(s.At), To: s.To.String(), Event: string(s.Event), Detail: s.Detail}
		if s.From != 0 {
			j.From = s.From.String()
		}
		out.Steps = append(out.Steps, j)
	}
	notifier, err := newNotifier(i.config, i.db)
	if err != nil {
		return out, err
	}
	notices, err := i.db.NoticesAbout(ctx, int64(id))
	if err != nil {
		return out, err
	}
	for _, n := range notices {
		m, err := notifier.Show(ctx, n)
		if err != nil {
			return out, err
		}
		out.Notices = append(out.Notices, showNotice(n, m))
	}
	return out, nil
}

// writeEnrolment writes one request for a person.
func writeEnrolment(e enrolmentJSON) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "request\t%s\t%s\n", e.ID, e.Kind)
	fmt.Fprintf(w, "state\t%s\t%s\n", e.State, e.Changed)
	for _, v := range [][2]string{{"number", e.Number}, {"new number", e.NewNumber}, {"name", e.Name}, {"card", e.Card}, {"effective", e.Effective},
		{"checks", e.Checks}} {
		if v[1] != "" {
			fmt.Fprintf(w, "%s\t%s\t\n", v[0], v[1])
		}
	}
	fmt.Fprintf(w, "came by\t%s\tfrom %s\n\n", e.Channel, e.Sender)
	for _, s := range e.Steps {
		fmt.Fprintf(w, "%d\t%s\t%s: %s\t%s\n", s.Version, s.At, s.Event, s.To, s.Detail)
	}
	fmt.Fprintln(w)
	for _, n := range e.Notices {
		fmt.Fprintf(w, "%s\tto %s\t%s\t%s\n", n.ID, n.To, n.how(), n.Text)
	}
	return w.Flush()
}

// enrolmentApproveCmd says yes.
type enrolmentApproveCmd struct {
	configFlag
	enrolmentArg
	Why string `help:"What was looked at, for the history; no name, number or card."`
}

// Run approves the request.
func (c *enrolmentApproveCmd) Run(ctx context.Context, a act) error {
	if _, err := c.id(); err != nil {
		return err
	}
	return a.perform(ctx, c)
}

func (c *enrolmentApproveCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	return decide(ctx, i, c.enrolmentArg, "approved", func(s *acquirer.Enrolments, id acquirer.EnrolmentID) error {
		return s.Approve(ctx, id, "an operator", c.Why)
	})
}

// enrolmentRefuseCmd says no.
type enrolmentRefuseCmd struct {
	configFlag
	enrolmentArg
	Why string `help:"The reason, for the history; no name, number or card."`
}

// Run refuses the request.
func (c *enrolmentRefuseCmd) Run(ctx context.Context, a act) error {
	if _, err := c.id(); err != nil {
		return err
	}
	return a.perform(ctx, c)
}

func (c *enrolmentRefuseCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	return decide(ctx, i, c.enrolmentArg, "refused", func(s *acquirer.Enrolments, id acquirer.EnrolmentID) error {
		return s.Refuse(ctx, id, "an operator", c.Why)
	})
}

// decide carries out a person's decision; the operators' journal has who it was.
func decide(ctx context.Context, i *installation, a enrolmentArg, done string, do func(*acquirer.Enrolments, acquirer.EnrolmentID) error) (result, error) {
	id, err := a.id()
	if err != nil {
		return result{}, err
	}
	s, err := enrolmentsOf(i)
	if err != nil {
		return result{}, err
	}
	if err := do(s, id); errors.Is(err, acquirer.ErrNotFound) {
		return result{}, fmt.Errorf("no request %s", id)
	} else if err != nil {
		return result{}, err
	}
	return result{text: fmt.Sprintf("request %s is %s\n", id, done)}, nil
}

// enrolmentsOf makes what a verb acts through. It sends nothing: what it puts into the outbox the switch finds there.
func enrolmentsOf(i *installation) (*acquirer.Enrolments, error) {
	notifier, err := newNotifier(i.config, i.db)
	if err != nil {
		return nil, err
	}
	return newEnrolments(i.config, i.db, notifier)
}
