package emulator

import (
	"context"
	"fmt"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// Inquire is phase 1: it asks for the name behind the payee's number. The terminal signs on before if it must, and
// undoes what it owes. When the switch wants it to sign on again, it does and asks once more.
//
// The error is an *Error: with Code for a refusal, else with a cause.
func (t *Terminal) Inquire(ctx context.Context, payee, payer string, amountFen int64, memo string) (Inquiry, error) {
	release, err := t.take(ctx)
	if err != nil {
		return Inquiry{}, failure(PhaseInquiry, err)
	}
	defer release()
	q, e := t.inquire(ctx, Payment{Payee: payee, Payer: payer, AmountFen: amountFen, Memo: memo})
	return q, plain(e)
}

func (t *Terminal) inquire(ctx context.Context, p Payment) (Inquiry, *Error) {
	q := Inquiry{Payment: p}
	if err := p.check(t.cfg.CheckNumbers); err != nil {
		return q, err
	}
	if err := t.ready(ctx); err != nil {
		return q, err
	}
	again, err := t.inquireOnce(ctx, &q)
	if !again {
		return q, err
	}
	if err := t.ready(ctx); err != nil {
		return q, err
	}
	_, err = t.inquireOnce(ctx, &q)
	return q, err
}

// inquireOnce sends one 0100. again tells that the switch refused for want of a session.
func (t *Terminal) inquireOnce(ctx context.Context, q *Inquiry) (again bool, e *Error) {
	q.Batch = t.batch()
	m := t.paymentMessage(pos.MTIInquiry, pos.KindInquiry, q.Batch, "012", q.AmountFen)
	m.SetBytes(62, q.elements(""))
	q.STAN = t.number(m)
	a, err := t.transmit(ctx, m, t.mac(), takeNumber)
	if err != nil {
		return false, failure(PhaseInquiry, err)
	}
	if e := q.judge(a, m); e != nil {
		return a.refusesForSession(), e
	}
	q.RRN = a.msg.Get(37)
	return false, nil
}

// judge takes name and token from the answer, or tells why there are none. A refusal that the switch could not sign
// (it does not know the terminal, or has no session for it) is believed: at worst somebody looks again.
func (q *Inquiry) judge(a answer, req *pos.Message) *Error {
	bare := !a.msg.Has(64) && a.code != "00"
	switch {
	case !a.verified && !bare && !a.refusesForSession():
		return failure(PhaseInquiry, fmt.Errorf("%w: F64", ErrBadAnswer))
	case a.code != "00":
		return refusal(PhaseInquiry, a)
	case !a.echoes(req, 3, 4, 25, 42, 49):
		return failure(PhaseInquiry, fmt.Errorf("%w: it is for another payment", ErrBadAnswer))
	}
	var named, tokened bool
	q.Name, named = a.element(pos.TagName)
	q.Token, tokened = a.element(pos.TagToken)
	if !named || !tokened || len(q.Token) > pos.MaxToken || q.Token == "" || !spec.Printable(q.Token) {
		return failure(PhaseInquiry, fmt.Errorf("%w: F62", ErrBadAnswer))
	}
	return nil
}
