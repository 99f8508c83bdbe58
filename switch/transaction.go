package acquirer

import (
	"slices"
	"time"
)

// State is where a transaction stands. The states and the moves between them are DESIGN section 4; docs/states.md
// will hold every (state, event) pair with its reason.
type State byte

// The states. Their numbers are stored.
const (
	Declined  State = 1 // no money moved, none will
	Sent      State = 2 // the debit may be at the host
	Approved  State = 3 // the host debited the card
	Reversing State = 4 // a 0420 is owed to the host until it answers 00 or 25
	Reversed  State = 5 // the debit is undone, or never was
	Tombstone State = 6 // an undo came for a debit never seen; that debit will be refused
	Settled   State = 7 // terminal, switch and host agree
	Paying    State = 8 // the payout is on its way
	Paid      State = 9
)

var stateNames = [...]string{"", "declined", "sent", "approved", "reversing", "reversed", "tombstone", "settled", "paying", "paid"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// ParseState reads a state's name in lower case; ok is false for any other word.
func ParseState(s string) (State, bool) {
	i := slices.Index(stateNames[1:], s)
	return State(i + 1), i >= 0
}

// Moves is the only table of permitted moves: from a state to those that may follow it. A state followed by itself
// means that an attribute may change (undo wanted, evidence, tries, confirmed) without a move.
var Moves = map[State][]State{
	Sent:      {Sent, Approved, Declined, Reversing},
	Approved:  {Approved, Reversing, Settled},
	Reversing: {Reversing, Reversed},
	Settled:   {Settled, Paying},
	Paying:    {Paying, Paid},
	Paid:      {Paid},
	Reversed:  {Reversed},
	Declined:  {Declined},
	Tombstone: {Tombstone},
}

// Openings are the states in which a row may be written first.
var Openings = []State{Sent, Declined, Tombstone}

// MayMove reports whether the table permits to go from one state to another.
func MayMove(from, to State) bool { return slices.Contains(Moves[from], to) }

// TerminalKey is what makes a terminal's debit the same debit: merchant, terminal, batch and trace number, looked up
// over two business dates (DESIGN section 4, rule 6). An undo carries the key of its debit.
type TerminalKey struct {
	Date     Date // the business date of the row; in a look-up, today
	Merchant MerchantID
	Terminal TerminalID
	Batch    int  // 60.2
	STAN     STAN // F11
}

// HostKey names one request to the host; its answer is matched on it together with F32 and F33, which are the
// switch's own.
type HostKey struct {
	Time string // F7, MMDDhhmmss, Beijing time
	STAN STAN   // F11
}

// HostTime writes t as F7.
func HostTime(t time.Time) string { return t.In(Beijing).Format("0102150405") }

// Fingerprint is a keyed hash over what must be equal when a key is used again: amount, payee, payer and card. The
// store computes it, since it holds the hashing key.
type Fingerprint [16]byte

// TokenID names a confirmation token: one token makes at most one debit that is not declined.
type TokenID [12]byte

// Transaction is one row of the journal, from phase 2 on. Values are copies; a change becomes real through
// [Journal.Move].
type Transaction struct {
	ID      ID
	Version int64 // 1 when opened, one more at each move: what compare-and-set compares
	State   State
	Key     TerminalKey

	Amount      Fen
	Payer       MSISDN   // number keyed at the terminal: told of the debit
	PayeeNumber MSISDN   // as keyed at phase 1
	Payee       PayeeRef // fixed at phase 1
	PayeeName   string   // masked, as the payer saw it
	Card        PAN      // the payer's card
	Expiry      string   // YYMM, for the 0420
	EntryMode   string   // F22
	CardSeq     string   // F23, may be empty
	Memo        string   // payment information (MO), UTF-8, may be empty
	Token       TokenID  // zero when the debit came without a usable token

	Host     HostKey   // zero when nothing was to be sent
	Deadline time.Time // when the host's answer is no longer waited for

	Opened   time.Time
	Answered time.Time    // when Code was fixed; zero before
	Code     ResponseCode // F39 of the answer to the terminal, for ever the same; empty while Sent

	AuthCode   string // F38 of the host's answer
	SettleDate string // F15 of the host's answer, MMDD
	HostText   string // F44 of the host's answer
	HostCode   ResponseCode

	UndoWanted bool   // a 0400 met the debit at the host
	Confirmed  bool   // the terminal's batch, or a witness for it, lists the debit
	Exception  string // why a person must look at it; empty: nobody must
}

// RRN returns F37, by which people name the transaction.
func (t *Transaction) RRN() RRN { return t.ID.RRN() }

// Reversal is a 0420 owed to the host: one row of the store-and-forward queue. It has trace number and time of its
// own and repeats them unchanged; F90 names the debit.
type Reversal struct {
	ID          ID // of the day's sequence, as a transaction's: gives STAN
	Transaction ID
	Host        HostKey      // the reversal's own F7 and F11
	Reason      ResponseCode // F39 of the undo, or 98
	Tries       int
	Due         time.Time // not to be sent before
	HostCode    ResponseCode
}

// Event is the cause of a move, one word of the state table.
type Event string

// The events of this table.
const (
	EventRefused    Event = "refused"     // the switch said no before anything was sent
	EventSend       Event = "send"        // durable, about to be sent
	EventApprove    Event = "approve"     // host says 00
	EventDecline    Event = "decline"     // host says no
	EventNotSent    Event = "not-sent"    // no byte could be handed to a link
	EventUnknown    Event = "unknown"     // no answer in time, or one that cannot be trusted
	EventRestart    Event = "restart"     // found Sent when the switch started
	EventOverdue    Event = "overdue"     // found Sent long after its deadline
	EventUndo       Event = "undo"        // 0400
	EventUndoLate   Event = "undo-late"   // 0400 after settlement
	EventListed     Event = "listed"      // the terminal's batch lists it
	EventUnlisted   Event = "unlisted"    // the terminal's closed batch does not list it
	EventLateAnswer Event = "late-answer" // the host's answer came after the deadline: evidence only
	EventReversed   Event = "reversed"    // 0430 with 00 or 25
	EventRepeat     Event = "repeat"      // 0430 with something else, or none: tried again
	EventAgreed     Event = "agreed"      // terminal, switch and host's list agree
	EventPay        Event = "pay"         // about to be paid out
	EventPaidOut    Event = "paid-out"    // the host has paid the payee
	EventNotPaid    Event = "not-paid"    // the payee's card could not be credited
	EventDisputed   Event = "disputed"    // put on the worklist
	EventResolved   Event = "resolved"    // taken off it
)

// Step is one line of a transaction's history, written with the move itself and never changed.
type Step struct {
	Version int64
	At      time.Time
	From    State // 0 for the first
	To      State
	Event   Event
	Detail  string // for people; holds no secret
}

// NoticeKind says what a notice tells.
type NoticeKind byte

// The kinds of notice. Their numbers are stored.
const (
	NoticeDebited NoticeKind = 1 // to the payer: the card was debited
	NoticePaidOut NoticeKind = 2 // to the payee: the money is on the bound card
	NoticeUndone  NoticeKind = 3 // to the payer: the debit of which NoticeDebited told is undone
	NoticeNewCard NoticeKind = 4 // to the payee: the bound card could not be credited, another is wanted
)

// Notice is one row of the outbox: somebody is owed a message about a transaction, an enrolment or a payee. Who and what
// follow from it; (subject, Kind, Copy) is unique, so that a repeated write makes one notice. Whoever makes one sets
// subject, Kind, Copy and Created, and Fixed, Device and Address when it must go there and nowhere else; the rest belongs to
// the [Notifier].
type Notice struct {
	Transaction ID          // the subject, one of three
	Enrolment   EnrolmentID // the others are zero
	Payee       PayeeID
	Kind        NoticeKind
	Copy        int // tells notices of one kind about one enrolment or payee apart; of a transaction's only a repeated NoticeNewCard has one
	Created     time.Time

	State    NoticeState
	Fixed    bool       // Device and Address came with it: it goes there and nowhere else
	Turn     int        // which of the receiver's devices it is at, 0 the first
	Device   DeviceKind // by which it goes, or went; empty: not chosen yet, or there is none
	Address  Address    // where to; zero as Device
	Tries    int        // how often it was given to a device; counted before it is given
	Start    int        // what Tries was when the device was chosen
	Due      time.Time  // not to be sent before
	Sent     time.Time  // handed to the device's peer; zero while it waits
	Receipt  string     // Handed.Reference
	Detail   string     // the last thing that happened, for the operator; holds no personal data
	Revision int64      // one more at each change: what compare-and-set compares
}
