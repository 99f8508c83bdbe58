package cups

import (
	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/field"

	"example.com/ringback/spec"
)

const bitmapLen = 8

// dialect pairs the field table with the moov specification made from it.
type dialect struct {
	table *spec.Table
	moov  *iso8583.MessageSpec
}

// host is the dialect of the line. It is built once and only read.
var host = newDialect(spec.NewTable("UnionPay host", fields(), nil))

func newDialect(table *spec.Table) dialect {
	head := &headField{}
	head.SetSpec(&field.Spec{
		Length: 4, Description: "Message type", Enc: spec.ASCIIDigits, Pref: spec.Fixed,
	})
	bitmap := &field.Spec{Length: bitmapLen, Description: "Bitmap", Enc: spec.Plain, Pref: spec.Fixed}
	return dialect{table, table.MessageSpec(head, bitmap)}
}

// Table is the field table of the host line.
func Table() *spec.Table { return host.table }

// MaskField returns what a person may see of the value of field id, as Get
// returns it.
func MaskField(id int, value string) string { return host.table.MaskField(id, value) }

// fields is the table of the host dialect, section 2.
func fields() []spec.Format {
	all := append(lower(), middle()...)
	return append(all, upper()...)
}

func lower() []spec.Format {
	f := spec.NewFormat
	return []spec.Format{
		f(2, "Primary account number", spec.ASCIILL, spec.ASCIIDigits, 19, spec.MaskPAN),
		f(3, "Processing code", spec.Fixed, spec.ASCIIDigits, 6, spec.MaskNone),
		f(4, "Amount, fen", spec.Fixed, spec.ASCIIDigits, 12, spec.MaskNone),
		f(5, "Settlement amount", spec.Fixed, spec.ASCIIDigits, 12, spec.MaskNone),
		f(6, "Cardholder amount", spec.Fixed, spec.ASCIIDigits, 12, spec.MaskNone),
		f(7, "Transmission time", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(9, "Settlement rate", spec.Fixed, spec.ASCIIDigits, 8, spec.MaskNone),
		f(10, "Cardholder rate", spec.Fixed, spec.ASCIIDigits, 8, spec.MaskNone),
		f(11, "Trace number", spec.Fixed, spec.ASCIIDigits, 6, spec.MaskNone),
		f(12, "Local time", spec.Fixed, spec.ASCIIDigits, 6, spec.MaskNone),
		f(13, "Local date", spec.Fixed, spec.ASCIIDigits, 4, spec.MaskNone),
		f(14, "Expiry", spec.Fixed, spec.ASCIIDigits, 4, spec.MaskHidden),
		f(15, "Settlement date", spec.Fixed, spec.ASCIIDigits, 4, spec.MaskNone),
		f(16, "Conversion date", spec.Fixed, spec.ASCIIDigits, 4, spec.MaskNone),
		f(18, "Merchant type", spec.Fixed, spec.ASCIIDigits, 4, spec.MaskNone),
		f(19, "Acquirer country", spec.Fixed, spec.ASCIIDigits, 3, spec.MaskNone),
		f(22, "Entry mode", spec.Fixed, spec.ASCIIDigits, 3, spec.MaskNone),
		f(23, "Card sequence number", spec.Fixed, spec.ASCIIDigits, 3, spec.MaskNone),
		f(25, "Condition code", spec.Fixed, spec.ASCIIDigits, 2, spec.MaskNone),
		f(26, "PIN capture code", spec.Fixed, spec.ASCIIDigits, 2, spec.MaskNone),
		f(28, "Transaction fee", spec.Fixed, spec.ASCII, 9, spec.MaskNone),
		f(32, "Acquiring institution", spec.ASCIILL, spec.ASCIIDigits, 11, spec.MaskNone),
		f(33, "Forwarding institution", spec.ASCIILL, spec.ASCIIDigits, 11, spec.MaskNone),
		f(35, "Track 2", spec.ASCIILL, spec.ASCII, 37, spec.MaskHidden),
		f(36, "Track 3", spec.ASCIILLL, spec.ASCII, 104, spec.MaskHidden),
		f(37, "Retrieval reference number", spec.Fixed, spec.ASCII, 12, spec.MaskNone),
		f(38, "Authorization code", spec.Fixed, spec.ASCII, 6, spec.MaskNone),
		f(39, "Response code", spec.Fixed, spec.ASCII, 2, spec.MaskNone),
		f(41, "Terminal", spec.Fixed, spec.ASCII, 8, spec.MaskNone),
		f(42, "Merchant", spec.Fixed, spec.ASCII, 15, spec.MaskNone),
		f(43, "Merchant name and place", spec.Fixed, spec.Plain, 40, spec.MaskText),
		f(44, "Additional response", spec.ASCIILL, spec.Plain, 25, spec.MaskText),
		f(45, "Track 1", spec.ASCIILL, spec.ASCII, 79, spec.MaskHidden),
	}
}

func middle() []spec.Format {
	f := spec.NewFormat
	return []spec.Format{
		f(48, "Usage and data", spec.ASCIILLL, spec.Plain, 512, spec.MaskShort),
		f(49, "Currency", spec.Fixed, spec.ASCII, 3, spec.MaskNone),
		f(50, "Settlement currency", spec.Fixed, spec.ASCII, 3, spec.MaskNone),
		f(51, "Cardholder currency", spec.Fixed, spec.ASCII, 3, spec.MaskNone),
		f(52, "PIN block", spec.Fixed, spec.Plain, 8, spec.MaskHidden),
		f(53, "Security control", spec.Fixed, spec.ASCIIDigits, 16, spec.MaskNone),
		f(54, "Balance", spec.ASCIILLL, spec.ASCII, 120, spec.MaskText),
		f(55, "Chip data", spec.ASCIILLL, spec.Plain, 255, spec.MaskHidden),
		f(57, "Additional data", spec.ASCIILLL, spec.Plain, 100, spec.MaskShort),
		f(58, "Additional data", spec.ASCIILLL, spec.Plain, 100, spec.MaskShort),
		f(59, "Detail inquiry", spec.ASCIILLL, spec.Plain, 600, spec.MaskShort),
		f(60, "Self-defined data", spec.ASCIILLL, spec.ASCII, 100, spec.MaskNone),
		f(61, "Cardholder identification", spec.ASCIILLL, spec.Plain, 200, spec.MaskHidden),
		f(62, "Exchange data", spec.ASCIILLL, spec.Plain, 200, spec.MaskShort),
		f(63, "Network data", spec.ASCIILLL, spec.Plain, 512, spec.MaskShort),
		f(66, "Settlement code", spec.Fixed, spec.ASCIIDigits, 1, spec.MaskNone),
		f(70, "Network management code", spec.Fixed, spec.ASCIIDigits, 3, spec.MaskNone),
		f(74, "Credits, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(75, "Credit reversals, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(76, "Debits, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(77, "Debit reversals, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(78, "Transfers, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(79, "Transfer reversals, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(80, "Inquiries, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
		f(81, "Authorizations, number", spec.Fixed, spec.ASCIIDigits, 10, spec.MaskNone),
	}
}

func upper() []spec.Format {
	f := spec.NewFormat
	return []spec.Format{
		f(82, "Credit fees", spec.Fixed, spec.ASCIIDigits, 12, spec.MaskNone),
		f(84, "Debit fees", spec.Fixed, spec.ASCIIDigits, 12, spec.MaskNone),
		f(86, "Credits, fen", spec.Fixed, spec.ASCIIDigits, 16, spec.MaskNone),
		f(87, "Credit reversals, fen", spec.Fixed, spec.ASCIIDigits, 16, spec.MaskNone),
		f(88, "Debits, fen", spec.Fixed, spec.ASCIIDigits, 16, spec.MaskNone),
		f(89, "Debit reversals, fen", spec.Fixed, spec.ASCIIDigits, 16, spec.MaskNone),
		f(90, "Original transaction", spec.Fixed, spec.ASCIIDigits, 42, spec.MaskNone),
		f(95, "Replacement amounts", spec.Fixed, spec.ASCII, 42, spec.MaskNone),
		f(96, "New key", spec.Fixed, spec.Plain, 8, spec.MaskHidden),
		f(97, "Net settlement", spec.Fixed, spec.ASCII, 17, spec.MaskNone),
		f(99, "Settlement institution", spec.ASCIILL, spec.ASCIIDigits, 11, spec.MaskNone),
		f(100, "Receiving institution", spec.ASCIILL, spec.ASCIIDigits, 11, spec.MaskNone),
		f(102, "Account debited", spec.ASCIILL, spec.ASCII, 28, spec.MaskPAN),
		f(103, "Account credited", spec.ASCIILL, spec.ASCII, 28, spec.MaskPAN),
		f(104, "Industry data", spec.ASCIILLL, spec.Plain, 512, spec.MaskElements),
		f(121, "Centre's data", spec.ASCIILLL, spec.Plain, 100, spec.MaskShort),
		f(122, "Acquirer's data", spec.ASCIILLL, spec.Plain, 999, spec.MaskShort),
		f(123, "Issuer's data", spec.ASCIILLL, spec.Plain, 999, spec.MaskShort),
		f(128, "Message authentication code", spec.Fixed, spec.Plain, 8, spec.MaskBytes),
	}
}
