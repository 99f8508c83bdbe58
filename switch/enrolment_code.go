package acquirer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// coder makes codes. A code is stored nowhere: it is a keyed hash of a random nonce, bound to its enrolment, to the number
// it goes to and to its use, and is worked out anew when it is sent and when one comes back.
type coder struct{ key Key }

// The uses of codes.
const (
	codeConfirm = "confirm"
	codeStop    = "stop" // calls off what waits; goes to the number as it was
)

// digits returns the six digits.
func (c coder) digits(use string, id EnrolmentID, which int, nonce [16]byte) string {
	h := hmac.New(sha256.New, c.key.Reveal())
	_, _ = fmt.Fprintf(h, "%s|%d|%d|", use, id, which) // a hash takes every write
	_, _ = h.Write(nonce[:])
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(h.Sum(nil))%1_000_000)
}

// same compares in a time that does not tell how much is right.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// newCode draws a code for one of the numbers of an enrolment.
func (s *Enrolments) newCode(before Code, now time.Time) (Code, error) {
	c := Code{Serial: before.Serial + 1, Sent: now, Expires: now.Add(s.Limits.CodeLife)}
	if _, err := io.ReadFull(s.Random, c.Nonce[:]); err != nil {
		return Code{}, fmt.Errorf("drawing a code: %w", err)
	}
	return c, nil
}

// codeNotice is the notice that brings a code; which says to which number of the enrolment.
func codeNotice(e *Enrolment, which int) Notice {
	return Notice{Enrolment: e.ID, Kind: NoticeCode, Copy: 2*e.Codes[which].Serial - 1 + which, Created: e.Codes[which].Sent}
}

// codeOf reverses codeNotice: to which number a copy goes, and the how manieth code of it it is.
func codeOf(n Notice) (which, serial int) { return (n.Copy + 1) % 2, (n.Copy + 1) / 2 }

// mayCode counts a code to a number; false: it got too many, or one just now.
func (s *Enrolments) mayCode(ctx context.Context, number MSISDN, now time.Time) (bool, error) {
	return s.Registry.Take(ctx, Use{Scope: "code", Subject: number.Reveal(), At: now, Most: s.Limits.CodesPerDay, Window: day,
		Gap: s.Limits.CodeGap})
}

// candidates returns the enrolments in a state that a message without an id of one may mean: those of its number, or else
// those of its sender. subject is whose wrong codes are counted.
func (s *Enrolments) candidates(ctx context.Context, m Inbound, e *Enrolment, state EnrolmentState) (found []*Enrolment, subject string, err error) {
	if e.Number != (MSISDN{}) {
		found, err = s.Registry.EnrolmentsOf(ctx, e.Number, state, openPerNumber)
		return found, e.Number.Reveal(), err
	}
	all, err := s.Registry.EnrolmentsBy(ctx, m.Channel, m.Sender, openPerNumber)
	subject = senderSubject(m)
	for _, x := range all {
		if x.State == state {
			found, subject = append(found, x), x.Number.Reveal()
		}
	}
	return found, subject, err
}

// tried counts a try of a code before the code is looked at, so that many at once win nothing. false: locked.
func (s *Enrolments) tried(ctx context.Context, subject string, now time.Time) (bool, error) {
	return s.Registry.Take(ctx, Use{Scope: "try", Subject: subject, At: now, Most: s.Limits.CodeTries, Window: s.Limits.Lock})
}

// confirm takes a code. Every candidate is compared, also behind one that fits.
func (s *Enrolments) confirm(ctx context.Context, m Inbound, r Request, e *Enrolment, h Heard) (Reply, error) {
	h.Outcome = OutcomeWrongCode
	found, subject, err := s.candidates(ctx, m, e, EnrolmentCodeSent)
	if err != nil {
		return Reply{}, err
	}
	free, err := s.tried(ctx, subject, h.At)
	if err != nil {
		return Reply{}, err
	}
	var match *Enrolment
	matched := 0
	for _, x := range found {
		for which := range x.Codes {
			c := x.Codes[which]
			fits := same(coder{s.Codes}.digits(codeConfirm, x.ID, which, c.Nonce), r.Code)
			if fits && free && c.Serial > 0 && !c.Done && h.At.Before(c.Expires) && mayAnswer(m, e, x, which) {
				match, matched = x, which
			}
		}
	}
	if match == nil {
		return s.note(ctx, m, h)
	}
	return s.proved(ctx, m, match, matched, subject, h)
}

// mayAnswer reports whether a code may come back this way: from the number that it went to, or from the sender of the
// request itself.
func mayAnswer(m Inbound, said, e *Enrolment, which int) bool {
	if said.Number == (MSISDN{}) || e.Channel == m.Channel && e.Sender == m.Sender {
		return true
	}
	return said.Number == [...]MSISDN{e.Number, e.NewNumber}[which]
}

