package acquirer

import (
	"context"
	"fmt"
	"time"
)

// Channel names the way by which a message of a payee comes in.
type Channel string

// The channels.
const (
	ChannelSMS   Channel = "sms"
	ChannelEmail Channel = "email"
	ChannelVoice Channel = "voice"
	ChannelWeb   Channel = "web"
	ChannelAPI   Channel = "api"
	ChannelPC    Channel = "pc"
	ChannelSpool Channel = "spool"
)

// numbers reports whether senders of the channel are mobile numbers: then a message is about its sender's number when
// it names none.
func (c Channel) numbers() bool { return c == ChannelSMS || c == ChannelVoice || c == ChannelSpool }

// letters reports whether an answer travels to the sender as a message of its own. The sender is only claimed, so that
// somebody else may get it: such answers are counted, and behind the limit there is silence.
func (c Channel) letters() bool { return c == ChannelSMS || c == ChannelEmail || c == ChannelSpool }

// Evidence is what a channel knows about where a message came from. It is kept with the request for people to read, and
// Source is counted. None of it proves who sent the message: that is what the code to the mobile number is for.
type Evidence struct {
	// Source is the channel address that limits count by: system id and source address of the SMPP bind, IP address of
	// the mail peer or of the browser, SIP trunk. At most 128 bytes.
	Source string
	// Checks says what was checked with which result: "spf=pass dkim=fail", "keys=19". At most 200 bytes.
	Checks string
}

// Inbound is one message of a person as a channel received it: either a command in words or a structured request.
type Inbound struct {
	Channel Channel
	// MessageID names the message within its channel, the same each time a peer sends it again: receipted_message_id,
	// Message-ID, the form's one-time token, Idempotency-Key. 1 to 200 bytes.
	MessageID string
	// Sender is who the message claims to be from: a mobile number (sms, voice), a mail address, or the unguessable
	// session of a page. For a page it is what binds a later code to the request it belongs to. 1 to 254 bytes.
	Sender   string
	Evidence Evidence
	Language Language // of the answer when Text does not tell; empty: Chinese
	Text     string   // a command as [ParseCommand] reads it; must be empty when Request is set
	Request  *Request // nil: read Text
}

// Format prints channel only: sender and text are personal data.
func (i Inbound) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "message by %s", i.Channel) }

// Request is what a person wants, every value as it was typed. Which fields are read follows from Kind.
type Request struct {
	Kind      RequestKind
	Number    string // the payee's mobile number, with or without +86; empty: the sender, where senders are numbers
	Name      string // register, change name
	Card      string // register, change card; blanks are dropped
	NewNumber string // change number
	Devices   []DeviceChoice
	Front     bool   // devices: put the list in front of what is held instead of in its place
	Code      string // confirm, cancel
	Language  Language
}

// Format prints the kind only.
func (r Request) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s", r.Kind) }

// DeviceChoice is one place of a payee's ordered list of devices.
type DeviceChoice struct {
	Kind DeviceKind
	// Address is empty for a device that reaches the payee's own number.
	Address string
}

// Format prints the kind only.
func (d DeviceChoice) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s", string(d.Kind)) }

// Outcome is what became of a message, for a channel that shows more than a text.
type Outcome string

// The outcomes.
const (
	// OutcomeTaken: the request is durable. If it can be carried out a code goes to the mobile number. Whether it can,
	// the channel is not told: unknown, suspended and known numbers all have this outcome.
	OutcomeTaken Outcome = "taken"
	// OutcomeConfirmed: the code was right. Reply.Effective says when the change holds.
	OutcomeConfirmed Outcome = "confirmed"
	// OutcomeHalf: the code was right; a change of number wants the code sent to the other number too.
	OutcomeHalf Outcome = "half"
	// OutcomeCancelled: what waited was called off.
	OutcomeCancelled Outcome = "cancelled"
	// OutcomeWrongCode: no request of this sender or number waits for that code: wrong, used, expired, locked, or
	// nothing was ever sent. One outcome for all.
	OutcomeWrongCode Outcome = "wrong-code"
	// OutcomeRefused: the request itself is wrong, as Reply.Reasons say; nothing about who is registered is in them.
	OutcomeRefused Outcome = "refused"
	// OutcomeHelp: the text was no command.
	OutcomeHelp Outcome = "help"
	// OutcomeLimited: too many messages of this sender or this source. Try again tomorrow.
	OutcomeLimited Outcome = "limited"
)

// Reply is the answer to a message. The channel sends Text to the sender, and nothing when it is empty: on channels where
// an answer is a message of its own, limits and the code that is under way are reasons for silence.
type Reply struct {
	Outcome   Outcome
	Language  Language
	Text      string
	Reasons   []Reason  // of OutcomeRefused, to mark the fields of a form
	Effective time.Time // of OutcomeConfirmed: zero when a person must approve first
	Again     bool      // the message was seen before; this is the answer that it got then
}

// Inbox is what channels hand messages to; [Enrolments] is one.
type Inbox interface {
	// Receive reads a message, makes what it asks for durable, and answers. Only after it has returned nil may the
	// channel acknowledge the message to its peer. The same message again (Channel and MessageID) has no second effect.
	// Time taken and answer do not depend on whether a number is registered. It never waits for a bank or a device.
	//
	// An error means that nothing was promised: the peer should send the message again. Kinds: [ErrStore], the process
	// ends; [ErrInbound], the message breaks the bounds of [Inbound] and will do so each time; [ErrBusy], too many
	// messages at once. No error holds a part of the message.
	Receive(ctx context.Context, m Inbound) (Reply, error)
}
