package store

import (
	"bytes"
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// sealedPayee is a row of payee with one of its cards, not opened yet.
type sealedPayee struct {
	ref        acquirer.PayeeRef
	index      []byte
	status     acquirer.PayeeStatus
	key        acquirer.Date
	sealed     []byte
	cardKey    acquirer.Date
	sealedCard []byte
	alive      int64
	ended      int64
	revision   int64
}

func (s *sealedPayee) scan(row scanner) error {
	return row.Scan(&s.ref.ID, &s.index, &s.ref.CardVersion, &s.status, &s.key, &s.sealed, &s.cardKey, &s.sealedCard, &s.alive, &s.ended,
		&s.revision)
}

// PayeeByNumber implements [acquirer.Directory]. A number that nobody has takes the way of one that somebody has: its
// neighbour in the index is read, opened and thrown away.
func (db *DB) PayeeByNumber(ctx context.Context, number acquirer.MSISDN) (*acquirer.Payee, error) {
	index := db.numberIndex(number)
	var s sealedPayee
	if err := s.scan(db.one(ctx, readPayeeByNumber, index[:])); err != nil {
		return nil, err // never without a row: row 0 is behind every number
	}
	p, err := db.unsealPayee(ctx, &s)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(s.index, index[:]) != 1 {
		return nil, acquirer.ErrNotFound
	}
	return p, nil
}

// PayeeByRef implements [acquirer.Directory].
func (db *DB) PayeeByRef(ctx context.Context, ref acquirer.PayeeRef) (*acquirer.Payee, error) {
	if ref.ID <= 0 {
		return nil, acquirer.ErrNotFound // row 0 is nobody
	}
	var s sealedPayee
	if err := s.scan(db.one(ctx, readPayeeByRef, int64(ref.ID), int64(ref.CardVersion))); err != nil {
		return nil, absent(err)
	}
	return db.unsealPayee(ctx, &s)
}

// unsealPayee opens both records of a payee.
func (db *DB) unsealPayee(ctx context.Context, s *sealedPayee) (*acquirer.Payee, error) {
	person, err := db.keys.unseal(ctx, s.key, "payee", int64(s.ref.ID), s.sealed)
	if err != nil {
		return nil, err
	}
	card, err := db.keys.unseal(ctx, s.cardKey, "payee_card", cardRow(s.ref), s.sealedCard)
	if err != nil {
		return nil, err
	}
	p := &acquirer.Payee{Ref: s.ref, Status: s.status, Alive: timeOf(s.alive), Ended: timeOf(s.ended), Revision: s.revision}
	if err := decodePayee(person, card, p); err != nil {
		return nil, fmt.Errorf("payee %d: %w", s.ref.ID, err)
	}
	return p, nil
}

func decodePayee(person, card []byte, p *acquirer.Payee) (err error) {
	var number, pan string
	if err := errors.Join(decodeRecord(person, &number, &p.Name), decodeRecord(card, &pan)); err != nil {
		return err
	}
	if p.Number, err = parseOrZero(number, acquirer.ParseMSISDN); err != nil {
		return errRecord
	}
	if p.Card, err = parseOrZero(pan, acquirer.ParsePAN); err != nil {
		return errRecord
	}
	return nil
}

// cardRow tells the cards of a payee apart in what they are bound to: far more versions than a payee has cards.
func cardRow(ref acquirer.PayeeRef) int64 { return int64(ref.ID)<<16 | int64(ref.CardVersion) }

// payeeIDs gives out payee ids. Another process may do so too, so that an id can turn out to be taken.
type payeeIDs struct {
	mu   sync.Mutex
	last acquirer.PayeeID
}

// next returns an id greater than last and than any that it returned.
func (p *payeeIDs) next(last acquirer.PayeeID) acquirer.PayeeID {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = max(p.last, last) + 1
	return p.last
}

// AddPayee registers a payee, durably, with p.Card as the first card; p.Ref is not read. Whoever registers vouches for the
// number: it is alive now, unless p.Alive says when. It returns the id that the payee has for ever.
// [acquirer.ErrDuplicate]: the number is taken.
func (db *DB) AddPayee(ctx context.Context, p acquirer.Payee) (acquirer.PayeeRef, error) {
	if p.Alive.IsZero() {
		p.Alive = time.Now()
	}
	for {
		var last acquirer.PayeeID
		if err := db.one(ctx, readLastPayee).Scan(&last); err != nil {
			return acquirer.PayeeRef{}, err
		}
		p.Ref = acquirer.PayeeRef{ID: db.payees.next(last), CardVersion: 1}
		index := db.numberIndex(p.Number)
		err := db.insertPayee(ctx, p, index[:])
		if !errors.Is(err, acquirer.ErrDuplicate) {
			return p.Ref, err
		}
		switch _, err := db.PayeeByNumber(ctx, p.Number); {
		case err == nil:
			return acquirer.PayeeRef{}, acquirer.ErrDuplicate
		case !errors.Is(err, acquirer.ErrNotFound):
			return acquirer.PayeeRef{}, err
		}
		// Another process took the id between the look and the write; it got on, and so will this.
	}
}

// insertPayee writes a payee whose id and index are chosen.
func (db *DB) insertPayee(ctx context.Context, p acquirer.Payee, index []byte) error {
	key := acquirer.DateOf(time.Now())
	person, card, err := db.sealPayee(ctx, key, p)
	if err != nil {
		return err
	}
	id, version := int64(p.Ref.ID), int64(p.Ref.CardVersion)
	return db.insert(ctx, call{writePayee, []any{id, index, version, int64(p.Status), int64(key), person, micros(p.Alive)}},
		call{writePayeeCard, []any{id, version, int64(key), card, index}})
}

// SetPayeeStatus changes whether a payee can be paid. [acquirer.ErrNotFound]: no such payee.
func (db *DB) SetPayeeStatus(ctx context.Context, id acquirer.PayeeID, s acquirer.PayeeStatus) error {
	if id <= 0 {
		return acquirer.ErrNotFound
	}
	return db.update(ctx, call{writePayeeStatus, []any{int64(s), int64(id)}})
}

// addNobody writes row 0, which stands behind every number, if it is not there. Its record is as long as a common one.
func (db *DB) addNobody(ctx context.Context) error {
	behind := bytes.Repeat([]byte{0xFF}, 17) // an index has 16
	var s sealedPayee
	if err := s.scan(db.one(ctx, readPayeeByNumber, behind)); !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	number, err := acquirer.ParseMSISDN("10000000000")
	if err != nil {
		return err
	}
	card, err := acquirer.ParsePAN("0000000000000000000")
	if err != nil {
		return err
	}
	nobody := acquirer.Payee{Ref: acquirer.PayeeRef{CardVersion: 1}, Number: number, Name: "无名氏", Card: card}
	err = db.insertPayee(ctx, nobody, behind)
	if errors.Is(err, acquirer.ErrDuplicate) {
		return nil // another process was first
	}
	return err
}
