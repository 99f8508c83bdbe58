package acquirer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// letter is a notice with all that is needed to send it.
type letter struct {
	number   MSISDN  // whose it is
	routes   []Route // by which it may go, in order; an address that is zero is the number
	language Language
	words    Words
	payee    PayeeID // who is written to; zero: a payer, or nobody registered
	name     string  // of the payee, for an envelope
	payer    MSISDN  // of a notice to a payee about a payment
	amount   Fen
	rrn      RRN
	paid     time.Time
	memo     string
	subject  string
	text     string
	expires  time.Time
	obsolete string // why it must not be sent any more; empty: it may
	broken   string // why it cannot be written, for a person; empty: it can
}

// message is what a device is given.
func (l letter) message(n Notice) Message {
	return Message{ID: n.ID(), Kind: n.Kind, To: n.Address, Language: l.language, Subject: l.subject, Text: l.text,
		Created: n.Created, Expires: l.expires, Try: n.Tries - n.Start, Name: l.name, Payer: l.payer, Amount: l.amount,
		RRN: l.rrn, Paid: l.paid, Memo: l.memo}
}

// compose works out what a notice says, to whom, and by which devices. What cannot be said any more is obsolete, and what
// cannot be written is broken: it fails only with [ErrStore], and when ctx ends. One notice must not stop the others, still less
// the switch.
func (n *Notifier) compose(ctx context.Context, notice Notice) (letter, error) {
	l := letter{language: n.Language}
	for _, k := range n.NumberDevices {
		l.routes = append(l.routes, Route{Kind: k})
	}
	var err error
	switch {
	case notice.Transaction != 0:
		err = n.aboutTransaction(ctx, notice, &l)
	case notice.Enrolment != 0:
		err = n.aboutEnrolment(ctx, notice, &l)
	default:
		err = n.aboutPayee(ctx, notice, &l)
	}
	if errors.Is(err, ErrNotFound) {
		l.obsolete = "what it is about is gone"
		return l, nil
	}
	if errors.Is(err, ErrStore) || ctx.Err() != nil {
		return l, err
	}
	if err != nil {
		l.broken = "what it is about cannot be read"
		return l, nil
	}
	if l.subject, l.text, err = n.Templates.Write(l.language, notice.Kind.String(), l.words); err != nil {
		l.broken, l.subject, l.text = "its text cannot be written", "", "" // and no word of the error, which may hold one of the text
	}
	return l, nil
}

// Show returns a notice as its receiver would read it, for an operator: numbers and codes masked, addressed to where it
// goes or would go. One about what is gone has no text.
func (n *Notifier) Show(ctx context.Context, notice Notice) (Message, error) {
	l, err := n.compose(ctx, notice)
	if err != nil || l.text == "" {
		return l.message(notice), err
	}
	w := l.words
	if m, err := ParseMSISDN(w.Payer); err == nil {
		w.Payer = m.Masked()
	}
	if w.Code != "" {
		w.Code = "******"
	}
	if w.Stop != "" {
		w.Stop = "******"
	}
	w.Memo = ""
	l.subject, l.text, err = n.Templates.Write(l.language, notice.Kind.String(), w)
	m := l.message(notice)
	if m.To == (Address{}) && l.number != (MSISDN{}) {
		m.To = Address{s: l.number.Reveal()}
	}
	return m, err
}

// approvedOrBeyond are the states in which a debit stands.
var approvedOrBeyond = []State{Approved, Settled, Paying, Paid}

// aboutTransaction writes to the payer or to the payee of a payment.
func (n *Notifier) aboutTransaction(ctx context.Context, notice Notice, l *letter) error {
	t, err := n.Journal.Get(ctx, notice.Transaction)
	if err != nil {
		return err
	}
	l.words = Words{At: momentText(l.language, t.Answered), Amount: t.Amount.String(), RRN: string(t.RRN()), Memo: t.Memo,
		Payee: t.PayeeNumber.Masked(), PayeeName: t.PayeeName, Payer: t.Payer.Reveal()}
	switch {
	case t.Payer == (MSISDN{}):
		return ErrNotFound // its personal part is gone
	case notice.Kind == NoticePaidOut:
		return n.toPayee(ctx, t, Paid, l)
	case notice.Kind == NoticeNewCard:
		return n.toPayee(ctx, t, Paying, l)
	case notice.Kind == NoticeDebited && !slices.Contains(approvedOrBeyond, t.State):
		l.obsolete = "the debit was undone"
	case notice.Kind == NoticeUndone:
		l.words.At = momentText(l.language, t.Opened) // the answer of then was replaced
	}
	l.number, l.words.Payer, l.words.Memo = t.Payer, "", ""
	return nil
}

