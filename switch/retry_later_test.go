package acquirer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A receiver may make the pause of a try longer, never shorter, and a try counts all the same.
func TestRetryLater(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		err  error
		want time.Duration
	}{
		{errors.New("503"), sendFirst},
		{&RetryLater{After: time.Second, Err: errors.New("503")}, sendFirst},
		{&RetryLater{After: time.Hour, Err: errors.New("503")}, time.Hour},
	} {
		n := after(Notice{State: NoticeQueued, Device: DeviceWebhook, Tries: 1}, Handed{}, c.err, now)
		require.Equal(t, []any{NoticeQueued, DeviceWebhook, 1, "503", now.Add(c.want)}, []any{n.State, n.Device, n.Tries, n.Detail, n.Due})
	}
	last := after(Notice{State: NoticeQueued, Device: DeviceWebhook, Tries: DeviceTries}, Handed{}, &RetryLater{After: time.Hour, Err: errors.New("503")}, now)
	require.Empty(t, last.Device, "the next device has its turn at once")
	require.Equal(t, now, last.Due)
}

// slowDevice is a device in whose Send a person has a part.
type slowDevice struct{ given time.Duration }

func (*slowDevice) Kind() DeviceKind        { return DeviceSMS }
func (*slowDevice) SendTime() time.Duration { return 10 * time.Minute }

func (d *slowDevice) Send(ctx context.Context, _ Message) (Handed, error) {
	end, _ := ctx.Deadline()
	d.given = time.Until(end)
	return Handed{Delivered: true}, nil
}

// A telephone rings longer than other devices take.
func TestSlowDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, d := newOffice(t), &slowDevice{}
		o.notifier.Use(d)
		end := o.begin(t)
		n := o.paid(t, NoticeDebited, Approved)
		o.rest()
		require.Equal(t, NoticeDelivered, o.notice(t, n).State)
		require.Equal(t, 10*time.Minute, d.given)
		end()
	})
	require.Equal(t, SendTimeout, sendTime(nil))
}
