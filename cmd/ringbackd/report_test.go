package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReportPrinters(t *testing.T) {
	rows := []reportRowJSON{{By: "payee", Key: "138****8001", Debits: sumJSON{2, 4600}, Paid: sumJSON{1, 1200}, Waits: sumJSON{1, 3400}},
		{By: "merchant", Key: "=cmd|' /C calc'!A0", Debits: sumJSON{1, 1}}}
	written := func(c reportCmd, rows []reportRowJSON) string {
		var text strings.Builder
		p := c.printer(&text)
		for _, r := range rows {
			require.NoError(t, p.row(r))
		}
		require.NoError(t, p.end())
		return text.String()
	}
	var got []reportRowJSON
	require.NoError(t, json.Unmarshal([]byte(written(reportCmd{jsonFlag: jsonFlag{JSON: true}}, rows)), &got))
	require.Equal(t, rows, got)
	require.Equal(t, "[]\n", written(reportCmd{jsonFlag: jsonFlag{JSON: true}}, nil))

	cells, err := csv.NewReader(strings.NewReader(written(reportCmd{CSV: true}, rows))).ReadAll()
	require.NoError(t, err)
	require.Len(t, cells, 3)
	require.Equal(t, []string{"payee", "138****8001", "2", "4600", "1", "1200", "0", "0", "1", "3400", "0", "0", "0", "0"}, cells[1])
	require.Equal(t, "'=cmd|' /C calc'!A0", cells[2][1])
	require.Equal(t, 1, strings.Count(written(reportCmd{CSV: true}, nil), "\n"))

	text := written(reportCmd{}, rows)
	require.Contains(t, text, "138****8001")
	require.Contains(t, text, "46.00")
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{"": "", "10000001": "10000001", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@A1": "'@A1", "\t=1": "'\t=1",
		"\r=1": "'\r=1", "1=1": "1=1", "王": "王"} {
		require.Equal(t, want, harmless(in))
	}
}

func TestReportRefuses(t *testing.T) {
	config := newInstallation(t, "")
	for _, args := range [][]string{{"report", "nonsense"}, {"report", "20261124", "--by=colour"}, {"report", "20261124", "--csv", "--json"}} {
		_, err := printed(t, config, args...)
		require.Error(t, err)
	}
	text, err := printed(t, config, "report", "20261124", "--json")
	require.NoError(t, err)
	require.JSONEq(t, "[]", text)
}
