package acquirer

import (
	"strings"
	"time"
)

// draft reads a request into an enrolment that is stored nowhere yet, and says what is wrong with it. What it looks at is
// in the request alone, so that everybody may be told.
func (s *Enrolments) draft(m Inbound, r Request, now time.Time) (*Enrolment, []Reason) {
	e := &Enrolment{Kind: r.Kind, Channel: m.Channel, MessageID: m.MessageID, Sender: m.Sender, Evidence: m.Evidence,
		Language: r.Language, Opened: now, Front: r.Front}
	reasons := s.readNumber(e, m, r)
	switch r.Kind {
	case RequestRegister:
		reasons = append(append(reasons, readName(e, r)...), s.readCard(e, r)...)
	case RequestChangeCard:
		reasons = append(reasons, s.readCard(e, r)...)
	case RequestChangeName:
		reasons = append(reasons, readName(e, r)...)
	case RequestChangeNumber:
		reasons = append(reasons, s.readNewNumber(e, r)...)
	case RequestDevices:
		reasons = append(reasons, s.readDevices(e, r)...)
	case RequestConfirm, RequestCancel:
		if !isCode(r.Code) {
			reasons = append(reasons, ReasonCode)
		}
	}
	return e, reasons
}

// readNumber finds out which number the request is about. Those that act on an open request may do without one: the
// sender names it.
func (s *Enrolments) readNumber(e *Enrolment, m Inbound, r Request) []Reason {
	number := FoldWidth(strings.TrimSpace(r.Number))
	if number == "" && m.Channel.numbers() {
		number = m.Sender
	}
	if number == "" {
		if r.Kind.opens() {
			return []Reason{ReasonMissing}
		}
		return nil
	}
	var err error
	if e.Number, err = s.Numbers.Parse(trimCountry(number)); err != nil {
		return []Reason{ReasonNumber}
	}
	return nil
}

func (s *Enrolments) readNewNumber(e *Enrolment, r Request) []Reason {
	var err error
	if r.NewNumber == "" {
		return []Reason{ReasonMissing}
	}
	e.NewNumber, err = s.Numbers.Parse(trimCountry(FoldWidth(strings.TrimSpace(r.NewNumber))))
	if err != nil || e.NewNumber == e.Number {
		return []Reason{ReasonNewNumber}
	}
	return nil
}

func readName(e *Enrolment, r Request) []Reason {
	if e.Name = NormalizeName(FoldWidth(r.Name)); e.Name == "" {
		return []Reason{ReasonMissing}
	}
	return CheckName(e.Name)
}

// readCard reads and checks a card: digits, check digit, bank, length, debit card, contract.
func (s *Enrolments) readCard(e *Enrolment, r Request) []Reason {
	text := strings.NewReplacer(" ", "", "-", "").Replace(FoldWidth(r.Card))
	if text == "" {
		return []Reason{ReasonMissing}
	}
	card, err := ParsePAN(text)
	if err != nil {
		return []Reason{ReasonCardDigits}
	}
	e.Card = card
	return CheckPayeeCard(s.Issuers, card)
}

// CheckPayeeCard says what is against a card as one that is paid to; empty is nothing. The issuer table tells debit
// cards from credit and prepaid cards; a card that it does not know is refused, for no payout may ever reach it.
func CheckPayeeCard(issuers *IssuerTable, card PAN) []Reason {
	if !card.Luhn() {
		return []Reason{ReasonCardDigits}
	}
	i, ok := issuers.Lookup(card)
	switch {
	case !ok:
		return []Reason{ReasonCardBank}
	case i.Kind != Debit:
		return []Reason{ReasonCardKind}
	case !i.Contracted:
		return []Reason{ReasonCardNoPact}
	}
	return nil
}

// readDevices reads an ordered list of devices that there are, each once.
func (s *Enrolments) readDevices(e *Enrolment, r Request) []Reason {
	if len(r.Devices) == 0 || len(r.Devices) > maxRoutes {
		return []Reason{ReasonDevices}
	}
	for _, d := range r.Devices {
		if trimCountry(d.Address) == e.Number.Reveal() && d.Kind.ReachesNumbers() {
			d.Address = "" // said, though it goes nowhere else
		}
		route, err := routeOf(d)
		if err != nil || s.Offered != nil && !s.Offered(d.Kind) {
			return []Reason{ReasonDevices}
		}
		for _, other := range e.Devices {
			if other == route {
				return []Reason{ReasonDevices}
			}
		}
		e.Devices = append(e.Devices, route)
	}
	return nil
}

// routeOf reads one place of a list. A device that reaches numbers has no address: it is the payee's own number, always.
func routeOf(d DeviceChoice) (Route, error) {
	switch {
	case !d.Kind.known():
		return Route{}, ErrInbound
	case d.Kind.ReachesNumbers() && d.Address == "":
		return Route{Kind: d.Kind}, nil
	case d.Kind.ReachesNumbers():
		return Route{}, ErrInbound
	}
	address, err := NewAddress(d.Kind, d.Address)
	if err == nil && d.Kind == DeviceEmail && !plainMail(d.Address) {
		err = ErrInbound
	}
	return Route{Kind: d.Kind, Address: address}, err
}

// plainMail reports whether s is a mail address without comments, quotes or a second address.
func plainMail(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && name != "" && len(s) <= 254 && strings.Contains(domain, ".") && !strings.ContainsAny(s, " ,;:<>()[]\"\\") &&
		!strings.Contains(domain, "@")
}
