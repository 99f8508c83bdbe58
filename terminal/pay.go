package terminal

import (
	"context"
	"time"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// pay handles name-confirm (0100), debit (0200) and undo (0400).
func (q *session) pay(ctx context.Context, admitted func()) (*pos.Message, error) {
	if err := q.verify(time.Now()); err != nil {
		return nil, err
	}
	if err := q.unpack(); err != nil {
		return nil, err
	}
	switch q.mti() {
	case pos.MTIInquiry:
		return q.inquire(ctx)
	case pos.MTIDebit:
		return q.debit(ctx, admitted)
	}
	return q.undo(ctx)
}

func (q *session) inquire(ctx context.Context) (*pos.Message, error) {
	if err := q.follow(ctx); err != nil {
		return nil, err
	}
	r, err := q.decodeInquiry()
	if err != nil {
		return nil, err
	}
	i, err := q.server.Switch.Inquire(ctx, r)
	if err != nil {
		return nil, err
	}
	return q.encodeInquiryResponse(i), nil
}

func (q *session) debit(ctx context.Context, admitted func()) (*pos.Message, error) {
	if err := q.follow(ctx); err != nil {
		return nil, err
	}
	r, err := q.decodeDebit()
	if err != nil {
		return nil, err
	}
	t, err := q.server.Switch.Debit(ctx, r, admitted)
	if err != nil {
		return nil, err
	}
	return q.encodeDebitResponse(t), nil
}

// undo has no check of the batch: a 0400 carries its debit's, also after a new sign-on (PROTOCOL 1.1).
func (q *session) undo(ctx context.Context) (*pos.Message, error) {
	r, err := q.decodeUndo()
	if err != nil {
		return nil, err
	}
	t, err := q.server.Switch.Undo(ctx, r)
	if err != nil {
		return nil, err
	}
	return q.encodeUndoResponse(t, time.Now()), nil
}

// manage handles sign-on (0800), sign-off and echo (0820). They carry no F64 (dialect page, section 4).
func (q *session) manage(ctx context.Context) (*pos.Message, error) {
	if err := q.unpack(); err != nil {
		return nil, err
	}
	signOn := q.mti() == pos.MTISignOn
	switch {
	case q.f60.Kind != pos.KindNetwork:
		return nil, refusal(acquirer.CodeNotSupported, nil)
	case q.echo():
		return q.encodeEchoResponse(time.Now()), nil
	case !signOn && q.f60.NetMgmt != pos.NetSignOff:
		return nil, refusal(acquirer.CodeNotSupported, nil)
	case !q.head.Has(11):
		return nil, malformedField("F11 is missing")
	case signOn:
		return q.signOn(ctx)
	}
	return q.signOff(ctx)
}

// echo reports whether the request is an echo. It asks only whether the line is alive and touches no session: neither
// sign-on nor batch matter to it.
func (q *session) echo() bool {
	return q.mti() == pos.MTINetwork && string(q.head.NetCode[:]) == pos.NetEcho
}

func (q *session) signOn(ctx context.Context) (*pos.Message, error) {
	a, err := q.server.Switch.SignOn(ctx, q.terminal, acquirer.SignOnKind(q.f60.NetMgmt))
	if err != nil {
		return nil, err
	}
	if err := q.greet(ctx); err != nil {
		return nil, err
	}
	return q.encodeSignOnResponse(a, time.Now())
}

// signOff may be repeated when its answer was lost, which is why it asks for the batch and not for a session.
func (q *session) signOff(ctx context.Context) (*pos.Message, error) {
	if err := q.server.Switch.CheckBatch(q.terminal, batchOf(q.f60)); err != nil {
		return nil, err
	}
	if err := q.server.Switch.SignOff(ctx, q.terminal); err != nil {
		return nil, err
	}
	q.server.roster.leave(q.id)
	return q.encodeSignOffResponse(time.Now()), nil
}
