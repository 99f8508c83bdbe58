package clearing

import (
	"bytes"
	"strconv"

	"example.com/ringback/spec"
)

// Append writes the record as a line of the edition, without a line end, behind dst. The error is a [BadLine] that
// names the column which cannot hold its value; dst is then returned as it was. A short line leaves out what only the
// long one has.
func (r *Record) Append(dst []byte, e Edition) ([]byte, error) {
	start := len(dst)
	for i, c := range e.columns() {
		if i > 0 {
			dst = append(dst, ' ')
		}
		from := len(dst)
		var reason Reason
		if dst, reason = c.append(dst, r); reason == 0 {
			reason = c.check(dst[from:])
		}
		if reason != 0 {
			return dst[:start], &BadLine{Column: c.name, Reason: reason}
		}
	}
	return dst, nil
}

// append writes the column's value filled up to its width.
func (c *column) append(dst []byte, r *Record) ([]byte, Reason) {
	if c.fen != nil {
		return appendFen(dst, *c.fen(r), c.width)
	}
	text := *c.text(r)
	if len(text) > c.width {
		return dst, ReasonWidth
	}
	dst = append(dst, text...)
	return append(dst, bytes.Repeat([]byte{' '}, c.width-len(text))...), 0
}

// appendFen writes an amount in digits, one below zero with D in front.
func appendFen(dst []byte, fen int64, width int) ([]byte, Reason) {
	if fen < 0 {
		dst, fen, width = append(dst, 'D'), -fen, width-1
	}
	text := strconv.FormatInt(fen, 10)
	if len(text) > width || fen < 0 {
		return dst, ReasonWidth
	}
	dst = append(dst, bytes.Repeat([]byte{'0'}, width-len(text))...)
	return append(dst, text...), 0
}

// check is what is wrong with the bytes of a column; 0 if nothing is.
func (c *column) check(b []byte) Reason {
	switch c.form {
	case formDigits, formFen:
		return wholeDigits(b)
	case formBlank:
		return unlessBlank(b, wholeDigits)
	case formCode:
		return leftDigits(b, 1)
	case formMaybe:
		return unlessBlank(b, func(b []byte) Reason { return leftDigits(b, 1) })
	case formCard:
		return leftDigits(b, 13)
	case formMaybeTo:
		return unlessBlank(b, func(b []byte) Reason { return leftDigits(b, 13) })
	case formClock:
		return clock(b)
	case formFee:
		return unlessBlank(b, fee)
	case formMustText:
		if blank(b) {
			return ReasonMissing
		}
		return printable(b)
	case formGBK:
		return gbk(b)
	}
	return printable(b)
}

func unlessBlank(b []byte, check func([]byte) Reason) Reason {
	if blank(b) {
		return 0
	}
	return check(b)
}

func blank(b []byte) bool { return filled(b) == 0 }

// filled is how many bytes stand in front of the blanks that fill a column.
func filled(b []byte) int {
	n := len(b)
	for n > 0 && b[n-1] == ' ' {
		n--
	}
	return n
}

func wholeDigits(b []byte) Reason {
	for _, c := range b {
		if c < '0' || c > '9' {
			return ReasonDigit
		}
	}
	return 0
}

// leftDigits wants at least least digits and nothing but blanks behind them.
func leftDigits(b []byte, least int) Reason {
	value := b[:filled(b)]
	switch {
	case len(value) == 0:
		return ReasonMissing
	case len(value) < least:
		return ReasonDigit
	}
	return wholeDigits(value)
}

// fee wants digits, with C or D in the place of the first or not.
func fee(b []byte) Reason {
	if b[0] == 'C' || b[0] == 'D' {
		b = b[1:]
	}
	return wholeDigits(b)
}

// clock wants MMDDhhmmss; the 29th of February is a day.
func clock(b []byte) Reason {
	if wholeDigits(b) != 0 {
		return ReasonDigit
	}
	two := func(at int) int { return int(b[at]-'0')*10 + int(b[at+1]-'0') }
	month, day := two(0), two(2)
	if month < 1 || month > 12 || day < 1 || day > monthDays[month-1] || two(4) > 23 || two(6) > 59 || two(8) > 59 {
		return ReasonClock
	}
	return 0
}

// monthDays are the days of the months in a leap year: a line has no year.
var monthDays = [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func printable(b []byte) Reason {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return ReasonText
		}
	}
	return 0
}

// gbk allows what is printable, and double-byte characters that do not reach out of the column.
func gbk(b []byte) Reason {
	if printable(b) == 0 {
		return 0
	}
	for _, c := range b {
		if c < ' ' || c == 0x7F {
			return ReasonGBK
		}
	}
	if _, err := spec.DecodeGBK(b); err != nil {
		return ReasonGBK
	}
	return 0
}
