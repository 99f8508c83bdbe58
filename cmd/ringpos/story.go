package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/terminal/emulator"
)

// signOn is the terminal's sign-on.
func (d *demo) signOn() error {
	d.page.chapter("2. The terminal signs on: the switch sends new working keys under the terminal's master key")
	if err := d.terminal.SignOn(d.ctx, ""); err != nil {
		return err
	}
	d.page.check(d.terminal.Status().SignedOn, "both working keys match their check values; batch %s", d.terminal.Status().Batch)
	return nil
}

// refusedLookUp asks for somebody who cannot be paid.
func (d *demo) refusedLookUp() error {
	d.page.chapter("3. A look-up that is refused: " + spec.MaskMobile(demoStranger) + " is not verified yet")
	_, err := d.terminal.Inquire(d.ctx, demoStranger, demoPayer, demoFen, "")
	var refused *emulator.Error
	if !errors.As(err, &refused) {
		return errors.New("the look-up was not refused")
	}
	d.page.check(refused.Code == "P3", "refused with %s: %s", refused.Code, refused.Text)
	return nil
}

// payment is the whole payment, and what is left of it everywhere.
func (d *demo) payment() error {
	var err error
	if d.opening, err = d.ledger(); err != nil {
		return err
	}
	d.page.chapter(fmt.Sprintf("5. A payment: %s yuan from %s to %s. The first PIN is wrong",
		emulator.Yuan(demoFen), spec.MaskMobile(demoPayer), spec.MaskMobile(demoStranger)))
	r, err := d.terminal.Pay(d.ctx, emulator.Payment{Payee: demoStranger, Payer: demoPayer, AmountFen: demoFen,
		Card: emulator.SwipedCard(demoCard, expiryOf(demoCard))}, &demoPerson{page: d.page})
	if err != nil {
		return err
	}
	d.page.check(r.Outcome == emulator.Approved, "approved; reference number %s", r.RRN)
	d.mu.Lock()
	tokens := d.tokens
	d.mu.Unlock()
	d.page.check(len(tokens) == 2 && tokens[0] == tokens[1] && tokens[0] != "",
		"two debits with numbers of their own, and one confirmation: after the wrong PIN it served again")
	if err := d.receipts(r); err != nil {
		return err
	}
	d.page.chapter("6. What is left of it")
	d.paid = r
	if err := d.compareLedgers(); err != nil {
		return err
	}
	return d.askSwitch(r)
}

// demoPerson is the clerk and the holder of the demonstration.
type demoPerson struct{ page *page }

// ConfirmName shows the name and says yes.
func (p *demoPerson) ConfirmName(_ context.Context, q emulator.Inquiry) (bool, error) {
	p.page.print(fmt.Sprintf("  The terminal shows: 收款人 %s, %s 元. The payer says yes.", q.Name, emulator.Yuan(q.AmountFen)))
	return q.Name == "张*丰", nil
}

// PIN is wrong once.
func (p *demoPerson) PIN(_ context.Context, try int) (string, error) {
	if try == 1 {
		p.page.print("  The payer swipes a card and keys a PIN.")
		return demoWrongPIN, nil
	}
	p.page.print("  The payer keys the PIN again.")
	return demoPIN, nil
}

// Show displays a text of the switch.
func (p *demoPerson) Show(code, text string) {
	p.page.print(fmt.Sprintf("  The terminal shows: %s %s", code, text))
}

// receipts prints the holder's copy in both languages, side by side.
func (d *demo) receipts(r emulator.Receipt) error {
	var zh, en strings.Builder
	if err := errors.Join(r.Print(&zh, emulator.Chinese, emulator.HolderCopy), r.Print(&en, emulator.English, emulator.HolderCopy)); err != nil {
		return err
	}
	left, right := strings.Split(zh.String(), "\n"), strings.Split(en.String(), "\n")
	text := "\n"
	for i := range max(len(left), len(right)) {
		l, r := lineAt(left, i), lineAt(right, i)
		// On paper and on a screen a Chinese character has two columns; in GBK it has two bytes.
		pad := emulator.Columns - len(spec.EncodeGBK(l))
		text += strings.TrimRight("    "+l+strings.Repeat(" ", max(pad, 0))+"      "+r, " ") + "\n"
	}
	d.page.print(strings.TrimRight(text, "\n"))
	return nil
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// ledger is what the host's ledger page shows.
type ledger struct {
	Accounts []struct {
		PAN        string `json:"pan"`
		BalanceFen int64  `json:"balance_fen"`
		HeldFen    int64  `json:"held_fen"`
	} `json:"accounts"`
	Debits   int64 `json:"debits"`
	TotalFen int64 `json:"total_fen"`
}

// account returns balance and held money of a card.
func (l ledger) account(pan string) (balance, held int64) {
	for _, a := range l.Accounts {
		if a.PAN == pan {
			return a.BalanceFen, a.HeldFen
		}
	}
	return 0, 0
}

// ledger asks the host for its books.
func (d *demo) ledger() (l ledger, err error) {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.hostHTTP+"/ledger", nil)
	if err != nil {
		return l, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return l, err
	}
	if resp.StatusCode != http.StatusOK {
		return l, errors.Join(fmt.Errorf("ledger: %s", resp.Status), resp.Body.Close())
	}
	return l, errors.Join(json.NewDecoder(resp.Body).Decode(&l), resp.Body.Close())
}

