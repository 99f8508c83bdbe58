package acquirer

import (
	"slices"
	"strconv"
	"time"
)

// EnrolmentID names a request of a payee for ever: the date on which it came, then a sequence within it. Every id is
// smaller than any transaction's, so that a notice is told by one number what it is about.
type EnrolmentID int64

// enrolmentScale is how many sequence numbers a date has room for in an [EnrolmentID].
const enrolmentScale = 100_000_000

// NewEnrolmentID joins a date and a sequence number of 1 to [MaxEnrolments].
func NewEnrolmentID(d Date, seq int64) EnrolmentID { return EnrolmentID(int64(d)*enrolmentScale + seq) }

// Date returns the date in front.
func (id EnrolmentID) Date() Date { return Date(int64(id) / enrolmentScale) }

// Sequence returns the number within the date.
func (id EnrolmentID) Sequence() int64 { return int64(id) % enrolmentScale }

func (id EnrolmentID) String() string { return strconv.FormatInt(int64(id), 10) }

// RequestKind says what a person wants.
type RequestKind byte

// The kinds of request. Their numbers are stored. Those below 20 open an enrolment, the others act on one or on none.
const (
	RequestRegister     RequestKind = 1 // name and card to a number
	RequestChangeCard   RequestKind = 2
	RequestChangeName   RequestKind = 3 // approved by a person
	RequestChangeNumber RequestKind = 4
	RequestSuspend      RequestKind = 5
	RequestResume       RequestKind = 6 // also the sign of life of a number that was long silent
	RequestDelete       RequestKind = 7
	RequestDevices      RequestKind = 8
	RequestSee          RequestKind = 9 // everything that is held

	RequestConfirm RequestKind = 20 // the code that a number was sent
	RequestResend  RequestKind = 21 // another code
	RequestCancel  RequestKind = 22 // call off what waits
	RequestHelp    RequestKind = 23
)

var requestNames = map[RequestKind]string{RequestRegister: "register", RequestChangeCard: "change-card",
	RequestChangeName: "change-name", RequestChangeNumber: "change-number", RequestSuspend: "suspend",
	RequestResume: "resume", RequestDelete: "delete", RequestDevices: "devices", RequestSee: "see",
	RequestConfirm: "confirm", RequestResend: "resend", RequestCancel: "cancel", RequestHelp: "help"}

func (k RequestKind) String() string {
	if s, ok := requestNames[k]; ok {
		return s
	}
	return "unknown"
}

func (k RequestKind) known() bool { return requestNames[k] != "" }

// opens reports whether a request of the kind becomes an enrolment.
func (k RequestKind) opens() bool { return k >= RequestRegister && k <= RequestSee }

// EnrolmentState is where a request stands.
type EnrolmentState byte

// The states of an enrolment. Their numbers are stored.
const (
	EnrolmentReceived  EnrolmentState = 1 // durable; what the registry says of it was not looked at
	EnrolmentChecked   EnrolmentState = 2 // it may be asked for; waits for the bank's word on name and card
	EnrolmentCodeSent  EnrolmentState = 3 // a code is on its way to the mobile number
	EnrolmentConfirmed EnrolmentState = 4 // the code came back; waits for its time, or for a person's approval
	EnrolmentActive    EnrolmentState = 5 // in force
	EnrolmentRefused   EnrolmentState = 6
	EnrolmentExpired   EnrolmentState = 7 // nobody went on with it in time
	EnrolmentCancelled EnrolmentState = 8 // called off by the payee while it waited
)

var enrolmentStateNames = [...]string{"", "received", "checked", "code-sent", "confirmed", "active", "refused", "expired", "cancelled"}

func (s EnrolmentState) String() string {
	if int(s) < len(enrolmentStateNames) {
		return enrolmentStateNames[s]
	}
	return "unknown"
}

// ParseEnrolmentState reads a state's name; ok is false for any other word.
func ParseEnrolmentState(s string) (EnrolmentState, bool) {
	i := slices.Index(enrolmentStateNames[1:], s)
	return EnrolmentState(i + 1), i >= 0
}

// Ended reports whether nothing will happen to an enrolment in the state any more.
func (s EnrolmentState) Ended() bool { return s >= EnrolmentActive }

// EnrolmentMoves is the only table of permitted moves of an enrolment. A state followed by itself means that an
// attribute may change (a further code, the next try at the bank) without a move. docs/channels.md has every
// (state, event) pair.
var EnrolmentMoves = map[EnrolmentState][]EnrolmentState{
	EnrolmentReceived:  {EnrolmentChecked, EnrolmentCodeSent, EnrolmentRefused},
	EnrolmentChecked:   {EnrolmentChecked, EnrolmentCodeSent, EnrolmentRefused, EnrolmentExpired},
	EnrolmentCodeSent:  {EnrolmentCodeSent, EnrolmentConfirmed, EnrolmentRefused, EnrolmentExpired},
	EnrolmentConfirmed: {EnrolmentActive, EnrolmentRefused, EnrolmentExpired, EnrolmentCancelled},
}

// MayMoveEnrolment reports whether the table permits to go from one state to another.
func MayMoveEnrolment(from, to EnrolmentState) bool { return slices.Contains(EnrolmentMoves[from], to) }

