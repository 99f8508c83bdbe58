package acquirer

import (
	"fmt"
	"strconv"
)

// Fen is an amount of money in fen, a hundredth of a yuan (F4, currency 156). It is never negative on a wire.
type Fen int64

// MaxFen is the largest amount that F4 (n12) can carry.
const MaxFen Fen = 999_999_999_999

// ParseFen reads the twelve digits of F4. It refuses any other length and anything but digits.
func ParseFen(s string) (Fen, error) {
	if len(s) != 12 || !digits(s) {
		return 0, fmt.Errorf("amount is not 12 digits")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return Fen(n), err
}

// F4 writes the amount as the twelve digits of F4.
func (f Fen) F4() string { return fmt.Sprintf("%012d", int64(f)) }

// String writes the amount in yuan with two decimals, as on a receipt: 1234 fen is "12.34".
func (f Fen) String() string {
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	return fmt.Sprintf("%s%d.%02d", sign, int64(f)/100, int64(f)%100)
}

// digits reports whether s is not empty and holds ASCII digits only.
func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
