package acquirer

import (
	"strings"
	"unicode"
)

// The bounds of a name. A name field has room for 50 bytes of GBK, 25 Chinese characters (host dialect page, 7.3).
const (
	minName      = 2 // characters
	maxNameBytes = 2 * MaxNameLength
)

// CheckName judges the name of a registration, in the form of [NormalizeName]; empty is no reason against it. A name is
// either Chinese characters, rare ones too, with middle dots between its parts; or the letters A to Z with blanks, dots,
// hyphens and apostrophes between them. Look-alikes of either (Cyrillic and Greek letters, radicals, compatibility
// ideographs, signs that do not show) are refused by a reason of their own: two names that look the same must be the same.
func CheckName(name string) []Reason {
	han, latin, other := 0, 0, 0
	for _, r := range name {
		switch {
		case nameSeparator(r):
		case plainHan(r):
			han++
		case r < unicode.MaxASCII && unicode.IsLetter(r):
			latin++
		case lookAlike(r):
			return []Reason{ReasonLookAlike}
		default:
			other++
		}
	}
	chars := han + latin
	if other > 0 || han > 0 && latin > 0 || chars < minName || 2*han+latin > maxNameBytes || !wellParted(name, han > 0) {
		return []Reason{ReasonName}
	}
	return nil
}

func nameSeparator(r rune) bool { return strings.ContainsRune(" .-'·", r) }

// wellParted reports whether the separators stand between letters, and are those of the script.
func wellParted(name string, chinese bool) bool {
	allowed := " .-'"
	if chinese {
		allowed = string(middleDot)
	}
	between := true // at the beginning, or behind a separator
	for _, r := range name {
		if !nameSeparator(r) {
			between = false
			continue
		}
		if !strings.ContainsRune(allowed, r) || between && r != ' ' {
			return false
		}
		between = true
	}
	return !between || !chinese && strings.HasSuffix(name, ".")
}

// plainHan reports whether r is a Chinese character proper: of the unified ideographs or their extensions. Two extensions
// are younger than the tables of the standard library.
func plainHan(r rune) bool {
	extension := r >= 0x2EBF0 && r <= 0x2EE5D || r >= 0x323B0 && r <= 0x3347F
	return extension || unicode.Is(unicode.Unified_Ideograph, r) || r == '〇'
}

// lookAlike reports whether a reader may take r for a letter, a digit or a character that it is not, or not see it at all.
func lookAlike(r rune) bool {
	switch {
	case unicode.Is(unicode.Han, r): // radicals, compatibility ideographs, Hangzhou numerals
		return true
	case unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee, unicode.Coptic, unicode.Lisu, unicode.Hangul, unicode.Katakana, unicode.Hiragana, unicode.Bopomofo):
		return true
	case r > unicode.MaxASCII && unicode.In(r, unicode.Nd, unicode.Nl, unicode.No):
		return true
	case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cn, unicode.Mn, unicode.Me):
		return true
	case r >= 0x1D400 && r <= 0x1D7FF, r >= 0xFF00 && r <= 0xFFEF, r >= 0x2100 && r <= 0x214F, r >= 0x2460 && r <= 0x24FF:
		return true // mathematical, half- and full-width, letter-like, enclosed
	}
	return false
}
