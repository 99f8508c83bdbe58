package mockhost

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/clearing"
	"example.com/ringback/spec/cups"
)

const closedCard = "6228480000000000018"

// newReconciliation is a 0520 that wants for nothing but its MAC.
func (c *client) newReconciliation(f15 string, totals cups.Totals) *cups.Message {
	m := cups.New("0520")
	m.SetHeader(cups.NewHeader(CentreID, member))
	for id, value := range map[int]string{7: "1124130000", 11: c.next(), 15: f15, 32: member, 33: member, 50: "156", 66: "1"} {
		m.Set(id, value)
	}
	totals.Set(m)
	return m
}

// debits are so many debits of so much.
func debits(n, fen int64) cups.Totals { return cups.Totals{Debits: cups.Sum{Count: n, Fen: fen}} }

// take receives a request of the host and answers it.
func (c *client) take(mti, code string) *cups.Message {
	c.t.Helper()
	m := c.receive()
	require.Equal(c.t, mti, m.MTI())
	c.reply(m, code)
	return m
}

func (c *client) reply(m *cups.Message, code string) {
	c.t.Helper()
	mti, ok := answerMTI(m.MTI())
	require.True(c.t, ok)
	a := answerTo(m, mti, []int{3, 4, 7, 11, 15, 32, 33, 37, 70, 90, 100, 103})
	a.Set(39, code)
	if mti == "0230" {
		c.seal(a)
	}
	c.send(a)
}

// settled waits until what was sent before has been handled.
func (c *client) settled() {
	c.t.Helper()
	require.Equal(c.t, "00", c.manage("301", "").Get(39))
}

func TestCutOffMovesTheDate(t *testing.T) {
	day := time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC)
	h := start(t, func(c *Config) { c.Settlement = func(time.Time) time.Time { return day } })
	c := h.client()
	first := c.newDebit(payer, 100)
	require.Equal(t, "1231", c.ask(first).Get(15))
	require.Equal(t, "20270101", h.BeginCutOff())
	m := c.take("0820", "00")
	require.Equal(t, []string{"201", "0101", member}, []string{m.Get(70), m.Get(15), m.Get(100)})
	require.Equal(t, "1231", c.debit(payer, 200).Get(15)) // it goes on until 202

	date, files, err := h.EndCutOff(t.Context())
	require.NoError(t, err)
	require.Equal(t, "20270101", date)
	require.Empty(t, files)
	m = c.take("0820", "00")
	require.Equal(t, []string{"202", "0101"}, []string{m.Get(70), m.Get(15)})
	require.Equal(t, "0101", c.debit(payer, 300).Get(15))
	undo := c.newReversal(first)
	require.Equal(t, "0101", c.ask(undo).Get(15)) // a reversal belongs to the day on which it comes

	_, books := h.Books()
	require.Len(t, books, 2)
	require.Equal(t, debits(2, 300), books[0].Totals)
	require.Equal(t, cups.Totals{Debits: cups.Sum{Count: 1, Fen: 300}, DebitReversals: cups.Sum{Count: 1, Fen: 100}}, books[1].Totals)

	_, _, err = h.CutOff(t.Context())
	require.NoError(t, err)
	require.Equal(t, "201", c.take("0820", "00").Get(70))
	require.Equal(t, "202", c.take("0820", "00").Get(70))
	require.Equal(t, "0101", c.ask(undo).Get(15)) // a repeat says what the first said
	require.Equal(t, "0102", c.debit(payer, 400).Get(15))
}

// A member may ask for the end of the date, and an unanswered 0820 comes again.
func TestCutOffByTheMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		c := h.client()
		before := c.debit(payer, 100).Get(15)
		require.Equal(t, "00", c.manage("201", "").Get(39))
		require.Equal(t, "201", c.receive().Get(70))
		end := c.receive()
		require.Equal(t, "202", end.Get(70))
		started := time.Now()
		again := c.take("0820", "96")
		require.Equal(t, "201", again.Get(70))
		require.GreaterOrEqual(t, time.Since(started), RepeatAfter-time.Second)
		require.Equal(t, end.Get(7)+end.Get(11), func(m *cups.Message) string { return m.Get(7) + m.Get(11) }(c.take("0820", "00")))
		require.Equal(t, "201", c.take("0820", "00").Get(70)) // 96 was no answer
		c.settled()
		c.silent(10 * time.Second)
		require.NotEqual(t, before, c.debit(payer, 100).Get(15))
	})
}

