package pos

// Message types used on the terminal line.
const (
	MTIInquiry          = "0100" // phase 1, name-confirm
	MTIInquiryResponse  = "0110"
	MTIDebit            = "0200" // phase 2
	MTIDebitResponse    = "0210"
	MTIBatch            = "0320"
	MTIBatchResponse    = "0330"
	MTIReversal         = "0400" // undo
	MTIReversalResponse = "0410"
	MTISettle           = "0500"
	MTISettleResponse   = "0510"
	MTISignOn           = "0800"
	MTISignOnResponse   = "0810"
	MTINetwork          = "0820" // sign-off and echo
	MTINetworkResponse  = "0830"
)

// What marks a message as part of a phone-pay transaction.
const (
	ProcPhonePay = "480000" // F3
	CondPhonePay = "82"     // F25
	KindInquiry  = "71"     // 60.1 of phase 1
	KindDebit    = "72"     // 60.1 of phase 2 and of its undo
	KindNetwork  = "00"     // 60.1 of sign-on, sign-off, echo and settlement
)

// Network management codes, 60.3.
const (
	NetNone        = "000"
	NetSignOnDES   = "001"
	NetSignOff     = "002"
	NetSignOn      = "003" // double-length keys
	NetSignOnTrack = "004" // double-length keys and a track key
	NetSignOnSM4   = "006" // SM4 keys
	NetSettle      = "201" // totals (0500), details by stripe (0320)
	NetBatchUneven = "202" // end of batch, totals did not agree
	NetChipEven    = "203" // detail of a chip payment, totals agreed
	NetChipUneven  = "205" // the same, totals did not agree
	NetBatchEven   = "207" // end of batch, totals agreed
	NetEcho        = "301"
)

// What a response asks of the terminal, header digit 6.
const (
	ProcessingNone   byte = 0
	ProcessingSignOn byte = 3
)

// Tags of the elements in F62.
const (
	TagPayee = "PE" // mobile number of the payee, 11 digits
	TagPayer = "PR" // mobile number of the payer, 11 digits
	TagMemo  = "MO" // payment information, GBK
	TagName  = "NM" // payee's name, second character hidden, GBK
	TagToken = "CT" // confirmation token
	TagText  = "TX" // text for the terminal's display, GBK
	TagPIN   = "SM" // PIN block under an SM4 key, 16 bytes; F52 is zeros beside it
)

// F53 of a debit: PIN block with PAN, the cipher of its key, track in clear
// (UnionPay POS dialect, section 3.5).
const (
	SecurityDES = "2600000000000000" // double-length 3DES, block in F52
	SecuritySM4 = "2300000000000000" // block in the element SM of F62
)

// Limits of what stands on the wire, in bytes.
const (
	// MinFrame is TPDU, header, message type and bitmap with no field at all.
	MinFrame = 21
	// MaxFrame is the longest frame the line carries.
	MaxFrame = 2048
	// MaxText is the longest TX element.
	MaxText = 60
	// MaxToken is the longest CT element.
	MaxToken = 64
)
