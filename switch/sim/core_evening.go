package sim

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
)

// The evening of a run.
const (
	eveningRounds = 5                                 // settlements of each date; in the last nothing goes wrong any more
	eveningLook   = time.Second + 334*time.Nanosecond // so that it never meets a timer of the switch
	eveningAsk    = 45 * time.Second                  // for a settlement that was asked for, through crashes
)

// coreClearing is the host's side of settlement: dates, lists, totals and payouts. It survives every crash.
type coreClearing struct {
	w     *coreRun
	round uint64

	mu     sync.Mutex
	paid   map[acquirer.HostKey]acquirer.Payout // by debit
	times  map[acquirer.HostKey]int             // how often money went to the payee
	told   map[acquirer.HostKey]bool            // answered with 00
	listed map[acquirer.HostKey]acquirer.Fen    // by debit: a list that the switch was given has it, with its amount
}

func newCoreClearing(w *coreRun) *coreClearing {
	return &coreClearing{w: w, paid: map[acquirer.HostKey]acquirer.Payout{}, times: map[acquirer.HostKey]int{},
		told: map[acquirer.HostKey]bool{}, listed: map[acquirer.HostKey]acquirer.Fen{}}
}

// settlementDate is the host's date: that of the start of the run until its cut-off, which falls in among the payments, then the next.
func (w *coreRun) settlementDate() acquirer.Date {
	first := acquirer.DateOf(w.start)
	if time.Since(w.start) < w.dice.between(time.Minute, 12*time.Minute, hopCutOff) {
		return first
	}
	return first.After()
}

// join gives a life what it needs to settle.
func (h *coreClearing) join(l *coreLife, c *acquirer.Config) {
	c.Batches, c.Witnesses = &coreBatchGate{h.w.mem, l}, h.w.mem
	c.Settlement = acquirer.SettlementConfig{Ledger: &coreLedgerGate{h.w.mem, l}, Centre: &coreCentre{h, l}}
	if h.w.seed%2 == 0 { // else nobody is paid before a date is whole
		c.Settlement.Orders = &coreCentre{h, l}
	}
	c.Limits.Witness = acquirer.WitnessBatch
}

// coreLedgerGate stands between settlement and its store as [coreGate] before the journal.
type coreLedgerGate struct {
	acquirer.Ledger
	l *coreLife
}

// SaveSettlement implements [acquirer.Ledger].
func (g *coreLedgerGate) SaveSettlement(ctx context.Context, s *acquirer.SettlementDay) error {
	return g.l.gate.write("settlement", func() error { return g.Ledger.SaveSettlement(ctx, s) }, uint64(s.Date), uint64(s.Version), 11)
}

// StageLines implements [acquirer.Ledger].
func (g *coreLedgerGate) StageLines(ctx context.Context, s *acquirer.SettlementDay, lines []acquirer.StagedLine) error {
	return g.l.gate.write("stage lines", func() error { return g.Ledger.StageLines(ctx, s, lines) }, uint64(s.Date), uint64(s.Version), 12)
}

// DropLines implements [acquirer.Ledger].
func (g *coreLedgerGate) DropLines(ctx context.Context, s *acquirer.SettlementDay) error {
	return g.l.gate.write("drop lines", func() error { return g.Ledger.DropLines(ctx, s) }, uint64(s.Date), uint64(s.Version), 13)
}

// MoveAll implements [acquirer.Ledger]: one durable step for all. What is behind the gate sees each move.
func (g *coreLedgerGate) MoveAll(ctx context.Context, moves []acquirer.Move) error {
	if len(moves) == 0 {
		return nil
	}
	first := moves[0]
	for _, v := range moves {
		if !acquirer.MayMove(v.Old.State, v.Next.State) {
			g.l.w.violate("path", v.Old.Key, "a settlement moves from %s to %s", v.Old.State, v.Next.State)
		}
	}
	return g.l.gate.write("many moves", func() error { return moveAll(ctx, g.l.journal, moves) },
		uint64(first.Old.ID), uint64(first.Old.Version), uint64(first.Next.State), uint64(len(moves)))
}

