package dialogue

import (
	"strings"
	"unicode"

	acquirer "example.com/ringback/switch"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// readBack is how an entry is read back: a line with a value, then how to answer.
func readBack(w line, value string) []spoken { return []spoken{{w, []any{value}}, {w: lineRight}} }

// numberEntry asks for a mobile number; it is read back whole.
func numberEntry(l acquirer.Language) entry {
	return entry{ask: lineNumber, bad: lineBadNumber, most: numberKeys, good: isMobile,
		read: func(s string) []spoken { return readBack(lineReadNumber, Digits(l, s)) }}
}

func isMobile(s string) bool {
	_, err := acquirer.ParseMSISDN(s)
	return err == nil
}

// cardEntry asks for a card; only its last four digits are read back, for others may hear them. A mistyped one is seen
// here and costs no request; whether its bank can be paid is for the inbox to say.
func cardEntry(l acquirer.Language) entry {
	return entry{ask: lineCard, bad: lineBadCard, most: cardKeys,
		good: func(s string) bool {
			card, err := acquirer.ParsePAN(s)
			return err == nil && card.Luhn()
		},
		read: func(s string) []spoken { return readBack(lineReadCard, Digits(l, s[len(s)-4:])) }}
}

// codeEntry asks for six digits; they are not read back, for a wrong one changes nothing.
func codeEntry(ask line) entry {
	return entry{ask: ask, bad: lineBadCode, most: codeKeys, good: func(s string) bool { return len(s) == codeKeys }}
}

// nameEntry asks for a name by the codes of its characters and reads back the name.
func nameEntry() entry {
	return entry{ask: lineName, bad: lineBadName, most: nameKeys,
		good: func(s string) bool { return nameOf(s) != "" },
		read: func(s string) []spoken { return readBack(lineReadName, nameOf(s)) }}
}

// nameOf reads a name that was keyed by character codes (区位码, GB/T 2312: row and place of a character, two digits each), the
// one code of Chinese characters in digits that people have met on forms. Empty: it is none.
func nameOf(keys string) string {
	if len(keys)%4 != 0 || len(keys) > nameKeys {
		return ""
	}
	var name strings.Builder
	for ; keys != ""; keys = keys[4:] {
		r := characterAt(keys[:4])
		if r == 0 {
			return ""
		}
		name.WriteRune(r)
	}
	if s := acquirer.NormalizeName(name.String()); len(acquirer.CheckName(s)) == 0 {
		return s
	}
	return ""
}

// characterAt returns the character of GB/T 2312 with a code of four digits, or 0: a Chinese character or the middle dot.
func characterAt(s string) rune {
	row, place := 10*(s[0]-'0')+s[1]-'0', 10*(s[2]-'0')+s[3]-'0'
	if row < 1 || row > 94 || place < 1 || place > 94 {
		return 0
	}
	b, err := simplifiedchinese.GBK.NewDecoder().Bytes([]byte{0xA0 + row, 0xA0 + place})
	if err != nil {
		return 0
	}
	r := []rune(string(b))[0]
	if unicode.Is(unicode.Unified_Ideograph, r) || r == '·' {
		return r
	}
	return 0
}
