package pos

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"example.com/ringback/spec"
)

// F48 of batch settlement (UnionPay POS dialect, section 3.4). All of it is digits; amounts are in fen.
const (
	blockLen    = 31 // one block of totals: 12 3 12 3 1
	detailLen   = 40 // one detail: 2 6 20 12
	detailPAN   = 20 // digits of a card number in a detail, right-justified and filled with zeros
	endLen      = 4  // the count at the end of a batch
	shortestPAN = 13
	longestPAN  = 19
)

// Largest figures that F48 holds.
const (
	MaxBatchAmount  = 999_999_999_999 // fen
	MaxBatchCount   = 999             // of one kind in a block of totals
	MaxBatchDetails = 9_999           // of one batch
	MaxDetails      = 8               // of one message
)

// MatchCode says in a block of totals whether they agree (对账应答代码).
type MatchCode byte

// The match codes. A request carries MatchAsked.
const (
	MatchAsked MatchCode = 0
	MatchEven  MatchCode = 1 // agreed
	MatchOdd   MatchCode = 2 // not agreed: the terminal uploads its batch
	MatchError MatchCode = 3 // not compared
)

// ErrBatch is the error of the parsers and builders of F48. It says what is wrong and shows no digit of it.
var ErrBatch = errors.New("F48 of a batch message")

// Block is the totals of one card class. Debits are sales, credits are voids and refunds.
type Block struct {
	DebitFen, CreditFen int64
	Debits, Credits     int
	Match               MatchCode
}

// Totals is F48 of a 0500 and its 0510: cards of this country, then those of others.
type Totals struct{ Domestic, Foreign Block }

// ParseTotals reads 62 digits.
func ParseTotals(s string) (Totals, error) {
	if len(s) != 2*blockLen || !digits(s) {
		return Totals{}, fmt.Errorf("%w: totals are not %d digits", ErrBatch, 2*blockLen)
	}
	t := Totals{Domestic: parseBlock(s[:blockLen]), Foreign: parseBlock(s[blockLen:])}
	if t.Domestic.Match > MatchError || t.Foreign.Match > MatchError {
		return Totals{}, fmt.Errorf("%w: match code is above %d", ErrBatch, MatchError)
	}
	return t, nil
}

func parseBlock(s string) Block {
	return Block{
		DebitFen: number(s[:12]), Debits: int(number(s[12:15])),
		CreditFen: number(s[15:27]), Credits: int(number(s[27:30])), Match: MatchCode(number(s[30:])),
	}
}

// Encode writes 62 digits. The error is ErrBatch when a figure does not fit.
func (t Totals) Encode() (string, error) {
	domestic, err := t.Domestic.encode()
	if err != nil {
		return "", err
	}
	foreign, err := t.Foreign.encode()
	return domestic + foreign, err
}

func (b Block) encode() (string, error) {
	if !fits(b.DebitFen, MaxBatchAmount) || !fits(b.CreditFen, MaxBatchAmount) || !fits(int64(b.Debits), MaxBatchCount) ||
		!fits(int64(b.Credits), MaxBatchCount) || b.Match > MatchError {
		return "", fmt.Errorf("%w: a total has no room", ErrBatch)
	}
	return fmt.Sprintf("%012d%03d%012d%03d%d", b.DebitFen, b.Debits, b.CreditFen, b.Credits, b.Match), nil
}

// Detail is one debit in a batch upload. It prints masked.
type Detail struct {
	Foreign   bool // the card's class: 01
	STAN      string
	PAN       string // 13 to 19 digits
	AmountFen int64
}

// String shows the card masked.
func (d Detail) String() string {
	return fmt.Sprintf("%s %s %d fen", d.STAN, spec.MaskPANDigits(d.PAN), d.AmountFen)
}

// GoString is String, for %#v.
func (d Detail) GoString() string { return d.String() }

// ParseDetails reads F48 of a 0320 with 60.3 = 201: a count of 1 to MaxDetails and as many details.
func ParseDetails(s string) ([]Detail, error) {
	if len(s) < 2 || !digits(s) {
		return nil, fmt.Errorf("%w: details are not digits", ErrBatch)
	}
	n := int(number(s[:2]))
	if n < 1 || n > MaxDetails || len(s) != 2+n*detailLen {
		return nil, fmt.Errorf("%w: count and length of the details do not go together", ErrBatch)
	}
	out := make([]Detail, n)
	for i := range out {
		var err error
		if out[i], err = parseDetail(s[2+i*detailLen:][:detailLen]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func parseDetail(s string) (Detail, error) {
	class, pan := s[:2], strings.TrimLeft(s[8:28], "0")
	if class != "00" && class != "01" {
		return Detail{}, fmt.Errorf("%w: card class is neither 00 nor 01", ErrBatch)
	}
	if len(pan) < shortestPAN || len(pan) > longestPAN {
		return Detail{}, fmt.Errorf("%w: a card number is not %d to %d digits", ErrBatch, shortestPAN, longestPAN)
	}
	return Detail{Foreign: class == "01", STAN: s[2:8], PAN: pan, AmountFen: number(s[28:])}, nil
}

// EncodeDetails reverses ParseDetails. A card number may not begin with a zero, which filling could not be told from.
func EncodeDetails(details []Detail) (string, error) {
	if len(details) < 1 || len(details) > MaxDetails {
		return "", fmt.Errorf("%w: %d details", ErrBatch, len(details))
	}
	var out strings.Builder
	_, _ = fmt.Fprintf(&out, "%02d", len(details)) // a Builder takes every write
	for _, d := range details {
		if len(d.STAN) != 6 || !digits(d.STAN) || len(d.PAN) < shortestPAN || len(d.PAN) > longestPAN || !digits(d.PAN) ||
			d.PAN[0] == '0' || !fits(d.AmountFen, MaxBatchAmount) {
			return "", fmt.Errorf("%w: a detail has no room or is not digits", ErrBatch)
		}
		class := "00"
		if d.Foreign {
			class = "01"
		}
		_, _ = fmt.Fprintf(&out, "%s%s%0*s%012d", class, d.STAN, detailPAN, d.PAN, d.AmountFen)
	}
	return out.String(), nil
}

// ParseEndOfBatch reads F48 of the end of a batch: how many details were sent.
func ParseEndOfBatch(s string) (int, error) {
	if len(s) != endLen || !digits(s) {
		return 0, fmt.Errorf("%w: the count at the end is not %d digits", ErrBatch, endLen)
	}
	return int(number(s)), nil
}

// EncodeEndOfBatch reverses ParseEndOfBatch.
func EncodeEndOfBatch(n int) (string, error) {
	if !fits(int64(n), MaxBatchDetails) {
		return "", fmt.Errorf("%w: %d details", ErrBatch, n)
	}
	return fmt.Sprintf("%0*d", endLen, n), nil
}

func fits(v, most int64) bool { return v >= 0 && v <= most }

// digits reports whether s is decimal digits and nothing else.
func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// number reads up to 18 digits, which s has been found to be.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1 // not of digits; no figure is
	}
	return n
}
