package clearing

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const member = "48540000"

// debit is a line that wants for nothing.
func debit() Record {
	return Record{
		Acquirer: member, Forwarder: member, Trace: "000001", Time: "0625120000", Card: NewPAN("6222020000000000018"),
		Amount: 1234, MTI: "0200", Processing: "400000", MerchantType: "6012", Terminal: "10000001",
		Merchant: "898110000000001", Reference: "817600000001", Condition: "00", AuthCode: "000001", Receiver: "01020000",
		Response: "00", EntryMode: "021", FeeReceivable: -17, SwitchingFee: 3, MessageFlag: "1", Issuer: "01020000",
		TerminalType: "03", Credited: NewPAN("6217000000000000012"),
	}
}

// line is the line of a record, changed before it is written.
func line(t testing.TB, e Edition, change func(*Record)) []byte {
	t.Helper()
	r := debit()
	if change != nil {
		change(&r)
	}
	b, err := r.Append(nil, e)
	require.NoError(t, err)
	require.Len(t, b, int(e))
	return b
}

// file is lines with an end behind each.
func file(end string, lines ...[]byte) []byte {
	var b []byte
	for _, l := range lines {
		b = append(append(b, l...), end...)
	}
	return b
}

// put writes text into a copy of a line.
func put(line []byte, at int, text string) []byte {
	b := bytes.Clone(line)
	copy(b[at:], text)
	return b
}

func date(t testing.TB, s string) time.Time {
	t.Helper()
	d, err := time.Parse("2006-01-02", s)
	require.NoError(t, err)
	return d
}

// lettered is a file's reader that gives one byte at a time.
type lettered struct{ *strings.Reader }

func (l lettered) Read(p []byte) (int, error) { return l.Reader.Read(p[:min(1, len(p))]) }
