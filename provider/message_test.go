package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// wireField is a field as it stands on the wire, length digits included.
type wireField struct {
	id    int
	bytes string
}

// wire writes a frame without the help of package cups.
func wire(mti string, fields []wireField) string {
	var bitmap [16]byte
	bitmap[0] = 0x80
	body := ""
	for _, f := range fields {
		bitmap[(f.id-1)/8] |= 0x80 >> ((f.id - 1) % 8)
		body += f.bytes
	}
	body = mti + string(bitmap[:]) + body
	return fmt.Sprintf("\x2E\x02%04d%-11s%-11s\x00\x00\x00\x0000000000\x0000000", 46+len(body), centre, institution) + body
}

// f128 is the MAC of a text written by hand.
func f128(text string) string {
	mac := spec.HostMAC(testZAK, []byte(text))
	return fmt.Sprintf("%X", mac[:4])
}

var goldenDebit = []wireField{
	{2, "19" + card},
	{3, "400000"},
	{4, "000000001276"},
	{7, "1124150405"},
	{11, "000042"},
	{12, "150405"},
	{13, "1124"},
	{14, "3012"},
	{18, "6012"},
	{22, "021"},
	{25, "00"},
	{26, "06"},
	{32, "08" + institution},
	{33, "08" + institution},
	{35, "37" + track2[:37]},
	{37, "632800000042"},
	{41, "10000001"},
	{42, "898110000000001"},
	{43, "\xD0\xA1\xC2\xF4\xB2\xBF" + strings.Repeat(" ", 34)},
	{48, "009ASAO00207"},
	{49, "156"},
	{52, "\x00\x11\x22\x33\x44\x55\x66\x77"},
	{53, "2600000000000000"},
	{60, "024" + "0000" + "02000300000" + "000000011"},
	{102, "19" + card},
	{103, "19" + payeeCard},
	{104, "041" + "PE01113800138001" + "PR01113900139001" + "MO004\xB7\xBF\xD7\xE2"},
	{128, f128("0200 19" + card + " 400000 000000001276 1124150405 000042 6012 00 08" + institution + " 08" + institution +
		" 10000001 898110000000001 19" + card + " 19" + payeeCard)},
}

var goldenReversal = []wireField{
	{2, "19" + card},
	{3, "400000"},
	{4, "000000001276"},
	{7, "1124150440"},
	{11, "000043"},
	{12, "150405"},
	{13, "1124"},
	{14, "3012"},
	{18, "6012"},
	{22, "021"},
	{25, "00"},
	{32, "08" + institution},
	{33, "08" + institution},
	{37, "632800000042"},
	{41, "10000001"},
	{42, "898110000000001"},
	{43, "\xD0\xA1\xC2\xF4\xB2\xBF" + strings.Repeat(" ", 34)},
	{49, "156"},
	{60, "024" + "4351" + "02000300000" + "000000011"},
	{90, "0200" + "000042" + "1124150405" + "000" + institution + "000" + institution},
	{128, f128("0420 19" + card + " 400000 000000001276 1124150440 000043 6012 00 08" + institution + " 08" + institution +
		" 10000001 898110000000001 02000000421124150405")},
}

func named(c *Config) { c.MerchantName = func(acquirer.MerchantID) string { return "小卖部" } }

func TestDebitFieldByField(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		a, err := w.authorize(t, 42)
		require.NoError(t, err)
		require.Equal(t, acquirer.CodeApproved, a.Code)
		require.Equal(t, "654321", a.AuthCode)
		require.Equal(t, "1125", a.SettleDate)
		require.Equal(t, wire("0200", goldenDebit), string(w.host.frame("0200")))
	}, named)
}

func TestReversalFieldByField(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for range 3 { // each repeat is the same, also after a late answer has changed the row
			code, err := w.reverse(t, 43, 42)
			require.NoError(t, err)
			require.Equal(t, acquirer.CodeApproved, code)
			require.Equal(t, wire("0420", goldenReversal), string(w.host.frame("0420")))
		}
		changed := debit(t, 42).Transaction
		changed.AuthCode, changed.HostCode = "654321", acquirer.CodeApproved
		_, err := w.Reverse(t.Context(), reversal(43), changed)
		require.NoError(t, err)
		require.Equal(t, wire("0420", goldenReversal), string(w.host.frame("0420")))
	}, named)
}

func TestOptionalFields(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		r := debit(t, 1)
		track3, err := acquirer.ParseTrack3("996222020000000000018=1561560")
		require.NoError(t, err)
		r.Transaction.EntryMode, r.Transaction.CardSeq, r.Transaction.Memo = "051", "001", ""
		r.Track3, r.ICData = track3, []byte{0x9F, 0x26, 0x01, 0x00}
		_, err = w.Authorize(t.Context(), r)
		require.NoError(t, err)
		m := w.host.received("0200")[0]
		require.Equal(t, "001", m.Get(23))
		require.Equal(t, "996222020000000000018=1561560", m.Get(36))
		require.Equal(t, "\x9F\x26\x01\x00", m.Get(55))
		require.Equal(t, "0000"+"05000300000"+"000000012", m.Get(60))
		require.Equal(t, "PE01113800138001PR01113900139001", m.Get(104))
		require.Equal(t, strings.Repeat(" ", 40), m.Get(43))

		r = debit(t, 2)
		r.Track2, r.Transaction.EntryMode, r.Transaction.Expiry = acquirer.Track{}, "012", ""
		_, err = w.Authorize(t.Context(), r)
		require.NoError(t, err)
		m = w.host.received("0200")[1]
		for _, id := range []int{14, 23, 35, 36, 55} {
			require.False(t, m.Has(id), "field %d", id)
		}
		require.Equal(t, "0000"+"02000300000"+"000000010", m.Get(60))
	})
}

func TestEncodeName(t *testing.T) {
	for name, want := range map[string]string{
		"":                            strings.Repeat(" ", 40),
		"A":                           "A" + strings.Repeat(" ", 39),
		strings.Repeat("店", 21):       strings.Repeat("\xB5\xEA", 20),
		"A" + strings.Repeat("店", 20): "A" + strings.Repeat("\xB5\xEA", 19) + " ",
	} {
		require.Equal(t, want, string(encodeName(name)))
	}
}

func TestHostTextIsDecoded(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		text := string(spec.EncodeGBK("余额不足"))
		w.host.debits(func(l *hostLink, m *cups.Message) {
			l.send(l.host.sign(approve(m).set(39, "51").set(44, text)))
		})
		a, err := w.authorize(t, 1)
		require.NoError(t, err)
		require.Equal(t, acquirer.ResponseCode("51"), a.Code)
		require.Equal(t, "余额不足", a.Text)
		text = "\xFF\xFF"
		a, err = w.authorize(t, 2)
		require.NoError(t, err)
		require.Empty(t, a.Text)
	})
}
