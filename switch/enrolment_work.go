package acquirer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Run works on enrolments that are due until ctx ends; then it waits for what is under way and returns nil. It returns
// an error of kind [ErrStore] as soon as any method met one: the process must end.
func (s *Enrolments) Run(ctx context.Context) error {
	poll := time.NewTicker(enrolmentPoll)
	defer poll.Stop()
	housekeep := time.NewTimer(housekeepFirst)
	defer housekeep.Stop()
	for {
		if err := s.workDue(ctx); err != nil {
			return endOf(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case <-s.woken:
		case <-poll.C:
		case <-housekeep.C:
			housekeep.Reset(housekeepEvery)
			if err := s.tolerate(ctx, s.Housekeep(ctx, time.Now())); err != nil {
				return endOf(ctx, err)
			}
		}
	}
}

// workDue works on everything that is due now, a few at a time.
func (s *Enrolments) workDue(ctx context.Context) error {
	for ctx.Err() == nil {
		due, err := s.Registry.DueEnrolments(ctx, time.Now(), checksAtOnce)
		if err != nil {
			return fmt.Errorf("reading due enrolments: %w", err)
		}
		var all sync.WaitGroup
		errs := make([]error, len(due))
		for i, d := range due {
			all.Go(func() { errs[i] = s.work(ctx, d) })
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if len(due) < checksAtOnce {
			return nil
		}
	}
	return nil
}

// work takes one enrolment a step on. That somebody else moved it meanwhile is no error: it is looked at again. One that
// cannot be worked on is put off and told of, for else it would be taken up again at once.
func (s *Enrolments) work(ctx context.Context, d DueEnrolment) error {
	err := s.step(ctx, d)
	if err == nil || errors.Is(err, ErrStale) {
		return nil
	}
	err = s.tolerate(ctx, fmt.Errorf("enrolment %s: %w", d.ID, s.checked(err)))
	if err != nil {
		return err
	}
	err = s.Registry.PutOff(ctx, d, time.Now().Add(stuckPause))
	if errors.Is(err, ErrNotFound) {
		return nil // it has moved on, and is stuck no more
	}
	return s.checked(err)
}

// tolerate tells of an error and goes on, unless the store has failed or ctx has ended.
func (s *Enrolments) tolerate(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrStore) || ctx.Err() != nil {
		return err
	}
	s.OnStuck(err)
	return nil
}

// step does what an enrolment is due for. [ErrStale]: it is not as it was when the queue was read, and what was due then may
// not be due now: a confirmed one may have its waiting time in front of it.
func (s *Enrolments) step(ctx context.Context, d DueEnrolment) error {
	e, err := s.Registry.Enrolment(ctx, d.ID)
	if errors.Is(err, ErrNotFound) || err == nil && e.Version != d.Version {
		return ErrStale
	}
	if err != nil {
		return err
	}
	now := time.Now()
	switch {
	case e.State == EnrolmentReceived:
		return s.look(ctx, e, now)
	case e.State == EnrolmentChecked && (e.ByPeople || now.Sub(e.Opened) > s.Limits.BankTime):
		return s.end(ctx, e, EnrolmentExpired, EnrolExpire, nil, now)
	case e.State == EnrolmentChecked:
		return s.verify(ctx, e)
	case e.State == EnrolmentCodeSent, e.State == EnrolmentConfirmed && e.ByPeople:
		return s.end(ctx, e, EnrolmentExpired, EnrolExpire, nil, now)
	case e.State == EnrolmentConfirmed:
		return s.apply(ctx, e, EnrolDue, "")
	}
	return nil
}

// look asks the registry about a request: whom is it about, and may it be asked for?
func (s *Enrolments) look(ctx context.Context, e *Enrolment, now time.Time) error {
	payee, err := s.Registry.PayeeByNumber(ctx, e.Number)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	there := err == nil && payee.Status != PayeeDeleted
	next := *e
	switch {
	case e.Kind == RequestRegister && there && payee.Status != PayeeRegistered:
		return s.refuse(ctx, e, ReasonKnown, string(ReasonKnown), now)
	case e.Kind != RequestRegister && (!there || payee.Status == PayeeRegistered):
		return s.refuse(ctx, e, ReasonUnknown, string(ReasonUnknown), now)
	case there && payee.Status == PayeeBlocked && e.Kind != RequestSee && e.Kind != RequestDelete:
		return s.refuse(ctx, e, ReasonOperator, string(ReasonOperator), now)
	case there:
		next.Payee = payee.Ref
	}
	if next.Kind == RequestChangeCard {
		next.Name = payee.Name
	}
	if next.Kind == RequestChangeName {
		next.Card = payee.Card
	}
	if !next.needsBank() {
		return s.sendCode(ctx, e, &next, EnrolPass, "", now)
	}
	next.State, next.Changed, next.Due = EnrolmentChecked, now, now
	err = s.Registry.MoveEnrolment(ctx, e, &next, EnrolmentChange{At: now, Event: EnrolPass})
	s.wake()
	return err
}

// needsBank reports whether name and card must be verified together.
func (e *Enrolment) needsBank() bool {
	return e.Kind == RequestRegister || e.Kind == RequestChangeCard || e.Kind == RequestChangeName
}

// verify asks the steps of the verification unit in their order. Only yes from all of them goes on.
func (s *Enrolments) verify(ctx context.Context, e *Enrolment) error {
	verdict := Verdict{}
	for _, step := range s.Steps {
		v, err := step.Verify(ctx, e)
		if errors.Is(err, ErrStore) {
			return err
		}
		if err != nil {
			v = Verdict{Later: true, Detail: step.Name() + ": " + err.Error()}
		}
		if verdict = v; v.Later || v.ByPeople || len(v.Reasons) > 0 {
			break
		}
	}
	now := time.Now()
	next := *e
	next.Changed = now
	c := EnrolmentChange{At: now, Detail: verdict.Detail}
	switch {
	case len(verdict.Reasons) > 0:
		return s.refuse(ctx, e, verdict.Reasons[0], verdict.Detail, now)
	case verdict.ByPeople:
		next.ByPeople, next.Due, c.Event = true, now.Add(s.Limits.Approval), EnrolByPeople
	case verdict.Later:
		next.Asked++
		next.Due, c.Event = now.Add(pause(bankFirst, bankMax, next.Asked)), EnrolNoAnswer
	default:
		return s.sendCode(ctx, e, &next, EnrolPass, verdict.Detail, now)
	}
	return s.Registry.MoveEnrolment(ctx, e, &next, c)
}

// pause doubles from first with each try and never exceeds most.
func pause(first, most time.Duration, tries int) time.Duration {
	d := first
	for range tries - 1 {
		if d *= 2; d >= most {
			return most
		}
	}
	return d
}

// sendCode sends the code, or both codes of a change of number. A number that got too many gets none.
func (s *Enrolments) sendCode(ctx context.Context, e, next *Enrolment, why EnrolmentEvent, detail string, now time.Time) (err error) {
	c := EnrolmentChange{At: now, Event: why, Detail: detail}
	for which, number := range [...]MSISDN{next.Number, next.NewNumber} {
		if number == (MSISDN{}) {
			continue
		}
		ok, err := s.mayCode(ctx, number, now)
		if err != nil {
			return err
		}
		if !ok {
			return s.end(ctx, e, EnrolmentRefused, EnrolFail, []Reason{ReasonLimit}, now)
		}
		if next.Codes[which], err = s.newCode(next.Codes[which], now); err != nil {
			return err
		}
		c.Notices = append(c.Notices, codeNotice(next, which))
	}
	next.State, next.Changed, next.Due, next.ByPeople = EnrolmentCodeSent, now, now.Add(s.Limits.CodeLife), false
	err = s.Registry.MoveEnrolment(ctx, e, next, c)
	s.Noticed()
	return err
}

// refuse ends a request that nobody has confirmed. The number is told, as often as it may get codes: whoever asked is
// perhaps not its owner.
func (s *Enrolments) refuse(ctx context.Context, e *Enrolment, why Reason, detail string, now time.Time) error {
	tell, err := s.mayCode(ctx, e.Number, now)
	if err != nil {
		return err
	}
	next := *e
	next.State, next.Reasons, next.Changed, next.Due = EnrolmentRefused, []Reason{why}, now, time.Time{}
	c := EnrolmentChange{At: now, Event: EnrolFail, Detail: detail}
	if tell {
		if err := s.tell(ctx, &next, &c); err != nil {
			return err
		}
	}
	err = s.Registry.MoveEnrolment(ctx, e, &next, c)
	s.Noticed()
	return err
}

// end ends a request without a word to anybody.
func (s *Enrolments) end(ctx context.Context, e *Enrolment, to EnrolmentState, why EnrolmentEvent, reasons []Reason, now time.Time) error {
	next := *e
	next.State, next.Reasons, next.Changed, next.Due = to, reasons, now, time.Time{}
	return s.Registry.MoveEnrolment(ctx, e, &next, EnrolmentChange{At: now, Event: why})
}

// apply carries out a confirmed enrolment whose time has come, or that a person approved. A payee that was changed meanwhile is read anew; when what
// the request began from is gone, it is refused, and the number told.
func (s *Enrolments) apply(ctx context.Context, e *Enrolment, why EnrolmentEvent, detail string) error {
	for try := 1; ; try++ {
		now := time.Now()
		next := *e
		next.State, next.Changed, next.Due, next.ByPeople = EnrolmentActive, now, time.Time{}, false
		if next.Effective.IsZero() {
			next.Effective = now
		}
		c := EnrolmentChange{At: now, Event: why, Detail: detail}
		effect, overtaken, err := s.effect(ctx, e, now)
		if err != nil {
			return err
		}
		if overtaken != "" {
			return s.overtaken(ctx, e, overtaken, now)
		}
		c.Effect = effect
		if err := s.tell(ctx, &next, &c); err != nil {
			return err
		}
		switch err := s.Registry.MoveEnrolment(ctx, e, &next, c); {
		case errors.Is(err, ErrDuplicate):
			return s.overtaken(ctx, e, ReasonTaken, now)
		case errors.Is(err, ErrStale) && try < effectTries:
			if e, err = s.Registry.Enrolment(ctx, e.ID); err != nil || e.State != EnrolmentConfirmed {
				return err
			}
		case err != nil:
			return err
		default:
			s.Noticed()
			return nil
		}
	}
}

// overtaken refuses a confirmed request that cannot be carried out any more.
func (s *Enrolments) overtaken(ctx context.Context, e *Enrolment, why Reason, now time.Time) error {
	next := *e
	next.State, next.Reasons, next.Changed, next.Due = EnrolmentRefused, []Reason{why}, now, time.Time{}
	c := EnrolmentChange{At: now, Event: EnrolOvertaken, Detail: string(why)}
	if err := s.tell(ctx, &next, &c); err != nil {
		return err
	}
	err := s.Registry.MoveEnrolment(ctx, e, &next, c)
	s.Noticed()
	return err
}

// effect says what a request makes of its payee as that stands now. overtaken: it cannot be any more, for this reason.
func (s *Enrolments) effect(ctx context.Context, e *Enrolment, now time.Time) (f *Effect, overtaken Reason, err error) {
	p, err := s.Registry.PayeeByNumber(ctx, e.Number)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, "", err
	}
	there := err == nil
	if e.Kind == RequestRegister {
		switch {
		case there && p.Status != PayeeRegistered:
			return nil, ReasonKnown, nil
		case !there:
			p = &Payee{Number: e.Number}
		}
		f = &Effect{Payee: *p, Contact: &Contact{Language: e.Language}}
		f.Payee.Name, f.Payee.Card, f.Payee.Status, f.Payee.Alive = e.Name, e.Card, PayeeActive, now
		f.Payee.Ref.CardVersion++
		return f, "", nil
	}
	if !there || p.Ref.ID != e.Payee.ID {
		return nil, ReasonOvertaken, nil
	}
	f = &Effect{Payee: *p}
	f.Payee.Alive = now
	return f, "", s.change(ctx, e, f)
}

