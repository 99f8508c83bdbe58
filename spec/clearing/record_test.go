package clearing

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// The offsets as the dialect page has them: first byte, and the byte behind the last.
func TestColumnOffsets(t *testing.T) {
	want := []int{
		0, 11, 12, 23, 24, 30, 31, 41, 42, 61, 62, 74, 75, 87, 88, 100, 101, 105, 106, 112, 113, 117, 118, 126, 127, 142,
		143, 155, 156, 158, 159, 165, 166, 177, 178, 184, 185, 187, 188, 191, 192, 204, 205, 217, 218, 230, 231, 232,
		233, 236, 237, 238, 239, 240, 241, 251, 252, 263, 264, 265, 266, 268, 269, 271, 272, 284, 285, 299,
		300, 319, 320, 322, 323, 363, 364, 368, 369, 500,
	}
	var got []int
	at := 0
	for _, c := range columns {
		got = append(got, at, at+c.width)
		at += c.width + 1
	}
	require.Equal(t, want, got)
	require.Equal(t, int(Short), want[2*shortColumns-1])
	require.Equal(t, int(Long), want[len(want)-1])
}

// One line written by hand.
func TestLineByHand(t *testing.T) {
	want := strings.Join([]string{
		"48540000   ", "48540000   ", "000001", "0625120000", "6222020000000000018", "000000001234", "000000000000",
		"000000000000", "0200", "400000", "6012", "10000001", "898110000000001", "817600000001", "00", "000001",
		"01020000   ", "      ", "00", "021", "D00000000017", "000000000000", "000000000003", "1", "   ", " ", " ",
		"          ", "01020000   ", " ", "03", "  ", "000000000000", "              ",
	}, " ")
	require.Equal(t, want, string(line(t, Short, nil)))
	long := want + " 6217000000000000012    " + strings.Repeat(" ", 40+1+4+1+131)
	require.Equal(t, long, string(line(t, Long, nil)))
}

