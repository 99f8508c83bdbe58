package mockhost

import (
	"fmt"
	"slices"
	"time"

	"example.com/ringback/spec/cups"
)

// payout is what became of the money of a debit after reconciliation: it went to the payee, or could not.
type payout struct {
	f7, f11 string // of the 0220, the same at each repeat
	payee   string // F103, the card that was credited, or could not be
	order   string // host key of the 0200 that ordered it; "": none did, its date was in balance
	date    string // F15, settlement date of the debit
	code    string // F39: 00, or why the card could not be credited
	told    bool   // the member answered 0230, or its order was refused
	sent    time.Time
}

// balance holds a member's totals of a date against the host's own and returns F66 with these. In balance, whatever is
// held of that date and was not paid out yet is paid out now; out of balance nothing moves. A date may be reconciled
// again, also while it is still open: what has come since is paid out then. Not whole: the member says that something of the date
// waits (F66 = 2 of the 0520), and nothing is paid out on this word.
func (l *ledger) balance(key bookKey, theirs cups.Totals, whole bool, today string, now time.Time) (string, cups.Totals, *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key.date > l.settlementDate(today) {
		return cups.NoBalance, cups.Totals{}, l.journal.latest()
	}
	var own cups.Totals
	b := l.books[key]
	if b != nil {
		own = b.totals
	}
	said := own
	if l.wrongTotals && own.Debits.Count > 0 {
		said.Debits.Fen++ // a fault: the host has miscounted
	}
	switch {
	case !said.Agree(theirs):
		return cups.OutOfBalance, said, l.journal.latest()
	case b == nil || !whole:
		return cups.InBalance, said, l.journal.latest()
	}
	if !b.balanced || b.covered < len(b.lines) {
		l.commit(record{
			Kind: kindBalanced, At: millis(now), Date: key.date, Institution: key.institution, Count: len(b.lines),
		})
	}
	l.payOut(b, now)
	return cups.InBalance, said, l.journal.latest()
}

// payOut credits the payees of the lines of a book that were in balance. The caller holds mu.
func (l *ledger) payOut(b *book, now time.Time) {
	for _, line := range b.lines[:b.covered] {
		e := line.entry
		if line.own == "" && e.state == stateHeld && e.payout == nil {
			l.commit(record{
				Kind: kindPayout, At: millis(now), Key: e.key, Date: b.date, Code: l.payoutCode(e.payee, e.key), Own: l.nextAdvice(now),
			})
		}
	}
}

// timeLayout is F7.
const timeLayout = "0102150405"

// nextAdvice is F11 and F7 of the 0220 about a payout that is made now.
func (l *ledger) nextAdvice(now time.Time) string {
	return traceText(uint32(l.advices)) + beijing(now).Format(timeLayout)
}

// payoutCode is the word of the payee's bank, F39; key is that of the debit, or of the order, by which the fault decides.
func (l *ledger) payoutCode(payee, key string) string {
	a := l.accounts[payee]
	switch {
	case a == nil && l.issuers[issuerOf(payee)]:
		return codeNoCard
	case a == nil:
		return codeNoIssuer
	case a.Status.refusal() != "":
		return a.Status.refusal()
	case l.refusePayout != nil && l.refusePayout(key):
		return codeNoAccount
	}
	return codeApproved
}

func (l *ledger) applyBalanced(r record) error {
	b := l.books[bookKey{r.Date, r.Institution}]
	if b == nil || r.Count < b.covered || r.Count > len(b.lines) {
		return fmt.Errorf("%w: balance of no book", ErrLog)
	}
	b.balanced, b.covered = true, r.Count
	return nil
}

// applyPayout moves the money from what is held of the payer's to the payee's balance, if the bank took it. A payout that the
// bank did not take may be ordered anew.
func (l *ledger) applyPayout(r record) error {
	e := l.entries[r.Key]
	if e == nil || e.state != stateHeld || e.payout != nil && r.Order == "" ||
		len(r.Own) != 6+len(timeLayout) || len(e.key) != hostKeyLen {
		return fmt.Errorf("%w: payout of no debit, or twice", ErrLog)
	}
	p := &payout{f11: r.Own[:6], f7: r.Own[6:], date: r.Date, code: r.Code, payee: e.payee, order: r.Order}
	if r.Order != "" {
		p.payee, p.told = r.Payee, r.Code != codeApproved // the 0210 has told a refusal
	}
	if r.Code == codeApproved {
		to := l.accounts[p.payee]
		if to == nil {
			return fmt.Errorf("%w: payout to no account", ErrLog)
		}
		pay(l.accounts[e.pan], to, e.fen)
		e.state = statePaid
		l.payouts++
	}
	l.advices++
	l.disown(e) // of an earlier one nobody needs to hear any more
	if e.payout = p; !p.told {
		l.owed[e.institution] = append(l.owed[e.institution], e)
	}
	return nil
}

