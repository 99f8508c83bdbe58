package spec

import (
	"strconv"
	"strings"
)

// Mask is how much of a field a person may see.
type Mask uint8

const (
	// MaskNone shows the value.
	MaskNone Mask = iota
	// MaskText shows text, but for card and mobile numbers that stand in it.
	MaskText
	// MaskPAN shows the first six and the last four digits.
	MaskPAN
	// MaskShort shows up to twelve printable characters, hides anything longer.
	MaskShort
	// MaskElements shows the tags of an element list, masked mobile numbers and
	// the terminal's display text.
	MaskElements
	// MaskBytes shows hex.
	MaskBytes
	// MaskHidden shows the number of bytes only.
	MaskHidden
)

// shortestPAN is the length from which a run of digits is taken for a card number.
const shortestPAN = 13

// MaskField returns what may be shown, logged or stored in clear of the value of
// field id. A field the dialect does not define is hidden. Whatever value holds,
// malformed or not, the result has no card number, no track, no PIN block, no
// whole mobile number, no person's name and no key, provided that the dialect
// puts those into the fields it says.
func (t *Table) MaskField(id int, value string) string {
	f, ok := t.Format(id)
	if !ok {
		return hidden(len(value))
	}
	return f.Mask.Apply(value)
}

// Apply masks one value.
func (m Mask) Apply(value string) string {
	switch m {
	case MaskNone:
		return printable(value)
	case MaskText:
		return Scrub(printable(value))
	case MaskPAN:
		return MaskPANDigits(value)
	case MaskShort:
		if len(value) <= 12 && Printable(value) {
			return Scrub(value)
		}
	case MaskElements:
		return maskElements([]byte(value))
	case MaskBytes:
		return string(upperHex([]byte(value)))
	}
	return hidden(len(value))
}

// MaskPANDigits shows the first six and last four of 13 to 19 digits and hides
// anything else: what is not a card number may be a part of one.
func MaskPANDigits(pan string) string {
	if len(pan) < shortestPAN || len(pan) > 19 || !allDigits(pan) {
		return hidden(len(pan))
	}
	return pan[:6] + strings.Repeat("*", len(pan)-10) + pan[len(pan)-4:]
}

// MaskMobile shows a mainland number as 138****8001 and hides anything else.
func MaskMobile(number string) string {
	if len(number) != 11 || !allDigits(number) {
		return hidden(len(number))
	}
	return number[:3] + "****" + number[7:]
}

// Scrub masks every run of 13 or more digits and every mobile number in a text.
func Scrub(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		n := digitRun(text)
		if n == 0 {
			end := strings.IndexFunc(text, func(r rune) bool { return r >= '0' && r <= '9' })
			if end < 0 {
				end = len(text)
			}
			out.WriteString(text[:end])
			text = text[end:]
			continue
		}
		out.WriteString(scrubDigits(text[:n]))
		text = text[n:]
	}
	return out.String()
}

// scrubDigits masks one run of digits. A mobile number may have a country code
// in front, so runs of 11 and more keep their ends only.
func scrubDigits(run string) string {
	switch {
	case len(run) < 11:
		return run
	case len(run) == 11:
		return MaskMobile(run)
	}
	return run[:2] + strings.Repeat("*", len(run)-6) + run[len(run)-4:]
}

// maskElements renders an element list; a malformed one is hidden whole.
func maskElements(b []byte) string {
	els, err := ParseElements(b)
	if err != nil || len(els) == 0 {
		return hidden(len(b))
	}
	parts := make([]string, 0, len(els))
	for _, el := range els {
		parts = append(parts, el.Tag+"="+maskElement(el))
	}
	return strings.Join(parts, " ")
}

func maskElement(el Element) string {
	switch el.Tag {
	case "PE", "PR":
		return MaskMobile(string(el.Value))
	case "TX":
		if text, err := DecodeGBK(el.Value); err == nil {
			return strconv.Quote(Scrub(text))
		}
	}
	return hidden(len(el.Value))
}

// printable decodes GBK; what is neither printable nor GBK is hidden.
func printable(value string) string {
	if Printable(value) {
		return value
	}
	text, err := DecodeGBK([]byte(value))
	if err != nil || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return hidden(len(value))
	}
	return text
}

func hidden(n int) string {
	return "(" + strconv.Itoa(n) + " hidden)"
}

func digitRun(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
