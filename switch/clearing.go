package acquirer

import (
	"context"
	"iter"
	"time"
)

// ClearingLine is one item of the host's detail file: a debit that it has, or the reversal of one. Who and when are as
// the host saw them in the request; amounts are fen, a fee below zero is one that the acquirer pays.
//
// The key that it is matched on is Host with Acquirer and Forwarder, and then Amount and Card, which must agree (host
// dialect page, section 5.1).
type ClearingLine struct {
	Host      HostKey // F7 and F11 of the request
	Acquirer  string  // F32
	Forwarder string  // F33
	Card      PAN     // F2
	Amount    Fen     // F4

	MTI        string // 0200, or 0420 for a reversal
	Processing string // F3
	Code       ResponseCode
	RRN        string // F37 as it stands there, perhaps empty
	AuthCode   string // F38, perhaps empty
	EntryMode  string // F22, perhaps empty
	Terminal   TerminalID
	Merchant   MerchantID
	Issuer     string // perhaps empty

	// Reversal tells that the line undoes a debit; Original is the host key of that, zero when the file leaves it out.
	Reversal bool
	Original HostKey

	CardholderFee, FeeReceivable, FeePayable, SwitchingFee Fen

	// PayeeCard is the card to be credited. Only the long edition of the file has it; the zero value is none.
	PayeeCard PAN
}

// Sum is a number of items and their amounts.
type Sum struct {
	Count int64
	Fen   Fen
}

// SettlementTotals are what moved on one settlement date. A payment by telephone is a debit of the payer's card: the
// payee is credited only after the date is in balance.
type SettlementTotals struct {
	Debits, DebitReversals   Sum
	Credits, CreditReversals Sum
}

// ClearingFile is one detail file, whole and checked line by line. Lines reads it anew each time.
type ClearingFile struct {
	Name   string   // as the host called it
	Date   Date     // settlement date in the name
	Hash   [32]byte // SHA-256 of its bytes: the same file again has the same
	Count  int64    // lines
	Totals SettlementTotals
	// Lines yields each line in the file's order with a nil error. An error comes last and alone: the file is not any more
	// what was checked, and whatever was taken from it must be taken back.
	Lines iter.Seq2[ClearingLine, error]
}

// Payout is the host's word that it has credited a payee, or could not (0220, F3 = 290000).
type Payout struct {
	Host    HostKey // F7 and F11 of the message; the same at each repeat
	Date    Date    // F15: settlement date of the debit
	RRN     RRN     // F37 of the debit
	Debit   HostKey // of the debit, from F90
	Amount  Fen
	Card    PAN          // F103, the payee's
	Code    ResponseCode // 00: credited; else why not, and no money has moved
	Arrived time.Time
}

// CutOffPhase says which of the two messages of a cut-off came.
type CutOffPhase string

// The phases. Debits go on through both; each belongs to the date in F15 of its answer.
const (
	CutOffBegins CutOffPhase = "begins" // 0820 with F70 = 201
	CutOffEnds   CutOffPhase = "ends"   // with 202: from now on answers carry the new date
)

// Settlement takes what the host tells of settlement dates. Every call may be repeated, also after a restart, and must
// then say the same as before.
type Settlement interface {
	// CutOff takes notice of a cut-off; date is the new settlement date. After an error the host is answered 96 and will
	// tell it again.
	CutOff(ctx context.Context, date Date, phase CutOffPhase) error
	// PaidOut makes a payout durable and returns the F39 of its 0230. The host tells a payout until it is answered 00, so
	// one that cannot be matched is answered 00 too once it is on the worklist. After an error nothing is answered.
	PaidOut(ctx context.Context, p Payout) (ResponseCode, error)
}

// Balance is the host's word on a reconciliation, F66 of a 0530.
type Balance string

// The words.
const (
	InBalance    Balance = "1" // the host pays out what it holds of the date
	OutOfBalance Balance = "2" // no money moves
	NoBalance    Balance = "3" // it could not judge, F39 may say why
)

// Reconciliation is the host's answer to a reconciliation. Its MAC has been checked.
type Reconciliation struct {
	Balance Balance
	Code    ResponseCode      // F39, as a rule empty
	Totals  *SettlementTotals // the host's own; nil when it did not tell them
}

// Reconciler is the line to the host as settlement uses it.
type Reconciler interface {
	// Reconcile sends the switch's totals of a settlement date (0520) and waits for the host's word until ctx ends. whole (F66 =
	// 1): terminal, switch and host agree on every debit that stands, and in balance the host pays them all; else (2) it compares and pays
	// nothing on this word. It may be repeated at will: the host pays nothing out twice. Errors as [Network.Authorize]'s; [ErrDisbelieved] also for a
	// host that says it is in balance and tells other totals.
	Reconcile(ctx context.Context, date Date, totals SettlementTotals, whole bool) (Reconciliation, error)
	// RequestCutOff asks the host to end its settlement date now (0820 with F70 = 201). Nil: it will, and tells so with
	// both phases. An [Error] with the host's F39 when it will not: one that ends dates by the clock alone answers 40.
	RequestCutOff(ctx context.Context) error
}
