package acquirer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A device that is put in front leaves what was there behind it, also the number, by which a payee is told who never set
// anything.
func TestDevicesInFront(t *testing.T) {
	page, err := NewAddress(DevicePC, "page")
	require.NoError(t, err)
	mail, err := NewAddress(DeviceEmail, "a@example.org")
	require.NoError(t, err)
	pc, email, sms := Route{DevicePC, page}, Route{DeviceEmail, mail}, Route{Kind: DeviceSMS}
	five := []Route{email, sms, {Kind: DeviceVoice}, {Kind: DeviceSpool}, {DeviceWebhook, page}}
	for _, v := range []struct {
		asked, held []Route
		front       bool
		want        []Route
	}{
		{[]Route{pc}, nil, false, []Route{pc}},
		{[]Route{pc}, nil, true, []Route{pc, sms, {Kind: DeviceVoice}, {Kind: DeviceSpool}}},
		{[]Route{pc}, []Route{email}, true, []Route{pc, email}},
		{[]Route{pc}, []Route{email, pc}, true, []Route{pc, email}},
		{[]Route{pc}, []Route{email, sms}, false, []Route{pc}},
		{[]Route{pc}, five, true, append([]Route{pc}, five[:4]...)},
	} {
		e := &Enrolment{Devices: v.asked, Front: v.front}
		require.Equal(t, v.want, e.routes(v.held))
	}
}
