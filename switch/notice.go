package acquirer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The kinds of notice about an enrolment. Their numbers are stored; those below 10 are about transactions.
const (
	NoticeCode      NoticeKind = 10 // to the number that must prove itself: the code
	NoticeStaged    NoticeKind = 11 // to number and devices as they were: a change will take effect, and how to stop it
	NoticeActive    NoticeKind = 12 // to the payee: it is in force
	NoticeRefused   NoticeKind = 13 // to the number: it was refused, and why
	NoticeCancelled NoticeKind = 14 // to number and devices as they were: it was called off
	NoticeHeld      NoticeKind = 15 // to the number: what is held about it, in short
	NoticeDormant   NoticeKind = 16 // to the payee: the number was silent for long and must confirm again
)

var noticeNames = map[NoticeKind]string{NoticeDebited: "debited", NoticePaidOut: "paid-out", NoticeUndone: "undone", NoticeNewCard: "new-card", NoticeCode: "code",
	NoticeStaged: "staged", NoticeActive: "active", NoticeRefused: "refused", NoticeCancelled: "cancelled",
	NoticeHeld: "held", NoticeDormant: "dormant"}

func (k NoticeKind) String() string {
	if s, ok := noticeNames[k]; ok {
		return s
	}
	return "notice-" + strconv.Itoa(int(k))
}

// NoticeState is where a notice stands.
type NoticeState byte

// The states of a notice. Their numbers are stored.
const (
	NoticeQueued    NoticeState = 0 // waits for its device, or until one is configured
	NoticeHanded    NoticeState = 1 // the device's peer has it
	NoticeDelivered NoticeState = 2 // the receiver has it
	NoticeDead      NoticeState = 3 // every device failed: a person must look
	NoticeWithdrawn NoticeState = 4 // not to be sent any more
)

var noticeStateNames = [...]string{"queued", "handed", "delivered", "dead", "withdrawn"}

func (s NoticeState) String() string {
	if int(s) < len(noticeStateNames) {
		return noticeStateNames[s]
	}
	return "unknown"
}

// ParseNoticeState reads a state's name; ok is false for any other word.
func ParseNoticeState(s string) (NoticeState, bool) {
	i := slices.Index(noticeStateNames[:], s)
	return NoticeState(max(i, 0)), i >= 0
}

// NoticeMoves is the only table of permitted moves of a notice. Dead goes back to Queued when an operator says so.
var NoticeMoves = map[NoticeState][]NoticeState{
	NoticeQueued:    {NoticeQueued, NoticeHanded, NoticeDelivered, NoticeDead, NoticeWithdrawn},
	NoticeHanded:    {NoticeHanded, NoticeQueued, NoticeDelivered, NoticeDead},
	NoticeDelivered: {},
	NoticeDead:      {NoticeQueued, NoticeWithdrawn},
	NoticeWithdrawn: {},
}

// MayMoveNotice reports whether the table permits to go from one state to another.
func MayMoveNotice(from, to NoticeState) bool { return slices.Contains(NoticeMoves[from], to) }

// Subject is the number of what the notice is about. Every transaction's id is greater than any enrolment's, and every
// enrolment's greater than any payee's: [About] reverses it.
func (n Notice) Subject() int64 {
	return max(int64(n.Transaction), int64(n.Enrolment), int64(n.Payee))
}

// About returns a notice that has the subject of a number.
func About(subject int64) Notice {
	switch {
	case subject >= firstTransaction:
		return Notice{Transaction: ID(subject)}
	case subject >= firstEnrolment:
		return Notice{Enrolment: EnrolmentID(subject)}
	}
	return Notice{Payee: PayeeID(subject)}
}

// firstTransaction and firstEnrolment are smaller than any id of their kind and greater than any of the kind below.
const (
	firstTransaction = 1900_01_01 * idScale
	firstEnrolment   = 1900_01_01 * enrolmentScale
)

