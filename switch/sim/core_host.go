package sim

import (
	"fmt"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// coreBalance is what every payer's card holds at first; one in four holds little.
const (
	coreBalance     acquirer.Fen = 1_000_000_000
	coreSmallPurse  acquirer.Fen = 2_000_000
	coreLargestPaid acquirer.Fen = 50_000
)

// coreHost is the card network's host with its ledger, which survives every crash: the host answers or does not, but
// what it booked is booked.
type coreHost struct {
	w       *coreRun
	mu      sync.Mutex
	balance map[acquirer.PAN]acquirer.Fen
	held    acquirer.Fen // debited and not undone
	total   acquirer.Fen
	debits  map[acquirer.HostKey]*coreHostDebit
	undone  map[acquirer.HostKey]bool // 0420s whose debit was not seen; true: they are remembered
	asked   map[coreMatch]uint64      // how often each request came
}

// coreHostDebit is a debit as the host knows it.
type coreHostDebit struct {
	key       acquirer.HostKey
	id        acquirer.ID // F37
	subject   acquirer.TerminalKey
	amount    acquirer.Fen
	card      acquirer.PAN
	payee     acquirer.PAN // F103
	code      acquirer.ResponseCode
	flawed    bool             // another amount was booked than was asked for
	standing  int              // 1: the card is debited; anything but 0 and 1 is a fault
	overtaken bool             // came behind its reversal, after its deadline
	hasty     bool             // the same before its deadline, which seemed to have passed since the clock had been set forward
	early     bool             // the same before its deadline, without such a reason
	ever      bool             // was standing once
	date      acquirer.Date    // settlement date
	undoing   acquirer.HostKey // of the reversal that undid it
	undoneOn  acquirer.Date
	sent      time.Time
	deadline  time.Time // by the clock of the life that sent it
}

func newCoreHost(w *coreRun) *coreHost {
	h := &coreHost{w: w, balance: map[acquirer.PAN]acquirer.Fen{}, debits: map[acquirer.HostKey]*coreHostDebit{},
		undone: map[acquirer.HostKey]bool{}, asked: map[coreMatch]uint64{}}
	for i, card := range w.cast.cards {
		h.balance[card] = coreBalance
		if i%4 == 3 {
			h.balance[card] = coreSmallPurse
		}
		h.total += h.balance[card]
	}
	return h
}

// hears reports whether the host is up, and counts the request.
func (h *coreHost) hears(m coreMatch) (nth uint64, ok bool) {
	if h.w.outage(h.w.rates.hostDown, coreHostSpan, hopHostDown) {
		return 0, false
	}
	h.asked[m]++
	return h.asked[m], true
}

// debit takes a 0200.
func (h *coreHost) debit(d coreHostDebit, _ uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := coreMatch{coreDebit, d.key}
	nth, ok := h.hears(m)
	if !ok {
		h.w.tell(d.subject, "host is down: 0200 lost")
		return
	}
	known := h.debits[d.key]
	if known == nil {
		known = &d
		h.debits[d.key] = known
		if _, behind := h.undone[d.key]; behind {
			h.overtook(known)
		}
		h.book(known)
	}
	h.w.tell(d.subject, fmt.Sprintf("host< 0200 (%d): %s, %d standing", nth, known.code, known.standing))
	key := h.w.dice.roll(uint64(d.id), uint64(coreDebit), nth)
	r := coreReply{code: known.code, auth: "A00001", badFen: known.flawed, debited: d.key, date: known.date}
	if h.w.faulty(h.w.rates.garbled, hopHostGarbled, key) {
		r.badMAC, r.code = true, acquirer.CodeApproved
	}
	h.answer(m, r, d.subject, key)
}

// overtook says why a debit may have come behind its reversal.
func (h *coreHost) overtook(d *coreHostDebit) {
	switch {
	case !time.Now().Before(d.deadline):
		d.overtaken = true
	case h.w.setForwardSince(d.sent):
		d.hasty = true
	default:
		d.early = true
	}
}

// book decides about a new debit.
func (h *coreHost) book(d *coreHostDebit) {
	w, key := h.w, uint64(d.id)
	n := w.dice.below(10_000, hopHostCode, key)
	switch {
	case h.undone[d.key]:
		d.code = "12" // its reversal was here before it
		return
	case h.balance[d.card] < d.amount:
		d.code = "51"
		return
	case n < 300:
		d.code = []acquirer.ResponseCode{"51", "55", "05", "61"}[n%4]
		return
	case w.faulty(w.rates.odd, hopHostCode, key, 1):
		d.code = []acquirer.ResponseCode{"96", "98", "68", "A0"}[n%4]
		if n%2 == 0 {
			return
		}
	case w.faulty(w.rates.amount, hopHostAmount, key):
		d.code, d.flawed = acquirer.CodeApproved, true
		d.amount++
	default:
		d.code = acquirer.CodeApproved
	}
	h.take(d)
}

// take debits the card.
func (h *coreHost) take(d *coreHostDebit) {
	d.standing++
	d.ever, d.date = true, h.w.settlementDate()
	h.balance[d.card] -= d.amount
	h.held += d.amount
}

// reverse takes a 0420 for t.
func (h *coreHost) reverse(r acquirer.Reversal, t *acquirer.Transaction, _ uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, m := h.w, coreMatch{coreReversal, r.Host}
	nth, ok := h.hears(m)
	if !ok {
		w.tell(t.Key, "host is down: 0420 lost")
		return
	}
	key := w.dice.roll(uint64(r.ID), uint64(coreReversal), nth)
	refuses := w.faulty(w.rates.refuses, hopHostRefuses, key)
	if refuses && w.dice.chance(5000, hopHostDone, key) { // refused, and nothing done
		h.answer(m, coreReply{code: "12", debited: t.Host}, t.Key, key)
		return
	}
	code := h.giveBack(t.Host, r.Host)
	w.tell(t.Key, fmt.Sprintf("host< 0420 (%d): %s", nth, code))
	if refuses {
		code = acquirer.CodeMalfunction
	}
	h.answer(m, coreReply{code: code, debited: t.Host}, t.Key, key)
}

// giveBack undoes a debit, once. One that was never seen is remembered, so that it will be refused.
func (h *coreHost) giveBack(original, own acquirer.HostKey) acquirer.ResponseCode {
	d := h.debits[original]
	switch {
	case d == nil:
		h.undone[original] = !h.w.forgetful
		return acquirer.CodeNoOriginal
	case d.standing == 1 || d.ever && h.w.plant.forgets:
		d.standing--
		d.undoing, d.undoneOn = own, h.w.settlementDate()
		h.balance[d.card] += d.amount
		h.held -= d.amount
	}
	return acquirer.CodeApproved
}

// answer sends an answer back: at once, late, or never.
func (h *coreHost) answer(m coreMatch, r coreReply, subject acquirer.TerminalKey, key uint64) {
	w := h.w
	if w.faulty(w.rates.silent, hopHostSilent, key) {
		w.tell(subject, "host is silent")
		return
	}
	think := w.dice.between(10*time.Millisecond, 900*time.Millisecond, hopHostThinks, key)
	if w.faulty(w.rates.slow, hopHostSlow, key) {
		think = w.dice.between(10*time.Second, coreLongestDelay, hopHostSlow, key, 1)
	}
	time.AfterFunc(think, func() {
		w.carry(w.rates.network, w.dice.roll(key, hopHostThinks), subject, "host> "+m.class.answer()+" "+string(r.code), func(uint64) {
			if l := w.reachable(); l != nil {
				l.link.answered(w.confused(l, m, r), r, subject)
			}
		})
	})
}

// confused returns what an answer is taken for: with the planted bug, a 0210 for a debit whose reversal waits is the
// answer to that.
func (w *coreRun) confused(l *coreLife, m coreMatch, r coreReply) coreMatch {
	if !w.plant.confuses || m.class != coreDebit || r.badMAC {
		return m
	}
	return l.link.reversalOf(r.debited, m)
}
