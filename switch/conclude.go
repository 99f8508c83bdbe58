package acquirer

import (
	"context"
	"errors"
	"time"
)

// outcome is what became of a debit at the host, as a move of the state table.
type outcome struct {
	state  State
	code   ResponseCode // F39 for the terminal
	event  Event
	detail string
	auth   Authorization

	answered bool // by the host, believed or not: the debit is no longer on its way
}

// authorize sends the debit and makes the outcome durable. r.Transaction is durable as Sent.
func (s *Switch) authorize(ctx context.Context, r AuthorizationRequest) (*Transaction, error) {
	wait, cancel := context.WithDeadline(ctx, r.Transaction.Deadline)
	auth, err := s.Network.Authorize(wait, r)
	cancel()
	t, err := s.conclude(ctx, r.Transaction, judge(auth, err))
	if err != nil {
		return nil, refuse("switch.Debit", CodeMalfunction, err)
	}
	if t.State == Approved {
		s.budgets.giveBack(t.Key.Terminal, t.Payer, time.Now())
	}
	return t, nil
}

// judge reads the host's answer, or the lack of one. Only a trusted 00 approves, and only a trusted refusal or a debit
// that never left declines; everything else is undone (DESIGN section 4).
func judge(auth Authorization, err error) outcome {
	switch {
	case errors.Is(err, ErrNotSent):
		return outcome{state: Declined, code: CodeUnreachable, event: EventNotSent, detail: err.Error()}
	case err != nil:
		return outcome{state: Reversing, code: CodeNoAnswer, event: EventUnknown, detail: err.Error(), answered: errors.Is(err, ErrDisbelieved)}
	case auth.Code == CodeApproved:
		return outcome{state: Approved, code: CodeApproved, event: EventApprove, auth: auth, answered: true}
	case auth.Code.Unknown():
		return outcome{state: Reversing, code: CodeNoAnswer, event: EventUnknown, detail: "host answered " + string(auth.Code), auth: auth, answered: true}
	}
	return outcome{state: Declined, code: auth.Code, event: EventDecline, auth: auth, answered: true}
}

// conclude moves a debit out of Sent. An undo may have come meanwhile: then an approval is undone as well.
func (s *Switch) conclude(ctx context.Context, t *Transaction, o outcome) (*Transaction, error) {
	for {
		now := time.Now()
		next, c := o.apply(t, now)
		if next.State == Reversing {
			if err := s.owe(t, &c, CodeNoAnswer, o.answered); err != nil {
				return nil, s.checked(err)
			}
		}
		err := s.Journal.Move(ctx, t, next, c)
		if err == nil {
			s.saf.wake()
			return next, nil
		}
		if !errors.Is(err, ErrStale) {
			return nil, s.checked(err)
		}
		if t, err = s.Journal.Get(ctx, t.ID); err != nil {
			return nil, s.checked(err)
		}
		if t.State != Sent { // another node's recovery was first: what it wrote is the answer
			return t, nil
		}
	}
}

// apply writes the outcome into a copy of the row.
func (o outcome) apply(t *Transaction, now time.Time) (*Transaction, Change) {
	next := *t
	next.State = o.state
	next.AuthCode, next.SettleDate, next.HostText, next.HostCode = o.auth.AuthCode, o.auth.SettleDate, o.auth.Text, o.auth.Code
	if t.UndoWanted && o.state == Approved {
		next.State = Reversing
	}
	if t.Code == "" { // an undo that met the debit at the host has fixed 98 already
		next.Code, next.Answered = o.code, now
	}
	c := Change{At: now, Event: o.event, Detail: o.detail}
	if next.State == Approved {
		c.Notices = []Notice{{Transaction: t.ID, Kind: NoticeDebited, Created: now}}
	}
	return &next, c
}

// owe adds to a change the 0420 that it makes owed. The reversal takes an id of its own, so that its trace number is
// as durable as the debit's. It may leave at once when the debit is answered; else it waits for the deadline of the
// debit, which it would overtake (DESIGN section 4, rule 4).
func (s *Switch) owe(t *Transaction, c *Change, reason ResponseCode, answered bool) error {
	id, err := s.Journal.NewID(c.At)
	if err != nil {
		return err
	}
	due := c.At
	if !answered {
		due = s.deadline(t, c.At)
	}
	c.Reversal = &Reversal{ID: id, Transaction: t.ID, Reason: reason, Due: due,
		Host: HostKey{Time: HostTime(c.At), STAN: id.STAN()}}
	return nil
}

// deadline returns the deadline of a debit, or now when it has passed. One that lies farther ahead than any debit waits
// was written before the clock was set back, and means no more than that.
func (s *Switch) deadline(t *Transaction, now time.Time) time.Time {
	latest := now.Add(s.longestWait())
	switch {
	case t.Deadline.Before(now):
		return now
	case t.Deadline.After(latest):
		return latest
	}
	return t.Deadline
}

// longestWait is how long a debit may wait for its answer under this configuration or the one before it.
func (s *Switch) longestWait() time.Duration { return max(s.Limits.HostTimeout, terminalPatience) }

// LateAnswer takes an answer to a debit that nobody waits for any more: it came after the deadline, or twice. It is
// evidence and changes nothing else: a passed deadline is final (DESIGN section 4, rule 3).
func (s *Switch) LateAnswer(ctx context.Context, key HostKey, a Authorization) error {
	for {
		t, err := s.Journal.FindHost(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return nil // an answer to nothing we sent
		}
		if err != nil {
			return s.checked(err)
		}
		next, worth := late(t, a)
		if !worth {
			return nil
		}
		c := Change{At: time.Now(), Event: EventLateAnswer, Detail: "host answered " + string(a.Code) + " " + a.AuthCode}
		err = s.Journal.Move(ctx, t, next, c)
		if !errors.Is(err, ErrStale) {
			return s.checked(err)
		}
	}
}

// late returns the row with the evidence in it; worth is false when the answer says nothing new. The answer to the
// terminal is fixed, so that nothing that it shows (F15, F38) changes.
func late(t *Transaction, a Authorization) (next *Transaction, worth bool) {
	n := *t
	n.HostCode = a.Code
	switch {
	case t.State == Declined && a.Code == CodeApproved && t.HostCode != CodeApproved:
		n.Exception = "host approved a debit that was declined here"
		return &n, true
	case t.State == Reversed && a.Code == CodeApproved && t.HostCode == CodeNoOriginal:
		n.Exception = "host knew no such debit when it was undone, and approved it"
		return &n, true
	case t.State == Reversing || t.State == Reversed:
		return &n, t.HostCode != a.Code
	}
	return nil, false
}
