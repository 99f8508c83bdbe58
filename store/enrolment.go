package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

var (
	_ acquirer.Registry = (*DB)(nil)
	_ acquirer.Outbox   = (*DB)(nil)
)

// OpenEnrolment implements [acquirer.Registry]. The message decides: when it was noted before, nothing is written.
func (db *DB) OpenEnrolment(ctx context.Context, e *acquirer.Enrolment, c acquirer.EnrolmentChange) error {
	if c.Message == nil {
		return errors.New("store: an enrolment without its message")
	}
	if err := checkNotices(c.Notices); err != nil {
		return err
	}
	for {
		id, err := db.newEnrolmentID(e.Opened)
		if err != nil {
			return err
		}
		next := *e
		next.ID, next.Version = id, 1
		calls, err := db.openEnrolment(ctx, &next, c)
		if err != nil {
			return err
		}
		err = db.insert(ctx, calls...)
		if err == nil {
			*e = next
			return nil
		}
		if !errors.Is(err, acquirer.ErrDuplicate) {
			return err
		}
		if _, err := db.Message(ctx, e.Channel, e.MessageID); !errors.Is(err, acquirer.ErrNotFound) {
			return errors.Join(acquirer.ErrDuplicate, err)
		}
		// Another process took the id between the look and the write; it got on, and so will this.
	}
}

// openEnrolment are the statements of a new row.
func (db *DB) openEnrolment(ctx context.Context, e *acquirer.Enrolment, c acquirer.EnrolmentChange) ([]call, error) {
	cells, err := db.enrolmentCells(ctx, e)
	if err != nil {
		return nil, err
	}
	calls := []call{{writeEnrolmentMessage, append(db.messageCells(*c.Message), int64(e.ID))}, {writeEnrolment, cells},
		enrolmentStep(0, e, c)}
	notices, err := db.noticeCalls(ctx, c.Notices)
	return append(calls, notices...), err
}

// newEnrolmentID takes the next id of the date of now.
func (db *DB) newEnrolmentID(now time.Time) (acquirer.EnrolmentID, error) {
	date := acquirer.DateOf(now)
	seq, known, err := db.enrolments.take(date)
	if err == nil && !known {
		var last int64
		first := acquirer.NewEnrolmentID(date, 0)
		if err := db.one(context.Background(), readLastEnrolment, int64(first), int64(acquirer.NewEnrolmentID(date+1, 0))-1).Scan(&last); err != nil {
			return 0, err
		}
		db.enrolments.begin(date, max(acquirer.EnrolmentID(last), first).Sequence())
		seq, _, err = db.enrolments.take(date)
	}
	return acquirer.NewEnrolmentID(date, seq), err
}

// MoveEnrolment implements [acquirer.Registry]. An effect decides: its statement asks for the version of the enrolment too.
func (db *DB) MoveEnrolment(ctx context.Context, old, next *acquirer.Enrolment, c acquirer.EnrolmentChange) error {
	if !acquirer.MayMoveEnrolment(old.State, next.State) {
		panic(fmt.Sprintf("store: no move of an enrolment from %s to %s", old.State, next.State))
	}
	if err := checkNotices(c.Notices); err != nil {
		return err
	}
	moved := *next
	moved.Version = old.Version + 1
	var effect []call
	if c.Effect != nil {
		var err error
		if effect, moved.Payee, err = db.effectCalls(ctx, *c.Effect, old.ID, old.Version); err != nil {
			return err
		}
	}
	cells, err := db.enrolmentCells(ctx, &moved)
	if err != nil {
		return err
	}
	calls := append(effect, call{writeEnrolmentMove, append(cells[1:], int64(old.ID), old.Version)}, enrolmentStep(old.State, &moved, c))
	if c.Message != nil {
		calls = append(calls, call{writeMessage, db.messageCells(*c.Message)})
	}
	notices, err := db.noticeCalls(ctx, c.Notices)
	if err != nil {
		return err
	}
	switch err := db.insert(ctx, append(calls, notices...)...); {
	case errors.Is(err, acquirer.ErrDuplicate) && c.Effect != nil:
		return db.whyNot(ctx, *c.Effect)
	case errors.Is(err, acquirer.ErrDuplicate):
		return acquirer.ErrStale
	case err != nil:
		return err
	}
	*next = moved
	return nil
}

// checkNotices refuses a notice about a transaction: those go with a move of it.
func checkNotices(notices []acquirer.Notice) error {
	for _, n := range notices {
		if n.Transaction != 0 || n.Subject() == 0 {
			return errors.New("store: an enrolment makes a notice about something else")
		}
	}
	return nil
}

func enrolmentStep(from acquirer.EnrolmentState, e *acquirer.Enrolment, c acquirer.EnrolmentChange) call {
	return call{writeEnrolmentStep, []any{int64(e.ID), e.Version, micros(c.At), int64(from), int64(e.State), string(c.Event), c.Detail}}
}

