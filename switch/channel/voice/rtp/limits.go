package rtp

import "time"

const (
	// Rate is the samples a second of G.711, and the clock of its packets and keys (RFC 3551, RFC 4733).
	Rate = 8000

	// frame is the sound in a packet: 20 ms, the default of RFC 3551, 160 samples.
	frame        = 20 * time.Millisecond
	frameSamples = int(frame * Rate / time.Second)

	// burst is how many frames are sent at once at most when the machine was busy; what is late beyond that is left out.
	burst = 5

	// maxDatagram is the longest packet that is read, in bytes; more is cut off and then no packet.
	maxDatagram = 2048

	// readFailures is after how many failures in a row a socket is not read any more; the call then ends for its silence.
	readFailures = 100

	// maxDescription and maxMedia bound a session description: its bytes, and the media that it offers.
	maxDescription = 8192
	maxMedia       = 8
	maxFormats     = 64

	// maxKeys is how many keys wait to be asked for: more than any entry has.
	maxKeys = 128
)
