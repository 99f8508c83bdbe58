package clearing

import (
	"strings"
	"time"
)

// fileType is the end of the name of an acquirer's general detail.
const fileType = "ACOMN"

// Name is the name of a file: IND, the settlement date as yymmdd, the batch, ACOMN (IND18062501ACOMN).
type Name struct {
	Date  time.Time // midnight UTC of the settlement date
	Batch string    // two digits: 01 and on, or 99
}

// ParseName reads a file's name, without a folder. The error is [ErrName].
func ParseName(s string) (Name, error) {
	rest, ok := strings.CutPrefix(s, "IND")
	rest, typed := strings.CutSuffix(rest, fileType)
	if !ok || !typed || len(rest) != 8 || wholeDigits([]byte(rest)) != 0 || rest[6:] == "00" {
		return Name{}, ErrName
	}
	date, err := time.Parse("20060102", "20"+rest[:6])
	if err != nil {
		return Name{}, ErrName
	}
	return Name{Date: date, Batch: rest[6:]}, nil
}

// String is the form that [ParseName] reads.
func (n Name) String() string { return "IND" + n.Date.Format("060102") + n.Batch + fileType }
