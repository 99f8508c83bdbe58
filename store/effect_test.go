package store

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// carryOut makes an enrolment active with an effect.
func carryOut(t testing.TB, db *DB, e *acquirer.Enrolment, f acquirer.Effect) error {
	t.Helper()
	next := *e
	next.State, next.Due = acquirer.EnrolmentActive, time.Time{}
	err := db.MoveEnrolment(t.Context(), e, &next, acquirer.EnrolmentChange{At: atNoon, Event: acquirer.EnrolDue, Effect: &f})
	if err == nil {
		*e = next
	}
	return err
}

// confirmed opens an enrolment that waits for its time.
func confirmed(t testing.TB, db *DB, id string) *acquirer.Enrolment {
	t.Helper()
	e := enrolment(t, id)
	e.State = acquirer.EnrolmentConfirmed
	return enrol(t, db, e)
}

func TestEffectMakesPayee(t *testing.T) {
	db := openNew(t)
	e := confirmed(t, db, "1")
	p := wang(t)
	p.Ref.CardVersion, p.Revision = 1, 0
	mail, err := acquirer.NewAddress(acquirer.DeviceEmail, "li@mail.test")
	require.NoError(t, err)
	contact := acquirer.Contact{Language: acquirer.English, Routes: []acquirer.Route{{Kind: acquirer.DeviceSMS}, {Kind: acquirer.DeviceEmail, Address: mail}}}
	require.NoError(t, carryOut(t, db, e, acquirer.Effect{Payee: p, Contact: &contact}))
	got, err := db.PayeeByNumber(t.Context(), p.Number)
	require.NoError(t, err)
	p.Ref, p.Revision = got.Ref, 1
	require.Equal(t, p, *got)
	require.Equal(t, got.Ref, e.Payee)
	stored, err := db.Enrolment(t.Context(), e.ID)
	require.NoError(t, err)
	require.Equal(t, got.Ref, stored.Payee)
	told, err := db.Contact(t.Context(), got.Ref.ID)
	require.NoError(t, err)
	require.Equal(t, contact, told)
	byID, err := db.Payee(t.Context(), got.Ref.ID)
	require.NoError(t, err)
	require.Equal(t, got, byID)

	second := confirmed(t, db, "2")
	p.Ref = acquirer.PayeeRef{CardVersion: 1}
	require.ErrorIs(t, carryOut(t, db, second, acquirer.Effect{Payee: p}), acquirer.ErrDuplicate, "the number is taken")
	stored, err = db.Enrolment(t.Context(), second.ID)
	require.NoError(t, err)
	require.Equal(t, acquirer.EnrolmentConfirmed, stored.State, "and nothing was written")
	require.Equal(t, 2, count(t, db, "payee"), "and nobody's")
}

func TestEffectChangesPayee(t *testing.T) {
	db := openNew(t)
	p := wang(t)
	var err error
	p.Ref, err = db.AddPayee(t.Context(), p)
	require.NoError(t, err)
	old := p

	card := p
	card.Card, card.Ref.CardVersion = pan(t, "6228480000000000018"), 2
	require.NoError(t, carryOut(t, db, confirmed(t, db, "card"), acquirer.Effect{Payee: card}))
	require.ErrorIs(t, carryOut(t, db, confirmed(t, db, "again"), acquirer.Effect{Payee: card}), acquirer.ErrStale, "the payee has moved on")
	before, err := db.PayeeByRef(t.Context(), old.Ref)
	require.NoError(t, err)
	require.Equal(t, "6217000000000000012", before.Card.Reveal(), "who was promised the old card gets it")
	now, err := db.PayeeByNumber(t.Context(), p.Number)
	require.NoError(t, err)
	require.Equal(t, "6228480000000000018", now.Card.Reveal())
	require.EqualValues(t, 2, now.Revision)

	other := acquirer.Payee{Number: msisdn(t, "13800138002"), Name: "李明", Card: p.Card, Status: acquirer.PayeeActive}
	other.Ref, err = db.AddPayee(t.Context(), other)
	require.NoError(t, err)
	moved := *now
	moved.Number = other.Number
	require.ErrorIs(t, carryOut(t, db, confirmed(t, db, "taken"), acquirer.Effect{Payee: moved}), acquirer.ErrDuplicate)
	moved.Number = msisdn(t, "13800138005")
	require.NoError(t, carryOut(t, db, confirmed(t, db, "number"), acquirer.Effect{Payee: moved}))
	_, err = db.PayeeByNumber(t.Context(), p.Number)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	got, err := db.PayeeByNumber(t.Context(), moved.Number)
	require.NoError(t, err)
	require.Equal(t, now.Ref, got.Ref)

	gone := *got
	gone.Number, gone.Name, gone.Status, gone.Ended = acquirer.MSISDN{}, "", acquirer.PayeeDeleted, atNoon
	require.NoError(t, carryOut(t, db, confirmed(t, db, "gone"), acquirer.Effect{Payee: gone, Contact: &acquirer.Contact{}}))
	_, err = db.PayeeByNumber(t.Context(), moved.Number)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	left, err := db.PayeeByRef(t.Context(), got.Ref)
	require.NoError(t, err)
	require.Equal(t, acquirer.PayeeDeleted, left.Status)
	require.Zero(t, left.Number)
	_, err = db.AddPayee(t.Context(), acquirer.Payee{Number: moved.Number, Name: "赵敏", Card: p.Card})
	require.NoError(t, err, "the number is free again")
}

