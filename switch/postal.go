package acquirer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// postalMarks are the signs of an address beside letters, digits and Chinese characters. None ends a line.
const postalMarks = " -#/.,'()&·—、。【】《》“”"

// parsePostal reads a postal address: two to five lines, parted by semicolons or line ends, of which the first is the
// postcode of six digits and none is wider than [PostalWidth]. Full-width forms count as plain ones. The characters are
// Chinese ones (GB 18030 has all of them), printable ASCII and a few marks; what prints otherwise, or not at all, is
// refused. It returns the lines joined by semicolons, each trimmed: parsing that again changes nothing. The recipient is no
// part of it: that is the payee's name.
func parsePostal(s string) (string, error) {
	var lines []string
	for line := range strings.FieldsFuncSeq(FoldWidth(s), func(r rune) bool { return r == ';' || r == '\n' || r == '\r' }) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) < 2 || len(lines) > PostalLines {
		return "", fmt.Errorf("postal address has not 2 to %d lines", PostalLines)
	}
	if len(lines[0]) != 6 || !digits(lines[0]) {
		return "", fmt.Errorf("postal address does not begin with a postcode of six digits")
	}
	for _, line := range lines {
		if strings.ContainsFunc(line, func(r rune) bool { return !postal(r) }) || !strings.ContainsFunc(line, said) {
			return "", fmt.Errorf("a line of the postal address holds what cannot be printed, or nothing")
		}
		if postalWidth(line) > PostalWidth {
			return "", fmt.Errorf("a line of the postal address is wider than the window of an envelope")
		}
	}
	return strings.Join(lines, ";"), nil
}

// postal reports whether an address may hold the character.
func postal(r rune) bool { return said(r) || strings.ContainsRune(postalMarks, r) }

// said reports whether the character says something: no mark, no blank.
func said(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || plainHan(r)
}

// postalWidth is the width of a line in halves of a Chinese character.
func postalWidth(line string) (width int) {
	for _, r := range line {
		if width++; r >= utf8.RuneSelf {
			width++
		}
	}
	return width
}
