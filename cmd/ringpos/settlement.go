package main

import (
	"fmt"
	"strings"

	"example.com/ringback/spec"
	"example.com/ringback/terminal/emulator"
)

// settleBatch is the terminal's evening.
func (d *demo) settleBatch() error {
	d.page.chapter("7. The evening: the terminal settles its batch, and so speaks for the payment")
	s, err := d.terminal.Settle(d.ctx)
	if err != nil {
		return err
	}
	d.page.check(s.Agreed && s.Debits == 1 && s.AmountFen == demoFen, "%s", describeSettlement(s))
	return nil
}

// sum is a number of payments and their fen.
type sum struct {
	Count     int64 `json:"count"`
	AmountFen int64 `json:"amount_fen"`
}

func (s sum) String() string { return fmt.Sprintf("%d, %s yuan", s.Count, emulator.Yuan(s.AmountFen)) }

// daySettled is what "ringbackd settle --json" prints, so far as it is looked at.
type daySettled struct {
	Date          string     `json:"date"`
	CutOff        string     `json:"cut_off"`
	File          string     `json:"file"`
	Balance       string     `json:"balance"`
	OurDebits     sum        `json:"our_debits"`
	HostDebits    sum        `json:"host_debits"`
	Paid          sum        `json:"paid"`
	Waits         []struct{} `json:"waits"`
	Discrepancies []struct{} `json:"discrepancies"`
}

// settleDay is the operator's evening: cut-off, the host's list, comparison, totals and payout, and what the payee hears of it.
func (d *demo) settleDay() error {
	d.page.chapter("8. The operator settles the day: ringbackd settle --json")
	var day daySettled
	if err := d.askJSON(&day, "settle"); err != nil {
		return err
	}
	for _, row := range [][2]string{{"settlement date", day.Date}, {"closed", day.CutOff}, {"the host's list", day.File},
		{"our debits", day.OurDebits.String()}, {"the host's debits", day.HostDebits.String()}, {"totals", day.Balance}, {"paid out", day.Paid.String()}} {
		d.page.print(fmt.Sprintf("    %-18s %s", row[0], row[1]))
	}
	one := sum{1, demoFen}
	d.page.check(day.OurDebits == one && day.HostDebits == one && day.Balance == "in balance", "terminal, switch and host agree on every line")
	d.page.check(day.Paid == one && len(day.Waits) == 0 && len(day.Discrepancies) == 0, "all of it is paid out: nothing waits, nothing is disputed")
	if err := d.payeeHears(); err != nil {
		return err
	}
	after, err := d.ledger()
	if err != nil {
		return err
	}
	d.showLedgers(d.closing, after)
	_, held := after.account(demoCard)
	balance, _ := after.account(demoNewCard)
	d.page.check(held == 0 && balance == demoFen, "what was held of the payer's is on the payee's card, once")
	return d.showPayment("paid")
}

// payeeHears is the end of it all: the payee is told who paid.
func (d *demo) payeeHears() error {
	told, err := d.hear(demoStranger, "paid-out")
	if err != nil {
		return err
	}
	from := spec.MaskMobile(demoPayer)
	d.page.print("  The payee's telephone shows: " + strings.ReplaceAll(told.Text, demoPayer, from))
	d.page.check(strings.Contains(told.Text, demoPayer) && strings.Contains(told.Text, d.paid.RRN),
		"the payee was told of the money and, in full, of the number that paid it")
	return nil
}

// audit proves the books that are left.
func (d *demo) audit() error {
	var books struct {
		OK    bool `json:"ok"`
		Rows  int  `json:"rows"`
		Steps int  `json:"steps"`
	}
	if err := d.askJSON(&books, "audit"); err != nil {
		return err
	}
	d.page.check(books.OK, "ringbackd audit: %d payments, %d steps, every hash and sum is right", books.Rows, books.Steps)
	return nil
}
