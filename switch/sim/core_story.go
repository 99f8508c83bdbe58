package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
)

// coreEvent is one line of what happened.
type coreEvent struct {
	at   time.Duration
	life int
	key  acquirer.TerminalKey // whose story it belongs to; zero: everybody's
	what string
}

// coreViolation is an invariant that did not hold.
type coreViolation struct {
	seed      uint64
	evening   bool // found in a run with an evening
	life      int
	at        time.Duration
	invariant string
	key       acquirer.TerminalKey
	detail    string
}

// String is the line that a failure prints.
func (v coreViolation) String() string {
	test := "TestCoreSeeds"
	if v.evening {
		test = "TestEveningSeeds"
	}
	return fmt.Sprintf("seed %d, life %d, at %s: %s: payment %s: %s; repeat with: SIMSEED=%d go test -count=1 -v -run '^%s$' ./switch/sim",
		v.seed, v.life, v.at, v.invariant, subject(v.key), v.detail, v.seed, test)
}

// subject names a payment: terminal, batch, trace number.
func subject(k acquirer.TerminalKey) string {
	if k.Terminal == "" {
		return "-"
	}
	return fmt.Sprintf("%s/%d/%s", k.Terminal, k.Batch, k.STAN)
}

// tell notes an event when the run is traced. What is told holds no secret.
func (w *coreRun) tell(key acquirer.TerminalKey, what string) {
	if !w.trace {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, coreEvent{at: time.Since(w.start), life: w.lives, key: dateless(key), what: what})
}

// tellMove notes what came of a durable step.
func (w *coreRun) tellMove(t *acquirer.Transaction, c acquirer.Change, err error) {
	if !w.trace {
		return
	}
	line := fmt.Sprintf("journal: %s, because of %s", t.State, c.Event)
	if t.Code != "" {
		line += ", answer " + string(t.Code)
	}
	if c.Reversal != nil {
		line += ", a reversal is owed"
	}
	if err != nil {
		line += ": " + err.Error()
	}
	w.tell(t.Key, line)
}

// orderedEvents sorts events by their time and, within an instant, by what they say: the order of goroutines does not
// show.
func orderedEvents(events []coreEvent) []coreEvent {
	slices.SortStableFunc(events, func(a, b coreEvent) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(subject(a.key), subject(b.key)), cmp.Compare(a.what, b.what))
	})
	return events
}

// String is the event as a line of a trace.
func (e coreEvent) String() string {
	return fmt.Sprintf("%14.6fs life %d %s %s", e.at.Seconds(), e.life, subject(e.key), e.what)
}

// coreStory tells the story of one payment from a trace: its own events, and those of the switch meanwhile.
func coreStory(events []coreEvent, key acquirer.TerminalKey) string {
	first, last := -1, -1
	for i, e := range events {
		if e.key == key {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 || key.Terminal == "" {
		return "no story: the violation belongs to no payment\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The story of payment %s:\n", subject(key))
	for _, e := range events[first : last+1] {
		if e.key == key || e.key.Terminal == "" {
			fmt.Fprintf(&b, "  %14.6fs  %s\n", e.at.Seconds(), e.what)
		}
	}
	return b.String()
}
