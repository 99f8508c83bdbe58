package mockhost

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// written makes a log with debits, reversals, declines and keys, and returns it
// with the ledger's totals after each of its records.
func written(t *testing.T) ([]byte, Totals) {
	t.Helper()
	dir := t.TempDir()
	r := start(t, func(c *Config) { c.Dir = dir })
	c := r.client()
	for i := range 4 {
		m := c.newDebit(payer, int64(100+i))
		require.Equal(t, "00", c.ask(m).Get(39))
		if i%2 == 0 {
			require.Equal(t, "00", c.ask(c.newReversal(m)).Get(39))
		}
	}
	require.Equal(t, "51", c.debit(poor, 1000).Get(39))
	require.Equal(t, "25", c.ask(c.newReversal(c.newDebit(payer, 5))).Get(39))
	totals := r.totals()
	require.NoError(t, r.Close())
	log, err := os.ReadFile(filepath.Join(dir, logName))
	require.NoError(t, err)
	return log, totals
}

// open opens a host on a copy of a log.
func open(t *testing.T, log []byte) (*Host, string, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, logName), log, 0o600))
	cfg := demoConfig(t)
	cfg.Dir = dir
	h, err := Open(cfg)
	return h, filepath.Join(dir, logName), err
}

func TestReplayIsTheLedger(t *testing.T) {
	log, want := written(t)
	h, path, err := open(t, log)
	require.NoError(t, err)
	got, err := h.Ledger()
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, h.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, log, after, "opening a sound log writes nothing")
}

// Cut at any byte, the log opens, holds a prefix of what was in it, and takes
// more.
func TestTornAtEveryByte(t *testing.T) {
	log, full := written(t)
	var lastDebits int64
	for size := range len(log) {
		h, path, err := open(t, log[:size])
		require.NoError(t, err, "cut at %d", size)
		totals, err := h.Ledger()
		require.NoError(t, err)
		require.Equal(t, full.TotalFen, totals.TotalFen)
		require.GreaterOrEqual(t, totals.Debits, lastDebits)
		lastDebits = totals.Debits
		h.ledger.mu.Lock()
		b := h.ledger.commit(record{Kind: kindDebit, Key: "new", PAN: payer, Fen: 7})
		h.ledger.mu.Unlock()
		require.NoError(t, h.journal.wait(b))
		require.NoError(t, h.Close())
		repaired, err := os.ReadFile(path)
		require.NoError(t, err)
		whole := bytes.LastIndexByte(log[:size], '\n') + 1
		require.Equal(t, log[:whole], repaired[:whole])
		require.Contains(t, string(repaired[whole:]), `"key":"new"`)
	}
	require.Equal(t, full.Debits, lastDebits)
}

// Garbage behind the end, as a power cut may leave it, is cut off.
func TestGarbageAtTheEnd(t *testing.T) {
	log, want := written(t)
	for _, tail := range [][]byte{make([]byte, 10_000), []byte("\n\n"), []byte("00000000 {}\n"), bytes.Repeat([]byte("x"), MaxRecord*2)} {
		h, _, err := open(t, append(bytes.Clone(log), tail...))
		require.NoError(t, err)
		got, err := h.Ledger()
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.NoError(t, h.Close())
	}
}

// A changed byte is never taken for anything: in the middle it is damage, in the
// last record it is a torn end.
func TestDamageInTheMiddle(t *testing.T) {
	log, _ := written(t)
	last := bytes.LastIndexByte(log[:len(log)-1], '\n') + 1
	for at := 0; at < last; at += 7 {
		bad := bytes.Clone(log)
		bad[at] ^= 1
		_, _, err := open(t, bad)
		require.ErrorIs(t, err, ErrLog, "byte %d", at)
	}
}

