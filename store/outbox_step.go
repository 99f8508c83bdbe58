package store

import (
	"context"
	"time"

	acquirer "example.com/ringback/switch"
)

// noticeStepCalls are the writes of the step that a move of a notice to revision makes, if it makes one.
func noticeStepCalls(old, next *acquirer.Notice, revision int64) []call {
	s, ok := old.StepTo(*next, time.Now())
	if !ok {
		return nil
	}
	return []call{{writeNoticeStep, []any{old.Subject(), int64(old.Kind), int64(old.Copy), revision, micros(s.At), string(s.Device),
		int64(s.Try), int64(s.State), s.Detail, s.Reference}}}
}

// NoticeSteps implements [acquirer.Outbox].
func (db *DB) NoticeSteps(ctx context.Context, n acquirer.Notice) (all []acquirer.NoticeStep, err error) {
	err = db.many(ctx, func(row scanner) error {
		var s acquirer.NoticeStep
		var at int64
		err := row.Scan(&at, &s.Device, &s.Try, &s.State, &s.Detail, &s.Reference)
		s.At = timeOf(at)
		all = append(all, s)
		return err
	}, readNoticeSteps, n.Subject(), int64(n.Kind), int64(n.Copy))
	return all, err
}

// purgeNoticeSteps deletes what was long ago of the history of notices about transactions and enrolments, whose numbers
// begin with their date: it needs no index by time. What is about a payee goes with the notice's address.
func (db *DB) purgeNoticeSteps(ctx context.Context, before time.Time) error {
	date := acquirer.DateOf(before)
	for _, about := range [][2]int64{{int64(acquirer.NewEnrolmentID(1900_01_01, 0)), int64(acquirer.NewEnrolmentID(date+1, 0))},
		{int64(acquirer.NewID(1900_01_01, 0)), int64(acquirer.NewID(date+1, 0))}} {
		for {
			rows, err := db.commits.submit(ctx, newOp(call{writeOldNoticeSteps, []any{about[0], about[1], micros(before), int64(purgeBatch)}}))
			if err != nil {
				return err
			}
			if rows < purgeBatch {
				break
			}
		}
	}
	return nil
}
