package store

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// sayYes is a verification unit that believes everything.
type sayYes struct{}

func (sayYes) Name() string { return "yes" }

func (sayYes) Verify(context.Context, *acquirer.Enrolment) (acquirer.Verdict, error) {
	return acquirer.Verdict{}, nil
}

// enrolments are the real flows over a real store.
func enrolments(t testing.TB, db *DB) *acquirer.Enrolments {
	t.Helper()
	numbers, err := acquirer.LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := acquirer.LoadIssuerTable()
	require.NoError(t, err)
	templates, err := acquirer.LoadTemplates("")
	require.NoError(t, err)
	return acquirer.NewEnrolments(acquirer.EnrolmentsConfig{Registry: db, Numbers: numbers, Issuers: issuers, Templates: templates,
		Steps: []acquirer.Verifier{sayYes{}}, Codes: db.CodeKey(), Random: rand.Reader})
}

// stateOf reads where a request stands, whether it opens or not.
func stateOf(t testing.TB, db *DB, id acquirer.EnrolmentID) (s acquirer.EnrolmentState, due time.Time) {
	t.Helper()
	var micro int64
	row := db.conn.QueryRowContext(t.Context(), "SELECT state, due FROM enrolment WHERE id = $1", int64(id))
	require.NoError(t, row.Scan(&s, &micro))
	return s, timeOf(micro)
}

// A request whose row does not open, or whose payee's does not, ends nothing and holds up no other: it is put off and told.
func TestRequestThatDoesNotOpen(t *testing.T) {
	for name, spoil := range map[string]string{
		"the request": "UPDATE enrolment SET sealed = zeroblob(60) WHERE id = $1",
		"its payee":   "UPDATE payee SET sealed = zeroblob(60) WHERE id > 0 AND $1 > 0",
	} {
		t.Run(name, func(t *testing.T) {
			db := openNew(t)
			p := wang(t)
			_, err := db.AddPayee(t.Context(), p)
			require.NoError(t, err)
			s := enrolments(t, db)
			told := make(chan error, 1)
			s.OnStuck = func(err error) { told <- err }
			for i, text := range []string{"暂停", "注册 张三丰 6227000000000000011"} {
				from := []string{p.Number.Reveal(), "13800138009"}[i]
				_, err := s.Receive(t.Context(), acquirer.Inbound{Channel: acquirer.ChannelSMS, MessageID: from, Sender: from, Text: text})
				require.NoError(t, err)
			}
			all, err := db.Enrolments(t.Context(), acquirer.EnrolmentReceived, 1<<62, 9)
			require.NoError(t, err)
			require.Len(t, all, 2)
			good, bad := all[0].ID, all[1].ID
			_, err = db.conn.ExecContext(t.Context(), spoil, int64(bad))
			require.NoError(t, err)

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			select {
			case err := <-ended:
				t.Fatal("the worker ended:", err)
			case err = <-told:
			}
			require.ErrorIs(t, err, acquirer.ErrKey)
			require.ErrorContains(t, err, bad.String())
			require.NotContains(t, err.Error(), p.Number.Reveal())
			require.Eventually(t, func() bool { s, _ := stateOf(t, db, good); return s == acquirer.EnrolmentCodeSent }, 20*time.Second, time.Millisecond)
			require.Eventually(t, func() bool { _, due := stateOf(t, db, bad); return time.Until(due) > time.Minute }, 20*time.Second, time.Millisecond)
			cancel()
			require.NoError(t, <-ended)
			state, _ := stateOf(t, db, bad)
			require.Equal(t, acquirer.EnrolmentReceived, state, "it waits for a person, or for the next try")
		})
	}
}

// Putting off moves nothing but the time, and only of a row that is as it was when the queue was read and has not ended.
func TestPutOff(t *testing.T) {
	db := openNew(t)
	e := enrol(t, db, enrolment(t, "1"))
	later := atNoon.Add(time.Hour)
	require.NoError(t, db.PutOff(t.Context(), acquirer.DueEnrolment{ID: e.ID, Version: e.Version}, later))
	got, err := db.Enrolment(t.Context(), e.ID)
	require.NoError(t, err)
	want := *e
	want.Due = later
	require.Equal(t, &want, got)

	for _, d := range []acquirer.DueEnrolment{{ID: e.ID, Version: e.Version + 1}, {ID: e.ID + 1, Version: e.Version}} {
		require.ErrorIs(t, db.PutOff(t.Context(), d, atNoon), acquirer.ErrNotFound)
	}
	ended := want
	ended.State, ended.Due = acquirer.EnrolmentRefused, time.Time{}
	require.NoError(t, db.MoveEnrolment(t.Context(), &want, &ended, acquirer.EnrolmentChange{At: atNoon, Event: acquirer.EnrolFail}))
	require.ErrorIs(t, db.PutOff(t.Context(), acquirer.DueEnrolment{ID: e.ID, Version: ended.Version}, later), acquirer.ErrNotFound, "it has ended")
	_, due := stateOf(t, db, e.ID)
	require.True(t, due.IsZero())
}

// What does not open is removed in its time like everything else; what must be opened to be kept is named, and keeps nothing
// else from going.
func TestPurgeOfWhatDoesNotOpen(t *testing.T) {
	db := openNew(t)
	e := enrolment(t, "1")
	e.State, e.Due, e.Changed = acquirer.EnrolmentRefused, time.Time{}, atNoon
	enrol(t, db, e)
	_, err := db.AddPayee(t.Context(), wang(t))
	require.NoError(t, err)
	_, err = db.conn.ExecContext(t.Context(), "UPDATE enrolment SET sealed = zeroblob(60)")
	require.NoError(t, err)
	p, err := db.Purge(t.Context(), atNoon.AddDate(1, 0, 0), acquirer.EnrolmentLimits{})
	require.NoError(t, err)
	require.Equal(t, 1, p.Enrolments)
	require.Equal(t, 1, p.Messages)

	waiting := enrol(t, db, enrolment(t, "2"))
	_, err = db.conn.ExecContext(t.Context(), "UPDATE payee SET sealed = zeroblob(60) WHERE id > 0")
	require.NoError(t, err)
	p, err = db.Purge(t.Context(), time.Now().AddDate(20, 0, 0), acquirer.EnrolmentLimits{})
	require.ErrorIs(t, err, acquirer.ErrKey, "the key of its day is still wanted")
	require.Empty(t, p.Dates)
	require.Equal(t, 1, p.Messages)
	_, err = db.Enrolment(t.Context(), waiting.ID)
	require.NoError(t, err, "what waits is there and opens")
	all, err := db.Silent(t.Context(), time.Now(), 0, 9)
	require.NoError(t, err)
	require.Len(t, all, 1, "its number is silent all the same")
}
