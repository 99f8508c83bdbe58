package acquirer

import "time"

// Limits are the figures an operator may set. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	MaxAmount   Fen           // largest payment: 10,000,000 fen (100,000.00 yuan); more is 61
	HostTimeout time.Duration // how long a debit waits for its answer: 30 s
	TokenLife   time.Duration // how long a confirmation may be used: 120 s
	InFlight    int           // debits waiting for the host at one time: 8192; more are refused with 96
	Dormant     time.Duration // how long a payee's number may be silent: [EnrolmentLimits.Dormant]; negative: for ever
	Budget      BudgetLimits  // of each terminal (PROTOCOL 1.2)
	PayerBudget BudgetLimits  // of each payer's number; without a capacity it is off, which is its default

	// Witness is the weakest word of its terminal by which a debit is confirmed: [WitnessMessage].
	Witness Witness

	// SuspendOnMisses blocks a terminal with the alarm [AlarmLookUps]; else a person must.
	SuspendOnMisses bool
}

// BudgetLimits are a look-up budget: a bucket for each owner. The defaults are those of a terminal's.
type BudgetLimits struct {
	Capacity      int // 20
	RefillPerHour int // 12
	Hit           int // 1, given back when the debit is approved
	Miss          int // 5
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.MaxAmount = fallback(l.MaxAmount, 10_000_000)
	l.HostTimeout = fallback(l.HostTimeout, 30*time.Second)
	l.TokenLife = fallback(l.TokenLife, 120*time.Second)
	l.InFlight = fallback(l.InFlight, 8192)
	l.Witness = fallback(l.Witness, WitnessMessage)
	l.Dormant = fallback(l.Dormant, 90*day)
	l.Budget.Capacity = fallback(l.Budget.Capacity, 20)
	l.Budget = l.Budget.withDefaults()
	if l.PayerBudget.Capacity != 0 {
		l.PayerBudget = l.PayerBudget.withDefaults()
	}
	return l
}

// withDefaults fills every field that is zero, but for the capacity.
func (b BudgetLimits) withDefaults() BudgetLimits {
	b.RefillPerHour = fallback(b.RefillPerHour, 12)
	b.Hit = fallback(b.Hit, 1)
	b.Miss = fallback(b.Miss, 5)
	return b
}

