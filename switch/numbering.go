package acquirer

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
)

// numberingCSV is the mainland allocation table to 2023-03-31; a newer public one is not known.
//
//go:embed numbering.csv
var numberingCSV string

// NumberingDate is the day to which the built-in allocation table reaches.
const NumberingDate = "2023-03-31"

// NumberingPlan knows which mobile prefixes belong to people. The longest prefix of a number decides, and only
// subscribers of operators and of virtual operators pass. Four blocks on which sources differ were decided so:
//
//   - 145 is refused: a data card prefix without voice, listed for machines;
//   - 149 is accepted: its cards carry voice, although one public library calls it invalid;
//   - 172 is accepted: the allocation table and a second list say mobile, one list says machines; refusing it would
//     turn away people;
//   - 1349 is refused: a satellite block, whose numbers are not sold to mobile subscribers.
type NumberingPlan struct {
	person map[string]bool // by prefix; false: allotted to something that is no subscriber
}

// LoadNumberingPlan reads the built-in table.
func LoadNumberingPlan() (*NumberingPlan, error) { return ParseNumberingPlan(numberingCSV) }

// ParseNumberingPlan reads a table of the columns prefix, operator, kind and source, with a heading. Kinds person and
// mvno may be paid, all others are refused.
func ParseNumberingPlan(table string) (*NumberingPlan, error) {
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("numbering table: %w", err)
	}
	if len(rows) < 2 {
		return nil, errors.New("numbering table: no rows")
	}
	p := &NumberingPlan{person: make(map[string]bool, len(rows))}
	for _, r := range rows[1:] {
		if len(r) < 3 || !digits(r[0]) || len(r[0]) < 3 || len(r[0]) > 7 {
			return nil, fmt.Errorf("numbering table: bad row %q", r)
		}
		p.person[r[0]] = r[2] == "person" || r[2] == "mvno"
	}
	return p, nil
}

// Parse reads a number as it stands on the terminal's wire, strictly 11 ASCII digits, and checks it against the plan.
func (p *NumberingPlan) Parse(s string) (MSISDN, error) {
	m, err := ParseMSISDN(s)
	if err != nil {
		return MSISDN{}, err
	}
	for n := 7; n >= 3; n-- {
		if person, ok := p.person[s[:n]]; ok {
			if !person {
				return MSISDN{}, fmt.Errorf("prefix %s belongs to no subscriber", s[:n])
			}
			return m, nil
		}
	}
	return MSISDN{}, fmt.Errorf("prefix %s is not allotted", s[:3])
}
