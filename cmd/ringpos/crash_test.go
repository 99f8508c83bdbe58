package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A short crash test: three programs, six kills, and books that agree. Then each kind of loss is planted into a copy of
// these books, and into the host's own log, and must be found.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills three programs for some 15 seconds")
	}
	bin, dir := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin+string(filepath.Separator), "./../ringbackd", "./../ringhost", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "ringpos"), "crash", "--rounds", "6", "--seed", "5", "--terminals", "8", "--dir", dir, "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err = cmd.Output()
	require.NoError(t, err, "%s\n%s", out, stderr.String())
	var r crashReport
	require.NoError(t, json.Unmarshal(out, &r))
	require.NoError(t, r.verdict())
	require.GreaterOrEqual(t, r.SwitchKills+r.HostKills, 6)
	require.NotZero(t, r.Restart.Count)
	require.NotZero(t, r.Approved)
	require.NotZero(t, r.Declined)

	text, err := os.ReadFile(filepath.Join(dir, booksFile))
	require.NoError(t, err)
	read := func() *books {
		var b books
		require.NoError(t, json.Unmarshal(text, &b))
		return &b
	}
	require.Empty(t, compare(read()))
	requireBites(t, read)
	requireLogBites(t, read, filepath.Join(dir, "host", "ledger.log"))
}

// requireBites plants each loss into fresh books and wants its kind found.
func requireBites(t *testing.T, read func() *books) {
	t.Helper()
	for _, p := range plants() {
		b := read()
		i := slices.IndexFunc(b.Journal, func(r journalRow) bool { return r.State == rowApproved })
		require.GreaterOrEqual(t, i, 0)
		p.plant(b, &b.Journal[i])
		require.Contains(t, kindsOf(compare(b)), p.want, p.name)
	}
}

// requireLogBites takes a standing debit out of a copy of the host's log, then puts one twice into it.
func requireLogBites(t *testing.T, read func() *books, path string) {
	t.Helper()
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(whole), "\n")
	stands := read()
	i := slices.IndexFunc(lines, func(line string) bool {
		return strings.Contains(line, `"t":"debit"`) && slices.ContainsFunc(stands.Journal, func(r journalRow) bool {
			return r.State == rowApproved && strings.Contains(line, `"rrn":"`+r.RRN+`"`)
		})
	})
	require.GreaterOrEqual(t, i, 0)
	for want, text := range map[wrong]string{
		wrongNoDebit:   strings.Join(slices.Delete(slices.Clone(lines), i, i+1), ""),
		wrongDuplicate: strings.Join(slices.Insert(slices.Clone(lines), i, lines[i]), ""),
	} {
		copied := filepath.Join(t.TempDir(), "ledger.log")
		require.NoError(t, os.WriteFile(copied, []byte(text), 0o600))
		b := read()
		b.Debits, err = readHostLog(copied)
		require.NoError(t, err)
		require.Contains(t, kindsOf(compare(b)), want)
	}
}

func kindsOf(all []difference) (kinds []wrong) {
	for _, d := range all {
		kinds = append(kinds, d.Kind)
	}
	return kinds
}

func TestParseHostLog(t *testing.T) {
	debit := `00000000 {"t":"debit","key":"k1","fen":7,"rrn":"r1","terminal":"20000001"}` + "\n"
	debits, err := parseHostLog(strings.NewReader(`00000000 {"t":"open"}` + "\n" + debit +
		`00000000 {"t":"refused","key":"k2","fen":9}` + "\n" + `00000000 {"t":"unknown","key":"k3"}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, []hostDebit{{Key: "k1", RRN: "r1", Terminal: "20000001", AmountFen: 7}}, debits)

	debits, err = parseHostLog(strings.NewReader(debit + `00000000 {"t":"reversal","key":"k1"}` + "\n"))
	require.NoError(t, err)
	require.True(t, debits[0].Undone)

	_, err = parseHostLog(strings.NewReader(`00000000 {"t":"reversal","key":"k1"}` + "\n"))
	require.ErrorContains(t, err, "line 1: a reversal of no debit")
	_, err = parseHostLog(strings.NewReader(debit + "garbage\n"))
	require.ErrorContains(t, err, "line 2")
}

// A pick-up counts from the life that should have done it: the first that was ready, or the one that did it.
func TestPickUps(t *testing.T) {
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	lives := []life{
		{started: at(0), ready: at(1), killed: at(10), gone: at(10)},
		{started: at(11), killed: at(12), gone: at(12)}, // never ready
		{started: at(13), ready: at(14), killed: at(20), gone: at(20)},
		{started: at(21), ready: at(22)},
	}
	for _, v := range []struct {
		opened, left int
		want         time.Duration // below zero: none
	}{
		{5, 6, -1},
		{15, 16, -1},
		{9, 11, 0},
		{9, 13, 0},
		{9, 14, time.Second},
		{9, 22, 9 * time.Second}, // the life that began at 13 was ready and did not
		{19, 23, 2 * time.Second},
	} {
		var r crashReport
		r.pickUps([]journalRow{{Opened: at(v.opened), Left: at(v.left)}}, lives)
		require.Equal(t, v.want >= 0, r.PickUp.Count == 1, v)
		require.InDelta(t, max(v.want, 0).Milliseconds(), r.PickUp.MaxMillis, 0.1, v)
		require.Equal(t, v.want > pickUpLimit, r.verdict() != nil, v)
		require.Equal(t, v.want > pickUpAim, r.Late == 1, v)
	}
	var r crashReport
	r.pickUps([]journalRow{{Opened: at(5)}}, lives) // still Sent, which the comparison names
	require.Zero(t, r.PickUp.Count)
}

func TestCrashReport(t *testing.T) {
	r := crashReport{Rounds: 3, Differences: []difference{{Kind: wrongNoDebit, RRN: "632800000001", Text: "7 fen"}}, stories: "the story\n"}
	require.ErrorIs(t, r.verdict(), errBooks)
	var out bytes.Buffer
	require.NoError(t, r.print(&out))
	require.Contains(t, out.String(), "1 DIFFERENCES\nthe story\n")

	r.Differences = nil
	require.NoError(t, r.verdict())
	out.Reset()
	require.NoError(t, r.print(&out))
	require.Contains(t, out.String(), "receipts, journal and host ledger agree")
}

// What cannot be run is refused as misuse, before anything is started.
func TestCrashUsage(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "books"), nil, 0o600))
	for _, args := range [][]string{{"--rounds", "0"}, {"--rounds", "10001"}, {"--terminals", "0"}, {"--terminals", "501"}, {"--dir", full}} {
		var out bytes.Buffer
		e := &env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &out}
		require.Equal(t, 2, run(e, append([]string{"crash"}, args...)), args)
	}
}
