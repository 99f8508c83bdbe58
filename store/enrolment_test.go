package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// atNoon is noon as a column gives it back.
var atNoon = timeOf(micros(noon))

// enrolment is a request with every field set.
func enrolment(t testing.TB, id string) *acquirer.Enrolment {
	t.Helper()
	mail, err := acquirer.NewAddress(acquirer.DeviceEmail, "li@mail.test")
	require.NoError(t, err)
	return &acquirer.Enrolment{Kind: acquirer.RequestChangeNumber, State: acquirer.EnrolmentReceived, Channel: acquirer.ChannelWeb, MessageID: id,
		Sender: "session-" + id, Evidence: acquirer.Evidence{Source: "192.0.2.1", Checks: "none"}, Language: acquirer.English,
		Number: msisdn(t, "13800138001"), NewNumber: msisdn(t, "13800138005"), Name: "王小明", Card: pan(t, "6217000000000000012"),
		Devices: []acquirer.Route{{Kind: acquirer.DeviceSMS}, {Kind: acquirer.DeviceEmail, Address: mail}}, Front: true,
		Payee: acquirer.PayeeRef{ID: 7, CardVersion: 3}, Asked: 2, ByPeople: true, Reasons: []acquirer.Reason{acquirer.ReasonBank},
		Codes: [2]acquirer.Code{{Nonce: [16]byte{1, 2}, Serial: 2, Sent: atNoon, Expires: atNoon.Add(time.Minute), Done: true},
			{Nonce: [16]byte{3}, Serial: 1, Sent: atNoon, Expires: atNoon.Add(time.Hour)}},
		Opened: atNoon, Changed: atNoon.Add(1e9), Due: atNoon.Add(2e9), Effective: atNoon.Add(3e9)}
}

func heard(e *acquirer.Enrolment) *acquirer.Heard {
	return &acquirer.Heard{Channel: e.Channel, MessageID: e.MessageID, At: atNoon, Kind: e.Kind, Outcome: acquirer.OutcomeTaken,
		Language: acquirer.English, Silent: true, Reasons: []acquirer.Reason{acquirer.ReasonName, acquirer.ReasonCardBank}, Effective: atNoon}
}

func enrol(t testing.TB, db *DB, e *acquirer.Enrolment) *acquirer.Enrolment {
	t.Helper()
	require.NoError(t, db.OpenEnrolment(t.Context(), e, acquirer.EnrolmentChange{At: atNoon, Event: acquirer.EnrolReceive, Message: heard(e)}))
	return e
}

func TestEnrolmentRoundTrip(t *testing.T) {
	db := openNew(t)
	want := enrol(t, db, enrolment(t, "1"))
	require.Equal(t, acquirer.NewEnrolmentID(20261122, 1), want.ID)
	require.EqualValues(t, 1, want.Version)
	got, err := db.Enrolment(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)

	other := enrolment(t, "2")
	other.Number, other.NewNumber, other.Due, other.State = msisdn(t, "13800138009"), acquirer.MSISDN{}, time.Time{}, acquirer.EnrolmentRefused
	other.Payee, other.Codes, other.Devices, other.Card = acquirer.PayeeRef{}, [2]acquirer.Code{}, nil, acquirer.PAN{}
	enrol(t, db, other)
	got, err = db.Enrolment(t.Context(), other.ID)
	require.NoError(t, err)
	require.Equal(t, other, got)

	one := func(all []*acquirer.Enrolment, err error) []acquirer.EnrolmentID {
		require.NoError(t, err)
		var ids []acquirer.EnrolmentID
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		return ids
	}
	ctx := t.Context()
	for _, number := range []string{"13800138001", "13800138005"} {
		require.Equal(t, []acquirer.EnrolmentID{want.ID}, one(db.EnrolmentsOf(ctx, msisdn(t, number), acquirer.EnrolmentReceived, 9)))
		require.Empty(t, one(db.EnrolmentsOf(ctx, msisdn(t, number), acquirer.EnrolmentActive, 9)))
	}
	require.Equal(t, []acquirer.EnrolmentID{want.ID}, one(db.EnrolmentsBy(ctx, acquirer.ChannelWeb, "session-1", 9)))
	require.Empty(t, one(db.EnrolmentsBy(ctx, acquirer.ChannelSMS, "session-1", 9)))
	require.Equal(t, []acquirer.EnrolmentID{want.ID}, one(db.EnrolmentsOfPayee(ctx, 7, 9)))
	require.Empty(t, one(db.EnrolmentsOfPayee(ctx, 0, 9)))
	due, err := db.DueEnrolments(ctx, want.Due, 9)
	require.NoError(t, err)
	require.Equal(t, []acquirer.DueEnrolment{{ID: want.ID, Version: 1}}, due)
	due, err = db.DueEnrolments(ctx, want.Due.Add(-1000), 9)
	require.NoError(t, err)
	require.Empty(t, due)
	require.Equal(t, []acquirer.EnrolmentID{other.ID, want.ID}, one(db.Enrolments(ctx, 0, 1<<62, 9)))
	require.Equal(t, []acquirer.EnrolmentID{other.ID}, one(db.Enrolments(ctx, acquirer.EnrolmentRefused, 1<<62, 9)))
	require.Empty(t, one(db.Enrolments(ctx, acquirer.EnrolmentRefused, other.ID, 9)))
	_, err = db.Enrolment(ctx, 1)
	require.ErrorIs(t, err, acquirer.ErrNotFound)
}

