package acquirer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// spoiltDesk is a registry in which a request does not open, and what is old cannot be removed, as long as its errors are set.
type spoiltDesk struct {
	*desk
	unread  error // of the request with id bad
	bad     EnrolmentID
	unkept  error
	between func() // called between the reading of the queue and that of a row
}

func (d *spoiltDesk) Enrolment(ctx context.Context, id EnrolmentID) (*Enrolment, error) {
	if d.between != nil {
		d.between()
	}
	if id == d.bad && d.unread != nil {
		return nil, d.unread
	}
	return d.desk.Enrolment(ctx, id)
}

func (d *spoiltDesk) Purge(context.Context, time.Time, EnrolmentLimits) (Purged, error) {
	return Purged{}, d.unkept
}

// spoil puts the double under an office whose workers do not run yet, and counts what is told.
func (o *office) spoil() (d *spoiltDesk, told *[]error) {
	d, told = &spoiltDesk{desk: o.desk}, &[]error{}
	o.Registry = d
	o.OnStuck = func(err error) { *told = append(*told, err) }
	return d, told
}

// A request that cannot be worked on is looked at every ten minutes, told of each time, and goes on as soon as it can.
func TestStuckRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		d, told := o.spoil()
		o.say0(t, payeeNumber, "暂停")
		d.bad, d.unread = o.last().ID, ErrKey
		for range 3 {
			require.NoError(t, o.workDue(t.Context()))
			require.NoError(t, o.workDue(t.Context()), "it is not taken up again at once")
			time.Sleep(stuckPause)
		}
		require.Len(t, *told, 3)
		require.ErrorIs(t, (*told)[2], ErrKey)
		require.ErrorContains(t, (*told)[2], d.bad.String())
		require.Equal(t, EnrolmentReceived, o.last().State)
		require.EqualValues(t, 1, o.last().Version)
		d.unread = nil
		require.NoError(t, o.workDue(t.Context()))
		require.Equal(t, EnrolmentCodeSent, o.last().State)
		require.Len(t, *told, 3)
	})
}

// A store that fails still ends the worker, whether it fails at the work or at putting it off.
func TestStuckRequestOfAFailedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		d, told := o.spoil()
		o.say0(t, payeeNumber, "暂停")
		d.bad, d.unread = o.last().ID, ErrStore
		require.ErrorIs(t, o.workDue(t.Context()), ErrStore)
		require.Empty(t, *told)
		d.unread, o.ends = ErrKey, errors.New("full")
		require.ErrorIs(t, o.workDue(t.Context()), ErrStore)
		require.Len(t, *told, 1)
	})
}

// What moves between the reading of the queue and that of the row is not done early: a change that was confirmed at that
// moment has its waiting time in front of it. Nor is it put off by who could not read it before.
func TestDueRequestMovesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		d, told := o.spoil()
		o.say0(t, payeeNumber, "改卡 "+strangerCard)
		require.NoError(t, o.workDue(t.Context()))
		require.NoError(t, o.workDue(t.Context()))
		e := o.last()
		require.Equal(t, EnrolmentCodeSent, e.State)
		queued := DueEnrolment{e.ID, e.Version}
		d.between = func() {
			d.between = nil
			code := coder{o.Codes}.digits(codeConfirm, e.ID, 0, e.Codes[0].Nonce)
			o.say0(t, payeeNumber, "确认 "+code)
		}
		require.NoError(t, o.work(t.Context(), queued))
		confirmed := o.last()
		require.Equal(t, EnrolmentConfirmed, confirmed.State)
		require.Equal(t, payeeCard, o.payee(t, payeeNumber).Card.Reveal())
		require.ErrorIs(t, o.PutOff(t.Context(), queued, time.Now()), ErrNotFound)
		require.Equal(t, confirmed.Due, o.last().Due)
		require.Empty(t, *told)
	})
}

// What cannot be removed ends nothing and keeps nobody from being reminded.
func TestStuckHousekeeping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(l *EnrolmentLimits) { l.Dormant, l.Remind = 3*day, 2*day })
		d, told := o.spoil()
		d.unkept = ErrKey
		end := o.begin(t)
		time.Sleep(2 * day)
		synctest.Wait()
		end()
		require.Len(t, *told, 2, "once a day")
		require.ErrorIs(t, (*told)[0], ErrKey)
		require.Len(t, o.notes(10, func(n Notice) bool { return n.Kind == NoticeDormant }), 1)

		d.unkept = ErrStore
		require.ErrorIs(t, o.Housekeep(t.Context(), time.Now()), ErrStore)
	})
}