func TestReconciliation(t *testing.T) {
	h := start(t, nil)
	c := h.client()
	f15 := c.debit(payer, 100).Get(15)
	undone := c.newDebit(payer, 200)
	require.Equal(t, "00", c.ask(undone).Get(39))
	require.Equal(t, "00", c.ask(c.newReversal(undone)).Get(39))
	require.Equal(t, "51", c.debit(poor, 50_000).Get(39))
	right := cups.Totals{Debits: cups.Sum{Count: 2, Fen: 300}, DebitReversals: cups.Sum{Count: 1, Fen: 200}}

	for _, wrong := range []cups.Totals{{}, debits(1, 100), debits(2, 300), {Debits: right.Debits, DebitReversals: right.Debits}} {
		a := c.ask(c.newReconciliation(f15, wrong))
		require.Equal(t, "0530", a.MTI())
		require.Equal(t, "2", a.Get(66))
		own, err := cups.ParseTotals(a)
		require.NoError(t, err)
		require.Equal(t, right, own)
	}
	require.Equal(t, int64(300-200), h.account(payer).HeldFen)
	require.Zero(t, h.totals().Payouts)

	a := c.ask(c.newReconciliation(f15, right))
	require.Equal(t, "1", a.Get(66))
	require.False(t, a.Has(39))
	require.Equal(t, f15, a.Get(15))
	advice := c.take("0220", "00")
	c.checkMAC(advice)
	require.Equal(t, []string{"290000", "000000000100", f15, "112400000001", payee, "00"}, []string{
		advice.Get(3), advice.Get(4), advice.Get(15), advice.Get(37), advice.Get(103), map[bool]string{false: "00"}[advice.Has(39)],
	})
	require.Equal(t, int64(1), h.totals().Payouts)
	require.Zero(t, h.account(payer).HeldFen)
	require.Equal(t, int64(100), h.account(payee).BalanceFen)

	require.Equal(t, "1", c.ask(c.newReconciliation(f15, right)).Get(66)) // again: nothing more to pay
	c.settled()
	c.silent(50 * time.Millisecond)
	require.Equal(t, int64(1), h.totals().Payouts)
}

func TestReconciliationRefused(t *testing.T) {
	h := start(t, nil)
	c := h.client()
	f15 := c.debit(payer, 100).Get(15)
	tomorrow := beijing(time.Now()).AddDate(0, 0, 1).Format("0102")
	for _, v := range []struct {
		code   string
		change func(*cups.Message)
	}{
		{"", func(m *cups.Message) { m.Set(15, tomorrow) }},
		{"30", func(m *cups.Message) { m.Set(15, "0230") }},
		{"30", func(m *cups.Message) { m.Unset(88) }},
		{"30", func(m *cups.Message) { m.Set(97, "C0000000000000100") }},
		{"A0", func(m *cups.Message) { m.SetBytes(128, []byte("00000000")) }},
	} {
		m := c.newReconciliation(f15, debits(1, 100))
		v.change(m)
		if v.code != "A0" {
			c.seal(m)
		}
		c.send(m)
		a := c.receive()
		c.checkMAC(a)
		require.Equal(t, []string{"3", v.code}, []string{a.Get(66), a.Get(39)})
	}
	require.Zero(t, h.totals().Payouts)
}

