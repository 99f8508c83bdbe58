package store

import (
	"context"
	"errors"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// sequences are the counters of ids, one a business date. A date's counter begins behind the greatest id that is
// durable on it.
type sequences struct {
	mu   sync.Mutex
	last map[acquirer.Date]int64 // a date that was used stays: ids may be under way
}

func newSequences() *sequences { return &sequences{last: make(map[acquirer.Date]int64)} }

// take returns the next number of a date; known is false for a date whose counter has not begun.
func (s *sequences) take(d acquirer.Date) (seq int64, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.last[d]
	if known && last >= acquirer.MaxSequence {
		return 0, true, errors.New("store: the ids of the date are used up")
	}
	if known {
		s.last[d] = last + 1
	}
	return last + 1, known, nil
}

// begin starts a date's counter, unless somebody else has.
func (s *sequences) begin(d acquirer.Date, last int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.last[d]; !known {
		s.last[d] = last
	}
}

// NewID implements [acquirer.Journal]. It reads the file at the first id of a date only.
func (db *DB) NewID(now time.Time) (acquirer.ID, error) {
	date := acquirer.DateOf(now)
	seq, known, err := db.ids.take(date)
	if err == nil && !known {
		if err = db.beginDate(date); err == nil {
			seq, _, err = db.ids.take(date)
		}
	}
	if err != nil {
		return 0, err
	}
	return acquirer.NewID(date, seq), nil
}

// beginDate starts the counter of a date behind every id of it that a row holds or held.
func (db *DB) beginDate(d acquirer.Date) error {
	first, last := idRange(d)
	var greatest int64
	if err := db.one(context.Background(), readLastID, first, last, int64(d)).Scan(&greatest); err != nil {
		return err
	}
	if greatest == 0 {
		greatest = first
	}
	db.ids.begin(d, acquirer.ID(greatest).Sequence())
	return nil
}

// idRange returns the ids between which those of a date lie; the first is none of them.
func idRange(d acquirer.Date) (first, last int64) {
	return int64(acquirer.NewID(d, 0)), int64(acquirer.NewID(d+1, 0)) - 1
}
