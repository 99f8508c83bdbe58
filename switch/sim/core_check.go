package sim

import (
	"cmp"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
)

// The invariants, by the name under which a violation is reported:
//
//	finished    every terminal came to the end of its payments
//	process     a store error ends the process, and nothing else does
//	error       no flow ends with an error where the contract has none
//	open        no row is Sent or Reversing once the faults have healed
//	queue       no reversal is owed any more
//	path        the history of a row is a path through the table of moves
//	unknown     every debit at the host has a row
//	one-debit   no payment and no confirmation is debited twice, and nothing is given back twice
//	total       the sum over all accounts is what it was
//	amount      what stands at the host is what the row says
//	slip        who holds an approval has been debited, once, and the row says so
//	undone      who holds none has not been debited, or the row is on the worklist
//	order       no debit comes to the host behind its reversal before its deadline, unless the clock was set forward
//	listed      a debit that the host approves after it answered its reversal with 25 is on the worklist
//	notice      exactly one notice of every approval; the last that a payer was told of a payment is how it stands
//	same-answer a repeat is answered as the first was, or 98 after an undo; after an acknowledged undo never 00
//	content     other content under the same key is answered 94
//	payee       the payee debited for is the one whose name was shown
//	token       one confirmation makes one debit that is not declined, of what was confirmed, in its time

// checker holds what the invariants are compared over.
type checker struct {
	w      *coreRun
	rows   []*record // in the order of their ids
	byKey  map[acquirer.TerminalKey]*record
	tokens map[acquirer.TokenID]int
	made   map[acquirer.TerminalKey]*corePayment
	told   map[acquirer.ID]acquirer.NoticeKind // the last that the payer heard
}

// check compares terminals, journal and host after the end of a run.
func (w *coreRun) check() {
	c := &checker{w: w, byKey: map[acquirer.TerminalKey]*record{}, tokens: map[acquirer.TokenID]int{}, made: map[acquirer.TerminalKey]*corePayment{},
		told: map[acquirer.ID]acquirer.NoticeKind{}}
	for _, l := range w.letters {
		c.told[l.about] = l.kind
	}
	for _, r := range w.mem.rows {
		c.rows = append(c.rows, r)
		c.byKey[dateless(r.txn.Key)] = r
	}
	slices.SortFunc(c.rows, func(a, b *record) int { return cmp.Compare(a.txn.ID, b.txn.ID) })
	for _, p := range w.pos {
		for _, y := range p.past {
			c.made[y.key] = y
		}
	}
	for _, r := range c.rows {
		c.row(r)
	}
	for _, r := range w.mem.queue {
		w.violate("queue", w.keyOf(r.Transaction), "a reversal is still owed after %d tries", r.Tries)
	}
	c.host()
	for _, p := range w.pos {
		for _, y := range p.past {
			c.payment(y)
		}
	}
}

func (w *coreRun) keyOf(id acquirer.ID) acquirer.TerminalKey {
	if r := w.mem.rows[id]; r != nil {
		return r.txn.Key
	}
	return acquirer.TerminalKey{}
}

// row looks at one row and at its debit.
func (c *checker) row(r *record) {
	w, t := c.w, &r.txn
	if t.State == acquirer.Sent || t.State == acquirer.Reversing {
		w.violate("open", t.Key, "the row is %s", t.State)
	}
	c.path(r)
	c.notices(r)
	if t.Token != (acquirer.TokenID{}) && t.State != acquirer.Declined {
		if c.tokens[t.Token]++; c.tokens[t.Token] > 1 {
			w.violate("token", t.Key, "the confirmation has made another debit")
		}
	}
	if d := w.host.debits[t.Host]; d != nil && t.Host != (acquirer.HostKey{}) {
		c.debit(t, d)
	} else if t.State == acquirer.Approved {
		w.violate("slip", t.Key, "the row is approved and the host knows no debit")
	}
}

