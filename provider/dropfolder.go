package provider

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/clearing"
)

// Books takes detail files.
type Books interface {
	// Clearing takes one file over, durably and as a whole or not at all; nil: it is taken, now or at an earlier call with
	// the same Hash. It may read Lines more than once, until it returns.
	Clearing(ctx context.Context, f acquirer.ClearingFile) error
}

// The folders beside the files.
const (
	doneFolder = "done"
	badFolder  = "bad"
)

// DropFolder hands the detail files that are put into a folder to the books. Dir and Books must be set.
//
// The public material has no mark that a transfer has ended, and a file has no end of its own. So a file is taken when
// its size and its time have not changed for Limits.FileStill; one whose last line is a part of a line gets
// Limits.FileHalf, for that is how a slow transfer looks. Names other than INDyymmddBBACOMN are left alone: who can should
// write under another name and rename. A transfer that ended between two lines cannot be told from a whole file by
// anybody: the totals of the 0530 tell.
//
// A file goes to done/ once the books have it, and to bad/ with a report beside it when it cannot be used.
type DropFolder struct {
	Dir         string
	Institution string // F33 of every line; "" is anybody's
	Books       Books
	// Progress is told how far the reading of a file is. Nil: nobody is told.
	Progress func(name string, bytes, lines int64)
	Log      zerolog.Logger
	Limits   Limits
	seen     map[string]sighting
}

// sighting is how a file looked, and since when it has looked so.
type sighting struct {
	size     int64
	modified time.Time
	since    time.Time
	again    time.Time // not to be tried before
}

