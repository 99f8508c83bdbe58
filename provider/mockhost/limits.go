package mockhost

import "time"

// Limits of the host. Each bounds something that a peer could otherwise make
// grow or wait without end.
const (
	// MaxLinks is how many links may be open at once; more are closed at once.
	MaxLinks = 256
	// MaxInFlight is how many answers of one link may wait for the disk or the
	// peer before nothing more is read from it.
	MaxInFlight = 256
	// MaxDelayed is how many answers may be held back on purpose at once; what
	// goes beyond is never answered.
	MaxDelayed = 4096
	// MaxBadFrames is how many unreadable frames in a row close a link.
	MaxBadFrames = 3
	// MaxInstitutions is how many institutions may have keys.
	MaxInstitutions = 1024
	// MaxOffers is how many new keys of one kind may wait for their answer; the
	// oldest is forgotten first.
	MaxOffers = 4
	// MaxTelling is how many payouts of one member may wait for their 0230 at once; the others wait for these.
	MaxTelling = 32
	// MaxNotices is how many 0820 of one member may wait for their 0830; the oldest is forgotten first.
	MaxNotices = 8
	// MaxRecord is the longest record of the log, in bytes, with its line end.
	MaxRecord = 4096
	// MaxBalanceFen is the largest balance of an account.
	MaxBalanceFen = 1_000_000_000_000_000
	// MaxTotalFen is the largest sum of all accounts.
	MaxTotalFen = 1_000_000_000_000_000_000
	// MaxPINTries is how many wrong PINs in a row lock a card for the day.
	MaxPINTries = 3
)

// Times. All of them are shorter than what a switch waits for, or much longer.
const (
	// IdleTimeout closes a link on which nothing came, not even a keep-alive.
	IdleTimeout = 5 * time.Minute
	// FrameTimeout is what a frame may take from its first byte to its last.
	FrameTimeout = 10 * time.Second
	// WriteTimeout is what the peer may take to accept one write.
	WriteTimeout = 10 * time.Second
	// OldKeyTimeout is how long the key before the present one is still accepted.
	OldKeyTimeout = 60 * time.Second
	// ResetTimeout is how long POST /keys/reset waits for the 0810.
	ResetTimeout = 30 * time.Second
	// RepeatAfter is when a 0220 or 0820 of the host's that nobody answered is sent again.
	RepeatAfter = 5 * time.Second
	// FileLateDelay is how late a detail file comes by the fault "late" by default.
	FileLateDelay = time.Minute
	// FileHalfDelay is how long only half a detail file is there by the fault "half" by default.
	FileHalfDelay = 3 * time.Second
	// LateDelay is how late the answer of the fault "late" comes by default.
	LateDelay = 40 * time.Second
	// ShortDelay is the same for the fault "delay".
	ShortDelay = time.Second
	// minBackoff and maxBackoff space the attempts of a failing accept loop.
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second
)
