package acquirer

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Beijing is the clock of the wires: F7, F12, F13 and every business date (host dialect page, section 0, item 5).
// China keeps one time all year, so that no zone table is needed.
var Beijing = time.FixedZone("CST", 8*3600)

// Date is a business date as the number yyyymmdd.
type Date int32

// DateOf returns the calendar date of t in Beijing.
func DateOf(t time.Time) Date {
	y, m, d := t.In(Beijing).Date()
	return Date(y*10000 + int(m)*100 + d)
}

// Time returns midnight in Beijing at the start of d.
func (d Date) Time() time.Time {
	return time.Date(int(d)/10000, time.Month(int(d)/100%100), int(d)%100, 0, 0, 0, 0, Beijing)
}

// Before returns the calendar date in front of d.
func (d Date) Before() Date { return DateOf(d.Time().AddDate(0, 0, -1)) }

// idScale is how many sequence numbers a business date has room for in an [ID].
const idScale = 10_000_000_000

// MaxSequence is the largest sequence number of a day: an RRN has eight digits for it, and the range above is for
// messages that are not journalled.
const MaxSequence = 89_999_999

// maxDebitSequence is up to where debits may take a sequence number. The rest of the day is kept for what they may
// cause: a debit that is at the host must always find a number for its reversal.
const maxDebitSequence = 60_000_000

// ID names a journal row: the business date, then a sequence within it. The date stands in front so that rows are
// appended in order and a day is a range of ids.
type ID int64

// NewID joins a date and a sequence number of 1 to [MaxSequence].
func NewID(d Date, seq int64) ID { return ID(int64(d)*idScale + seq) }

// Date returns the business date in front.
func (id ID) Date() Date { return Date(int64(id) / idScale) }

// Sequence returns the number within the date.
func (id ID) Sequence() int64 { return int64(id) % idScale }

// STAN returns the trace number the switch uses for this row towards the host (F11): the sequence modulo 999,999,
// plus one. Together with F7 it is unique: the sequence is durable before a byte is sent and never runs backwards.
func (id ID) STAN() STAN { return STAN((id.Sequence()-1)%999_999 + 1) }

// RRN derives F37 from the row: the last digit of the year, the day of the year, and eight digits of the sequence.
func (id ID) RRN() RRN {
	t := id.Date().Time()
	return RRN(fmt.Sprintf("%d%03d%08d", t.Year()%10, t.YearDay(), id.Sequence()))
}

// RRN is the retrieval reference number (F37): twelve digits made by the switch.
type RRN string

// ParseRRN accepts twelve digits.
func ParseRRN(s string) (RRN, error) {
	if len(s) != 12 || !digits(s) {
		return "", errors.New("RRN is not 12 digits")
	}
	return RRN(s), nil
}

// ID returns the row that an RRN names, read within the ten years that end at now's year.
func (r RRN) ID(now time.Time) (ID, error) {
	if len(r) != 12 || !digits(string(r)) {
		return 0, errors.New("RRN is not 12 digits")
	}
	year := now.In(Beijing).Year()
	for year%10 != int(r[0]-'0') {
		year--
	}
	day, err := strconv.Atoi(string(r[1:4]))
	date := time.Date(year, 1, day, 0, 0, 0, 0, Beijing)
	if err != nil || day < 1 || date.Year() != year {
		return 0, errors.New("RRN holds no day of the year")
	}
	seq, err := strconv.ParseInt(string(r[4:]), 10, 64)
	if err != nil {
		return 0, err
	}
	return NewID(DateOf(date), seq), nil
}

// STAN is a system trace audit number (F11): six digits.
type STAN int32

// ParseSTAN accepts six digits.
func ParseSTAN(s string) (STAN, error) {
	if len(s) != 6 || !digits(s) {
		return 0, errors.New("trace number is not 6 digits")
	}
	n, err := strconv.Atoi(s)
	return STAN(n), err
}

func (s STAN) String() string { return fmt.Sprintf("%06d", int32(s)) }
