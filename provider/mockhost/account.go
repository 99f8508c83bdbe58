package mockhost

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"example.com/ringback/spec/cups"
)

// Status is the state of a card at its issuer.
type Status string

// The states of a card and the answer, F39, that each but the first gives.
const (
	StatusNormal     Status = "normal"
	StatusPickUp     Status = "pickup"     // 04
	StatusLost       Status = "lost"       // 41
	StatusStolen     Status = "stolen"     // 43
	StatusNoTransfer Status = "notransfer" // 57
	StatusInactive   Status = "inactive"   // 62
	StatusClosed     Status = "closed"     // 42
)

// Account is one card account of an issuer. Cards are invented ones.
type Account struct {
	PAN         string // F2, 13 to 19 digits
	PIN         string // 4 to 12 digits
	Expiry      string // YYMM, good to the end of that month
	Status      Status
	Institution string // issuer's code, F100; "" if it is not to be told
	LimitFen    int64  // most for one transaction, fen; 0 is no limit
	BalanceFen  int64  // opening balance, fen
	Name        string // holder's; "" if the issuer verifies no names
}

// String shows the card masked and never the PIN.
func (a Account) String() string { return mask(a.PAN) }

// GoString is String, so that %#v shows no more.
func (a Account) GoString() string { return a.String() }

func (a Account) check() error {
	switch {
	case !digits(a.PAN, 13, 19):
		return fmt.Errorf("%w: card number is not 13 to 19 digits", ErrConfig)
	case !digits(a.PIN, 4, 12):
		return fmt.Errorf("%w: card %s: PIN is not 4 to 12 digits", ErrConfig, a)
	case !digits(a.Expiry, 4, 4) || a.Expiry[2:] < "01" || a.Expiry[2:] > "12":
		return fmt.Errorf("%w: card %s: expiry is not YYMM", ErrConfig, a)
	case a.Status.refusal() == "" && a.Status != StatusNormal:
		return fmt.Errorf("%w: card %s: status is not normal, pickup, lost, stolen, notransfer or inactive", ErrConfig, a)
	case a.Institution != "" && !digits(a.Institution, 1, 11):
		return fmt.Errorf("%w: card %s: institution is not 1 to 11 digits", ErrConfig, a)
	case a.BalanceFen < 0 || a.BalanceFen > MaxBalanceFen || a.LimitFen < 0:
		return fmt.Errorf("%w: card %s: amount out of range", ErrConfig, a)
	}
	return nil
}

// refusal is the F39 of a card in this state; "" if it may be used.
func (s Status) refusal() string {
	switch s {
	case StatusPickUp:
		return codePickUp
	case StatusLost:
		return codeLost
	case StatusStolen:
		return codeStolen
	case StatusNoTransfer:
		return codeNotAllowed
	case StatusInactive:
		return codeRestricted
	case StatusClosed:
		return codeNoAccount
	}
	return ""
}

// DemoAccounts is the demo world: the payers' cards with PIN 123456, and the
// payees' cards with nothing on them.
func DemoAccounts() []Account {
	card := func(pan, expiry string, status Status, institution string, yuan int64) Account {
		return Account{
			PAN: pan, PIN: "123456", Expiry: expiry, Status: status,
			Institution: institution, BalanceFen: yuan * 100, Name: demoHolders[pan],
		}
	}
	return []Account{
		card("6222020000000000018", "3012", StatusNormal, "01020000", 1_000_000),
		card("6225880000000019", "3012", StatusNormal, "03080000", 1),
		card("6222020000000000026", "2001", StatusNormal, "01020000", 1_000),
		card("6222020000000000034", "3012", StatusLost, "01020000", 1_000),
		card("6217000000000000012", "3012", StatusNormal, "01050000", 0),
		card("6228480000000000018", "3012", StatusNormal, "01030000", 0),
		card("6216610000000000016", "3012", StatusNormal, "01040000", 0),
		card("6212260000000000018", "3012", StatusNormal, "01020000", 0),
		card("6227000000000000011", "3012", StatusNormal, "01050000", 0),
	}
}

// demoHolders are the names of the demo world's payees, by card.
var demoHolders = map[string]string{
	"6217000000000000012": "王小明",
	"6228480000000000018": "李明",
	"6216610000000000016": "欧阳小明",
	"6212260000000000018": "买买提·艾力",
	"6227000000000000011": "张三丰",
}

// accountColumns is the first line of an accounts file. The holder's name may follow as one more.
func accountColumns() []string {
	return []string{"pan", "pin", "expiry", "status", "institution", "limit_fen", "balance_fen"}
}

// ParseAccounts reads accounts as CSV. The first line is
//
//	pan,pin,expiry,status,institution,limit_fen,balance_fen
//
// or the same with ,name behind it. The error is ErrConfig with the line, or the reader's; it shows no card number.
func ParseAccounts(r io.Reader) ([]Account, error) {
	rows := csv.NewReader(r)
	head, err := rows.Read()
	if err != nil || !slices.Equal(head, accountColumns()) && !slices.Equal(head, append(accountColumns(), "name")) {
		return nil, fmt.Errorf("%w: accounts do not begin with %s", ErrConfig, strings.Join(accountColumns(), ","))
	}
	var list []Account
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: accounts: %w", ErrConfig, err)
		}
		account, err := parseAccount(row)
		if err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("accounts, line %d: %w", line, err)
		}
		list = append(list, account)
	}
}

func parseAccount(row []string) (Account, error) {
	limit, limitErr := strconv.ParseInt(row[5], 10, 64)
	balance, balanceErr := strconv.ParseInt(row[6], 10, 64)
	if limitErr != nil || balanceErr != nil {
		return Account{}, fmt.Errorf("%w: amounts are whole numbers of fen", ErrConfig)
	}
	a := Account{
		PAN: row[0], PIN: row[1], Expiry: row[2], Status: Status(row[3]),
		Institution: row[4], LimitFen: limit, BalanceFen: balance,
	}
	if len(row) > len(accountColumns()) {
		a.Name = row[7]
	}
	return a, a.check()
}

// digits reports whether s is from least to most ASCII digits.
func digits(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

// mask is a card number as it may be logged.
func mask(pan string) string { return cups.MaskField(2, pan) }
