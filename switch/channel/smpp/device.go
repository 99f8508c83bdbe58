package smpp

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/linxGnu/gosmpp/data"
)

var _ acquirer.Device = (*SMS)(nil)

// Kind implements [acquirer.Device].
func (s *SMS) Kind() acquirer.DeviceKind { return acquirer.DeviceSMS }

// Send implements [acquirer.Device]. It returns nil when the centre has taken every part. A centre that gets too much is
// waited for as long as ctx lasts. When an answer does not come, the part counts as not taken and goes out again with the
// next try, under the same reference: the handset may get it twice, never not at all.
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
	ref := reference(m.ID)
	parts, err := split(m.Text, s.Alphabet, byte(ref), maxParts)
	if err != nil {
		return acquirer.Handed{}, err
	}
	dest, err := Party{s.DestTON, s.DestNPI, s.Prefix + number.Reveal()}.address()
	if err != nil {
		return acquirer.Handed{}, err
	}
	sub := submission{source: s.source, dest: dest, ref: ref, validity: validity(time.Now(), m.Expires), receipt: true}
	return s.sendParts(ctx, l, m, sub, parts)
}

// sendParts submits the parts that the centre does not have yet, in their order.
func (s *SMS) sendParts(ctx context.Context, l *link, m acquirer.Message, sub submission, parts []part) (acquirer.Handed, error) {
	if len(parts) == 1 {
		id, err := s.submit(ctx, l, sub, parts[0], func(string) {})
		return handed(id), err
	}
	whole := s.outgoing.begin(m.ID, fingerprint(m.Text), len(parts), time.Now())
	done, last := s.outgoing.done(whole)
	for _, p := range parts[done:] {
		id, err := s.submit(ctx, l, sub, p, func(id string) { s.outgoing.taken(whole, s.receiptID(id)) })
		if err != nil {
			return acquirer.Handed{}, err
		}
		last = id
	}
	return handed(last), nil
}

// submit sends one part, as often as the centre says that it is too much, and returns the name that a receipt will have.
func (s *SMS) submit(ctx context.Context, l *link, sub submission, p part, taken func(id string)) (string, error) {
	for {
		if err := s.pace.wait(ctx); err != nil {
			return "", fmt.Errorf("waiting for the centre's pace: %w", err)
		}
		sm, err := sub.pdu(p)
		if err != nil {
			return "", err
		}
		a, err := l.submit(ctx, sm, taken)
		switch {
		case errors.Is(err, errDown):
			return "", fmt.Errorf("%w: %w", err, acquirer.ErrDeviceDown)
		case err != nil:
			return "", fmt.Errorf("no answer to a submit: %w", err)
		case a.status == data.ESME_ROK:
			s.pace.taken()
			return s.receiptID(a.id), nil
		case !throttled(a.status):
			return "", refused(a.status)
		}
		s.pace.throttled(time.Now())
		s.noisy.Warn().Str("status", statusText(a.status)).Msg("centre gets too much: pausing")
	}
}

// fingerprint tells one text from another.
func fingerprint(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash does not fail
	return h.Sum64()
}
