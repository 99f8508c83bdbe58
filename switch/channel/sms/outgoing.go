package sms

import (
	"slices"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// outgoing remembers which parts of a message the centre has taken, and what became of them: a message that is sent
// again goes on where it stopped, also when the last answer came after its try was over, and it is delivered when all of
// its parts are. It lives in memory. After a restart the receipt of the last part, whose name the outbox keeps, decides
// alone.
type outgoing struct {
	most int
	life time.Duration

	mu       sync.Mutex
	byNotice map[string]*sending
	byID     map[string]*sending
	order    []*sending // the oldest first
}

// sending is one message on its way.
type sending struct {
	notice string
	text   uint64 // which text was cut into the parts
	total  int
	ids    []string        // of the parts that were taken, in their order
	here   map[string]bool // the parts that arrived
	told   bool            // its outcome was given out
	until  time.Time
}

func newOutgoing(l Limits) *outgoing {
	return &outgoing{most: l.Outgoing, life: l.OutgoingFor, byNotice: map[string]*sending{}, byID: map[string]*sending{}}
}

// begin returns what is known of a message: nothing when its text was another one, or when its outcome was given out and an
// operator has it sent once more.
func (o *outgoing) begin(notice string, text uint64, total int, now time.Time) *sending {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.byNotice[notice]; s != nil && s.text == text && s.total == total && !s.told {
		return s
	}
	o.forget(now)
	s := &sending{notice: notice, text: text, total: total, here: map[string]bool{}, until: now.Add(o.life)}
	o.byNotice[notice] = s
	o.order = append(o.order, s)
	return s
}

// forget drops what is too old or too much. The caller holds mu.
func (o *outgoing) forget(now time.Time) {
	for len(o.order) > 0 && (len(o.order) >= o.most || now.After(o.order[0].until)) {
		s := o.order[0]
		o.order[0] = nil
		o.order = o.order[1:]
		for _, id := range s.ids {
			if o.byID[id] == s {
				delete(o.byID, id)
			}
		}
		if o.byNotice[s.notice] == s {
			delete(o.byNotice, s.notice)
		}
	}
}

// taken notes that the centre took the next part under a name.
func (o *outgoing) taken(s *sending, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.ids = append(s.ids, id)
	if id != "" && s.total > 1 { // the outbox finds the receipt of a single part by itself
		o.byID[id] = s
	}
}

// handedOn forgets a message of a single part that the device has handed on: the outbox has its name by now.
func (o *outgoing) handedOn(s *sending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.total > 1 || o.byNotice[s.notice] != s {
		return
	}
	delete(o.byNotice, s.notice)
	for i := len(o.order) - 1; i >= 0; i-- { // it is one of the newest
		if o.order[i] == s {
			o.order = slices.Delete(o.order, i, i+1)
			return
		}
	}
}

// done returns how many parts of a message were taken, and the name of the last of them.
func (o *outgoing) done(s *sending) (parts int, last string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(s.ids); n > 0 {
		return n, s.ids[n-1]
	}
	return 0, ""
}

// outcome is what a receipt of one part means for the message.
type outcome byte

const (
	outcomeUnknown outcome = iota // the part is of no message that is known
	outcomeOpen                   // other parts are still to come, or the outcome was given out
	outcomeHere                   // all parts arrived
	outcomeLost                   // this one did not
)

// receipt takes the receipt of a part. An outcome that is not open is given again and again until told says that it was
// stored.
func (o *outgoing) receipt(id string, delivered bool) (outcome, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.byID[id]
	switch {
	case s == nil:
		return outcomeUnknown, ""
	case s.told:
		return outcomeOpen, s.notice
	case !delivered:
		return outcomeLost, s.notice
	}
	s.here[id] = true
	if len(s.here) < s.total {
		return outcomeOpen, s.notice
	}
	return outcomeHere, s.notice
}

// told ends the waiting for receipts of a message.
func (o *outgoing) told(notice string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.byNotice[notice]; s != nil {
		s.told = true
	}
}

// handed is the device's word about a message of which the centre has all parts.
func handed(id string) acquirer.Handed {
	if len(id) > MaxReference {
		return acquirer.Handed{}
	}
	return acquirer.Handed{Reference: id}
}
