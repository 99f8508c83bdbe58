package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// Purge implements [acquirer.Registry]. It works in short transactions, so that payments go on beside it; when it ends
// early, the next one goes on. What is counted is done. A row that does not open keeps what needs it from being removed,
// and nothing else: the error names all that failed.
//
// The personal part of old transactions goes by the destruction of their day's key (crypto-shredding): the rows stay as
// they are, and so does the chain that proves them. What is still wanted and sealed under such a key is sealed anew first.
func (db *DB) Purge(ctx context.Context, now time.Time, l acquirer.EnrolmentLimits) (p acquirer.Purged, err error) {
	l = l.WithDefaults()
	steps := []func() error{
		func() (err error) {
			p.Messages, err = db.sweep(ctx, writeOldMessages, now.Add(-l.MessagesKept))
			return err
		},
		func() (err error) { p.Counters, err = db.sweep(ctx, writeOldUses, now); return err },
		func() (err error) { p.Enrolments, err = db.purgeEnrolments(ctx, now, l); return err },
		func() (err error) { p.Notices, err = db.purgeNotices(ctx, now.Add(-l.NoticesKept)); return err },
		func() error { return db.purgeNoticeSteps(ctx, now.Add(-l.NoticesKept)) },
		func() (err error) { p.Payees, err = db.purgePayees(ctx, now.Add(-l.JournalKept)); return err },
		func() (err error) {
			p.Dates, err = db.shredDates(ctx, now, acquirer.DateOf(now.Add(-l.JournalKept)))
			return err
		},
		func() (err error) { p.Lines, err = db.sweep(ctx, writeOldLines, now); return err },
	}
	for _, step := range steps {
		failed := step()
		if failed == nil {
			continue
		}
		err = errors.Join(err, fmt.Errorf("store: purge: %w", failed))
		if errors.Is(failed, acquirer.ErrStore) || ctx.Err() != nil {
			break
		}
	}
	return p, err
}

// sweep deletes what is older than a time, a batch at a time, and returns how much it was.
func (db *DB) sweep(ctx context.Context, s statement, before time.Time) (all int, err error) {
	for {
		rows, err := db.commits.submit(ctx, newOp(call{s, []any{micros(before), int64(purgeBatch)}}))
		all += int(rows)
		if err != nil || rows < purgeBatch {
			return all, err
		}
	}
}

// purgeEnrolments deletes what ended long ago, with history and notices. A request to be forgotten is itself forgotten as
// soon as its notice is.
func (db *DB) purgeEnrolments(ctx context.Context, now time.Time, l acquirer.EnrolmentLimits) (all int, err error) {
	for after := int64(0); ; {
		page, err := db.sealedEnrolments(ctx, readEnrolmentsEnded, after, int64(purgeBatch))
		if err != nil {
			return all, err
		}
		for _, e := range page {
			after = int64(e.ID)
			kept := max(l.EnrolmentsKept, leastKept)
			if e.Kind == acquirer.RequestDelete {
				kept = max(min(l.NoticesKept, l.EnrolmentsKept), leastKept)
			}
			if now.Sub(e.Changed) <= kept {
				continue
			}
			rows, err := db.commits.submit(ctx, newOp(db.goneCalls(e.ID)...))
			if err != nil {
				return all, err
			}
			all += int(rows)
		}
		if len(page) < purgeBatch {
			return all, nil
		}
	}
}

// goneCalls delete an enrolment that has ended, with all that is about it.
func (db *DB) goneCalls(id acquirer.EnrolmentID) []call {
	return []call{{writeEnrolmentGone, []any{int64(id)}}, {writeEnrolmentStepsGone, []any{int64(id)}}, {writeNoticesGone, []any{int64(id)}},
		{writeNoticeStepsGone, []any{int64(id)}}}
}

// purgeNotices takes the address and the history off notices that are old. The rows of transactions stay: that there was a notice is part
// of what the audit proves. One that still waited is withdrawn.
func (db *DB) purgeNotices(ctx context.Context, before time.Time) (all int, err error) {
	for {
		page, err := db.notices(ctx, readOldNotices, micros(before), int64(purgeBatch))
		if err != nil || len(page) == 0 {
			return all, err
		}
		for _, n := range page {
			bare := n
			bare.Address, bare.Receipt, bare.Detail = acquirer.Address{}, "", "too old"
			if n.State == acquirer.NoticeQueued || n.State == acquirer.NoticeDead {
				bare.State = acquirer.NoticeWithdrawn
			}
			switch err := db.replaceNotice(ctx, &n, &bare, call{writeNoticeHistoryGone, []any{n.Subject(), int64(n.Kind), int64(n.Copy)}}); {
			case err == nil:
				all++
			case !errors.Is(err, acquirer.ErrStale): // a stale one is met again
				return all, err
			}
		}
	}
}

// purgePayees deletes what is left of payees who were deleted so long ago that no payment to them is kept any more.
func (db *DB) purgePayees(ctx context.Context, before time.Time) (all int, err error) {
	var ids []int64
	err = db.many(ctx, func(row scanner) error {
		var id int64
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, readPayeesEnded, micros(before), int64(listLimit))
	for _, id := range ids {
		rows, err := db.commits.submit(ctx, newOp(call{writePayeeGone, []any{id, micros(before)}}, call{writeCardsGone, []any{id}},
			call{writeNoContact, []any{id}}, call{writeNoticesGone, []any{id}}, call{writeNoticeStepsGone, []any{id}}))
		if err != nil {
			return all, err
		}
		all += int(rows)
	}
	return all, err
}

// shredDates destroys the keys of the business dates before one.
func (db *DB) shredDates(ctx context.Context, now time.Time, before acquirer.Date) (dates []acquirer.Date, err error) {
	var old []acquirer.Date
	err = db.many(ctx, func(row scanner) error {
		var d acquirer.Date
		err := row.Scan(&d)
		old = append(old, d)
		return err
	}, readOldKeys, int64(before), int64(listLimit))
	if err != nil {
		return nil, err
	}
	for _, d := range old {
		gone, err := db.shred(ctx, d, now)
		if err != nil {
			return dates, err
		}
		if gone {
			dates = append(dates, d)
		}
	}
	return dates, nil
}

// shred seals anew what is wanted and destroys the key of a date; false: something was sealed under it meanwhile.
func (db *DB) shred(ctx context.Context, d acquirer.Date, now time.Time) (bool, error) {
	if err := db.resealAll(ctx, d); err != nil {
		return false, err
	}
	mac := db.shredMAC(d, micros(now))
	rows, err := db.commits.submit(ctx, newOp(call{writeKeyGone, []any{int64(d)}}, call{writeShredded, []any{int64(d), micros(now), mac[:]}}))
	if err == nil && rows > 0 {
		db.keys.forget(d)
	}
	return rows > 0, err
}

// shredMAC is what only the switch can write beside a date that it shredded.
func (db *DB) shredMAC(d acquirer.Date, at int64) sum {
	s := db.sums.begin("shredded")
	s.int(int64(d))
	s.int(at)
	return db.sums.end(s)
}

// shreddedDate reports whether the switch destroyed the key of a date. A row that it did not write is an error of kind
// [acquirer.ErrKey].
func (db *DB) shreddedDate(row scanner, d acquirer.Date) (bool, error) {
	var at int64
	var mac []byte
	switch err := row.Scan(&at, &mac); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	if want := db.shredMAC(d, at); !hmac.Equal(want[:], mac) {
		return false, fmt.Errorf("that the key of %d was destroyed was not written by the switch: %w", d, acquirer.ErrKey)
	}
	return true, nil
}
