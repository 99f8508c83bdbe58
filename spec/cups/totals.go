package cups

import (
	"fmt"
	"strconv"

	"example.com/ringback/spec"
)

// Sum is a number of transactions and their amounts in fen.
type Sum struct{ Count, Fen int64 }

// Totals are what a reconciliation (0520, 0530) says of one settlement date: F74 to F82, F84, F86 to F89 and F97 (host
// dialect, section 5.2). Numbers go up to ten digits, fees to twelve, amounts to sixteen.
type Totals struct {
	Credits, CreditReversals     Sum   // F74 and F86, F75 and F87
	Debits, DebitReversals       Sum   // F76 and F88, F77 and F89
	Transfers, TransferReversals int64 // F78, F79
	Inquiries, Authorizations    int64 // F80, F81
	CreditFees, DebitFees        int64 // F82, F84
}

// Net is F97: debits less credits in fen, each less its reversals; it is a debit, D, above zero and else a credit, C.
func (t Totals) Net() int64 {
	return t.Debits.Fen - t.DebitReversals.Fen - t.Credits.Fen + t.CreditReversals.Fen
}

// total is one field of digits.
type total struct {
	id    int
	width int
	value *int64
}

func (t *Totals) fields() []total {
	return []total{
		{74, 10, &t.Credits.Count}, {75, 10, &t.CreditReversals.Count},
		{76, 10, &t.Debits.Count}, {77, 10, &t.DebitReversals.Count},
		{78, 10, &t.Transfers}, {79, 10, &t.TransferReversals},
		{80, 10, &t.Inquiries}, {81, 10, &t.Authorizations},
		{82, 12, &t.CreditFees}, {84, 12, &t.DebitFees},
		{86, 16, &t.Credits.Fen}, {87, 16, &t.CreditReversals.Fen},
		{88, 16, &t.Debits.Fen}, {89, 16, &t.DebitReversals.Fen},
	}
}

// Set puts the totals into a message. One that is below zero or too large makes Pack fail.
func (t Totals) Set(m *Message) {
	for _, f := range t.fields() {
		m.Set(f.id, fmt.Sprintf("%0*d", f.width, *f.value))
	}
	sign, net := "C", t.Net()
	if net > 0 {
		sign = "D"
	} else {
		net = -net
	}
	m.Set(97, fmt.Sprintf("%s%016d", sign, net))
}

// ParseTotals reads the totals of a message. The error is a spec.Fault that names the first field that is missing or
// wrong; F97 must be the net of the others.
func ParseTotals(m *Message) (Totals, error) {
	var t Totals
	for _, f := range t.fields() {
		n, err := strconv.ParseInt(m.Get(f.id), 10, 64)
		if err != nil || n < 0 {
			return Totals{}, spec.Fault{Field: f.id, Kind: spec.FaultDigit}
		}
		*f.value = n
	}
	want := t.Net()
	text := m.Get(97)
	if len(text) != 17 || text[0] != 'C' && text[0] != 'D' {
		return Totals{}, spec.Fault{Field: 97, Kind: spec.FaultText}
	}
	net, err := strconv.ParseInt(text[1:], 10, 64)
	if text[0] == 'C' {
		net = -net
	}
	if err != nil || net != want {
		return Totals{}, spec.Fault{Field: 97, Kind: spec.FaultDigit}
	}
	return t, nil
}

// Agree reports whether two ends hold the same of a date: every number, amount and fee but those of inquiries and
// authorizations, which move no money. A transfer may be counted as one or as a debit: its amount has no other place
// than the debits', and the public material does not settle it.
func (t Totals) Agree(o Totals) bool { return t.moved() == o.moved() }

func (t Totals) moved() Totals {
	t.Debits.Count += t.Transfers
	t.DebitReversals.Count += t.TransferReversals
	t.Transfers, t.TransferReversals, t.Inquiries, t.Authorizations = 0, 0, 0, 0
	return t
}
