package pos

import (
	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/field"

	"example.com/ringback/spec"
)

const bitmapLen = 8

// dialect pairs a field table with the moov specification made from it.
type dialect struct {
	table *spec.Table
	moov  *iso8583.MessageSpec
}

// terminal is the dialect of the line. It is built once and only read.
var terminal = newDialect(spec.NewTable("UnionPay POS", fields(), foreign()))

func newDialect(table *spec.Table) dialect {
	head := &headField{}
	head.SetSpec(&field.Spec{
		Length: 4, Description: "Message type", Enc: spec.PackLeft, Pref: spec.Fixed,
	})
	bitmap := &field.Spec{
		Length: bitmapLen, Description: "Bitmap", Enc: spec.Plain, Pref: spec.Fixed,
		// Field 1 is no field here; with expansion it would swallow fields 2 to 9.
		DisableAutoExpand: true,
	}
	return dialect{table, table.MessageSpec(head, bitmap)}
}

// Table is the field table of the terminal line.
func Table() *spec.Table { return terminal.table }

// MaskField returns what a person may see of the value of field id, as Get
// returns it.
func MaskField(id int, value string) string { return terminal.table.MaskField(id, value) }

// fields is the table of the UnionPay POS dialect, section 2, with the fields
// that acquirers added to it.
func fields() []spec.Format {
	return append(standard(), extensions()...)
}

func standard() []spec.Format {
	f := spec.NewFormat
	return []spec.Format{
		f(2, "Primary account number", spec.BCDLL, spec.PackRight, 19, spec.MaskPAN),
		f(3, "Processing code", spec.Fixed, spec.PackLeft, 6, spec.MaskNone),
		f(4, "Amount, fen", spec.Fixed, spec.PackLeft, 12, spec.MaskNone),
		f(11, "Terminal trace number", spec.Fixed, spec.PackLeft, 6, spec.MaskNone),
		f(12, "Local time", spec.Fixed, spec.PackLeft, 6, spec.MaskNone),
		f(13, "Local date", spec.Fixed, spec.PackLeft, 4, spec.MaskNone),
		f(14, "Expiry", spec.Fixed, spec.PackLeft, 4, spec.MaskHidden),
		f(15, "Settlement date", spec.Fixed, spec.PackLeft, 4, spec.MaskNone),
		f(22, "Entry mode", spec.Fixed, spec.PackRight, 3, spec.MaskNone),
		f(23, "Card sequence number", spec.Fixed, spec.PackLeft, 3, spec.MaskNone),
		f(25, "Condition code", spec.Fixed, spec.PackLeft, 2, spec.MaskNone),
		f(26, "PIN capture code", spec.Fixed, spec.PackLeft, 2, spec.MaskNone),
		f(32, "Acquirer", spec.BCDLL, spec.PackRight, 11, spec.MaskNone),
		f(35, "Track 2", spec.BCDLL, spec.PackTrack, 37, spec.MaskHidden),
		f(36, "Track 3", spec.BCDLLL, spec.PackTrack, 104, spec.MaskHidden),
		f(37, "Retrieval reference number", spec.Fixed, spec.ASCII, 12, spec.MaskNone),
		f(38, "Authorization code", spec.Fixed, spec.ASCII, 6, spec.MaskNone),
		f(39, "Response code", spec.Fixed, spec.ASCII, 2, spec.MaskNone),
		f(41, "Terminal", spec.Fixed, spec.ASCII, 8, spec.MaskNone),
		f(42, "Merchant", spec.Fixed, spec.ASCII, 15, spec.MaskNone),
		f(44, "Issuer and acquirer", spec.BCDLL, spec.ASCII, 25, spec.MaskText),
		f(48, "Private data", spec.BCDLLL, spec.PackRight, 322, spec.MaskShort),
		f(49, "Currency", spec.Fixed, spec.ASCII, 3, spec.MaskNone),
		f(52, "PIN block", spec.Fixed, spec.Plain, 8, spec.MaskHidden),
		f(53, "Security control", spec.Fixed, spec.PackLeft, 16, spec.MaskNone),
		f(54, "Balance", spec.BCDLLL, spec.ASCII, 40, spec.MaskText),
		f(55, "Chip data", spec.BCDLLL, spec.Plain, 255, spec.MaskHidden),
		f(58, "Purse data", spec.BCDLLL, spec.Plain, 100, spec.MaskHidden),
		f(59, "Private data", spec.BCDLLL, spec.Plain, 999, spec.MaskShort),
		f(60, "Type, batch, network code", spec.BCDLLL, spec.PackRight, 17, spec.MaskNone),
		f(61, "Original transaction", spec.BCDLLL, spec.PackRight, 29, spec.MaskNone),
		f(62, "Elements or keys", spec.BCDLLL, spec.Plain, 512, spec.MaskElements),
		f(63, "Private text", spec.BCDLLL, spec.Plain, 163, spec.MaskShort),
		f(64, "Message authentication code", spec.Fixed, spec.Plain, 8, spec.MaskBytes),
	}
}

// extensions are fields outside the standard table that captures of acquirers
// carry.
func extensions() []spec.Format {
	f := spec.NewFormat
	return []spec.Format{
		f(24, "Network international id", spec.Fixed, spec.PackLeft, 3, spec.MaskNone),
		f(31, "Branch", spec.Fixed, spec.ASCII, 8, spec.MaskNone),
		f(40, "Service restriction", spec.Fixed, spec.ASCII, 3, spec.MaskNone),
		f(43, "Merchant name", spec.Fixed, spec.Plain, 40, spec.MaskText),
		f(45, "Track 1", spec.BCDLL, spec.ASCII, 79, spec.MaskHidden),
		f(46, "Private data", spec.BCDLLL, spec.Plain, 999, spec.MaskShort),
		f(47, "Private data", spec.BCDLLL, spec.Plain, 999, spec.MaskShort),
		f(56, "Text of the response", spec.BCDLLL, spec.Plain, 999, spec.MaskText),
		f(57, "Private data", spec.BCDLLL, spec.Plain, 999, spec.MaskShort),
	}
}

// foreign are the fields that the dialect does not define, in the form ISO
// 8583:1987 gives them, packed. A message with one is refused, but its sender
// can still be read and told so.
func foreign() []spec.Format {
	packed := func(id, digits int) spec.Format {
		return spec.Format{ID: id, Prefix: spec.Fixed, Code: spec.PackLeft, Max: digits}
	}
	fee := func(id int) spec.Format { // x+n8: one letter, four packed bytes
		return spec.Format{ID: id, Prefix: spec.Fixed, Code: spec.Plain, Max: 5}
	}
	return []spec.Format{
		packed(5, 12), packed(6, 12), packed(7, 10), packed(8, 8), packed(9, 8), packed(10, 8),
		packed(16, 4), packed(17, 4), packed(18, 4), packed(19, 3), packed(20, 3), packed(21, 3),
		packed(27, 1), fee(28), fee(29), fee(30),
		{ID: 33, Prefix: spec.BCDLL, Code: spec.PackRight, Max: 11},
		{ID: 34, Prefix: spec.BCDLL, Code: spec.ASCII, Max: 28},
		{ID: 50, Prefix: spec.Fixed, Code: spec.ASCII, Max: 3},
		{ID: 51, Prefix: spec.Fixed, Code: spec.ASCII, Max: 3},
	}
}
