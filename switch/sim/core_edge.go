package sim

import (
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// coreKind is the kind of a message, and of the flow that handles it.
type coreKind uint64

const (
	coreWorker  coreKind = iota // no message: the work in the background
	coreInquiry                 // 0100
	coreSale                    // 0200
	coreUndo                    // 0400
)

// coreKindKey is the key of a flow's kind in its context, where a planted bug can tell flows apart.
type coreKindKey struct{}

// coreMessage is a terminal's request.
type coreMessage struct {
	kind    coreKind
	pay     *corePayment
	attempt uint64
	altered bool         // a debit of other content under the same key
	amount  acquirer.Fen // of the debit
	reason  acquirer.ResponseCode
}

// coreAnswer is the response to it.
type coreAnswer struct {
	kind    coreKind
	pay     *corePayment
	code    acquirer.ResponseCode
	inquiry acquirer.Inquiry
}

// coreEmission is an answer to a debit as it left the switch.
type coreEmission struct {
	began   time.Time // when its request was handled
	altered bool
	code    acquirer.ResponseCode
	row     acquirer.Transaction // zero: there was none
	err     error
}

// key names a message to the dice.
func (m coreMessage) key(d dice) uint64 {
	return d.roll(uint64(m.pay.pos.n), uint64(m.pay.n), uint64(m.kind), m.attempt)
}

// send puts a message on the terminal's line.
func (p *corePOS) send(m coreMessage) {
	w := p.w
	w.carry(w.rates.terminal, m.key(w.dice), m.pay.key, m.String(), func(uint64) {
		if l := w.reachable(); l != nil {
			l.take(m)
		}
	})
}

// take puts a message into its terminal's lane: it is handled when the one before it has its place.
func (l *coreLife) take(m coreMessage) {
	var mine chan struct{}
	admitted := func() {}
	if !l.w.unordered {
		mine = make(chan struct{})
		admitted = func() {
			if mine != nil {
				close(mine)
				mine = nil
			}
		}
		l.mu.Lock()
		before := l.lanes[m.pay.pos]
		l.lanes[m.pay.pos] = mine
		l.mu.Unlock()
		if before != nil {
			select {
			case <-before:
			case <-l.dead:
			}
		}
	}
	defer admitted()
	if l.alive() {
		l.handle(m, admitted)
	}
}

// handle runs the flow of a message and sends its answer, if there is one.
func (l *coreLife) handle(m coreMessage, admitted func()) {
	ctx := background(m.kind)
	t, err := l.sw.Identify(ctx, acquirer.Caller{Terminal: m.pay.key.Terminal, Merchant: m.pay.key.Merchant})
	if err != nil {
		l.w.violate("error", m.pay.key, "the terminal is refused: %v", err)
		return
	}
	a := coreAnswer{kind: m.kind, pay: m.pay}
	began := time.Now()
	switch m.kind {
	case coreInquiry:
		a.inquiry, err = l.sw.Inquire(ctx, acquirer.InquiryRequest{Terminal: t, Amount: m.amount, Payee: m.pay.payee, Payer: m.pay.payer})
		a.code = acquirer.CodeOf(err)
	case coreSale:
		var row *acquirer.Transaction
		row, err = l.sw.Debit(ctx, m.debit(t), admitted)
		a.code = l.emit(m, row, err, began)
	case coreUndo:
		_, err = l.sw.Undo(ctx, acquirer.UndoRequest{Terminal: t, Batch: m.pay.key.Batch, STAN: m.pay.key.STAN, Amount: m.amount, Reason: m.reason})
		a.code = acquirer.CodeOf(err)
	}
	if !l.alive() || errors.Is(err, acquirer.ErrStore) && !l.w.plant.answers96 {
		return // what was not written is not answered
	}
	if err != nil && m.kind != coreSale && !errors.Is(err, acquirer.ErrStore) {
		l.w.violate("error", m.pay.key, "%v", err)
	}
	l.w.acknowledge(m, a)
	l.reply(m, a)
}

// acknowledge notes that the switch took an undo over.
func (w *coreRun) acknowledge(m coreMessage, a coreAnswer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.kind == coreUndo && a.code == acquirer.CodeApproved && m.pay.taken.IsZero() {
		m.pay.taken = time.Now()
	}
}

// reply sends an answer to the terminal.
func (l *coreLife) reply(m coreMessage, a coreAnswer) {
	w := l.w
	key := w.dice.roll(m.key(w.dice), l.n, uint64(time.Since(w.start)))
	w.carry(w.rates.terminal, key, m.pay.key, "terminal< "+m.kind.answer()+" "+string(a.code), func(uint64) { m.pay.pos.hear(a) })
}

// emit notes the answer to a debit and returns its code.
func (l *coreLife) emit(m coreMessage, row *acquirer.Transaction, err error, began time.Time) acquirer.ResponseCode {
	e := coreEmission{began: began, altered: m.altered, err: err, code: acquirer.CodeOf(err)}
	if err == nil {
		e.row, e.code = *row, row.Code
	}
	if !l.alive() || errors.Is(err, acquirer.ErrStore) {
		return e.code
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	m.pay.answers = append(m.pay.answers, e)
	return e.code
}

// debit makes the request of a 0200.
func (m coreMessage) debit(t *acquirer.Terminal) acquirer.DebitRequest {
	p := m.pay
	r := acquirer.DebitRequest{Terminal: t, Batch: p.key.Batch, STAN: p.key.STAN, Amount: m.amount, Payee: p.payee, Payer: p.payer,
		Token: p.token, Card: p.card, Expiry: "3012", EntryMode: "021", PIN: p.pin}
	if m.altered && m.amount == p.amount {
		r.Payee = p.other // other content is another amount or another payee
	}
	return r
}

func (m coreMessage) String() string {
	what := fmt.Sprintf("terminal> %s %s fen", m.kind, m.amount)
	if m.altered {
		what += ", other content"
	}
	return what
}

func (k coreKind) String() string { return []string{"", "0100", "0200", "0400"}[k] }

func (k coreKind) answer() string { return []string{"", "0110", "0210", "0410"}[k] }