// pay moves held money of one account into the balance of another, or the same, and makes sure that none is made or lost.
func pay(from, to *account, fen int64) {
	from.heldFen -= fen
	to.BalanceFen += fen
	if from.heldFen < 0 || to.BalanceFen < fen {
		panic(brokenLedger("money of card " + mask(from.PAN) + " does not add up"))
	}
}

func (l *ledger) applyTold(r record) error {
	e := l.entries[r.Key]
	if e == nil || e.payout == nil || e.payout.told {
		return fmt.Errorf("%w: answer to no payout, or twice", ErrLog)
	}
	e.payout.told = true
	l.disown(e)
	return nil
}

// disown takes a debit off the list of those whose payout is to be told.
func (l *ledger) disown(e *entry) {
	list := l.owed[e.institution]
	if at := slices.Index(list, e); at >= 0 {
		l.owed[e.institution] = slices.Delete(list, at, at+1)
	}
}

// resume pays out what a crash in the middle of a balance has left.
func (l *ledger) resume(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.books {
		l.payOut(b, now)
	}
}

// due lists the payouts of a member that are to be told now: of the oldest MaxTelling, those that were not told within
// RepeatAfter. They count as told now.
func (l *ledger) due(institution string, now time.Time) []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*entry
	owed := l.owed[institution]
	for _, e := range owed[:min(len(owed), MaxTelling)] {
		if p := e.payout; p.sent.IsZero() || now.Sub(p.sent) >= RepeatAfter {
			p.sent = now
			list = append(list, e)
		}
	}
	return list
}

// told ends the telling of a payout; false: it is none, or was told before.
func (l *ledger) told(institution, f7, f11 string, now time.Time) (*batch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	owed := l.owed[institution]
	for _, e := range owed[:min(len(owed), MaxTelling)] {
		if e.payout.f7 == f7 && e.payout.f11 == f11 {
			return l.commit(record{Kind: kindTold, At: millis(now), Key: e.key}), true
		}
	}
	return nil, false
}

// reconcileFields are the fields that a 0520 must have.
func reconcileFields() []int {
	return []int{7, 11, 15, 33, 66, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 86, 87, 88, 89, 97}
}

// reconcile answers a 0520: in balance or not, with the host's own totals. One that cannot be judged has F39 and F66 = 3.
func (l *link) reconcile(m *cups.Message) {
	a := answerTo(m, cups.MTIReconcileResponse, []int{7, 11, 15, 32, 33, 50, 99})
	institution := m.Get(33)
	key, code := l.admit(m, reconcileFields())
	theirs, err := cups.ParseTotals(m)
	today := l.host.settlementDate()
	date, ok := fullDate(m.Get(15), today)
	if code == "" && (err != nil || !ok) {
		code = codeFormat
	}
	balance, b := cups.NoBalance, (*batch)(nil)
	if code == "" {
		var own cups.Totals
		balance, own, b = l.host.ledger.balance(bookKey{date, institution}, theirs, m.Get(66) == cups.InBalance, today, time.Now())
		own.Set(a)
	} else {
		a.Set(39, code)
	}
	a.Set(66, balance)
	l.log.Info().Str("date", date).Str("balance", balance).Str("code", code).Msg("reconciliation")
	if key != nil {
		a.SetBytes(128, mac(key, a, false))
	}
	l.send(reply{batch: b, bytes: l.pack(a)})
	l.host.poke()
}

// fullDate gives an F15 the year that brings it nearest to a date, YYYYMMDD.
func fullDate(f15, near string) (string, bool) {
	at, err := time.Parse(settlementLayout, near)
	if err != nil || len(f15) != 4 {
		return "", false
	}
	best, found := time.Time{}, false
	for year := at.Year() - 1; year <= at.Year()+1; year++ {
		date, err := time.Parse(settlementLayout, fmt.Sprintf("%04d%s", year, f15))
		if err == nil && (!found || date.Sub(at).Abs() < best.Sub(at).Abs()) {
			best, found = date, true
		}
	}
	return best.Format(settlementLayout), found
}
