package terminal

import "time"

// Limits are the figures of the server. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	MaxConnections   int           // open at one time: 12,000; more are closed at once
	PerAddress       int           // of them from one address: 0, no limit, for a concentrator is one address
	AcceptsPerSecond int           // connections from one address in a second: 0, no limit; more are closed at once
	SendBuffer       int           // bytes that the kernel holds for a peer that does not read: 64 KiB (Linux takes it twice)
	IdleTimeout      time.Duration // wait for the first byte of a frame: 30 min; an idle connection costs 2.6 KiB
	FrameTimeout     time.Duration // from a frame's first byte to its last, and for a TLS handshake: 10 s
	WriteTimeout     time.Duration // for one response; then the connection is closed: 10 s
	Linger           time.Duration // how long a closing connection is read on, so that its last answers arrive: 1 s
	InFlight         int           // requests of one connection read and not yet answered: 256; then reading stops
	Queue            int           // requests of one terminal that wait for their turn: 256; more are answered 96
	Requests         int           // requests of all that have a turn or wait for one: 16,384; more are answered 96
	BadFrames        int           // unreadable frames in a row that close a connection: 3
	WrongMACs        int           // of one terminal in a row on a connection: 3; see roster.wrong for what follows

	// Messages in a second; of each, twice as many at once. What is over it is never dropped: reading pauses where that
	// holds up nobody else, else the answer is 96.
	TerminalRate   int // of one terminal, on the connection on which it showed its key: 10,000
	StrangerRate   int // of all terminals of a connection that have not shown their key on it: 2,000
	ConnectionRate int // of one connection: 50,000

	// Turn is how many frames of a connection are taken in a row while more of them wait: 2. Then it rests for a
	// millisecond and others have their turn. Half of it for a connection on which no terminal has shown its key,
	// InFlight for one on which several have.
	Turn int
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.MaxConnections = fallback(l.MaxConnections, 12_000)
	l.SendBuffer = fallback(l.SendBuffer, 64<<10)
	l.IdleTimeout = fallback(l.IdleTimeout, 30*time.Minute)
	l.FrameTimeout = fallback(l.FrameTimeout, 10*time.Second)
	l.WriteTimeout = fallback(l.WriteTimeout, 10*time.Second)
	l.Linger = fallback(l.Linger, time.Second)
	l.InFlight = fallback(l.InFlight, 256)
	l.Queue = fallback(l.Queue, 256)
	l.Requests = fallback(l.Requests, 16_384)
	l.BadFrames = fallback(l.BadFrames, 3)
	l.WrongMACs = fallback(l.WrongMACs, 3)
	l.TerminalRate = fallback(l.TerminalRate, 10_000)
	l.StrangerRate = fallback(l.StrangerRate, 2_000)
	l.ConnectionRate = fallback(l.ConnectionRate, 50_000)
	l.Turn = fallback(l.Turn, 2)
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

	// maxAddresses bounds the addresses whose rate of connections is watched; beyond it new ones are let in unwatched.
	maxAddresses = 65_536
	addressSweep = 1_024 // so many are kept without looking whether they say anything

	// burst is how many seconds' worth of messages may come at once.
	burst = 2

	// turnRest is how long a connection whose turn is over is not read. It is the least that a waiting process can be
	// sure of: the poller counts milliseconds.
	turnRest = time.Millisecond

	// barredFor is how long a terminal with too many wrong MACs is refused on a connection that carries others.
	barredFor = time.Minute

	// maxDoubts bounds the terminals whose wrong MACs a connection counts; another takes the place of any of them.
	maxDoubts = 64

	// traceWrap is how near to the ends of 1 to 999999 two trace numbers lie that have passed over the end. Messages
	// without F64 take numbers, too, so that 1 is not always the first to be seen.
	traceWrap = 1_000

	// noisyLines in noisyPeriod bounds how many log lines a peer can cause.
	noisyLines  = 20
	noisyPeriod = time.Second
)
