package sms

import (
	"context"
	"errors"
	"time"

	acquirer "example.com/ringback/switch"
)

// offered is a receipt that is to be stored, and how often that was tried in vain.
type offered struct {
	Report
	held  held
	tries int
	due   time.Time
}

// offer stores a receipt and acknowledges it. again: its message is not written down yet.
func (s *SMS) offer(ctx context.Context, o offered) (again bool) {
	v, again, err := s.store(ctx, o.Report)
	if again && o.tries < receiptTries {
		return true
	}
	if again { // nobody waits for it: a receipt of another day, or of a message that was removed
		s.noisy.Info().Str("state", o.State).Msg("receipt for a message that is not known")
		v = Taken
	}
	o.held.respond(v) // first: the end takes the link down
	if err != nil {
		s.fail(err)
	}
	return false
}

// store makes the outcome of a message durable. An error ends the process.
func (s *SMS) store(ctx context.Context, r Report) (v Verdict, again bool, fatal error) {
	if !r.Ended {
		return Taken, false, nil
	}
	out := acquirer.Receipt{Device: acquirer.DeviceSMS, Delivered: r.Delivered, Detail: r.Detail, At: time.Now()}
	meaning, notice := s.outgoing.receipt(r.ID, r.Delivered)
	switch meaning {
	case outcomeOpen:
		return Taken, false, nil
	case outcomeUnknown:
		out.Reference = r.ID
	default:
		out.Notice = notice
	}
	switch err := s.Receipts.Receipt(ctx, out); {
	case err == nil:
		s.outgoing.told(notice)
		return Taken, false, nil
	case errors.Is(err, acquirer.ErrNotFound):
		return Later, true, nil
	case errors.Is(err, acquirer.ErrStore):
		return Later, false, err
	default:
		s.log.Warn().Err(err).Msg("receipt could not be stored: the centre is asked to send it again")
		return Later, false, nil
	}
}
