package acquirer

import "context"

// tell adds to a move of an enrolment the notices that it makes owed.
//
// What concerns the money of a payee is told to the number as it was, and to every device as it was, each by itself: who
// has one of them (a stolen telephone, a mailbox) cannot keep the others from hearing of it.
func (s *Enrolments) tell(ctx context.Context, e *Enrolment, c *EnrolmentChange) error {
	switch {
	case e.State == EnrolmentConfirmed && e.waits():
		return s.tellAll(ctx, e, c, NoticeStaged)
	case e.State == EnrolmentCancelled:
		return s.tellAll(ctx, e, c, NoticeCancelled)
	case e.State == EnrolmentRefused && e.Number != (MSISDN{}):
		c.Notices = append(c.Notices, Notice{Enrolment: e.ID, Kind: NoticeRefused, Copy: 1, Created: c.At})
	case e.State == EnrolmentActive && e.Kind == RequestSee:
		c.Notices = append(c.Notices, Notice{Enrolment: e.ID, Kind: NoticeHeld, Copy: 1, Created: c.At})
	case e.State == EnrolmentActive:
		return s.tellAll(ctx, e, c, NoticeActive)
	}
	return nil
}

// oldNumberCopy is the copy that goes to the number that a payee gave up.
const oldNumberCopy = 100

// receiverOf returns the number that a notice about an enrolment goes to when it has no address of its own.
func receiverOf(e *Enrolment, n Notice) MSISDN {
	second := false
	switch {
	case n.Kind == NoticeCode:
		which, _ := codeOf(n)
		second = which == 1
	case n.Kind == NoticeActive && e.Kind == RequestChangeNumber:
		second = n.Copy != oldNumberCopy
	}
	if second {
		return e.NewNumber
	}
	return e.Number
}

// waits reports whether a confirmed enrolment has a waiting time, during which it can be called off.
func (e *Enrolment) waits() bool { return e.Effective.After(e.Changed) }

// tellAll makes a notice to the number, copy 1, and one to every device of the payee that is addressed in another way.
func (s *Enrolments) tellAll(ctx context.Context, e *Enrolment, c *EnrolmentChange, kind NoticeKind) error {
	c.Notices = append(c.Notices, Notice{Enrolment: e.ID, Kind: kind, Copy: 1, Created: c.At})
	if kind == NoticeActive && e.Kind == RequestChangeNumber {
		c.Notices = append(c.Notices, Notice{Enrolment: e.ID, Kind: kind, Copy: oldNumberCopy, Created: c.At})
	}
	if e.Payee.ID <= 0 {
		return nil
	}
	contact, err := s.Registry.Contact(ctx, e.Payee.ID)
	if err != nil {
		return err
	}
	for i, r := range contact.Routes {
		if r.Address != (Address{}) {
			c.Notices = append(c.Notices, Notice{Enrolment: e.ID, Kind: kind, Copy: 2 + i, Created: c.At,
				Fixed: true, Device: r.Kind, Address: r.Address})
		}
	}
	return nil
}