func TestEnrolmentMoves(t *testing.T) {
	db := openNew(t)
	e := enrol(t, db, enrolment(t, "1"))
	next := *e
	next.State = acquirer.EnrolmentChecked
	require.NoError(t, db.MoveEnrolment(t.Context(), e, &next, acquirer.EnrolmentChange{At: atNoon, Event: acquirer.EnrolPass, Detail: "all right",
		Notices: []acquirer.Notice{{Enrolment: e.ID, Kind: acquirer.NoticeCode, Copy: 1, Created: atNoon}}}))
	require.EqualValues(t, 2, next.Version)
	stale := *e
	stale.State = acquirer.EnrolmentChecked
	require.ErrorIs(t, db.MoveEnrolment(t.Context(), e, &stale, acquirer.EnrolmentChange{At: atNoon,
		Notices: []acquirer.Notice{{Enrolment: e.ID, Kind: acquirer.NoticeCode, Copy: 2, Created: atNoon}}}), acquirer.ErrStale)
	notices, err := db.NoticesAbout(t.Context(), int64(e.ID))
	require.NoError(t, err)
	require.Len(t, notices, 1, "nothing of a stale move")
	steps, err := db.EnrolmentSteps(t.Context(), e.ID)
	require.NoError(t, err)
	require.Equal(t, []acquirer.EnrolmentStep{
		{Version: 1, At: atNoon, To: acquirer.EnrolmentReceived, Event: acquirer.EnrolReceive},
		{Version: 2, At: atNoon, From: acquirer.EnrolmentReceived, To: acquirer.EnrolmentChecked, Event: acquirer.EnrolPass, Detail: "all right"},
	}, steps)
	require.Panics(t, func() {
		_ = db.MoveEnrolment(t.Context(), &next, &acquirer.Enrolment{State: acquirer.EnrolmentActive}, acquirer.EnrolmentChange{})
	})
	tx := opened(t, db, noon)
	require.Error(t, db.MoveEnrolment(t.Context(), &next, &next, acquirer.EnrolmentChange{ // checked to checked
		Notices: []acquirer.Notice{{Transaction: tx.ID, Kind: acquirer.NoticeDebited}}}), "a notice of a payment goes with the payment")
}

func TestMessagesAreHeardOnce(t *testing.T) {
	db := openNew(t)
	e := enrol(t, db, enrolment(t, "1"))
	got, err := db.Message(t.Context(), e.Channel, e.MessageID)
	require.NoError(t, err)
	require.Equal(t, *heard(e), got)
	require.ErrorIs(t, db.OpenEnrolment(t.Context(), enrolment(t, "1"), acquirer.EnrolmentChange{Message: heard(e)}), acquirer.ErrDuplicate)
	require.ErrorIs(t, db.NoteMessage(t.Context(), *heard(e)), acquirer.ErrDuplicate)
	require.Equal(t, 1, count(t, db, "enrolment"))
	_, err = db.Message(t.Context(), acquirer.ChannelSMS, e.MessageID)
	require.ErrorIs(t, err, acquirer.ErrNotFound, "ids belong to their channel")
	require.Error(t, db.OpenEnrolment(t.Context(), enrolment(t, "2"), acquirer.EnrolmentChange{}), "without its message")

	next := *e
	next.State = acquirer.EnrolmentChecked
	other := heard(e)
	other.MessageID = "code"
	require.NoError(t, db.MoveEnrolment(t.Context(), e, &next, acquirer.EnrolmentChange{At: atNoon, Message: other}))
	_, err = db.Message(t.Context(), e.Channel, "code")
	require.NoError(t, err, "noted with the move")
}

