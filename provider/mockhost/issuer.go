package mockhost

import (
	"fmt"
	"time"
)

// debit is a 0200 as the ledger decides on it.
type debit struct {
	record  record // Key, PAN, Payee, Fen, Date and what clearing needs
	pin     string // deciphered; "" if the block does not open
	now     time.Time
	lose    bool   // fault: forget it instead of approving it
	instead string // fault: F39 instead of an approval, without a debit
}

// verdict is what the ledger said.
type verdict struct {
	code  string // F39
	auth  string // F38, with an approval
	payer Account
	lost  bool   // as if it had never come
	date  string // settlement date, YYYYMMDD; "" is today's
	batch *batch // wait for it before the answer
}

// debit decides on a debit, once for each host key, and moves the money.
func (l *ledger) debit(d debit) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries[d.record.Key] != nil {
		return verdict{code: codeDuplicate, batch: l.journal.latest()}
	}
	d.record.Date = l.settlementDate(d.record.Date)
	a, code := l.decide(d)
	v := verdict{code: code, date: d.record.Date}
	if a != nil {
		v.payer = a.Account
	}
	switch {
	case code != codeApproved:
		v.batch = l.refuse(d, code)
	case d.lose:
		v.lost, v.batch = true, l.journal.latest()
	case d.instead != "":
		v.code, v.batch = d.instead, l.refuse(d, d.instead)
	default:
		v.auth = fmt.Sprintf("%06d", (l.debits+1)%1_000_000)
		v.batch = l.approve(d, v.auth)
	}
	return v
}

func (l *ledger) approve(d debit, auth string) *batch {
	r := d.record
	r.Kind, r.Code, r.Auth = kindDebit, codeApproved, auth
	return l.commit(r)
}

func (l *ledger) refuse(d debit, code string) *batch {
	r := d.record
	return l.commit(record{Kind: kindRefused, At: r.At, Key: r.Key, PAN: r.PAN, Fen: r.Fen, Code: code})
}

// decide is the issuer's word on a debit: F39, and the account if there is one.
// The state of the card comes before the PIN, so that nobody tries PINs on a
// lost card; the PIN comes before the money, so that nobody without it learns
// the balance.
func (l *ledger) decide(d debit) (*account, string) {
	a := l.accounts[d.record.PAN]
	switch {
	case a == nil && l.issuers[issuerOf(d.record.PAN)]:
		return nil, codeNoCard
	case a == nil:
		return nil, codeNoIssuer
	case d.record.Fen <= 0:
		return a, codeAmount
	case a.Status.refusal() != "":
		return a, a.Status.refusal()
	case a.Expiry < beijing(d.now).Format("0601"):
		return a, codeExpired
	}
	if code := a.tryPIN(d.pin, beijing(d.now).Format(time.DateOnly)); code != codeApproved {
		return a, code
	}
	switch {
	case a.LimitFen != 0 && d.record.Fen > a.LimitFen:
		return a, codeLimit
	case a.BalanceFen < d.record.Fen:
		return a, codeFunds
	}
	return a, codeApproved
}

// tryPIN compares the PIN and counts. The third wrong one in a row locks the
// card: from then on even the right PIN is refused, until the next day.
func (a *account) tryPIN(pin, day string) string {
	if a.day != day {
		a.day, a.tries = day, 0
	}
	switch {
	case a.tries >= MaxPINTries:
		return codePINTries
	case pin == "":
		return codePINFormat
	case pin == a.PIN:
		a.tries = 0
		return codeApproved
	}
	a.tries++
	if a.tries >= MaxPINTries {
		return codePINTries
	}
	return codePIN
}

// reversal is a 0420 as the ledger decides on it.
type reversal struct {
	key      string // of the debit, from F90
	own      string // its own host key
	date     string // settlement date of now, before any cut-off, YYYYMMDD
	pan      string
	fen      int64
	now      time.Time
	remember bool   // that it came, if its debit did not
	instead  string // fault: F39 instead of the reversal
	lose     bool   // fault: as if it had never come
}

// reverse undoes a debit, once. Again, it says 00 again. A debit that was
// declined has nothing to undo: 00 too.
func (l *ledger) reverse(r reversal) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[r.key]
	v := verdict{code: judge(e, r), batch: l.journal.latest()}
	if a := l.accounts[r.pan]; a != nil {
		v.payer = a.Account
	}
	switch {
	case v.code == codeApproved && r.lose:
		v.lost = true
	case v.code == codeApproved && r.instead != "":
		v.code = r.instead
	case v.code == codeApproved && e.state == stateHeld:
		v.batch = l.commit(record{
			Kind: kindReversal, At: millis(r.now), Key: r.key, Own: r.own, Date: l.settlementDate(r.date),
		})
	case e == nil && r.remember:
		v.batch = l.commit(record{Kind: kindUnknown, At: millis(r.now), Key: r.key, PAN: r.pan, Fen: r.fen})
	}
	if e != nil {
		v.date = e.reversed // a repeat has the date of the first
	}
	return v
}

// judge is F39 of a reversal of what the ledger knows.
func judge(e *entry, r reversal) string {
	switch {
	case e == nil, e.state == stateUnknown, e.pan != r.pan:
		return codeNoOriginal
	case e.fen != r.fen:
		return codeOriginal
	case e.state == statePaid:
		return codeInvalid // the payee has it: nothing moves any more
	}
	return codeApproved
}