// Of two changes at once one is written and the other is told that the payee has moved on, whoever writes it.
func TestEffectsMeet(t *testing.T) {
	path := newPath(t)
	dbs := []*DB{openAt(t, path), openAt(t, path)}
	p := wang(t)
	var err error
	p.Ref, err = dbs[0].AddPayee(t.Context(), p)
	require.NoError(t, err)
	errs := make([]error, 2)
	var all sync.WaitGroup
	for i, db := range dbs {
		all.Go(func() {
			mine := p
			mine.Status = acquirer.PayeeSuspended
			errs[i] = db.ChangePayee(t.Context(), acquirer.Effect{Payee: mine})
		})
	}
	all.Wait()
	if errs[0] != nil {
		errs[0], errs[1] = errs[1], errs[0]
	}
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], acquirer.ErrStale)
}

// An enrolment that moved on takes its effect with it: neither is written.
func TestEffectOfStaleEnrolment(t *testing.T) {
	db := openNew(t)
	e := confirmed(t, db, "1")
	stale := *e
	p := wang(t)
	p.Ref.CardVersion = 1
	require.NoError(t, carryOut(t, db, e, acquirer.Effect{Payee: p}))
	p.Number = msisdn(t, "13800138002")
	require.ErrorIs(t, carryOut(t, db, &stale, acquirer.Effect{Payee: p}), acquirer.ErrStale)
	_, err := db.PayeeByNumber(t.Context(), p.Number)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
}

func TestSilent(t *testing.T) {
	db := openNew(t)
	var ids []acquirer.PayeeID
	for i, number := range []string{"13800138001", "13800138002", "13800138003", "13800138004"} {
		status := acquirer.PayeeActive
		if i == 1 {
			status = acquirer.PayeeSuspended
		}
		ref, err := db.AddPayee(t.Context(), acquirer.Payee{Number: msisdn(t, number), Name: "王明", Card: pan(t, "6217000000000000012"), Status: status,
			Alive: atNoon.Add(time.Duration(i) * time.Hour)})
		require.NoError(t, err)
		ids = append(ids, ref.ID)
	}
	silent := func(before time.Duration, after acquirer.PayeeID) (out []acquirer.PayeeID) {
		all, err := db.Silent(t.Context(), atNoon.Add(before), after, 10)
		require.NoError(t, err)
		for _, p := range all {
			out = append(out, p.ID)
		}
		return out
	}
	require.Equal(t, []acquirer.PayeeID{ids[0], ids[2]}, silent(3*time.Hour, 0))
	require.Equal(t, []acquirer.PayeeID{ids[2]}, silent(3*time.Hour, ids[0]))
	require.Empty(t, silent(0, 0))
	n := acquirer.Notice{Payee: ids[0], Kind: acquirer.NoticeDormant, Copy: 20261122, Created: atNoon}
	require.NoError(t, db.Remind(t.Context(), n))
	require.NoError(t, db.Remind(t.Context(), n))
	all, err := db.NoticesAbout(t.Context(), int64(ids[0]))
	require.NoError(t, err)
	require.Equal(t, []acquirer.Notice{n}, all)
}
