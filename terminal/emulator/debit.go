package emulator

import (
	"context"
	"fmt"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// Debit is phase 2: it debits the card for a confirmed payee. Before the first byte leaves, the debit is on record as
// one to be undone. A verified answer takes it from there: the receipt is stored in its place. Without one, or when the
// switch does not know the outcome either, the record stays, and the undo goes before the next financial message.
//
// A debit refused for want of a session (77, 99, A0) moved no money; the terminal signs on and sends a new one, once.
//
// The Receipt is filled as far as anything is known. The error is nil if and only if its Outcome is Approved.
func (t *Terminal) Debit(ctx context.Context, q Inquiry, card Card, pin string) (Receipt, error) {
	release, err := t.take(ctx)
	if err != nil {
		return Receipt{}, failure(PhaseDebit, err)
	}
	defer release()
	q.Card = card
	r, e := t.debit(ctx, q, pin)
	return r, plain(e)
}

func (t *Terminal) debit(ctx context.Context, q Inquiry, pin string) (Receipt, *Error) {
	if err := q.check(false); err != nil {
		return t.blankReceipt(q).failed(err), err
	}
	if err := t.room(q.Card); err != nil {
		e := failure(PhaseCheck, err)
		return t.blankReceipt(q).failed(e), e
	}
	if err := t.ready(ctx); err != nil {
		return t.blankReceipt(q).failed(err), err
	}
	r, again, err := t.debitOnce(ctx, q, pin)
	if !again {
		return r, err
	}
	if err := t.ready(ctx); err != nil {
		return r, err
	}
	r, _, err = t.debitOnce(ctx, q, pin)
	return r, err
}

// debitOnce sends one 0200. again tells that it was refused for want of a session.
func (t *Terminal) debitOnce(ctx context.Context, q Inquiry, pin string) (r Receipt, again bool, e *Error) {
	r = t.blankReceipt(q)
	m, err := t.debitMessage(q, pin)
	if err != nil {
		e = failure(PhaseDebit, err)
		return r.failed(e), false, e
	}
	r.STAN = t.number(m)
	a, err := t.transmit(ctx, m, t.mac(), func(s *state) {
		takeNumber(s)
		s.Owed = &owed{Batch: r.Batch, STAN: r.STAN, AmountFen: q.AmountFen, EntryMode: q.Card.entryMode(), Reason: reasonOther}
	})
	if err != nil {
		e = failure(PhaseDebit, err)
		if t.state.Owed != nil { // ready left none, so that it is this one: it was sent
			r.Outcome = Unknown
			e.Err = t.keepOwed(reasonNoAnswer, e.Err)
		}
		return r.failed(e), false, e
	}
	r.take(a)
	e = t.settle(&r, a, m, q.Card)
	return r, a.refusesForSession(), e
}

// debitMessage writes the 0200. The PIN leaves this function in its block only.
func (t *Terminal) debitMessage(q Inquiry, pin string) (*pos.Message, error) {
	m := t.paymentMessage(pos.MTIDebit, pos.KindDebit, t.batch(), q.Card.entryMode(), q.AmountFen)
	q.Card.put(m)
	m.Set(26, pinCapture(pin))
	return m, t.putPIN(m, q, pin)
}

// putPIN writes F52, F53 and F62: the PIN block stands in F52, or under an SM4 key, which makes it too long for F52, in
// F62.
func (t *Terminal) putPIN(m *pos.Message, q Inquiry, pin string) error {
	els := q.elements(q.Token)
	if t.cfg.SM4 {
		block, err := spec.SealPINSM4(t.keys.pik, pin, q.Card.PAN)
		if err != nil {
			return err
		}
		m.SetBytes(52, make([]byte, 8))
		m.Set(53, pos.SecuritySM4)
		m.SetBytes(62, spec.AppendElement(els, pos.TagPIN, block[:]))
		return nil
	}
	block, err := spec.SealPIN(t.keys.pik, pin, q.Card.PAN)
	if err != nil {
		return err
	}
	m.SetBytes(52, block[:])
	m.Set(53, pos.SecurityDES)
	m.SetBytes(62, els)
	return nil
}

// pinCapture is F26, the longest PIN the keypad took.
func pinCapture(pin string) string {
	if len(pin) > 6 {
		return "12"
	}
	return "06"
}

// settle decides what the answer to a debit means, and for the reversal record.
func (t *Terminal) settle(r *Receipt, a answer, req *pos.Message, card Card) *Error {
	unknown := func(why reason, cause error) *Error {
		r.Outcome = Unknown
		e := &Error{Phase: PhaseDebit, Err: t.keepOwed(why, cause)}
		if a.verified {
			e.Code, e.Text = a.code, a.text()
		}
		return e
	}
	switch {
	case !a.verified:
		return unknown(reasonBadMAC, fmt.Errorf("%w: F64", ErrBadAnswer))
	case outcomeUnknown(a.code):
		return unknown(reasonNoAnswer, ErrOutcomeUnknown)
	case pos.Class(a.code) != pos.ClassSuccess:
		// 94 too: the number is another debit's, and an undo would hit that one.
		r.Outcome = Refused
		e := refusal(PhaseDebit, a)
		e.Err = t.commit(func(s *state) { s.Owed = nil })
		return e
	case !a.echoes(req, 3, 25, 42, 49) || a.msg.Get(4) != req.Get(4) || !sameCard(a, req):
		return unknown(reasonOther, fmt.Errorf("%w: it is for another payment", ErrBadAnswer))
	}
	r.Outcome = Approved
	if err := t.keepApproved(*r, card); err != nil {
		return unknown(reasonDevice, err)
	}
	return nil
}

// keepApproved makes an approval durable, with receipt and slip.
func (t *Terminal) keepApproved(r Receipt, card Card) error {
	var kept []slip
	if t.cfg.Slips {
		k, err := t.cfg.newSlip(r, card)
		if err != nil {
			return err
		}
		kept = append(kept, k)
	}
	return t.commit(func(s *state) {
		s.Owed = nil
		s.addReceipt(r)
		s.Slips = append(s.Slips, kept...)
	})
}

// outcomeUnknown lists the answers that leave open whether money moved.
func outcomeUnknown(code string) bool {
	return code == "98" || code == "96" || code == "68" || code == "09"
}

// sameCard compares F2 of an answer with the card, where there is one to compare.
func sameCard(a answer, req *pos.Message) bool {
	track := req.Get(35)
	want := req.Get(2)
	if want == "" && len(track) > 0 {
		want = trackPAN(track)
	}
	return !a.msg.Has(2) || a.msg.Get(2) == want
}

func trackPAN(track string) string {
	for i := range len(track) {
		if track[i] == '=' {
			return track[:i]
		}
	}
	return track
}