// ID is the notice's name for ever, and the ID of its message: "632800000002-1" about a transaction,
// and "632800000002-4.1" of the second of a kind; "2026112400000001-10.2" about an enrolment, "17-16.20260826" about a payee.
func (n Notice) ID() string {
	if n.Transaction != 0 && n.Copy == 0 {
		return string(n.Transaction.RRN()) + "-" + strconv.Itoa(int(n.Kind))
	}
	if n.Transaction != 0 {
		return fmt.Sprintf("%s-%d.%d", n.Transaction.RRN(), n.Kind, n.Copy)
	}
	return fmt.Sprintf("%d-%d.%d", n.Subject(), n.Kind, n.Copy)
}

// ParseNoticeID reverses [Notice.ID]: it returns subject, Kind and Copy. A reference number is read within the ten years
// that end with now.
func ParseNoticeID(s string, now time.Time) (n Notice, err error) {
	subject, rest, _ := strings.Cut(s, "-")
	kind, number, more := strings.Cut(rest, ".")
	if rrn, err := ParseRRN(subject); err == nil {
		if n.Transaction, err = rrn.ID(now); err != nil {
			return Notice{}, errNoticeID
		}
		if n.Copy, err = strconv.Atoi(number); more && (err != nil || n.Copy < 1) {
			return Notice{}, errNoticeID
		}
	} else {
		about, err := strconv.ParseInt(subject, 10, 64)
		if err != nil || about <= 0 || about >= firstTransaction {
			return Notice{}, errNoticeID
		}
		n = About(about)
		if n.Copy, err = strconv.Atoi(number); err != nil {
			return Notice{}, errNoticeID
		}
	}
	k, err := strconv.ParseUint(kind, 10, 8)
	if n.Kind = NoticeKind(k); err != nil || n.ID() != s {
		return Notice{}, errNoticeID
	}
	return n, nil
}

var errNoticeID = errors.New("that is no notice")

// Outbox keeps notices. They are put there by [Journal.Move] and [Registry], each in the transaction of the state that
// causes it.
type Outbox interface {
	// UnroutedNotices returns up to limit queued notices for which no device was chosen and whose Due has come, the oldest
	// first.
	UnroutedNotices(ctx context.Context, now time.Time, limit int) ([]Notice, error)
	// DueNotices returns up to limit queued notices of a device whose Due has come, the oldest first, and of each address
	// only the one that must go before the others: notices of one address by one device go in the order of their making,
	// except that a code waits for codes only, and what has another way than a page does not wait for what has none.
	DueNotices(ctx context.Context, device DeviceKind, now time.Time, limit int) ([]Notice, error)
	// NoticesBeside returns up to limit queued notices that go to n's address by n's device, codes aside, and whose Due has
	// come, in the order of their making; n is among them.
	NoticesBeside(ctx context.Context, n Notice, now time.Time, limit int) ([]Notice, error)
	// MoveNotice replaces old by next, durably, if the stored row still has old's Revision and State; next.Revision becomes
	// old's plus one. [ErrStale]: it has moved on, or a move of its transaction withdrew it ([Change.Withdraw]). It panics
	// when [NoticeMoves] does not permit the move. The step of [Notice.StepTo] is written with it.
	MoveNotice(ctx context.Context, old, next *Notice) error
	// NoticesIn returns up to limit notices in a state, the oldest first.
	NoticesIn(ctx context.Context, s NoticeState, limit int) ([]Notice, error)
	// NoticeByReceipt returns the newest notice that a device's peer named so, or [ErrNotFound]. When several are named so,
	// those of one digest, one that is Handed goes before the others.
	NoticeByReceipt(ctx context.Context, device DeviceKind, reference string) (Notice, error)
	// NoticeOf returns the notice of n's subject, Kind and Copy, or [ErrNotFound].
	NoticeOf(ctx context.Context, n Notice) (Notice, error)
	// NoticeSteps returns the history of the notice of n's subject, Kind and Copy, the oldest step first. It is empty
	// before the notice's first move, and again when [EnrolmentLimits].NoticesKept is over.
	NoticeSteps(ctx context.Context, n Notice) ([]NoticeStep, error)
}
