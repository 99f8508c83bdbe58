package acquirer

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzIssuerTable gives the reader of an operator's table any file. What it accepts must be usable: every row is found
// again by a card of its length that begins with its number, unless a longer prefix is the card's.
func FuzzIssuerTable(f *testing.F) {
	const heading = "bin,pan_length,issuer,institution_code,type\n"
	f.Add(heading+"622202,19,ICBC,01020000,debit\n", "01020000")
	f.Add(heading+"62220,16,A,01020000,debit\n6222021234,16,B,03080000,credit\n", "")
	f.Add(heading+"622202,19,\"a, \"\"b\"\"\",01020000,\n", "x")
	f.Add(heading+"622202,12,A,01020000,debit\n", "")
	f.Add(strings.Join(strings.SplitAfter(issuersCSV, "\n")[:40], ""), "01030000")
	f.Fuzz(func(t *testing.T, table, uncontracted string) {
		issuers, err := ParseIssuerTable(table, uncontracted)
		if err != nil {
			return
		}
		for key, row := range issuers.rows {
			card, err := ParsePAN((string(key.iin) + "0000000000000000000")[:key.length])
			require.NoError(t, err)
			found, ok := issuers.Lookup(card)
			require.True(t, ok)
			require.Equal(t, key.length, found.Length)
			require.True(t, strings.HasPrefix(card.Reveal(), string(found.IIN)))
			require.GreaterOrEqual(t, len(found.IIN), len(row.IIN))
			require.Equal(t, row.Institution != uncontracted, row.Contracted)
		}
	})
}

// FuzzNumberingPlan gives the reader of the numbering table any file and asks it for any number. What passes is a number
// as it stands on the wire, and the table has a prefix of it.
func FuzzNumberingPlan(f *testing.F) {
	const heading = "prefix,operator,kind,source\n"
	f.Add(heading+"138,CMCC,person,a\n1381,CMCC,iot,a\n", payeeNumber)
	f.Add(heading+"1700,CT,mvno,a\n", "17001234567")
	f.Add(heading+"138,CMCC,person\n", "１３８00138001")
	f.Add(numberingCSV, "+8613800138001")
	f.Fuzz(func(t *testing.T, table, number string) {
		plan, err := ParseNumberingPlan(table)
		if err != nil {
			return
		}
		m, err := plan.Parse(number)
		if err != nil {
			return
		}
		require.Regexp(t, "^1[0-9]{10}$", number)
		require.Equal(t, number, m.Reveal())
		n := 7
		for ; n >= 3; n-- {
			if person, ok := plan.person[number[:n]]; ok {
				require.True(t, person)
				break
			}
		}
		require.GreaterOrEqual(t, n, 3)
		require.Equal(t, number[:3]+"****"+number[7:], fmt.Sprint(m))
	})
}

// FuzzTrack reads any text as track 2 and 3: no part of what is accepted prints, and the parts of track 2 are digits.
func FuzzTrack(f *testing.F) {
	f.Add(payerCard + "=30125201234567890")
	f.Add("99" + payerCard + "=1561560")
	f.Add("6222020000000000018=3012")
	f.Add("622202000000000001=3012=")
	f.Fuzz(func(t *testing.T, text string) {
		if track, err := ParseTrack2(text); err == nil {
			require.LessOrEqual(t, len(text), 37)
			_, err := ParsePAN(track.PAN().Reveal())
			require.NoError(t, err)
			require.Regexp(t, "^[0-9]{4}$", track.Expiry())
			require.True(t, strings.HasPrefix(text, track.PAN().Reveal()+"="+track.Expiry()))
			require.Equal(t, text, track.Reveal())
			require.Empty(t, fmt.Sprintf("%v%+v%#v%s%d", track, track, track, track, track))
		} else {
			requireQuiet(t, err, text)
		}
		if track, err := ParseTrack3(text); err == nil {
			require.Regexp(t, "^[0-9=]{1,104}$", text)
			require.Equal(t, text, track.Reveal())
		} else {
			requireQuiet(t, err, text)
		}
	})
}