func TestRecordComesBack(t *testing.T) {
	full := debit()
	full.OriginalTrace, full.OriginalTime, full.CardSequence = "000009", "0624235959", "001"
	full.Other, full.Order = string(spec.EncodeGBK("备注")), "order 1"
	for _, e := range []Edition{Short, Long} {
		want := full
		if e == Short {
			want.Credited, want.Order = PAN{}, ""
		}
		b, err := full.Append([]byte("before"), e)
		require.NoError(t, err)
		got, edition, err := Parse(b[len("before"):])
		require.NoError(t, err)
		require.Equal(t, e, edition)
		require.Equal(t, want, got)
		clear(b) // the record shares nothing with it
		require.Equal(t, want.Trace, got.Trace)
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, v := range []struct {
		column string
		reason Reason
		change func(*Record)
	}{
		{"acquirer", ReasonMissing, func(r *Record) { r.Acquirer = "" }},
		{"acquirer", ReasonWidth, func(r *Record) { r.Acquirer = "123456789012" }},
		{"trace", ReasonDigit, func(r *Record) { r.Trace = "12345" }},
		{"time", ReasonClock, func(r *Record) { r.Time = "1301000000" }},
		{"card", ReasonMissing, func(r *Record) { r.Card = NewPAN("622202000000") }},
		{"amount", ReasonWidth, func(r *Record) { r.Amount = 1_000_000_000_000 }},
		{"amount", ReasonDigit, func(r *Record) { r.Amount = -1 }},
		{"fee payable", ReasonWidth, func(r *Record) { r.FeePayable = -100_000_000_000 }},
		{"switching fee", ReasonWidth, func(r *Record) { r.SwitchingFee = -1 << 63 }},
		{"terminal", ReasonText, func(r *Record) { r.Terminal = "1\n" }},
		{"response code", ReasonMissing, func(r *Record) { r.Response = "" }},
		{"other", ReasonGBK, func(r *Record) { r.Other = "\xFF\xFF" }},
	} {
		r := debit()
		v.change(&r)
		b, err := r.Append([]byte("kept"), Short)
		require.Equal(t, &BadLine{Column: v.column, Reason: v.reason}, err)
		require.Equal(t, "kept", string(b))
	}
	edge := debit()
	edge.Amount, edge.FeePayable, edge.Acquirer = 999_999_999_999, -99_999_999_999, "12345678901"
	b, err := edge.Append(nil, Short)
	require.NoError(t, err)
	got, _, err := Parse(b)
	require.NoError(t, err)
	require.Equal(t, edge.Amount, got.Amount)
	require.Equal(t, edge.FeePayable, got.FeePayable)
}

// Both sides of what each form of a column lets through, at the column's offset.
func TestParseColumns(t *testing.T) {
	good := line(t, Long, nil)
	for _, v := range []struct {
		at     int
		text   string
		column string // "": accepted
		reason Reason
	}{
		{0, "1          ", "", 0},
		{0, "12345678901", "", 0},
		{0, "           ", "acquirer", ReasonMissing},
		{0, " 1         ", "acquirer", ReasonDigit},
		{0, "1 1        ", "acquirer", ReasonDigit},
		{11, "0", "acquirer", ReasonSeparator},
		{24, "00000 ", "trace", ReasonDigit},
		{31, "0229235959", "", 0},
		{31, "0230000000", "time", ReasonClock},
		{31, "0001000000", "time", ReasonClock},
		{31, "0100000000", "time", ReasonClock},
		{31, "1231240000", "time", ReasonClock},
		{31, "1231006000", "time", ReasonClock},
		{31, "1231000060", "time", ReasonClock},
		{31, "123100006:", "time", ReasonDigit},
		{42, "6222020000000      ", "", 0},
		{42, "622202000000       ", "card", ReasonDigit},
		{42, "                   ", "card", ReasonMissing},
		{61, "0", "card", ReasonSeparator},
		{62, "999999999999", "", 0},
		{62, "            ", "amount", ReasonDigit},
		{62, "C00000000001", "amount", ReasonDigit},
		{62, "D00000000001", "amount", ReasonDigit},
		{75, "            ", "", 0},
		{75, "00000000000 ", "partial amount", ReasonDigit},
		{101, "04 0", "message type", ReasonDigit},
		{113, "    ", "", 0},
		{113, "601 ", "merchant type", ReasonDigit},
		{118, "        ", "", 0},
		{118, "10000\x7F01", "terminal", ReasonText},
		{118, "10000\x0001", "", ReasonNUL},
		{118, "1000\t001", "terminal", ReasonText},
		{118, "\xD6\xD0000001", "terminal", ReasonText},
		{178, "00000A", "original trace", ReasonDigit},
		{185, "A0", "", 0},
		{185, "  ", "response code", ReasonMissing},
		{192, "C00000000017", "", 0},
		{192, "000000000017", "", 0},
		{192, "E00000000017", "fee receivable", ReasonDigit},
		{192, "D0000000001D", "fee receivable", ReasonDigit},
		{241, "0000000000", "", 0},
		{284, "x", "instalment fee", ReasonSeparator},
		{285, "\xB1\xB8\xD7\xA2          ", "", 0},
		{285, "             \xB1", "other", ReasonGBK}, // half a character at the border
		{285, "\xB1\xB8\r           ", "other", ReasonGBK},
		{299, "0", "other", ReasonSeparator},
		{300, "                   ", "", 0},
		{300, "1                  ", "card credited", ReasonDigit},
		{364, "\xB1\xB8  ", "pay mode", ReasonText},
		{498, "\xB1\xB8", "", 0},
	} {
		t.Run(fmt.Sprintf("%d %q", v.at, v.text), func(t *testing.T) {
			_, e, err := Parse(put(good, v.at, v.text))
			if v.reason == 0 {
				require.NoError(t, err)
				require.Equal(t, Long, e)
				return
			}
			require.Equal(t, &BadLine{Column: v.column, Reason: v.reason}, err)
		})
	}
}

func TestFeeSigns(t *testing.T) {
	good := line(t, Short, nil)
	for text, want := range map[string]int64{
		"C00000000017": 17, "D00000000017": -17, "000000000017": 17, "            ": 0, "999999999999": 999_999_999_999,
	} {
		r, _, err := Parse(put(good, 192, text))
		require.NoError(t, err)
		require.Equal(t, want, r.FeeReceivable)
	}
}

func TestCardIsNeverPrinted(t *testing.T) {
	r := debit()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	shown := string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		shown += fmt.Sprintf(verb, r) + fmt.Sprintf(verb, &r) + fmt.Sprintf(verb, r.Card)
	}
	require.Contains(t, shown, "622202*********0018")
	require.NotContains(t, shown, r.Card.Reveal())
	require.NotContains(t, shown, r.Credited.Reveal())
	require.Empty(t, fmt.Sprint(PAN{}))
	for _, bad := range []string{"", "622202000000", "62220200000000000180", "622202000000000001x"} {
		require.Zero(t, NewPAN(bad))
	}
}

func TestTotals(t *testing.T) {
	var got Totals
	for i, v := range []struct{ mti, processing, response string }{
		{"0200", "400000", "00"}, {"0420", "400000", "00"}, {"0200", "000000", "00"}, {"0220", "290000", "00"},
		{"0420", "290000", "00"}, {"0100", "330000", "00"}, {"0200", "400000", "51"}, {"0200", "190000", "00"},
	} {
		r := debit()
		r.MTI, r.Processing, r.Response, r.Amount = v.mti, v.processing, v.response, 1<<i
		got.Add(&r)
	}
	require.Equal(t, Totals{
		Debits: Sum{3, 1 + 4 + 128}, DebitReversals: Sum{1, 2}, Credits: Sum{1, 8}, CreditReversals: Sum{1, 16}, Other: Sum{2, 32 + 64},
	}, got)
}

func TestName(t *testing.T) {
	n, err := ParseName("IND18062501ACOMN")
	require.NoError(t, err)
	require.Equal(t, Name{Date: date(t, "2018-06-25"), Batch: "01"}, n)
	require.Equal(t, "IND18062501ACOMN", n.String())
	_, err = ParseName("IND24022999ACOMN")
	require.NoError(t, err)
	for _, bad := range []string{
		"", "IND18062500ACOMN", "IND18063101ACOMN", "IND23022901ACOMN", "IND1806251ACOMN", "IND180625001ACOMN",
		"IND1806250xACOMN", "IND18062501ACOMA", "IND18062501ACOM", "ind18062501acomn", "IND18062501ACOMN.tmp", ".IND18062501ACOMN",
		"INDACOMN", "IND",
	} {
		_, err := ParseName(bad)
		require.ErrorIs(t, err, ErrName, bad)
	}
}
