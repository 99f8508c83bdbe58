package acquirer

import (
	"fmt"
	"slices"
	"time"
)

// DiscrepancyKind says in which way two sides disagree (reliability page, section 4.1, E1 to E9).
type DiscrepancyKind string

// The kinds.
const (
	OursOnly      DiscrepancyKind = "ours-only"             // approved here, absent in the host's list
	TheirsOnly    DiscrepancyKind = "theirs-only"           // in the host's list, unknown here
	AmountDiffers DiscrepancyKind = "amount"                // another amount
	StateDiffers  DiscrepancyKind = "state"                 // undone on one side, standing on the other
	Duplicate     DiscrepancyKind = "duplicate"             // listed twice
	BatchDiffers  DiscrepancyKind = "batch"                 // the terminal's batch says otherwise
	UndoTooLate   DiscrepancyKind = "undo-after-settlement" // a refund is owed
	PayoutRefused DiscrepancyKind = "payout-refused"        // the payee's card could not be credited
	PayoutUnknown DiscrepancyKind = "payout-unknown"        // a payout that was not ordered, or is not as it was ordered
	DebitAfter25  DiscrepancyKind = "host-25-then-debit"    // the host knew no such debit, and has it all the same
)

// Resolution is how a discrepancy was closed. What people do about it is done outside: an error claim (差错) at the host, a
// refund at the counter. The resolution says what came of it.
type Resolution string

// The resolutions.
const (
	HostCorrects Resolution = "host-corrects" // the host has put it right, and what the journal says is true
	NoPayout     Resolution = "no-payout"     // nobody is paid for it
	Refunded     Resolution = "refunded"      // the payer has the money back; nobody is paid for it
	Stands       Resolution = "stands"        // the payment holds in spite of it
	PayAgain     Resolution = "pay-again"     // the payout is tried again, to the card that is bound now
)

// Resolutions is the only table of permitted resolutions.
var Resolutions = map[DiscrepancyKind][]Resolution{
	OursOnly:      {HostCorrects, NoPayout, Refunded},
	TheirsOnly:    {HostCorrects, Refunded},
	AmountDiffers: {HostCorrects, NoPayout, Refunded},
	StateDiffers:  {HostCorrects, NoPayout, Refunded},
	Duplicate:     {HostCorrects, Refunded},
	BatchDiffers:  {Stands, NoPayout, Refunded},
	UndoTooLate:   {Stands, Refunded},
	PayoutRefused: {PayAgain, NoPayout, Refunded},
	PayoutUnknown: {HostCorrects, Stands},
	DebitAfter25:  {HostCorrects, Refunded},
}

// Kinds lists every kind in the order of their names.
func Kinds() []DiscrepancyKind {
	var all []DiscrepancyKind
	for k := range Resolutions {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// MayResolve reports whether the table permits to close a discrepancy of a kind so.
func MayResolve(k DiscrepancyKind, r Resolution) bool { return slices.Contains(Resolutions[k], r) }

// clears reports whether a debit may go on to payout after a resolution.
func (r Resolution) clears() bool { return r == HostCorrects || r == Stands || r == PayAgain }

// Discrepancy is one row of the worklist. It never changes; a [Resolved] beside it closes it.
type Discrepancy struct {
	ID          int64 // 1, 2, 3 ...; given by the store
	Kind        DiscrepancyKind
	Date        Date   // settlement date
	Subject     string // what it is about: with Kind and Date the key that makes it the same discrepancy
	Transaction ID     // 0: none of ours
	RRN         RRN    // F37 of the host's line, or of the transaction; may be empty
	Ours        Fen    // 0: nothing stands here
	Theirs      Fen    // 0: nothing stands there
	Opened      time.Time
	Why         string // for people; numbers and cards masked

	Closed *Resolved // nil: open
}

// Resolved is the end of a discrepancy.
type Resolved struct {
	Discrepancy int64
	Subject     string // that of the discrepancy, so that nobody can hang it on another
	As          Resolution
	Why         string // the operator's words
	Who         string // who did it; "switch" when the journal itself proves it
	Line        int64  // of the operators' journal, which has both persons; 0: none
	At          time.Time
}

// aboutRow makes the discrepancy of a row of ours. tag tells two of one kind about one row apart; it may be empty.
func aboutRow(k DiscrepancyKind, date Date, t *Transaction, theirs Fen, tag, why string, now time.Time) *Discrepancy {
	d := &Discrepancy{Kind: k, Date: date, Subject: fmt.Sprintf("%d%s", t.ID, tag), Transaction: t.ID, RRN: t.RRN(), Theirs: theirs,
		Opened: now, Why: why}
	if t.State.stands() {
		d.Ours = t.Amount
	}
	return d
}

// stands reports whether the payer's card is debited for good, as far as the journal knows.
func (s State) stands() bool { return s == Approved || s == Settled || s == Paying || s == Paid }
