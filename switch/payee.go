package acquirer

import "time"

// PayeeID identifies a payee for ever; a mobile number may change its owner, an id never does.
type PayeeID int64

// PayeeStatus says whether a payee can be paid.
type PayeeStatus byte

// The statuses of a payee.
const (
	PayeeRegistered PayeeStatus = 1 // not verified yet
	PayeeActive     PayeeStatus = 2 // verified: can be paid
	PayeeSuspended  PayeeStatus = 3 // by the payee
	PayeeDeleted    PayeeStatus = 4 // asked to be forgotten; what payments made must keep is kept
	PayeeBlocked    PayeeStatus = 5 // suspended by an operator, who alone lifts it
)

func (s PayeeStatus) String() string {
	switch s {
	case PayeeRegistered:
		return "registered"
	case PayeeActive:
		return "active"
	case PayeeSuspended:
		return "suspended"
	case PayeeDeleted:
		return "deleted"
	case PayeeBlocked:
		return "blocked"
	}
	return "unknown"
}

// PayeeRef fixes whom and which card a payment is for at the moment of name-confirm (phase 1). It is never looked up
// again by number (DESIGN section 4, rule 8).
type PayeeRef struct {
	ID          PayeeID
	CardVersion int32 // 1 for the first card bound, one more at each change
}

// Payee is a person who can be paid at a mobile number.
type Payee struct {
	Ref    PayeeRef // Ref.CardVersion is the version of Card
	Number MSISDN
	Name   string // full name, UTF-8; shown to a payer only through [MaskName]
	Card   PAN    // the bound card of Ref.CardVersion
	Status PayeeStatus
	// Alive is when the number last proved that it is still the payee's: a code that came back, or an operator's word.
	// A number that was silent for longer than [EnrolmentLimits.Dormant] cannot be paid until it proves itself again,
	// for it may have been given to somebody else. Zero: not known, never too long ago.
	Alive time.Time
	Ended time.Time // of a deleted payee: since when
	// Revision is one more at each change: what compare-and-set compares.
	Revision int64
}

// Dormant reports whether the payee's number was silent for longer than a time; a negative time is for ever.
func (p *Payee) Dormant(now time.Time, silent time.Duration) bool {
	return silent >= 0 && !p.Alive.IsZero() && now.Sub(p.Alive) > silent
}