// A payout is told until the member says 00 under a right MAC, over a restart too, always with the same F7 and F11.
func TestPayoutIsToldUntilAnswered(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) { c.Dir = dir })
		c := h.client()
		debit := c.newDebit(payer, 100)
		f15 := c.ask(debit).Get(15)
		require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(1, 100))).Get(66))
		first := c.receive()
		require.Equal(t, "0200"+debit.Get(11)+debit.Get(7)+"000"+member+"000"+member, first.Get(90))
		for range 3 {
			again := c.take("0220", "96")
			require.Equal(t, first.Get(7)+first.Get(11), again.Get(7)+again.Get(11))
		}
		bad := answerTo(first, "0230", []int{7, 11, 33})
		bad.Set(39, "00")
		bad.SetBytes(128, []byte("00000000"))
		c.send(bad)
		require.Equal(t, "12", c.ask(c.newReversal(debit)).Get(39)) // what is paid out stays
		require.NoError(t, h.Close())
		synctest.Wait()

		h = start(t, func(c *Config) { c.Dir = dir })
		c = h.client()
		require.Equal(t, int64(1), h.totals().Payouts)
		again := c.take("0220", "00")
		require.Equal(t, first.Get(7)+first.Get(11), again.Get(7)+again.Get(11))
		c.settled()
		require.NoError(t, h.Close())
		synctest.Wait()

		h = start(t, func(c *Config) { c.Dir = dir })
		c = h.client()
		c.silent(3 * RepeatAfter)
		require.Equal(t, int64(100), h.account(payee).BalanceFen)
	})
}

func TestPayoutToABadCard(t *testing.T) {
	for _, v := range []struct {
		code, card string
		change     func(*Config)
	}{
		{"42", closedCard, func(c *Config) { c.Accounts[5].Status = StatusClosed }},
		{"41", closedCard, func(c *Config) { c.Accounts[5].Status = StatusLost }},
		{"15", "9999990000000000011", nil},
		{"14", "6228480000000000026", nil},
		{"42", payee, func(c *Config) { c.PayoutsRefused = 1 }},
	} {
		h := start(t, v.change)
		c := h.client()
		debit := c.newDebit(payer, 100)
		debit.Set(103, v.card)
		f15 := c.ask(debit).Get(15)
		require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(1, 100))).Get(66))
		require.Equal(t, v.code, c.take("0220", "00").Get(39))
		require.Zero(t, h.totals().Payouts)
		require.Equal(t, int64(100), h.account(payer).HeldFen)
		require.Equal(t, "00", c.ask(c.newReversal(debit)).Get(39)) // the payer gets it back
		require.Zero(t, h.account(payer).HeldFen)
	}
}

// More payouts than may wait at once all come, each once when each is answered.
func TestManyPayouts(t *testing.T) {
	const n = 3 * MaxTelling
	h := start(t, nil)
	c := h.client()
	var f15 string
	for range n {
		f15 = c.debit(payer, 1).Get(15)
	}
	require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(n, n))).Get(66))
	seen := map[string]bool{}
	for range n {
		m := c.take("0220", "00")
		require.False(t, seen[m.Get(90)])
		seen[m.Get(90)] = true
	}
	require.Equal(t, int64(n), h.totals().Payouts)
	require.Equal(t, int64(n), h.account(payee).BalanceFen)
}

// The same date again, when more has come since: what was not there before is paid out then.
func TestOpenDateIsReconciledTwice(t *testing.T) {
	h := start(t, nil)
	c := h.client()
	f15 := c.debit(payer, 1).Get(15)
	require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(1, 1))).Get(66))
	c.take("0220", "00")
	c.debit(payer, 2)
	require.Equal(t, "2", c.ask(c.newReconciliation(f15, debits(1, 1))).Get(66))
	require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(2, 3))).Get(66))
	require.Equal(t, "000000000002", c.take("0220", "00").Get(4))
	require.Equal(t, int64(2), h.totals().Payouts)
}