// notices looks at what is in the outbox about a row, and at what was told of it.
func (c *checker) notices(r *record) {
	w, t := c.w, &r.txn
	kinds := map[acquirer.NoticeKind]int{}
	for _, n := range r.notices {
		kinds[n.Kind]++
	}
	approved := slices.ContainsFunc(r.steps, func(s acquirer.Step) bool { return s.To == acquirer.Approved })
	last, told := c.told[t.ID]
	switch {
	case !approved && len(r.notices) > 0:
		w.violate("notice", t.Key, "%d notices, and it was never approved", len(r.notices))
	case approved && kinds[acquirer.NoticeDebited] != 1, kinds[acquirer.NoticeUndone] > 1:
		w.violate("notice", t.Key, "%d notices of the debit, %d of its undo", kinds[acquirer.NoticeDebited], kinds[acquirer.NoticeUndone])
	case t.State == acquirer.Approved && last != acquirer.NoticeDebited:
		w.violate("notice", t.Key, "it is approved, and the last that the payer heard is %d", last)
	case t.State == acquirer.Reversed && told && last != acquirer.NoticeUndone && t.Exception == "":
		w.violate("notice", t.Key, "it is undone, and the last that the payer heard is %d", last)
	}
}

// path follows the history of a row.
func (c *checker) path(r *record) {
	state := acquirer.State(0)
	for i, s := range r.steps {
		legal := acquirer.MayMove(state, s.To)
		if i == 0 {
			legal = slices.Contains(acquirer.Openings, s.To)
		}
		if !legal || s.From != state || s.Version != int64(i+1) {
			c.w.violate("path", r.txn.Key, "step %d leads from %s to %s", s.Version, s.From, s.To)
		}
		state = s.To
	}
	if state != r.txn.State {
		c.w.violate("path", r.txn.Key, "the history ends %s, the row is %s", state, r.txn.State)
	}
}

// debit compares a row with the host's debit of it.
func (c *checker) debit(t *acquirer.Transaction, d *coreHostDebit) {
	w := c.w
	if d.early {
		w.violate("order", t.Key, "the reversal overtook a debit whose deadline had not passed")
	}
	switch {
	case t.State == acquirer.Approved && d.standing != 1:
		w.violate("slip", t.Key, "the row is approved, %d debits stand", d.standing)
	case t.State == acquirer.Reversed && d.standing == 1 && (d.overtaken || d.hasty):
		c.overtaken(t, d.hasty)
	case d.standing == 1 && d.amount != t.Amount:
		w.violate("amount", t.Key, "%s fen stand at the host, %s in the row", d.amount, t.Amount)
	case t.State != acquirer.Approved && d.standing != 0 && t.Exception == "":
		w.violate("undone", t.Key, "the row is %s, %d debits stand", t.State, d.standing)
	}
	c.meant(t, d)
}

// overtaken is a debit that stands because a host that does not remember booked it behind its reversal. Only the
// host's list tells, unless its approval came late: then the switch knows, and people must.
func (c *checker) overtaken(t *acquirer.Transaction, hasty bool) {
	c.w.count.overtaken++
	if hasty {
		c.w.count.hasty++
	}
	if t.HostCode == acquirer.CodeApproved && t.Exception == "" {
		c.w.violate("listed", t.Key, "the host said 25 and then approved, and the row is not on the worklist")
	}
}

// meant compares a debit with what the payer was shown.
func (c *checker) meant(t *acquirer.Transaction, d *coreHostDebit) {
	w, y := c.w, c.made[dateless(t.Key)]
	if y == nil || y.confirmed == nil {
		w.violate("token", t.Key, "debited without a confirmation")
		return
	}
	i := y.confirmed.inquiry
	shown := w.ownerAt(y.confirmed.payee, i.At)
	switch {
	case d.payee != shown.Card || t.Payee != shown.Ref:
		w.violate("payee", t.Key, "the payer was shown payee %d with card %d, debited for %d with %d",
			shown.Ref.ID, shown.Ref.CardVersion, t.Payee.ID, t.Payee.CardVersion)
	case i.Name != acquirer.MaskName(shown.Name) || t.PayeeName != i.Name:
		w.violate("payee", t.Key, "the name shown is not the payee's")
	case t.Amount != y.confirmed.amount || t.PayeeNumber != w.cast.msisdn[y.confirmed.payee] || t.Payer != w.cast.msisdn[y.confirmed.payer]:
		w.violate("token", t.Key, "debited is not what was confirmed")
	case t.Opened.Sub(i.At) > coreTokenLife+time.Millisecond:
		w.violate("token", t.Key, "the confirmation was %s old", t.Opened.Sub(i.At))
	}
}

