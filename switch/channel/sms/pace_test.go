package sms

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	p := &pace{gap: 100 * time.Millisecond, first: time.Second, most: 4 * time.Second, chance: func() float64 { return 1 }}
	require.Zero(t, p.take(now))
	require.Equal(t, 100*time.Millisecond, p.take(now))
	require.Zero(t, p.take(now.Add(100*time.Millisecond)))

	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second} {
		p.throttled(now)
		require.Equal(t, want, p.take(now))
		p.throttled(now.Add(want / 2)) // the answer to what was under way when the pause began
		require.Equal(t, want, p.take(now))
		now = now.Add(want)
		require.Zero(t, p.take(now))
	}
	p.taken()
	p.throttled(now)
	require.Equal(t, time.Second, p.take(now), "a submit that was taken ends the series")
}

func TestSpread(t *testing.T) {
	for chance, want := range map[float64]time.Duration{0: 500 * time.Millisecond, 0.5: 750 * time.Millisecond, 1: time.Second} {
		require.Equal(t, want, spread(time.Second, func() float64 { return chance }))
	}
}
