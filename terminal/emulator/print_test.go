package emulator

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestReceiptGolden(t *testing.T) {
	approved := Receipt{
		Terminal: testTID, Merchant: testMID, Operator: "01", Batch: "000007", STAN: "000003", Outcome: Approved,
		Phase: PhaseDebit, Code: "00", PayeeName: "买*提·艾力", Payee: "138****8001", Payer: "139****9001", AmountFen: 1234,
		Memo: "2026年11月房租及水电费，谢谢您的配合", Card: "622202*********0018", EntryMode: "021",
		RRN: "632800000001", AuthCode: "A12345", SettleDate: "1124", Time: "2026-11-24T09:30:00",
	}
	plain := approved
	plain.PayeeName, plain.Memo, plain.AuthCode, plain.SettleDate = "王*明", "", "", ""
	undone := plain
	undone.Undone = true
	refused := plain
	refused.Outcome, refused.Code, refused.AmountFen, refused.Time = Refused, "51", 100_000_005, ""
	unknown := plain
	unknown.Outcome, unknown.Code, unknown.RRN = Unknown, "", ""
	for _, v := range []struct {
		name string
		r    Receipt
		lang Language
		who  Copy
	}{
		{"approved-zh-holder", approved, Chinese, HolderCopy},
		{"approved-zh-merchant", approved, Chinese, MerchantCopy},
		{"approved-en-holder", approved, English, HolderCopy},
		{"approved-en-merchant", approved, English, MerchantCopy},
		{"plain-zh-holder", plain, Chinese, HolderCopy},
		{"undone-en-holder", undone, English, HolderCopy},
		{"refused-en-merchant", refused, English, MerchantCopy},
		{"unknown-zh-holder", unknown, Chinese, HolderCopy},
	} {
		t.Run(v.name, func(t *testing.T) {
			var b strings.Builder
			require.NoError(t, v.r.Print(&b, v.lang, v.who))
			for line := range strings.Lines(b.String()) {
				require.LessOrEqual(t, columns(strings.TrimSuffix(line, "\n")), Columns, line)
			}
			golden(t, v.name+".txt", b.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestSwitchTime(t *testing.T) {
	at := func(s string) time.Time {
		out, err := time.Parse("2006-01-02 15:04:05", s)
		require.NoError(t, err)
		return out
	}
	for _, v := range []struct{ now, date, clock, want string }{
		{"2026-11-24 10:00:00", "1124", "093000", "2026-11-24 09:30:00"},
		{"2027-01-01 00:00:10", "1231", "235959", "2026-12-31 23:59:59"},
		{"2026-12-31 23:59:59", "0101", "000001", "2027-01-01 00:00:01"},
		{"2028-03-01 00:00:00", "0229", "120000", "2028-02-29 12:00:00"},
		{"2026-03-01 00:00:00", "0230", "120000", ""},
		{"2026-03-01 00:00:00", "1301", "120000", ""},
		{"2026-03-01 00:00:00", "0301", "250000", ""},
		{"2026-03-01 00:00:00", "", "", ""},
	} {
		got, ok := switchTime(v.date, v.clock, at(v.now))
		require.Equal(t, v.want != "", ok, v)
		if ok {
			require.Equal(t, at(v.want), got)
		}
	}
}

func TestText(t *testing.T) {
	require.Equal(t, pos.Text("P3"), Text(Chinese, "P3"))
	require.Equal(t, "Wrong PIN", Text(English, "55"))
	require.Equal(t, "Approved", Text(English, "00"))
	require.Equal(t, "Terminal called from another line", Text(English, "P5"))
	for _, code := range []string{"", "0", "ZZ", "000", "55 Wrong"} {
		require.Equal(t, "Declined", Text(English, code))
	}
}
