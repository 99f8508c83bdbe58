package acquirer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNotWaiting says that an enrolment does not wait for what an operator decided.
var ErrNotWaiting = errors.New("it does not wait for that")

// Approve is an operator's yes to an enrolment that waits for one: a change of name whose code came back is carried out, and
// a request that the bank could not be asked about gets its code. by and why go into the history; they must hold no personal
// data of the payee.
func (s *Enrolments) Approve(ctx context.Context, id EnrolmentID, by, why string) error {
	e, err := s.Registry.Enrolment(ctx, id)
	if err != nil {
		return s.checked(err)
	}
	now := time.Now()
	switch {
	case e.State == EnrolmentChecked && e.ByPeople:
		next := *e
		return s.checked(s.sendCode(ctx, e, &next, EnrolApprove, decision(by, why), now))
	case e.State == EnrolmentConfirmed && e.ByPeople:
		return s.checked(s.apply(ctx, e, EnrolApprove, decision(by, why)))
	}
	return fmt.Errorf("enrolment %s is %s: %w", id, e.State, ErrNotWaiting)
}

// Refuse is an operator's no to an enrolment that has not ended, whatever it waits for. The number is told.
func (s *Enrolments) Refuse(ctx context.Context, id EnrolmentID, by, why string) error {
	e, err := s.Registry.Enrolment(ctx, id)
	if err != nil {
		return s.checked(err)
	}
	if e.State.Ended() {
		return fmt.Errorf("enrolment %s is %s: %w", id, e.State, ErrNotWaiting)
	}
	now := time.Now()
	next := *e
	next.State, next.Reasons, next.Changed, next.Due = EnrolmentRefused, []Reason{ReasonOperator}, now, time.Time{}
	c := EnrolmentChange{At: now, Event: EnrolRefuse, Detail: decision(by, why)}
	if err := s.tell(ctx, &next, &c); err != nil {
		return s.checked(err)
	}
	err = s.Registry.MoveEnrolment(ctx, e, &next, c)
	s.Noticed()
	return s.checked(err)
}

func decision(by, why string) string {
	if why == "" {
		return "by " + by
	}
	return "by " + by + ": " + why
}

// SetStatus is an operator's act on a payee: PayeeBlocked until an operator lifts it; PayeeActive, which counts as a sign
// of life and as verification; PayeeDeleted. [ErrNotFound]: nobody is registered at the number.
func (s *Enrolments) SetStatus(ctx context.Context, number MSISDN, status PayeeStatus) error {
	for try := 1; ; try++ {
		p, err := s.Registry.PayeeByNumber(ctx, number)
		if err != nil {
			return s.checked(err)
		}
		f := Effect{Payee: *p}
		f.Payee.Status = status
		switch status {
		case PayeeActive:
			f.Payee.Alive = time.Now()
		case PayeeDeleted:
			f.Payee.Alive = time.Now()
			f.forget()
		}
		err = s.Registry.ChangePayee(ctx, f)
		if !errors.Is(err, ErrStale) || try == effectTries {
			return s.checked(err)
		}
	}
}

// Housekeep removes what is old and reminds the payees whose number was silent for long. [Enrolments.Run] does so once a
// day. What cannot be removed keeps nobody from being reminded; the error names all that failed.
func (s *Enrolments) Housekeep(ctx context.Context, now time.Time) error {
	_, err := s.Registry.Purge(ctx, now, s.Limits)
	if err != nil {
		err = fmt.Errorf("removing what is old: %w", s.checked(err))
	}
	if s.Limits.Dormant < 0 || errors.Is(err, ErrStore) {
		return err
	}
	return errors.Join(err, s.remind(ctx, now))
}

// remind puts a notice to each payee whose number was silent for long into the outbox.
func (s *Enrolments) remind(ctx context.Context, now time.Time) error {
	before := now.Add(s.Limits.Remind - s.Limits.Dormant)
	for after := PayeeID(0); ; {
		page, err := s.Registry.Silent(ctx, before, after, pageSize)
		if err != nil {
			return fmt.Errorf("looking for silent numbers: %w", s.checked(err))
		}
		for _, p := range page {
			n := Notice{Payee: p.ID, Kind: NoticeDormant, Copy: int(DateOf(p.Alive)), Created: now}
			if err := s.Registry.Remind(ctx, n); err != nil {
				return fmt.Errorf("reminding a silent number: %w", s.checked(err))
			}
			after = p.ID
		}
		if len(page) < pageSize {
			return nil
		}
	}
}
