package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// contactRecord is the sealed part of a row of payee_contact, as JSON.
type contactRecord struct {
	Language acquirer.Language `json:"l,omitempty"`
	Routes   []routeRecord     `json:"r,omitempty"`
}

// Contact implements [acquirer.Registry].
func (db *DB) Contact(ctx context.Context, id acquirer.PayeeID) (c acquirer.Contact, err error) {
	var key acquirer.Date
	var sealed []byte
	if err := absent(db.one(ctx, readContact, int64(id)).Scan(&key, &sealed)); errors.Is(err, acquirer.ErrNotFound) {
		return c, nil
	} else if err != nil {
		return c, err
	}
	record, err := db.keys.unseal(ctx, key, "payee_contact", int64(id), sealed)
	if err != nil {
		return c, err
	}
	var clear contactRecord
	if err := json.Unmarshal(record, &clear); err != nil {
		return c, fmt.Errorf("contact of payee %d: %w", id, errRecord)
	}
	c.Language = clear.Language
	c.Routes, err = routesOf(clear.Routes)
	return c, err
}

// Payee implements [acquirer.Registry].
func (db *DB) Payee(ctx context.Context, id acquirer.PayeeID) (*acquirer.Payee, error) {
	if id <= 0 {
		return nil, acquirer.ErrNotFound // row 0 is nobody
	}
	var s sealedPayee
	if err := s.scan(db.one(ctx, readPayeeByID, int64(id))); err != nil {
		return nil, absent(err)
	}
	return db.unsealPayee(ctx, &s)
}

// Silent implements [acquirer.Registry].
func (db *DB) Silent(ctx context.Context, before time.Time, after acquirer.PayeeID, limit int) (all []acquirer.SilentPayee, err error) {
	err = db.many(ctx, func(row scanner) error {
		var s sealedPayee
		err := s.scan(row)
		all = append(all, acquirer.SilentPayee{ID: s.ref.ID, Alive: timeOf(s.alive)})
		return err
	}, readSilent, micros(before), int64(max(after, 0)), int64(limit))
	return all, err
}

// ChangePayee implements [acquirer.Registry].
func (db *DB) ChangePayee(ctx context.Context, f acquirer.Effect) error {
	calls, _, err := db.effectCalls(ctx, f, 0, 0)
	if err != nil {
		return err
	}
	err = db.insert(ctx, calls...)
	if errors.Is(err, acquirer.ErrDuplicate) {
		return db.whyNot(ctx, f)
	}
	return err
}

// whyNot says why an effect was not written: [acquirer.ErrDuplicate], its number is another's; [acquirer.ErrStale], the
// payee, or the enrolment that caused it, has moved on.
func (db *DB) whyNot(ctx context.Context, f acquirer.Effect) error {
	if f.Payee.Number == (acquirer.MSISDN{}) {
		return acquirer.ErrStale
	}
	holder, err := db.PayeeByNumber(context.WithoutCancel(ctx), f.Payee.Number)
	switch {
	case err == nil && holder.Ref.ID != f.Payee.Ref.ID:
		return acquirer.ErrDuplicate
	case err != nil && !errors.Is(err, acquirer.ErrNotFound):
		return err
	}
	return acquirer.ErrStale
}

// effectCalls are the statements of an effect, of which the first decides, and the payee's reference behind it. enrolment
// and version say what must still be there; 0 is none.
func (db *DB) effectCalls(ctx context.Context, f acquirer.Effect, enrolment acquirer.EnrolmentID, version int64) ([]call, acquirer.PayeeRef, error) {
	p := f.Payee
	fresh := p.Ref.ID == 0
	if fresh {
		var last acquirer.PayeeID
		if err := db.one(ctx, readLastPayee).Scan(&last); err != nil {
			return nil, p.Ref, err
		}
		p.Ref.ID = db.payees.next(last)
	}
	key := acquirer.DateOf(time.Now())
	person, card, err := db.sealPayee(ctx, key, p)
	if err != nil {
		return nil, p.Ref, err
	}
	id, cardVersion := int64(p.Ref.ID), int64(p.Ref.CardVersion)
	index := db.payeeIndex(p)
	first := call{writeChangedPayee, []any{index, cardVersion, int64(p.Status), int64(key), person, micros(p.Alive), micros(p.Ended),
		id, p.Revision, int64(enrolment), version}}
	if fresh {
		first = call{writeNewPayee, []any{id, index, cardVersion, int64(p.Status), int64(key), person, micros(p.Alive), micros(p.Ended),
			int64(enrolment), version}}
	}
	calls := []call{first, {writeBoundCard, []any{id, cardVersion, int64(key), card}}}
	if f.Contact == nil {
		return calls, p.Ref, nil
	}
	contact, err := db.contactCall(ctx, key, p.Ref.ID, *f.Contact)
	return append(calls, contact), p.Ref, err
}

// payeeIndex is by what a payee is found. One without a number, who was deleted, is found by nothing: the index is one
// that no number has but by a chance of 2^-128.
func (db *DB) payeeIndex(p acquirer.Payee) []byte {
	if p.Number == (acquirer.MSISDN{}) {
		index := db.labelled("deleted", fmt.Sprint(int64(p.Ref.ID)))
		return index[:]
	}
	index := db.numberIndex(p.Number)
	return index[:]
}

// sealPayee seals both records of a payee.
func (db *DB) sealPayee(ctx context.Context, key acquirer.Date, p acquirer.Payee) (person, card []byte, err error) {
	record, err := encodeRecord(p.Number.Reveal(), p.Name)
	if err != nil {
		return nil, nil, err
	}
	if person, err = db.keys.seal(ctx, key, "payee", int64(p.Ref.ID), record); err != nil {
		return nil, nil, err
	}
	if record, err = encodeRecord(p.Card.Reveal()); err != nil {
		return nil, nil, err
	}
	card, err = db.keys.seal(ctx, key, "payee_card", cardRow(p.Ref), record)
	return person, card, err
}

// contactCall writes how a payee is told, or that it is as for everybody.
func (db *DB) contactCall(ctx context.Context, key acquirer.Date, id acquirer.PayeeID, c acquirer.Contact) (call, error) {
	if c.Language == "" && len(c.Routes) == 0 {
		return call{writeNoContact, []any{int64(id)}}, nil
	}
	record, err := json.Marshal(contactRecord{c.Language, routeRecords(c.Routes)})
	if err != nil {
		return call{}, fmt.Errorf("store: contact of payee %d: %w", id, err)
	}
	sealed, err := db.keys.seal(ctx, key, "payee_contact", int64(id), record)
	return call{writeContact, []any{int64(id), int64(key), sealed}}, err
}
