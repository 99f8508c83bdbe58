package acquirer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Language is that of a text for a person.
type Language string

// The languages that texts exist in. Any other word is read as Chinese.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// DeviceKind names what a notice goes out by. A configuration, a payee's list and the outbox use the same word.
type DeviceKind string

// The kinds of device. None exists until it is configured.
const (
	DeviceSMS     DeviceKind = "sms"
	DeviceEmail   DeviceKind = "email"
	DeviceVoice   DeviceKind = "voice"
	DevicePC      DeviceKind = "pc"
	DeviceWebhook DeviceKind = "webhook"
	DeviceLetter  DeviceKind = "letter"
	DeviceSpool   DeviceKind = "spool"
)

func (k DeviceKind) known() bool {
	switch k {
	case DeviceSMS, DeviceEmail, DeviceVoice, DevicePC, DeviceWebhook, DeviceLetter, DeviceSpool:
		return true
	}
	return false
}

// ReachesNumbers reports whether devices of the kind are addressed by a mobile number: then a payee needs to give no
// address for it, and a payer, of whom nothing else is known, can be told by it.
func (k DeviceKind) ReachesNumbers() bool {
	return k == DeviceSMS || k == DeviceVoice || k == DeviceSpool
}

// Address is where a device of one kind finds a person, or who a message claims to be from: a mobile number, a mail
// address, a URL, a token that a page made. Like a card number it prints masked; Reveal is for the device that sends.
type Address struct {
	kind DeviceKind
	s    string
}

// NewAddress accepts 1 to 512 bytes without control characters. A kind that reaches numbers wants a mobile number, and a
// letter a postal address in 2 to 5 lines, which Reveal returns joined by semicolons, the postcode first.
func NewAddress(kind DeviceKind, s string) (Address, error) {
	if kind == DeviceLetter && len(s) <= maxAddress {
		lines, err := parsePostal(s)
		if err != nil {
			return Address{}, err
		}
		s = lines
	}
	if s == "" || len(s) > maxAddress || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F || r == '\uFFFD' }) {
		return Address{}, fmt.Errorf("%s address is empty, longer than %d bytes or holds what no address has", kind, maxAddress)
	}
	if kind.ReachesNumbers() {
		if _, err := ParseMSISDN(s); err != nil {
			return Address{}, err
		}
	}
	return Address{kind, s}, nil
}

// Kind returns the kind of device that the address is for.
func (a Address) Kind() DeviceKind { return a.kind }

// Reveal returns the address as the device needs it.
func (a Address) Reveal() string { return a.s }

// Masked shows a number as 138****8001, a mail address as l***@example.org, of a postal address the province's two digits of
// its postcode, and of anything else its first three characters at most.
func (a Address) Masked() string {
	if a.kind == DeviceLetter && len(a.s) > 2 {
		return a.s[:2] + "****"
	}
	if m, err := ParseMSISDN(a.s); err == nil {
		return m.Masked()
	}
	name, domain, mail := strings.Cut(a.s, "@")
	if mail && name != "" {
		return string([]rune(name)[0]) + "***@" + domain
	}
	if a.s == "" {
		return ""
	}
	shown := []rune(a.s)
	return string(shown[:min(3, len(shown)/4)]) + "***"
}

func (a Address) String() string               { return a.Masked() }
func (a Address) GoString() string             { return a.Masked() }
func (a Address) MarshalText() ([]byte, error) { return []byte(a.Masked()), nil }

// Format keeps the address out of every verb.
func (a Address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.Masked()) }

// Message is a notice ready to be sent. ID is the notice's for ever: a message that is sent again, after a crash or
// after an answer that was not heard, has the same one, so that a receiver can drop doubles (SMPP message payload
// reference, Message-ID, id of an event, Idempotency-Key). Text and Subject hold personal data and must not be logged.
type Message struct {
	ID       string // printable ASCII without blanks, at most 40 bytes
	Kind     NoticeKind
	To       Address
	Language Language
	Subject  string    // one line, for devices that have such a thing; never empty
	Text     string    // plain text, UTF-8, no links; at most 500 characters
	Created  time.Time // when what it tells of happened
	Expires  time.Time // not worth delivering behind it (the validity period of an SMS); zero: none
	Try      int       // 1 for the first by this device
	Name     string    // the registered name of the payee that is written to, for an envelope; empty: not known
	Payer    MSISDN    // of a notice to a payee about a payment: who paid, and how much, for devices that sort; else zero
	Amount   Fen
	RRN      RRN       // the payment's reference number, as Payer
	Paid     time.Time // when the payment was approved, as Payer
	Memo     string    // what the payer wrote to it, without what looks like a link; may be empty
}

