package terminal

import (
	"context"
	"fmt"
	"strconv"
	"time"

	acquirer "example.com/ringback/switch"
)

// greet notes a sign-on. It raises an alarm when the session before was at work on another connection that is alive:
// there are two terminals of one number, or somebody plays one, or a line broke and the switch has not heard of it.
func (q *session) greet(ctx context.Context) error {
	rival := q.server.roster.rival(q.conn, q.id)
	q.server.roster.enter(q.conn, q.terminal)
	if rival == "" {
		return nil
	}
	return q.alarm(ctx, acquirer.AlarmSecondSignOn,
		fmt.Sprintf("from %s while at work from %s", q.conn.nc.RemoteAddr(), rival))
}

// follow checks the batch of an authentic name-confirm or debit and then looks whether the trace number runs on. One that
// lies behind the last raises an alarm and is taken all the same.
func (q *session) follow(ctx context.Context) error {
	batch := batchOf(q.f60)
	if err := q.server.Switch.CheckBatch(q.terminal, batch); err != nil {
		return err
	}
	trace, err := strconv.Atoi(string(q.head.STAN[:]))
	if err != nil {
		return nil // there is none: refused where the fields are read
	}
	last, back := q.server.roster.follow(q.id, batch, trace)
	if back || last == trace {
		q.received = time.Time{} // an old message, or one that came before: no word for what was answered since
	}
	if !back {
		return nil
	}
	return q.alarm(ctx, acquirer.AlarmTraceBack,
		fmt.Sprintf("F11 %06d after %06d in batch %06d, from %s", trace, last, batch, q.conn.nc.RemoteAddr()))
}

// alarm raises an alarm about the terminal of the request. An error is of kind ErrStore.
func (q *session) alarm(ctx context.Context, kind acquirer.AlarmKind, detail string) error {
	return q.server.Switch.RaiseAlarm(ctx, acquirer.Alarm{Terminal: q.id, Kind: kind, At: time.Now(), Detail: detail})
}
