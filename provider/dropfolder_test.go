package provider

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/clearing"
)

const dropped = "IND26112401ACOMN"

// shelf is books that note what they are given.
type shelf struct {
	mu    sync.Mutex
	files []acquirer.ClearingFile
	lines []acquirer.ClearingLine
	err   error
}

func (s *shelf) Clearing(_ context.Context, f acquirer.ClearingFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, f)
	for range 2 { // they may be read more than once
		s.lines = nil
		for line, err := range f.Lines {
			if err != nil {
				return err
			}
			s.lines = append(s.lines, line)
		}
	}
	for range f.Lines { // and not to the end
		break
	}
	return s.err
}

// taken is how often the books were given a file.
func (s *shelf) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.files)
}

// say sets what the books say from now on.
func (s *shelf) say(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// detail is a detail file of a debit and its reversal.
func detail(t testing.TB, e clearing.Edition) []byte {
	r := clearing.Record{
		Acquirer: institution, Forwarder: institution, Trace: "000001", Time: "1124120000", Card: clearing.NewPAN(card),
		Amount: 1234, MTI: "0200", Processing: "400000", Terminal: "10000001", Merchant: "898110000000001",
		Reference: "632800000001", Response: "00", FeePayable: -5, Credited: clearing.NewPAN(payeeCard),
	}
	b, err := r.Append(nil, e)
	require.NoError(t, err)
	r.MTI, r.Trace, r.Time, r.OriginalTrace, r.OriginalTime = "0420", "000002", "1124120001", "000001", "1124120000"
	b, err = r.Append(append(b, '\n'), e)
	require.NoError(t, err)
	return append(b, '\n')
}

// dropping runs a folder over the books while test does something to it, in virtual time.
func dropping(t *testing.T, s *shelf, test func(t *testing.T, dir string)) error {
	dir := t.TempDir()
	var failed error
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &DropFolder{Dir: dir, Institution: institution, Books: s, Log: zerolog.New(&log)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		synctest.Wait()
		test(t, dir)
		synctest.Wait()
		cancel()
		failed = <-ended
		require.NotContains(t, log.String(), card)
	})
	return failed
}

func drop(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
}

// pass lets virtual time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestDropFolder(t *testing.T) {
	for _, e := range []clearing.Edition{clearing.Short, clearing.Long} {
		s := &shelf{}
		b := detail(t, e)
		require.NoError(t, dropping(t, s, func(t *testing.T, dir string) {
			drop(t, dir, dropped, b)
			drop(t, dir, dropped+".part", b)
			drop(t, dir, "readme", nil)
			require.NoError(t, os.Mkdir(filepath.Join(dir, "IND26112501ACOMN"), 0o700))
			pass(9 * time.Second)
			require.Zero(t, s.taken()) // it may still grow
			pass(5 * time.Second)
			require.FileExists(t, filepath.Join(dir, "done", dropped))
			require.NoFileExists(t, filepath.Join(dir, dropped))
			require.FileExists(t, filepath.Join(dir, dropped+".part"))
		}))
		require.Len(t, s.files, 1)
		f := s.files[0]
		f.Lines = nil
		require.Equal(t, acquirer.ClearingFile{
			Name: dropped, Date: 20261124, Hash: sha256.Sum256(b), Count: 2,
			Totals: acquirer.SettlementTotals{Debits: acquirer.Sum{Count: 1, Fen: 1234}, DebitReversals: acquirer.Sum{Count: 1, Fen: 1234}},
		}, f)
		require.Len(t, s.lines, 2)
		debit, undo := s.lines[0], s.lines[1]
		require.Equal(t, acquirer.HostKey{Time: "1124120000", STAN: 1}, debit.Host)
		require.Equal(t, card, debit.Card.Reveal())
		require.Equal(t, acquirer.Fen(-5), debit.FeePayable)
		require.Equal(t, e == clearing.Long, debit.PayeeCard.Reveal() == payeeCard)
		require.False(t, debit.Reversal)
		require.True(t, undo.Reversal)
		require.Equal(t, debit.Host, undo.Original)
	}
}

// A file that grows is waited for, slowly or with pauses in the middle of a line.
func TestDropFolderWaitsForTheRest(t *testing.T) {
	s := &shelf{}
	b := detail(t, clearing.Short)
	require.NoError(t, dropping(t, s, func(t *testing.T, dir string) {
		for end := 100; end < len(b); end += 100 {
			drop(t, dir, dropped, b[:end])
			pass(9 * time.Second)
		}
		drop(t, dir, dropped, b[:450])
		pass(9 * time.Minute)
		require.Zero(t, s.taken())
		drop(t, dir, dropped, b)
		pass(13 * time.Second)
		require.Equal(t, 1, s.taken())
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Equal(t, int64(2), s.files[0].Count)
	}))
}

