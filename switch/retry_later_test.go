package acquirer

import (
	"errors"
	"testing"
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
