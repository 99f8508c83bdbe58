package cmpp

import (
	"time"

	"example.com/ringback/switch/channel/sms"
)

// Limits are the times and sizes of the link, see [sms.Limits].
type Limits = sms.Limits

// Defaults are the limits of [sms.Limits] with what the standard recommends: 16 submits without an answer, T = 60 s for an
// answer, N = 3 times in all (CMPP 3.0, section 6.2). Parts of an unfinished message may wait longer here than with SMPP, for
// a gateway waits as long for their answers.
func Defaults(l Limits) Limits {
	if l.Window == 0 {
		l.Window = 16
	}
	if l.Answer == 0 {
		l.Answer = 60 * time.Second
	}
	if l.Sends == 0 {
		l.Sends = 3
	}
	if l.Silence == 0 {
		l.Silence = 60 * time.Second
	}
	if l.Hold == 0 {
		l.Hold = 20 * time.Second
	}
	return l.WithDefaults()
}

// Figures that are not for an operator to set.
const (
	// maxFrame is the longest frame that is read, in bytes: a deliver is at most 364, and there is room for commands that
	// mean nothing here. Behind a longer one nothing is certain, and it ends the link.
	maxFrame = 4096

	// maxASCII and maxASCIIPart are what a message of msg_fmt 0 holds, whole and as a part behind its header: fewer than 160
	// bytes in all (CMPP 3.0, section 7.4.3.1).
	maxASCII, maxASCIIPart = 159, 153
)
