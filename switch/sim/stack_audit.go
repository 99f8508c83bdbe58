package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
)

// stackViolation is a broken invariant.
type stackViolation struct {
	invariant string
	payment   string // terminal, batch and trace number; "" when it is about no single payment
	what      string
	story     string // of the payment, masked
	line      string // all of it on one line, with what to type to see it again
}

// stackAudit compares the books of a run.
type stackAudit struct {
	*stackBooks
	world    *stack
	standing map[string]emulator.Receipt // by payment: approved, and not undone
	undone   map[string]emulator.Receipt
	byKey    map[string]*acquirer.Transaction
	broken   []stackViolation
}

// audit reads the books and holds them against the invariants.
func (s *stack) audit() stackResult {
	b, err := s.readBooks()
	if err != nil {
		s.fail(err)
	}
	r := stackResult{steps: s.steps.Load()}
	select {
	case r.err = <-s.broke:
		return r
	default:
	}
	a := &stackAudit{stackBooks: b, world: s, standing: make(map[string]emulator.Receipt),
		undone: make(map[string]emulator.Receipt), byKey: make(map[string]*acquirer.Transaction)}
	a.check()
	r.broken, r.stackCount, r.moves = a.broken, a.count(), a.moves()
	return r
}

func (a *stackAudit) check() {
	a.collect()
	for _, t := range a.rows {
		a.checkEnd(t)
		a.checkHost(t)
		a.checkReceipt(t)
		a.checkNotice(t)
		a.checkSteps(t)
	}
	a.checkQueue()
	a.checkReceipts()
	a.checkLedger()
	a.checkAccounts()
	a.checkTerminals()
}

// collect sorts what the terminals hold by payment.
func (a *stackAudit) collect() {
	for _, t := range a.rows {
		a.byKey[stackKeyOf(t)] = t
	}
	for _, p := range a.world.pos {
		for _, r := range p.receipts {
			batch, _ := strconv.Atoi(r.Batch) // six digits, or the key fits no row
			key := stackKey(r.Terminal, batch, r.STAN)
			if r.Undone {
				a.undone[key] = r
			} else {
				a.standing[key] = r
			}
		}
	}
}

// violate notes a broken invariant.
func (a *stackAudit) violate(invariant, payment, format string, args ...any) {
	v := stackViolation{invariant: invariant, payment: payment, what: fmt.Sprintf(format, args...)}
	v.story = a.story(payment)
	about := "the run"
	if payment != "" {
		about = "payment " + payment
	}
	v.line = fmt.Sprintf("seed %d, life %d, %s: %s: %s: %s; again: SIMSEED=%d go test -run %s ./switch/sim",
		a.world.seed, a.world.count.lives.Load(), a.lastly(payment), invariant, about, v.what, a.world.seed, a.world.test)
	a.broken = append(a.broken, v)
}

// checkEnd: one end state each.
func (a *stackAudit) checkEnd(t *acquirer.Transaction) {
	ends := []acquirer.State{acquirer.Declined, acquirer.Approved, acquirer.Reversed, acquirer.Tombstone}
	if !slices.Contains(ends, t.State) {
		a.violate("nothing open", stackKeyOf(t), "it is still %s", t.State)
	}
}

// checkHost: the host holds the money of what is approved here and of nothing else, unless a person has been told.
func (a *stackAudit) checkHost(t *acquirer.Transaction) {
	e := a.entry(t)
	switch {
	case t.Exception != "" || a.overtaken(t):
	case t.State == acquirer.Approved && !e.held():
		a.violate("journal = ledger", stackKeyOf(t), "it is approved here, and not debited at the host")
	case t.State == acquirer.Approved && e.Fen != int64(t.Amount):
		a.violate("journal = ledger", stackKeyOf(t), "it is approved over %d fen here, and debited with %d at the host", t.Amount, e.Fen)
	case t.State != acquirer.Approved && e.held():
		a.violate("journal = ledger", stackKeyOf(t), "it is %s here, and the payer is debited", t.State)
	}
}

// overtaken reports whether a forgetful host debited a payment behind its reversal: it had answered 25, so that nothing
// here can know, and only its own list will tell.
func (a *stackAudit) overtaken(t *acquirer.Transaction) bool {
	return a.world.forgetful && t.State == acquirer.Reversed && a.entry(t).held() &&
		slices.ContainsFunc(a.steps[t.ID], func(s acquirer.Step) bool {
			return s.Event == acquirer.EventReversed && strings.HasSuffix(s.Detail, string(acquirer.CodeNoOriginal))
		})
}

// checkReceipt: a row is approved if and only if the terminal holds a receipt that says so and that it was not told to
// undo.
func (a *stackAudit) checkReceipt(t *acquirer.Transaction) {
	key := stackKeyOf(t)
	_, stands := a.standing[key]
	switch {
	case t.Exception != "":
	case t.State == acquirer.Approved && !stands:
		a.violate("journal = receipts", key, "it is approved here, and the terminal holds no receipt that stands")
	case t.State != acquirer.Approved && stands:
		a.violate("journal = receipts", key, "it is %s here, and the terminal holds an approved receipt", t.State)
	}
}

// checkReceipts: every receipt has its row, over the same amount and with the same reference.
func (a *stackAudit) checkReceipts() {
	for _, receipts := range []map[string]emulator.Receipt{a.standing, a.undone} {
		for _, key := range stackSorted(receipts) {
			r, t := receipts[key], a.byKey[key]
			switch {
			case t == nil:
				a.violate("journal = receipts", key, "the terminal holds a receipt, and the journal has no such payment")
			case int64(t.Amount) != r.AmountFen || string(t.RRN()) != r.RRN:
				a.violate("journal = receipts", key, "the receipt says %d fen and reference %s, the journal %d and %s",
					r.AmountFen, r.RRN, t.Amount, t.RRN())
			}
		}
	}
}

