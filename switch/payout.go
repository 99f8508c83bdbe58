package acquirer

import "time"

// PayoutState is where a payout stands.
type PayoutState byte

// The states of a payout. Their numbers are stored.
const (
	PayoutOwed   PayoutState = 1 // the host may have been told to pay, and has not said that it did
	PayoutTaken  PayoutState = 2 // the host has taken the order
	PayoutFailed PayoutState = 3 // the card could not be credited: a person must look
	PayoutDone   PayoutState = 4 // the payee has the money
	PayoutClosed PayoutState = 5 // it failed, and nobody will be paid
)

// PayoutRecord is the one payout of a debit: its key is the debit's id, so that there cannot be two. It is written with the move to
// Paying, before anything is sent.
type PayoutRecord struct {
	Transaction ID
	State       PayoutState
	Date        Date // settlement date
	Amount      Fen
	CardVersion int32   // which of the payee's cards is credited
	Attempt     int     // 1, and one more at each pay-again
	Host        HostKey // of the instruction of this attempt; zero: none was sent, the host pays on its own 0530
	Code        ResponseCode
	At          time.Time // of the last change
}

// PayoutOrder tells the host to pay one debit out (0200, F3 = 290000).
type PayoutOrder struct {
	Transaction *Transaction // F4, F32, F33, F37, F41, F42, F90
	Date        Date         // F15
	Host        HostKey      // F7, F11: the same at each repeat
	Card        PAN          // F103
	Name        string       // F61: whom the card must belong to, UTF-8; empty: not compared
}

// paid reports whether the host says that the payee has the money.
func (a Payout) paid() bool { return a.Code == "" || a.Code == CodeApproved }