// toPayee writes to the payee of a payment in a state, with the payer's number: it is how the payee tells payments apart (patent
// paragraph [0028]).
func (n *Notifier) toPayee(ctx context.Context, t *Transaction, want State, l *letter) error {
	ref := t.Payee
	if n.Payouts != nil { // after a card that could not be credited another is paid
		switch payout, err := n.Payouts.Payout(ctx, t.ID); {
		case err == nil:
			ref.CardVersion = payout.CardVersion
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	p, err := n.Registry.PayeeByRef(ctx, ref)
	if err != nil {
		return err
	}
	if t.State != want || p.Status == PayeeDeleted {
		l.obsolete = fmt.Sprintf("the payment is %s, the payee %s", t.State, p.Status)
	}
	if err := n.useContact(ctx, p.Ref.ID, l); err != nil {
		return err
	}
	l.number, l.words.Card, l.words.At = p.Number, p.Card.Masked(), momentText(l.language, t.Answered)
	l.payee, l.name = p.Ref.ID, p.Name
	l.payer, l.amount, l.rrn, l.paid, l.memo = t.Payer, t.Amount, t.RRN(), t.Answered, plainMemo(t.Memo)
	return nil
}

// useContact writes as a payee wishes to be written to.
func (n *Notifier) useContact(ctx context.Context, id PayeeID, l *letter) error {
	c, err := n.Registry.Contact(ctx, id)
	if err != nil {
		return err
	}
	if len(c.Routes) > 0 {
		l.routes = c.Routes
	}
	l.language = c.Language
	return nil
}

// aboutEnrolment writes about a request of a payee.
func (n *Notifier) aboutEnrolment(ctx context.Context, notice Notice, l *letter) error {
	e, err := n.Registry.Enrolment(ctx, notice.Enrolment)
	if err != nil {
		return err
	}
	l.number, l.language = receiverOf(e, notice), e.Language
	l.words = Words{Number: e.Number.Masked(), NewNumber: e.NewNumber.Masked(), Card: e.Card.Masked(), Kind: RequestText(e.Language, e.Kind),
		Reasons: ReasonsText(e.Language, e.Reasons), Effective: momentText(e.Language, e.Effective), Minutes: minutesText(n.Limits.CodeLife)}
	if e.Name != "" && e.Kind != RequestChangeCard {
		l.words.Name = MaskName(e.Name)
	}
	if l.payee = e.Payee.ID; notice.Device == DeviceLetter {
		if err := n.addressName(ctx, e, l); err != nil {
			return err
		}
	}
	switch notice.Kind {
	case NoticeCode:
		n.writeCode(e, notice, l)
	case NoticeStaged:
		l.words.Stop = coder{n.Codes}.digits(codeStop, e.ID, 0, e.Codes[0].Nonce)
		if e.State != EnrolmentConfirmed {
			l.obsolete = "the request is " + e.State.String()
		}
	case NoticeHeld:
		return n.writeHeld(ctx, e, l)
	}
	return nil
}

// addressName finds the name for the envelope of a letter about an enrolment: that of the payee as he is registered now. One
// who is forgotten has none.
func (n *Notifier) addressName(ctx context.Context, e *Enrolment, l *letter) error {
	p, err := n.Registry.Payee(ctx, e.Payee.ID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		l.name = p.Name
	}
	return err
}

// writeCode writes the code itself. One that was replaced, used or is over is obsolete.
func (n *Notifier) writeCode(e *Enrolment, notice Notice, l *letter) {
	which, serial := codeOf(notice)
	c := e.Codes[which]
	l.expires = c.Expires
	l.words.Code = coder{n.Codes}.digits(codeConfirm, e.ID, which, c.Nonce)
	if e.State != EnrolmentCodeSent || c.Serial != serial || c.Done {
		l.obsolete = "the code is used, or replaced by a newer one"
	}
}

// writeHeld writes in short what is held about a payee.
func (n *Notifier) writeHeld(ctx context.Context, e *Enrolment, l *letter) error {
	p, err := n.Registry.PayeeByNumber(ctx, e.Number)
	if err != nil {
		return err
	}
	l.words.Name, l.words.Card, l.words.Status = MaskName(p.Name), p.Card.Masked(), StatusText(e.Language, p.Status)
	return nil
}

// aboutPayee writes to a payee about himself.
func (n *Notifier) aboutPayee(ctx context.Context, notice Notice, l *letter) error {
	p, err := n.Registry.Payee(ctx, notice.Payee)
	if err != nil {
		return err
	}
	if p.Status != PayeeActive || int(DateOf(p.Alive)) != notice.Copy {
		l.obsolete = "the number has shown signs of life"
	}
	if err := n.useContact(ctx, p.Ref.ID, l); err != nil {
		return err
	}
	l.number, l.payee, l.name = p.Number, p.Ref.ID, p.Name
	l.words = Words{Number: p.Number.Masked(), Effective: momentText(l.language, p.Alive.Add(n.Limits.Dormant))}
	return nil
}
