package dialogue

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	acquirer "example.com/ringback/switch"
)

// spokenRule turns what it finds into words. The rules of a language are applied one after the other; each leaves words
// only, so that a later one does not find them again.
type spokenRule struct {
	find  *regexp.Regexp
	words func(m []string) string // m[0] is what was found, the others its groups
}

// spokenRules have the forms that the texts of package acquirer write.
var spokenRules = map[acquirer.Language][]spokenRule{
	acquirer.Chinese: {
		{regexp.MustCompile(`\b(\d{1,2})月(\d{1,2})日(\d{1,2}):(\d{2})\b`), func(m []string) string {
			return zhNumber(whole(m[1])) + "月" + zhNumber(whole(m[2])) + "日" + zhClock(m[3], m[4])
		}},
		{regexp.MustCompile(`\b(\d{1,2}):(\d{2})\b`), func(m []string) string { return zhClock(m[1], m[2]) }},
		{regexp.MustCompile(`\b(\d{1,12})(?:\.(\d{2}))? ?元`), func(m []string) string {
			return amount(acquirer.Chinese, whole(m[1]), whole(m[2]))
		}},
		{maskedCard, func(m []string) string { return "尾号" + Digits(acquirer.Chinese, m[1]) }},
		{maskedNumber, func(m []string) string {
			return Digits(acquirer.Chinese, m[1]) + "，尾号" + Digits(acquirer.Chinese, m[2])
		}},
		{regexp.MustCompile(`\b(\d{1,4}) ?(分钟|小时|个|位|次|天|至|年|月|日|号)`), func(m []string) string { return zhCounted(m[1], m[2]) }},
		{allDigits, func(m []string) string { return Digits(acquirer.Chinese, m[0]) }},
		{regexp.MustCompile(`(\p{Han})\*`), func(m []string) string { return m[1] + "某" }}, // 王*明
	},
	acquirer.English: {
		{regexp.MustCompile(`\b(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{1,2}):(\d{2})\b`), func(m []string) string {
			return enMonths[m[2]] + " " + enNumber(whole(m[1])) + ", " + enClock(m[3], m[4])
		}},
		{regexp.MustCompile(`\b(\d{1,2}):(\d{2})\b`), func(m []string) string { return enClock(m[1], m[2]) }},
		{regexp.MustCompile(`\b(\d{1,12})(?:\.(\d{2}))? yuan\b`), func(m []string) string {
			return amount(acquirer.English, whole(m[1]), whole(m[2]))
		}},
		{maskedCard, func(m []string) string { return "ending " + Digits(acquirer.English, m[1]) }},
		{maskedNumber, func(m []string) string {
			return Digits(acquirer.English, m[1]) + ", ending " + Digits(acquirer.English, m[2])
		}},
		{regexp.MustCompile(`\b(\d{1,4}) ?min\b`), func(m []string) string { return enNumber(whole(m[1])) + " minutes" }},
		{regexp.MustCompile(`\b\d{1,2}\b`), func(m []string) string { return enNumber(whole(m[0])) }},
		{allDigits, func(m []string) string { return " " + Digits(acquirer.English, m[0]) + " " }},
		{regexp.MustCompile(`(\p{Han})\*`), func(m []string) string { return m[1] + "某" }},
	},
}

var (
	maskedCard   = regexp.MustCompile(`\b\d{6}\*{3,9}(\d{4})\b`)
	maskedNumber = regexp.MustCompile(`\b(\d{3})\*{4}(\d{4})\b`)
	allDigits    = regexp.MustCompile(`\d+`)

	enMonths = map[string]string{"Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "May": "May", "Jun": "June",
		"Jul": "July", "Aug": "August", "Sep": "September", "Oct": "October", "Nov": "November", "Dec": "December"}
)

// Spoken turns a text that was made to be read into words for the ear: amounts (一百元零五分), times, and numbers, codes and
// cards digit by digit, of a masked card its last four. A hidden character of a name is 某. What is left is letters,
// blanks, commas and full stops: no digit, no asterisk, no sign that a speech program could take for markup. Spoken
// text stays as it is.
func Spoken(l acquirer.Language, text string) string {
	if l != acquirer.English {
		l = acquirer.Chinese
	}
	text = acquirer.FoldWidth(strings.ToValidUTF8(text, " "))
	for _, r := range spokenRules[l] {
		text = r.find.ReplaceAllStringFunc(text, func(found string) string { return r.words(r.find.FindStringSubmatch(found)) })
	}
	return pauses(l, text)
}

// whole reads digits; the rules bound their number. Nothing at all is 0.
func whole(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func zhClock(hour, minute string) string {
	h := zhNumber(whole(hour)) + "点"
	switch m := whole(minute); {
	case m == 0:
		return h + "整"
	case m < 10:
		return h + "零" + zhNumber(m) + "分"
	default:
		return h + zhNumber(m) + "分"
	}
}

func enClock(hour, minute string) string {
	h := enNumber(whole(hour))
	switch m := whole(minute); {
	case m == 0:
		return h + " o'clock"
	case m < 10:
		return h + " zero " + enNumber(m)
	default:
		return h + " " + enNumber(m)
	}
}

// zhCounted writes a quantity and what is counted. Years, months and days are no quantities: 2 stays 二.
func zhCounted(n, what string) string {
	switch what {
	case "年":
		return Digits(acquirer.Chinese, n) + what
	case "月", "日", "号", "至":
		return zhNumber(whole(n)) + what
	}
	return counted(acquirer.Chinese, whole(n)) + what
}

// The marks between words, the stronger the greater.
const (
	join = iota
	blank
	comma
	stop
)

// pauses keeps letters and makes of everything between them a blank, a comma or a full stop. A blank beside a Chinese
// character is a comma: Chinese is written without blanks, so that it parts something.
func pauses(l acquirer.Language, text string) string {
	marks := []string{"", " ", "，", "。"}
	if l == acquirer.English {
		marks = []string{"", " ", ", ", ". "}
	}
	var out strings.Builder
	var last rune
	mark := join
	rs := []rune(text)
	for i, r := range rs {
		if !letter(rs, i) {
			mark = max(mark, markOf(r))
			continue
		}
		if mark == blank && l != acquirer.English && (unicode.Is(unicode.Han, r) || unicode.Is(unicode.Han, last)) {
			mark = comma
		}
		if out.Len() > 0 {
			out.WriteString(marks[mark])
		}
		out.WriteRune(r)
		last, mark = r, join
	}
	if mark == stop && out.Len() > 0 {
		out.WriteString(strings.TrimSpace(marks[stop]))
	}
	return out.String()
}

// letter reports whether the i-th rune belongs to a word: a letter, a mark upon one, or an apostrophe between two.
func letter(rs []rune, i int) bool {
	switch r := rs[i]; {
	case unicode.IsLetter(r), r == '〇':
		return true
	case unicode.IsMark(r):
		return i > 0 && unicode.IsLetter(rs[i-1])
	case r == '\'' || r == '’':
		return i > 0 && i+1 < len(rs) && unicode.IsLetter(rs[i-1]) && unicode.IsLetter(rs[i+1])
	}
	return false
}

func markOf(r rune) int {
	switch {
	case strings.ContainsRune(".。!?\n", r):
		return stop
	case strings.ContainsRune("*-·_ \t", r), r == '\u00A0':
		return blank
	}
	return comma
}
