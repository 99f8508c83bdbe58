package acquirer

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (s NoticeStep) String() string {
	return fmt.Sprintf("%s %d %s %s", s.Device, s.Try, s.State, s.Detail)
}

// What is kept of a move: nothing that begins a try, and once that a device is down.
func TestStepTo(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, Beijing)
	waits := Notice{Device: DeviceSMS, Due: now, Start: 2, Tries: 2}
	with := func(n Notice, change func(*Notice)) Notice { change(&n); return n }
	tried := with(waits, func(n *Notice) { n.Tries = 3 })
	down := with(waits, func(n *Notice) { n.Detail = "unbound: device is down" })
	downTried := with(down, func(n *Notice) { n.Tries = 3 })
	for name, c := range map[string]struct {
		from, to Notice
		want     string // empty: nothing
	}{
		"nothing":           {waits, waits, ""},
		"try begins":        {waits, tried, ""},
		"down":              {tried, down, "sms 0 queued unbound: device is down"},
		"still down":        {downTried, with(down, func(n *Notice) { n.Detail = "no route: device is down" }), ""},
		"works again":       {downTried, with(downTried, func(n *Notice) { n.State, n.Detail = NoticeHanded, "" }), "sms 1 handed "},
		"fails, same words": {with(tried, func(n *Notice) { n.Detail = "busy" }), with(tried, func(n *Notice) { n.Detail, n.Due = "busy", now.Add(1) }), "sms 1 queued busy"},
		"given up":          {tried, tried.pass("absent", now), "sms 1 queued sms: absent"},
		"chosen":            {Notice{Detail: "email: absent", Turn: 1}, Notice{Detail: "email: absent", Turn: 1, Device: DeviceSMS, Due: now}, "sms 0 queued "},
		"no device":         {Notice{}, Notice{Detail: "no device", Due: now}, " 0 queued no device"},
		"still no device":   {Notice{Detail: "no device"}, Notice{Detail: "no device", Due: now}, ""},
		"dead":              {Notice{Detail: "sms: absent", Turn: 1, Tries: 3, Start: 3}, Notice{Detail: "sms: absent", Turn: 1, Tries: 3, Start: 3, State: NoticeDead}, " 0 dead sms: absent"},
		"fixed is dead":     {with(tried, func(n *Notice) { n.Fixed = true }), with(tried, func(n *Notice) { n.Fixed = true }).pass("absent", now), "sms 1 dead sms: absent"},
		"operator":          {Notice{State: NoticeDead, Device: DeviceSMS, Tries: 6}, Notice{Tries: 6, Start: 6, Detail: "again"}, " 0 queued again"},
		"receipt":           {with(tried, func(n *Notice) { n.State = NoticeHanded }), with(tried, func(n *Notice) { n.State, n.Detail = NoticeDelivered, "DELIVRD" }), "sms 1 delivered DELIVRD"},
	} {
		s, ok := c.from.StepTo(c.to, now)
		require.Equal(t, c.want != "", ok, name)
		if ok {
			require.Equal(t, c.want, s.String(), name)
			require.Equal(t, now, s.At, name)
		}
	}
}
