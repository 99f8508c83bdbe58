package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"example.com/ringback/terminal/emulator"
)

// partyFlags are the two numbers and the amount, which both phases take.
type partyFlags struct {
	Payee   string `required:"" placeholder:"NUMBER" help:"Mobile number of who is paid."`
	Payer   string `required:"" placeholder:"NUMBER" help:"Mobile number of who pays."`
	Amount  yuan   `required:"" placeholder:"YUAN" help:"Amount, such as 12.34."`
	Info    string `placeholder:"TEXT" help:"Payment information, up to 60 bytes of GBK."`
	NoCheck bool   `help:"Do not check the numbers in the terminal, before it dials."`
}

// yuan is an amount in fen that is written in yuan.
type yuan int64

// UnmarshalText reads digits with up to two decimals.
func (y *yuan) UnmarshalText(text []byte) error {
	whole, part, _ := strings.Cut(string(text), ".")
	if len(part) > 2 || whole == "" || strings.Trim(whole+part, "0123456789") != "" {
		return fmt.Errorf("%q is no amount such as 12.34", text)
	}
	fen, err := strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is too much", text)
	}
	*y = yuan(fen)
	return nil
}

// payCmd pays.
type payCmd struct {
	terminalFlags
	partyFlags
	Card   string   `required:"" placeholder:"PAN" help:"Card number; the terminal makes a track of it."`
	Expiry string   `placeholder:"YYMM" help:"Expiry of the card (3012; 2001 for the demo world's expired card)."`
	Keyed  bool     `help:"Key the card number instead of swiping the card."`
	PIN    []string `name:"pin" placeholder:"N" help:"PIN; repeat it for what is keyed after a wrong one. Asked for if missing."`
	Yes    bool     `help:"Go on without asking whether the name is right; implied by --json."`
}

// Run pays and prints the receipt, or one JSON object.
func (p *payCmd) Run(e *env) error {
	if p.JSON && len(p.PIN) == 0 {
		return fmt.Errorf("%w: --json needs --pin", errUsage)
	}
	return p.with(e, !p.NoCheck, func(t *emulator.Terminal) error {
		r, err := t.Pay(e.ctx, p.payment(), newPerson(e, p))
		r.Text = p.text(r.Code, r.Text)
		if p.JSON {
			err = errors.Join(err, e.printJSON(r))
		} else if err == nil {
			err = r.Print(e.stdout, emulator.Language(p.Lang), emulator.HolderCopy)
		}
		return misuse(err)
	})
}

func (p *payCmd) payment() emulator.Payment {
	card := emulator.SwipedCard(p.Card, orElse(p.Expiry, expiryOf(p.Card)))
	if p.Keyed {
		card = emulator.KeyedCard(card.PAN, card.Expiry)
	}
	return emulator.Payment{Payee: p.Payee, Payer: p.Payer, AmountFen: int64(p.Amount), Memo: p.Info, Card: card}
}

// misuse marks what no terminal could key as an error of usage.
func misuse(err error) error {
	if errors.Is(err, emulator.ErrCard) || errors.Is(err, emulator.ErrPayment) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return err
}

// inquireCmd is phase 1 alone.
type inquireCmd struct {
	terminalFlags
	partyFlags
}

// inquiryJSON is what inquire prints.
type inquiryJSON struct {
	Terminal  string `json:"terminal"`
	Merchant  string `json:"merchant"`
	Batch     string `json:"batch"`
	STAN      string `json:"stan"`
	Result    string `json:"result"` // found, refused or unknown
	Phase     string `json:"phase"`
	Code      string `json:"code"`
	Text      string `json:"text"`
	PayeeName string `json:"payee_name"`
	AmountFen int64  `json:"amount_fen"`
	RRN       string `json:"rrn"`
}

// Run looks up and prints the name.
func (i *inquireCmd) Run(e *env) error {
	return i.with(e, !i.NoCheck, func(t *emulator.Terminal) error {
		q, err := t.Inquire(e.ctx, i.Payee, i.Payer, int64(i.Amount), i.Info)
		code, text, phase := told(err, emulator.PhaseInquiry)
		switch {
		case i.JSON:
			out := inquiryJSON{Terminal: i.Terminal, Batch: q.Batch, STAN: q.STAN, Result: inquiryResult(err), Phase: phase, Code: code,
				Text: i.text(code, text), PayeeName: q.Name, AmountFen: int64(i.Amount), RRN: q.RRN}
			out.Merchant = orElse(i.Merchant, demoTerminalOf(i.Terminal).merchant)
			err = errors.Join(err, e.printJSON(out))
		case err == nil:
			_, err = fmt.Fprintln(e.stdout, q.Name)
		}
		return misuse(err)
	})
}

func inquiryResult(err error) string {
	switch {
	case err == nil:
		return "found"
	case errors.Is(err, emulator.ErrNoAnswer), errors.Is(err, emulator.ErrBadAnswer):
		return "unknown"
	}
	return "refused"
}

// told takes apart what a terminal's method returned; phase is that of success.
func told(err error, phase emulator.Phase) (code, text, where string) {
	var failed *emulator.Error
	switch {
	case err == nil:
		return "00", emulator.Text(emulator.Chinese, "00"), string(phase)
	case !errors.As(err, &failed):
		return "", err.Error(), string(phase)
	case failed.Code == "":
		return "", failed.Error(), string(failed.Phase)
	}
	return failed.Code, failed.Text, string(failed.Phase)
}
