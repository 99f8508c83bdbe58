package sms

import "time"

// Limits are the times and sizes of a link. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults]. A protocol may have defaults of its own.
type Limits struct {
	Bind   time.Duration // to connect and to be logged in: 10 s
	Write  time.Duration // for one write; then the link is given up: 5 s
	Answer time.Duration // for the answer to a submit: 10 s; then it goes again under the same number ...
	Sends  int           // ... up to so many times in all: 1
	// Enquire is the time between two questions whether the centre is there: 30 s. A link on which nothing came for
	// Enquire and Silence together is given up.
	Enquire time.Duration
	Silence time.Duration // for the answer to such a question: 10 s
	Drain   time.Duration // at the end, for answers that are still to come and for the answer to the goodbye: 2 s each

	RetryFirst time.Duration // pause before the next link: 1 s, doubled at each failure ...
	RetryMax   time.Duration // ... up to 60 s
	Steady     time.Duration // a link that held so long starts from RetryFirst again: 30 s

	Rate        int           // submits a second: 20
	Window      int           // submits without an answer: 10
	PauseFirst  time.Duration // pause of all submits when the centre says that it is too much: 1 s, doubled each time ...
	PauseMax    time.Duration // ... up to 20 s, below the time that a device has
	Outgoing    int           // long messages whose parts or receipts are waited for, and others that are tried again: 16,384; the oldest is forgotten
	OutgoingFor time.Duration // for how long: 72 h

	// Hold is how long the responses to the parts of an unfinished message are kept back: 8 s. Centres wait 10 s or more.
	Hold       time.Duration
	PartsFor   time.Duration // how long the parts of an unfinished message are kept: 30 min
	Unfinished int           // such messages: 1024; parts of others are refused for now
	PerSender  int           // of them, by one sender: 4
	// Double is within what time the same text of the same sender is taken for a message that the centre sends again: 2 min.
	Double  time.Duration
	Reply   time.Duration // for the answer to a sender: 10 s
	Waiting int           // messages and receipts waiting in each of the lanes: 64; more are refused for now
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.Bind = fallback(l.Bind, 10*time.Second)
	l.Write = fallback(l.Write, 5*time.Second)
	l.Answer = fallback(l.Answer, 10*time.Second)
	l.Sends = fallback(l.Sends, 1)
	l.Silence = fallback(l.Silence, 10*time.Second)
	l.Enquire = fallback(l.Enquire, 30*time.Second)
	l.Drain = fallback(l.Drain, 2*time.Second)
	l.RetryFirst = fallback(l.RetryFirst, time.Second)
	l.RetryMax = fallback(l.RetryMax, 60*time.Second)
	l.Steady = fallback(l.Steady, 30*time.Second)
	l.Rate = fallback(l.Rate, 20)
	l.Window = fallback(l.Window, 10)
	l.PauseFirst = fallback(l.PauseFirst, time.Second)
	l.PauseMax = fallback(l.PauseMax, 20*time.Second)
	l.Outgoing = fallback(l.Outgoing, 16_384)
	l.OutgoingFor = fallback(l.OutgoingFor, 72*time.Hour)
	l.Hold = fallback(l.Hold, 8*time.Second)
	l.PartsFor = fallback(l.PartsFor, 30*time.Minute)
	l.Unfinished = fallback(l.Unfinished, 1024)
	l.PerSender = fallback(l.PerSender, 4)
	l.Double = fallback(l.Double, 2*time.Minute)
	l.Reply = fallback(l.Reply, 10*time.Second)
	l.Waiting = fallback(l.Waiting, 64)
	return l
}

func fallback[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Figures that are not for an operator to set.
const (
	// MaxReference is the longest name of a message that can be kept, in bytes.
	MaxReference = 128

	// MaxParts is the longest message that goes out, in parts: 500 characters of UCS-2 are 8.
	MaxParts = 10

	// MaxReplyParts is the longest answer to a sender.
	MaxReplyParts = 6

	// MaxInParts and MaxInBytes are the longest message that comes in: what the longest command needs, and a margin.
	MaxInParts = 10
	MaxInBytes = 1530

	// outQueue is how many frames wait for the writer of a link.
	outQueue = 64

	// lanes is how many messages and receipts are worked on at one time; those of one number keep their order.
	lanes = 8

	// sweepEvery is how often held responses and old entries are looked at.
	sweepEvery = 500 * time.Millisecond

	// receiptFirst and receiptTries say how often a receipt is offered again that came before its message was written
	// down: after 0.2, 0.4 ... 3.2 s. laterReceipts bounds those that wait so in one lane.
	receiptFirst  = 200 * time.Millisecond
	receiptTries  = 5
	laterReceipts = 256

	// maxHeld bounds the responses that are held for one message.
	maxHeld = 4 * MaxInParts

	// doneMessages and knownTexts bound what is remembered of messages that came in.
	doneMessages = 4096
	knownTexts   = 4096

	// noisyLines in noisyPeriod are logged of what a peer or a sender can cause at will.
	noisyLines  = 5
	noisyPeriod = time.Minute
)
