package acquirer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"
)

// EnrolmentsConfig is what an [Enrolments] is made of. All fields but Steps and Limits must be set.
type EnrolmentsConfig struct {
	Registry  Registry
	Numbers   *NumberingPlan
	Issuers   *IssuerTable
	Templates *Templates
	Steps     []Verifier // the verification unit's, asked in this order before a code is sent: [NewBankCheck]
	Codes     Key        // keys the codes: 32 bytes that no database holds ([Vault.IndexKey])
	Random    io.Reader  // nonces of codes: crypto/rand.Reader but in a test
	Limits    EnrolmentLimits
	// Offered reports whether a payee may choose a device: one that is configured. It must not be changed once messages come;
	// nil: every kind.
	Offered func(DeviceKind) bool
	Noticed func() // called when a notice was put into the outbox; nil: nobody
	// OnStuck is told of what [Enrolments.Run] cannot do for a reason of our own, such as a row that does not open, and puts
	// off. It must not block. The error holds no personal data. nil: nobody.
	OnStuck func(error)
}

// Enrolments takes what payees ask for by any channel, has it verified and confirmed, and makes it real. Its methods
// are safe for concurrent use. It implements [Inbox] and [Desk].
//
// What a channel claims proves nothing. A request becomes real only when a code that went to the mobile number comes
// back; a change of card or number is told to the number and to every device as they were and takes effect after a
// waiting time, and a change of name after a person's approval. Whether a number is registered no channel ever learns.
type Enrolments struct {
	EnrolmentsConfig
	woken   chan struct{}
	busy    chan struct{} // a place for each message being read
	failed  chan error
	failing sync.Once
}

var (
	_ Inbox = (*Enrolments)(nil)
	_ Desk  = (*Enrolments)(nil)
)

// NewEnrolments returns an Enrolments that has started nothing: call [Enrolments.Run] for the life of the process.
func NewEnrolments(c EnrolmentsConfig) *Enrolments {
	c.Limits = c.Limits.WithDefaults()
	if c.Noticed == nil {
		c.Noticed = func() {}
	}
	if c.OnStuck == nil {
		c.OnStuck = func(error) {}
	}
	return &Enrolments{EnrolmentsConfig: c, woken: make(chan struct{}, 1), busy: make(chan struct{}, messagesAtOnce),
		failed: make(chan error, 1)}
}

// Receive implements [Inbox].
func (s *Enrolments) Receive(ctx context.Context, m Inbound) (Reply, error) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		return Reply{}, ErrBusy
	}
	if err := checkInbound(m); err != nil {
		return Reply{}, err
	}
	earlier, err := s.Registry.Message(ctx, m.Channel, m.MessageID)
	if err == nil {
		return s.again(earlier)
	}
	if !errors.Is(err, ErrNotFound) {
		return Reply{}, s.checked(err)
	}
	reply, err := s.receive(ctx, m)
	if errors.Is(err, ErrDuplicate) { // its twin came first
		if earlier, err = s.Registry.Message(ctx, m.Channel, m.MessageID); err == nil {
			return s.again(earlier)
		}
	}
	return reply, s.checked(err)
}

// checkInbound holds the bounds that [Inbound] names.
func checkInbound(m Inbound) error {
	for _, v := range []struct {
		value       string
		least, most int
	}{{string(m.Channel), 1, 20}, {m.MessageID, 1, 200}, {m.Sender, 1, 254}, {m.Evidence.Source, 0, 128}, {m.Evidence.Checks, 0, 200}} {
		if len(v.value) < v.least || len(v.value) > v.most || !utf8.ValidString(v.value) {
			return fmt.Errorf("%w: a field of %d bytes, %d to %d are allowed", ErrInbound, len(v.value), v.least, v.most)
		}
	}
	if m.Request != nil && m.Text != "" {
		return fmt.Errorf("%w: text and request at once", ErrInbound)
	}
	return nil
}

// receive reads a message that was not seen before.
func (s *Enrolments) receive(ctx context.Context, m Inbound) (Reply, error) {
	heard := Heard{Channel: m.Channel, MessageID: m.MessageID, At: time.Now(), Language: m.Language}
	r, err := requestOf(m)
	if r.Language != "" {
		heard.Language = r.Language
	}
	free, failed := s.admit(ctx, m, heard.At)
	switch {
	case failed != nil:
		return Reply{}, failed
	case !free: // noted nowhere: silence must cost an attacker's flood nothing that lasts
		heard.Outcome, heard.Silent = OutcomeLimited, m.Channel.letters()
		return s.write(heard)
	case err != nil || r.Kind == RequestHelp:
		heard.Outcome = OutcomeHelp
		return s.note(ctx, m, heard)
	}
	e, reasons := s.draft(m, r, heard.At)
	switch {
	case len(reasons) > 0:
		heard.Outcome, heard.Reasons = OutcomeRefused, reasons
		return s.note(ctx, m, heard)
	case r.Kind == RequestConfirm:
		return s.confirm(ctx, m, r, e, heard)
	case r.Kind == RequestCancel:
		return s.cancel(ctx, m, r, e, heard)
	case r.Kind == RequestResend:
		return s.resend(ctx, m, e, heard)
	}
	return s.open(ctx, m, e, heard)
}

