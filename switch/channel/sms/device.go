package sms

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	acquirer "example.com/ringback/switch"
)

var _ acquirer.Device = (*SMS)(nil)

// Kind implements [acquirer.Device].
func (s *SMS) Kind() acquirer.DeviceKind { return acquirer.DeviceSMS }

// Send implements [acquirer.Device]. It returns nil when the centre has taken every part. A centre that gets too much is
// waited for as long as ctx lasts. A part whose answer is still to come when ctx ends stays under way, and the next try waits
// for the same answer. When none came for as long as the limits say, the part counts as not taken and goes out again, under
// the same reference: the handset may get it twice, never not at all.
func (s *SMS) Send(ctx context.Context, m acquirer.Message) (acquirer.Handed, error) {
	l := s.bound.Load()
	if l == nil {
		return acquirer.Handed{}, acquirer.ErrDeviceDown
	}
	if !m.Expires.IsZero() && !time.Now().Before(m.Expires) {
		return acquirer.Handed{}, fmt.Errorf("expired: %w", acquirer.ErrUndeliverable)
	}
	number, err := acquirer.ParseMSISDN(m.To.Reveal())
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("address is no mobile number: %w", acquirer.ErrUndeliverable)
	}
	ref := Reference(m.ID)
	parts, err := s.Protocol.Split(m.Text, byte(ref), MaxParts)
	if err != nil {
		return acquirer.Handed{}, err
	}
	return s.sendParts(ctx, l, m, Submission{Dest: s.Protocol.Dest(number.Reveal()), Ref: ref, Expires: m.Expires, Receipt: true}, parts)
}

// sendParts submits the parts that the centre does not have yet, in their order.
func (s *SMS) sendParts(ctx context.Context, l *link, m acquirer.Message, sub Submission, parts []Part) (acquirer.Handed, error) {
	whole := s.outgoing.begin(m.ID, fingerprint(m.Text), len(parts), time.Now())
	done, last := s.outgoing.done(whole)
	for _, p := range parts[done:] {
		id, err := s.submit(ctx, l, m.ID, sub, p, func(id string) { s.outgoing.taken(whole, id) })
		if err != nil {
			return acquirer.Handed{}, err
		}
		last = id
	}
	s.outgoing.handedOn(whole)
	return handed(last), nil
}

// submit sends one part of a message, as often as the centre says that it is too much, and returns the name that a receipt
// will have.
func (s *SMS) submit(ctx context.Context, l *link, message string, sub Submission, p Part, taken func(id string)) (string, error) {
	for {
		if err := s.pace.wait(ctx); err != nil {
			return "", fmt.Errorf("waiting for the centre's pace: %w", err)
		}
		r, err := l.submit(ctx, flightKey{message, p.Seq, fingerprint(string(p.Text))}, sub, p, taken)
		switch {
		case errors.Is(err, errDown):
			return "", fmt.Errorf("%w: %w", err, acquirer.ErrDeviceDown)
		case err != nil:
			return "", fmt.Errorf("submitting: %w", err)
		case r.Fate == Accepted:
			s.pace.taken()
			return r.ID, nil
		case r.Fate == Undeliverable:
			return "", fmt.Errorf("centre refused: %s: %w", r.Word, acquirer.ErrUndeliverable)
		case r.Fate == Failed:
			return "", fmt.Errorf("centre refused: %s", r.Word)
		}
		s.pace.throttled(time.Now())
		s.noisy.Warn().Str("status", r.Word).Msg("centre gets too much: pausing")
	}
}

// Reference makes a number of a message's name, the same each time the message is sent: a centre can drop doubles by it, and
// its low byte joins the parts, so that a handset that got some of them twice still makes one message.
func Reference(name string) uint16 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint16(sum[:])
}

// fingerprint tells one text from another.
func fingerprint(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash does not fail
	return h.Sum64()
}
