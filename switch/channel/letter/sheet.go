package letter

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
)

// sheet is what one letter says.
type sheet struct {
	words
	number   string // the letter's
	date     time.Time
	sender   []string
	address  []string
	name     string
	payers   []payer
	news     []acquirer.Message
	payments int
	total    acquirer.Fen
}

// payer is one who paid, with the payments in their order.
type payer struct {
	number   acquirer.MSISDN
	payments []acquirer.Message
	total    acquirer.Fen
}

// newSheet sorts messages of one address, of which there is one at least.
func newSheet(all []acquirer.Message, sender []string, now time.Time) sheet {
	first := all[0]
	s := sheet{words: wordsOf(first.Language), number: numberOf(all), date: now.In(acquirer.Beijing), sender: sender,
		address: strings.Split(first.To.Reveal(), ";")}
	by := map[acquirer.MSISDN]*payer{}
	for _, m := range all {
		if s.name == "" {
			s.name = m.Name
		}
		if m.Payer == (acquirer.MSISDN{}) {
			s.news = append(s.news, m)
			continue
		}
		p := by[m.Payer]
		if p == nil {
			p = &payer{number: m.Payer}
			by[m.Payer] = p
		}
		p.payments, p.total = append(p.payments, m), p.total+m.Amount
		s.payments, s.total = s.payments+1, s.total+m.Amount
	}
	for _, p := range by {
		slices.SortStableFunc(p.payments, func(a, b acquirer.Message) int { return a.Paid.Compare(b.Paid) })
		s.payers = append(s.payers, *p)
	}
	slices.SortFunc(s.payers, func(a, b payer) int { return cmp.Compare(a.number.Reveal(), b.number.Reveal()) })
	return s
}

// numberOf names a letter by its notices, and says nothing of them: the same notices once more make the same letter.
func numberOf(all []acquirer.Message) string {
	h := sha256.New()
	for _, m := range all {
		fmt.Fprintln(h, m.ID)
	}
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)[:6]))
}

// recipient is the last line of the address.
func (s sheet) recipient() string {
	if s.name == "" {
		return fmt.Sprintf(s.to, s.nobody)
	}
	return fmt.Sprintf(s.to, s.name)
}
