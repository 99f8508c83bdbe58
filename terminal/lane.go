package terminal

import (
	"sync"

	acquirer "example.com/ringback/switch"
)

// lanes keep the order of each terminal's messages, whatever connections they come on. A terminal has an entry exactly
// while one of its messages is being handled.
type lanes struct {
	limit   int // messages of one terminal that wait
	limits  int // messages that have a place, of all terminals
	mu      sync.Mutex
	places  int
	waiting map[acquirer.TerminalID][]*session
}

func (l *lanes) init(limit, limits int) {
	l.limit, l.limits = limit, limits
	l.waiting = make(map[acquirer.TerminalID][]*session)
}

// turn says when a message is handled.
type turn byte

const (
	turnNow   turn = iota // its goroutine handles it, and then what waits behind it
	turnLater             // it waits; the goroutine that handles the lane comes to it
	turnNever             // too many wait already, of the terminal or of all
	turnOver              // it has no place: its terminal is over its rate
)

// enter gives q its place.
func (l *lanes) enter(q *session) turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, busy := l.waiting[q.id]
	if l.places >= l.limits || len(queue) >= l.limit {
		return turnNever
	}
	l.places++
	if !busy {
		l.waiting[q.id] = nil
		return turnNow
	}
	l.waiting[q.id] = append(queue, q)
	return turnLater
}

// next ends the turn of the message that is being handled and returns the one whose turn it is; nil: the lane is empty
// and gone.
func (l *lanes) next(id acquirer.TerminalID) *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places--
	queue := l.waiting[id]
	if len(queue) == 0 {
		delete(l.waiting, id)
		return nil
	}
	q := queue[0]
	queue[0] = nil
	l.waiting[id] = queue[1:]
	return q
}

// dispatch handles a request that has its place, with those behind it.
func (s *Server) dispatch(q *session, t turn) {
	switch t {
	case turnNow:
		s.run(q)
	case turnNever:
		// Nothing has been touched for it, so that the terminal may send it again.
		if q.conn.send(q, q.overflow()) {
			q.conn.flush()
		}
	case turnOver:
		if q.conn.send(q, q.busy()) {
			q.conn.flush()
		}
	}
}

// run handles q and those behind it until the lane is empty, or until another goroutine has taken the lane over.
func (s *Server) run(q *session) {
	for q != nil {
		q = s.handle(q)
	}
}

// handle handles one request and returns the next of the lane that this goroutine is to handle.
func (s *Server) handle(q *session) (next *session) {
	id, handedOn := q.id, false
	out := q.run(func() {
		if !handedOn {
			handedOn = true
			if behind := s.lanes.next(id); behind != nil {
				s.work.Go(func() { s.run(behind) })
			}
		}
	})
	// The answer is queued before the lane goes on: answers to a terminal leave in the order of its messages.
	mustFlush := q.conn.send(q, out)
	if q.last != nil {
		q.conn.hangUp(q.last)
	}
	if !handedOn {
		next = s.lanes.next(id)
	}
	switch {
	case !mustFlush:
	case next == nil:
		q.conn.flush()
	default:
		s.work.Go(q.conn.flush)
	}
	return next
}
