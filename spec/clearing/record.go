package clearing

import (
	"fmt"
	"io"
	"strings"

	"example.com/ringback/spec"
)

// PAN is a card number in a line. It prints masked through every verb of fmt and encoding/json; Reveal is the one way
// to the digits.
type PAN struct{ s string }

// NewPAN accepts 13 to 19 ASCII digits; anything else gives the zero value, which no line takes as a card.
func NewPAN(s string) PAN {
	if len(s) < 13 || len(s) > 19 || strings.Trim(s, "0123456789") != "" {
		return PAN{}
	}
	return PAN{s}
}

// Reveal returns the digits; "" of the zero value.
func (p PAN) Reveal() string { return p.s }

func (p PAN) String() string               { return p.masked() }
func (p PAN) GoString() string             { return p.masked() }
func (p PAN) MarshalText() ([]byte, error) { return []byte(p.masked()), nil }

// Format keeps the digits out of every verb.
func (p PAN) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.masked()) }

func (p PAN) masked() string {
	if p.s == "" {
		return ""
	}
	return spec.MaskPANDigits(p.s)
}

// Record is one line. Text is without the blanks that fill its column and, but for Other, Order and Reserved, printable
// ASCII; amounts are fen. A fee below zero has a D in the file: the acquirer pays it. The strings of a parsed Record
// share one piece of memory of its own.
type Record struct {
	Acquirer      string // F32
	Forwarder     string // F33
	Trace         string // F11, 6 digits
	Time          string // F7, MMDDhhmmss, Beijing time
	Card          PAN    // F2
	Amount        int64  // F4
	PartialAmount int64
	CardholderFee int64
	MTI           string // 4 digits
	Processing    string // F3, 6 digits
	MerchantType  string // F18
	Terminal      string // F41
	Merchant      string // F42
	Reference     string // F37
	Condition     string // F25
	AuthCode      string // F38
	Receiver      string // F100
	OriginalTrace string // F11 of what a reversal undoes
	Response      string // F39
	EntryMode     string // F22
	FeeReceivable int64
	FeePayable    int64
	SwitchingFee  int64
	MessageFlag   string // single or dual message
	CardSequence  string // F23
	Ability       string // what the terminal can read
	ChipCondition string
	OriginalTime  string // F7 of what a reversal undoes
	Issuer        string
	Region        string
	TerminalType  string
	ECI           string
	InstalmentFee int64
	Other         string // bytes of GBK

	// The long edition only.
	Credited    PAN // F103
	Instalments string
	Order       string // bytes of GBK
	PayMode     string
	Reserved    string // bytes of GBK
}

// Reversal reports whether the line undoes another: message class 04.
func (r *Record) Reversal() bool { return r.MTI[:min(2, len(r.MTI))] == "04" }

// approved is the response code of a line that moved money.
const approved = "00"

// Sum is a number of lines and their amounts in fen.
type Sum struct {
	Count int64
	Fen   int64
}

func (s *Sum) add(fen int64) {
	s.Count++
	s.Fen += fen
}

// Totals are the sums of lines by what they do to the card, for comparison with F74 to F89 of a 0530. A transfer is
// counted as a debit of the payer's card: that is all of it that has happened before the payout.
type Totals struct {
	Debits, DebitReversals   Sum // processing codes 00 to 19 and 40 to 49
	Credits, CreditReversals Sum // 20 to 29
	Other                    Sum // inquiries, and whatever was not approved
}

// Add counts a line.
func (t *Totals) Add(r *Record) { t.sum(r).add(r.Amount) }

func (t *Totals) sum(r *Record) *Sum {
	group := r.Processing[:min(1, len(r.Processing))]
	debit, credit := group == "0" || group == "1" || group == "4", group == "2"
	switch {
	case r.Response != approved:
		return &t.Other
	case debit && r.Reversal():
		return &t.DebitReversals
	case debit:
		return &t.Debits
	case credit && r.Reversal():
		return &t.CreditReversals
	case credit:
		return &t.Credits
	}
	return &t.Other
}
