package hsm

import (
	"encoding/binary"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// The lengths a PIN may have (ISO 9564-1).
const (
	minPIN = 4
	maxPIN = 12
)

// TranslatePIN implements [acquirer.HSM]. The block goes from a PIK to a ZPK and stays bound to the card, since
// both wires use format 0 (terminal dialect page, section 7; host dialect page, section 4.4). In between it is
// clear in one buffer, which is wiped before the method returns.
func (m *Module) TranslatePIN(block acquirer.PINBlock, from, to acquirer.KeyBlock, pan acquirer.PAN) (acquirer.PINBlock, error) {
	source, err := m.open(from, acquirer.UsagePIK)
	if err != nil {
		return acquirer.PINBlock{}, fmt.Errorf("translating PIN: %w", err)
	}
	target, err := m.open(to, acquirer.UsageZPK)
	if err != nil {
		return acquirer.PINBlock{}, fmt.Errorf("translating PIN: %w", err)
	}
	b := m.borrow()
	defer m.giveBack(b)
	*(*[8]byte)(b[:8]) = block.Reveal()
	source.decrypt(b[:8])
	account, ok := accountPart(pan)
	if !ok || !wellFormed(binary.BigEndian.Uint64(b[:8])^account) {
		return acquirer.PINBlock{}, fmt.Errorf("translating PIN: %w", acquirer.ErrPINFormat)
	}
	target.encrypt(b[:8])
	return acquirer.NewPINBlock(b[:8])
}

// accountPart packs the twelve digits in front of the check digit, right-justified. ok is false for the zero PAN.
func accountPart(pan acquirer.PAN) (part uint64, ok bool) {
	digits := pan.Reveal()
	if len(digits) < 13 {
		return 0, false
	}
	digits = digits[len(digits)-13 : len(digits)-1]
	for i := range len(digits) {
		part = part<<4 | uint64(digits[i]-'0')
	}
	return part, true
}

// wellFormed reports whether field, the PIN part of a format 0 block, holds a PIN:
//
//	0 | length 4..C | decimal digits | F up to the sixteenth nibble
//
// It looks at all nibbles, whatever the first ones are.
func wellFormed(field uint64) bool {
	length := int(field >> 56) // control nibble and length: a control nibble other than 0 makes it too long
	good := length >= minPIN && length <= maxPIN
	for i := range 14 {
		nibble := field >> (52 - 4*i) & 0xF
		digit, fill := nibble <= 9, nibble == 0xF
		if i < length && !digit || i >= length && !fill {
			good = false
		}
	}
	return good
}