// OpenDiscrepancy implements [acquirer.Ledger].
func (g *coreLedgerGate) OpenDiscrepancy(ctx context.Context, d *acquirer.Discrepancy) error {
	sum := sha256.Sum256([]byte(d.Subject))
	return g.l.gate.write("discrepancy", func() error { return g.Ledger.OpenDiscrepancy(ctx, d) }, uint64(d.Date), uint64(sum[0])<<8|uint64(sum[1]), 14)
}

// coreBatchGate is the same for batches.
type coreBatchGate struct {
	acquirer.Batches
	l *coreLife
}

// SaveBatch implements [acquirer.Batches].
func (g *coreBatchGate) SaveBatch(ctx context.Context, b *acquirer.Batch, anew bool) error {
	return g.l.gate.write("batch", func() error { return g.Batches.SaveBatch(ctx, b, anew) }, uint64(b.Key.Batch), uint64(b.Version), 15)
}

// AddLines implements [acquirer.Batches].
func (g *coreBatchGate) AddLines(ctx context.Context, b *acquirer.Batch, lines []acquirer.ListedLine) error {
	return g.l.gate.write("batch lines", func() error { return g.Batches.AddLines(ctx, b, lines) }, uint64(b.Key.Batch), uint64(b.Version), 16)
}

// coreCentre is the line to the host of one life, as settlement uses it.
type coreCentre struct {
	h *coreClearing
	l *coreLife
}

// RequestCutOff implements [acquirer.Reconciler]. The host has ended the date already, is silent, or refuses.
func (c *coreCentre) RequestCutOff(context.Context) error {
	if c.h.w.dice.chance(3000, hopCutOff, c.l.n) {
		return errors.New("the host ends dates by the clock")
	}
	return nil
}

// Reconcile implements [acquirer.Reconciler].
func (c *coreCentre) Reconcile(_ context.Context, date acquirer.Date, ours acquirer.SettlementTotals, whole bool) (acquirer.Reconciliation, error) {
	w, key := c.h.w, []uint64{uint64(date), c.h.round, c.l.n}
	if err := c.l.failpoint(hopCrashBefore, "before the 0520", append(key, 17)...); err != nil {
		return acquirer.Reconciliation{}, err
	}
	if !c.l.wait(w.dice.between(10*time.Millisecond, time.Second, hopTotals, key[0], key[1], key[2])) {
		return acquirer.Reconciliation{}, errDead
	}
	theirs, balance := c.h.totals(date), acquirer.OutOfBalance
	if w.faulty(1500, append(key, hopTotals)...) {
		theirs.Debits.Fen++ // wrong totals
	}
	if theirs == ours {
		balance = acquirer.InBalance
	}
	w.tell(acquirer.TerminalKey{}, fmt.Sprintf("host< 0520 of %d, F66 = 1 is %v; balance %s", date, whole, balance))
	if whole && balance == acquirer.InBalance {
		c.h.payAll(date)
	}
	if w.faulty(1000, append(key, hopTotals, 1)...) {
		return acquirer.Reconciliation{}, acquirer.ErrUnknown // the answer is lost
	}
	if err := c.l.failpoint(hopCrashAfter, "after the 0520", append(key, 18)...); err != nil {
		return acquirer.Reconciliation{}, err
	}
	return acquirer.Reconciliation{Balance: balance, Totals: &theirs}, nil
}

// debitsOf lists what the host booked on a date, ordered, as it stands now.
func (h *coreClearing) debitsOf(match func(*coreHostDebit) bool) (all []coreHostDebit) {
	h.w.host.mu.Lock()
	defer h.w.host.mu.Unlock()
	for _, d := range h.w.host.debits {
		if d.ever && match(d) {
			all = append(all, *d)
		}
	}
	slices.SortFunc(all, func(a, b coreHostDebit) int { return cmp.Compare(a.id, b.id) })
	return all
}

// booked is a debit that the host took, as it stands now.
func (h *coreClearing) booked(key acquirer.HostKey) (coreHostDebit, bool) {
	h.w.host.mu.Lock()
	defer h.w.host.mu.Unlock()
	d := h.w.host.debits[key]
	if d == nil || !d.ever {
		return coreHostDebit{}, false
	}
	return *d, true
}

