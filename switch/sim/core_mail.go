package sim

import (
	"context"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// coreRound is how often a life's postman looks into the outbox.
const coreRound = 5 * time.Second

// coreLetter is a notice that reached its receiver.
type coreLetter struct {
	about acquirer.ID
	kind  acquirer.NoticeKind
}

// deliver is the postman of a life: he takes what waits in the outbox to its receiver, until the life ends. He keeps to the
// outbox's rule, write, then send: a try is durable before a device has the notice, and that it was sent is noted after
// it, so that after a crash some are sent twice.
func (l *coreLife) deliver() {
	var mu sync.Mutex
	busy := map[coreLetter]bool{}
	round := coreRound
	if l.w.rareMail {
		round = time.Minute
	}
	for n := uint64(1); l.wait(round + l.w.dice.between(0, time.Second, hopMail, l.n, n)); n++ {
		for _, notice := range l.w.mem.waiting() {
			letter := coreLetter{notice.Transaction, notice.Kind}
			mu.Lock()
			under := busy[letter]
			busy[letter] = true
			mu.Unlock()
			if under {
				continue
			}
			go func() {
				l.post(notice)
				mu.Lock()
				delete(busy, letter)
				mu.Unlock()
			}()
		}
	}
}

// post takes one notice out, or leaves it for a later round. A store error ends the process.
func (l *coreLife) post(n acquirer.Notice) {
	w, key := l.w, []uint64{uint64(n.Transaction), uint64(n.Kind), uint64(n.Tries)}
	tried := false
	err := l.gate.write("try a notice", func() error { tried = w.mem.try(n); return nil }, append(key, 1)...)
	if err == nil && tried && l.handOver(n, key) {
		err = l.gate.write("a notice was sent", func() error { w.mem.sent(n); return nil }, append(key, 2)...)
	}
	if err != nil {
		time.AfterFunc(time.Nanosecond, l.kill)
	}
}

// handOver gives a notice to its device; false: the device failed, or the process died first.
func (l *coreLife) handOver(n acquirer.Notice, key []uint64) bool {
	w, slowest := l.w, 3*time.Second
	if w.slowMail {
		slowest = time.Minute
	}
	if !l.wait(w.dice.between(time.Millisecond, slowest, append([]uint64{hopMail, 1}, key...)...)) {
		return false
	}
	if w.faulty(500, append([]uint64{hopMail, 2}, key...)...) {
		return false
	}
	w.received(n)
	return true
}

// received notes what a receiver was told.
func (w *coreRun) received(n acquirer.Notice) {
	w.mu.Lock()
	w.letters = append(w.letters, coreLetter{n.Transaction, n.Kind})
	w.mu.Unlock()
	if !w.trace {
		return
	}
	if t, err := w.mem.Get(context.Background(), n.Transaction); err == nil {
		what := map[acquirer.NoticeKind]string{acquirer.NoticeDebited: "debited", acquirer.NoticeUndone: "undone"}
		w.tell(t.Key, "the payer is told: "+what[n.Kind])
	}
}

// waiting returns the notices that are to be sent, in the order of their making.
func (m *Memory) waiting() (all []acquirer.Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.order {
		for _, n := range m.rows[id].notices {
			if n.Sent.IsZero() && n.State == acquirer.NoticeQueued {
				all = append(all, n)
			}
		}
	}
	return all
}

// try counts a try of a notice, or reports false: it was withdrawn or sent meanwhile.
func (m *Memory) try(n acquirer.Notice) (ok bool) {
	m.change(n, func(stored *acquirer.Notice) {
		if ok = stored.Sent.IsZero() && stored.State == acquirer.NoticeQueued; ok {
			stored.Tries++
		}
	})
	return ok
}

// sent notes that a notice was sent.
func (m *Memory) sent(n acquirer.Notice) {
	m.change(n, func(stored *acquirer.Notice) { stored.Sent = time.Now() })
}

func (m *Memory) change(n acquirer.Notice, do func(*acquirer.Notice)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	notices := m.rows[n.Transaction].notices
	for i := range notices {
		if notices[i].Kind == n.Kind {
			do(&notices[i])
		}
	}
}
