package dialogue

import (
	"strings"

	acquirer "example.com/ringback/switch"
)

var (
	// zhSingle are digits that are read one by one: 1 is yao, so that it is not taken for 7 (yi and qi).
	zhSingle = []string{"零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"}
	zhDigits = []string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	zhPlaces = []string{"", "十", "百", "千"}
	zhMyriad = []string{"", "万", "亿", "万亿"}

	enDigits = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	enTeens  = []string{"ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"}
	enTens   = []string{"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
	enScales = []string{"", " thousand", " million", " billion", " trillion"}
)

// Digits writes digits to be read one by one, with a pause where people make one: a mobile number as 3, 4 and 4, a code
// of six as 3 and 3, anything else in fours. What is no digit is left out.
func Digits(l acquirer.Language, s string) string {
	words, between, pause := zhSingle, "", "，"
	if l == acquirer.English {
		words, between, pause = enDigits, " ", ", "
	}
	var groups []string
	for _, g := range grouped(onlyDigits(s)) {
		each := make([]string, len(g))
		for i := range g {
			each[i] = words[g[i]-'0']
		}
		groups = append(groups, strings.Join(each, between))
	}
	return strings.Join(groups, pause)
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// grouped cuts digits where people pause.
func grouped(s string) (groups []string) {
	switch len(s) {
	case 11:
		return []string{s[:3], s[3:7], s[7:]}
	case 6:
		return []string{s[:3], s[3:]}
	}
	for len(s) > 5 {
		groups, s = append(groups, s[:4]), s[4:]
	}
	return append(groups, s)
}

// number writes a quantity of 0 to 999,999,999,999 in words.
func number(l acquirer.Language, n int64) string {
	if l == acquirer.English {
		return enNumber(n)
	}
	return zhNumber(n)
}

// zhNumber reads in myriads; a gap of zeros is one zero. 2 before 千, 万 and 亿 is 两.
func zhNumber(n int64) string {
	if n == 0 {
		return zhDigits[0]
	}
	var out strings.Builder
	gap := false // zeros are behind what was written
	for i := len(zhMyriad) - 1; i >= 0; i-- {
		scale := int64(1)
		for range i {
			scale *= 10_000
		}
		section := int(n / scale % 10_000)
		if section == 0 {
			gap = out.Len() > 0
			continue
		}
		if out.Len() > 0 && (gap || section < 1000) {
			out.WriteString(zhDigits[0])
		}
		if section == 2 && i > 0 {
			out.WriteString("两")
		} else {
			out.WriteString(zhSection(section, out.Len() == 0))
		}
		out.WriteString(zhMyriad[i])
		gap = false
	}
	return out.String()
}

// zhSection writes 1 to 9999. first: it begins the number, where 10 is 十 and not 一十.
func zhSection(n int, first bool) string {
	if first && n >= 10 && n < 20 {
		return strings.TrimSuffix("十"+zhDigits[n-10], zhDigits[0])
	}
	var out strings.Builder
	gap := false
	for place, scale := 3, 1000; place >= 0; place, scale = place-1, scale/10 {
		d := n / scale % 10
		if d == 0 {
			gap = out.Len() > 0
			continue
		}
		if gap {
			out.WriteString(zhDigits[0])
		}
		gap = false
		if d == 2 && place == 3 {
			out.WriteString("两")
		} else {
			out.WriteString(zhDigits[d])
		}
		out.WriteString(zhPlaces[place])
	}
	return out.String()
}

func enNumber(n int64) string {
	if n == 0 {
		return enDigits[0]
	}
	var parts []string
	for i := len(enScales) - 1; i >= 0; i-- {
		scale := int64(1)
		for range i {
			scale *= 1000
		}
		if section := int(n / scale % 1000); section > 0 {
			parts = append(parts, enSection(section)+enScales[i])
		}
	}
	return strings.Join(parts, " ")
}

// enSection writes 1 to 999.
func enSection(n int) string {
	var parts []string
	if n >= 100 {
		parts = append(parts, enDigits[n/100]+" hundred")
	}
	switch n %= 100; {
	case n >= 20:
		parts = append(parts, enTens[n/10])
		if n%10 > 0 {
			parts = append(parts, enDigits[n%10])
		}
	case n >= 10:
		parts = append(parts, enTeens[n-10])
	case n > 0:
		parts = append(parts, enDigits[n])
	}
	return strings.Join(parts, " ")
}

// counted is a quantity in front of what is counted: 2 is 两 there.
func counted(l acquirer.Language, n int64) string {
	if n == 2 && l != acquirer.English {
		return "两"
	}
	return number(l, n)
}

// amount writes yuan and fen.
func amount(l acquirer.Language, yuan, fen int64) string {
	if l == acquirer.English {
		return enAmount(yuan, fen)
	}
	var out strings.Builder
	if yuan > 0 || fen == 0 {
		out.WriteString(counted(l, yuan) + "元")
	}
	if jiao := fen / 10; jiao > 0 {
		out.WriteString(zhDigits[jiao] + "角")
	} else if yuan > 0 && fen > 0 {
		out.WriteString(zhDigits[0])
	}
	if fen%10 > 0 {
		out.WriteString(zhDigits[fen%10] + "分")
	}
	return out.String()
}

func enAmount(yuan, fen int64) string {
	switch {
	case fen == 0:
		return enNumber(yuan) + " yuan"
	case yuan == 0:
		return enNumber(fen) + " fen"
	}
	return enNumber(yuan) + " yuan and " + enNumber(fen) + " fen"
}
