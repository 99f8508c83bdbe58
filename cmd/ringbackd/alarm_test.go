package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"testing"
	"time"

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
