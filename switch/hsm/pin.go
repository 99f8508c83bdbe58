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
//
// Under an SM4 key a block has 16 bytes: the PIN part of format 0 goes on with F to the end, and the twelve digits of the
// account stand at the end.
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
	n := copy(b[:], block.Reveal())
	account, ok := accountPart(pan)
	if !ok || n != source.size {
		return acquirer.PINBlock{}, fmt.Errorf("translating PIN: %w", acquirer.ErrPINFormat)
	}
	source.decrypt(b[:n])
	field := xorAccount(b[:n], account)
	if !wellFormed(field) || !filled(b[shortBlock:n]) {
		return acquirer.PINBlock{}, fmt.Errorf("translating PIN: %w", acquirer.ErrPINFormat)
	}
	binary.BigEndian.PutUint64(b[:], field^account)
	target.encrypt(b[:shortBlock])
	return acquirer.NewPINBlock(b[:shortBlock])
}

// xorAccount takes the account out of the last eight bytes of a clear block and returns the first eight.
func xorAccount(block []byte, account uint64) uint64 {
	end := block[len(block)-shortBlock:]
	binary.BigEndian.PutUint64(end, binary.BigEndian.Uint64(end)^account)
	return binary.BigEndian.Uint64(block)
}

// filled reports whether the rest of a long block is nothing but F.
func filled(rest []byte) bool {
	all := byte(0xFF)
	for _, b := range rest {
		all &= b
	}
	return all == 0xFF
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
