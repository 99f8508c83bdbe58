package acquirer

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// issuersCSV lists issuer identification numbers with the length of the cards under them. It comes from two public
// tables of about 2013-14 that agree; newer products are missing, so that an acquirer brings a table of its own.
//
//go:embed issuers.csv
var issuersCSV string

// IIN is an issuer identification number: the first five to ten digits of a card number.
type IIN string

// CardKind is the kind of account behind a card.
type CardKind string

// The kinds of card in the table.
const (
	Debit       CardKind = "debit"
	Credit      CardKind = "credit"
	QuasiCredit CardKind = "quasi-credit"
	Prepaid     CardKind = "prepaid"
)

// Issuer is one row of the issuer table.
type Issuer struct {
	IIN         IIN
	Length      int // of the whole card number
	Name        string
	Institution string // 8 digits
	Kind        CardKind
	Contracted  bool // false: the institution has no contract, and its cards are refused with 31
}

// IssuerTable finds the issuer of a card by the longest prefix among the rows whose card length is the card's.
type IssuerTable struct {
	rows map[issuerKey]Issuer
}

type issuerKey struct {
	iin    IIN
	length int
}

// LoadIssuerTable reads the built-in table. Institutions of uncontracted (8-digit codes) get no contract, all others
// have one.
func LoadIssuerTable(uncontracted ...string) (*IssuerTable, error) {
	return ParseIssuerTable(issuersCSV, uncontracted...)
}

// ParseIssuerTable reads a table of the columns bin, pan_length, issuer, institution_code and type, with a heading.
func ParseIssuerTable(table string, uncontracted ...string) (*IssuerTable, error) {
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("issuer table: %w", err)
	}
	if len(rows) < 2 {
		return nil, errors.New("issuer table: no rows")
	}
	without := make(map[string]bool, len(uncontracted))
	for _, code := range uncontracted {
		without[code] = true
	}
	t := &IssuerTable{rows: make(map[issuerKey]Issuer, len(rows))}
	for _, r := range rows[1:] {
		i, err := parseIssuer(r)
		if err != nil {
			return nil, err
		}
		i.Contracted = !without[i.Institution]
		t.rows[issuerKey{i.IIN, i.Length}] = i
	}
	return t, nil
}

func parseIssuer(r []string) (Issuer, error) {
	if len(r) < 5 || !digits(r[0]) || len(r[0]) < 5 || len(r[0]) > 10 || len(r[3]) != 8 || !digits(r[3]) {
		return Issuer{}, fmt.Errorf("issuer table: bad row %q", r)
	}
	n, err := strconv.Atoi(r[1])
	if err != nil || n < 13 || n > 19 {
		return Issuer{}, fmt.Errorf("issuer table: bad card length in row %q", r)
	}
	return Issuer{IIN: IIN(r[0]), Length: n, Name: r[2], Institution: r[3], Kind: CardKind(r[4])}, nil
}

// Lookup returns the issuer of a card; ok is false when no row has both its length and a prefix of it.
func (t *IssuerTable) Lookup(card PAN) (Issuer, bool) {
	pan := card.Reveal()
	for n := min(10, len(pan)); n >= 5; n-- {
		if i, ok := t.rows[issuerKey{IIN(pan[:n]), len(pan)}]; ok {
			return i, true
		}
	}
	return Issuer{}, false
}
