package sms

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	acquirer "example.com/ringback/switch"
)

// job is what a lane works on: a message of a person, or a receipt.
type job struct {
	receipt *offered

	sender  string // mobile number
	from    Party  // as the centre gave it: the answer goes there
	link    string
	text    string
	id      string
	checks  string
	respond func(Verdict) bool
}

// deliver takes a delivery from the reader and does not wait.
func (s *SMS) deliver(l *link, d Delivery) {
	h := held{l, d.Respond}
	switch {
	case d.Wrong != "":
		s.refuse(h, Never, d.Wrong)
	case d.News:
		h.respond(Taken)
	case d.Receipt != nil:
		s.queue(d.Source, job{receipt: &offered{Report: *d.Receipt, held: h}, respond: h.respond})
	default:
		s.message(h, d.Message)
	}
}

// refuse answers a message that nothing is done with.
func (s *SMS) refuse(h held, v Verdict, why string) {
	s.noisy.Info().Str("why", why).Stringer("answer", v).Msg("message refused")
	h.respond(v)
}

// message takes a text, whole or in parts. Only a mobile number can be a payee: what comes from service numbers, names and
// foreign numbers is refused, also so that two machines never answer each other.
func (s *SMS) message(h held, m Message) {
	sender, ok := mobile(m.Source.Addr)
	if !ok {
		s.refuse(h, Reject, "sender is no mobile number of the mainland")
		return
	}
	if len(m.Text) > MaxInBytes {
		s.refuse(h, Never, "text is too long")
		return
	}
	j := job{sender: sender, from: m.Source, link: m.Link, respond: h.respond}
	if m.Concat.Total == 0 {
		s.receive(j, m)
		return
	}
	whole := s.assembly.add(m, h, time.Now())
	if whole == nil {
		return
	}
	j.respond = func(v Verdict) bool { s.assembly.finish(whole, v, time.Now()); return true }
	m.Text, m.Own = whole.text(), whole.own
	s.receive(j, m)
}

// receive reads a whole text and queues it.
func (s *SMS) receive(j job, m Message) {
	text, err := s.Protocol.Decode(m.Coding, m.Text)
	if err != nil || len(m.Text) > MaxInBytes {
		s.noisy.Info().Uint8(m.CodingName, m.Coding).Int("bytes", len(m.Text)).Msg("text that cannot be read: refused")
		j.respond(Never)
		return
	}
	j.text, j.id = text, s.nameOf(m)
	j.checks = fmt.Sprintf("%s=%d parts=%d", m.CodingName, m.Coding, max(m.Concat.Total, 1))
	s.queue(m.Source, j)
}

// queue gives a job to the lane of its number; when that is full, the centre is asked to send it again.
func (s *SMS) queue(from Party, j job) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(from.Addr)) // a hash does not fail
	select {
	case s.lanes[h.Sum32()%lanes] <- j:
	default:
		s.noisy.Warn().Msg("too many messages at once: the centre is asked to send them again")
		j.respond(Later)
	}
}

// lane works on jobs one by one until ctx ends; receipts that came too early are offered again between them.
func (s *SMS) lane(ctx context.Context, jobs <-chan job) {
	var later []offered // in the order of due, near enough
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, o := range later {
				o.held.respond(Later)
			}
			return
		case j := <-jobs:
			if j.receipt == nil {
				s.work(ctx, j)
			} else {
				later = s.postpone(ctx, later, *j.receipt)
			}
		case now := <-t.C:
			later = s.retry(ctx, later, now)
		}
		t.Reset(untilFirst(later, time.Now()))
	}
}

// postpone offers a receipt, and puts it with the others when its message is not written down yet.
func (s *SMS) postpone(ctx context.Context, later []offered, o offered) []offered {
	if !s.offer(ctx, o) {
		return later
	}
	if len(later) >= laterReceipts {
		o.held.respond(Later)
		return later
	}
	o.due = time.Now().Add(receiptFirst << o.tries)
	o.tries++
	return append(later, o)
}

// retry offers again what is due.
func (s *SMS) retry(ctx context.Context, later []offered, now time.Time) []offered {
	var kept []offered
	for _, o := range later {
		if o.due.After(now) {
			kept = append(kept, o)
		} else {
			kept = s.postpone(ctx, kept, o)
		}
	}
	return kept
}

// untilFirst is how long it is until the first of later is due.
func untilFirst(later []offered, now time.Time) time.Duration {
	d := time.Hour
	for _, o := range later {
		d = min(d, o.due.Sub(now))
	}
	return max(d, 0)
}

// work hands a message to the core, sends the answer, and only then acknowledges: a process that ends in between is sent
// the message again, the core answers as it did, and the answer goes out once more.
func (s *SMS) work(ctx context.Context, j job) {
	reply, err := s.Inbox.Receive(ctx, acquirer.Inbound{Channel: acquirer.ChannelSMS, MessageID: j.id, Sender: j.sender,
		Evidence: acquirer.Evidence{Source: s.Source, Checks: j.checks}, Text: j.text})
	switch {
	case errors.Is(err, acquirer.ErrStore):
		j.respond(Later) // first: the end takes the link down
		s.fail(err)
	case errors.Is(err, acquirer.ErrInbound):
		s.noisy.Info().Err(err).Msg("message refused")
		j.respond(Never)
	case err != nil:
		s.noisy.Warn().Err(err).Msg("message could not be taken: the centre is asked to send it again")
		j.respond(Later)
	default:
		s.log.Debug().Str("outcome", string(reply.Outcome)).Bool("again", reply.Again).Str("checks", j.checks).Msg("message taken")
		j.respond(s.reply(ctx, j, reply.Text))
	}
}

// reply sends the answer of the core to the sender. An answer that the centre refuses for ever is given up: the sender's
// number takes none. One that cannot be sent now makes the message come again.
func (s *SMS) reply(ctx context.Context, j job, text string) Verdict {
	if text == "" {
		return Taken
	}
	ctx, stop := context.WithTimeout(ctx, s.Limits.Reply)
	defer stop()
	err := s.answer(ctx, j, text)
	switch {
	case err == nil:
		return Taken
	case errors.Is(err, acquirer.ErrUndeliverable):
		s.noisy.Warn().Err(err).Msg("answer to a sender given up")
		return Taken
	}
	s.noisy.Warn().Err(err).Msg("answer to a sender could not be sent: the centre is asked to send the message again")
	return Later
}

// answer submits the parts of an answer.
func (s *SMS) answer(ctx context.Context, j job, text string) error {
	l := s.bound.Load()
	if l == nil {
		return acquirer.ErrDeviceDown
	}
	ref := Reference(j.id)
	parts, err := s.Protocol.Split(text, byte(ref), MaxReplyParts)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := s.submit(ctx, l, j.id, Submission{Dest: j.from, Ref: ref, Link: j.link}, p, func(string) {}); err != nil {
			return err
		}
	}
	return nil
}
