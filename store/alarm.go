package store

import (
	"context"
	"time"

	acquirer "example.com/ringback/switch"
)

// AlarmMark says that alarms of a kind were raised about a terminal and that nobody has seen to them yet.
type AlarmMark struct {
	Terminal    acquirer.TerminalID
	Kind        acquirer.AlarmKind
	First, Last time.Time // when the first and the last was raised
	Count       int
}

// RaiseAlarm implements [acquirer.Directory]. [acquirer.ErrNotFound]: no such terminal.
func (db *DB) RaiseAlarm(ctx context.Context, a acquirer.Alarm) error {
	first := call{writeKnown, []any{string(a.Terminal)}}
	if a.Block {
		first = blockOn(a.Terminal, a.At)
	}
	return db.update(ctx, first, call{writeAlarm, []any{string(a.Terminal), string(a.Kind), micros(a.At), int64(max(1, a.Count))}})
}

// Alarms returns the marks of all terminals, in the order of their numbers and kinds.
func (db *DB) Alarms(ctx context.Context) (all []AlarmMark, err error) {
	err = db.many(ctx, func(row scanner) error {
		var m AlarmMark
		var first, last int64
		err := row.Scan(&m.Terminal, &m.Kind, &first, &last, &m.Count)
		m.First, m.Last = timeOf(first), timeOf(last)
		all = append(all, m)
		return err
	}, readAlarms)
	return all, err
}
