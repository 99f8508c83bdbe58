package sim

import (
	"time"

	acquirer "example.com/ringback/switch"
)

// sell is phase 2: the debit, and what the terminal does about its answer or the lack of one.
func (p *corePOS) sell(y *corePayment) {
	y.sent = true
	dark, lit := p.powerCut(y)
	answer, ok := p.debit(y, dark)
	if ok {
		p.answered(y, answer.code)
		return
	}
	if lit > 0 {
		p.w.tell(y.key, "the terminal has no power")
	}
	if p.rest(lit) {
		p.undo(y, acquirer.CodeNoAnswer)
	}
}

// powerCut says after how long the terminal loses its power, and for how long; lit is 0 when it does not.
func (p *corePOS) powerCut(y *corePayment) (dark, lit time.Duration) {
	if !y.chance(p.w.rates.power, hopPower, 0) {
		return corePatience, 0
	}
	return y.between(10*time.Millisecond, 40*time.Second, hopPowerAt, 0), y.between(5*time.Second, 150*time.Second, hopPowerFor, 0)
}

// debit sends the 0200, in some payments more than once, and waits for its answer. Some people cancel meanwhile.
func (p *corePOS) debit(y *corePayment, patience time.Duration) (a coreAnswer, ok bool) {
	end := time.Now().Add(patience)
	for try := uint64(0); ; try++ {
		p.send(coreMessage{kind: coreSale, pay: y, attempt: try, amount: y.amount})
		left := time.Until(end)
		wait := left
		if y.chance(4000, hopRepeat, try) {
			wait = min(left, y.between(500*time.Millisecond, 25*time.Second, hopRepeat, 10+try))
		}
		if try == 0 && y.chance(often(p.w.cancels, 300), hopCancel, 0) {
			wait = min(left, y.between(time.Millisecond, p.w.hesitation(y), hopCancel, 1))
		}
		a, ok = p.await(y, coreSale, wait)
		if ok || wait == left || y.chance(often(p.w.cancels, 300), hopCancel, 0) {
			return a, ok
		}
	}
}

// hesitation is how long people wait at most before they cancel. Where they often do, half of them do it so soon that
// the undo may meet its debit on the line.
func (w *coreRun) hesitation(y *corePayment) time.Duration {
	if w.cancels && y.roll(hopCancel, 2)%2 == 0 {
		return 150 * time.Millisecond
	}
	return 5 * time.Second
}

// answered is what a terminal does with an answer: it keeps it, asks again, sends a debit of other content under the
// same key, or takes an approval back.
func (p *corePOS) answered(y *corePayment, code acquirer.ResponseCode) {
	y.code = code
	y.holds = code == acquirer.CodeApproved
	switch scene := y.roll(hopScene, 0) % 100; {
	case scene < 4: // the printer is out of paper
		if p.rest(y.between(100*time.Millisecond, 20*time.Second, hopRegret, 0)) {
			p.undo(y, "06")
		}
	case scene < 8: // was that the answer?
		p.send(coreMessage{kind: coreSale, pay: y, attempt: 50, amount: y.amount})
	case scene < 12:
		p.send(coreMessage{kind: coreSale, pay: y, attempt: 51, amount: y.amount + acquirer.Fen(scene%2), altered: true})
	case code == acquirer.CodeNoAnswer && scene < 30: // 98: the switch undoes it, this terminal asks it to
		p.undo(y, acquirer.CodeNoAnswer)
	}
}

// undo sends the 0400 until it is answered 00. Some terminals forget that they owe it.
func (p *corePOS) undo(y *corePayment, reason acquirer.ResponseCode) {
	if !y.holds && y.code == "" && y.chance(p.w.rates.forget, hopForget, 0) {
		y.forgot = true
		p.w.tell(y.key, "the terminal forgets the payment")
		return
	}
	y.undoing, y.holds = true, false
	for try := uint64(0); ; try++ {
		p.send(coreMessage{kind: coreUndo, pay: y, attempt: try, amount: y.amount, reason: reason})
		a, ok := p.await(y, coreUndo, coreUndoPause+y.between(0, 5*time.Second, hopThink, 100+try))
		switch {
		case ok && a.code == acquirer.CodeApproved:
			y.undone = true
			return
		case p.w.over():
			return
		case ok && !p.rest(time.Second+y.between(0, time.Second, hopThink, 1000+try)):
			return
		}
	}
}
