package sim

import (
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// The cast of a run.
const (
	coreNumbers = 12 // mobile numbers of payees
	corePayers  = 8  // payers, each with a number and a card
)

// coreCast is what all runs share and none changes: tables, numbers and names.
type coreCast struct {
	numbers *acquirer.NumberingPlan
	issuers *acquirer.IssuerTable
	payees  []string // numbers
	payers  []string
	msisdn  map[string]acquirer.MSISDN // the parsed numbers of both
	cards   []acquirer.PAN             // of payers; the last is of no contracted bank
	pin     acquirer.PINBlock
	badPIN  acquirer.PINBlock
}

// coreOwner is to whom a number led, from a moment on.
type coreOwner struct {
	from  time.Time
	payee acquirer.Payee
}

// newCoreCast loads the tables.
func newCoreCast() (c *coreCast, err error) {
	c = &coreCast{msisdn: map[string]acquirer.MSISDN{}}
	if c.numbers, err = acquirer.LoadNumberingPlan(); err != nil {
		return nil, err
	}
	if c.issuers, err = acquirer.LoadIssuerTable(); err != nil {
		return nil, err
	}
	for i := range coreNumbers {
		c.payees = append(c.payees, fmt.Sprintf("138001380%02d", i))
	}
	for i := range corePayers {
		c.payers = append(c.payers, fmt.Sprintf("139001390%02d", i))
	}
	for _, s := range append(c.payees, c.payers...) {
		if c.msisdn[s], err = acquirer.ParseMSISDN(s); err != nil {
			return nil, err
		}
	}
	return c, c.money()
}

// money makes the payers' cards and their PIN blocks.
func (c *coreCast) money() (err error) {
	for i := range corePayers {
		c.cards = append(c.cards, coreCard("62220200000000%05d", int64(i)))
	}
	c.cards = append(c.cards, coreCard("40000000000%05d", 2))
	if c.pin, err = acquirer.NewPINBlock([]byte("pinblock")); err != nil {
		return err
	}
	c.badPIN, err = acquirer.NewPINBlock([]byte(coreBadPIN))
	return err
}

// coreCard makes a card number; the format is right by construction.
func coreCard(format string, n int64) acquirer.PAN {
	p, err := acquirer.ParsePAN(fmt.Sprintf(format, n))
	if err != nil {
		panic(err)
	}
	return p
}

// settle registers terminals and payees, and lets numbers change their owners and owners their cards during the run.
func (c *coreCast) settle(w *coreRun) {
	for n := range w.terminals {
		id, mid := coreTerminalID(n)
		w.mem.PutTerminal(acquirer.Terminal{ID: id, Merchant: mid, Session: acquirer.Session{Batch: 1, SignedOn: true}})
	}
	for i := range c.payees {
		w.register(i, 1, 1)
		w.change(i, 1, 1, 1)
	}
}

func coreTerminalID(n int) (acquirer.TerminalID, acquirer.MerchantID) {
	return acquirer.TerminalID(fmt.Sprintf("%08d", 10_000_001+n)), "898110000000001"
}

// register makes the number lead to its nth owner with a card of a version.
func (w *coreRun) register(number, owner int, card int32) {
	s := w.cast.payees[number]
	id := acquirer.PayeeID(number*1000 + owner)
	p := acquirer.Payee{Ref: acquirer.PayeeRef{ID: id, CardVersion: card}, Number: w.cast.msisdn[s],
		Name: "王小" + string(rune(0x4E00+int(id))), Card: coreCard("62170%014d", int64(id)*100+int64(card)), Status: acquirer.PayeeActive}
	w.mem.PutPayee(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owners[s] = append(w.owners[s], coreOwner{time.Now(), p})
}

// change plans the next change of a number, minute by minute.
func (w *coreRun) change(number, owner int, card int32, minute uint64) {
	key := []uint64{hopChange, uint64(number), minute}
	time.AfterFunc(w.dice.between(50*time.Second, 70*time.Second, hopChangeAt, uint64(number), minute), func() {
		if w.healed.Load() {
			return
		}
		switch {
		case !w.dice.chance(w.rates.change, key...):
		case w.dice.roll(key...)%2 == 0:
			owner, card = owner+1, 1
			w.register(number, owner, card)
		default:
			card++
			w.register(number, owner, card)
		}
		w.change(number, owner, card, minute+1)
	})
}

// ownerAt returns to whom a number led at a moment.
func (w *coreRun) ownerAt(number string, at time.Time) acquirer.Payee {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p acquirer.Payee
	for _, o := range w.owners[number] {
		if !o.from.After(at) {
			p = o.payee
		}
	}
	return p
}
