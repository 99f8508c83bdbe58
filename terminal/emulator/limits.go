package emulator

import "time"

// Limits of a terminal.
const (
	// DefaultAnswerTimeout is how long an answer is waited for.
	DefaultAnswerTimeout = 60 * time.Second
	// MaxPINTries is how often the holder may key a PIN in one payment. Each try is a message with a number of its own.
	MaxPINTries = 3
	// MaxReceipts is how many receipts are kept, the newest.
	MaxReceipts = 20
	// MaxSlips is how many slips a terminal keeps: what the totals of a settlement have room for.
	MaxSlips = 999
	// MaxMemo is the longest payment information, in bytes of GBK.
	MaxMemo = 60
	// MaxAmountFen is the largest amount that F4 holds.
	MaxAmountFen = 999_999_999_999

	maxSTAN      = 999_999
	maxStateFile = 1 << 20
	// maxStrays is how many frames that answer nothing may come while one answer is waited for.
	maxStrays    = 64
	writeTimeout = 10 * time.Second
	dialTimeout  = 10 * time.Second
)
