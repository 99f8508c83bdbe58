package acquirer

import (
	"context"
	"maps"
	"math/bits"
	"sync"
	"time"
)

// AlarmKind says why a person must look at a terminal. The values are stored.
type AlarmKind string

// AlarmLookUps: too many look-ups of the terminal find nobody. It is what somebody looks like who harvests names.
const AlarmLookUps AlarmKind = "look-ups"

// Alarm is one reason to look at a terminal.
type Alarm struct {
	Terminal TerminalID
	Kind     AlarmKind
	At       time.Time
	Block    bool // refuse the terminal from its next message on, until a person lets it work again
}

// alarms counts what was raised by this process.
type alarms struct {
	mu     sync.Mutex
	counts map[AlarmKind]uint64
}

// Alarms returns how many alarms this process has raised, by kind; a kind that never was is there with 0. The map is
// the caller's.
func (s *Switch) Alarms() map[AlarmKind]uint64 {
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	out := map[AlarmKind]uint64{AlarmLookUps: 0}
	maps.Copy(out, s.alarms.counts)
	return out
}

// raise makes an alarm durable, counts it and tells of it.
func (s *Switch) raise(ctx context.Context, a Alarm) error {
	if err := s.Directory.RaiseAlarm(ctx, a); err != nil {
		return s.checked(err)
	}
	s.alarms.mu.Lock()
	s.alarms.counts[a.Kind]++
	s.alarms.mu.Unlock()
	if s.OnAlarm != nil {
		s.OnAlarm(a)
	}
	return nil
}

// lookedUp notes whether a terminal's look-up found somebody, and raises an alarm when too many of its last ones did
// not. The next one then takes as many misses again.
func (s *Switch) lookedUp(ctx context.Context, id TerminalID, found bool, now time.Time) error {
	if !s.misses.note(id, found) {
		return nil
	}
	return s.raise(ctx, Alarm{Terminal: id, Kind: AlarmLookUps, At: now, Block: s.Limits.SuspendOnMisses})
}

// misses remembers, for each terminal, which of its last missWindow look-ups found nobody. It lives in memory, and has
// at most one entry for each registered terminal.
type misses struct {
	mu   sync.Mutex
	last map[TerminalID]uint64 // a bit for each look-up, the newest lowest: 1 found nobody
}

func (m *misses) init() { m.last = make(map[TerminalID]uint64) }

// note adds a look-up and reports whether there are more than missLimit among the last ones that found nobody. It does
// not wait for the window to be full: however the rest of it turns out, there will be too many. After that the window
// is empty.
func (m *misses) note(id TerminalID, found bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	window := m.last[id] << 1 & (1<<missWindow - 1)
	if !found {
		window |= 1
	}
	tooMany := bits.OnesCount64(window) > missLimit
	if tooMany || window == 0 {
		delete(m.last, id)
	} else {
		m.last[id] = window
	}
	return tooMany
}
