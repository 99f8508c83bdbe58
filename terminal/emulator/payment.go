package emulator

import (
	"fmt"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// Payment is what is keyed and read at the terminal for one payment. It prints masked.
type Payment struct {
	Payee     string // mobile number
	Payer     string // mobile number
	AmountFen int64
	Memo      string // payment information; "": none
	Card      Card   // not needed before the debit
}

// String shows both numbers masked.
func (p Payment) String() string {
	return fmt.Sprintf("%s from %s to %s by %v", Yuan(p.AmountFen), spec.MaskMobile(p.Payer), spec.MaskMobile(p.Payee), p.Card)
}

// GoString is String, for %#v.
func (p Payment) GoString() string { return p.String() }

// Inquiry is a confirmed payee: what the switch told of the number, and the token that a debit must bring.
type Inquiry struct {
	Payment
	Name  string // the payee's, second character hidden
	Token string
	STAN  string
	Batch string
	RRN   string
}

// Yuan writes an amount as 12.34.
func Yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// check refuses what the terminal can tell by itself, before it dials. A number is refused only if numbers is set.
func (p Payment) check(numbers bool) *Error {
	own := func(code string) *Error { return &Error{Phase: PhaseCheck, Code: code, Text: pos.Text(code)} }
	switch {
	case numbers && !PlausibleNumber(p.Payee):
		return own("P1")
	case numbers && !PlausibleNumber(p.Payer):
		return own("P2")
	case p.AmountFen <= 0 || p.AmountFen > MaxAmountFen:
		return own("13")
	case len(p.Payee) > spec.MaxElement || len(p.Payer) > spec.MaxElement || len(spec.EncodeGBK(p.Memo)) > MaxMemo:
		return failure(PhaseCheck, fmt.Errorf("%w: text is too long", ErrPayment))
	}
	return nil
}

// elements is F62 of both phases; token is empty in the first.
func (p Payment) elements(token string) []byte {
	b := spec.AppendElement(nil, pos.TagPayee, []byte(p.Payee))
	b = spec.AppendElement(b, pos.TagPayer, []byte(p.Payer))
	if token != "" {
		b = spec.AppendElement(b, pos.TagToken, []byte(token))
	}
	if p.Memo != "" {
		b = spec.AppendElement(b, pos.TagMemo, spec.EncodeGBK(p.Memo))
	}
	return b
}

// paymentMessage is a message with what both phases and the undo have in common.
func (t *Terminal) paymentMessage(mti, kind, batch, entryMode string, fen int64) *pos.Message {
	m := t.newMessage(mti)
	m.Set(3, pos.ProcPhonePay)
	m.Set(4, fmt.Sprintf("%012d", fen))
	m.Set(22, entryMode)
	m.Set(25, pos.CondPhonePay)
	m.Set(49, "156")
	m.Set(60, pos.Field60{Kind: kind, Batch: batch, NetMgmt: pos.NetNone}.String())
	return m
}