// totals are the host's own of a date.
func (h *coreClearing) totals(date acquirer.Date) (t acquirer.SettlementTotals) {
	for _, d := range h.debitsOf(func(*coreHostDebit) bool { return true }) {
		if d.date == date {
			t.Debits.Count, t.Debits.Fen = t.Debits.Count+1, t.Debits.Fen+d.amount
		}
		if d.undoneOn == date {
			t.DebitReversals.Count, t.DebitReversals.Fen = t.DebitReversals.Count+1, t.DebitReversals.Fen+d.amount
		}
	}
	return t
}

// payAll pays every standing debit of a date, each once.
func (h *coreClearing) payAll(date acquirer.Date) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.debitsOf(func(d *coreHostDebit) bool { return d.date == date && d.standing == 1 }) {
		h.pay(d, d.payee)
	}
}

// pay pays a debit unless it was paid, or refused, before. The caller holds mu.
func (h *coreClearing) pay(d coreHostDebit, card acquirer.PAN) acquirer.ResponseCode {
	if p, done := h.paid[d.key]; done && !h.w.plant.forgetsPayouts {
		return p.Code
	}
	p := acquirer.Payout{Date: d.date, RRN: d.id.RRN(), Debit: d.key, Amount: d.amount, Card: card, Code: acquirer.CodeApproved}
	if h.w.dice.chance(300, hopPayout, uint64(d.id)) {
		p.Code = "62" // the card is closed
	} else {
		h.times[d.key]++
	}
	h.paid[d.key] = p
	return p.Code
}

// PayOut implements [acquirer.PayoutOrders].
func (c *coreCentre) PayOut(_ context.Context, o acquirer.PayoutOrder) (acquirer.ResponseCode, error) {
	w, t := c.h.w, o.Transaction
	if err := c.l.failpoint(hopCrashBefore, "before the order of a payout", uint64(t.ID), c.h.round, 19); err != nil {
		return "", err
	}
	if !c.l.wait(w.dice.between(10*time.Millisecond, 200*time.Millisecond, hopPayout, uint64(t.ID), c.h.round, c.l.n)) {
		return "", errDead
	}
	c.h.mu.Lock()
	code := acquirer.CodeNoOriginal
	if d, ok := c.h.booked(t.Host); ok {
		code = c.h.pay(d, o.Card)
	}
	c.h.mu.Unlock()
	w.tell(t.Key, "host< payout ordered: "+string(code))
	if w.faulty(1000, hopPayout, uint64(t.ID), c.h.round, 1) {
		return "", acquirer.ErrUnknown
	}
	return code, c.l.failpoint(hopCrashAfter, "after the order of a payout", uint64(t.ID), c.h.round, 20)
}

// list is the detail file of a date, spoiled in a way unless the faults have healed.
func (h *coreClearing) list(date acquirer.Date) (f acquirer.ClearingFile) {
	var lines []acquirer.ClearingLine
	for _, d := range h.debitsOf(func(*coreHostDebit) bool { return true }) {
		line := acquirer.ClearingLine{MTI: "0200", Processing: "400000", Code: acquirer.CodeApproved, Host: d.key, Card: d.card, Amount: d.amount,
			RRN: string(d.id.RRN())}
		if d.date == date {
			lines = append(lines, h.spoil(line, date)...)
		}
		if d.undoneOn == date {
			line.MTI, line.Reversal, line.Host, line.Original = "0420", true, d.undoing, d.key
			lines = append(lines, line)
		}
	}
	sum := sha256.New()
	for _, l := range lines {
		_, _ = fmt.Fprintf(sum, "%v %d %v|", l.Host, l.Amount, l.Reversal)
	}
	for _, l := range lines {
		if d, ok := h.booked(l.Host); ok && !l.Reversal && d.amount == l.Amount {
			h.listed[l.Host] = l.Amount
		}
	}
	return acquirer.ClearingFile{Name: "IND", Date: date, Hash: [32]byte(sum.Sum(nil)), Count: int64(len(lines)),
		Lines: func(yield func(acquirer.ClearingLine, error) bool) {
			for _, l := range lines {
				if !yield(l, nil) {
					return
				}
			}
		}}
}

