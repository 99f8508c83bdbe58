package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// paymentCmd groups the verbs on payments.
type paymentCmd struct {
	Show paymentShowCmd `cmd:"" help:"Show one payment with every stored step."`
	List paymentListCmd `cmd:"" help:"List payments, newest last."`
}

// paymentJSON is a payment as it is shown: numbers and cards masked.
type paymentJSON struct {
	RRN        string          `json:"rrn"`
	State      string          `json:"state"`
	Code       string          `json:"code"`
	AmountFen  int64           `json:"amount_fen"`
	Terminal   string          `json:"terminal"`
	Merchant   string          `json:"merchant"`
	Batch      string          `json:"batch"`
	STAN       string          `json:"stan"`
	Payer      acquirer.MSISDN `json:"payer"`
	Payee      acquirer.MSISDN `json:"payee"`
	PayeeName  string          `json:"payee_name"`
	Card       acquirer.PAN    `json:"card"`
	Opened     string          `json:"opened"`
	Answered   string          `json:"answered,omitempty"`
	HostTime   string          `json:"host_time,omitempty"`
	HostSTAN   string          `json:"host_stan,omitempty"`
	HostCode   string          `json:"host_code,omitempty"`
	AuthCode   string          `json:"auth_code,omitempty"`
	SettleDate string          `json:"settle_date,omitempty"`
	UndoWanted bool            `json:"undo_wanted"`
	Confirmed  bool            `json:"confirmed"`
	Exception  string          `json:"exception,omitempty"`
	Steps      []stepJSON      `json:"steps,omitempty"`

	// Of one payment that is shown by itself.
	Ending   string        `json:"ending,omitempty"`   // how it stands and why, for people
	Reversal *reversalJSON `json:"reversal,omitempty"` // the last that became owed
	Notices  []noticeJSON  `json:"notices,omitempty"`
}

// stepJSON is one stored step.
type stepJSON struct {
	Version int64  `json:"version"`
	At      string `json:"at"`
	From    string `json:"from,omitempty"`
	To      string `json:"to"`
	Event   string `json:"event"`
	Detail  string `json:"detail,omitempty"`

	Chain     int64    `json:"chain"`                // in which the step stands
	Seq       int64    `json:"seq"`                  // where in the chain
	AfterMS   int64    `json:"after_ms"`             // since the payment was opened
	Story     []string `json:"story"`                // the step for people
	Reversal  string   `json:"reversal,omitempty"`   // trace number of the 0420 that became owed
	NoticesTo []string `json:"notices_to,omitempty"` // payer, payee: notices put into the outbox
}

// reversalJSON is a reversal: as it was queued, and how it stands.
type reversalJSON struct {
	State    string `json:"state"` // queued, finished
	STAN     string `json:"stan"`
	HostTime string `json:"host_time"`
	Reason   string `json:"reason"`
	Finished string `json:"finished,omitempty"`
	Tries    int    `json:"tries"` // while it is queued
	Due      string `json:"due,omitempty"`
	HostCode string `json:"host_code,omitempty"` // the host's last answer
}

// clockText writes a time for people in Beijing time, to the millisecond; empty for none.
func clockText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(acquirer.Beijing).Format("2006-01-02T15:04:05.000-07:00")
}

func showPayment(t *acquirer.Transaction) paymentJSON {
	p := paymentJSON{RRN: string(t.RRN()), State: t.State.String(), Code: string(t.Code), AmountFen: int64(t.Amount),
		Terminal: string(t.Key.Terminal), Merchant: string(t.Key.Merchant), Batch: fmt.Sprintf("%06d", t.Key.Batch),
		STAN: t.Key.STAN.String(), Payer: t.Payer, Payee: t.PayeeNumber, PayeeName: t.PayeeName, Card: t.Card,
		Opened: clockText(t.Opened), Answered: clockText(t.Answered), HostTime: t.Host.Time, HostCode: string(t.HostCode),
		AuthCode: t.AuthCode, SettleDate: t.SettleDate, UndoWanted: t.UndoWanted, Confirmed: t.Confirmed, Exception: t.Exception}
	if t.Host.Time != "" {
		p.HostSTAN = t.Host.STAN.String()
	}
	return p
}

// paymentShowCmd shows one payment.
type paymentShowCmd struct {
	configFlag
	jsonFlag
	RRN string `arg:"" name:"rrn" help:"Reference number, F37, 12 digits."`
}

func (p *paymentShowCmd) object() string {
	rrn, err := acquirer.ParseRRN(p.RRN)
	if err != nil {
		return "payment ?"
	}
	return "payment " + string(rrn)
}

