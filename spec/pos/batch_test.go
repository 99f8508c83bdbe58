package pos

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTotalsCaptured reads the one 0500 of the dialect that was captured: seven sales of 0.07 in all.
func TestTotalsCaptured(t *testing.T) {
	for _, c := range captures(t) {
		if c.ID != "uiso-01" {
			continue
		}
		frame, ok := c.frame(t)
		require.True(t, ok)
		m, err := Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, MTISettle, m.MTI())
		require.Equal(t, []int{11, 41, 42, 48, 49, 60, 63}, m.Fields())
		totals, err := ParseTotals(m.Get(48))
		require.NoError(t, err)
		require.Equal(t, Totals{Domestic: Block{DebitFen: 7, Debits: 7}}, totals)
		text, err := totals.Encode()
		require.NoError(t, err)
		require.Equal(t, m.Get(48), text)
		f60, err := ParseField60(m.Get(60))
		require.NoError(t, err)
		require.Equal(t, Field60{Kind: KindNetwork, Batch: "000003", NetMgmt: NetSettle}, f60)
		return
	}
	t.Fatal("no capture of a 0500")
}

func TestTotals(t *testing.T) {
	full := Block{DebitFen: MaxBatchAmount, Debits: MaxBatchCount, CreditFen: MaxBatchAmount, Credits: MaxBatchCount, Match: MatchError}
	for _, v := range []struct {
		text string
		want Totals
	}{
		{strings.Repeat("0", 62), Totals{}},
		{"000000001234002000000000567001" + "1" + "000000000000000000000000000000" + "2",
			Totals{Domestic: Block{1234, 567, 2, 1, MatchEven}, Foreign: Block{Match: MatchOdd}}},
		{strings.Repeat(strings.Repeat("9", 30)+"3", 2), Totals{full, full}},
	} {
		got, err := ParseTotals(v.text)
		require.NoError(t, err)
		require.Equal(t, v.want, got)
		text, err := v.want.Encode()
		require.NoError(t, err)
		require.Equal(t, v.text, text)
	}
	for _, text := range []string{"", strings.Repeat("0", 61), strings.Repeat("0", 63), strings.Repeat("0", 61) + "x",
		strings.Repeat("0", 61) + "4", strings.Repeat("0", 30) + "4" + strings.Repeat("0", 31), "-" + strings.Repeat("0", 61)} {
		_, err := ParseTotals(text)
		require.ErrorIs(t, err, ErrBatch, "%q", text)
	}
	for _, b := range []Block{{DebitFen: MaxBatchAmount + 1}, {CreditFen: -1}, {Debits: MaxBatchCount + 1}, {Credits: MaxBatchCount + 1},
		{Match: MatchError + 1}} {
		_, err := Totals{Domestic: b}.Encode()
		require.ErrorIs(t, err, ErrBatch)
		_, err = Totals{Foreign: b}.Encode()
		require.ErrorIs(t, err, ErrBatch)
	}
}

func TestDetails(t *testing.T) {
	short := Detail{STAN: "000001", PAN: "6222020000013", AmountFen: 1}
	long := Detail{Foreign: true, STAN: "999999", PAN: "6222020000000000018", AmountFen: MaxBatchAmount}
	text, err := EncodeDetails([]Detail{short, long})
	require.NoError(t, err)
	require.Equal(t, "02"+"00"+"000001"+"00000006222020000013"+"000000000001"+"01"+"999999"+"06222020000000000018"+"999999999999", text)
	got, err := ParseDetails(text)
	require.NoError(t, err)
	require.Equal(t, []Detail{short, long}, got)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), "0000000")

	eight, err := EncodeDetails([]Detail{short, short, short, short, short, short, short, short})
	require.NoError(t, err)
	require.Len(t, eight, 322)
	_, err = ParseDetails(eight)
	require.NoError(t, err)

	for _, bad := range []string{"", "0", "00", "01", "01" + text[2:41], "01" + text[2:43], "03" + text[2:], "02" + text[2:81] + "x",
		"01" + "02" + text[4:42], "09" + eight[2:] + eight[2:42], "01" + "00" + "000001" + "00000000222020000013" + "000000000001",
		"01" + "00" + "000001" + "16222020000000000018" + "000000000001"} {
		_, err := ParseDetails(bad)
		require.ErrorIs(t, err, ErrBatch, "%q", bad)
	}
	for _, d := range []Detail{{STAN: "1", PAN: short.PAN}, {STAN: "00000x", PAN: short.PAN}, {STAN: "000001", PAN: "622202000001"},
		{STAN: "000001", PAN: "62220200000000000181"}, {STAN: "000001", PAN: "0222020000013"}, {STAN: "000001", PAN: "622202000001x"},
		{STAN: "000001", PAN: short.PAN, AmountFen: -1}, {STAN: "000001", PAN: short.PAN, AmountFen: MaxBatchAmount + 1}} {
		_, err := EncodeDetails([]Detail{d})
		require.ErrorIs(t, err, ErrBatch)
	}
	for _, n := range []int{0, 9} {
		_, err := EncodeDetails(make([]Detail, n))
		require.ErrorIs(t, err, ErrBatch)
	}
}

func TestEndOfBatch(t *testing.T) {
	for n, text := range map[int]string{0: "0000", 1: "0001", 9999: "9999"} {
		got, err := ParseEndOfBatch(text)
		require.NoError(t, err)
		require.Equal(t, n, got)
		back, err := EncodeEndOfBatch(n)
		require.NoError(t, err)
		require.Equal(t, text, back)
	}
	for _, text := range []string{"", "000", "00000", "00 1", "-001"} {
		_, err := ParseEndOfBatch(text)
		require.ErrorIs(t, err, ErrBatch)
	}
	for _, n := range []int{-1, 10000} {
		_, err := EncodeEndOfBatch(n)
		require.ErrorIs(t, err, ErrBatch)
	}
}

// FuzzBatch reads F48 in each of its three forms: what is read is written back as it came, and an error shows no digits.
func FuzzBatch(f *testing.F) {
	f.Add(strings.Repeat("0", 62))
	f.Add("0100" + "000001" + "06222020000000000018" + "000000001234")
	f.Add("0002")
	f.Fuzz(func(t *testing.T, text string) {
		back := func(out string, encoded, parsed error) {
			if parsed != nil {
				require.ErrorIs(t, parsed, ErrBatch)
				return
			}
			require.NoError(t, encoded)
			require.Equal(t, text, out)
		}
		totals, parsed := ParseTotals(text)
		out, encoded := totals.Encode()
		back(out, encoded, parsed)
		details, parsed := ParseDetails(text)
		out, encoded = EncodeDetails(details)
		back(out, encoded, parsed)
		n, parsed := ParseEndOfBatch(text)
		out, encoded = EncodeEndOfBatch(n)
		back(out, encoded, parsed)
	})
}
