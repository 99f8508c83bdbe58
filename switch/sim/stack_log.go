package sim

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// stackEvent is one line of the trace.
type stackEvent struct {
	at   time.Time
	text string
}

// stackLog is all that happened in a run.
type stackLog struct {
	start  time.Time
	mu     sync.Mutex
	events []stackEvent
	frames []netFrame
}

// note writes an event down at its instant.
func (l *stackLog) note(text string) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, stackEvent{now, text})
}

// tap keeps a frame for the story of its payment.
func (l *stackLog) tap(f netFrame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = append(l.frames, f)
}

// trace lists every event in the order of time. Events of one instant have no order among themselves: goroutines that
// one event wakes run as they come, so that the text decides.
func (l *stackLog) trace() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.events, func(a, b stackEvent) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.text, b.text))
	})
	out := make([]string, len(l.events))
	for i, e := range l.events {
		out[i] = fmt.Sprintf("%s %s", clockOf(e.at.Sub(l.start)), e.text)
	}
	return out
}

// clockOf writes a virtual time since the beginning to the nanosecond.
func clockOf(d time.Duration) string {
	return fmt.Sprintf("+%02d:%02d:%02d.%09d", d/time.Hour, d/time.Minute%60, d/time.Second%60, d%time.Second)
}
