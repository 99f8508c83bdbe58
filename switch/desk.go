package acquirer

import (
	"context"
	"time"
)

// Desk is what a payee's page asks for its session; [Enrolments] is one. Sender is the unguessable session that the page gave
// as [Inbound.Sender]. A session may look while a [RequestSee] of it, confirmed by its code, is not older than
// [EnrolmentLimits.SessionLife]; for any other session every method returns [ErrNotFound], and takes the time it takes.
type Desk interface {
	// Standing says how the last request of a session stands. It never tells whether a number is registered: until a code
	// came back it is OutcomeTaken, whatever became of the request.
	Standing(ctx context.Context, channel Channel, sender string) (Reply, error)
	// Held returns everything that is held about the payee of the session.
	Held(ctx context.Context, channel Channel, sender string) (*Held, error)
	// Statement returns the payments to the payee of the session, of business dates from and to with all between them;
	// at most [StatementDays].
	Statement(ctx context.Context, channel Channel, sender string, from, to Date) (*Statement, error)
}

// Held is everything that is held about a payee. Values are secrets of the usual types, which print masked; WriteJSON
// writes it, whole for the payee, masked for everybody else.
type Held struct {
	Payee      PayeeRef
	Number     MSISDN
	Name       string
	Card       PAN
	Status     PayeeStatus
	Alive      time.Time // the last sign of life
	Contact    Contact
	Enrolments []*Enrolment
	Notices    []Notice // about the payments to the payee and about the enrolments
	Payments   *Statement
}

// Statement is the payments to a payee, grouped by who paid (patent paragraph [0028]: the payer's number is the mark by
// which the payee sorts them).
type Statement struct {
	Payee    PayeeID
	Number   MSISDN
	From, To Date
	Payers   []PayerGroup // the largest sum first
	Count    int
	Sum      Fen
	More     bool // there are more payments than [StatementRows]
}

// PayerGroup is what came from one number. The number was keyed at a terminal by whoever paid.
type PayerGroup struct {
	Payer    MSISDN
	Count    int
	Sum      Fen
	Payments []StatementLine // the oldest first
}

// StatementLine is one payment.
type StatementLine struct {
	ID     ID
	RRN    RRN
	At     time.Time
	Amount Fen
	State  State // Approved: to come; Settled and Paying: on its way; Paid: on the card
	Memo   string
}
