package acquirer

import (
	"strconv"
	"strings"
	"time"
)

func (t Sum) plus(amount Fen) Sum { return Sum{t.Count + 1, t.Fen + amount} }

// add counts a line, or what it would have been.
func (t *SettlementTotals) add(k LineKind, amount Fen) {
	switch k {
	case LineDebit:
		t.Debits = t.Debits.plus(amount)
	case LineReversal:
		t.DebitReversals = t.DebitReversals.plus(amount)
	}
}

// SettlementStage is how far the settlement of a date has come. Each stage is durable before the next is begun, and each may be
// done again.
type SettlementStage byte

// The stages. Their numbers are stored.
const (
	SettlementWanted   SettlementStage = 1 // nothing was done
	SettlementClosed   SettlementStage = 2 // no debit joins the date any more; the host's file is awaited
	SettlementCompared SettlementStage = 3 // our rows were compared with the lines
	SettlementTold     SettlementStage = 4 // the host has answered our totals
)

var settlementNames = [...]string{"", "wanted", "closed", "compared", "told"}

func (s SettlementStage) String() string {
	if int(s) < len(settlementNames) {
		return settlementNames[s]
	}
	return "unknown"
}

// NotTold is the balance of a date before the host has said a word about it.
const NotTold Balance = ""

// Text says it for people.
func (b Balance) Text() string {
	switch b {
	case InBalance:
		return "in balance"
	case OutOfBalance:
		return "out of balance"
	case NotTold:
		return "not told"
	}
	return "the host could not tell"
}

// SettlementDay is the settlement of one date. Values are copies; a change becomes real through [Ledger.SaveSettlement].
type SettlementDay struct {
	Date    Date  // F15, with its year
	Version int64 // 0: not stored yet
	Stage   SettlementStage

	Asked time.Time // when somebody wanted it last
	Ended time.Time // when the run that ended last had begun; a run is owed while that is before Asked
	Note  string    // how that run ended, for people

	CutOff string // how the date was closed, for people
	File   string // name of the host's file; empty: none yet, or nothing happened on the date
	Hash   [32]byte
	Lines  int64 // of the file, that were staged
	Staged bool  // all of them are

	Ours, Theirs SettlementTotals
	Whole        bool    // F66 of our 0520 was 1: every standing debit of the date is agreed by all three
	Balance      Balance // F66 of the 0530
}

// Owed reports whether a run is wanted that has not ended.
func (s *SettlementDay) Owed() bool { return s.Asked.After(s.Ended) }

// SettlementDate gives an F15, MMDD, the year that brings it nearest to a business date; ok is false when it is no date.
func SettlementDate(f15 string, near Date) (d Date, ok bool) {
	n, err := strconv.Atoi(f15)
	if err != nil || len(f15) != 4 {
		return 0, false
	}
	var best time.Duration
	for year := int(near)/10000 - 1; year <= int(near)/10000+1; year++ {
		c := Date(year*10000 + n)
		if DateOf(c.Time()) != c {
			continue
		}
		if gap := c.Time().Sub(near.Time()).Abs(); !ok || gap < best {
			d, best, ok = c, gap, true
		}
	}
	return d, ok
}

// F15 writes a settlement date as the wires have it.
func (d Date) F15() string { return d.Time().Format("0102") }

// After returns the calendar date behind d.
func (d Date) After() Date { return DateOf(d.Time().AddDate(0, 0, 1)) }

// LineKind says what a line of the host's detail file is about.
type LineKind byte

// The kinds of line. Their numbers are stored.
const (
	LineDebit    LineKind = 1 // a card was debited
	LineReversal LineKind = 2 // a debit was undone
	LineOther    LineKind = 3 // inquiries, payouts and what was refused: no part of the comparison
)

// kind reads what a line is about: a debit is a 0200 with F3 = 40xxxx that was approved.
func (l *ClearingLine) kind() LineKind {
	switch {
	case l.Reversal:
		return LineReversal
	case l.MTI == "0200" && strings.HasPrefix(l.Processing, "40") && l.Code == CodeApproved:
		return LineDebit
	}
	return LineOther
}

// StagedLine is a line of the host's file as it is kept until it was compared: its card was compared when it was read.
type StagedLine struct {
	Date        Date
	Number      int64
	Kind        LineKind
	Transaction ID // the debit it is about; 0: none of ours
	Amount      Fen
}
