package clearing

// Edition is a layout of the lines. Its number is their length in bytes without the line end.
type Edition int

// The editions. Sources disagree on which is in force when, so both are read, but never in one file.
const (
	Short Edition = 299 // 34 columns
	Long  Edition = 500 // the same, and five more
)

// shortColumns is how many columns the short edition has.
const shortColumns = 34

// form is what may stand in a column.
type form uint8

const (
	formDigits   form = iota // digits, all of the width
	formBlank                // as formDigits, or all blank
	formCode                 // digits from the left, at least one, then blanks
	formMaybe                // as formCode, or all blank
	formCard                 // a card number: 13 to 19 digits, then blanks
	formMaybeTo              // as formCard, or all blank
	formClock                // MMDDhhmmss
	formFen                  // digits, all of the width
	formFee                  // digits, or C or D and digits, all of the width, or all blank
	formText                 // printable ASCII, blanks behind it do not count
	formMustText             // as formText, not blank
	formGBK                  // GBK text, blanks behind it do not count
)

// column is one column of a line. Exactly one of text and fen is set.
type column struct {
	name  string // for people
	width int    // bytes
	form  form
	text  func(*Record) *string
	fen   func(*Record) *int64
}

// columns are both editions' columns in order; one blank stands between two (host dialect, section 5.1).
var columns = append(keyColumns(), append(detailColumns(), longColumns()...)...)

func keyColumns() []column {
	return []column{
		{"acquirer", 11, formCode, func(r *Record) *string { return &r.Acquirer }, nil},
		{"forwarder", 11, formCode, func(r *Record) *string { return &r.Forwarder }, nil},
		{"trace", 6, formDigits, func(r *Record) *string { return &r.Trace }, nil},
		{"time", 10, formClock, func(r *Record) *string { return &r.Time }, nil},
		{"card", 19, formCard, func(r *Record) *string { return &r.Card.s }, nil},
		{"amount", 12, formFen, nil, func(r *Record) *int64 { return &r.Amount }},
		{"partial amount", 12, formFee, nil, func(r *Record) *int64 { return &r.PartialAmount }},
		{"cardholder fee", 12, formFee, nil, func(r *Record) *int64 { return &r.CardholderFee }},
		{"message type", 4, formDigits, func(r *Record) *string { return &r.MTI }, nil},
		{"processing code", 6, formDigits, func(r *Record) *string { return &r.Processing }, nil},
		{"merchant type", 4, formBlank, func(r *Record) *string { return &r.MerchantType }, nil},
		{"terminal", 8, formText, func(r *Record) *string { return &r.Terminal }, nil},
		{"merchant", 15, formText, func(r *Record) *string { return &r.Merchant }, nil},
		{"reference", 12, formText, func(r *Record) *string { return &r.Reference }, nil},
		{"condition", 2, formBlank, func(r *Record) *string { return &r.Condition }, nil},
		{"authorization code", 6, formText, func(r *Record) *string { return &r.AuthCode }, nil},
		{"receiver", 11, formMaybe, func(r *Record) *string { return &r.Receiver }, nil},
		{"original trace", 6, formBlank, func(r *Record) *string { return &r.OriginalTrace }, nil},
		{"response code", 2, formMustText, func(r *Record) *string { return &r.Response }, nil},
		{"entry mode", 3, formBlank, func(r *Record) *string { return &r.EntryMode }, nil},
	}
}

func detailColumns() []column {
	return []column{
		{"fee receivable", 12, formFee, nil, func(r *Record) *int64 { return &r.FeeReceivable }},
		{"fee payable", 12, formFee, nil, func(r *Record) *int64 { return &r.FeePayable }},
		{"switching fee", 12, formFee, nil, func(r *Record) *int64 { return &r.SwitchingFee }},
		{"message flag", 1, formText, func(r *Record) *string { return &r.MessageFlag }, nil},
		{"card sequence", 3, formBlank, func(r *Record) *string { return &r.CardSequence }, nil},
		{"terminal ability", 1, formText, func(r *Record) *string { return &r.Ability }, nil},
		{"chip condition", 1, formText, func(r *Record) *string { return &r.ChipCondition }, nil},
		{"original time", 10, formBlank, func(r *Record) *string { return &r.OriginalTime }, nil},
		{"issuer", 11, formMaybe, func(r *Record) *string { return &r.Issuer }, nil},
		{"region", 1, formText, func(r *Record) *string { return &r.Region }, nil},
		{"terminal type", 2, formText, func(r *Record) *string { return &r.TerminalType }, nil},
		{"ECI", 2, formText, func(r *Record) *string { return &r.ECI }, nil},
		{"instalment fee", 12, formFee, nil, func(r *Record) *int64 { return &r.InstalmentFee }},
		{"other", 14, formGBK, func(r *Record) *string { return &r.Other }, nil},
	}
}

func longColumns() []column {
	return []column{
		{"card credited", 19, formMaybeTo, func(r *Record) *string { return &r.Credited.s }, nil},
		{"instalments", 2, formText, func(r *Record) *string { return &r.Instalments }, nil},
		{"order", 40, formGBK, func(r *Record) *string { return &r.Order }, nil},
		{"pay mode", 4, formText, func(r *Record) *string { return &r.PayMode }, nil},
		{"reserved", 131, formGBK, func(r *Record) *string { return &r.Reserved }, nil},
	}
}

// columns are those of an edition.
func (e Edition) columns() []column {
	if e == Short {
		return columns[:shortColumns]
	}
	return columns
}
