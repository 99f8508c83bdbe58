package provider

import (
	"context"
	"errors"
	"time"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

var _ acquirer.Reconciler = (*Network)(nil)

// Reconcile implements [acquirer.Reconciler] with a 0520. It takes F7 and F11 of its own each time, for it moves no money.
func (n *Network) Reconcile(ctx context.Context, date acquirer.Date, totals acquirer.SettlementTotals, whole bool) (acquirer.Reconciliation, error) {
	m := n.encodeReconcile(date, totals, whole)
	w, _, err := n.launch(ctx, m, 0)
	if err != nil {
		return acquirer.Reconciliation{}, err
	}
	answer, err := n.await(ctx, w)
	if err != nil {
		return acquirer.Reconciliation{}, err
	}
	if err := n.keys.verify(answer); err != nil {
		n.counts.badMAC.Add(1)
		n.zone.noteDoubt()
		return acquirer.Reconciliation{}, disbelieved(err)
	}
	if answer.Has(15) && answer.Get(15) != m.Get(15) {
		n.counts.mismatched.Add(1)
		return acquirer.Reconciliation{}, disbelieved(errors.New("answer about another date"))
	}
	return decodeReconciliation(answer, totals)
}

// encodeReconcile makes the 0520 without its F128 (host dialect page, section 5.2).
func (n *Network) encodeReconcile(date acquirer.Date, totals acquirer.SettlementTotals, whole bool) *cups.Message {
	m := n.newMessage(cups.MTIReconcile)
	institution := n.config.Institution
	m.Set(7, acquirer.HostTime(time.Now()))
	m.Set(11, n.nextTrace())
	m.Set(15, date.Time().Format("0102"))
	m.Set(32, institution)
	m.Set(33, institution)
	m.Set(50, currencyYuan)
	m.Set(66, cups.OutOfBalance)
	if whole {
		m.Set(66, cups.InBalance)
	}
	m.Set(99, institution)
	encodeTotals(totals).Set(m)
	return m
}

func encodeTotals(t acquirer.SettlementTotals) cups.Totals {
	sum := func(s acquirer.Sum) cups.Sum { return cups.Sum{Count: s.Count, Fen: int64(s.Fen)} }
	return cups.Totals{
		Credits: sum(t.Credits), CreditReversals: sum(t.CreditReversals),
		Debits: sum(t.Debits), DebitReversals: sum(t.DebitReversals),
	}
}

// decodeReconciliation reads a 0530. A host may leave its totals out; those that it tells must not contradict its word.
func decodeReconciliation(m *cups.Message, ours acquirer.SettlementTotals) (acquirer.Reconciliation, error) {
	r := acquirer.Reconciliation{Balance: acquirer.Balance(m.Get(66)), Code: acquirer.ResponseCode(m.Get(39))}
	switch r.Balance {
	case acquirer.InBalance, acquirer.OutOfBalance, acquirer.NoBalance:
	default:
		return acquirer.Reconciliation{}, disbelieved(errors.New("answer without a settlement code"))
	}
	if !m.Has(97) {
		return r, nil
	}
	theirs, err := cups.ParseTotals(m)
	if err != nil {
		return acquirer.Reconciliation{}, disbelieved(err)
	}
	if r.Balance == acquirer.InBalance && !theirs.Agree(encodeTotals(ours)) {
		return acquirer.Reconciliation{}, disbelieved(errors.New("in balance with other totals"))
	}
	r.Totals = decodeTotals(theirs)
	return r, nil
}

// decodeTotals counts a transfer as what it is here, a debit.
func decodeTotals(t cups.Totals) *acquirer.SettlementTotals {
	sum := func(s cups.Sum, more int64) acquirer.Sum {
		return acquirer.Sum{Count: s.Count + more, Fen: acquirer.Fen(s.Fen)}
	}
	return &acquirer.SettlementTotals{
		Debits: sum(t.Debits, t.Transfers), DebitReversals: sum(t.DebitReversals, t.TransferReversals),
		Credits: sum(t.Credits, 0), CreditReversals: sum(t.CreditReversals, 0),
	}
}

// RequestCutOff implements [acquirer.Reconciler] with an 0820 of ours, F70 = 201.
func (n *Network) RequestCutOff(ctx context.Context) error {
	links := n.candidates(0)
	if len(links) == 0 {
		return notSent(errNoLink)
	}
	code, err := links[0].exchange(ctx, n.encodeNetwork(cups.NetCutoffStart))
	switch {
	case err != nil:
		return unknown(err)
	case code != acquirer.CodeApproved:
		return &acquirer.Error{Op: "provider.RequestCutOff", Code: code}
	}
	return nil
}

// cutOff passes a cut-off on and returns the F39 of its answer.
func (n *Network) cutOff(ctx context.Context, m *cups.Message, phase acquirer.CutOffPhase) acquirer.ResponseCode {
	if n.config.Settlement == nil {
		return acquirer.CodeApproved
	}
	date, ok := acquirer.SettlementDate(m.Get(15), acquirer.DateOf(time.Now()))
	if !ok {
		return acquirer.CodeFormat
	}
	if err := n.config.Settlement.CutOff(ctx, date, phase); err != nil {
		n.log.Error().Str("phase", string(phase)).Err(err).Msg("cut-off was not taken")
		return acquirer.CodeMalfunction
	}
	return acquirer.CodeApproved
}

// answerPayout answers one 0220: what is not authentic with A0, what cannot be read with 30, and all else as the port says.
// When the port fails nothing is answered and the host tells it again.
func (l *link) answerPayout(ctx context.Context, m *cups.Message) {
	n := l.net
	code, err := n.takePayout(ctx, m)
	if err != nil {
		n.log.Error().Str("link", l.addr).Err(err).Msg("payout was not taken")
		return
	}
	a := encodeResponse(cups.MTIAdviceResponse, m, code, 3, 4, 7, 11, 15, 32, 33, 37, 41, 42, 49, 90, 100, 103)
	if err = n.keys.sign(a); err == nil {
		err = l.send(a)
	}
	n.log.Info().Str("link", l.addr).Str("f37", m.Get(37)).Str("f39", string(code)).Err(err).Msg("payout")
}

func (n *Network) takePayout(ctx context.Context, m *cups.Message) (acquirer.ResponseCode, error) {
	if err := n.keys.verify(m); err != nil {
		n.counts.badMAC.Add(1)
		n.zone.noteDoubt()
		return acquirer.CodeMAC, nil
	}
	if m.Get(3) != cups.ProcPayout {
		return acquirer.CodeNotSupported, nil
	}
	p, err := decodePayout(m)
	if err != nil {
		n.noisy.Warn().Err(err).Msg("payout cannot be read")
		return acquirer.CodeFormat, nil
	}
	return n.config.Settlement.PaidOut(ctx, p)
}

// errPayout: a field of a 0220 is missing or makes no sense.
var errPayout = errors.New("payout without a date or without a debit")

// decodePayout reads a 0220. Without F39 it is one that was made.
func decodePayout(m *cups.Message) (acquirer.Payout, error) {
	now := time.Now()
	p := acquirer.Payout{Code: acquirer.CodeApproved, Arrived: now}
	if m.Has(39) {
		p.Code = acquirer.ResponseCode(m.Get(39))
	}
	var errs [5]error
	p.Host, errs[0] = decodeHostKey(m)
	p.Amount, errs[1] = acquirer.ParseFen(m.Get(4))
	p.RRN, errs[2] = acquirer.ParseRRN(m.Get(37))
	p.Card, errs[3] = acquirer.ParsePAN(m.Get(103))
	date, ok := acquirer.SettlementDate(m.Get(15), acquirer.DateOf(now))
	original := m.Get(90)
	if !ok || len(original) != 42 || original[:4] != cups.MTIDebit || len(p.Host.Time) != 10 {
		return acquirer.Payout{}, errPayout
	}
	p.Date = date
	p.Debit.Time = original[10:20]
	p.Debit.STAN, errs[4] = acquirer.ParseSTAN(original[4:10])
	return p, errors.Join(errs[:]...)
}
