package spec

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sampleCapture = `# one name-confirm
terminal> 0015 6000030000 603100000000 0800 0000000000000000 # echo

host> 30303030
host< 30303030 @ +1.2s
terminal< 001560000000036031000000000810 0000000000000000 @ +5ms
`

func TestCapture(t *testing.T) {
	lines, err := ParseCapture(strings.NewReader(sampleCapture))
	require.NoError(t, err)
	require.Len(t, lines, 4)
	require.Equal(t, CaptureLine{Peer: PeerHost, Frame: []byte("0000"), After: 1200 * time.Millisecond}, lines[2])
	require.True(t, lines[0].Out)
	require.Len(t, lines[0].Frame, 23)
	require.False(t, lines[3].Out)

	var out strings.Builder
	require.NoError(t, WriteCapture(&out, lines))
	again, err := ParseCapture(strings.NewReader(out.String()))
	require.NoError(t, err)
	require.Equal(t, lines, again)
}

func TestCaptureRefused(t *testing.T) {
	tests := []struct {
		name string
		line string
		want string
	}{
		{"no direction", "terminal 00", "no direction"},
		{"unknown peer", "printer> 00", "neither terminal nor host"},
		{"odd hex", "host> 000", "not hex"},
		{"time without a sign", "host> 00 @ 1s", "not +DURATION"},
		{"negative time", "host> 00 @ +-1s", "not +DURATION"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCapture(strings.NewReader("\n" + tt.line))
			require.ErrorContains(t, err, "line 2")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriteCaptureError(t *testing.T) {
	require.ErrorContains(t, WriteCapture(brokenWriter{}, []CaptureLine{{}}), "full")
}

func FuzzCapture(f *testing.F) {
	f.Add(sampleCapture)
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := ParseCapture(strings.NewReader(text))
		if err != nil {
			return
		}
		var out strings.Builder
		require.NoError(t, WriteCapture(&out, lines))
		again, err := ParseCapture(strings.NewReader(out.String()))
		require.NoError(t, err)
		require.Equal(t, len(lines), len(again))
	})
}