// Enrolment implements [acquirer.Registry].
func (db *DB) Enrolment(ctx context.Context, id acquirer.EnrolmentID) (*acquirer.Enrolment, error) {
	var s sealedEnrolment
	if err := s.scan(db.one(ctx, readEnrolment, int64(id))); err != nil {
		return nil, absent(err)
	}
	return db.unsealEnrolment(ctx, &s)
}

// EnrolmentsOf implements [acquirer.Registry]. A number that has none costs the reading and opening of some other's row.
func (db *DB) EnrolmentsOf(ctx context.Context, number acquirer.MSISDN, state acquirer.EnrolmentState, limit int) ([]*acquirer.Enrolment, error) {
	index := db.numberIndex(number)
	all, err := db.enrolmentRows(ctx, readEnrolmentsOf, index[:], int64(state), int64(limit))
	if err == nil && len(all) == 0 {
		_, err = db.enrolmentRows(ctx, readAnyEnrolment)
	}
	return all, err
}

// EnrolmentsBy implements [acquirer.Registry].
func (db *DB) EnrolmentsBy(ctx context.Context, channel acquirer.Channel, sender string, limit int) ([]*acquirer.Enrolment, error) {
	index := db.labelled("sender", string(channel), sender)
	return db.enrolmentRows(ctx, readEnrolmentsBy, index[:], int64(limit))
}

// EnrolmentsOfPayee implements [acquirer.Registry].
func (db *DB) EnrolmentsOfPayee(ctx context.Context, id acquirer.PayeeID, limit int) ([]*acquirer.Enrolment, error) {
	return db.enrolmentRows(ctx, readEnrolmentsOfPayee, int64(id), int64(limit))
}

// DueEnrolments implements [acquirer.Registry].
func (db *DB) DueEnrolments(ctx context.Context, now time.Time, limit int) ([]acquirer.DueEnrolment, error) {
	rows, err := db.sealedEnrolments(ctx, readEnrolmentsDue, micros(now), int64(limit))
	due := make([]acquirer.DueEnrolment, len(rows))
	for i, s := range rows {
		due[i] = acquirer.DueEnrolment{ID: s.ID, Version: s.Version}
	}
	return due, err
}

// PutOff implements [acquirer.Registry].
func (db *DB) PutOff(ctx context.Context, d acquirer.DueEnrolment, due time.Time) error {
	return db.update(ctx, call{writeEnrolmentDue, []any{micros(due), int64(d.ID), d.Version}})
}

// Enrolments returns up to limit enrolments with an id smaller than before, the newest first; state 0 is any.
func (db *DB) Enrolments(ctx context.Context, state acquirer.EnrolmentState, before acquirer.EnrolmentID, limit int) ([]*acquirer.Enrolment, error) {
	return db.enrolmentRows(ctx, readEnrolmentsIn, int64(state), int64(before), int64(limit))
}

// EnrolmentSteps returns the history of an enrolment, the first step in front.
func (db *DB) EnrolmentSteps(ctx context.Context, id acquirer.EnrolmentID) (all []acquirer.EnrolmentStep, err error) {
	err = db.many(ctx, func(row scanner) error {
		var s acquirer.EnrolmentStep
		var at int64
		err := row.Scan(&s.Version, &at, &s.From, &s.To, &s.Event, &s.Detail)
		s.At = timeOf(at)
		all = append(all, s)
		return err
	}, readEnrolmentSteps, int64(id))
	return all, err
}

// enrolmentRows reads all rows before it opens any.
func (db *DB) enrolmentRows(ctx context.Context, q query, args ...any) ([]*acquirer.Enrolment, error) {
	all, err := db.sealedEnrolments(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	out := make([]*acquirer.Enrolment, len(all))
	for i, s := range all {
		if out[i], err = db.unsealEnrolment(ctx, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sealedEnrolments reads rows and opens none.
func (db *DB) sealedEnrolments(ctx context.Context, q query, args ...any) (all []*sealedEnrolment, err error) {
	err = db.many(ctx, func(r scanner) error {
		s := &sealedEnrolment{}
		all = append(all, s)
		return s.scan(r)
	}, q, args...)
	return all, err
}

// PaymentsTo implements [acquirer.Registry]. It reads date by date: each is a short piece of an index.
func (db *DB) PaymentsTo(ctx context.Context, id acquirer.PayeeID, from, to acquirer.Date, limit int) ([]*acquirer.Transaction, error) {
	var all []*acquirer.Transaction
	for date := from; date <= to && len(all) < limit; date = acquirer.DateOf(date.Time().AddDate(0, 0, 1)) {
		page, err := db.rows(ctx, readPaymentsTo, int64(date), int64(id), int64(limit-len(all)))
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}
