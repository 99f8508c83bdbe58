package emulator

import "context"

// UI is the person at the terminal, as Pay meets them. Its methods are called one after the other, while the terminal
// has its turn: they must not call the terminal.
type UI interface {
	// ConfirmName shows the payee's name and asks whether to go on.
	ConfirmName(ctx context.Context, q Inquiry) (bool, error)
	// PIN asks the holder for the PIN; try counts from 1. An error ends the payment.
	PIN(ctx context.Context, try int) (string, error)
	// Show displays a text of the switch.
	Show(code, text string)
}

// Pay is one whole payment, both phases. Numbers are checked before the terminal dials, unless it is configured not to.
// A wrong PIN (55) may be keyed again, MaxPINTries in all, each as a debit of its own. When the outcome stays unknown,
// the undo is sent at once; if it is not acknowledged, it stays owed.
//
// The Receipt is filled as far as anything is known. The error is nil if and only if its Outcome is Approved.
func (t *Terminal) Pay(ctx context.Context, p Payment, ui UI) (Receipt, error) {
	release, err := t.take(ctx)
	if err != nil {
		return Receipt{}, failure(PhaseCheck, err)
	}
	defer release()
	r, e := t.pay(ctx, p, ui)
	return r, plain(e)
}

func (t *Terminal) pay(ctx context.Context, p Payment, ui UI) (Receipt, *Error) {
	if err := t.room(p.Card); err != nil {
		e := failure(PhaseCheck, err)
		return t.blankReceipt(Inquiry{Payment: p}).failed(e), e
	}
	q, e := t.inquire(ctx, p)
	if e != nil {
		show(ui, e)
		return t.blankReceipt(q).failed(e), e
	}
	yes, err := ui.ConfirmName(ctx, q)
	if err == nil && !yes {
		err = ErrCancelled
	}
	if err != nil {
		e := failure(PhaseInquiry, err)
		return t.blankReceipt(q).failed(e), e
	}
	r, e := t.debitWithPIN(ctx, q, ui)
	if r.Outcome == Unknown {
		r.Undone = ctx.Err() == nil && t.sendOwed(ctx) == nil
	}
	return r, e
}

// debitWithPIN asks for the PIN and debits, until it was another than a wrong PIN that decided.
func (t *Terminal) debitWithPIN(ctx context.Context, q Inquiry, ui UI) (r Receipt, e *Error) {
	for try := 1; ; try++ {
		pin, err := ui.PIN(ctx, try)
		if err != nil {
			if e == nil { // else the last wrong PIN is what the payment ends with
				e = failure(PhaseDebit, err)
				r = t.blankReceipt(q).failed(e)
			}
			return r, e
		}
		if r, e = t.debit(ctx, q, pin); e != nil {
			show(ui, e)
		}
		if e == nil || e.Code != "55" || r.Outcome != Refused || try == MaxPINTries {
			return r, e
		}
	}
}

// show displays what the switch, or the terminal's own check, said.
func show(ui UI, e *Error) {
	if e.Code != "" {
		ui.Show(e.Code, e.Text)
	}
}
