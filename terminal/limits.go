package terminal

import "time"

// Limits are the figures of the server. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	MaxConnections int           // open at one time: 12,000; more are closed at once
	PerAddress     int           // of them from one address: 0, no limit, for a concentrator is one address
	IdleTimeout    time.Duration // wait for the first byte of a frame: 30 min; an idle connection costs 2.6 KiB
	FrameTimeout   time.Duration // from a frame's first byte to its last, and for a TLS handshake: 10 s
	WriteTimeout   time.Duration // for one response; then the connection is closed: 10 s
	Linger         time.Duration // how long a closing connection is read on, so that its last answers arrive: 1 s
	InFlight       int           // requests of one connection read and not yet answered: 256; then reading stops
	Queue          int           // requests of one terminal that wait for their turn: 256; more are answered 96
	Requests       int           // requests of all that have a turn or wait for one: 16,384; more are answered 96
	BadFrames      int           // unreadable frames in a row that close a connection: 3
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.MaxConnections = fallback(l.MaxConnections, 12_000)
	l.IdleTimeout = fallback(l.IdleTimeout, 30*time.Minute)
	l.FrameTimeout = fallback(l.FrameTimeout, 10*time.Second)
	l.WriteTimeout = fallback(l.WriteTimeout, 10*time.Second)
	l.Linger = fallback(l.Linger, time.Second)
	l.InFlight = fallback(l.InFlight, 256)
	l.Queue = fallback(l.Queue, 256)
	l.Requests = fallback(l.Requests, 16_384)
	l.BadFrames = fallback(l.BadFrames, 3)
	return l
}

func fallback[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

const (
	// acceptFirst and acceptMax bound the pause after a failed accept (the file limit, say): 5, 10 ... 1000 ms.
	acceptFirst = 5 * time.Millisecond
	acceptMax   = time.Second

	// noisyLines in noisyPeriod bounds how many log lines a peer can cause.
	noisyLines  = 20
	noisyPeriod = time.Second
)