// spoil is what the list of this round has instead of a line. What is wrong for good is wrong in every round.
func (h *coreClearing) spoil(l acquirer.ClearingLine, date acquirer.Date) []acquirer.ClearingLine {
	w, key := h.w, []uint64{uint64(l.Host.STAN), uint64(date), h.round}
	if w.dice.chance(2000, hopList, uint64(date)) { // this date's list is never corrected
		key[2] = 0
	} else if w.healed.Load() || !w.dice.chance(5000, hopList, uint64(date), h.round) {
		return []acquirer.ClearingLine{l}
	}
	switch w.dice.below(40, append(key, hopList)...) {
	case 0:
		return nil
	case 1:
		l.Amount++
	case 2:
		return []acquirer.ClearingLine{l, l}
	case 3:
		extra := l
		extra.Host.STAN, extra.RRN = 999_999, ""
		return []acquirer.ClearingLine{l, extra}
	}
	return []acquirer.ClearingLine{l}
}

// settleDay is the evening: terminals settle or do not, lists come, dates are settled again and again, and payouts are told, while the switch
// goes on dying.
func (w *coreRun) settleDay() {
	w.quit = make(chan struct{})
	w.healed.Store(false)
	var supervisor sync.WaitGroup
	supervisor.Go(w.supervise)
	pause(w.dice.between(time.Millisecond, time.Second, hopAsk))
	first := acquirer.DateOf(w.start)
	if w.dice.chance(5000, hopCutOff, 1) { // else the switch must ask for it
		w.insist(func(l *coreLife) error { return l.sw.CutOff(l.ctx, first.After(), acquirer.CutOffEnds) })
	}
	for round := range uint64(eveningRounds) {
		w.books.round = round + 1
		w.healed.Store(round == eveningRounds-1)
		w.closeBatches(round)
		for _, date := range []acquirer.Date{first, first.After()} {
			if !w.faulty(2500, hopList, round, uint64(date), 1) { // else the list is late
				list := w.books.list(date)
				if list.Count > 0 {
					w.insist(func(l *coreLife) error { return l.sw.Clearing(l.ctx, list) })
				}
			}
			w.settleDate(date)
		}
		w.tellPayouts(round)
	}
	pause(coreQuiet)
	close(w.quit)
	supervisor.Wait()
	pause(coreEnding)
	synctest.Wait()
	w.checkDay()
}

// insist does something until a life of the switch has done it.
func (w *coreRun) insist(do func(*coreLife) error) {
	for range 200 {
		if l := w.reachable(); l != nil && l.works() && do(l) == nil {
			return
		}
		pause(eveningLook / 2)
	}
	w.violate("finished", acquirer.TerminalKey{}, "a step of the settlement finds no end")
}

// settleDate asks for the settlement of a date and waits until its run has ended.
func (w *coreRun) settleDate(date acquirer.Date) {
	if _, err := acquirer.AskSettlement(background(coreWorker), w.mem, date, time.Now()); err != nil {
		w.violate("error", acquirer.TerminalKey{}, "asking for a settlement: %v", err)
	}
	for end := time.Now().Add(eveningAsk); time.Now().Before(end); pause(eveningLook) {
		if st, err := w.mem.Settlement(background(coreWorker), date); err == nil && !st.Owed() {
			w.tell(acquirer.TerminalKey{}, fmt.Sprintf("settlement of %d: %s", date, st.Note))
			return
		}
	}
	if w.healed.Load() {
		w.violate("finished", acquirer.TerminalKey{}, "the settlement of %d does not end", date)
	}
}

// tellPayouts has the host tell what it paid, or could not, until it is answered: some twice, some only in a later round.
func (w *coreRun) tellPayouts(round uint64) {
	h := w.books
	for _, d := range h.debitsOf(func(d *coreHostDebit) bool { _, paid := h.paid[d.key]; return paid && !h.told[d.key] }) {
		if w.faulty(3000, hopTellPayout, round, uint64(d.id)) {
			continue // lost
		}
		for range 1 + w.dice.below(2, hopTellPayout, round, uint64(d.id), 1) {
			w.insist(func(l *coreLife) error {
				_, err := l.sw.PaidOut(l.ctx, h.paid[d.key])
				return err
			})
		}
		h.told[d.key] = true
	}
}
