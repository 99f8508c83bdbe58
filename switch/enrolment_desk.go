package acquirer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Standing implements [Desk].
func (s *Enrolments) Standing(ctx context.Context, channel Channel, sender string) (Reply, error) {
	all, err := s.Registry.EnrolmentsBy(ctx, channel, sender, 1)
	if err != nil {
		return Reply{}, s.checked(err)
	}
	if len(all) == 0 {
		return Reply{}, ErrNotFound
	}
	e := all[0]
	h := Heard{Kind: e.Kind, Language: e.Language, Outcome: OutcomeTaken, Effective: e.Effective}
	proved := e.Codes[0].Done && (e.Codes[1].Serial == 0 || e.Codes[1].Done)
	switch {
	case !proved && (e.Codes[0].Done || e.Codes[1].Done):
		h.Outcome, h.Effective = OutcomeHalf, time.Time{}
	case !proved: // refused, expired, waiting: all one to who has proved nothing
		h.Effective = time.Time{}
	case e.State == EnrolmentRefused:
		h.Outcome, h.Reasons = OutcomeRefused, e.Reasons
	case e.State == EnrolmentCancelled:
		h.Outcome = OutcomeCancelled
	default:
		h.Outcome = OutcomeConfirmed
	}
	return s.write(h)
}

// Held implements [Desk].
func (s *Enrolments) Held(ctx context.Context, channel Channel, sender string) (*Held, error) {
	p, err := s.seen(ctx, channel, sender)
	if err != nil {
		return nil, s.checked(err)
	}
	return s.HeldAbout(ctx, p)
}

// Statement implements [Desk].
func (s *Enrolments) Statement(ctx context.Context, channel Channel, sender string, from, to Date) (*Statement, error) {
	p, err := s.seen(ctx, channel, sender)
	if err != nil {
		return nil, s.checked(err)
	}
	return s.StatementOf(ctx, p, from, to)
}

// seen returns the payee whom a session has proved to be, not longer ago than a session lives.
func (s *Enrolments) seen(ctx context.Context, channel Channel, sender string) (*Payee, error) {
	all, err := s.Registry.EnrolmentsBy(ctx, channel, sender, openPerNumber)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Kind != RequestSee || e.State != EnrolmentActive || time.Since(e.Changed) > s.Limits.SessionLife {
			continue
		}
		p, err := s.Registry.PayeeByNumber(ctx, e.Number)
		if err == nil && p.Ref.ID == e.Payee.ID { // the number may have changed hands since
			return p, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return nil, ErrNotFound
}

// HeldAbout gathers everything that is held about a payee.
func (s *Enrolments) HeldAbout(ctx context.Context, p *Payee) (*Held, error) {
	h := &Held{Payee: p.Ref, Number: p.Number, Name: p.Name, Card: p.Card, Status: p.Status, Alive: p.Alive}
	var err error
	if h.Contact, err = s.Registry.Contact(ctx, p.Ref.ID); err != nil {
		return nil, s.checked(err)
	}
	if h.Enrolments, err = s.Registry.EnrolmentsOfPayee(ctx, p.Ref.ID, heldRows); err != nil {
		return nil, s.checked(err)
	}
	today := DateOf(time.Now())
	if h.Payments, err = s.StatementOf(ctx, p, DateOf(today.Time().AddDate(0, 0, 1-StatementDays)), today); err != nil {
		return nil, err
	}
	subjects := []int64{int64(p.Ref.ID)}
	for _, e := range h.Enrolments {
		subjects = append(subjects, int64(e.ID))
	}
	for _, g := range h.Payments.Payers {
		for _, l := range g.Payments {
			subjects = append(subjects, int64(l.ID))
		}
	}
	for _, subject := range subjects[:min(len(subjects), heldRows)] {
		about, err := s.Registry.NoticesAbout(ctx, subject)
		if err != nil {
			return nil, s.checked(err)
		}
		h.Notices = append(h.Notices, slices.DeleteFunc(about, func(n Notice) bool { return n.Kind == NoticeDebited })...)
	}
	return h, nil
}

// StatementOf groups the payments to a payee of business dates from and to and all between them by who paid. More than
// [StatementDays] is cut at the end.
func (s *Enrolments) StatementOf(ctx context.Context, p *Payee, from, to Date) (*Statement, error) {
	if last := DateOf(from.Time().AddDate(0, 0, StatementDays-1)); to > last {
		to = last
	}
	rows, err := s.Registry.PaymentsTo(ctx, p.Ref.ID, from, to, StatementRows+1)
	if err != nil {
		return nil, s.checked(err)
	}
	out := &Statement{Payee: p.Ref.ID, Number: p.Number, From: from, To: to, More: len(rows) > StatementRows}
	groups := map[MSISDN]*PayerGroup{}
	for _, t := range rows[:min(len(rows), StatementRows)] {
		g := groups[t.Payer]
		if g == nil {
			g = &PayerGroup{Payer: t.Payer}
			groups[t.Payer] = g
		}
		g.Count++
		g.Sum += t.Amount
		out.Count++
		out.Sum += t.Amount
		g.Payments = append(g.Payments, StatementLine{ID: t.ID, RRN: t.RRN(), At: t.Opened, Amount: t.Amount, State: t.State, Memo: t.Memo})
	}
	for _, g := range groups {
		out.Payers = append(out.Payers, *g)
	}
	slices.SortFunc(out.Payers, func(a, b PayerGroup) int {
		return cmp.Or(cmp.Compare(b.Sum, a.Sum), cmp.Compare(a.Payments[0].ID, b.Payments[0].ID))
	})
	return out, nil
}