// checkNotice: one notice for what was approved, none for what never was; it waits if the payment stands, and was
// withdrawn if it was undone, for no device is at work.
func (a *stackAudit) checkNotice(t *acquirer.Transaction) {
	want, state := 0, acquirer.NoticeWithdrawn
	if slices.ContainsFunc(a.steps[t.ID], func(s acquirer.Step) bool { return s.To == acquirer.Approved }) {
		want = 1
	}
	if t.State == acquirer.Approved {
		state = acquirer.NoticeQueued
	}
	got := a.notices[t.ID]
	if len(got) != want {
		a.violate("one notice", stackKeyOf(t), "it has %d notices, not %d", len(got), want)
	}
	for _, n := range got {
		if n.Kind != acquirer.NoticeDebited || n.State != state {
			a.violate("one notice", stackKeyOf(t), "it is %s, and its notice of kind %d in state %d", t.State, n.Kind, n.State)
		}
	}
}

// checkSteps: the history is a path through the state table that ends where the row stands.
func (a *stackAudit) checkSteps(t *acquirer.Transaction) {
	steps := a.steps[t.ID]
	last := acquirer.State(0)
	for i, s := range steps {
		legal := s.From == last && s.Version == int64(i)+1
		if i == 0 {
			legal = legal && slices.Contains(acquirer.Openings, s.To)
		} else {
			legal = legal && acquirer.MayMove(s.From, s.To)
		}
		if !legal {
			a.violate("legal steps", stackKeyOf(t), "step %d goes from %s to %s", i+1, s.From, s.To)
		}
		last = s.To
	}
	if last != t.State || t.Version != int64(len(steps)) {
		a.violate("legal steps", stackKeyOf(t), "it is %s of version %d, its %d steps end at %s", t.State, t.Version, len(steps), last)
	}
}

// checkQueue: no reversal is owed any more.
func (a *stackAudit) checkQueue() {
	for _, r := range a.queue {
		for _, t := range a.rows {
			if t.ID == r.Transaction {
				a.violate("nothing open", stackKeyOf(t), "a reversal is still owed after %d tries", r.Tries)
			}
		}
	}
}

// checkLedger: the host holds no money that no row knows of.
func (a *stackAudit) checkLedger() {
	known := make(map[string]bool)
	for _, t := range a.rows {
		known[stackHostKey(t)] = true
	}
	for _, key := range stackSorted(a.entries) {
		if e := a.entries[key]; e.held() && !known[key] {
			a.violate("journal = ledger", "", "the host debited %d fen for reference %s, and the journal has no such payment", e.Fen, e.RRN)
		}
	}
}

// checkAccounts: no money comes or goes, and each payer's account says what the receipts of his terminal say.
func (a *stackAudit) checkAccounts() {
	if a.totals.TotalFen != a.world.host.total {
		a.violate("money is constant", "", "all accounts hold %d fen, not %d", a.totals.TotalFen, a.world.host.total)
	}
	held := make(map[string]int64)
	for _, t := range a.rows {
		if a.entry(t).held() && (t.Exception != "" || a.overtaken(t)) {
			held[string(t.Key.Terminal)] += int64(t.Amount)
			continue
		}
		if _, stands := a.standing[stackKeyOf(t)]; stands && t.Exception == "" {
			held[string(t.Key.Terminal)] += int64(t.Amount)
		}
	}
	for i, p := range a.world.pos {
		account := a.totals.Accounts[i]
		if account.HeldFen != held[p.id] || account.BalanceFen+account.HeldFen != p.balance() {
			a.violate("accounts = receipts", "", "the payer of %s has %d fen held and %d left of %d, the receipts say %d",
				p.id, account.HeldFen, account.BalanceFen, p.balance(), held[p.id])
		}
	}
}

// checkTerminals: every terminal got rid of what it had to undo.
func (a *stackAudit) checkTerminals() {
	for _, p := range a.world.pos {
		if p.status.UndoOwed != "" {
			a.violate("nothing open", "", "terminal %s still has to undo %s", p.id, p.status.UndoOwed)
		}
	}
}

// moves counts the moves of all rows.
func (a *stackAudit) moves() map[string]int {
	seen := make(map[string]int)
	for _, steps := range a.steps {
		for _, s := range steps {
			from := "-"
			if s.From != 0 {
				from = s.From.String()
			}
			seen[fmt.Sprintf("%s > %s by %s", from, s.To, s.Event)]++
		}
	}
	return seen
}

// count sums the run up.
func (a *stackAudit) count() stackCount {
	s := a.world
	c := stackCount{debits: s.debits(), lives: s.count.lives.Load(), crashes: s.count.crashes.Load(), full: s.count.full.Load(),
		hostCrashes: s.count.hostCrashes.Load(), powerCuts: s.count.powerCuts.Load(), replays: s.count.replays.Load(),
		frames: len(s.log.frames)}
	for _, p := range s.pos {
		c.payments += p.paid
	}
	for _, t := range a.rows {
		switch t.State {
		case acquirer.Approved:
			c.approved++
		case acquirer.Declined:
			c.declined++
		case acquirer.Reversed:
			c.reversed++
		case acquirer.Tombstone:
			c.tombstones++
		}
		if t.Exception != "" {
			c.exceptions++
		}
		if a.overtaken(t) {
			c.overtaken++
		}
	}
	return c
}