// Format prints the id and the kind only.
func (m Message) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s %s", m.ID, m.Kind) }

// Handed is what a device knows when it has handed a message on.
type Handed struct {
	// Reference is the peer's name for the message (message_id of a submit_sm_resp, queue id), by which a receipt will
	// name it; at most 128 bytes. Empty: no receipt will come, and the message counts as handed for good.
	Reference string
	// Delivered: the receiver has it already; no receipt is waited for.
	Delivered bool
}

// Device sends notices by one means. Its worker calls Send for one message at a time for each address, in the order of
// the notices of that address, and for up to [SendsAtOnce] addresses at once, so that Send must be safe for concurrent
// use.
type Device interface {
	// Kind is the one word by which configuration, lists and outbox name the device.
	Kind() DeviceKind
	// Send hands the message to the device's peer. It returns nil only when the peer has taken it over. An error of kind
	// [ErrUndeliverable] is for ever (no such address, refused by the peer): the receiver's next device is tried at once.
	// Any other error, and a ctx that ended (after [SendTimeout], or as [Slow] says), is for now: the same message is sent again after a
	// pause, [DeviceTries] times in all, before the next device is tried. Errors go into the outbox for the operator, so
	// that they must hold no address and no text. While the device is down it should return [ErrDeviceDown] at once:
	// such a try is not counted. [ErrAway] is for now, too, but that a notice which may go nowhere else waits for the
	// receiver until [NoticeLife] is over, and its tries are not counted.
	Send(ctx context.Context, m Message) (Handed, error)
}

// Slow is a [Device] whose Send takes longer than [SendTimeout], for a person has a part in it: a telephone rings and is
// listened to.
type Slow interface {
	Device
	// SendTime is how long Send may take; it must not change.
	SendTime() time.Duration
}

// sendTime is how long a device may take to hand one message on.
func sendTime(d Device) time.Duration {
	if s, ok := d.(Slow); ok {
		return s.SendTime()
	}
	return SendTimeout
}

// The kinds of failure that [Device.Send] returns.
var (
	ErrUndeliverable = errors.New("cannot be delivered there")
	ErrDeviceDown    = errors.New("device is down")
	ErrAway          = errors.New("receiver is away") // and may come back: a page that is closed
)

// RetryLater is an error of [Device.Send] for now, whose receiver said when it may be tried again: not before After has
// passed. The pause of the try is as long at least. Err is the reason.
type RetryLater struct {
	After time.Duration
	Err   error
}

func (e *RetryLater) Error() string { return e.Err.Error() }
func (e *RetryLater) Unwrap() error { return e.Err }

// Receipt says what became of a message after it was handed on.
type Receipt struct {
	Device    DeviceKind
	Reference string // as in Handed; or
	Notice    string // the message's ID, when the peer returns it
	Delivered bool   // false: it will never be; the receiver's next device is tried
	Detail    string // the peer's own word, for the operator; no address, no text; cut to 200 bytes
	At        time.Time
}

// Receipts takes receipts; a [Notifier] is one.
type Receipts interface {
	// Receipt makes the outcome durable before it returns, so that a device may then acknowledge the receipt to its
	// peer. A receipt for nothing that is known, or for what has an outcome already, is dropped: nil. A receipt may
	// come before Send has returned; then it is [ErrNotFound], and the device should offer it again a little later.
	Receipt(ctx context.Context, r Receipt) error
}

// Runner is a device or a channel that lives beside the switch: it connects, listens and receives until ctx ends, and
// waits for all that it started. An error ends the switch; a peer that is away is none.
type Runner interface {
	Run(ctx context.Context) error
}
