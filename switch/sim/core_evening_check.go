package sim

import (
	"slices"

	acquirer "example.com/ringback/switch"
)

// The invariants of an evening:
//
//	payout      who is paid is paid once, what the payer paid, on the card whose name the payer was shown; and what the host has paid is Paid here
//	three-way   what is paid was agreed: the terminal holds a slip, the debit stands at the host, and its list has the line
//	worklist    what terminal, switch and host do not agree on at the end is on the worklist, or waits for the terminal
//	whole       of a date that is in balance and on which everything is agreed everybody is paid
//	notice      the payee is told of his money once, and of nothing else
//	conserved   the payouts come to what is Paid

// checkDay compares terminals, journal, worklist and host after an evening.
func (w *coreRun) checkDay() {
	c := &checker{w: w, byKey: map[acquirer.TerminalKey]*record{}, made: map[acquirer.TerminalKey]*corePayment{}}
	for _, p := range w.pos {
		for _, y := range p.past {
			c.made[y.key] = y
		}
	}
	var ours, theirs acquirer.Fen
	for _, id := range w.mem.order {
		r := w.mem.rows[id]
		c.path(r)
		c.paidRow(r)
		if r.txn.State == acquirer.Paid {
			ours += r.txn.Amount
			w.count.paid++
		}
	}
	for key, p := range w.books.paid {
		theirs += p.Amount * acquirer.Fen(w.books.times[key])
	}
	w.count.listed += len(w.mem.books.worklist)
	if ours != theirs {
		w.violate("conserved", acquirer.TerminalKey{}, "%s fen are Paid, the host paid %s", ours, theirs)
	}
}

// paidRow looks at one row, its payout and what it waits for.
func (c *checker) paidRow(r *record) {
	w, t := c.w, &r.txn
	d := w.host.debits[t.Host]
	pay, paid := w.books.paid[t.Host], w.books.times[t.Host] > 0
	told := 0
	for _, n := range r.notices {
		if n.Kind == acquirer.NoticePaidOut {
			told++
		}
	}
	switch {
	case paid && (w.books.times[t.Host] != 1 || t.State != acquirer.Paid):
		w.violate("payout", t.Key, "the host paid %d times, the row is %s", w.books.times[t.Host], t.State)
	case !paid && t.State == acquirer.Paid:
		w.violate("payout", t.Key, "Paid, and the host paid nothing")
	case paid && pay.Amount != t.Amount:
		w.violate("payout", t.Key, "%s paid for %s", pay.Amount, t.Amount)
	case told != 0 && !paid, told != 1 && t.State == acquirer.Paid:
		w.violate("notice", t.Key, "the payee was told %d times, the row is %s", told, t.State)
	}
	if t.State == acquirer.Paid || t.State == acquirer.Paying || t.State == acquirer.Settled {
		c.agreed(t, d)
	}
	c.worklist(t, d)
	if st, ok := w.mem.books.settlements[dateOfRow(t)]; ok && st.Whole && st.Balance == acquirer.InBalance && t.State.String() == "approved" {
		w.violate("whole", t.Key, "the date is whole and in balance, and the row is %s", t.State)
	}
}

// agreed checks the three words for a debit that is settled.
func (c *checker) agreed(t *acquirer.Transaction, d *coreHostDebit) {
	y := c.made[dateless(t.Key)]
	if y == nil || !y.holds && !y.lost {
		c.w.violate("three-way", t.Key, "%s, and its terminal holds no slip", t.State)
	}
	if d == nil || d.standing != 1 {
		c.w.violate("three-way", t.Key, "%s, and it does not stand at the host", t.State)
	}
	if _, ever := c.w.books.listed[t.Host]; !ever {
		c.w.violate("three-way", t.Key, "%s, and no list has it", t.State)
	}
	if p, done := c.w.books.paid[t.Host]; done && y != nil && y.confirmed != nil {
		if shown := c.w.ownerAt(y.confirmed.payee, y.confirmed.inquiry.At); p.Card != shown.Card {
			c.w.violate("payout", t.Key, "another card than that of the payee who was shown")
		}
	}
}

// worklist wants a reason for everything on which the sides differ.
func (c *checker) worklist(t *acquirer.Transaction, d *coreHostDebit) {
	stands := slices.Contains([]acquirer.State{acquirer.Approved, acquirer.Settled, acquirer.Paying, acquirer.Paid}, t.State)
	there := d != nil && d.standing == 1
	if y := c.made[dateless(t.Key)]; y != nil && y.holds && !stands && t.Exception == "" {
		c.w.violate("worklist", t.Key, "the terminal holds a slip, the row is %s, and nobody is told", t.State)
	}
	if stands == there && (!there || d.amount == t.Amount) {
		return
	}
	onList := t.Exception != "" || slices.ContainsFunc(c.w.mem.books.worklist, func(x acquirer.Discrepancy) bool { return x.Transaction == t.ID })
	if _, listed := c.w.books.listed[t.Host]; !onList && (listed || stands) {
		c.w.violate("worklist", t.Key, "%s here, standing at the host: %v, and nobody is told", t.State, there)
	}
}

// dateOfRow is the settlement date of a row.
func dateOfRow(t *acquirer.Transaction) acquirer.Date {
	d, _ := acquirer.SettlementDate(t.SettleDate, t.ID.Date())
	return d
}
