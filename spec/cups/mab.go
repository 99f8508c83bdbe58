package cups

import (
	"fmt"
	"strings"

	"example.com/ringback/spec"
)

// MAB is the text that F128 covers (host dialect, section 4.1): the fields of
// the message's class that are present, in the prescribed order, with the two
// length digits of variable ones, joined by one space, in upper case, and with
// every character dropped that is not A-Z, 0-9, space, comma or period.
func MAB(m *Message) []byte {
	parts := make([]string, 0, 24)
	parts = append(parts, m.MTI())
	for _, id := range mabFields(m.MTI()) {
		if m.Has(id) {
			parts = append(parts, mabPart(m, id))
		}
	}
	return []byte(strings.Trim(editMAB(strings.Join(parts, " ")), " "))
}

// NormalMAC is F128 of normal traffic: the first four bytes of the MAC as eight
// upper-case hex characters.
func NormalMAC(mac [8]byte) [8]byte {
	return [8]byte(fmt.Appendf(nil, "%X", mac[:4]))
}

// KeyResetMAC is F128 of a key reset: the first four bytes of the MAC under the
// new key, then the first four of that key's check value.
func KeyResetMAC(mac, check [8]byte) [8]byte {
	return [8]byte(append(append(make([]byte, 0, 8), mac[:4]...), check[:4]...))
}

// mabFields lists the fields of the text in its order: key resets have a short
// list of their own, reconciliation adds its totals and leaves F39 out.
func mabFields(mti string) []int {
	switch mti {
	case MTIKeyReset, MTIKeyResetResponse:
		return []int{7, 11, 39, 53, 70, 100}
	case "0520", "0522", "0530", "0532":
		return []int{
			2, 3, 4, 7, 11, 18, 25, 28, 32, 33, 38, 41, 42, 90, 102, 103,
			66, 82, 84, 86, 87, 88, 89, 97,
		}
	}
	return []int{2, 3, 4, 7, 11, 18, 25, 28, 32, 33, 38, 39, 41, 42, 90, 102, 103}
}

// mabPart is the value as it stands in the text.
func mabPart(m *Message, id int) string {
	value := m.Get(id)
	if f, ok := host.table.Format(id); ok && f.Prefix == spec.ASCIILL {
		return fmt.Sprintf("%02d%s", len(value), value)
	}
	if id == 90 {
		return value[:min(20, len(value))]
	}
	return value
}

func editMAB(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ', r == ',', r == '.':
			return r
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return -1
	}, text)
}

// Original90 is F90 of a reversal or advice: type, trace and transmission time of
// the original, and its institutions (F32, F33) filled with zeros on the left to
// 11 digits. Parts that are too long make F90 too long, and Pack refuses it.
func Original90(mti, stan, f7, f32, f33 string) string {
	return mti + stan + f7 + fill(f32) + fill(f33)
}

func fill(institution string) string {
	return strings.Repeat("0", max(0, 11-len(institution))) + institution
}