// host looks at the ledger.
func (c *checker) host() {
	h, w := c.w.host, c.w
	var held, sum acquirer.Fen
	standing := map[acquirer.TerminalKey]int{}
	for key, d := range h.debits {
		held += d.amount * acquirer.Fen(d.standing)
		id, ok := w.mem.byHost[key]
		switch {
		case d.ever && (!ok || w.mem.rows[id] == nil):
			w.violate("unknown", d.subject, "the host knows a debit that the journal does not")
		case d.standing < 0 || d.standing > 1:
			w.violate("one-debit", d.subject, "%d debits stand", d.standing)
		}
		if standing[dateless(d.subject)] += d.standing; standing[dateless(d.subject)] > 1 {
			w.violate("one-debit", d.subject, "the payment is debited twice")
		}
	}
	for _, b := range h.balance {
		sum += b
	}
	if sum+h.held != h.total || held != h.held {
		w.violate("total", acquirer.TerminalKey{}, "accounts %s, held %s by the ledger and %s by its debits, once %s", sum, h.held, held, h.total)
	}
}

// payment compares what the terminal knows with the row.
func (c *checker) payment(y *corePayment) {
	if !y.sent {
		return
	}
	w := c.w
	w.count.payments++
	c.answers(y)
	r := c.byKey[y.key]
	state := acquirer.State(0)
	if r != nil {
		state = r.txn.State
	}
	switch {
	case y.holds:
		w.count.approved++
		if state != acquirer.Approved {
			w.violate("slip", y.key, "the terminal holds an approval, the row is %s", state)
		}
	case y.undoing:
		w.count.undone++
		if y.undone && (r == nil || !settledUndone(r.txn)) {
			w.violate("undone", y.key, "the terminal was told that it is undone, the row is %s", state)
		}
	case y.forgot:
		w.count.unanswered++
		if state == acquirer.Approved {
			w.count.unconfirmed++
		}
	default:
		w.count.declined++
		if state == acquirer.Approved {
			w.violate("undone", y.key, "the terminal was told %s, the row is approved", y.code)
		}
	}
}

// settledUndone reports whether nothing of a row is left to undo, or people know.
func settledUndone(t acquirer.Transaction) bool {
	return t.State == acquirer.Declined || t.State == acquirer.Reversed || t.State == acquirer.Tombstone || t.Exception != ""
}

// answers compares the answers to a debit, in the order in which they left the switch.
func (c *checker) answers(y *corePayment) {
	var first *coreEmission
	for i := range y.answers {
		e := &y.answers[i]
		switch {
		case e.altered:
			c.altered(y, e)
		case e.err != nil:
			c.w.violate("error", y.key, "a debit ended with %v", e.err)
		case e.code == acquirer.CodeApproved && !y.taken.IsZero() && e.began.After(y.taken):
			c.w.violate("same-answer", y.key, "approved after an undo was taken over")
		case first == nil || e.code == acquirer.CodeNoAnswer && y.undoing && first.code == acquirer.CodeApproved:
			first = e
		case !sameAnswer(&first.row, &e.row):
			c.w.violate("same-answer", y.key, "answered %s (F38 %q) first and %s (F38 %q) then", first.code, first.row.AuthCode, e.code, e.row.AuthCode)
		}
	}
}

// sameAnswer compares what of a row goes into the answer to the terminal.
func sameAnswer(a, b *acquirer.Transaction) bool {
	return a.ID == b.ID && a.Code == b.Code && a.AuthCode == b.AuthCode && a.SettleDate == b.SettleDate && a.HostText == b.HostText
}

// altered looks at the answer to a debit of other content.
func (c *checker) altered(y *corePayment, e *coreEmission) {
	if e.code != acquirer.CodeDuplicate && e.row.State != acquirer.Tombstone {
		c.w.violate("content", y.key, "other content was answered %s", e.code)
	}
}
