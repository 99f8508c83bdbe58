package acquirer

import "sync"

// flights holds the debits that wait for the host in this process, so that a repeat shares the first one's answer.
type flights struct {
	limit int
	mu    sync.Mutex
	byKey map[TerminalKey]*flight
}

// flight is one debit under way; done is closed when its answer is durable, or when it ended without one.
type flight struct {
	print Fingerprint
	done  chan struct{}
}

func (f *flights) init(limit int) {
	f.limit = limit
	f.byKey = make(map[TerminalKey]*flight)
}

// join returns the flight of a key, or starts one when there is none: then own is true, and the caller must land it.
// full is true, and there is no flight, when no more may start.
func (f *flights) join(key TerminalKey, print Fingerprint) (fl *flight, own, full bool) {
	key.Date = 0 // a repeat after midnight is the same debit
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.byKey[key]; fl != nil {
		return fl, false, false
	}
	if len(f.byKey) >= f.limit {
		return nil, false, true
	}
	fl = &flight{print: print, done: make(chan struct{})}
	f.byKey[key] = fl
	return fl, true, false
}

// land ends a flight that the caller owns.
func (f *flights) land(key TerminalKey, fl *flight) {
	key.Date = 0
	f.mu.Lock()
	delete(f.byKey, key)
	f.mu.Unlock()
	close(fl.done)
}
