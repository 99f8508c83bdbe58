package acquirer

import (
	"context"
	"time"
)

// EnrolmentChange is what a move of an enrolment writes beside it, in the same database transaction.
type EnrolmentChange struct {
	At      time.Time
	Event   EnrolmentEvent
	Detail  string   // for people; holds no personal data
	Notices []Notice // put into the outbox; each of this enrolment
	Effect  Effect   // on the payee; zero: none
}

// Effect is what an enrolment that becomes active does to a payee. It is written with the move or not at all.
type Effect struct {
	Kind  RequestKind // 0: none; else the enrolment's
	Payee Payee       // as it shall be; Ref.ID is 0 for a new one
}

// Registry keeps enrolments and what they make of payees. Every method that returns nil after a write has made it durable.
// Errors of kinds [ErrStore] and [ErrNotFound] as in [Journal].
type Registry interface {
	// OpenEnrolment writes e as a new row, gives it the next id of the date of e.Opened and sets e.Version to 1. When
	// (Channel, MessageID) was noted before, nothing is written and the error is [ErrDuplicate].
	OpenEnrolment(ctx context.Context, e *Enrolment, c EnrolmentChange) error
	// MoveEnrolment replaces old by next if the stored row still has old's Version, and writes c with it. [ErrStale]: the
	// row has moved on. [ErrDuplicate]: the effect cannot be, because its number is another payee's or the payee is not
	// any more what old.Payee says; nothing is written. It panics when [EnrolmentMoves] does not permit the move.
	MoveEnrolment(ctx context.Context, old, next *Enrolment, c EnrolmentChange) error
	// Enrolment returns a row by id.
	Enrolment(ctx context.Context, id EnrolmentID) (*Enrolment, error)
	// EnrolmentsOf returns up to limit rows in a state whose Number or NewNumber is number, the newest first. It does
	// the same work for a number that has none.
	EnrolmentsOf(ctx context.Context, number MSISDN, s EnrolmentState, limit int) ([]*Enrolment, error)
	// EnrolmentsBy returns up to limit rows of a channel's sender, the newest first.
	EnrolmentsBy(ctx context.Context, channel Channel, sender string, limit int) ([]*Enrolment, error)
	// DueEnrolments returns up to limit rows that have not ended and are to be looked at by now, the longest due first.
	DueEnrolments(ctx context.Context, now time.Time, limit int) ([]*Enrolment, error)
	// NextDueEnrolment returns when the first falls due; ok is false when there is none.
	NextDueEnrolment(ctx context.Context) (at time.Time, ok bool, err error)

	// NoteMessage keeps the answer to a message that opened no enrolment, so that the same message again gets it again.
	// [ErrDuplicate]: it is noted already.
	NoteMessage(ctx context.Context, channel Channel, messageID string, a Answered) error
	// Message returns the answer to a message seen before, or [ErrNotFound].
	Message(ctx context.Context, channel Channel, messageID string) (Answered, error)

	// Take counts one use of a limit and reports whether it was still free. Counts are durable, and subjects are stored as
	// keyed hashes only. A use that is refused is not counted.
	Take(ctx context.Context, u Use) (ok bool, err error)

	// PayeeByNumber and PayeeByRef are those of [Directory].
	PayeeByNumber(ctx context.Context, number MSISDN) (*Payee, error)
	PayeeByRef(ctx context.Context, ref PayeeRef) (*Payee, error)
	// Contact returns how a payee is told; the zero value when nothing was ever set.
	Contact(ctx context.Context, id PayeeID) (Contact, error)
}

// Answered is the answer to a message, as it is kept: no text, no personal data.
type Answered struct {
	At        time.Time
	Outcome   Outcome
	Language  Language
	Silent    bool // a limit kept the text back
	Reasons   []Reason
	Effective time.Time
}

// Use is one use of a limit.
type Use struct {
	Scope   string // which limit: "code", "help" ...
	Subject string // whose: a number, a sender, a source
	At      time.Time
	Most    int           // so many within Window
	Window  time.Duration // which begins with the first use
	Gap     time.Duration // at least so long after the use before; 0: at once
}

// Contact is how a payee is told.
type Contact struct {
	Language Language
	Routes   []Route // in the order in which they are tried; empty: as the configuration says for numbers
}

// Verdict is what a step of the verification unit says of a request.
type Verdict struct {
	Reasons  []Reason // not empty: no, for these reasons
	Later    bool     // nobody could say: the step is asked again
	ByPeople bool     // this step cannot say; an operator must
	Detail   string   // for the history; holds no personal data
}

// Verifier is one step of the verification unit (patent claim 1: the payee's data are verified before they are bound).
// Steps are asked in their order; the first that does not say yes decides.
type Verifier interface {
	// Name is the step's word in the history.
	Name() string
	// Verify judges a request. It must not change it. An error of kind [ErrStore] ends the process; any other means that
	// nobody could say.
	Verify(ctx context.Context, e *Enrolment) (Verdict, error)
}

// AccountCheck asks whether a name and a card belong together (host dialect page, section 3.1: 0100, F3 = 33xxxx). It
// lives in memory only.
type AccountCheck struct {
	Name   string
	Card   PAN
	Number MSISDN // told to the issuer with it
	Host   HostKey
	RRN    RRN // F37 of a message that is not journalled
	At     time.Time
}

// AccountVerifier asks the card network about an account; provider.Network is one.
type AccountVerifier interface {
	// VerifyAccount returns the issuer's answer: 00, they belong together; any other code is the issuer's no, but for those
	// that [ResponseCode.Unknown] knows and 91, which say nothing. Errors: [ErrNotSent] and [ErrUnknown] as in [Network];
	// [ErrNotInGBK] when the name cannot be written on the host's line.
	VerifyAccount(ctx context.Context, c AccountCheck) (ResponseCode, error)
}
