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
	Message *Heard   // noted with it, so that the same message again gets the same answer; nil: none
	Effect  *Effect  // on a payee; nil: none
}

// Effect is what becomes of a payee. It is written with the move that causes it or not at all.
type Effect struct {
	Payee   Payee    // as it shall be. Ref.ID is 0 for a new one; Revision is that of the payee as it was read
	Contact *Contact // how the payee is told from now on; nil: as before
}

// Registry keeps enrolments and what they make of payees. Every method that returns nil after a write has made it durable.
// Errors of kinds [ErrStore] and [ErrNotFound] as in [Journal].
type Registry interface {
	// OpenEnrolment writes e as a new row with c.Message, which must be set, gives it the next id of the date of e.Opened
	// and sets e.Version to 1. When the message was noted before, nothing is written and the error is [ErrDuplicate].
	OpenEnrolment(ctx context.Context, e *Enrolment, c EnrolmentChange) error
	// MoveEnrolment replaces old by next if the stored row still has old's Version, and writes c with it; next.Payee is set
	// to the payee of the effect. [ErrStale]: the row, or the payee, has moved on. [ErrDuplicate]: the number of the effect
	// is another payee's. After an error nothing is written. It panics when [EnrolmentMoves] does not permit the move.
	MoveEnrolment(ctx context.Context, old, next *Enrolment, c EnrolmentChange) error
	// Enrolment returns a row by id.
	Enrolment(ctx context.Context, id EnrolmentID) (*Enrolment, error)
	// EnrolmentsOf returns up to limit rows in a state whose Number or NewNumber is number, the newest first. It does
	// the same work for a number that has none.
	EnrolmentsOf(ctx context.Context, number MSISDN, s EnrolmentState, limit int) ([]*Enrolment, error)
	// EnrolmentsBy returns up to limit rows of a channel's sender, the newest first.
	EnrolmentsBy(ctx context.Context, channel Channel, sender string, limit int) ([]*Enrolment, error)
	// DueEnrolments returns up to limit rows that have not ended and are to be looked at by now, the longest due first. It
	// opens none: one that does not open must not hide the others.
	DueEnrolments(ctx context.Context, now time.Time, limit int) ([]DueEnrolment, error)
	// PutOff makes a row be looked at later, and changes nothing else, its Version neither. [ErrNotFound]: it has moved on.
	PutOff(ctx context.Context, d DueEnrolment, due time.Time) error

	// NoteMessage keeps the answer to a message that changes nothing else. [ErrDuplicate]: it is noted already.
	NoteMessage(ctx context.Context, m Heard) error
	// Message returns the answer to a message that was noted, or [ErrNotFound].
	Message(ctx context.Context, channel Channel, messageID string) (Heard, error)

	// Take counts one use of a limit and reports whether it was still free. Counts are durable, and subjects are stored as
	// keyed hashes only. A use that is refused is not counted.
	Take(ctx context.Context, u Use) (ok bool, err error)
	// Forgive forgets every use of a limit by a subject.
	Forgive(ctx context.Context, scope, subject string) error

	// PayeeByNumber and PayeeByRef are those of [Directory].
	PayeeByNumber(ctx context.Context, number MSISDN) (*Payee, error)
	PayeeByRef(ctx context.Context, ref PayeeRef) (*Payee, error)
	// Payee returns a payee by id with the card bound now.
	Payee(ctx context.Context, id PayeeID) (*Payee, error)
	// ChangePayee writes an effect that no enrolment causes: an operator's. Errors as MoveEnrolment's.
	ChangePayee(ctx context.Context, e Effect) error
	// Contact returns how a payee is told; the zero value when nothing was ever set.
	Contact(ctx context.Context, id PayeeID) (Contact, error)
	// EnrolmentsOfPayee returns up to limit rows of a payee, the newest first.
	EnrolmentsOfPayee(ctx context.Context, id PayeeID, limit int) ([]*Enrolment, error)
	// PaymentsTo returns up to limit transactions to a payee, of business dates from and to and all between them, that
	// are Approved or beyond, the oldest first.
	PaymentsTo(ctx context.Context, id PayeeID, from, to Date, limit int) ([]*Transaction, error)
	// NoticesAbout returns the notices about a transaction or an enrolment ([Notice.Subject]).
	NoticesAbout(ctx context.Context, subject int64) ([]Notice, error)
	// Silent returns up to limit active payees with an id greater than after whose number was last alive before a time. It
	// opens none of their rows.
	Silent(ctx context.Context, before time.Time, after PayeeID, limit int) ([]SilentPayee, error)
	// Remind puts a notice to a payee into the outbox; one that is there already stays as it is.
	Remind(ctx context.Context, n Notice) error
	// Purge removes what is kept longer than l says, as seen at now. docs/channels.md says what goes and what stays.
	Purge(ctx context.Context, now time.Time, l EnrolmentLimits) (Purged, error)
}

// DueEnrolment is a row that is to be looked at, as it stood when the queue was read.
type DueEnrolment struct {
	ID      EnrolmentID
	Version int64
}

// SilentPayee is a payee whose number gave no sign of life since Alive.
type SilentPayee struct {
	ID    PayeeID
	Alive time.Time
}

// Heard is a message that was answered, as it is kept against doubles: no text, no personal data.
type Heard struct {
	Channel   Channel
	MessageID string
	At        time.Time
	Kind      RequestKind // of the enrolment that it confirmed or called off; else zero
	Outcome   Outcome
	Language  Language
	Silent    bool // a limit kept the text back
	Reasons   []Reason
	Effective time.Time
}

// Purged counts what a purge removed.
type Purged struct {
	Messages   int
	Counters   int
	Enrolments int
	Notices    int    // removed, or without their personal part now
	Payees     int    // that had asked to be forgotten
	Dates      []Date // business dates whose personal data nobody can open any more
	Lines      int    // of the host's lists of such dates, whose debits are all as old
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
	RRN    RRN    // F37 of a message that is not journalled
	At     time.Time
}

// AccountVerifier asks the card network about an account; provider.Network is one.
type AccountVerifier interface {
	// VerifyAccount returns the issuer's answer: 00, they belong together; any other code is the issuer's no, but for those
	// that [ResponseCode.Unknown] knows and 91, which say nothing. Errors: [ErrNotSent] and [ErrUnknown] as in [Network];
	// [ErrNotInGBK] when the name cannot be written on the host's line.
	VerifyAccount(ctx context.Context, c AccountCheck) (ResponseCode, error)
}