var sixDigits = regexp.MustCompile("[0-9]{6}")

// requireQuiet wants an error not to repeat what was refused, when it may be a part of something secret.
func requireQuiet(t *testing.T, err error, text string) {
	if sixDigits.MatchString(text) {
		require.NotContains(t, err.Error(), text)
	}
}

// FuzzNumbers reads any text as each kind of number: what is accepted is written as it was read, and a card or mobile
// number that is refused is not repeated.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{payerCard, payeeNumber, "000000001234", "000001", "10000001", "898110000000001", "632800000001",
		"6222020000000000018 ", "-00000000001", "+12345"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pan, err := ParsePAN(text)
		if err == nil {
			require.Equal(t, text, pan.Reveal())
			require.Len(t, pan.Masked(), len(text))
		} else {
			requireQuiet(t, err, text)
		}
		if _, err := ParseMSISDN(text); err != nil {
			requireQuiet(t, err, text)
		}
		if fen, err := ParseFen(text); err == nil {
			require.Equal(t, text, fen.F4())
		}
		if stan, err := ParseSTAN(text); err == nil {
			require.Equal(t, text, stan.String())
		}
		if id, err := ParseTerminalID(text); err == nil {
			require.Equal(t, text, string(id))
			require.Len(t, text, 8)
		}
		if id, err := ParseMerchantID(text); err == nil {
			require.Equal(t, text, string(id))
			require.Len(t, text, 15)
		}
		if s, ok := ParseState(text); ok {
			require.Equal(t, text, s.String())
		}
	})
}

// FuzzRRN looks for the row that a reference number names: it is of the last ten years and has the number.
func FuzzRRN(f *testing.F) {
	f.Add("632800000001", int64(1_795_000_000))
	f.Add("036600000001", int64(1_735_000_000)) // the last day of a leap year
	f.Add("536600000001", int64(1_795_000_000)) // there is no such day
	f.Add("000000000000", int64(0))
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		now := time.Unix(seconds, 0)
		if year := now.In(Beijing).Year(); year < 1980 || year > 9000 {
			return
		}
		rrn, err := ParseRRN(text)
		id, idErr := RRN(text).ID(now)
		if err != nil {
			require.Error(t, idErr)
			return
		}
		if idErr != nil {
			return
		}
		require.Equal(t, rrn, id.RRN())
		age := now.In(Beijing).Year() - int(id.Date())/10_000
		require.GreaterOrEqual(t, age, 0)
		require.Less(t, age, 10)
	})
}

// FuzzToken opens any text as the confirmation of a payment: only the one that was made for it opens, and it says what
// it was made with.
func FuzzToken(f *testing.F) {
	w := newWorld(f)
	now := time.Unix(1_795_000_000, 0)
	parties := bound(w.term, mustMSISDN(f, payeeNumber), mustMSISDN(f, payerNumber), 1234)
	payee := PayeeRef{7, 3}
	token, err := w.sealToken(now, payee, parties)
	require.NoError(f, err)
	f.Add(token, int64(0), parties)
	f.Add(token, int64(120_000), parties)
	f.Add(token, int64(120_001), parties)
	f.Add(token, int64(-60_000), parties)
	f.Add(token, int64(0), bound(w.term, mustMSISDN(f, payeeNumber), mustMSISDN(f, payerNumber), 1235))
	f.Add(token[:63]+"=", int64(0), parties)
	f.Add("", int64(0), parties)
	f.Fuzz(func(t *testing.T, text string, later int64, other []byte) {
		later %= 10 * time.Hour.Milliseconds()
		c, err := w.openToken(now.Add(time.Duration(later)*time.Millisecond), text, other)
		if err != nil {
			return
		}
		// Each fuzzing process seals its own token: a text that opens is this one's, or was made by the double's key.
		require.Equal(t, parties, other)
		require.Equal(t, payee, c.payee)
		require.Equal(t, now, c.issued)
		require.LessOrEqual(t, later, w.Limits.TokenLife.Milliseconds())
		require.GreaterOrEqual(t, later, -tokenSkew.Milliseconds())
	})
}
