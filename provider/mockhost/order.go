package mockhost

import (
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// order is a 0200 with F3 = 290000 as the ledger decides on it: one debit is to be paid out.
type order struct {
	key       string // of the debit, from F90
	own       string // its own host key
	reference string // F37, the debit's
	date      string // F15 with its year, YYYYMMDD
	fen       int64
	payee     string // F103
	name      string // F61, the payee's; "" is not compared
	now       time.Time
	instead   string // fault: F39 instead of a payout
	lose      bool   // fault: as if it had never come
}

// orderFields are the fields that an order must have.
func orderFields() []int {
	return []int{3, 4, 7, 11, 12, 13, 15, 18, 25, 32, 33, 37, 41, 42, 48, 49, 60, 90, 103}
}

// payOut answers an order to pay out.
func (l *link) payOut(m *cups.Message) {
	a := answerTo(m, cups.MTIDebitResponse, []int{3, 4, 7, 11, 12, 13, 15, 18, 25, 32, 33, 37, 41, 42, 49, 60, 90, 103})
	institution := m.Get(33)
	key, code := l.admit(m, orderFields())
	o, ok := l.host.readOrder(m)
	if code == "" && !ok {
		code = codeFormat
	}
	if code != "" {
		l.answer(a, institution, key, verdict{code: code}, Fault{})
		return
	}
	fault := l.host.chance.payout(o.own)
	o.instead, o.lose = fault.instead(), fault.Kind == FaultLost
	v := l.host.ledger.take(o)
	l.log.Info().Str("stan", m.Get(11)).Str("rrn", o.reference).Str("card", mask(o.payee)).Str("code", v.code).
		Str("fault", string(fault.Kind)).Msg("order to pay out")
	l.answer(a, institution, key, v, fault)
	l.host.poke()
}

// readOrder reads an order; false: its content makes no sense.
func (h *Host) readOrder(m *cups.Message) (o order, ok bool) {
	now := time.Now()
	original, institution := m.Get(90), m.Get(33)
	date, ok := fullDate(m.Get(15), h.settlementDate())
	if !ok || len(original) != len(cups.MTIDebit)+hostKeyLen || original[:4] != cups.MTIDebit || fen(m) <= 0 ||
		m.Get(25) != cups.CondNormal || m.Get(49) != country || !isPayout(m.Bytes(48)) || !digits(m.Get(103), 13, 19) {
		return order{}, false
	}
	if original[4:] != cups.Original90("", original[4:10], original[10:20], institution, institution) {
		return order{}, false // somebody else's debit
	}
	o = order{key: original[4:], own: hostKey(m), reference: m.Get(37), date: date, fen: fen(m), payee: m.Get(103), now: now}
	if !m.Has(61) {
		return o, true
	}
	holder, err := cups.ParseAsk(m.Bytes(61))
	if err == nil {
		o.name, err = spec.DecodeGBK(holder.Name)
	}
	return o, err == nil
}

// isPayout reports whether F48 says that the business is a payout.
func isPayout(f48 []byte) bool {
	want := spec.AppendElement([]byte(cups.UsageAssoc), cups.TagBusiness, []byte(cups.PayoutOrder))
	return string(f48) == string(want)
}

// take decides on an order and pays, once for each debit. The same order again is answered as it was; an order of what was
// paid to that card, 00, whoever had it paid. What the bank did not take may be ordered anew by a new order.
func (l *ledger) take(o order) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[o.key]
	v := verdict{code: o.judge(e), date: o.date, batch: l.journal.latest()}
	if v.code != "" {
		return v
	}
	if v.lost = o.lose; v.lost {
		return v
	}
	if v.code = o.instead; v.code != "" {
		return v
	}
	v.code = l.orderCode(o)
	v.batch = l.commit(record{
		Kind: kindPayout, At: millis(o.now), Key: o.key, Date: e.date, Code: v.code, Own: l.nextAdvice(o.now),
		Order: o.own, Payee: o.payee,
	})
	return v
}

// judge is F39 where nothing is to be done; "": the payee's bank is to be asked.
func (o order) judge(e *entry) string {
	switch {
	case e == nil, e.state == stateUnknown, e.state == stateRefused, e.reference != o.reference:
		return codeNoOriginal
	case e.fen != o.fen, e.date != o.date:
		return codeOriginal
	case e.state == stateReversed:
		return codeInvalid // the payer has it back
	case e.payout == nil:
		return ""
	case e.state == statePaid && e.payout.payee != o.payee:
		return codeDuplicate
	case e.state == statePaid, e.payout.order == o.own:
		return e.payout.code
	}
	return ""
}

// orderCode is the word of the payee's bank, which also compares the name; 00 if it takes the money.
func (l *ledger) orderCode(o order) string {
	code := l.payoutCode(o.payee, o.own)
	if code != codeApproved {
		return code
	}
	if a := l.accounts[o.payee]; o.name != "" && a.Name != "" && a.Name != o.name {
		return codeNotHonour
	}
	return codeApproved
}
