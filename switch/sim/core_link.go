package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// The spans in which a link or the host is down or is not.
const (
	coreLinkSpan = 20 * time.Second
	coreHostSpan = time.Minute
)

// coreClass tells debits from reversals: the MTI.
type coreClass uint64

const (
	coreDebit    coreClass = 1 // 0200, 0210
	coreReversal coreClass = 2 // 0420, 0430
)

// coreMatch is what an answer is matched on: MTI class, F7 and F11.
type coreMatch struct {
	class coreClass
	key   acquirer.HostKey
}

// coreReply is an answer on the host's line.
type coreReply struct {
	code    acquirer.ResponseCode
	auth    string
	badMAC  bool
	badFen  bool // F4 is not that of the request
	debited acquirer.HostKey
	date    acquirer.Date // settlement date; zero: nothing was debited
}

// coreLink is the line to the host of one life, an [acquirer.Network].
type coreLink struct {
	l       *coreLife
	mu      sync.Mutex
	pending map[coreMatch]chan coreReply
	undoing map[acquirer.HostKey]coreMatch // debit to its reversal
}

func newCoreLink(l *coreLife) *coreLink {
	return &coreLink{l: l, pending: map[coreMatch]chan coreReply{}, undoing: map[acquirer.HostKey]coreMatch{}}
}

// Ready implements [acquirer.Network].
func (k *coreLink) Ready() error {
	if k.l.w.outage(k.l.w.rates.linkDown, coreLinkSpan, hopLinkDown) {
		return errors.New("no link is signed on")
	}
	return nil
}

// Authorize implements [acquirer.Network].
func (k *coreLink) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	t := r.Transaction
	m := coreMatch{coreDebit, t.Host}
	reply, err := k.exchange(ctx, m, t.Key, uint64(t.ID), 0, func(copy uint64) {
		k.l.w.host.debit(coreHostDebit{key: t.Host, id: t.ID, subject: t.Key, amount: t.Amount, card: t.Card, payee: r.PayeeCard,
			sent: t.Opened, deadline: t.Deadline}, copy)
	})
	if err != nil {
		return acquirer.Authorization{}, err
	}
	return reply.authorization(), nil
}

// Reverse implements [acquirer.Network].
func (k *coreLink) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	m := coreMatch{coreReversal, r.Host}
	k.mu.Lock()
	k.undoing[t.Host] = m
	k.mu.Unlock()
	reply, err := k.exchange(ctx, m, t.Key, uint64(r.ID), uint64(time.Since(k.l.w.start)), func(copy uint64) {
		k.l.w.host.reverse(r, t, copy)
	})
	return reply.code, err
}

// exchange sends a request and waits for its answer. id and try name the request to the dice.
func (k *coreLink) exchange(ctx context.Context, m coreMatch, subject acquirer.TerminalKey, id, try uint64, send func(copy uint64)) (coreReply, error) {
	w, l := k.l.w, k.l
	key := w.dice.roll(uint64(m.class), id, try)
	if !l.works() {
		return coreReply{}, errDead
	}
	if err := l.failpoint(hopCrashBefore, "before sending "+m.class.String(), key); err != nil {
		return coreReply{}, err
	}
	if k.Ready() != nil {
		return coreReply{}, acquirer.ErrNotSent
	}
	answers := make(chan coreReply, 1)
	k.expect(m, answers)
	defer k.forget(m)
	w.carry(w.rates.network, key, subject, "switch> "+m.class.String(), send)
	if err := l.failpoint(hopCrashAfter, "after sending "+m.class.String(), key); err != nil {
		return coreReply{}, err
	}
	reply, err := k.await(ctx, answers, key)
	if err == nil && (reply.badMAC || reply.badFen) && !w.plant.trusts {
		err = fmt.Errorf("%w: the answer cannot be trusted", acquirer.ErrDisbelieved)
	}
	return reply, err
}

// await waits for the answer, the end of ctx, a cut of the link or the end of the process.
func (k *coreLink) await(ctx context.Context, answers chan coreReply, key uint64) (coreReply, error) {
	w := k.l.w
	var cut <-chan time.Time
	if w.faulty(w.rates.cut, hopCut, key) {
		timer := time.NewTimer(w.dice.between(time.Millisecond, 3*time.Second, hopCutAfter, key))
		defer timer.Stop()
		cut = timer.C
	}
	select {
	case r := <-answers:
		return r, nil
	case <-ctx.Done():
		return coreReply{}, errors.Join(acquirer.ErrUnknown, ctx.Err())
	case <-cut:
		return coreReply{}, fmt.Errorf("%w: the link was cut", acquirer.ErrUnknown)
	case <-k.l.dead:
		return coreReply{}, errDead
	}
}

// matching returns what an answer is looked up by.
func (k *coreLink) matching(m coreMatch) coreMatch {
	if k.l.w.plant.byTrace {
		m.key.Time = ""
	}
	return m
}

func (k *coreLink) expect(m coreMatch, answers chan coreReply) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending[k.matching(m)] = answers
}

func (k *coreLink) forget(m coreMatch) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.pending, k.matching(m))
}

// reversalOf returns what waits for the answer to the reversal of a debit, or m when nothing does.
func (k *coreLink) reversalOf(debit acquirer.HostKey, m coreMatch) coreMatch {
	k.mu.Lock()
	defer k.mu.Unlock()
	if other := k.undoing[debit]; k.pending[k.matching(m)] == nil && k.pending[k.matching(other)] != nil {
		return other
	}
	return m
}

// answered takes an answer that came: to whom waits for it, else a debit's goes to the handler of late answers.
func (k *coreLink) answered(m coreMatch, r coreReply, subject acquirer.TerminalKey) {
	k.mu.Lock()
	answers := k.pending[k.matching(m)]
	if answers != nil {
		delete(k.pending, k.matching(m))
	}
	k.mu.Unlock()
	w := k.l.w
	if answers != nil {
		w.tell(subject, fmt.Sprintf("switch< %s %s%s", m.class.answer(), r.code, r.flaws()))
		answers <- r
		return
	}
	if m.class != coreDebit || r.badMAC {
		return
	}
	w.tell(subject, fmt.Sprintf("switch< %s %s, late", m.class.answer(), r.code))
	_ = k.l.sw.LateAnswer(background(coreWorker), m.key, r.authorization()) // an error of the journal ends the process by itself
}

func (r coreReply) authorization() acquirer.Authorization {
	a := acquirer.Authorization{Code: r.code, AuthCode: r.auth, At: time.Now()}
	if r.date != 0 {
		a.SettleDate = r.date.F15()
	}
	return a
}

// flaws says what is wrong with an answer.
func (r coreReply) flaws() string {
	switch {
	case r.badMAC:
		return " with a wrong MAC"
	case r.badFen:
		return " with another amount"
	}
	return ""
}

func (c coreClass) String() string {
	if c == coreDebit {
		return "0200"
	}
	return "0420"
}

func (c coreClass) answer() string {
	if c == coreDebit {
		return "0210"
	}
	return "0430"
}
