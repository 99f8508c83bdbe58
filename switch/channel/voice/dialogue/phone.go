// Package dialogue is what is said in a telephone call and which keys answer it: the menu of a payee who calls, and the
// call that brings a notice. It knows no network and no sound: a [Phone] speaks its texts and waits for keys.
//
// Texts are made for the ear before they go to the phone: [Spoken] turns numbers, amounts and times into words.
package dialogue

import (
	"context"
	"errors"
	"time"

	acquirer "example.com/ringback/switch"
)

// Phone is one call that was answered, as a conversation sees it. Its methods return [ErrHungUp] once the other side has
// gone, and ctx's error when ctx ends. It is used by one conversation at a time.
type Phone interface {
	// Say speaks a text of a language; a key stops it and is kept for the next Keys. While a key is kept it is silent and
	// returns at once. It returns when all was played. The text is as [Spoken] makes it; it may hold personal data and must
	// not be logged.
	Say(ctx context.Context, l acquirer.Language, text string) error
	// Keys waits for up to most keys (0-9, *, #), for the first at most first, for each further one at most between. # ends
	// it and is not returned. What came in time is returned, possibly nothing; a time-out is no error.
	Keys(ctx context.Context, most int, first, between time.Duration) (string, error)
}

// ErrHungUp says that the other side has gone.
var ErrHungUp = errors.New("hung up")

// Speaker makes speech; package speech has two.
type Speaker interface {
	// Speak returns the speech of a text, which [Spoken] has made for the ear: 16-bit signed linear samples, mono, 8000 a
	// second. The samples may be shared with other calls: they must not be changed. It is safe for concurrent use.
	Speak(ctx context.Context, l acquirer.Language, text string) ([]int16, error)
}

// Caller is what the network says about an incoming call. None of it is proof.
type Caller struct {
	Number string // who the call claims to come from, 11 digits; empty when it is withheld or no mobile number
	Source string // the trunk or address that it came by, which limits count; 1 to 128 bytes
	ID     string // names the call, the same if the peer repeats it: the Call-ID, or its hash; 1 to 120 bytes
}
