package mockhost

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/ringback/spec/cups"
)

// bookKey names a book: a settlement date, YYYYMMDD, and a member.
type bookKey struct{ date, institution string }

// book is what happened between the host and one member on one settlement date. Totals and lines grow with the ledger's
// own records and are never computed again from anything else.
type book struct {
	bookKey
	lines    []bookLine // in the order in which they happened
	totals   cups.Totals
	balanced bool // a 0520 agreed with the totals
	covered  int  // so many lines were there when it last did
	filed    bool // its detail file was written
	waiting  bool // it will be, by a goroutine that waits
}

// bookLine is a debit, or its reversal if own is the host key of that.
type bookLine struct {
	entry *entry
	own   string
}

// detail is what a clearing file and a payout say of a debit, beside what the ledger decides by.
type detail struct {
	date, institution                       string
	payee, reference, terminal              string
	merchant, merchantType, entryMode, auth string
}

// detailOf reads the details out of a debit's record. A log from before there were clearing files has no institution:
// it is in the host key, without the zeros in front.
func detailOf(r record) detail {
	d := detail{
		date: r.Date, institution: r.Institution, payee: r.Payee, reference: r.Reference, terminal: r.Terminal,
		merchant: r.Merchant, merchantType: r.Type, entryMode: r.Entry, auth: r.Auth,
	}
	if d.institution == "" && len(r.Key) == hostKeyLen {
		d.institution = strings.TrimLeft(r.Key[hostKeyLen-11:], "0")
	}
	return d
}

// hostKeyLen is the length of a host key: F11, F7, F32 and F33 as F90 has them.
const hostKeyLen = 6 + 10 + 11 + 11

// book finds a book or begins it. The caller holds mu.
func (l *ledger) book(key bookKey) *book {
	b := l.books[key]
	if b == nil {
		b = &book{bookKey: key}
		l.books[key] = b
	}
	return b
}

// enterDebit writes an approved debit into its book.
func (l *ledger) enterDebit(e *entry) {
	b := l.book(bookKey{e.date, e.institution})
	b.lines = append(b.lines, bookLine{entry: e})
	b.totals.Debits.Count++
	b.totals.Debits.Fen += e.fen
}

// enterReversal writes a reversal into the book of the date on which it came. A log from before has no date in it.
func (l *ledger) enterReversal(e *entry, r record) {
	e.reversed = r.Date
	if e.reversed == "" {
		e.reversed = beijing(time.UnixMilli(r.At)).Format(settlementLayout)
	}
	b := l.book(bookKey{e.reversed, e.institution})
	own := r.Own
	if own == "" {
		own = e.key
	}
	b.lines = append(b.lines, bookLine{entry: e, own: own})
	b.totals.DebitReversals.Count++
	b.totals.DebitReversals.Fen += e.fen
}

// applyCutoff moves the settlement date. It never goes back.
func (l *ledger) applyCutoff(r record) error {
	if _, err := time.Parse(settlementLayout, r.Date); err != nil || r.Date <= l.date {
		return fmt.Errorf("%w: cut-off to no later date", ErrLog)
	}
	l.date = r.Date
	return nil
}

func (l *ledger) applyFiled(r record) error {
	b := l.books[bookKey{r.Date, r.Institution}]
	if b == nil || b.filed {
		return fmt.Errorf("%w: file of no book, or twice", ErrLog)
	}
	b.filed = true
	return nil
}

// settlementDate is the later of a date and that of the last cut-off. It never goes back, so that what was found to have
// ended stays as it is. The caller holds mu.
func (l *ledger) settlementDate(date string) string {
	l.reached = max(l.reached, date, l.date)
	return l.reached
}

// settlementDate is F15 of what happens now, as YYYYMMDD.
func (h *Host) settlementDate() string {
	today := h.cfg.settlement(time.Now()).Format(settlementLayout)
	l := h.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settlementDate(today)
}

// closed lists the books of dates before one whose detail file is not written, in order. The caller holds mu.
func (l *ledger) closed(date string) []*book {
	var list []*book
	for key, b := range l.books {
		if key.date < date && !b.filed && len(b.lines) > 0 {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *book) int {
		return strings.Compare(a.date+a.institution, b.date+b.institution)
	})
	return list
}

// Book is a book as GET /books shows it.
type Book struct {
	Date        string      `json:"date"` // settlement date, YYYYMMDD
	Institution string      `json:"institution"`
	Lines       int         `json:"lines"` // debits and reversals
	Totals      cups.Totals `json:"totals"`
	Balanced    bool        `json:"balanced"` // a 0520 agreed
	Filed       bool        `json:"filed"`    // its detail file was written
}

// Books lists all books in the order of their dates, and the settlement date of now.
func (h *Host) Books() (date string, books []Book) {
	date = h.settlementDate()
	l := h.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	books = make([]Book, 0, len(l.books))
	for _, b := range l.books {
		books = append(books, Book{b.date, b.institution, len(b.lines), b.totals, b.balanced, b.filed})
	}
	slices.SortFunc(books, func(a, b Book) int {
		return strings.Compare(a.Date+a.Institution, b.Date+b.Institution)
	})
	return date, books
}
