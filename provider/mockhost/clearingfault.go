package mockhost

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/ringback/spec/clearing"
)

// ClearingKind is one way in which a settlement date goes wrong at the host: its detail file, or its totals.
type ClearingKind string

// The kinds. Those with a count strike so many lines, one by default; those with a delay take it from the fault.
const (
	FileMissing   ClearingKind = "missing"   // lines are left out
	FileExtra     ClearingKind = "extra"     // lines of debits that never were
	FileAmount    ClearingKind = "amount"    // lines with one fen more
	FileDuplicate ClearingKind = "duplicate" // lines are there twice
	FileTotals    ClearingKind = "totals"    // the 0530 has one fen more; the file is right
	FileHalf      ClearingKind = "half"      // half the file is there for Delay, 3 s by default, before the rest comes
	FileCut       ClearingKind = "cut"       // half the file is there for good
	FileLate      ClearingKind = "late"      // the file comes after Delay, 60 s by default
)

// ClearingFault makes every settlement date go wrong in one way.
type ClearingFault struct {
	Kind  ClearingKind
	Count int           // lines; 0 is one
	Delay time.Duration // of half and late; 0 is the default of the kind
}

// ParseClearingFault reads KIND, KIND=COUNT or KIND@DELAY, as in "missing", "extra=3" and "late@90s". The error is
// ErrConfig.
func ParseClearingFault(text string) (ClearingFault, error) {
	rest, delay, timed := strings.Cut(text, "@")
	name, count, counted := strings.Cut(rest, "=")
	f := ClearingFault{Kind: ClearingKind(name)}
	var err error
	if counted {
		if f.Count, err = strconv.Atoi(count); err != nil || f.Count < 1 || !f.Kind.counts() {
			return ClearingFault{}, fmt.Errorf("%w: clearing fault %q: no such count", ErrConfig, text)
		}
	}
	if timed {
		if f.Delay, err = time.ParseDuration(delay); err != nil || f.Delay <= 0 || f.Kind.counts() {
			return ClearingFault{}, fmt.Errorf("%w: clearing fault %q: no such delay", ErrConfig, text)
		}
	}
	return f, f.check()
}

func (f ClearingFault) check() error {
	switch f.Kind {
	case FileMissing, FileExtra, FileAmount, FileDuplicate, FileTotals, FileHalf, FileCut, FileLate:
		return nil
	}
	return fmt.Errorf("%w: no clearing fault %q", ErrConfig, f.Kind)
}

// counts reports whether a kind strikes lines.
func (k ClearingKind) counts() bool {
	return k == FileMissing || k == FileExtra || k == FileAmount || k == FileDuplicate
}

func (f ClearingFault) delay() time.Duration {
	switch {
	case f.Delay != 0:
		return f.Delay
	case f.Kind == FileLate:
		return FileLateDelay
	}
	return FileHalfDelay
}

func findFault(faults []ClearingFault, kind ClearingKind) (ClearingFault, bool) {
	i := slices.IndexFunc(faults, func(f ClearingFault) bool { return f.Kind == kind })
	if i < 0 {
		return ClearingFault{}, false
	}
	return faults[i], true
}

// clearingDelay is the delay of a kind; 0 if no fault is of it.
func (c Config) clearingDelay(kind ClearingKind) time.Duration {
	if f, ok := findFault(c.ClearingFaults, kind); ok {
		return f.delay()
	}
	return 0
}

// plan says which of n lines are struck. It is a hash of seed, date and kind, so that a file written again goes wrong in
// the same way. A line is struck by one fault only; where there are not enough lines, fewer are struck.
func plan(faults []ClearingFault, seed uint64, date string, n int) map[int]ClearingKind {
	struck := make(map[int]ClearingKind)
	for _, f := range faults {
		if !f.Kind.counts() {
			continue
		}
		for i := range max(1, f.Count) {
			if len(struck) == n {
				return struck
			}
			at := int(fraction(fmt.Appendf(nil, "%d/%s/%s/%d", seed, f.Kind, date, i)) * float64(n))
			for struck[at] != "" {
				at = (at + 1) % n
			}
			struck[at] = f.Kind
		}
	}
	return struck
}

// distort is what a fault makes of a line; "" leaves it as it is.
func (k ClearingKind) distort(r clearing.Record) []clearing.Record {
	other := r
	switch k {
	case FileMissing:
		return nil
	case FileDuplicate:
		return []clearing.Record{r, r}
	case FileAmount:
		r.Amount++
	case FileExtra:
		other.Trace, other.Reference = strangeTrace, strangeReference
		return []clearing.Record{r, other}
	}
	return []clearing.Record{r}
}

// What a line of a debit that never was says: numbers that no debit of the day has, for a switch counts up from one.
const (
	strangeTrace     = "999999"
	strangeReference = "999999999999"
)