// verified reads a detail file.
func verified(t *testing.T, name string) (clearing.Summary, []clearing.Record) {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	parsed, err := clearing.ParseName(filepath.Base(name))
	require.NoError(t, err)
	s, err := clearing.Verify(strings.NewReader(string(b)), clearing.Rules{Institution: member})
	require.NoError(t, err)
	require.False(t, parsed.Date.IsZero())
	var records []clearing.Record
	require.NoError(t, clearing.Records(strings.NewReader(string(b)), s, func(r *clearing.Record) error {
		records = append(records, *r)
		return nil
	}))
	return s, records
}

// day makes three debits, one of them undone, ends the date and returns the names of the files.
func (h *rig) day(t *testing.T) []string {
	c := h.client()
	for _, fen := range []int64{100, 200} {
		require.Equal(t, "00", c.debit(payer, fen).Get(39))
	}
	undone := c.newDebit(payer, 400)
	require.Equal(t, "00", c.ask(undone).Get(39))
	require.Equal(t, "00", c.ask(c.newReversal(undone)).Get(39))
	require.Equal(t, "51", c.debit(poor, 50_000).Get(39))
	_, names, err := h.CutOff(t.Context())
	require.NoError(t, err)
	c.take("0820", "00")
	c.take("0820", "00")
	return names
}

func TestDetailFile(t *testing.T) {
	for _, long := range []bool{false, true} {
		dir := t.TempDir()
		h := start(t, func(c *Config) { c.ClearingDir, c.LongLines = dir, long })
		names := h.day(t)
		date := beijing(time.Now()).Format("060102")
		require.Equal(t, []string{filepath.Join(dir, member, "IND"+date+"01ACOMN")}, names)
		s, records := verified(t, names[0])
		require.Equal(t, clearing.Totals{Debits: clearing.Sum{Count: 3, Fen: 700}, DebitReversals: clearing.Sum{Count: 1, Fen: 400}}, s.Totals)
		last := records[3]
		require.Equal(t, []string{"0420", records[2].Trace, records[2].Time, "1124120001", member, "10000001"},
			[]string{last.MTI, last.OriginalTrace, last.OriginalTime, last.Time, last.Forwarder, last.Terminal})
		require.Equal(t, long, records[0].Credited.Reveal() == payee)
		left, err := os.ReadDir(filepath.Join(dir, member))
		require.NoError(t, err)
		require.Len(t, left, 1) // nothing half made

		_, again, err := h.CutOff(t.Context()) // a date without payments has no file
		require.NoError(t, err)
		require.Empty(t, again)
	}
}

func TestClearingFaults(t *testing.T) {
	for _, v := range []struct {
		fault string
		lines int64
		fen   int64 // debits and reversals in the file
	}{
		{"missing=2", 2, -1}, {"missing=9", 0, 0}, {"extra", 5, -1}, {"extra=3", 7, -1}, {"duplicate", 5, -1}, {"amount", 4, 1101}, {"amount=4", 4, 1104}, {"totals", 4, 1100},
	} {
		f, err := ParseClearingFault(v.fault)
		require.NoError(t, err)
		h := start(t, func(c *Config) { c.ClearingDir, c.ClearingFaults = t.TempDir(), []ClearingFault{f} })
		names := h.day(t)
		b, err := os.ReadFile(names[0])
		require.NoError(t, err)
		require.Len(t, b, int(v.lines)*300, v.fault)
		if v.lines == 0 {
			continue
		}
		s, _ := verified(t, names[0])
		if v.fen >= 0 {
			require.Equal(t, v.fen, s.Totals.Debits.Fen+s.Totals.DebitReversals.Fen, v.fault)
		}
		date, _ := h.Books()
		_, err = h.WriteDetail(date) // not ended
		require.NoError(t, err)
		_, err = h.WriteDetail(beijing(time.Now()).Format(settlementLayout))
		require.NoError(t, err)
		s, _ = verified(t, names[0])
		require.Equal(t, int64(4), s.Lines) // the right one
	}
}

func TestDetailFileHalfCutAndLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := start(t, func(c *Config) {
			c.ClearingDir, c.ClearingFaults = dir, []ClearingFault{{Kind: FileLate, Delay: time.Hour}}
		})
		require.Empty(t, h.day(t))
		name := filepath.Join(dir, member, "IND"+beijing(time.Now()).Format("060102")+"01ACOMN")
		time.Sleep(time.Hour - time.Second)
		require.NoFileExists(t, name)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		verified(t, name)
	})
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := start(t, func(c *Config) { c.ClearingDir, c.ClearingFaults = dir, []ClearingFault{{Kind: FileHalf}} })
		began := time.Now()
		names := h.day(t)
		require.GreaterOrEqual(t, time.Since(began), FileHalfDelay)
		verified(t, names[0])
	})
	dir := t.TempDir()
	h := start(t, func(c *Config) { c.ClearingDir, c.ClearingFaults = dir, []ClearingFault{{Kind: FileCut}} })
	b, err := os.ReadFile(h.day(t)[0])
	require.NoError(t, err)
	require.Len(t, b, 4*300/2)
}

// The calendar ends a date as a command does, and a file that a crash has kept back comes at the next start.
func TestDetailFileByTheCalendar(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) { c.Dir = dir })
		c := h.client()
		c.debit(payer, 100)
		name := "IND" + beijing(time.Now()).Format("060102") + "01ACOMN"
		require.NoError(t, h.Close())
		synctest.Wait()
		time.Sleep(25 * time.Hour)
		h = start(t, func(c *Config) { c.Dir, c.ClearingDir = dir, filepath.Join(dir, "out") })
		synctest.Wait()
		verified(t, filepath.Join(dir, "out", member, name))
		c = h.client()
		*c.seq = 100
		require.Equal(t, "00", c.debit(payer, 200).Get(39))
		name = "IND" + beijing(time.Now()).Format("060102") + "01ACOMN"
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		verified(t, filepath.Join(dir, "out", member, name))
	})
}

func TestCutOffByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) { c.CutoffAt = 23 * time.Hour })
		c := h.client()
		for range 2 {
			now := beijing(time.Now())
			next := time.Date(now.Year(), now.Month(), now.Day(), 23, 0, 0, 0, now.Location())
			if !next.After(now) {
				next = next.AddDate(0, 0, 1)
			}
			time.Sleep(time.Until(next) - time.Minute)
			c = h.another(c)
			require.Equal(t, next.Format("0102"), c.debit(payer, 1).Get(15))
			time.Sleep(time.Minute)
			require.Equal(t, "201", c.take("0820", "00").Get(70))
			require.Equal(t, "202", c.take("0820", "00").Get(70))
			require.Equal(t, next.AddDate(0, 0, 1).Format("0102"), c.debit(payer, 1).Get(15))
		}
	})
}

func TestParseClearingFault(t *testing.T) {
	for _, v := range []struct {
		text string
		want ClearingFault
	}{
		{"missing", ClearingFault{Kind: FileMissing}}, {"extra=3", ClearingFault{Kind: FileExtra, Count: 3}},
		{"late@90s", ClearingFault{Kind: FileLate, Delay: 90 * time.Second}}, {"cut", ClearingFault{Kind: FileCut}},
	} {
		got, err := ParseClearingFault(v.text)
		require.NoError(t, err)
		require.Equal(t, v.want, got)
	}
	for _, bad := range []string{"", "lost", "missing=0", "missing=x", "missing@3s", "late=3", "late@", "late@-1s", "half@x", "missing=1@1s"} {
		_, err := ParseClearingFault(bad)
		require.ErrorIs(t, err, ErrConfig, bad)
	}
}

