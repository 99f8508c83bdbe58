package acquirer

import (
	"encoding/json"
	"io"
	"time"
)

// heldJSON is the form in which a payee takes away what is held. Names are fixed: people keep such files.
type heldJSON struct {
	Payee      int64           `json:"payee"`
	Number     string          `json:"number"`
	Name       string          `json:"name"`
	Card       string          `json:"card"`
	Status     string          `json:"status"`
	Confirmed  string          `json:"confirmed,omitempty"`
	Language   Language        `json:"language,omitempty"`
	Devices    []routeJSON     `json:"devices"`
	Enrolments []enrolmentJSON `json:"enrolments"`
	Notices    []heldNotice    `json:"notices"`
	Payments   statementJSON   `json:"payments"`
}

type routeJSON struct {
	Device  DeviceKind `json:"device"`
	Address string     `json:"address,omitempty"`
}

type enrolmentJSON struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	State     string `json:"state"`
	Channel   string `json:"channel"`
	Sender    string `json:"sender"`
	Source    string `json:"source,omitempty"`
	Checks    string `json:"checks,omitempty"`
	Number    string `json:"number"`
	NewNumber string `json:"new_number,omitempty"`
	Name      string `json:"name,omitempty"`
	Card      string `json:"card,omitempty"`
	Opened    string `json:"opened"`
	Changed   string `json:"changed"`
	Effective string `json:"effective,omitempty"`
}

type heldNotice struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Device  string `json:"device,omitempty"`
	Address string `json:"address,omitempty"`
	Created string `json:"created"`
	Sent    string `json:"sent,omitempty"`
}

type statementJSON struct {
	Number string      `json:"number"`
	From   int         `json:"from"`
	To     int         `json:"to"`
	Count  int         `json:"count"`
	SumFen int64       `json:"sum_fen"`
	More   bool        `json:"more,omitempty"`
	Payers []payerJSON `json:"payers"`
}

type payerJSON struct {
	Payer    string        `json:"payer"`
	Count    int           `json:"count"`
	SumFen   int64         `json:"sum_fen"`
	Payments []paymentLine `json:"payments"`
}

type paymentLine struct {
	RRN       string `json:"rrn"`
	At        string `json:"at"`
	AmountFen int64  `json:"amount_fen"`
	State     string `json:"state"`
	Memo      string `json:"memo,omitempty"`
}

// WriteJSON writes one JSON value: whole for the payee, masked for everybody else.
func (h *Held) WriteJSON(w io.Writer, whole bool) error {
	m := masker(whole)
	out := heldJSON{Payee: int64(h.Payee.ID), Number: m.number(h.Number), Name: m.name(h.Name), Card: m.card(h.Card),
		Status: h.Status.String(), Confirmed: clock(h.Alive), Language: h.Contact.Language, Devices: []routeJSON{},
		Enrolments: []enrolmentJSON{}, Notices: []heldNotice{}, Payments: h.Payments.json(m)}
	for _, r := range h.Contact.Routes {
		out.Devices = append(out.Devices, routeJSON{r.Kind, m.address(r.Address)})
	}
	for _, e := range h.Enrolments {
		out.Enrolments = append(out.Enrolments, enrolmentJSON{ID: e.ID.String(), Kind: e.Kind.String(), State: e.State.String(),
			Channel: string(e.Channel), Sender: m.address(Address{s: e.Sender}), Source: m.address(Address{s: e.Evidence.Source}),
			Checks: e.Evidence.Checks, Number: m.number(e.Number), NewNumber: m.number(e.NewNumber), Name: m.name(e.Name),
			Card: m.card(e.Card), Opened: clock(e.Opened), Changed: clock(e.Changed), Effective: clock(e.Effective)})
	}
	for _, n := range h.Notices {
		out.Notices = append(out.Notices, heldNotice{ID: n.ID(), Kind: n.Kind.String(), State: n.State.String(),
			Device: string(n.Device), Address: m.address(n.Address), Created: clock(n.Created), Sent: clock(n.Sent)})
	}
	return writeJSON(w, out)
}

// WriteJSON writes one JSON value: whole for the payee, masked for everybody else.
func (s *Statement) WriteJSON(w io.Writer, whole bool) error {
	return writeJSON(w, s.json(masker(whole)))
}

func (s *Statement) json(m masker) statementJSON {
	out := statementJSON{Number: m.number(s.Number), From: int(s.From), To: int(s.To), Count: s.Count, SumFen: int64(s.Sum),
		More: s.More, Payers: []payerJSON{}}
	for _, g := range s.Payers {
		p := payerJSON{Payer: m.number(g.Payer), Count: g.Count, SumFen: int64(g.Sum)}
		for _, l := range g.Payments {
			memo := l.Memo
			if !m {
				memo = ""
			}
			p.Payments = append(p.Payments, paymentLine{string(l.RRN), clock(l.At), int64(l.Amount), l.State.String(), memo})
		}
		out.Payers = append(out.Payers, p)
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// masker shows values whole when it is true.
type masker bool

func (m masker) number(n MSISDN) string {
	if m {
		return n.Reveal()
	}
	return n.Masked()
}

func (m masker) card(p PAN) string {
	if m {
		return p.Reveal()
	}
	return p.Masked()
}

func (m masker) name(s string) string {
	if m || s == "" {
		return s
	}
	return MaskName(s)
}

func (m masker) address(a Address) string {
	if m {
		return a.Reveal()
	}
	return a.Masked()
}

// clock writes a time in Beijing time to the second; empty for none.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(Beijing).Format("2006-01-02T15:04:05-07:00")
}