func TestRecordsThatDoNotFollow(t *testing.T) {
	check := checkValue(demoZMK(t))
	head := record{Kind: kindOpen, Version: logVersion, Check: check}
	card := record{Kind: kindAccount, PAN: payer, Fen: 100}
	debit := record{Kind: kindDebit, Key: "k", PAN: payer, Fen: 60}
	for name, records := range map[string][]record{
		"no head":              {card},
		"another edition":      {{Kind: kindOpen, Version: 2, Check: check}},
		"another master key":   {{Kind: kindOpen, Version: logVersion, Check: "000000"}},
		"head twice":           {head, head},
		"account twice":        {head, card, card},
		"account is no card":   {head, {Kind: kindAccount, PAN: "1", Fen: 1}},
		"too much money":       {head, {Kind: kindAccount, PAN: payer, Fen: MaxBalanceFen + 1}},
		"debt":                 {head, {Kind: kindAccount, PAN: payer, Fen: -1}},
		"debit of nobody":      {head, debit},
		"debit of nothing":     {head, card, {Kind: kindDebit, Key: "k", PAN: payer}},
		"debit without key":    {head, card, {Kind: kindDebit, PAN: payer, Fen: 1}},
		"debit not covered":    {head, card, debit, {Kind: kindDebit, Key: "l", PAN: payer, Fen: 60}},
		"key twice":            {head, card, debit, {Kind: kindRefused, Key: "k", PAN: payer, Fen: 1}},
		"reversal of nothing":  {head, card, {Kind: kindReversal, Key: "k"}},
		"reversal twice":       {head, card, debit, {Kind: kindReversal, Key: "k"}, {Kind: kindReversal, Key: "k"}},
		"reversal of unknown":  {head, card, {Kind: kindUnknown, Key: "k"}, {Kind: kindReversal, Key: "k"}},
		"attempt of nothing":   {head, {Kind: kindAttempt}},
		"no such record":       {head, {Kind: "gift"}},
		"zone key of one byte": {head, {Kind: kindOffer, KeyKind: "1", Wrapped: "00"}},
		"zone key of no kind":  {head, {Kind: kindOffer, KeyKind: "3", Wrapped: "0000000000000000"}},
		"zone key not hex":     {head, {Kind: kindKey, KeyKind: "1", Wrapped: "xx"}},
	} {
		var log []byte
		for _, r := range records {
			log = appendRecord(log, r)
		}
		_, _, err := open(t, log)
		require.ErrorIs(t, err, ErrLog, name)
	}
	text := []byte(`{"t":"open","more":1}`)
	_, _, err := open(t, fmt.Appendf(nil, "%08x %s\n", checksum(text), text))
	require.ErrorIs(t, err, ErrLog)
}

func TestTwoHostsOnOneLog(t *testing.T) {
	log, _ := written(t)
	h, path, err := open(t, log)
	require.NoError(t, err)
	cfg := demoConfig(t)
	cfg.Dir = filepath.Dir(path)
	_, err = Open(cfg)
	require.ErrorContains(t, err, "in use")
	require.NoError(t, h.Close())
	h, err = Open(cfg)
	require.NoError(t, err)
	require.NoError(t, h.Close())
	require.NoError(t, h.Close(), "twice")
}

// A card keeps its money when the configuration says otherwise, and its money
// counts when the configuration has no such card any more.
func TestConfigurationChanges(t *testing.T) {
	log, want := written(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, logName), log, 0o600))
	r := start(t, func(c *Config) {
		c.Dir = dir
		c.Accounts = []Account{{PAN: payer, PIN: "9999", Expiry: "3012", Status: StatusNormal, BalanceFen: 1}}
	})
	require.Equal(t, want, r.totals())
	c := r.client()
	*c.seq = 1000
	require.Equal(t, "55", c.debit(payer, 100).Get(39))
	require.Equal(t, "62", c.debit(poor, 100).Get(39))
}

// slowFile counts flushes and can break.
type slowFile struct {
	mu     sync.Mutex
	syncs  int
	lines  int
	broken error
}

func (f *slowFile) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines += bytes.Count(b, []byte("\n"))
	return len(b), nil
}

// Sync takes the time of a disk: what a flush waits for, and no synchronisation of the test's.
func (f *slowFile) Sync() error {
	time.Sleep(time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncs++
	return f.broken
}

func (f *slowFile) Close() error { return nil }

// Whoever waits while a flush takes its time gathers for the next one: 64 writers share each. In virtual time, so that the
// disk is as slow on any machine.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowFile{}
		j := newJournal(f)
		var wg sync.WaitGroup
		const writers, each = 64, 20
		for range writers {
			wg.Go(func() {
				for range each {
					if err := j.wait(j.append(record{Kind: kindAccount})); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, writers*each, f.lines)
		require.LessOrEqual(t, f.syncs, 2*each+1, "each writer waits for the flush under way and for its own")
		require.NoError(t, j.wait(j.latest()))
		require.NoError(t, j.close())
		require.ErrorIs(t, j.wait(j.append(record{})), ErrClosed)
	})
}

// A disk that fails ends the host: nothing is answered that is not written.
func TestDiskFailureEndsTheHost(t *testing.T) {
	broken := errors.New("no space left")
	h, err := Open(demoConfig(t))
	require.NoError(t, err)
	f := &slowFile{}
	h.journal.file = f
	r := &rig{h, t, newPipeListener()}
	served := make(chan error, 1)
	go func() { served <- h.Serve(r.l) }()
	c := r.client()
	require.Equal(t, "00", c.manage("301", "").Get(39))
	f.mu.Lock()
	f.broken = broken
	f.mu.Unlock()
	c.send(c.seal(c.newDebit(payer, 100)))
	_, err = c.read(time.Second)
	requireEOF(t, err)
	require.ErrorIs(t, <-served, broken)
	_, err = h.Ledger()
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, h.Close(), broken)
}
