package clearing

import (
	"errors"
	"fmt"
	"strconv"
)

// Reason says in which way a line or its column breaks the layout.
type Reason uint8

// The reasons.
const (
	ReasonLength    Reason = iota + 1 // of no edition
	ReasonEdition                     // of another edition than the lines before
	ReasonHalf                        // the file ends inside the line
	ReasonEmpty                       // a line with nothing in it
	ReasonMark                        // a byte order mark: the file is no GBK
	ReasonNUL                         // a NUL byte
	ReasonSeparator                   // no blank behind the column
	ReasonDigit                       // not as many digits as must be there
	ReasonClock                       // no moment of any year
	ReasonText                        // not printable ASCII
	ReasonGBK                         // no GBK text
	ReasonMissing                     // blank
	ReasonWidth                       // value is wider than the column
	ReasonDay                         // sent on a day that this file cannot have
	ReasonOwner                       // another institution's
	ReasonLines                       // more lines than MaxLines
)

var reasons = [...]string{
	ReasonLength:    "line has neither 299 nor 500 bytes",
	ReasonEdition:   "line is of another edition than those before it",
	ReasonHalf:      "file ends inside the line",
	ReasonEmpty:     "line is empty",
	ReasonMark:      "file begins with a byte order mark and is no GBK text",
	ReasonNUL:       "NUL byte",
	ReasonSeparator: "no blank behind it",
	ReasonDigit:     "not the digits that must be there",
	ReasonClock:     "not a moment MMDDhhmmss",
	ReasonText:      "not printable ASCII",
	ReasonGBK:       "not GBK text",
	ReasonMissing:   "blank",
	ReasonWidth:     "too wide",
	ReasonDay:       "sent on a day that does not belong to this file's date",
	ReasonOwner:     "of another institution",
	ReasonLines:     "file has too many lines",
}

func (r Reason) String() string {
	if int(r) < len(reasons) && reasons[r] != "" {
		return reasons[r]
	}
	return "reason " + strconv.Itoa(int(r))
}

// BadLine is the error of one line. It names where and why and holds no byte of the file, so it may be shown and logged.
type BadLine struct {
	Line   int64  // from 1; 0: of a Record to be written
	Column string // name; "": the line as a whole
	Reason Reason
}

func (b *BadLine) Error() string {
	where := ""
	if b.Line > 0 {
		where = "line " + strconv.FormatInt(b.Line, 10) + ": "
	}
	if b.Column != "" {
		where += b.Column + ": "
	}
	return where + b.Reason.String()
}

// BadFile is the error of [Verify] for a file with bad lines: the first of them, at most [MaxBad], and how many there
// are.
type BadFile struct {
	Lines []BadLine
	Count int64
}

func (b *BadFile) Error() string {
	return fmt.Sprintf("%d bad lines, the first: %v", b.Count, &b.Lines[0])
}

// OnlyHalf reports whether all that is wrong is that the file ends inside its last line: perhaps it is not all there yet.
func (b *BadFile) OnlyHalf() bool { return b.Count == 1 && b.Lines[0].Reason == ReasonHalf }

var (
	// ErrNoLines is the error of [Verify] for a file without a line: nothing tells it from a transfer that failed. A
	// day without payments has no file.
	ErrNoLines = errors.New("file has no line")
	// ErrName is the error of [ParseName].
	ErrName = errors.New("not the name of a detail file: IND, yymmdd, two digits, ACOMN")
)
