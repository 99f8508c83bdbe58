package acquirer

import "time"

// EnrolmentLimits are the figures of enrolments and notices that an operator may set. The zero value of a field means
// the default given beside it; use [EnrolmentLimits.WithDefaults]. A waiting time or an age that shall be none is negative.
type EnrolmentLimits struct {
	Wait        time.Duration // from the confirmed change of a card or number to its effect: 24 h
	CodeLife    time.Duration // how long a code may be used: 10 min
	CodeTries   int           // wrong codes for a number before it is locked: 5
	Lock        time.Duration // how long it stays locked: 24 h
	Resends     int           // further codes within one enrolment: 3
	Approval    time.Duration // how long an operator may take: 30 days
	BankTime    time.Duration // how long the bank is asked again before a request expires: 24 h
	SessionLife time.Duration // how long a confirmed session may look: 15 min
	Dormant     time.Duration // how long a number may be silent: 90 days
	Remind      time.Duration // how long before that it is reminded: 14 days

	CodesPerDay    int           // codes to one number: 5
	CodeGap        time.Duration // between two of them: 1 min
	SenderPerDay   int           // messages of one sender that are read: 20
	SourcePerDay   int           // of one address of a mail peer or a browser: 2000
	GatewayPerDay  int           // of one gateway of short messages or calls: 200,000
	AnswersPerDay  int           // answers to one sender on a channel where each is a message: 10
	HelpsPerDay    int           // of them, help: 3
	NoticesPerDay  int           // notices of debits to one payer's number: 10
	EnrolmentsKept time.Duration // from its end to its removal: 180 days
	NoticesKept    time.Duration // personal part of a notice: 30 days
	JournalKept    time.Duration // personal part of a transaction: 5 years
	MessagesKept   time.Duration // ids of messages, against doubles: 30 days
}

// day is the window of every limit that is counted by days.
const day = 24 * time.Hour

// WithDefaults fills every field that is zero.
func (l EnrolmentLimits) WithDefaults() EnrolmentLimits {
	l.Wait = fallback(l.Wait, day)
	l.CodeLife = fallback(l.CodeLife, 10*time.Minute)
	l.CodeTries = fallback(l.CodeTries, 5)
	l.Lock = fallback(l.Lock, day)
	l.Resends = fallback(l.Resends, 3)
	l.Approval = fallback(l.Approval, 30*day)
	l.BankTime = fallback(l.BankTime, day)
	l.SessionLife = fallback(l.SessionLife, 15*time.Minute)
	l.Dormant = fallback(l.Dormant, 90*day)
	l.Remind = fallback(l.Remind, 14*day)
	l.CodesPerDay = fallback(l.CodesPerDay, 5)
	l.CodeGap = fallback(l.CodeGap, time.Minute)
	l.SenderPerDay = fallback(l.SenderPerDay, 20)
	l.SourcePerDay = fallback(l.SourcePerDay, 2000)
	l.GatewayPerDay = fallback(l.GatewayPerDay, 200_000)
	l.AnswersPerDay = fallback(l.AnswersPerDay, 10)
	l.HelpsPerDay = fallback(l.HelpsPerDay, 3)
	l.NoticesPerDay = fallback(l.NoticesPerDay, 10)
	l.EnrolmentsKept = fallback(l.EnrolmentsKept, 180*day)
	l.NoticesKept = fallback(l.NoticesKept, 30*day)
	l.JournalKept = fallback(l.JournalKept, 5*366*day)
	l.MessagesKept = fallback(l.MessagesKept, 30*day)
	return l
}
