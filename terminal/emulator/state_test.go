package emulator

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

// killed is a state file as a process left it that was killed when a request reached the switch.
type killed struct {
	at    string // the request
	state []byte
}

// witness copies the state file whenever a request arrives: whatever a terminal killed at that moment would find.
func witness(t *testing.T, d *double, path string) func() []killed {
	var mu sync.Mutex
	var all []killed
	d.seen = func(req *pos.Message) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, killed{req.MTI() + " " + req.Get(11), b})
	}
	return func() []killed {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func openFile(t *testing.T, d *double, path string) *Terminal {
	t.Helper()
	c := testConfig(d)
	c.StateFile = path
	term, err := Open(c)
	require.NoError(t, err)
	return term
}

// A terminal killed while any of its messages is under way goes on with a fresh number, and undoes the debit that was
// out before anything else.
func TestKilledAtEveryStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pos", "state.json")
	d := newDouble(t)
	steps := witness(t, d, path)
	d.on("0200", refuse("55"))
	term := openFile(t, d, path)
	_, err := term.Pay(t.Context(), testPayment(), &testUI{pins: []string{"111111", testPIN}})
	require.NoError(t, err)
	require.NoError(t, term.Close())

	all := steps()
	require.Len(t, all, 4) // 0800, 0100, 0200, 0200
	for i, k := range all {
		t.Run(k.at, func(t *testing.T) { resume(t, k, i) })
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	t.Run("after", func(t *testing.T) { resume(t, killed{"", after}, len(all)-1) })
}

// resume opens the state of a killed terminal that had sent i+1 messages, and pays.
func resume(t *testing.T, k killed, i int) {
	path := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(path, k.state, 0o600))
	d := newDouble(t)
	term := openFile(t, d, path)
	require.Equal(t, i+2, term.Status().NextSTAN)
	_, err := term.Pay(t.Context(), testPayment(), rightPIN())
	require.NoError(t, err)
	sent := d.requests()
	if i == 0 { // not signed on yet
		require.Equal(t, "0800 000002", sent[0])
		sent = sent[1:]
	}
	if strings.HasPrefix(k.at, "0200") {
		require.Equal(t, strings.Replace(k.at, "0200", "0400", 1), sent[0])
		require.Equal(t, "06", d.last("0400").Get(39))
		require.Equal(t, "72000007000", d.last("0400").Get(60))
		sent = sent[1:]
	}
	require.True(t, strings.HasPrefix(sent[0], "0100"))
	require.Empty(t, term.Status().UndoOwed)
	require.NoError(t, term.Close())
}

// Killed before the answer of an undo: it is sent again.
func TestKilledWhileUndoing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	d := newDouble(t)
	steps := witness(t, d, path)
	d.on("0200", refuse("98"))
	term := openFile(t, d, path)
	r, err := term.Pay(t.Context(), testPayment(), rightPIN())
	require.Error(t, err)
	require.True(t, r.Undone)
	require.NoError(t, term.Close())
	all := steps()
	last := all[len(all)-1]
	require.Equal(t, "0400 000003", last.at)

	again := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(again, last.state, 0o600))
	d = newDouble(t)
	term = openFile(t, d, again)
	require.Equal(t, "000003", term.Status().UndoOwed)
	require.NoError(t, term.Undo(t.Context(), UndoRequest{}))
	require.Equal(t, []string{"0400 000003"}, d.requests())
	require.Equal(t, "98", d.last("0400").Get(39))
	require.NoError(t, term.Close())
}

// The state has no secret, and nobody else may read it.
func TestStateFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pos", "state.json")
	d := newDouble(t)
	steps := witness(t, d, path)
	term := openFile(t, d, path)
	p := testPayment()
	p.Memo = "call " + testPayee
	_, err := term.Pay(t.Context(), p, rightPIN())
	require.NoError(t, err)
	require.NoError(t, term.Close())

	final, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, k := range append(steps(), killed{"", final}) {
		for _, secret := range []string{testCard, testPIN, testPayee, testPayer, testToken, "0123456789ABCDEF", "AAAAAAAABBBBBBBB", "11111111222222223"} {
			require.NotContains(t, string(k.state), secret)
		}
	}
	require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		if name != dir {
			require.Zero(t, info.Mode().Perm()&0o077, name)
		}
		return nil
	}))
}

func TestOpenRefuses(t *testing.T) {
	good := newState(testConfig(newDouble(t)))
	change := func(f func(s *state)) []byte {
		s := good
		f(&s)
		b, err := s.encode()
		require.NoError(t, err)
		return b
	}
	whole := owed{Batch: "000007", STAN: "000003", AmountFen: 1, EntryMode: "021", Reason: "98"}
	for name, v := range map[string]struct {
		state []byte
		good  bool
	}{
		"new":            {change(func(*state) {}), true},
		"other terminal": {change(func(s *state) { s.Terminal = "10000001" }), false},
		"other merchant": {change(func(s *state) { s.Merchant = "898110000000001" }), false},
		"other format":   {change(func(s *state) { s.Format = 2 }), false},
		"number 0":       {change(func(s *state) { s.NextSTAN = 0 }), false},
		"number 999999":  {change(func(s *state) { s.NextSTAN = 999_999 }), true},
		"number 1000000": {change(func(s *state) { s.NextSTAN = 1_000_000 }), false},
		"batch":          {change(func(s *state) { s.Batch = "00007" }), false},
		"undo":           {change(func(s *state) { s.Owed = &whole }), true},
		"undo of 0":      {change(func(s *state) { o := whole; o.AmountFen = 0; s.Owed = &o }), false},
		"undo of nobody": {change(func(s *state) { o := whole; o.STAN = ""; s.Owed = &o }), false},
		"empty":          {[]byte{}, false},
		"not JSON":       {[]byte("{"), false},
		"too long":       {make([]byte, maxStateFile+1), false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.json")
			require.NoError(t, os.WriteFile(path, v.state, 0o600))
			c := testConfig(newDouble(t))
			c.StateFile = path
			term, err := Open(c)
			if v.good {
				require.NoError(t, err)
				require.NoError(t, term.Close())
				return
			}
			require.ErrorIs(t, err, ErrState)
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, v.state, left)
		})
	}
}

