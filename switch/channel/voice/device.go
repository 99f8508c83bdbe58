package voice

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"example.com/ringback/switch/channel/voice/rtp"
)

// Kind implements [acquirer.Device].
func (*Voice) Kind() acquirer.DeviceKind { return acquirer.DeviceVoice }

// SendTime implements [acquirer.Slow]: to wait for a line as long as a call lasts, to ring and to be listened to.
func (v *Voice) SendTime() time.Duration {
	return 2*(v.limits.Answer+v.limits.Ring+v.limits.Call+v.limits.Drain) + time.Second
}

var errUnheard = errors.New("answered, but nobody pressed the key")

// Send implements [acquirer.Device]: it calls the number and speaks the message. It returns nil when the person has pressed the key that
// says that it was heard. Busy, no answer, refused, and answered without the key are for now, with a pause that fits the
// reason; when the message's time is too short for another call, they are for ever, so that the receiver's next device has its turn.
func (v *Voice) Send(ctx context.Context, m acquirer.Message) (acquirer.Handed, error) {
	number, err := acquirer.ParseMSISDN(m.To.Reveal())
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("address is no mobile number: %w", acquirer.ErrUndeliverable)
	}
	life, leave, ok := v.enter()
	if !ok {
		return acquirer.Handed{}, acquirer.ErrDeviceDown
	}
	defer leave()
	if !v.up.Load() {
		return acquirer.Handed{}, acquirer.ErrDeviceDown
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(life, stop)()
	line := time.NewTimer(v.SendTime() / 2)
	defer line.Stop()
	select {
	case v.out <- struct{}{}:
		defer func() { <-v.out }()
	case <-line.C:
		return acquirer.Handed{}, fmt.Errorf("every line is taken: %w", acquirer.ErrDeviceDown)
	case <-ctx.Done():
		return acquirer.Handed{}, ctx.Err()
	}
	began := time.Now()
	err = v.tell(ctx, number.Reveal(), m)
	v.log.Info().Str("notice", m.ID).Str("outcome", outcome(err)).Dur("took", time.Since(began)).Msg("a call went out")
	if err != nil {
		return acquirer.Handed{}, v.verdict(ctx, err, m.Expires)
	}
	return acquirer.Handed{Delivered: true}, nil
}

// tell calls and holds the conversation; nil: the message was heard.
func (v *Voice) tell(ctx context.Context, number string, m acquirer.Message) error {
	c, err := v.dial(ctx, number)
	if err != nil {
		return err
	}
	defer func() { _ = c.stream.Close() }() // of a UDP socket
	defer c.forget()
	c.stream.Start()
	talk, stop := c.watch(ctx, v.limits.Call)
	heard, err := v.config.Dialogue.WithDefaults().Outgoing(talk, phone{c}, m)
	stop()
	c.hangUp()
	switch {
	case heard:
		return nil
	case err != nil && !errors.Is(err, dialogue.ErrHungUp) && talk.Err() == nil:
		return fmt.Errorf("speaking: %w", err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errUnheard
}

// outcome is how a call ended, for the log.
func outcome(err error) string {
	var r *refusal
	switch {
	case err == nil:
		return "heard"
	case errors.As(err, &r):
		return r.Error()
	case errors.Is(err, errUnheard):
		return errUnheard.Error()
	}
	return plain(err)
}

// verdict is what Send returns for a call that failed.
func (v *Voice) verdict(ctx context.Context, err error, expires time.Time) error {
	var r *refusal
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errAway), errors.Is(err, errLogin), errors.Is(err, rtp.ErrNoPort):
		v.up.Store(v.up.Load() && !errors.Is(err, errAway))
		return fmt.Errorf("%s: %w", plain(err), acquirer.ErrDeviceDown)
	case errors.Is(err, errUnheard):
		return again(errUnheard, pauseUnheard, expires)
	case errors.Is(err, errMissed):
		return again(errMissed, pauseMissed, expires)
	case errors.As(err, &r):
		return r.verdict(expires)
	case errors.Is(err, errSound):
		return again(errSound, pauseFault, expires)
	}
	return err
}

// verdict is what a final answer means for the message.
func (r *refusal) verdict(expires time.Time) error {
	switch r.status {
	case 404, 410, 484, 604: // not found, gone, incomplete, nowhere
		return fmt.Errorf("%w: %w", r, acquirer.ErrUndeliverable)
	case 486, 600: // busy
		return again(r, max(r.after, pauseBusy), expires)
	case 408, 480, 487: // nobody picked up, switched off
		return again(r, max(r.after, pauseMissed), expires)
	case 603, 607, 608: // declined
		return again(r, max(r.after, pauseRefused), expires)
	}
	return again(r, max(r.after, pauseFault), expires)
}

// again is an error for now. A message that would be too old at the next call, or just behind it, is given on at once.
func again(err error, pause time.Duration, expires time.Time) error {
	if !expires.IsZero() && time.Until(expires) < 2*pause {
		return fmt.Errorf("%w, and no time for another call: %w", err, acquirer.ErrUndeliverable)
	}
	return &acquirer.RetryLater{After: pause, Err: err}
}

// statusText is a status as RFC 3261 names it, for an operator.
func statusText(status int) string {
	names := map[int]string{403: "forbidden", 404: "not found", 408: "request timeout", 410: "gone", 480: "temporarily unavailable",
		484: "address incomplete", 486: "busy here", 487: "request terminated", 488: "not acceptable here", 503: "service unavailable", 600: "busy everywhere",
		603: "decline", 604: "does not exist anywhere"}
	if names[status] == "" {
		return strconv.Itoa(status)
	}
	return strconv.Itoa(status) + " " + names[status]
}
