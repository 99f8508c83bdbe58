package speech

import (
	"cmp"
	"time"
)

// Limits are the times and counts of speech. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	Program time.Duration // for one run of the program: 5 s
	AtOnce  int           // programs that run at one time: 4; more wait
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.Program = cmp.Or(l.Program, 5*time.Second)
	l.AtOnce = cmp.Or(l.AtOnce, 4)
	return l
}

// Figures that are not for an operator to set.
const (
	// Rate is the samples a second of a telephone (G.711).
	Rate = 8000

	// maxText is the longest text that is spoken, in bytes: a notice has at most 500 characters, and words for the ear are
	// longer than those for the eye.
	maxText = 16 << 10

	// maxSpeech is the longest speech of one text, maxClip that of one recorded prompt.
	maxSpeech = 180 * time.Second
	maxClip   = 20 * time.Second

	// maxRuns is how many pieces of other scripts a text may have, each of which is a run of the program; a text with more
	// is spoken by one voice.
	maxRuns = 12

	// maxPrompts bounds the recorded prompts of a language.
	maxPrompts = 5000

	// loudness is the amplitude that the program is asked for. At 100, its own, it clips vowels.
	loudness = "60"

	// Pauses of joined prompts.
	joinPause  = 25 * time.Millisecond
	commaPause = 220 * time.Millisecond
	stopPause  = 450 * time.Millisecond

	// A prompt is trimmed to where it is louder than quiet, and edge is left on both sides.
	quiet = 200 // of 32,767
	edge  = 12 * time.Millisecond
)

// samples is how many samples a time has.
func samples(d time.Duration) int { return int(d * Rate / time.Second) }