// Run prints the payment and its history.
func (p *paymentShowCmd) Run(ctx context.Context) error {
	rrn, err := acquirer.ParseRRN(p.RRN)
	if err != nil {
		return usage("%w", err)
	}
	id, err := rrn.ID(time.Now())
	if err != nil {
		return usage("%w", err)
	}
	return with(ctx, p.Config, func(i *installation) error {
		notifier, err := newNotifier(i.config, i.db)
		if err != nil {
			return err
		}
		f, err := readPayment(ctx, i.db, notifier, id)
		if errors.Is(err, acquirer.ErrNotFound) {
			return fmt.Errorf("no payment %s", rrn)
		} else if err != nil {
			return err
		}
		if p.JSON {
			return printJSON(f.show())
		}
		return writeStory(os.Stdout, f)
	})
}

// show is the whole file of a payment as JSON has it.
func (f paymentFile) show() paymentJSON {
	out := showPayment(f.Transaction)
	out.Ending = f.ending()
	for _, e := range f.history {
		out.Steps = append(out.Steps, f.showStep(e))
	}
	for _, n := range f.notices {
		out.Notices = append(out.Notices, showNotice(n, f.letters[n.ID()]))
	}
	if r := f.reversal; r != nil {
		out.Reversal = &reversalJSON{State: "finished", STAN: r.Host.STAN.String(), HostTime: r.Host.Time, Reason: string(r.Reason),
			Finished: clockText(f.finished)}
	}
	if q := f.queued; q != nil {
		out.Reversal = &reversalJSON{State: "queued", STAN: q.Host.STAN.String(), HostTime: q.Host.Time, Reason: string(q.Reason),
			Tries: q.Tries, Due: clockText(q.Due), HostCode: string(q.HostCode)}
	}
	return out
}

func (f paymentFile) showStep(e store.Entry) stepJSON {
	j := stepJSON{Version: e.Version, At: clockText(e.At), To: e.To.String(), Event: string(e.Event), Detail: e.Detail,
		Chain: e.Chain, Seq: e.Seq, AfterMS: f.waited(e).Milliseconds(), Story: f.sentences(e)}
	if e.From != 0 {
		j.From = e.From.String()
	}
	if r := e.Made.Reversal; r != nil {
		j.Reversal = r.Host.STAN.String()
	}
	for _, n := range e.Made.Notices {
		j.NoticesTo = append(j.NoticesTo, receiver(n.Kind))
	}
	return j
}

// paymentListCmd lists payments.
type paymentListCmd struct {
	configFlag
	jsonFlag
	Date  string `help:"Business date, 2026-11-24 or 20261124; all without it."`
	State string `help:"One of sent, approved, declined, reversing, reversed, tombstone, settled, paying, paid."`
	Limit int    `default:"1000" help:"At most so many (${default})."`
}

// Run prints the payments that fit.
func (p *paymentListCmd) Run(ctx context.Context) error {
	filter, err := p.filter()
	if err != nil {
		return usage("%w", err)
	}
	return with(ctx, p.Config, func(i *installation) error {
		rows, err := i.db.List(ctx, filter)
		if err != nil {
			return err
		}
		out := make([]paymentJSON, 0, len(rows))
		for _, t := range rows {
			out = append(out, showPayment(t))
		}
		if p.JSON {
			return printJSON(out)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RRN\tSTATE\tF39\tYUAN\tTERMINAL\tPAYER\tPAYEE\tOPENED")
		for _, r := range out {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.RRN, r.State, r.Code, acquirer.Fen(r.AmountFen), r.Terminal, r.Payer, r.Payee, r.Opened)
		}
		return w.Flush()
	})
}

func (p *paymentListCmd) filter() (store.Filter, error) {
	f := store.Filter{Limit: p.Limit}
	if p.State != "" {
		s, ok := acquirer.ParseState(p.State)
		if !ok {
			return f, fmt.Errorf("no state %q", p.State)
		}
		f.State = s
	}
	if p.Date != "" {
		d, err := parseDate(p.Date)
		if err != nil {
			return f, err
		}
		f.Date = d
	}
	return f, nil
}

// parseDate reads a business date with or without hyphens.
func parseDate(s string) (acquirer.Date, error) {
	compact := strings.ReplaceAll(s, "-", "")
	t, err := time.ParseInLocation("20060102", compact, acquirer.Beijing)
	if err != nil {
		return 0, fmt.Errorf("%q is no date", s)
	}
	return acquirer.DateOf(t), nil
}