// change writes a request into its effect.
func (s *Enrolments) change(ctx context.Context, e *Enrolment, f *Effect) error {
	p := &f.Payee
	switch e.Kind {
	case RequestChangeCard:
		p.Card = e.Card
		p.Ref.CardVersion++
	case RequestChangeName:
		p.Name = e.Name
	case RequestChangeNumber:
		p.Number = e.NewNumber
	case RequestSuspend:
		p.Status = PayeeSuspended
	case RequestResume:
		p.Status = PayeeActive
	case RequestDelete:
		f.forget()
	case RequestDevices:
		contact, err := s.Registry.Contact(ctx, p.Ref.ID)
		if err != nil {
			return err
		}
		f.Contact = &Contact{Language: e.Language, Routes: e.routes(contact.Routes)}
	}
	return nil
}

// forget makes an effect of a payee who asks to be forgotten. The cards stay, sealed, with the payments made to them.
func (f *Effect) forget() {
	f.Payee.Number, f.Payee.Name, f.Payee.Status, f.Payee.Ended = MSISDN{}, "", PayeeDeleted, f.Payee.Alive
	f.Contact = &Contact{}
}

// routes returns the list of devices that a request makes of the one there is.
func (e *Enrolment) routes(held []Route) []Route {
	routes := slices.Clone(e.Devices)
	if !e.Front {
		return routes
	}
	if len(held) == 0 { // told at the number so far, by whatever device is configured: that stays
		held = []Route{{Kind: DeviceSMS}, {Kind: DeviceVoice}, {Kind: DeviceSpool}}
	}
	for _, r := range held {
		if len(routes) < maxRoutes && !slices.Contains(routes, r) {
			routes = append(routes, r)
		}
	}
	return routes
}