// requestOf returns what a message asks for.
func requestOf(m Inbound) (Request, error) {
	if m.Request == nil {
		return ParseCommand(m.Text)
	}
	r := *m.Request
	if r.Language == "" {
		r.Language = m.Language
	}
	if !r.Kind.known() {
		return r, ErrNoCommand
	}
	return r, nil
}

// admit counts the message against its sender and against the address that it came from. The sender goes first: one that
// has no more left cannot use up what others need.
func (s *Enrolments) admit(ctx context.Context, m Inbound, now time.Time) (bool, error) {
	ok, err := s.Registry.Take(ctx, Use{Scope: "sender", Subject: senderSubject(m), At: now, Most: s.Limits.SenderPerDay, Window: day})
	if err != nil || !ok {
		return false, err
	}
	most := s.Limits.SourcePerDay
	if m.Channel.numbers() {
		most = s.Limits.GatewayPerDay
	}
	return s.Registry.Take(ctx, Use{Scope: "source", Subject: string(m.Channel) + "|" + m.Evidence.Source, At: now, Most: most, Window: day})
}

func senderSubject(m Inbound) string { return string(m.Channel) + "|" + m.Sender }

// note keeps the answer to a message that opens and moves nothing, and gives it.
func (s *Enrolments) note(ctx context.Context, m Inbound, h Heard) (Reply, error) {
	if err := s.quieten(ctx, m, &h); err != nil {
		return Reply{}, err
	}
	if err := s.Registry.NoteMessage(ctx, h); err != nil {
		return Reply{}, err
	}
	return s.write(h)
}

// quieten makes an answer silent where it would be a message of its own and its sender got enough of them, or where the
// code that is under way says it all.
func (s *Enrolments) quieten(ctx context.Context, m Inbound, h *Heard) error {
	if !m.Channel.letters() {
		return nil
	}
	if h.Outcome == OutcomeTaken && m.Channel.numbers() {
		h.Silent = true
		return nil
	}
	uses := []Use{{Scope: "answer", Most: s.Limits.AnswersPerDay}}
	if h.Outcome == OutcomeHelp {
		uses = append([]Use{{Scope: "help", Most: s.Limits.HelpsPerDay}}, uses...)
	}
	for _, u := range uses {
		u.Subject, u.At, u.Window = senderSubject(m), h.At, day
		ok, err := s.Registry.Take(ctx, u)
		if err != nil {
			return err
		}
		if h.Silent = !ok; !ok {
			return nil
		}
	}
	return nil
}

// open makes a request durable and wakes the worker, which looks it up: whatever the registry says of the number, the
// channel sees the same.
func (s *Enrolments) open(ctx context.Context, m Inbound, e *Enrolment, h Heard) (Reply, error) {
	h.Outcome = OutcomeTaken
	if err := s.quieten(ctx, m, &h); err != nil {
		return Reply{}, err
	}
	e.State, e.Changed, e.Due = EnrolmentReceived, e.Opened, e.Opened
	if err := s.Registry.OpenEnrolment(ctx, e, EnrolmentChange{At: e.Opened, Event: EnrolReceive, Message: &h}); err != nil {
		return Reply{}, err
	}
	s.wake()
	return s.write(h)
}

// again gives the answer that a message got when it came first.
func (s *Enrolments) again(h Heard) (Reply, error) {
	r, err := s.write(h)
	r.Again = true
	return r, err
}

// write makes the reply of what was noted.
func (s *Enrolments) write(h Heard) (Reply, error) {
	l := h.Language
	if l != English {
		l = Chinese
	}
	r := Reply{Outcome: h.Outcome, Language: l, Reasons: h.Reasons, Effective: h.Effective}
	if h.Silent {
		return r, nil
	}
	var err error
	_, r.Text, err = s.Templates.Write(l, "reply-"+string(h.Outcome), Words{Kind: RequestText(l, h.Kind),
		Reasons: ReasonsText(l, h.Reasons), Effective: momentText(l, h.Effective), Minutes: minutesText(s.Limits.CodeLife)})
	return r, err
}

// checked passes err on and, when it is of kind ErrStore, makes Run end.
func (s *Enrolments) checked(err error) error {
	if errors.Is(err, ErrStore) {
		s.failing.Do(func() { s.failed <- fmt.Errorf("enrolments cannot be written: %w", err) })
	}
	return err
}

// wake makes the worker look.
func (s *Enrolments) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// momentText writes a time for a person, in Beijing time; empty for none.
func momentText(l Language, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(Beijing).Format(bilingual{"01月02日15:04", "2 Jan 15:04"}.in(l))
}

func minutesText(d time.Duration) string { return fmt.Sprint(int(d.Minutes())) }
