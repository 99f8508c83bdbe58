package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

// A terminal whose look-ups find nobody raises an alarm that the operator meets in the log, in the figures and in the
// list of terminals, until he has seen to it. The terminal is blocked by it only where the configuration says so.
func TestLookUpAlarm(t *testing.T) {
	for _, suspend := range []string{"false", "true"} {
		t.Run("suspend "+suspend, func(t *testing.T) {
			t.Setenv("RINGBACK_LIMITS__LOOKUP_SUSPEND", suspend)
			w := newWorld(t, 5*time.Second)
			term := w.terminal("10000001")
			miss := func() string {
				var refused *emulator.Error
				_, err := term.Inquire(t.Context(), "13700137000", payerOne, 1234, "")
				require.ErrorAs(t, err, &refused)
				return refused.Code
			}
			for range 10 {
				require.Equal(t, "P3", miss())
			}
			require.Contains(t, w.metrics(), "ringback_alarms_total{kind=\"look-ups\"} 0\n")
			require.Equal(t, "P3", miss(), "the eleventh")
			want := map[string]string{"false": "P3", "true": "58"}[suspend]
			require.Equal(t, want, miss())
			require.Contains(t, w.metrics(), "ringback_alarms_total{kind=\"look-ups\"} 1\n")
			require.Contains(t, w.log.String(), `"terminal":"10000001","kind":"look-ups","blocked":`+suspend)

			alarms := func() (out []alarmJSON) {
				for _, listed := range w.terminals() {
					if listed.Terminal == "10000001" {
						require.Equal(t, want == "58" && listed.Alarms != nil, listed.Blocked)
						return listed.Alarms
					}
					require.Empty(t, listed.Alarms)
				}
				return out
			}
			got := alarms()
			require.Len(t, got, 1)
			require.Equal(t, "look-ups", got[0].Kind)
			require.Equal(t, 1, got[0].Count)
			require.Equal(t, got[0].First, got[0].Last)
			require.NotEmpty(t, got[0].Last)
			require.Contains(t, w.operate("terminal", "list"), "look-ups: 1, last "+got[0].Last)
			w.operate("terminal", "unblock", "10000001")
			require.Empty(t, alarms())
			require.Equal(t, "P3", miss())
		})
	}
}

// Row 6. Two terminals of one number: the operator meets the alarm in the log, in the figures and in the list of
// terminals, with its time, also after a restart; nothing is refused for it.
func TestCloneAlarm(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term, clone := w.terminal("10000001"), w.terminal("10000001")
	for range 2 {
		for _, one := range []*emulator.Terminal{term, clone} {
			_, err := one.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
			require.NoError(t, err, "each signs on again when it is told to")
		}
	}
	require.Contains(t, w.metrics(), "ringback_alarms_total{kind=\"second-sign-on\"} 3\n")
	require.Contains(t, w.log.String(), `"terminal":"10000001","kind":"second-sign-on","blocked":false,"count":1,"detail":"from 127.0.0.1:`)
	w.stopSwitch()
	w.startSwitch()
	for _, listed := range w.terminals() {
		if listed.Terminal != "10000001" {
			require.Empty(t, listed.Alarms)
			continue
		}
		require.Len(t, listed.Alarms, 1)
		require.Equal(t, "second-sign-on", listed.Alarms[0].Kind)
		require.Equal(t, 1, listed.Alarms[0].Count, "written once a minute")
		at, err := time.Parse("2006-01-02T15:04:05.000-07:00", listed.Alarms[0].Last)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), at, time.Minute)
	}
	require.Contains(t, w.operate("terminal", "list"), "second-sign-on: 1, last ")
	w.operate("terminal", "unblock", "10000001")
	require.NotContains(t, w.operate("terminal", "list"), "second-sign-on")
}

// The MAC key that a block leaves for undos is erased from the store when its time is over.
func TestEndedKeysAreErased(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	require.NoError(t, w.terminal("10000001").SignOn(t.Context(), "003"))
	require.NoError(t, w.app.db.SetBlocked(t.Context(), "10000001", true))
	got, err := w.app.db.Terminal(t.Context(), "10000001")
	require.NoError(t, err)
	require.False(t, got.Session.MAK.Zero())
	w.stopSwitch()
	i, err := openInstallation(t.Context(), w.config())
	require.NoError(t, err)
	// As if the block had been two days ago.
	require.NoError(t, i.db.SetBlocked(t.Context(), "10000001", false))
	got.Session.Ended = got.Session.Ended.Add(-acquirer.EndedKeyLife)
	require.NoError(t, i.db.SaveSession(t.Context(), "10000001", got.Session))
	require.NoError(t, i.close())
	w.startSwitch()
	require.Eventually(t, func() bool {
		got, err := w.app.db.Terminal(t.Context(), "10000001")
		return err == nil && got.Session.MAK.Zero() && got.Session.Ended.IsZero()
	}, 10*time.Second, 10*time.Millisecond)
}

// operate runs a verb as an operator would and returns what it prints.
func (w *world) operate(verb ...string) string {
	out, err := exec.Command("ringbackd", append(verb, "-c", w.config())...).Output()
	require.NoError(w.t, err)
	return string(out)
}

func (w *world) terminals() (all []terminalJSON) {
	require.NoError(w.t, json.Unmarshal([]byte(w.operate("terminal", "list", "--json")), &all))
	return all
}

// metrics returns the switch's figures.
func (w *world) metrics() string {
	r, err := http.Get("http://" + w.app.web.Addr().String() + "/metrics")
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, r.Body.Close()) }()
	b, err := io.ReadAll(r.Body)
	require.NoError(w.t, err)
	return string(b)
}