// Ids of enrolments are not given twice, also not by two processes or after a restart.
func TestEnrolmentIDs(t *testing.T) {
	path := newPath(t)
	dbs := []*DB{openAt(t, path), openAt(t, path)}
	var mu sync.Mutex
	seen := map[acquirer.EnrolmentID]bool{}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			e := enrolment(t, fmt.Sprint(i))
			err := dbs[i%2].OpenEnrolment(t.Context(), e, acquirer.EnrolmentChange{At: atNoon, Message: heard(e)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[e.ID] {
				t.Errorf("enrolment %s seen %v: %v", e.ID, seen[e.ID], err)
			}
			seen[e.ID] = true
		})
	}
	all.Wait()
	require.Len(t, seen, 40)
	e := enrol(t, openAt(t, path), enrolment(t, "later"))
	require.False(t, seen[e.ID])
}

func TestUses(t *testing.T) {
	db := openNew(t)
	take := func(subject string, at time.Duration) bool {
		ok, err := db.Take(t.Context(), acquirer.Use{Scope: "code", Subject: subject, At: atNoon.Add(at), Most: 3, Window: time.Hour, Gap: time.Minute})
		require.NoError(t, err)
		return ok
	}
	for _, v := range []struct {
		subject string
		at      time.Duration
		want    bool
	}{
		{"a", 0, true}, {"a", time.Minute - 1000, false}, {"b", 0, true}, {"a", time.Minute, true}, {"a", 5 * time.Minute, true}, {"a", 30 * time.Minute, false},
		{"a", time.Hour - 1000, false}, {"a", time.Hour, true}, {"a", 2 * time.Hour, true},
	} {
		require.Equal(t, v.want, take(v.subject, v.at), v)
	}
	ok, err := db.Take(t.Context(), acquirer.Use{Scope: "code", Subject: "c", At: atNoon, Window: time.Hour})
	require.NoError(t, err)
	require.False(t, ok, "none are free")
	require.NoError(t, db.Forgive(t.Context(), "code", "b"))
	require.True(t, take("b", time.Second))
	require.False(t, take("b", 2*time.Second))
	other, err := db.Take(t.Context(), acquirer.Use{Scope: "help", Subject: "b", At: atNoon, Most: 1, Window: time.Hour})
	require.NoError(t, err)
	require.True(t, other, "each limit counts by itself")

	// Of many at once no more go through than there are.
	var all sync.WaitGroup
	var mu sync.Mutex
	free := 0
	for range 50 {
		all.Go(func() {
			ok, err := db.Take(context.Background(), acquirer.Use{Scope: "try", Subject: "x", At: atNoon, Most: 5, Window: time.Hour})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ok {
				free++
			}
		})
	}
	all.Wait()
	require.Equal(t, 5, free)
}

// A count is there again after a restart: waiting for one wins nothing.
func TestUsesSurviveRestart(t *testing.T) {
	path := newPath(t)
	use := acquirer.Use{Scope: "try", Subject: "x", At: atNoon, Most: 1, Window: time.Hour}
	db, err := Open(t.Context(), Config{Path: path, Vault: testVault{}})
	require.NoError(t, err)
	ok, err := db.Take(t.Context(), use)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, db.Close())
	ok, err = openAt(t, path).Take(t.Context(), use)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestPaymentsTo(t *testing.T) {
	db := openNew(t)
	var want []acquirer.ID
	for i := range 4 {
		for _, to := range []acquirer.State{acquirer.Approved, acquirer.Declined} {
			at := noon.AddDate(0, 0, i)
			tx := debit(t, db, at)
			tx.Payee = acquirer.PayeeRef{ID: acquirer.PayeeID(1 + i%2), CardVersion: 1}
			require.NoError(t, db.Open(t.Context(), tx, change(acquirer.EventSend)))
			moved(t, db, tx, to, change(acquirer.EventApprove))
			if i%2 == 0 && to == acquirer.Approved {
				want = append(want, tx.ID)
			}
		}
	}
	got := func(from, to acquirer.Date, limit int) (ids []acquirer.ID) {
		all, err := db.PaymentsTo(t.Context(), 1, from, to, limit)
		require.NoError(t, err)
		for _, tx := range all {
			ids = append(ids, tx.ID)
		}
		return ids
	}
	require.Equal(t, want, got(20261101, 20261231, 10))
	require.Equal(t, want[:1], got(20261101, 20261231, 1))
	require.Equal(t, want[:1], got(20261122, 20261123, 10))
	require.Equal(t, want[1:], got(20261123, 20261124, 10))
	require.Empty(t, got(20261125, 20261231, 10))
}
