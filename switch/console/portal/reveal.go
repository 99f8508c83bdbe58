package portal

import (
	"time"

	acquirer "example.com/ringback/switch"
)

// This file is the one place where a number is shown whole: the payee's own, and those of who paid, by which a payee sorts
// the payments. Cards and addresses stay masked. Pages, the download and the API show the same values.

// heldView is everything that is held about a payee.
type heldView struct {
	Number     string          `json:"number"`
	Name       string          `json:"name"`
	Card       string          `json:"card"` // masked
	Status     string          `json:"status"`
	Alive      *time.Time      `json:"alive,omitempty"`
	Language   string          `json:"language"`
	Devices    []deviceView    `json:"devices"`
	Enrolments []enrolmentView `json:"enrolments"`
	Notices    []noticeView    `json:"notices"`
	Payments   *statementView  `json:"payments,omitempty"`
}

// deviceView is one place of the list of devices.
type deviceView struct {
	Kind    string `json:"kind"`
	Address string `json:"address,omitempty"` // masked; none: the payee's number
}

// enrolmentView is one request.
type enrolmentView struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	State     string     `json:"state"`
	Channel   string     `json:"channel"`
	Opened    time.Time  `json:"opened"`
	Changed   time.Time  `json:"changed"`
	Effective *time.Time `json:"effective,omitempty"`
	Source    string     `json:"source,omitempty"` // where it came from, as far as it is known
	Reasons   []string   `json:"reasons,omitempty"`
}

// noticeView is one message that was or will be sent.
type noticeView struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Created time.Time `json:"created"`
	State   string    `json:"state"`
	Device  string    `json:"device,omitempty"`
	Address string    `json:"address,omitempty"` // masked
}

// statementView is the payments of a span of days, by who paid.
type statementView struct {
	From   string      `json:"from"` // 2006-01-02
	To     string      `json:"to"`
	Count  int         `json:"count"`
	SumFen int64       `json:"sum_fen"`
	More   bool        `json:"more"` // there are more than are listed
	Payers []payerView `json:"payers"`
}

// payerView is what came from one number.
type payerView struct {
	Payer    string        `json:"payer"`
	Count    int           `json:"count"`
	SumFen   int64         `json:"sum_fen"`
	Payments []paymentView `json:"payments"`
}

// paymentView is one payment.
type paymentView struct {
	RRN       string    `json:"rrn"`
	At        time.Time `json:"at"`
	AmountFen int64     `json:"amount_fen"`
	State     string    `json:"state"`
	Memo      string    `json:"memo,omitempty"`
}

func viewHeld(h *acquirer.Held) heldView {
	v := heldView{Number: h.Number.Reveal(), Name: h.Name, Card: h.Card.Masked(), Status: h.Status.String(),
		Alive: moment(h.Alive), Language: string(h.Contact.Language), Devices: []deviceView{},
		Enrolments: []enrolmentView{}, Notices: []noticeView{}}
	for _, route := range h.Contact.Routes {
		v.Devices = append(v.Devices, deviceView{string(route.Kind), route.Address.Masked()})
	}
	for _, e := range h.Enrolments {
		view := enrolmentView{ID: e.ID.String(), Kind: e.Kind.String(), State: e.State.String(), Channel: string(e.Channel),
			Opened: e.Opened, Changed: e.Changed, Effective: moment(e.Effective), Source: e.Evidence.Source}
		for _, r := range e.Reasons {
			view.Reasons = append(view.Reasons, string(r))
		}
		v.Enrolments = append(v.Enrolments, view)
	}
	for _, n := range h.Notices {
		v.Notices = append(v.Notices, noticeView{ID: n.ID(), Kind: n.Kind.String(), Created: n.Created, State: n.State.String(),
			Device: string(n.Device), Address: n.Address.Masked()})
	}
	if h.Payments != nil {
		s := viewStatement(h.Payments)
		v.Payments = &s
	}
	return v
}

func viewStatement(s *acquirer.Statement) statementView {
	v := statementView{From: s.From.Time().Format(time.DateOnly), To: s.To.Time().Format(time.DateOnly), Count: s.Count,
		SumFen: int64(s.Sum), More: s.More, Payers: []payerView{}}
	for _, g := range s.Payers {
		payer := payerView{Payer: g.Payer.Reveal(), Count: g.Count, SumFen: int64(g.Sum), Payments: []paymentView{}}
		for _, l := range g.Payments {
			payer.Payments = append(payer.Payments, paymentView{RRN: string(l.RRN), At: l.At, AmountFen: int64(l.Amount),
				State: l.State.String(), Memo: l.Memo})
		}
		v.Payers = append(v.Payers, payer)
	}
	return v
}

// moment is nil for no time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// event is a notice as a page shows it.
type event struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	At        time.Time `json:"at"`
	Subject   string    `json:"subject"`
	Text      string    `json:"text"`
	Payer     string    `json:"payer,omitempty"` // of a notice about a payment
	AmountFen int64     `json:"amount_fen,omitempty"`
}

func eventOf(m acquirer.Message) event {
	return event{ID: m.ID, Kind: m.Kind.String(), At: m.Created, Subject: m.Subject, Text: m.Text,
		Payer: m.Payer.Reveal(), AmountFen: int64(m.Amount)}
}

// pageOf is the token of the page that a message goes to.
func pageOf(m acquirer.Message) string { return m.To.Reveal() }
