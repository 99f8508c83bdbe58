package portal

import (
	"context"
	"errors"
	"net/http"
	"time"

	acquirer "example.com/ringback/switch"
)

// way is one of the switch's channels as pages use it, with the addresses of its page for the code.
type way struct {
	channel         acquirer.Channel
	confirm, resend string
}

var (
	webWay = way{acquirer.ChannelWeb, "/confirm", "/resend"}
	pcWay  = way{acquirer.ChannelPC, "/pc/confirm", "/pc/resend"}
)

// receive hands a request to the switch. A refusal is for what has no answer of the switch.
func (p *Portal) receive(r *http.Request, c acquirer.Channel, sender, id string, q acquirer.Request) (acquirer.Reply, *refusal) {
	v := visitOf(r)
	q.Language = v.language
	checks := "tls=no"
	if v.secure {
		checks = "tls=yes"
	}
	ctx, cancel := context.WithTimeout(r.Context(), coreTimeout)
	defer cancel()
	reply, err := p.Inbox.Receive(ctx, acquirer.Inbound{Channel: c, MessageID: id, Sender: sender,
		Evidence: acquirer.Evidence{Source: v.source, Checks: checks}, Language: v.language, Request: &q})
	if err != nil {
		return acquirer.Reply{}, p.failure(err)
	}
	return reply, nil
}

// failure says how an error of the switch is answered.
func (p *Portal) failure(err error) *refusal {
	switch {
	case errors.Is(err, acquirer.ErrInbound):
		return &refusal{status: http.StatusBadRequest, slug: "malformed"}
	case errors.Is(err, acquirer.ErrBusy), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &refusal{status: http.StatusServiceUnavailable, slug: "busy", retry: retrySoon}
	case errors.Is(err, acquirer.ErrNotFound):
		return &refusal{status: http.StatusForbidden, slug: "not-confirmed"}
	}
	p.noisy.Error().Err(p.checked(err)).Msg("a payee's request failed")
	return &refusal{status: http.StatusInternalServerError, slug: "failed"}
}

// held asks for everything that is held about the payee of a session.
func (p *Portal) held(r *http.Request, c acquirer.Channel, sender string) (heldView, *refusal) {
	ctx, cancel := context.WithTimeout(r.Context(), coreTimeout)
	defer cancel()
	h, err := p.Desk.Held(ctx, c, sender)
	if err != nil {
		return heldView{}, p.failure(err)
	}
	return viewHeld(h), nil
}

// statement asks for the payments to the payee of a session.
func (p *Portal) statement(r *http.Request, c acquirer.Channel, sender string, from, to acquirer.Date) (statementView, *refusal) {
	ctx, cancel := context.WithTimeout(r.Context(), coreTimeout)
	defer cancel()
	s, err := p.Desk.Statement(ctx, c, sender, from, to)
	if err != nil {
		return statementView{}, p.failure(err)
	}
	return viewStatement(s), nil
}

// errPeriod: no span of days, or one that is too long.
var errPeriod = errors.New("no period of a statement")

// period reads the first and the last day of a statement, each 2006-01-02; the last defaultDays when neither is given.
func period(from, to string, now time.Time) (first, last acquirer.Date, err error) {
	if from == "" && to == "" {
		return acquirer.DateOf(now.AddDate(0, 0, 1-defaultDays)), acquirer.DateOf(now), nil
	}
	a, err := time.ParseInLocation(time.DateOnly, from, acquirer.Beijing)
	if err != nil {
		return 0, 0, errPeriod
	}
	b, err := time.ParseInLocation(time.DateOnly, to, acquirer.Beijing)
	if err != nil || b.Before(a) || b.Sub(a) >= acquirer.StatementDays*24*time.Hour {
		return 0, 0, errPeriod
	}
	return acquirer.DateOf(a), acquirer.DateOf(b), nil
}
