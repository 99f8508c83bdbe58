package acquirer

import (
	"context"
	"time"
)

// BatchKey names a terminal's batch. Numbers come round after 999999 sign-ons: a record is looked for on the last
// [BatchDates] business dates only.
type BatchKey struct {
	Merchant MerchantID
	Terminal TerminalID
	Batch    int // 60.2
}

// BatchSum is how many debits there are, and how much they come to.
type BatchSum struct {
	Count  int
	Amount Fen
}

func (a BatchSum) plus(b BatchSum) BatchSum { return BatchSum{a.Count + b.Count, a.Amount + b.Amount} }

// BatchTotals are what a terminal says of the cards of one class (F48 of a 0500). A phone-pay terminal has no credits: an
// undone debit is counted nowhere.
type BatchTotals struct{ Debits, Credits BatchSum }

// BatchState is where a batch stands. One without a record is open.
type BatchState byte

// The states of a batch. Their numbers are stored.
const (
	BatchUploading BatchState = 1 // the totals do not agree: the terminal uploads its details
	BatchSettling  BatchState = 2 // the terminal's word is complete, and its debits are being moved
	BatchClosed    BatchState = 3
)

// Batch is the record of what a terminal said of a batch, and what came of it. Values are copies; a change becomes real
// through [Batches.SaveBatch].
type Batch struct {
	Key     BatchKey
	Date    Date  // the business date of its first 0500
	Version int64 // 0: not stored yet
	State   BatchState

	STAN              STAN        // F11 of the 0500 that the rest is of
	Domestic, Foreign BatchTotals // as the terminal said
	Ours              BatchSum    // what they were compared with
	DomesticAgrees    bool        // the match codes of the 0510
	ForeignAgrees     bool
	Whole             bool // Ours are all debits since the batch closed before, of whatever number; else this number's
	Signed            bool // every word of it came with a right F64

	At        time.Time // of the 0510
	Reference RRN       // F37 of the 0510
	Closed    time.Time // when the terminal's word was complete; zero before
}

// Agreed reports whether both match codes of the 0510 are 1.
func (b *Batch) Agreed() bool { return b.DomesticAgrees && b.ForeignAgrees }

// BatchLine is one debit that a terminal lists in its upload (0320).
type BatchLine struct {
	STAN   STAN
	Card   PAN
	Amount Fen
}

// LineVerdict says what the journal has for a line.
type LineVerdict byte

// The verdicts. Their numbers are stored.
const (
	LineKnown   LineVerdict = 1 // a debit of that trace number, card and amount; its state is asked at the end
	LineUnknown LineVerdict = 2 // no debit of that trace number: for the worklist
	LineAmount  LineVerdict = 3 // another amount
	LineCard    LineVerdict = 4 // another card
)

// ListedLine is a line as it is kept: without the card, which was compared when it came.
type ListedLine struct {
	STAN        STAN
	Amount      Fen // as the terminal says
	Verdict     LineVerdict
	Transaction ID // 0 for LineUnknown
}

// Stray is a line of a closed batch for which there is no debit: somebody may hold a slip of it. No row of the journal can say
// so.
type Stray struct {
	Batch  BatchKey
	STAN   STAN
	Amount Fen // as the terminal says
}

// Batches keeps what terminals say of their batches. What is written is durable when the method returns; [ErrStore] as in
// [Journal]. A read of debits is of one business date, the caller goes through the dates.
type Batches interface {
	// Batch returns the newest record of a batch of date since or later, or [ErrNotFound].
	Batch(ctx context.Context, key BatchKey, since Date) (*Batch, error)
	// SaveBatch writes b if the record stored still has b.Version, which becomes one more, or is not there for 0; else
	// [ErrStale]. With anew the lines of an upload before it go. From BatchSettling on the terminal's session, if it is of
	// that batch, is [Session.Closed].
	SaveBatch(ctx context.Context, b *Batch, anew bool) error
	// AddLines adds lines to an upload that is open. One whose trace number is there already stays as it was: a message may
	// come again. [ErrStale]: the record stored is not b any more.
	AddLines(ctx context.Context, b *Batch, lines []ListedLine) error
	// CountLines returns how many lines the upload of b has.
	CountLines(ctx context.Context, b *Batch) (int, error)
	// Lines returns all lines of b.
	Lines(ctx context.Context, b *Batch) ([]ListedLine, error)
	// Strays returns up to limit strays of the batches of a date.
	Strays(ctx context.Context, on Date, limit int) ([]Stray, error)
	// Unfinished returns every batch that is BatchSettling.
	Unfinished(ctx context.Context) ([]*Batch, error)
	// LastClosed returns when the terminal last closed a batch of another number than the key's; zero: never.
	LastClosed(ctx context.Context, key BatchKey) (time.Time, error)
	// SumDebits adds up what stands of a terminal's debits of a date (Approved, Settled, Paying, Paid): own are those of
	// the batch, all those opened later than since.
	SumDebits(ctx context.Context, key BatchKey, on Date, since time.Time) (own, all BatchSum, err error)
	// Debits returns the ids of a terminal's debits of a date that are Sent or stand, of the batch or, unless since is
	// zero, opened later than since.
	Debits(ctx context.Context, key BatchKey, on Date, since time.Time) ([]ID, error)
	// DebitsByTrace returns the ids of a terminal's debits of a date that have a trace number, of whatever batch.
	DebitsByTrace(ctx context.Context, key BatchKey, on Date, stan STAN) ([]ID, error)
}

// batchDates calls f for today's business date and those before it, newest first, until f returns an error or false.
func batchDates(now time.Time, f func(Date) (more bool, err error)) error {
	d := DateOf(now)
	for range BatchDates {
		if more, err := f(d); err != nil || !more {
			return err
		}
		d = d.Before()
	}
	return nil
}

// oldestBatchDate is the first date on which a batch is looked for.
func oldestBatchDate(now time.Time) Date { return DateOf(now.AddDate(0, 0, 1-BatchDates)) }