// compareLedgers shows the books before and after the payment.
func (d *demo) compareLedgers() (err error) {
	if d.closing, err = d.ledger(); err != nil {
		return err
	}
	d.showLedgers(d.opening, d.closing)
	was, _ := d.opening.account(demoCard)
	is, _ := d.closing.account(demoCard)
	d.page.check(was-is == demoFen && d.closing.Debits == d.opening.Debits+1, "one debit: the payer's card has %s yuan less", emulator.Yuan(was-is))
	return nil
}

// showLedgers shows the host's books at two moments. No money comes or goes between them.
func (d *demo) showLedgers(before, after ledger) {
	d.page.print(fmt.Sprintf("  The host's ledger (yuan)%28s %16s", "before", "after"))
	row := func(what string, was, is int64) {
		d.page.print(fmt.Sprintf("    %-32s %16s %16s", what, emulator.Yuan(was), emulator.Yuan(is)))
	}
	for _, card := range []string{demoCard, demoNewCard} {
		wasBalance, wasHeld := before.account(card)
		balance, held := after.account(card)
		row(spec.MaskPANDigits(card)+" balance", wasBalance, balance)
		row(spec.MaskPANDigits(card)+" held", wasHeld, held)
	}
	row("all money", before.TotalFen, after.TotalFen)
	d.page.check(before.TotalFen == after.TotalFen && after.TotalFen > 0, "the sum of all money is the same")
}

// askSwitch shows what the switch stored: the payment with its steps, and the notice that waits for the payer.
func (d *demo) askSwitch(r emulator.Receipt) error {
	if err := d.showPayment("approved"); err != nil {
		return err
	}
	told, err := d.hear(demoPayer, "debited")
	if err != nil {
		return err
	}
	d.page.print("  The payer's telephone shows: " + told.Text)
	var notices []notice
	if err := d.askJSON(&notices, "notice", "list", "--state", "handed"); err != nil {
		return err
	}
	at := slices.IndexFunc(notices, func(n notice) bool { return n.RRN == r.RRN && n.Kind == "debited" })
	if at >= 0 {
		d.page.print(fmt.Sprintf("  The outbox: ringbackd notice list --state handed\n    to %s: %s", notices[at].To, notices[at].Text))
	}
	d.page.check(at >= 0, "the payer was told of the debit, and of nothing that was not his business")
	return nil
}

// showPayment shows the steps of the payment and the state that it must be in.
func (d *demo) showPayment(state string) error {
	var payment struct {
		State string `json:"state"`
		Steps []struct {
			At    string `json:"at"`
			To    string `json:"to"`
			Event string `json:"event"`
		} `json:"steps"`
	}
	if err := d.askJSON(&payment, "payment", "show", d.paid.RRN); err != nil {
		return err
	}
	d.page.print("  The switch's journal: ringbackd payment show " + d.paid.RRN)
	for _, s := range payment.Steps {
		d.page.print(fmt.Sprintf("    %s  %-10s -> %s", s.At, s.Event, s.To))
	}
	d.page.check(strings.EqualFold(payment.State, state), "the payment is %s", payment.State)
	return nil
}

// notice is one row of the outbox.
type notice struct {
	RRN  string `json:"rrn"`
	Kind string `json:"kind"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// askJSON runs a verb of the operator and reads the value it prints.
func (d *demo) askJSON(into any, verb ...string) error {
	out, err := d.ask(nil, append(verb, "-c", d.config(), "--json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("ringbackd %s: %w", strings.Join(verb, " "), err)
	}
	return nil
}