// Run watches the folder until ctx ends and then returns nil. It returns an error when the folder cannot be read or
// written, and one of kind acquirer.ErrStore from the books. Any other error of the books is logged and the file is
// offered again after Limits.FileAgain.
func (d *DropFolder) Run(ctx context.Context) error {
	d.Limits = d.Limits.WithDefaults()
	d.seen = make(map[string]sighting)
	for _, name := range []string{"", doneFolder, badFolder} {
		if err := os.MkdirAll(filepath.Join(d.Dir, name), 0o700); err != nil {
			return fmt.Errorf("drop folder: %w", err)
		}
	}
	tick := time.NewTicker(d.Limits.FilePoll)
	defer tick.Stop()
	for {
		if err := d.scan(ctx); err != nil {
			return fmt.Errorf("drop folder: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// scan looks at every file once, in the order of names, which is that of dates.
func (d *DropFolder) scan(ctx context.Context) error {
	entries, err := os.ReadDir(d.Dir)
	if err != nil {
		return err
	}
	seen := make(map[string]sighting)
	for _, entry := range entries {
		name, err := clearing.ParseName(entry.Name())
		if err != nil || !entry.Type().IsRegular() || ctx.Err() != nil {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // taken away since
		}
		if err != nil {
			return err
		}
		s := d.look(info)
		if s, err = d.consider(ctx, name, s); err != nil {
			return err
		}
		seen[entry.Name()] = s
	}
	d.seen = seen
	return nil
}

// look compares a file with how it was.
func (d *DropFolder) look(info os.FileInfo) sighting {
	s := d.seen[info.Name()]
	if s.since.IsZero() || s.size != info.Size() || !s.modified.Equal(info.ModTime()) {
		s = sighting{size: info.Size(), modified: info.ModTime(), since: time.Now()}
	}
	return s
}

// consider handles a file if it is time.
func (d *DropFolder) consider(ctx context.Context, name clearing.Name, s sighting) (sighting, error) {
	now := time.Now()
	if now.Sub(s.since) < d.Limits.FileStill || now.Before(s.again) {
		return s, nil
	}
	summary, err := d.take(ctx, name)
	var bad *clearing.BadFile
	switch {
	case err == nil:
		return s, d.moveDone(name, summary)
	case errors.As(err, &bad) && bad.OnlyHalf() && now.Sub(s.since) < d.Limits.FileHalf:
		return s, nil
	case errors.As(err, &bad), errors.Is(err, clearing.ErrNoLines):
		return s, d.setAside(name, err)
	case errors.Is(err, acquirer.ErrStore):
		return s, err
	case ctx.Err() != nil:
		return s, nil
	}
	d.Log.Error().Str("file", name.String()).Err(err).Msg("detail file was not taken")
	s.again = now.Add(d.Limits.FileAgain)
	return s, nil
}

// take verifies a file and gives it to the books.
func (d *DropFolder) take(ctx context.Context, name clearing.Name) (s clearing.Summary, err error) {
	file, err := os.Open(filepath.Join(d.Dir, name.String()))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	rules := clearing.Rules{Date: name.Date, Institution: d.Institution}
	if d.Progress != nil {
		rules.Progress = func(bytes, lines int64) { d.Progress(name.String(), bytes, lines) }
	}
	if s, err = clearing.Verify(file, rules); err != nil {
		return s, err
	}
	year, month, day := name.Date.Date()
	return s, d.Books.Clearing(ctx, acquirer.ClearingFile{
		Name: name.String(), Date: acquirer.Date(year*10000 + int(month)*100 + day),
		Hash: s.SHA256, Count: s.Lines, Totals: decodeFileTotals(s.Totals), Lines: linesOf(file, s),
	})
}

// linesOf reads a verified file from its beginning each time.
func linesOf(file *os.File, s clearing.Summary) iter.Seq2[acquirer.ClearingLine, error] {
	return func(yield func(acquirer.ClearingLine, error) bool) {
		if _, err := file.Seek(0, 0); err != nil {
			yield(acquirer.ClearingLine{}, err)
			return
		}
		err := clearing.Records(file, s, func(r *clearing.Record) error {
			line, err := decodeLine(r)
			if err == nil && !yield(line, nil) {
				err = errEnough
			}
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(acquirer.ClearingLine{}, err)
		}
	}
}

// errEnough ends a reading whose reader wants no more.
var errEnough = errors.New("no more lines are wanted")

// decodeLine makes a noun of a line of a verified file.
func decodeLine(r *clearing.Record) (acquirer.ClearingLine, error) {
	l := acquirer.ClearingLine{
		Acquirer: r.Acquirer, Forwarder: r.Forwarder, Amount: acquirer.Fen(r.Amount), MTI: r.MTI, Processing: r.Processing,
		Code: acquirer.ResponseCode(r.Response), RRN: r.Reference, AuthCode: r.AuthCode, EntryMode: r.EntryMode,
		Terminal: acquirer.TerminalID(r.Terminal), Merchant: acquirer.MerchantID(r.Merchant), Issuer: r.Issuer,
		Reversal: r.Reversal(), CardholderFee: acquirer.Fen(r.CardholderFee), FeeReceivable: acquirer.Fen(r.FeeReceivable),
		FeePayable: acquirer.Fen(r.FeePayable), SwitchingFee: acquirer.Fen(r.SwitchingFee),
	}
	var errs [4]error
	l.Host.Time = r.Time
	l.Host.STAN, errs[0] = acquirer.ParseSTAN(r.Trace)
	l.Card, errs[1] = acquirer.ParsePAN(r.Card.Reveal())
	if r.OriginalTrace != "" && r.OriginalTime != "" {
		l.Original.Time = r.OriginalTime
		l.Original.STAN, errs[2] = acquirer.ParseSTAN(r.OriginalTrace)
	}
	if to := r.Credited.Reveal(); to != "" {
		l.PayeeCard, errs[3] = acquirer.ParsePAN(to)
	}
	return l, errors.Join(errs[:]...)
}

func decodeFileTotals(t clearing.Totals) acquirer.SettlementTotals {
	sum := func(s clearing.Sum) acquirer.Sum { return acquirer.Sum{Count: s.Count, Fen: acquirer.Fen(s.Fen)} }
	return acquirer.SettlementTotals{
		Debits: sum(t.Debits), DebitReversals: sum(t.DebitReversals),
		Credits: sum(t.Credits), CreditReversals: sum(t.CreditReversals),
	}
}

// moveDone puts a file away that the books have. Of two with one name the later has the beginning of its hash behind it.
func (d *DropFolder) moveDone(name clearing.Name, s clearing.Summary) error {
	to := filepath.Join(d.Dir, doneFolder, name.String())
	if _, err := os.Lstat(to); err == nil {
		to += "." + hex.EncodeToString(s.SHA256[:8])
	}
	d.Log.Info().Str("file", name.String()).Int64("lines", s.Lines).Msg("detail file was taken")
	return os.Rename(filepath.Join(d.Dir, name.String()), to)
}

// setAside puts a file away that cannot be used, with a report beside it. Of several with one name the later ones have
// the time behind it.
func (d *DropFolder) setAside(name clearing.Name, cause error) error {
	to := filepath.Join(d.Dir, badFolder, name.String())
	if _, err := os.Lstat(to); err == nil {
		to += "." + time.Now().In(acquirer.Beijing).Format("20060102150405.000000")
	}
	if err := os.WriteFile(to+".txt", report(name, cause), 0o600); err != nil {
		return err
	}
	d.Log.Error().Str("file", name.String()).Err(cause).Msg("detail file cannot be used and was set aside")
	return os.Rename(filepath.Join(d.Dir, name.String()), to)
}

// report says what is wrong with a file, line by line. It holds nothing of the file.
func report(name clearing.Name, cause error) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %v\n", name, cause)
	var bad *clearing.BadFile
	if !errors.As(cause, &bad) {
		return []byte(text.String())
	}
	for i := range bad.Lines {
		fmt.Fprintf(&text, "%v\n", &bad.Lines[i])
	}
	if more := bad.Count - int64(len(bad.Lines)); more > 0 {
		fmt.Fprintf(&text, "and %d more bad lines\n", more)
	}
	return []byte(text.String())
}
