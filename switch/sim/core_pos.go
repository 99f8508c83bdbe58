package sim

import (
	"time"

	acquirer "example.com/ringback/switch"
)

// What a terminal waits.
const (
	corePatience   = 60 * time.Second // for the answer to a debit
	coreUndoPause  = 15 * time.Second // for the answer to an undo, then it is repeated
	coreInquiries  = 4                // tries of a 0100
	coreTokenLife  = 120 * time.Second
	coreMailbox    = 64
	coreSignOnOnce = 8 // payments to a sign-on
)

// corePOS is a terminal: one payment after the other, each to its end.
type corePOS struct {
	w       *coreRun
	n       int
	batch   int
	stan    acquirer.STAN
	letters chan coreAnswer
	past    []*corePayment
}

// corePayment is a payment as the terminal and the people before it know it.
type corePayment struct {
	pos    *corePOS
	n      int
	key    acquirer.TerminalKey // without a date
	payee  string
	other  string // another payee's number
	payer  string
	card   acquirer.PAN
	pin    acquirer.PINBlock
	amount acquirer.Fen // of the debit

	confirmed *coreConfirmed // whence the token; nil: none
	token     string

	sent    bool // a 0200 was put on the line
	holds   bool // the terminal holds an approval
	undoing bool // the terminal began to undo, or was told to
	undone  bool // its 0400 was answered 00
	forgot  bool // the terminal forgot what it owed
	lost    bool // in the evening it lost the slip
	code    acquirer.ResponseCode

	taken   time.Time // when the switch first answered an undo with 00
	answers []coreEmission
}

// coreConfirmed is what the payer was shown at phase 1.
type coreConfirmed struct {
	inquiry      acquirer.Inquiry
	payee, payer string
	amount       acquirer.Fen
}

func newCorePOS(w *coreRun, n int) *corePOS {
	return &corePOS{w: w, n: n, batch: 1, letters: make(chan coreAnswer, coreMailbox)}
}

// hear puts an answer into the terminal's mailbox; a terminal that is not looking loses it.
func (p *corePOS) hear(a coreAnswer) {
	select {
	case p.letters <- a:
	default:
	}
}

// roll decides something about a payment; what is one of the hops.
func (y *corePayment) roll(what uint64, more uint64) uint64 {
	return y.pos.w.dice.roll(what, uint64(y.pos.n), uint64(y.n), more)
}

// chance is roll as a chance of rate in 10,000; a fault that heals.
func (y *corePayment) chance(rate int, what, more uint64) bool {
	return y.pos.w.faulty(rate, what, uint64(y.pos.n), uint64(y.n), more)
}

// between is roll as a time.
func (y *corePayment) between(lo, hi time.Duration, what, more uint64) time.Duration {
	return lo + time.Duration(y.roll(what, more)%uint64(hi-lo+1))
}

// run makes the payments.
func (p *corePOS) run() {
	for n := range p.w.payments {
		y := p.draft(n)
		if !p.rest(y.between(200*time.Millisecond, 25*time.Second, hopThink, 0)) {
			return
		}
		if p.confirm(y) {
			p.sell(y)
		}
	}
}

// draft plans a payment: who pays whom how much.
func (p *corePOS) draft(n int) *corePayment {
	w := p.w
	y := &corePayment{pos: p, n: n, pin: w.cast.pin}
	id, mid := coreTerminalID(p.n)
	if n > 0 && y.roll(hopSignOn, 0)%coreSignOnOnce == 0 && !w.oneBatch {
		p.batch, p.stan = p.batch+1, 0
	}
	p.stan++
	y.key = acquirer.TerminalKey{Merchant: mid, Terminal: id, Batch: p.batch, STAN: p.stan}
	y.payee = w.cast.payees[y.roll(hopPayee, 0)%coreNumbers]
	y.other = w.cast.payees[(y.roll(hopPayee, 0)+1)%coreNumbers]
	payer := y.roll(hopPayer, 0) % corePayers
	y.payer, y.card = w.cast.payers[payer], w.cast.cards[payer]
	y.amount = acquirer.Fen(1 + y.roll(hopAmount, 0)%uint64(coreLargestPaid))
	switch y.roll(hopPayer, 1) % 150 {
	case 0:
		y.card = w.cast.cards[len(w.cast.cards)-1]
	case 1:
		y.pin = w.cast.badPIN
	}
	p.past = append(p.past, y)
	return y
}

// rest waits; false: the run is over.
func (p *corePOS) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.w.quit:
		return false
	}
}

// over reports whether the run is over.
func (w *coreRun) over() bool {
	select {
	case <-w.quit:
		return true
	default:
		return false
	}
}

// await waits for an answer of a kind to a payment; false: none came.
func (p *corePOS) await(y *corePayment, kind coreKind, d time.Duration) (coreAnswer, bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case a := <-p.letters:
			if a.kind == kind && a.pay == y {
				return a, true
			}
		case <-timer.C:
			return coreAnswer{}, false
		case <-p.w.quit:
			return coreAnswer{}, false
		}
	}
}

// confirm is phase 1: the payer sees a name and says yes. It leaves the token in the payment, or plays one of the
// scenes in which the terminal uses another one.
func (p *corePOS) confirm(y *corePayment) bool {
	if p.replay(y) {
		return true
	}
	for try := range uint64(coreInquiries) {
		p.send(coreMessage{kind: coreInquiry, pay: y, attempt: try, amount: y.amount})
		a, ok := p.await(y, coreInquiry, y.between(8*time.Second, 12*time.Second, hopThink, 10+try))
		if !ok {
			continue
		}
		if a.code != acquirer.CodeApproved {
			return false
		}
		y.token = a.inquiry.Token
		y.confirmed = &coreConfirmed{inquiry: a.inquiry, payee: y.payee, payer: y.payer, amount: y.amount}
		p.w.tell(y.key, "the payer is shown "+a.inquiry.Name)
		if y.roll(hopScene, 1)%80 == 0 {
			y.amount++ // a terminal that debits another amount than was confirmed
		}
		slow := y.between(time.Second, 12*time.Second, hopSlowPayer, 0)
		if y.chance(often(p.w.slowPayers, 200), hopSlowPayer, 1) {
			slow = y.between(60*time.Second, 200*time.Second, hopSlowPayer, 2)
		}
		return p.rest(slow)
	}
	return false
}

// often raises a rate to three in ten.
func often(raised bool, rate int) int {
	if raised {
		return 3000
	}
	return rate
}

// replay takes the confirmation of the payment before, in some payments: after a decline it is right to, otherwise
// the switch must refuse it.
func (p *corePOS) replay(y *corePayment) bool {
	if y.n == 0 {
		return false
	}
	last := p.past[y.n-1]
	again := last.code == "55" && y.roll(hopRetry, 0)%2 == 0
	if last.confirmed == nil || !again && y.roll(hopRetry, 1)%40 != 0 {
		return false
	}
	y.confirmed, y.token = last.confirmed, last.token
	y.payee, y.other, y.payer, y.card, y.amount = last.payee, last.other, last.payer, last.card, last.confirmed.amount
	p.w.tell(y.key, "the confirmation of the payment before is used again")
	return true
}