func TestDropFolderSetsAside(t *testing.T) {
	good := detail(t, clearing.Short)
	for name, v := range map[string]struct {
		file   string
		b      []byte
		after  time.Duration
		report string
	}{
		"half":     {dropped, good[:450], 11 * time.Minute, "IND26112401ACOMN: 1 bad lines, the first: line 2: file ends inside the line\nline 2: file ends inside the line\n"},
		"bad line": {dropped, append(bytes.Clone(good), good[1:]...), 13 * time.Second, "IND26112401ACOMN: 1 bad lines, the first: line 3: line has neither 299 nor 500 bytes\nline 3: line has neither 299 nor 500 bytes\n"},
		"empty":    {dropped, nil, 13 * time.Second, "IND26112401ACOMN: file has no line\n"},
		"wrong day": {"IND26113001ACOMN", bytes.ReplaceAll(good, []byte("1124120001"), []byte("1122120001")), 13 * time.Second,
			"IND26113001ACOMN: 1 bad lines, the first: line 2: time: sent on a day that does not belong to this file's date\nline 2: time: sent on a day that does not belong to this file's date\n"},
		"stranger's": {dropped, bytes.Replace(good, []byte(" "+institution), []byte(" 44190441"), 1), 13 * time.Second, "IND26112401ACOMN: 1 bad lines, the first: line 1: forwarder: of another institution\nline 1: forwarder: of another institution\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{}
			require.NoError(t, dropping(t, s, func(t *testing.T, dir string) {
				drop(t, dir, v.file, v.b)
				pass(v.after)
				require.FileExists(t, filepath.Join(dir, "bad", v.file))
				require.NoFileExists(t, filepath.Join(dir, v.file))
				text, err := os.ReadFile(filepath.Join(dir, "bad", v.file+".txt"))
				require.NoError(t, err)
				require.Equal(t, v.report, string(text))

				drop(t, dir, v.file, v.b) // the next bad one does not take its place
				pass(v.after)
				all, err := os.ReadDir(filepath.Join(dir, "bad"))
				require.NoError(t, err)
				require.Len(t, all, 4)
			}))
			require.Empty(t, s.files)
		})
	}
	many := bytes.Repeat([]byte("x\n"), clearing.MaxBad+7)
	require.NoError(t, dropping(t, &shelf{}, func(t *testing.T, dir string) {
		drop(t, dir, dropped, many)
		pass(13 * time.Second)
		text, err := os.ReadFile(filepath.Join(dir, "bad", dropped+".txt"))
		require.NoError(t, err)
		require.Contains(t, string(text), "\nand 7 more bad lines\n")
	}))
}

// What the books do not take is offered again; the same file again is the books' business, and keeps both copies.
func TestDropFolderAgain(t *testing.T) {
	s := &shelf{err: errors.New("busy")}
	b := detail(t, clearing.Short)
	require.NoError(t, dropping(t, s, func(t *testing.T, dir string) {
		drop(t, dir, dropped, b)
		pass(13 * time.Second)
		require.Equal(t, 1, s.taken())
		require.FileExists(t, filepath.Join(dir, dropped))
		pass(25 * time.Second)
		require.Equal(t, 1, s.taken())
		s.say(nil)
		pass(10 * time.Second)
		require.Equal(t, 2, s.taken())
		drop(t, dir, dropped, b)
		pass(13 * time.Second)
		all, err := os.ReadDir(filepath.Join(dir, "done"))
		require.NoError(t, err)
		require.Len(t, all, 2)
	}))
	require.Len(t, s.files, 3)
	require.Equal(t, s.files[0].Hash, s.files[2].Hash)

	s = &shelf{err: acquirer.ErrStore}
	require.ErrorIs(t, dropping(t, s, func(t *testing.T, dir string) {
		drop(t, dir, dropped, b)
		pass(13 * time.Second)
	}), acquirer.ErrStore)
	require.Len(t, s.files, 1)
}

// changing is books under whose hands the file changes.
type changing struct {
	name string
	err  error // written before the end of Run, read after it
}

func (c *changing) Clearing(_ context.Context, f acquirer.ClearingFile) error {
	for _, err := range f.Lines {
		if err != nil {
			c.err = err
			return err
		}
		if err := os.WriteFile(c.name, nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func TestDropFolderFileChanges(t *testing.T) {
	dir := t.TempDir()
	c := &changing{name: filepath.Join(dir, dropped)}
	b := bytes.Repeat(detail(t, clearing.Short), 1000) // more than is held of it
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- (&DropFolder{Dir: dir, Books: c}).Run(ctx) }()
		drop(t, dir, dropped, b)
		pass(13 * time.Second)
		require.NoFileExists(t, filepath.Join(dir, "done", dropped))
		cancel()
		require.NoError(t, <-ended)
		require.ErrorIs(t, c.err, clearing.ErrChanged)
	})
}