func fallback[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Figures that are not for an operator to set: each is tied to the protocol or to another figure.
const (
	// missWindow and missLimit: more than 20 % misses in 50 look-ups raise an alarm.
	missWindow = 50
	missLimit  = 10

	// bucketLimit bounds the look-up buckets of one kind that are not full: 100 bytes each. Beyond it a new owner is
	// refused with 65. Those that have filled are dropped every sweepEvery.
	bucketLimit = 1_000_000
	sweepEvery  = time.Minute

	// OldKeyLife is how long the MAK before a sign-on is still accepted: longer than a terminal waits for any
	// answer (60 s), so that nothing that was in flight fails its MAC.
	OldKeyLife = 60 * time.Second

	// EndedKeyLife is how long the MAK of a session that a block has ended still verifies undos. A debit is found by its
	// key on its business date and the next (see Journal): after two days an undo could touch no debit that the terminal
	// made before it was blocked.
	EndedKeyLife = 48 * time.Hour

	// AlarmEvery is the least time between two alarms of one terminal and kind that are made durable.
	AlarmEvery = time.Minute

	// tokenSkew is how far a token's time may lie in the future: two nodes' clocks differ.
	tokenSkew = 5 * time.Second

	// BatchDates is on how many business dates a batch and its debits are looked for: a terminal that closes once a week is
	// found, and a number that came round is not.
	BatchDates = 8

	// MaxBatchLines is how many debits an upload may list: the end of it has four digits for them.
	MaxBatchLines = 9_999

	// batchMoves is how many debits of a batch are moved at one time.
	batchMoves = 32

	// HoldTime is after what time a debit stands without a word of its terminal, where that is enough ([WitnessHold]).
	HoldTime = 24 * time.Hour

	// heardEvery is how often the times at which terminals were heard are made durable, all together.
	heardEvery = time.Second
	// settlePage is how many rows or lines of a settlement are read at one time.
	settlePage = 1_000

	// maxStrays is how many lines of no debit of the batches of one date come on the worklist.
	maxStrays = 1_000

	// settleMoves is how many debits of a settlement are moved at one time: they share commits, and leave the writer to payments.
	settleMoves = 64

	// settleEvery is how often a wanted settlement is looked for.
	settleEvery = time.Second

	// MaxWaits is how many debits that wait a report of a settlement names; the others are counted.
	MaxWaits = 1_000

	// terminalPatience is how long a terminal waits for the answer to its debit (PROTOCOL 1.2): no debit waits longer for
	// the host's.
	terminalPatience = 60 * time.Second

	// reversalFirst and reversalMax bound the pause between repeats of a 0420: 5, 10, 20 ... 300 s.
	reversalFirst = 5 * time.Second
	reversalMax   = 300 * time.Second

	// reversalAlarm is after how many tries a person is asked to look; the repeats go on.
	reversalAlarm = 6

	// reversalsAtOnce bounds the 0420s in flight, so that a host that comes back is not flooded.
	reversalsAtOnce = 32

	// overdueGrace is how long after its deadline a debit may still be Sent: whoever waits needs time to write. It is
	// looked for every overdueEvery.
	overdueGrace = 15 * time.Second
	overdueEvery = 5 * time.Second

	// queueSize is how many queued reversals are looked at when the clock has been set back.
	queueSize = 1_000_000

	// pageSize is how many rows recovery and the reversal queue read at a time.
	pageSize = 256

	// pollEvery is how often a repeat looks for the answer of a debit that another node has in flight.
	pollEvery = 250 * time.Millisecond
)

// Figures of channels and devices that an implementer of them must know.
const (
	// SendTimeout is how long a device may take to hand one message on, unless it is [Slow].
	SendTimeout = 30 * time.Second

	// SendsAtOnce bounds the addresses that one device's worker sends to at the same time.
	SendsAtOnce = 8

	// DeviceTries is how often one device is tried for a notice before the receiver's next one is.
	DeviceTries = 6

	// DigestSize bounds the messages that a [Digester] hands on as one: about twenty pages of a letter.
	DigestSize = 500

	// PostalLines and PostalWidth are how many lines of a postal address an envelope's window shows beside the name, and how
	// wide they may be, in halves of a Chinese character.
	PostalLines = 5
	PostalWidth = 48

	// NoticeLife is how long a notice may wait for its first device, or for a receiver who is away; later it is not worth
	// sending.
	NoticeLife = 72 * time.Hour

	// StatementDays and StatementRows bound a statement.
	StatementDays = 92
	StatementRows = 10_000

	// MaxEnrolments is how many enrolments a date has room for.
	MaxEnrolments = 90_000_000

	// maxAddress is the longest address of a device in bytes.
	maxAddress = 512
)

// Figures of commands and codes.
const (
	// maxCommand is the longest command in bytes: five parts of an SMS.
	maxCommand = 1000

	// codeDigits is how many digits a code has.
	codeDigits = 6
)

// Figures of texts to people.
const (
	// maxSubject and maxText are the longest that a template may write, in characters.
	maxSubject = 60
	maxText    = 500
)

// Figures of enrolments.
const (
	// messagesAtOnce bounds the messages of all channels that are read at one time; more are [ErrBusy].
	messagesAtOnce = 64

	// maxRoutes is the longest list of devices of a payee.
	maxRoutes = 5

	// openPerNumber is how many requests of one number are looked at when a code comes: more than it gets codes a day.
	openPerNumber = 32

	// checksAtOnce bounds the enrolments that are worked on at one time, of which each may wait for the bank.
	checksAtOnce = 8

	// bankTimeout is how long one question to the bank may take; bankFirst and bankMax bound the pause between two.
	bankTimeout = 30 * time.Second
	bankFirst   = 10 * time.Second
	bankMax     = 10 * time.Minute

	// enrolmentPoll is how often the worker looks for what another process wrote: an operator's verb.
	enrolmentPoll = 2 * time.Second

	// stuckPause is how long an enrolment that cannot be worked on is left alone: as long as the bank at most.
	stuckPause = bankMax

	// housekeepEvery is how often what is old is removed, and silent numbers reminded.
	housekeepEvery = 24 * time.Hour
	housekeepFirst = time.Minute

	// effectTries is how often an effect is tried anew when its payee was changed meanwhile.
	effectTries = 5

	// heldRows bounds the enrolments and the notices in what a payee is shown.
	heldRows = 1000
)

// Figures of the outbox.
const (
	// outboxPoll is how often router and workers look without having been woken: what another process wrote.
	outboxPoll = time.Second

	// noDevicePause is how long a notice without a device waits for one to be configured before it is looked at again.
	noDevicePause = time.Hour

	// awayPause is how long a receiver who is away is left alone, when there is no other device.
	awayPause = time.Minute

	// devicePause is how long a device that is down is left alone.
	devicePause = 5 * time.Second

	// sendFirst and sendMax bound the pause between two tries of one device: 10, 20, 40 ... 300 s.
	sendFirst = 10 * time.Second
	sendMax   = 300 * time.Second

	// maxDetail bounds what the outbox keeps of an error, in bytes.
	maxDetail = 200
)
