package emulator

import (
	"encoding/json"
	"errors"
	"slices"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// ErrCard is the error for card data that no reader delivers.
var ErrCard = errors.New("card data is malformed")

// Card is what a reader or a keypad delivers. It prints masked in every verb and in JSON. Terminals hold it for the
// length of a payment and never store it.
type Card struct {
	PAN      string // 13 to 19 digits
	Expiry   string // YYMM
	Track2   string // with '=' behind the PAN; "": the number was keyed
	Track3   string // optional
	Sequence string // F23, three digits, with a chip
	Chip     []byte // F55; nil: no chip was read
}

// SwipedCard is a card of a stripe reader. What stands behind the expiry on track 2 is made up.
func SwipedCard(pan, expiry string) Card {
	return Card{PAN: pan, Expiry: expiry, Track2: pan + "=" + expiry + "101" + "00000000"}
}

// KeyedCard is a card whose number was keyed.
func KeyedCard(pan, expiry string) Card { return Card{PAN: pan, Expiry: expiry} }

// String shows the first six and last four digits of the number.
func (c Card) String() string { return spec.MaskPANDigits(c.PAN) }

// GoString is String, for %#v.
func (c Card) GoString() string { return c.String() }

// MarshalJSON writes String.
func (c Card) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

func (c Card) check() error {
	good := len(c.PAN) >= 13 && len(c.PAN) <= 19 && digitsOnly(c.PAN) && len(c.Expiry) == 4 && digitsOnly(c.Expiry)
	if !good || len(c.Track2) > 37 {
		return ErrCard
	}
	return nil
}

// entryMode is F22 of a payment with a PIN.
func (c Card) entryMode() string {
	switch {
	case c.Chip != nil:
		return "051"
	case c.Track2 != "":
		return "021"
	}
	return "011"
}

// put writes the card into a debit.
func (c Card) put(m *pos.Message) {
	if c.Track2 == "" {
		m.Set(2, c.PAN)
		m.Set(14, c.Expiry)
		return
	}
	m.Set(35, c.Track2)
	if c.Track3 != "" {
		m.Set(36, c.Track3)
	}
	if c.Chip != nil {
		m.SetBytes(55, slices.Clone(c.Chip))
		m.Set(23, orDefault(c.Sequence, "000"))
	}
}
