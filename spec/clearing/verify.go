package clearing

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Rules are what a file must agree with beside its layout.
type Rules struct {
	// Date is the settlement date that the file's name has; the day of each line must lie around it. Zero: any day.
	Date time.Time
	// Institution must be F33 of every line. "": anybody's.
	Institution string
	// Progress is told how far the reading is, every 10,000 lines and at the end. Nil: nobody is told.
	Progress func(bytes, lines int64)
}

// Summary is what a whole file holds.
type Summary struct {
	Edition Edition
	Lines   int64
	Bytes   int64
	SHA256  [sha256.Size]byte // of every byte: the same file again has the same
	Totals  Totals
}

// Verify reads a file to its end. It needs the same memory for every file. A file with any bad line gives a [BadFile];
// one without a line gives [ErrNoLines]; any other error is that of r.
func Verify(r io.Reader, rules Rules) (Summary, error) {
	hash := sha256.New()
	in := NewReader(io.TeeReader(r, hash))
	days := daysAround(rules.Date)
	var s Summary
	var bad BadFile
	for in.Line() <= MaxLines {
		record, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = rules.check(in.Line(), record, days)
		}
		if err == nil {
			s.Totals.Add(record)
		} else if err = bad.add(err); err != nil {
			return Summary{}, err
		}
		if in.Line()%progressEvery == 0 {
			rules.tell(in)
		}
	}
	rules.tell(in)
	s.Edition, s.Lines, s.Bytes = in.Edition(), in.Line(), in.Bytes()
	hash.Sum(s.SHA256[:0])
	return s, bad.verdict(s.Lines)
}

// add lists a bad line; any other error is returned.
func (b *BadFile) add(err error) error {
	var line *BadLine
	if !errors.As(err, &line) {
		return err
	}
	if b.Count++; len(b.Lines) < MaxBad {
		b.Lines = append(b.Lines, *line)
	}
	return nil
}

func (b *BadFile) verdict(lines int64) error {
	switch {
	case b.Count > 0:
		return b
	case lines == 0:
		return ErrNoLines
	}
	return nil
}

func (r Rules) tell(in *Reader) {
	if r.Progress != nil {
		r.Progress(in.Bytes(), in.Line())
	}
}

// check holds a line against the rules.
func (r Rules) check(line int64, record *Record, days []string) error {
	switch {
	case r.Institution != "" && record.Forwarder != r.Institution:
		return &BadLine{Line: line, Column: "forwarder", Reason: ReasonOwner}
	case !r.Date.IsZero() && !slices.Contains(days, record.Time[:4]):
		return &BadLine{Line: line, Column: "time", Reason: ReasonDay}
	}
	return nil
}

// daysAround are the days, MMDD, that a line of a date may have been sent on: an F7 has no year.
func daysAround(date time.Time) []string {
	days := make([]string, 0, MaxBefore+1+MaxAfter)
	for n := MaxAfter; n >= -MaxBefore; n-- {
		days = append(days, date.AddDate(0, 0, n).Format("0102"))
	}
	return days
}

// ErrChanged is the error behind the last line of a second reading whose bytes are not those that [Verify] saw.
var ErrChanged = errors.New("file has changed since it was verified")

// Records reads a verified file again from its beginning and gives each line to use, in order; use must not keep the pointer. It stops at the first
// error of use and returns it. When the file is another one than the summary's, the error is [ErrChanged], or that of the
// first line which is bad now: what was used till then must be taken back.
func Records(r io.Reader, s Summary, use func(*Record) error) error {
	hash := sha256.New()
	in := NewReader(io.TeeReader(r, hash))
	for {
		record, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrChanged, err)
		}
		if err := use(record); err != nil {
			return err
		}
	}
	if [sha256.Size]byte(hash.Sum(nil)) != s.SHA256 {
		return ErrChanged
	}
	return nil
}
