package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	acquirer "example.com/ringback/switch"
)

// payeeCmd groups the verbs on payees.
type payeeCmd struct {
	Add payeeAddCmd `cmd:"" help:"Register a payee, verified by the operator."`

	Suspend   payeeSuspendCmd   `cmd:"" help:"Keep a payee from being paid, until an operator resumes it."`
	Resume    payeeResumeCmd    `cmd:"" help:"Let a payee be paid again; the operator vouches for the number."`
	Delete    payeeDeleteCmd    `cmd:"" help:"Forget a payee; what payments made must keep goes with them."`
	Show      payeeShowCmd      `cmd:"" help:"Show what is held about a payee, masked."`
	Export    payeeExportCmd    `cmd:"" help:"Give out everything that is held about a payee, whole, for the payee."`
	Statement payeeStatementCmd `cmd:"" help:"Show the payments to a payee, by payer, masked."`
}

// payeeAddCmd registers a payee.
type payeeAddCmd struct {
	configFlag
	jsonFlag
	Phone string `arg:"" help:"Mobile number: 11 digits, +86 or 0086 in front allowed."`
	Name  string `required:"" help:"The payee's full name as on the card's account."`
	Card  string `required:"" help:"The debit card that is paid to."`
}

// Run registers the payee as verified: the operator vouches for it.
func (p *payeeAddCmd) Run(ctx context.Context, a act) error {
	if _, err := newPayee(p.Phone, p.Name, p.Card, acquirer.PayeeActive); err != nil {
		return err
	}
	return a.perform(ctx, p)
}

func (p *payeeAddCmd) object() string {
	payee, err := newPayee(p.Phone, p.Name, p.Card, acquirer.PayeeActive)
	if err != nil {
		return "payee ?"
	}
	return fmt.Sprintf("payee %s, card %s", payee.Number, payee.Card)
}

func (p *payeeAddCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	payee, err := newPayee(p.Phone, p.Name, p.Card, acquirer.PayeeActive)
	if err != nil {
		return result{}, err
	}
	if err := checkPayeeCard(i.config, payee.Card); err != nil {
		return result{}, err
	}
	ref, err := i.db.AddPayee(ctx, payee)
	if errors.Is(err, acquirer.ErrDuplicate) {
		return result{}, fmt.Errorf("%s is registered already", payee.Number)
	} else if err != nil {
		return result{}, err
	}
	shown := acquirer.MaskName(payee.Name)
	return result{
		json: struct {
			Payee  int64           `json:"payee"`
			Number acquirer.MSISDN `json:"number"`
			Shown  string          `json:"shown_name"`
			Card   acquirer.PAN    `json:"card"`
		}{int64(ref.ID), payee.Number, shown, payee.Card},
		text: fmt.Sprintf("payee %d: %s, shown as %s, paid to %s\n", ref.ID, payee.Number, shown, payee.Card),
	}, nil
}

// newPayee checks what a registration says: number by the numbering rules, name by length, card by its check digit.
func newPayee(number, name, card string, status acquirer.PayeeStatus) (acquirer.Payee, error) {
	plan, err := acquirer.LoadNumberingPlan()
	if err != nil {
		return acquirer.Payee{}, err
	}
	msisdn, err := plan.Parse(trimCountry(number))
	if err != nil {
		return acquirer.Payee{}, fmt.Errorf("mobile number: %w", err)
	}
	name = acquirer.NormalizeName(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > acquirer.MaxNameLength || !utf8.ValidString(name) {
		return acquirer.Payee{}, fmt.Errorf("name has %d characters, not 1 to %d", n, acquirer.MaxNameLength)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return acquirer.Payee{}, errors.New("name holds a character that cannot be shown")
	}
	pan, err := acquirer.ParsePAN(card)
	if err != nil {
		return acquirer.Payee{}, err
	}
	if !pan.Luhn() {
		return acquirer.Payee{}, errors.New("card number has a wrong check digit")
	}
	return acquirer.Payee{Number: msisdn, Name: name, Card: pan, Status: status}, nil
}

// trimCountry takes forms off a number that people write; the wire knows 11 digits only.
func trimCountry(number string) string {
	for _, prefix := range []string{"+86", "0086", "86"} {
		if rest, ok := strings.CutPrefix(number, prefix); ok && len(rest) == 11 {
			return rest
		}
	}
	return number
}

// checkPayeeCard refuses a card that no payout could reach: of an unknown issuer, or no debit card.
func checkPayeeCard(c Config, card acquirer.PAN) error {
	issuers, err := loadIssuers(c.Issuers)
	if err != nil {
		return err
	}
	i, ok := issuers.Lookup(card)
	if !ok {
		return errors.New("card is of no issuer in the table")
	}
	if i.Kind != acquirer.Debit {
		return fmt.Errorf("card is a %s card: only a debit card can be paid to", i.Kind)
	}
	return nil
}
