package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzYuan reads any text as an amount: what is accepted is digits with up to two decimals, and no fen is lost or made.
func FuzzYuan(f *testing.F) {
	for _, text := range []string{"12.34", "12", "12.", "12.3", ".5", "0.00", "92233720368547758.07", "92233720368547758.08", "-1", "１", "1_000", "+1"} {
		f.Add(text)
	}
	form := regexp.MustCompile(`^([0-9]+)(\.([0-9]{0,2}))?$`)
	f.Fuzz(func(t *testing.T, text string) {
		var y yuan
		if err := y.UnmarshalText([]byte(text)); err != nil {
			return
		}
		parts := form.FindStringSubmatch(text)
		require.NotNil(t, parts, text)
		whole := strings.TrimLeft(parts[1], "0")
		if whole == "" {
			whole = "0"
		}
		require.Equal(t, whole+"."+(parts[3] + "00")[:2], fmt.Sprintf("%d.%02d", y/100, y%100))
	})
}

// FuzzHostLog reads any file as the log of the mock host, whose books the crash test compares: nothing panics, and each
// reversal is of a debit in front of it.
func FuzzHostLog(f *testing.F) {
	const debit = `00000000 {"t":"debit","key":"a","fen":5,"rrn":"632800000001","terminal":"10000001"}` + "\n"
	f.Add([]byte(debit + `00000000 {"t":"reversal","key":"a"}` + "\n"))
	f.Add([]byte(debit + debit))
	f.Add([]byte(`00000000 {"t":"reversal","key":"a"}` + "\n" + debit))
	f.Add([]byte("{}\n\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		debits, err := parseHostLog(bytes.NewReader(log))
		if err != nil {
			return
		}
		lines := bytes.Count(log, []byte("\n")) + 1
		undone := 0
		for _, d := range debits {
			if d.Undone {
				undone++
			}
		}
		require.LessOrEqual(t, len(debits)+undone, lines)
	})
}
