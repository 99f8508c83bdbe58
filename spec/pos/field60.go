package pos

import "fmt"

// Field60 is the private field that classes a message (UnionPay POS dialect,
// section 3.1).
type Field60 struct {
	Kind    string // 60.1, two digits
	Batch   string // 60.2, six digits
	NetMgmt string // 60.3, three digits; "" in the short form
	Rest    string // 60.4 and on, up to six digits
}

// ParseField60 splits F60. It has 8 digits, or 11 to 17; anything else is an
// error.
func ParseField60(s string) (Field60, error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return Field60{}, fmt.Errorf("F60 is not digits")
		}
	}
	if len(s) != 8 && (len(s) < 11 || len(s) > 17) {
		return Field60{}, fmt.Errorf("F60 of %d digits", len(s))
	}
	f := Field60{Kind: s[:2], Batch: s[2:8]}
	if len(s) > 8 {
		f.NetMgmt, f.Rest = s[8:11], s[11:]
	}
	return f, nil
}

// String joins the parts again.
func (f Field60) String() string { return f.Kind + f.Batch + f.NetMgmt + f.Rest }