// proved moves an enrolment whose code came back, and carries it out when nothing else is to be waited for.
func (s *Enrolments) proved(ctx context.Context, m Inbound, e *Enrolment, which int, subject string, h Heard) (Reply, error) {
	next := *e
	next.Codes[which].Done, next.Changed = true, h.At
	h.Kind = e.Kind
	c := EnrolmentChange{At: h.At, Event: EnrolCode, Message: &h}
	if other := next.Codes[1-which]; other.Serial > 0 && !other.Done {
		c.Event, h.Outcome = EnrolHalf, OutcomeHalf
	} else {
		s.confirmed(&next, h.At)
		h.Outcome, h.Effective = OutcomeConfirmed, next.Effective
	}
	if err := s.quieten(ctx, m, &h); err != nil {
		return Reply{}, err
	}
	if err := s.tell(ctx, &next, &c); err != nil {
		return Reply{}, err
	}
	switch err := s.Registry.MoveEnrolment(ctx, e, &next, c); {
	case errors.Is(err, ErrStale): // it expired, or its twin came, at the same moment
		h.Outcome, h.Effective = OutcomeWrongCode, time.Time{}
		return s.note(ctx, m, h)
	case err != nil:
		return Reply{}, err
	}
	if err := s.Registry.Forgive(ctx, "try", subject); err != nil {
		return Reply{}, err
	}
	s.Noticed()
	if next.State == EnrolmentConfirmed && !next.Due.After(h.At) {
		if err := s.apply(ctx, &next, EnrolDue, ""); err != nil && !errors.Is(err, ErrStale) { // moved on meanwhile: the worker's turn
			return Reply{}, err
		}
	}
	s.wake()
	return s.write(h)
}

// confirmed sets what a confirmed enrolment waits for: its time, or a person.
func (s *Enrolments) confirmed(next *Enrolment, now time.Time) {
	next.State = EnrolmentConfirmed
	switch next.Kind {
	case RequestChangeName:
		next.ByPeople, next.Due = true, now.Add(s.Limits.Approval)
		return
	case RequestChangeCard, RequestChangeNumber:
		next.Effective = now.Add(max(s.Limits.Wait, 0))
	default:
		next.Effective = now
	}
	next.Due = next.Effective
}

// resend sends another code. Whether there is a request that waits for one the channel does not learn.
func (s *Enrolments) resend(ctx context.Context, m Inbound, e *Enrolment, h Heard) (Reply, error) {
	h.Outcome = OutcomeTaken
	found, _, err := s.candidates(ctx, m, e, EnrolmentCodeSent)
	if err != nil {
		return Reply{}, err
	}
	number := e.Number.Reveal()
	if len(found) > 0 {
		number = found[0].Number.Reveal()
	}
	subject, err := ParseMSISDN(number)
	if err != nil {
		subject = MSISDN{senderSubject(m)} // counts like a number, and is none
	}
	free, err := s.mayCode(ctx, subject, h.At)
	if err != nil {
		return Reply{}, err
	}
	if !free || len(found) == 0 || found[0].Codes[0].Serial > s.Limits.Resends {
		return s.note(ctx, m, h)
	}
	return s.sendAgain(ctx, m, found[0], h)
}

func (s *Enrolments) sendAgain(ctx context.Context, m Inbound, e *Enrolment, h Heard) (Reply, error) {
	next := *e
	c := EnrolmentChange{At: h.At, Event: EnrolResend, Message: &h}
	if err := s.quieten(ctx, m, &h); err != nil {
		return Reply{}, err
	}
	for which := range next.Codes {
		if next.Codes[which].Serial == 0 || next.Codes[which].Done {
			continue
		}
		var err error
		if next.Codes[which], err = s.newCode(next.Codes[which], h.At); err != nil {
			return Reply{}, err
		}
		c.Notices = append(c.Notices, codeNotice(&next, which))
	}
	next.Changed, next.Due = h.At, h.At.Add(s.Limits.CodeLife)
	err := s.Registry.MoveEnrolment(ctx, e, &next, c)
	if errors.Is(err, ErrStale) {
		return s.note(ctx, m, h)
	}
	if err != nil {
		return Reply{}, err
	}
	s.Noticed()
	s.wake()
	return s.write(h)
}

// cancel calls off what waits for its time, by the code that came with the news of it.
func (s *Enrolments) cancel(ctx context.Context, m Inbound, r Request, e *Enrolment, h Heard) (Reply, error) {
	h.Outcome = OutcomeWrongCode
	found, subject, err := s.candidates(ctx, m, e, EnrolmentConfirmed)
	if err != nil {
		return Reply{}, err
	}
	free, err := s.tried(ctx, subject, h.At)
	if err != nil {
		return Reply{}, err
	}
	var match *Enrolment
	for _, x := range found {
		if same(coder{s.Codes}.digits(codeStop, x.ID, 0, x.Codes[0].Nonce), r.Code) && free {
			match = x
		}
	}
	if match == nil {
		return s.note(ctx, m, h)
	}
	next := *match
	next.State, next.Changed, next.Due = EnrolmentCancelled, h.At, time.Time{}
	h.Outcome, h.Kind = OutcomeCancelled, match.Kind
	c := EnrolmentChange{At: h.At, Event: EnrolCancel, Message: &h}
	if err := s.quieten(ctx, m, &h); err != nil {
		return Reply{}, err
	}
	if err := s.tell(ctx, &next, &c); err != nil {
		return Reply{}, err
	}
	switch err := s.Registry.MoveEnrolment(ctx, match, &next, c); {
	case errors.Is(err, ErrStale):
		h.Outcome, h.Kind = OutcomeWrongCode, 0
		return s.note(ctx, m, h)
	case err != nil:
		return Reply{}, err
	}
	if err := s.Registry.Forgive(ctx, "try", subject); err != nil {
		return Reply{}, err
	}
	s.Noticed()
	return s.write(h)
}
