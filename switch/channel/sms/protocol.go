package sms

import (
	"bufio"
	"net"
	"time"
)

// Protocol is one way of speaking with a centre. Its methods are safe for concurrent use.
type Protocol interface {
	// Login logs in on a connection that was just made, and waits for the answer. r reads from conn; what it has read ahead
	// belongs to the link. The caller sets a deadline and closes conn when there is an error. The sequence number 1 is
	// Login's.
	Login(conn net.Conn, r *bufio.Reader) (Dialect, error)
	// Dest is the address of a mobile number of 11 digits.
	Dest(number string) Party
	// Split makes the parts of a text, which share ref. No character is cut in two. More than most parts are
	// ErrUndeliverable.
	Split(text string, ref byte, most int) ([]Part, error)
	// Decode reads a text by its coding, strictly: [ErrText].
	Decode(coding byte, b []byte) (string, error)
}

// Dialect reads and writes the frames of one link. Read is called by one goroutine, the others concurrently with it.
type Dialect interface {
	// Read reads one frame. An error means that the stream cannot be read on.
	Read(r *bufio.Reader) (Frame, error)
	// Submit writes a part. Errors hold no address and no text.
	Submit(seq uint32, s Submission, p Part) ([]byte, error)
	// Enquire asks whether the centre is there.
	Enquire(seq uint32) ([]byte, error)
	// Goodbye ends the link in order.
	Goodbye(seq uint32) ([]byte, error)
}

// FrameKind says what the session does with a frame.
type FrameKind byte

// The kinds of frame.
const (
	FrameOther    FrameKind = iota // nothing, except that Frame.Answer is sent when there is one
	FrameResult                    // the answer to a submit: Frame.Result
	FrameDelivery                  // a message or a receipt: Frame.Delivery
	FrameGoodbye                   // the centre ends the link; Frame.Answer is sent before
	FrameParted                    // the answer to Goodbye
)

// Frame is what came from the centre.
type Frame struct {
	Kind     FrameKind
	Seq      uint32
	Answer   []byte // to be sent at once; nil: nothing
	Result   Result
	Delivery Delivery
}

// Fate is what a result means for the part.
type Fate byte

// The fates.
const (
	Accepted      Fate = iota // the centre has it
	TooMuch                   // the centre gets too much at once: the same again, after a pause of all
	Undeliverable             // never for this receiver
	Failed                    // not now
	// Double: the centre has had the number of the frame before. It is Accepted when the frame went more than once, for then
	// the centre has it, and Failed else.
	Double
)

// Result is the answer to a submit.
type Result struct {
	Fate Fate
	ID   string // of Accepted: the name that a receipt will have; may be empty
	Word string // the centre's own word, for the operator
}

// Verdict is the answer to what a centre delivers.
type Verdict byte

// The verdicts.
const (
	Taken  Verdict = iota // done
	Later                 // the centre is asked to bring it again
	Never                 // it is malformed, or can never be taken
	Reject                // its sender is none that may send
)

func (v Verdict) String() string { return [...]string{"taken", "later", "never", "reject"}[v] }

// Party is an address; type of number and numbering plan mean nothing where a protocol has none.
type Party struct {
	TON, NPI byte
	Addr     string // at most 20 characters
}

// Delivery is what the centre brings: a malformed one, a receipt or a message. Slices belong to whoever gets it.
type Delivery struct {
	// Respond writes the answer; nil: there is none.
	Respond func(Verdict) []byte
	// Wrong says why nothing can be done with it, without a part of it. Empty: it is whole.
	Wrong   string
	News    bool // means nothing here: acknowledged
	Receipt *Report
	Message
}

// Message is a text of a person, or a part of one.
type Message struct {
	Source, Dest Party
	Concat       Concat
	Coding       byte
	CodingName   string // what the protocol calls Coding
	Text         []byte // without user data header
	Own          string // the centre's own name for it, the same each time it brings it; empty: it gives none
	Salt         []byte // what else tells one message of the sender from another
	Link         string // to be given back in the answer
}

// Concat says which part of a long message a frame is; Total 0: it is a whole one.
type Concat struct {
	Ref        uint16
	Wide       bool // Ref has 16 bits
	Total, Seq byte
}

// Report is what a centre says of a message that it took.
type Report struct {
	ID        string // as in Result; at most [MaxReference] bytes
	Ended     bool   // it is an outcome, and not a stage on the way
	Delivered bool
	State     string // one of the protocol's words
	Detail    string // State and what else the operator may want
}

// Part is what one submit carries.
type Part struct {
	Coding     byte
	Header     bool // Text begins with a user data header
	Total, Seq byte // 1 and 1 of a whole message
	Text       []byte
}

// Submission is what the submits of all parts of a message have in common.
type Submission struct {
	Dest    Party
	Ref     uint16    // from [Reference]
	Expires time.Time // zero: the centre's own
	Receipt bool      // a receipt is wanted
	Link    string    // of the message that is answered
}
