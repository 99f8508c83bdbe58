package acquirer

import (
	"context"
	"errors"
	"time"
)

// InquiryRequest is phase 1 (0100): who is behind the number?
type InquiryRequest struct {
	Terminal *Terminal
	Amount   Fen
	Payee    string // PE as on the wire, unchecked
	Payer    string // PR as on the wire, unchecked

	Received time.Time // as in [DebitRequest]
}

// Inquiry is the answer to phase 1.
type Inquiry struct {
	Name  string // the payee's name, second character hidden (NM)
	Token string // CT, 64 printable ASCII characters
	RRN   RRN
	At    time.Time
}

// Inquire is phase 1 (patent [0046]): it checks amount and numbers, takes from the look-up budget, finds the payee and
// answers with the masked name and a confirmation token. It stores nothing but an alarm. Errors, by F39: 77 the terminal has
// closed the batch, 13 and 61 the
// amount, P1 and P2 the numbers, 65 a budget is used up, P3 nobody can be paid at the number, for whatever reason.
func (s *Switch) Inquire(ctx context.Context, r InquiryRequest) (Inquiry, error) {
	const op = "switch.Inquire"
	now := time.Now()
	s.hear(r.Terminal.ID, r.Received)
	if err := checkOpen(op, r.Terminal); err != nil {
		return Inquiry{}, err
	}
	if code := s.checkAmount(r.Amount); code != CodeApproved {
		return Inquiry{}, refuse(op, code, nil)
	}
	number, err := s.Numbers.Parse(r.Payee)
	if err != nil {
		return Inquiry{}, refuse(op, CodePayeeNumber, err)
	}
	payer, err := s.Numbers.Parse(r.Payer)
	if err != nil {
		return Inquiry{}, refuse(op, CodePayerNumber, err)
	}
	if !s.budgets.take(r.Terminal.ID, payer, now) {
		return Inquiry{}, refuse(op, CodeBudget, nil)
	}
	payee, found, err := s.lookUp(ctx, number)
	if err != nil {
		s.budgets.giveBack(r.Terminal.ID, payer, now)
		return Inquiry{}, refuse(op, CodeMalfunction, s.checked(err))
	}
	token, err := s.sealToken(now, payee.Ref, bound(r.Terminal, number, payer, r.Amount))
	if err != nil {
		return Inquiry{}, refuse(op, CodeMalfunction, err)
	}
	name := MaskName(payee.Name)
	if !found {
		s.budgets.missed(r.Terminal.ID, payer, now)
	}
	if err := s.lookedUp(ctx, r.Terminal.ID, found, now); err != nil {
		return Inquiry{}, refuse(op, CodeMalfunction, err)
	}
	if !found {
		return Inquiry{}, refuse(op, CodePayeeUnavailable, nil)
	}
	return Inquiry{Name: name, Token: token, RRN: s.Reference(now), At: now}, nil
}

// decoy stands in for a payee who cannot be paid, so that the refusal costs the same work as an answer and the time
// taken tells nothing.
var decoy = Payee{Ref: PayeeRef{ID: -1, CardVersion: 1}, Name: "无此人"}

// lookUp returns the payee of a number, or the decoy when nobody can be paid there.
func (s *Switch) lookUp(ctx context.Context, number MSISDN) (payee Payee, found bool, err error) {
	p, err := s.Directory.PayeeByNumber(ctx, number)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Payee{}, false, err
	}
	if err != nil || p.Status != PayeeActive || p.Dormant(time.Now(), s.Limits.Dormant) {
		return decoy, false, nil
	}
	return *p, true, nil
}

// checkAmount returns the F39 for an amount: 00, 13 for none, 61 over the limit.
func (s *Switch) checkAmount(f Fen) ResponseCode {
	switch {
	case f <= 0:
		return CodeBadAmount
	case f > s.Limits.MaxAmount:
		return CodeOverLimit
	}
	return CodeApproved
}
