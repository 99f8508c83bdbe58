package emulator

import "strings"

// PlausibleNumber reports whether a number could be that of a person with a mainland mobile telephone: eleven ASCII
// digits with an allotted beginning. The terminal's table is short and rather lenient, because terminals are updated
// seldom: the switch has the last word, and the terminal must not refuse anybody the switch would take.
func PlausibleNumber(number string) bool {
	if len(number) != 11 || number[0] != '1' || !digitsOnly(number) {
		return false
	}
	return strings.IndexByte(allottedThird(number[1]), number[2]) >= 0
}

// allottedThird returns the third digits that are in use behind 1 and a second digit.
func allottedThird(second byte) string {
	switch second {
	case '3', '8':
		return "0123456789"
	case '4':
		return "579"
	case '5', '9':
		return "012356789"
	case '6':
		return "2567"
	case '7':
		return "012345678"
	}
	return ""
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
