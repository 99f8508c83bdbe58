package acquirer

import (
	"errors"
	"fmt"
)

// ResponseCode is F39: two characters, as in the table of the terminal dialect (section 9) and PROTOCOL 1.2.
type ResponseCode string

// The codes the switch itself gives. Any other code is the host's own and is passed on.
const (
	CodeApproved         ResponseCode = "00"
	CodeBadMerchant      ResponseCode = "03"
	CodeInvalid          ResponseCode = "12"
	CodeBadAmount        ResponseCode = "13"
	CodeNoOriginal       ResponseCode = "25"
	CodeFormat           ResponseCode = "30"
	CodeNotContracted    ResponseCode = "31"
	CodeNotSupported     ResponseCode = "40"
	CodeBlocked          ResponseCode = "58"
	CodeOverLimit        ResponseCode = "61"
	CodeOriginal         ResponseCode = "64" // the amount is not the original's
	CodeBudget           ResponseCode = "65"
	CodeLateResponse     ResponseCode = "68"
	CodeSignOn           ResponseCode = "77"
	CodeUnreachable      ResponseCode = "91"
	CodeDuplicate        ResponseCode = "94"
	CodeReconcile        ResponseCode = "95"
	CodeMalfunction      ResponseCode = "96"
	CodeUnknownTerminal  ResponseCode = "97"
	CodeNoAnswer         ResponseCode = "98"
	CodePINFormat        ResponseCode = "99"
	CodeMAC              ResponseCode = "A0"
	CodePayeeNumber      ResponseCode = "P1"
	CodePayerNumber      ResponseCode = "P2"
	CodePayeeUnavailable ResponseCode = "P3"
	CodeConfirmation     ResponseCode = "P4"
	CodeLine             ResponseCode = "P5"
)

// Unknown reports whether a host's answer leaves open if the card was debited: 96, 98, 68 and A0 (PROTOCOL 1.2), and 94.
// A debit is sent once: a host that takes it for a repeat has it already, and its answer to the first one is lost. Such
// a debit is undone, and the terminal is told 98.
func (c ResponseCode) Unknown() bool {
	switch c {
	case CodeMalfunction, CodeNoAnswer, CodeLateResponse, CodeMAC, CodeDuplicate:
		return true
	}
	return false
}

// Error is what the flows return when a request is refused: Code is what the peer will see in F39. Err, when not
// nil, is the cause, for the operator only.
type Error struct {
	Op   string // the flow or step, such as "switch.Debit"
	Code ResponseCode
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: F39 %s", e.Op, e.Code)
	}
	return fmt.Sprintf("%s: F39 %s: %v", e.Op, e.Code, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the F39 that err stands for: 00 for nil, the code of an [Error] in its chain, else 96.
func CodeOf(err error) ResponseCode {
	if err == nil {
		return CodeApproved
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeMalfunction
}

// The kinds of failure that ports return; test with errors.Is.
var (
	ErrNotFound     = errors.New("not found")
	ErrDuplicate    = errors.New("key is taken")                     // Journal.Open: a row holds the terminal key or the token
	ErrStale        = errors.New("row has moved on")                 // Journal.Move: the compare failed
	ErrStore        = errors.New("store failed")                     // outcome of the write unknown: the process must end
	ErrKey          = errors.New("key block refused")                // HSM
	ErrCheckValue   = errors.New("key check value differs")          // HSM.ImportKey
	ErrPINFormat    = errors.New("PIN block is malformed")           // HSM.TranslatePIN
	ErrMAC          = errors.New("MAC differs")                      // HSM.VerifyMAC, Network
	ErrConfirmation = errors.New("confirmation refused")             // HSM.OpenConfirmation
	ErrNotSent      = errors.New("nothing was sent")                 // Network.Authorize: no byte left for the host
	ErrUnknown      = errors.New("outcome at the host is not known") // Network.Authorize: the debit must be undone
)

// ErrDisbelieved is the kind of [ErrUnknown] that says: an answer to the request came, and cannot be believed. What the
// host did stays open, but the request is no longer on its way.
var ErrDisbelieved = fmt.Errorf("%w, for its answer is not to be believed", ErrUnknown)

// The kinds of failure around enrolments.
var (
	ErrInbound  = errors.New("message breaks the bounds")     // Inbox.Receive: it will do so each time
	ErrBusy     = errors.New("too many messages at once")     // Inbox.Receive: send it again later
	ErrNotInGBK = errors.New("name cannot be written in GBK") // AccountVerifier: the bank cannot be asked
)
