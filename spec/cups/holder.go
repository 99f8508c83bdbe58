package cups

import (
	"errors"
	"fmt"
	"strings"
)

// Holder is what F61 says about a cardholder: in a request under usage AM, what the issuer shall compare; in a reply
// under usage NM, the name as the issuer shows it (host dialect, section 2.2).
type Holder struct {
	Name  []byte // GBK
	Phone string
}

// Parts of F61. In front of the usage stand the kind (2) and number (20) of an identity paper, the results for CVV and PVV
// (1 each), CUP, the card's printed number (3) with its result (1), the result for the cryptogram (1), and CUP again. What is
// not known is blank.
const (
	holderHead  = 2 + 20 + 1 + 1 + 3 + 3 + 1 + 1 + 3
	holderMark  = "CUP"
	usageAsk    = "AM" // 16 flags follow, then an item for each that is set: 3-digit length and value
	usageAnswer = "NM" // 3-digit length and the name
	flagName    = 8
	flagPhone   = 9
)

// ErrHolder is the error for an F61 that is not of this form.
var ErrHolder = errors.New("F61 is malformed")

// AppendAsk writes F61 of a request.
func (h Holder) AppendAsk(dst []byte) []byte {
	flags := []byte(strings.Repeat("0", 16))
	var items []byte
	for _, item := range []struct {
		flag  int
		value []byte
	}{{flagName, h.Name}, {flagPhone, []byte(h.Phone)}} {
		if len(item.value) > 0 {
			flags[item.flag-1] = '1'
			items = append(fmt.Appendf(items, "%03d", len(item.value)), item.value...)
		}
	}
	return append(append(append(appendHolderHead(dst), usageAsk...), flags...), items...)
}

// AppendAnswer writes F61 of a reply.
func (h Holder) AppendAnswer(dst []byte) []byte {
	return append(fmt.Appendf(append(appendHolderHead(dst), usageAnswer...), "%03d", len(h.Name)), h.Name...)
}

func appendHolderHead(dst []byte) []byte {
	dst = append(dst, strings.Repeat(" ", 24)...)
	dst = append(dst, holderMark...)
	dst = append(dst, strings.Repeat(" ", 5)...)
	return append(dst, holderMark...)
}

// ParseAsk reads F61 of a request. Items of flags that it does not know make the rest unreadable and are ErrHolder.
func ParseAsk(f61 []byte) (h Holder, err error) {
	rest, ok := cutHolder(f61, usageAsk)
	if !ok || len(rest) < 16 {
		return Holder{}, ErrHolder
	}
	flags, rest := rest[:16], rest[16:]
	for i, flag := range flags {
		if flag == '0' {
			continue
		}
		var item []byte
		if item, rest, ok = cutItem(rest); !ok || flag != '1' {
			return Holder{}, ErrHolder
		}
		switch i + 1 {
		case flagName:
			h.Name = item
		case flagPhone:
			h.Phone = string(item)
		default:
			return Holder{}, ErrHolder
		}
	}
	if len(rest) > 0 {
		return Holder{}, ErrHolder
	}
	return h, nil
}

// ParseAnswer reads F61 of a reply.
func ParseAnswer(f61 []byte) (Holder, error) {
	rest, ok := cutHolder(f61, usageAnswer)
	if !ok {
		return Holder{}, ErrHolder
	}
	name, rest, ok := cutItem(rest)
	if !ok || len(rest) > 0 {
		return Holder{}, ErrHolder
	}
	return Holder{Name: name}, nil
}

// cutHolder returns what stands behind the usage.
func cutHolder(f61 []byte, usage string) (rest []byte, ok bool) {
	if len(f61) < holderHead+len(usage) || string(f61[holderHead:holderHead+len(usage)]) != usage {
		return nil, false
	}
	return f61[holderHead+len(usage):], true
}

// cutItem takes a 3-digit length and a value off the front.
func cutItem(b []byte) (item, rest []byte, ok bool) {
	if len(b) < 3 {
		return nil, nil, false
	}
	n := 0
	for _, c := range b[:3] {
		if c < '0' || c > '9' {
			return nil, nil, false
		}
		n = 10*n + int(c-'0')
	}
	if b = b[3:]; len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
