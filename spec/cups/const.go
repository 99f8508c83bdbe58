package cups

// Message types used on the host line.
const (
	MTIVerify            = "0100" // account verification
	MTIVerifyResponse    = "0110"
	MTIDebit             = "0200"
	MTIDebitResponse     = "0210"
	MTIAdvice            = "0220" // payout, told by the host
	MTIAdviceResponse    = "0230"
	MTIReversal          = "0420"
	MTIReversalResponse  = "0430"
	MTIReconcile         = "0520"
	MTIReconcileResponse = "0530"
	MTIKeyReset          = "0800"
	MTIKeyResetResponse  = "0810"
	MTINetwork           = "0820"
	MTINetworkResponse   = "0830"
)

// Processing codes, F3, and what goes with them.
const (
	ProcVerify   = "330000" // do name and card belong together?
	ProcTransfer = "400000" // debit of the payer for the payee
	ProcPayout   = "290000" // credit of the payee after reconciliation
	CondNormal   = "00"     // F25
	UsageAssoc   = "AS"     // F48: associated business
	TagBusiness  = "AO"     // F48: kind of business
	SelfTransfer = "07"     // AO: transfer at a self-service terminal
	PayoutOrder  = "10"     // AO: payout
)

// Network management codes, F70.
const (
	NetSignOn      = "001"
	NetSignOff     = "002"
	NetKeyReset    = "101"
	NetCutoffStart = "201"
	NetCutoffEnd   = "202"
	NetEcho        = "301"
)

// Settlement codes, F66 of a 0530.
const (
	InBalance    = "1"
	OutOfBalance = "2"
	NoBalance    = "3" // cannot be said: the request is refused
)

// Limits of what stands on the wire, in bytes.
const (
	// HeaderLen is the size of the message header.
	HeaderLen = 46
	// MaxMessage is the largest header and body that go in one frame.
	MaxMessage = 1938
	// KeepAlive is the frame without a message that keeps a silent link open. It
	// is never answered.
	KeepAlive = "0000"
)

// Reject codes of the header.
const (
	RejectNone   = "00000"
	RejectHeader = "00015" // header length is not 46
	RejectLength = "00035" // total length does not agree
	RejectDest   = "00045"
	RejectSource = "00055"
)