func TestConfigRefused(t *testing.T) {
	for name, change := range map[string]func(c *Config){
		"terminal": func(c *Config) { c.TerminalID = "1000001" },
		"merchant": func(c *Config) { c.MerchantID = "8981100000000011" },
		"key":      func(c *Config) { c.TMK = c.TMK[:8] },
		"mac":      func(c *Config) { c.MAC = "x99" },
		"sign-on":  func(c *Config) { c.SignOnKind = "006" },
		"operator": func(c *Config) { c.Operator = "0001" },
		"timeout":  func(c *Config) { c.AnswerTimeout = -1 },
	} {
		c := testConfig(newDouble(t))
		change(&c)
		_, err := Open(c)
		require.ErrorIs(t, err, ErrConfig, name)
	}
}

func TestOneProcessPerState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	d := newDouble(t)
	term := openFile(t, d, path)
	c := testConfig(d)
	c.StateFile = path
	_, err := Open(c)
	require.ErrorIs(t, err, ErrStateInUse)
	require.NoError(t, term.Close())
	term, err = Open(c)
	require.NoError(t, err)
	require.NoError(t, term.Close())
}

// A terminal whose master key was changed is not signed on any more; its numbers go on.
func TestOtherMasterKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	d := newDouble(t)
	term := openFile(t, d, path)
	require.NoError(t, term.SignOn(t.Context(), "004"))
	require.NoError(t, term.Close())
	c := testConfig(d)
	c.StateFile, c.TMK = path, testMAK()
	term, err := Open(c)
	require.NoError(t, err)
	require.Equal(t, Status{NextSTAN: 2, Batch: "000007"}, term.Status())
	require.NoError(t, term.Close())
}

func TestNumbersWrap(t *testing.T) {
	s := newState(testConfig(newDouble(t)))
	s.NextSTAN = maxSTAN
	b, err := s.encode()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	d := newDouble(t)
	term := openFile(t, d, path)
	_, err = term.Pay(t.Context(), testPayment(), rightPIN())
	require.NoError(t, err)
	require.Equal(t, []string{"0800 999999", "0100 000001", "0200 000002"}, d.requests())
	require.NoError(t, term.Close())
}

func TestReceiptsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *double, term *Terminal) {
		for range MaxReceipts + 2 {
			_, err := term.Pay(t.Context(), testPayment(), rightPIN())
			require.NoError(t, err)
		}
		all := term.Receipts()
		require.Len(t, all, MaxReceipts)
		require.Equal(t, "000007", all[0].STAN) // 3, 5 and so on: the two oldest went
	})
}

// flaky is a storage whose save fails when its number is in fail.
type flaky struct {
	memory
	saves int
	fail  []int
}

var errDisk = errors.New("disk full")

func (f *flaky) save(b []byte) error {
	f.saves++
	if slices.Contains(f.fail, f.saves) {
		return errDisk
	}
	return f.memory.save(b)
}

// What cannot be stored is not sent; an approval that cannot be stored is undone.
func TestStorageFails(t *testing.T) {
	const signOn, keys, inquiry, debit, receipt = 1, 2, 3, 4, 5
	for _, v := range []struct {
		name    string
		fail    []int
		outcome Outcome
		sent    []string
		reason  string
	}{
		{"before the sign-on", []int{signOn}, Refused, nil, ""},
		{"the keys", []int{keys}, Refused, []string{"0800 000001"}, ""},
		{"before the look-up", []int{inquiry}, Refused, []string{"0800 000001"}, ""},
		{"before the debit", []int{debit}, Refused, []string{"0800 000001", "0100 000002"}, ""},
		{"the receipt", []int{receipt}, Unknown, []string{"0800 000001", "0100 000002", "0200 000003", "0400 000003"}, "96"},
		{"the receipt and the reason", []int{receipt, receipt + 1}, Unknown, []string{"0800 000001", "0100 000002", "0200 000003", "0400 000003"}, "06"},
	} {
		t.Run(v.name, func(t *testing.T) {
			d := newDouble(t)
			c, err := testConfig(d).normal()
			require.NoError(t, err)
			term, err := open(c, &flaky{fail: v.fail})
			require.NoError(t, err)
			r, err := term.Pay(t.Context(), testPayment(), rightPIN())
			require.ErrorIs(t, err, errDisk)
			require.Equal(t, v.outcome, r.Outcome)
			require.Equal(t, v.sent, d.requests())
			if v.reason != "" {
				require.Equal(t, v.reason, d.last("0400").Get(39))
				require.True(t, r.Undone)
			}
			require.Empty(t, term.Receipts())
			require.NoError(t, term.Close())
		})
	}
}

// A state file that cannot be replaced, because its folder is gone, stops the terminal before it sends.
func TestStateFileFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pos")
	d := newDouble(t)
	term := openFile(t, d, filepath.Join(dir, "state.json"))
	require.NoError(t, os.RemoveAll(dir))
	require.ErrorIs(t, term.SignOn(t.Context(), ""), fs.ErrNotExist)
	require.Empty(t, d.requests())
	require.NoError(t, term.Close())
}
