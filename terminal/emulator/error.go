package emulator

import (
	"errors"
	"fmt"

	"example.com/ringback/spec"
)

// Phase is the part of a payment in which something happened.
type Phase string

// The phases of a payment, in order.
const (
	PhaseCheck   Phase = "check"   // in the terminal, before it dials
	PhaseSignOn  Phase = "sign-on" // also while reaching the switch
	PhaseUndo    Phase = "undo"    // of an earlier debit, which goes first
	PhaseInquiry Phase = "inquiry"
	PhaseDebit   Phase = "debit"
	PhaseNetwork Phase = "network" // sign-off and echo
	PhaseSettle  Phase = "settle"  // batch settlement
)

// Error is why the terminal did not get what it asked for. It is the type of every error of a Terminal's methods.
type Error struct {
	Phase Phase
	Code  string // F39 of the switch, or P1, P2 or 13 of the terminal's own check; "" if there was no answer to believe
	Text  string // for the display; "" without a code
	Err   error  // the cause without a code, or beside it
}

// Error names phase, code and cause. It shows no card number, mobile number or key.
func (e *Error) Error() string {
	said := e.Code + " " + spec.Scrub(e.Text)
	switch {
	case e.Code == "":
		return fmt.Sprintf("%s: %v", e.Phase, e.Err)
	case e.Err == nil:
		return fmt.Sprintf("%s: refused with %s", e.Phase, said)
	}
	return fmt.Sprintf("%s: answered with %s: %v", e.Phase, said, e.Err)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

var (
	// ErrCancelled is the cause when the person at the terminal gave up.
	ErrCancelled = errors.New("cancelled at the terminal")
	// ErrUndoOwed is the cause when an earlier debit must be undone first and the switch did not acknowledge it.
	ErrUndoOwed = errors.New("an earlier debit is still to be undone")
	// ErrNothingOwed is the cause of a failed Undo when there is nothing to undo.
	ErrNothingOwed = errors.New("nothing to undo")
	// ErrKeys is the cause of a failed sign-on whose keys are not whole or do not match their check values. The keys
	// before stay.
	ErrKeys = errors.New("working keys cannot be used")
	// ErrSignedOff is the cause when a message needs working keys and there are none.
	ErrSignedOff = errors.New("not signed on")
	// ErrPayment is the cause for a payment that cannot be written into a message.
	ErrPayment = errors.New("payment is malformed")
	// ErrOutcomeUnknown is the cause when the switch itself does not know what became of a debit.
	ErrOutcomeUnknown = errors.New("outcome is not known")
)

// refusal is the error for an answer other than success.
func refusal(phase Phase, a answer) *Error {
	return &Error{Phase: phase, Code: a.code, Text: a.text()}
}

// failure is the error for a cause; an Error stays as it is.
func failure(phase Phase, cause error) *Error {
	var e *Error
	if errors.As(cause, &e) {
		return e
	}
	return &Error{Phase: phase, Err: cause}
}
