package acquirer

import (
	"strings"
	"unicode"
)

// MaxNameLength is the largest number of characters of a registered name: 25, the field length that the rules for
// names in ethnic scripts ask for (host dialect page, section 7.3).
const MaxNameLength = 25

// middleDot is the separator within transliterated names, U+00B7, A1A4 in GBK.
const middleDot = '·'

// NormalizeName trims a name, joins runs of blanks and turns look-alikes of the middle dot into U+00B7, so that one
// person's name is written one way.
func NormalizeName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch r {
		case '•', '・', '‧', '∙', '⋅', '･', '．':
			return middleDot
		case '\u3000', '\u00A0', '\t':
			return ' '
		}
		return r
	}, name)
	return strings.Join(strings.Fields(name), " ")
}

// MaskName hides the second character of a name as '*' (patent paragraph [0046], claim 2): 王小明 is shown as 王*明,
// 王明 as 王*. Characters are code points, a combining mark belongs to the one before it, and neither the middle dot nor
// a blank counts: the hidden one is always a letter. A name of one character is hidden whole. In a name that is
// written with an alphabet the second letter of every word is hidden, since one letter of LI MING hides nothing.
func MaskName(name string) string {
	chars := splitName(NormalizeName(name))
	if countLetters(chars) == 1 {
		return "*"
	}
	if hasHan(name) || !hideSecond(chars, true) {
		hideSecond(chars, false)
	}
	return strings.Join(chars, "")
}

// hideSecond hides the second letter of the name, or of each word; it reports whether there was one.
func hideSecond(chars []string, everyWord bool) (hidden bool) {
	letters := 0
	for i, c := range chars {
		switch {
		case c == " " && everyWord:
			letters = 0
		case c == " " || c == string(middleDot):
		default:
			if letters++; letters == 2 {
				chars[i], hidden = "*", true
			}
		}
	}
	return hidden
}

// splitName cuts a name into what a reader takes for characters.
func splitName(name string) []string {
	var out []string
	for _, r := range name {
		if len(out) > 0 && (unicode.Is(unicode.M, r) || r == '\u200D') {
			out[len(out)-1] += string(r)
			continue
		}
		out = append(out, string(r))
	}
	return out
}

func hasHan(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

func countLetters(chars []string) int {
	n := 0
	for _, c := range chars {
		if c != " " && c != string(middleDot) {
			n++
		}
	}
	return n
}
