package main

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// The audit of a switch at work, of the same journal at rest, and of one in which a single byte was altered.
func TestAudit(t *testing.T) {
	w := newWorld(t, 400*time.Millisecond)
	var group sync.WaitGroup
	for _, id := range []string{"10000001", "10000004"} {
		term := w.terminal(id)
		group.Go(func() {
			for _, fen := range []int64{1234, 9801, 9803, 9807, 5678} {
				if r, err := term.Pay(t.Context(), payment(fen), holder{[]string{"123456"}}); err != nil && r.Code != "98" {
					t.Error(fen, err)
				}
			}
		})
	}
	for range 20 {
		requireSound(t, w)
	}
	group.Wait()
	w.settled()
	running := requireSound(t, w)
	require.Equal(t, 10, running.Rows)
	require.Zero(t, running.Open)
	require.Equal(t, subtotalJSON{6, 2 * (1234 + 9803 + 5678)}, running.Sums["approved"])
	require.Equal(t, subtotalJSON{4, 2 * (9801 + 9807)}, running.Sums["reversed"])

	runs, err := switchRuns(w.app.config.Store.Path)
	require.NoError(t, err)
	require.True(t, runs)
	var approved []string
	for _, row := range w.rows() {
		if row.State == acquirer.Approved {
			approved = append(approved, string(row.RRN()))
		}
	}
	w.stopSwitch()
	defer w.startSwitch()
	runs, err = switchRuns(w.app.config.Store.Path)
	require.NoError(t, err)
	require.False(t, runs)
	require.Equal(t, running, requireSound(t, w))
	alterOneByte(t, w, approved)
}

// alterOneByte alters the word of an approval in the file, which must name one of the payments, and puts it back.
func alterOneByte(t *testing.T, w *world, approved []string) {
	t.Helper()
	path := w.app.config.Store.Path
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.LastIndex(sound, []byte("approve"))
	require.Positive(t, at)
	broken := bytes.Clone(sound)
	broken[at] = 'A'
	require.NoError(t, os.WriteFile(path, broken, 0o600))
	defer func() { require.NoError(t, os.WriteFile(path, sound, 0o600)) }()
	report, err := auditJournal(t.Context(), w.config())
	require.NoError(t, err)
	out := showAudit(report)
	require.False(t, out.OK)
	require.Len(t, out.Breaks, 1)
	require.Contains(t, approved, out.Breaks[0].RRN)
	require.Contains(t, out.Breaks[0].What, "not as it was written")
	require.ErrorContains(t, (&auditCmd{configFlag: configFlag{w.config()}}).Run(t.Context()), "broken in 1 places")

	var text strings.Builder
	require.NoError(t, printAudit(&text, out))
	require.Contains(t, text.String(), out.Breaks[0].RRN)
	require.NotContains(t, text.String(), "sound")
}

func requireSound(t *testing.T, w *world) auditJSON {
	t.Helper()
	report, err := auditJournal(t.Context(), w.config())
	require.NoError(t, err)
	out := showAudit(report)
	require.Empty(t, out.Breaks)
	require.True(t, out.OK)
	return out
}
