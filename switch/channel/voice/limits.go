package voice

import (
	"cmp"
	"time"
)

// Limits are the times and counts of calls. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	CallsIn  int // calls that come in, at one time: 8; more hear the busy tone (486)
	CallsOut int // calls that go out, at one time: 4; more wait for a line

	Answer  time.Duration // for the proxy's first word on a request: 8 s; then it counts as away
	Ring    time.Duration // until the other side picks up: 40 s
	Call    time.Duration // the longest call, from its answer on: 5 min
	Silence time.Duration // without a packet of sound after which the other side counts as gone: 30 s
	Drain   time.Duration // at the end of a call, for the answer to a BYE or a CANCEL: 4 s

	Probe    time.Duration // between two questions whether the proxy is there: 30 s
	Register time.Duration // how long a registration is asked to hold: 10 min
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.CallsIn = cmp.Or(l.CallsIn, 8)
	l.CallsOut = cmp.Or(l.CallsOut, 4)
	l.Answer = cmp.Or(l.Answer, 8*time.Second)
	l.Ring = cmp.Or(l.Ring, 40*time.Second)
	l.Call = cmp.Or(l.Call, 5*time.Minute)
	l.Silence = cmp.Or(l.Silence, 30*time.Second)
	l.Drain = cmp.Or(l.Drain, 4*time.Second)
	l.Probe = cmp.Or(l.Probe, 30*time.Second)
	l.Register = cmp.Or(l.Register, 10*time.Minute)
	return l
}

// Pauses before the same number is called again: long enough that a person may have become free, and that nobody is rung
// without rest. At most maxRetryAfter of what a proxy asks for is believed.
const (
	pauseBusy    = time.Minute
	pauseMissed  = 5 * time.Minute  // nobody picked up
	pauseUnheard = 10 * time.Minute // picked up, and nobody pressed the key: a machine, or a person who did not wait
	pauseRefused = 15 * time.Minute // somebody pressed the red key
	pauseFault   = time.Minute      // the network's fault

	maxRetryAfter = time.Hour
)

// Figures that are not for an operator to set.
const (
	// maxMessage is the longest SIP message that is read, in bytes.
	maxMessage = 16 << 10

	// maxConnections bounds the TCP connections of peers that are open at one time.
	maxConnections = 64

	// reachTime is how long [Reach] waits for the proxy.
	reachTime = 2 * time.Second

	// acceptPause is the pause after a connection that could not be accepted.
	acceptPause = 50 * time.Millisecond

	// maxRoutes bounds the Record-Route headers of a call.
	maxRoutes = 16

	// ackFirst and ackMax bound the pause between two 200 to an INVITE, ackTime is how long an ACK is waited for (RFC 3261,
	// 13.3.1.4).
	ackFirst = 500 * time.Millisecond
	ackMax   = 4 * time.Second
	ackTime  = 32 * time.Second

	// logins is how often one request is answered with a password: a second time when the first nonce was stale.
	logins = 2

	// listenTries is how often a free port is looked for that UDP and TCP both have.
	listenTries = 20

	// noisyLines in noisyPeriod are logged of what a peer or a caller can cause at will.
	noisyLines  = 5
	noisyPeriod = time.Minute
)
