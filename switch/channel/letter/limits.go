package letter

import "time"

// The figures of the device. None is for an operator to set.
const (
	// maxOut is how many letters may lie in the folder. Nobody fetches them when there are more: the device counts as down.
	maxOut = 10_000

	// maxFont bounds a font in bytes, unpacked.
	maxFont = 64 << 20

	// maxSender is how many lines a sender has.
	maxSender = 4

	// maxReply bounds the answer of a printer in bytes: a thousand jobs.
	maxReply = 4 << 20

	// askTimeout is how long a printer may take to answer a question.
	askTimeout = 10 * time.Second

	// pollEvery is how often the printer is asked what became of its jobs.
	pollEvery = 5 * time.Second

	// maxOpen bounds the jobs whose end is waited for. Of more no receipt comes.
	maxOpen = 10_000

	// history is how many of a printer's jobs are looked at after a start.
	history = 1000
)