// EnrolmentEvent is the cause of a move of an enrolment.
type EnrolmentEvent string

// The events of the table.
const (
	EnrolReceive   EnrolmentEvent = "receive"    // a channel handed it in
	EnrolPass      EnrolmentEvent = "pass"       // the registry has nothing against it
	EnrolFail      EnrolmentEvent = "fail"       // a rule, the registry or the bank says no
	EnrolNoAnswer  EnrolmentEvent = "no-answer"  // the bank did not say: it is asked again, and never taken for yes
	EnrolByPeople  EnrolmentEvent = "by-people"  // the bank cannot be asked: an operator must approve
	EnrolApprove   EnrolmentEvent = "approve"    // an operator says yes
	EnrolRefuse    EnrolmentEvent = "refuse"     // an operator says no
	EnrolCode      EnrolmentEvent = "code"       // the right code came
	EnrolHalf      EnrolmentEvent = "half"       // the right code of one of two numbers came
	EnrolWrongCode EnrolmentEvent = "wrong-code" // a wrong one
	EnrolLock      EnrolmentEvent = "lock"       // a wrong one, and it was the last
	EnrolResend    EnrolmentEvent = "resend"     // a further code was asked for
	EnrolCancel    EnrolmentEvent = "cancel"     // the payee called it off
	EnrolDue       EnrolmentEvent = "due"        // the waiting time is over
	EnrolExpire    EnrolmentEvent = "expire"     // its time is up
	EnrolOvertaken EnrolmentEvent = "overtaken"  // what it would change has changed meanwhile
)

// Enrolment is one request of a payee: a registration or a change, by whatever channel. There is one kind of record for
// all channels. Values are copies; a change becomes real through [Registry.MoveEnrolment].
type Enrolment struct {
	ID      EnrolmentID
	Version int64 // 1 when opened, one more at each move: what compare-and-set compares
	Kind    RequestKind
	State   EnrolmentState

	Channel   Channel
	MessageID string // (Channel, MessageID) is unique
	Sender    string // as claimed; personal data
	Evidence  Evidence
	Language  Language

	Number    MSISDN  // of the payee: registered, or to be
	NewNumber MSISDN  // change of number
	Name      string  // register, change of name: in the form of [NormalizeName]
	Card      PAN     // register, change of card
	Devices   []Route // devices
	Front     bool    // devices: in front of what is held instead of in its place

	Payee    PayeeRef // whom a change is for, with the card bound when it was checked; zero: a number that nobody has
	Codes    [2]Code  // to Number; to NewNumber, for a change of number
	Asked    int      // how often the bank was asked
	ByPeople bool     // an operator must approve before it goes on
	Reasons  []Reason // why it was refused

	Opened    time.Time
	Changed   time.Time // of the last move
	Due       time.Time // when the switch looks at it next; zero when it has ended
	Effective time.Time // of a confirmed change: when it takes effect
}

// Code is one code that a number was sent. The digits are stored nowhere: they are a keyed hash of the nonce, under a
// key that the database does not hold (see [Enrolments]).
type Code struct {
	Nonce   [16]byte // zero: no code was sent
	Serial  int      // 1 for the first that the number got in this enrolment
	Sent    time.Time
	Expires time.Time
	Done    bool // it came back
}

// Route is one place of a payee's ordered list of devices.
type Route struct {
	Kind    DeviceKind
	Address Address // zero: the payee's own number
}

// EnrolmentStep is one line of an enrolment's history, written with the move and never changed.
type EnrolmentStep struct {
	Version int64
	At      time.Time
	From    EnrolmentState // 0 for the first
	To      EnrolmentState
	Event   EnrolmentEvent
	Detail  string // for people; holds no personal data
}

// Reason says why a request was refused, as one word; the texts of every reason, in both languages, are in
// reason_text.go.
type Reason string

// The reasons. Those above the line are seen from the request alone and may be told to anybody.
const (
	ReasonNumber     Reason = "number"      // no mainland mobile number of a person
	ReasonNewNumber  Reason = "new-number"  // the same of the new number, or it is the old one
	ReasonName       Reason = "name"        // no name: length, or signs that no name has
	ReasonLookAlike  Reason = "look-alike"  // characters that look like others
	ReasonCardDigits Reason = "card-digits" // not 13 to 19 digits, or a wrong check digit
	ReasonCardBank   Reason = "card-bank"   // of no bank in the table, or not as long as its cards are
	ReasonCardKind   Reason = "card-kind"   // no debit card
	ReasonCardNoPact Reason = "card-pact"   // the bank has no contract
	ReasonDevices    Reason = "devices"     // a list of devices that cannot be
	ReasonMissing    Reason = "missing"     // something that the request needs is not there
	ReasonCode       Reason = "code"        // not six digits

	// These are told to the mobile number only, never to a channel.
	ReasonKnown     Reason = "known"     // the number is registered already
	ReasonUnknown   Reason = "unknown"   // nobody is registered at the number
	ReasonTaken     Reason = "taken"     // the new number is registered already
	ReasonBank      Reason = "bank"      // the bank says that name and card do not belong together, or that the card is not usable
	ReasonLimit     Reason = "limit"     // too many codes to this number
	ReasonOperator  Reason = "operator"  // an operator said no
	ReasonOvertaken Reason = "overtaken" // changed meanwhile
)
