package provider

import "time"

// Limits are the times and sizes of the line. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	Dial   time.Duration // to open a connection: 15 s (host dialect page, section 1)
	SignOn time.Duration // for the answer to a sign-on or an echo: 15 s
	Echo   time.Duration // between two echoes on a link: 30 s
	// Silence is after what time without a byte from the host a link is given up: 75 s, two echoes and a margin.
	Silence time.Duration
	Frame   time.Duration // from the first byte of a frame to its last: 10 s
	Write   time.Duration // for one write; then the link is given up: 5 s, below every wait for an answer
	// Linger is how long a link that can no longer be written is still read: 1 s. Answers may stand in its buffer.
	Linger time.Duration

	RetryFirst time.Duration // pause before a link is dialled again: 1 s, doubled at each failure ...
	RetryMax   time.Duration // ... up to 30 s
	// Drain is how long Run waits for requests in flight after its context ended: 35 s, more than a debit waits.
	Drain time.Duration

	// OldKey is how long the MAC key before a key reset is still accepted: 60 s, for answers in flight.
	OldKey time.Duration
	// KeyWait is how long a key that was asked for may take to come before it is asked for again: 15 s.
	KeyWait time.Duration
	// KeyPause is the least time between two requests for a MAC key because a MAC failed: 60 s.
	KeyPause time.Duration

	FilePoll  time.Duration // between two looks into the drop folder: 2 s
	FileStill time.Duration // how long a file there must not have changed before it is read: 10 s
	FileHalf  time.Duration // the same for one that ends inside a line, before it is called bad: 10 min
	FileAgain time.Duration // before a file that the books did not take is offered again: 30 s

	InFlight int // requests waiting for an answer: 16,384; more are not sent
	Late     int // late answers waiting for Config.Late: 1024; more are counted and dropped
	Requests int // the host's requests waiting on one link, and key resets waiting on all: 64; more are dropped
	// Routes is for how many debits at least it is remembered which link carried them: 16,384.
	Routes int
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.Dial = fallback(l.Dial, 15*time.Second)
	l.SignOn = fallback(l.SignOn, 15*time.Second)
	l.Echo = fallback(l.Echo, 30*time.Second)
	l.Silence = fallback(l.Silence, 75*time.Second)
	l.Frame = fallback(l.Frame, 10*time.Second)
	l.Write = fallback(l.Write, 5*time.Second)
	l.Linger = fallback(l.Linger, time.Second)
	l.RetryFirst = fallback(l.RetryFirst, time.Second)
	l.RetryMax = fallback(l.RetryMax, 30*time.Second)
	l.Drain = fallback(l.Drain, 35*time.Second)
	l.OldKey = fallback(l.OldKey, 60*time.Second)
	l.KeyWait = fallback(l.KeyWait, 15*time.Second)
	l.KeyPause = fallback(l.KeyPause, 60*time.Second)
	l.FilePoll = fallback(l.FilePoll, 2*time.Second)
	l.FileStill = fallback(l.FileStill, 10*time.Second)
	l.FileHalf = fallback(l.FileHalf, 10*time.Minute)
	l.FileAgain = fallback(l.FileAgain, 30*time.Second)
	l.InFlight = fallback(l.InFlight, 16_384)
	l.Late = fallback(l.Late, 1024)
	l.Requests = fallback(l.Requests, 64)
	l.Routes = fallback(l.Routes, 16_384)
	return l
}

func fallback[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// libraryIdle keeps the library's own timers, which serve nothing here, from waking anybody.
const libraryIdle = 24 * time.Hour

// noisyLines in noisyPeriod bounds how many log lines bad frames may cause.
const (
	noisyLines  = 10
	noisyPeriod = time.Second
)