func TestSettlementOverHTTP(t *testing.T) {
	h := start(t, func(c *Config) { c.ClearingDir = t.TempDir() })
	c := h.client()
	c.debit(payer, 100)
	ask := func(method, path string, status int) string {
		w := httptest.NewRecorder()
		h.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		require.Equal(t, status, w.Code, path)
		return w.Body.String()
	}
	today := beijing(time.Now())
	tomorrow := today.AddDate(0, 0, 1).Format(settlementLayout)
	ask("POST", "/cutoff?phase=never", http.StatusBadRequest)
	ask("POST", "/clearing?date="+today.Format(settlementLayout), http.StatusNotFound)
	require.JSONEq(t, `{"date":"`+tomorrow+`","files":[]}`, ask("POST", "/cutoff?phase=start", http.StatusOK))
	name := "IND" + today.Format("060102") + "01ACOMN"
	require.Contains(t, ask("POST", "/cutoff?phase=end", http.StatusOK), name)
	require.Contains(t, ask("POST", "/clearing?date="+today.Format(settlementLayout), http.StatusOK), name)
	require.Contains(t, ask("GET", "/books", http.StatusOK), fmt.Sprintf(`{"books":[{"date":%q`, today.Format(settlementLayout)))
}

// logLines are the lines of the ledger log in a folder.
func logLines(t *testing.T, dir string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, logName))
	require.NoError(t, err)
	return strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n")
}

// A crash in the middle of the one write of a balance, at every record of it: the payouts that are missing are made at the
// next start, and only those.
func TestBalanceIsTorn(t *testing.T) {
	dir := t.TempDir()
	h := start(t, func(c *Config) { c.Dir = dir })
	c := h.client()
	var f15 string
	for range 3 {
		f15 = c.debit(payer, 100).Get(15)
	}
	require.Equal(t, "1", c.ask(c.newReconciliation(f15, debits(3, 300))).Get(66))
	for range 3 {
		require.Equal(t, "0220", c.receive().MTI())
	}
	c.debit(payer, 100) // after the balance: not to be paid out by it
	require.NoError(t, h.Close())
	lines := logLines(t, dir)
	first := len(lines) - 5 // balanced, three payouts, the debit
	require.Contains(t, lines[first], `"balanced"`)
	for cut := first; cut <= len(lines); cut++ {
		name := filepath.Join(t.TempDir(), logName)
		require.NoError(t, os.WriteFile(name, []byte(strings.Join(lines[:cut], "")), 0o600))
		again := start(t, func(c *Config) { c.Dir = filepath.Dir(name) })
		want := int64(3)
		if cut == first {
			want = 0 // the balance itself was lost, and with it the 0530
		}
		require.Equal(t, want, again.totals().Payouts, cut)
		require.Equal(t, want*100, again.account(payee).BalanceFen)
	}
}

// A log from before there were books: debits and reversals without member and date are found all the same.
func TestLogFromBeforeThereWereBooks(t *testing.T) {
	dir := t.TempDir()
	key := func(stan string) string { return cups.Original90("", stan, "1124120000", member, member) }
	var log []byte
	for _, r := range []record{
		{Kind: kindOpen, Version: logVersion, Check: checkValue(demoZMK(t))},
		{Kind: kindAccount, PAN: payer, Fen: 1000},
		{Kind: kindDebit, Key: key("000001"), PAN: payer, Payee: payee, Fen: 100, Date: "20261124", Code: "00"},
		{Kind: kindDebit, Key: key("000002"), PAN: payer, Payee: payee, Fen: 200, Date: "20261124", Code: "00"},
		{Kind: kindReversal, At: time.Date(2026, 11, 25, 16, 30, 0, 0, time.UTC).UnixMilli(), Key: key("000002")},
	} {
		log = appendRecord(log, r)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, logName), log, 0o600))
	out := t.TempDir()
	h := start(t, func(c *Config) { c.Dir, c.ClearingDir = dir, out })
	_, books := h.Books()
	require.Len(t, books, 2)
	require.Equal(t, []string{"20261124", member, "20261126"}, []string{books[0].Date, books[0].Institution, books[1].Date})
	require.Equal(t, int64(200), books[1].Totals.DebitReversals.Fen)
	require.Eventually(t, func() bool {
		_, books := h.Books()
		return books[0].Filed && books[1].Filed
	}, 10*time.Second, 10*time.Millisecond)
	s, _ := verified(t, filepath.Join(out, member, "IND26112401ACOMN"))
	require.Equal(t, int64(2), s.Lines)
}
