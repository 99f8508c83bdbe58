package acquirer

import (
	"context"
	"errors"
	"time"
)

// RuleCheck is the step of the verification unit that asks what needs nobody's word: is it a number that a person can hold, a
// name, a debit card of a contracted bank with a right check digit? Channels are told the same at once; here it is asked of
// what is stored, under the tables of now. It implements [Verifier].
type RuleCheck struct {
	numbers *NumberingPlan
	issuers *IssuerTable
}

// NewRuleCheck returns the step.
func NewRuleCheck(numbers *NumberingPlan, issuers *IssuerTable) *RuleCheck {
	return &RuleCheck{numbers, issuers}
}

// Name implements [Verifier].
func (r *RuleCheck) Name() string { return "rules for number, name and card" }

// Verify implements [Verifier]. Of a change only what it brings is judged.
func (r *RuleCheck) Verify(_ context.Context, e *Enrolment) (Verdict, error) {
	var reasons []Reason
	if _, err := r.numbers.Parse(e.Number.Reveal()); err != nil {
		reasons = append(reasons, ReasonNumber)
	}
	if e.Kind == RequestRegister || e.Kind == RequestChangeName {
		reasons = append(reasons, CheckName(e.Name)...)
	}
	if e.Kind == RequestRegister || e.Kind == RequestChangeCard {
		reasons = append(reasons, CheckPayeeCard(r.issuers, e.Card)...)
	}
	return Verdict{Reasons: reasons, Detail: ReasonsText(English, reasons)}, nil
}

// BankCheck is the step of the verification unit that asks the card network whether name and card belong together. It
// implements [Verifier].
type BankCheck struct {
	network   AccountVerifier
	reference func(time.Time) RRN
}

// NewBankCheck returns the step; reference gives an F37 for a message that is not journalled ([Switch.Reference]).
func NewBankCheck(network AccountVerifier, reference func(time.Time) RRN) *BankCheck {
	return &BankCheck{network, reference}
}

// Name implements [Verifier].
func (b *BankCheck) Name() string { return "name and card at the bank" }

// Verify implements [Verifier].
func (b *BankCheck) Verify(ctx context.Context, e *Enrolment) (Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, bankTimeout)
	defer cancel()
	now := time.Now()
	code, err := b.network.VerifyAccount(ctx, AccountCheck{Name: e.Name, Card: e.Card, Number: e.Number, RRN: b.reference(now), At: now})
	switch {
	case errors.Is(err, ErrNotInGBK):
		return Verdict{ByPeople: true, Detail: "the name cannot be written on the host's line"}, nil
	case err != nil:
		return Verdict{}, err
	}
	return judgeAccount(code), nil
}

// judgeAccount reads the F39 of the answer. Only 00 is yes. A no is one that the issuer gives about the name or the card;
// what says that the question could not be asked goes to people, and everything else is asked again.
func judgeAccount(code ResponseCode) Verdict {
	detail := "host answered " + string(code)
	switch code {
	case CodeApproved:
		return Verdict{Detail: detail}
	case "04", "05", "07", "14", "33", "34", "35", "36", "37", "39", "41", "42", "43", "44", "52", "53", "54", "56", "57", "59", "62", "67":
		return Verdict{Reasons: []Reason{ReasonBank}, Detail: detail}
	case "12", "15", "21", "30", "31", "40", "92", "93":
		return Verdict{ByPeople: true, Detail: detail}
	}
	return Verdict{Later: true, Detail: detail}
}
