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

// The kinds.
const (
	// AlarmLookUps: too many look-ups of the terminal find nobody. It is what somebody looks like who harvests names.
	AlarmLookUps AlarmKind = "look-ups"
	// AlarmSecondSignOn: a sign-on while the terminal is at work on another connection, which lives. There are two
	// terminals of one number, or somebody plays one, or a line broke and the switch has not heard of it.
	AlarmSecondSignOn AlarmKind = "second-sign-on"
	// AlarmTraceBack: F11 of an authentic message lies behind the one before it in the batch, as when two terminals
	// count by turns.
	AlarmTraceBack AlarmKind = "trace-back"
)

// Alarm is one reason to look at a terminal.
type Alarm struct {
	Terminal TerminalID
	Kind     AlarmKind
	At       time.Time
	Block    bool   // refuse the terminal from its next message on, until a person lets it work again
	Count    int    // how many of its kind it stands for; 0: one
	Detail   string // for the log; holds no secret
}

// alarms counts what was raised by this process.
type alarms struct {
	mu     sync.Mutex
	counts map[AlarmKind]uint64
	told   map[alarmKey]told
}

// alarmKey is one kind of alarm of one terminal.
type alarmKey struct {
	terminal TerminalID
	kind     AlarmKind
}

// told says when an alarm was told of last, and how many were raised since.
type told struct {
	at    time.Time
	since int
}

func (a *alarms) init() {
	a.counts = map[AlarmKind]uint64{AlarmLookUps: 0, AlarmSecondSignOn: 0, AlarmTraceBack: 0}
	a.told = make(map[alarmKey]told)
}

// Alarms returns how many alarms this process has raised, by kind; a kind that never was is there with 0. The map is
// the caller's.
func (s *Switch) Alarms() map[AlarmKind]uint64 {
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	return maps.Clone(s.alarms.counts)
}

// RaiseAlarm counts an alarm about a registered terminal. It is made durable and told of at once, but of one terminal and
// kind at most once in [AlarmEvery]: those between are counted, and added to the next, so that no peer can make the switch
// write for each of its messages. An error is of kind [ErrStore].
func (s *Switch) RaiseAlarm(ctx context.Context, a Alarm) error {
	if a.Count = s.alarms.due(alarmKey{a.Terminal, a.Kind}, a.At); a.Count == 0 {
		return nil
	}
	return s.tell(ctx, a)
}

// due counts an alarm and returns for how many it is to be told of: none, when one was a moment ago.
func (a *alarms) due(k alarmKey, now time.Time) (count int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[k.kind]++
	t := a.told[k]
	if !t.at.IsZero() && now.Sub(t.at) < AlarmEvery {
		t.since++
		a.told[k] = t
		return 0
	}
	a.told[k] = told{at: now}
	return 1 + t.since
}

// raise makes an alarm durable, tells of it and counts it.
func (s *Switch) raise(ctx context.Context, a Alarm) error {
	if err := s.tell(ctx, a); err != nil {
		return err
	}
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	s.alarms.counts[a.Kind]++
	return nil
}

// tell makes an alarm durable and tells of it.
func (s *Switch) tell(ctx context.Context, a Alarm) error {
	if err := s.Directory.RaiseAlarm(ctx, a); err != nil {
		return s.checked(err)
	}
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
