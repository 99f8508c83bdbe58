package dialogue

import (
	"cmp"
	"time"
)

// Limits are the times and counts of a conversation. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	First    time.Duration // for the first key of an answer: 8 s
	Between  time.Duration // for each further one: 4 s
	CodeWait time.Duration // for a code that is on its way to the number, while the person holds the line: 45 s

	Tries     int // of one question or entry, with silence and wrong keys: 3; then the call ends
	Questions int // in one call: 60; then it ends
	Requests  int // to the inbox in one call: 8; then it ends
	Plays     int // of one outgoing message: 5
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.First = cmp.Or(l.First, 8*time.Second)
	l.Between = cmp.Or(l.Between, 4*time.Second)
	l.CodeWait = cmp.Or(l.CodeWait, 45*time.Second)
	l.Tries = cmp.Or(l.Tries, 3)
	l.Questions = cmp.Or(l.Questions, 60)
	l.Requests = cmp.Or(l.Requests, 8)
	l.Plays = cmp.Or(l.Plays, 5)
	return l
}

// Figures that are not for an operator to set.
const (
	// The most keys of an entry.
	numberKeys = 11
	codeKeys   = 6
	cardKeys   = 19
	nameKeys   = 4 * 25 // host dialect page, 7.3: a name field has room for 25 characters

	// silentPlays is how often an outgoing message is played to somebody who presses nothing: a person may have missed the
	// beginning, and a machine needs no third time.
	silentPlays = 2
)
