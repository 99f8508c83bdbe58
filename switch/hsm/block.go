package hsm

import (
	"fmt"

	acquirer "example.com/ringback/switch"
)

// A key block:
//
//	version 1 | nonce 12 | key 8 or 16, enciphered | tag 16
//
// AES-256-GCM; additional data: usage, version.
const (
	blockVersion  = 1
	blockOverhead = 1 + 12 + 16
	singleLength  = 8  // DES
	doubleLength  = 16 // two-key triple DES
)

// wrap makes the block of a clear key, refusing one that must not be used.
func (m *Module) wrap(usage acquirer.KeyUsage, key []byte) (acquirer.KeyBlock, error) {
	if err := checkKey(usage, key); err != nil {
		return acquirer.KeyBlock{}, err
	}
	blob := make([]byte, 1, blockOverhead+len(key))
	blob[0] = blockVersion
	blob = m.blocks.Seal(blob, nil, key, blockBinding(usage))
	return acquirer.KeyBlock{Usage: usage, Blob: string(blob)}, nil
}

// unwrap returns the clear key of a block, for the caller to wipe. The usage it is bound to is the declared one.
func (m *Module) unwrap(block acquirer.KeyBlock) ([]byte, error) {
	n := len(block.Blob) - blockOverhead
	if (n != singleLength && n != doubleLength) || block.Blob[0] != blockVersion {
		return nil, refused(block.Usage, "is not a key block")
	}
	key, err := m.blocks.Open(nil, nil, []byte(block.Blob[1:]), blockBinding(block.Usage))
	if err != nil {
		return nil, refused(block.Usage, "does not open: altered, of another usage or of another master key")
	}
	return key, nil
}

// open returns the cipher of a block that may be used as use. It is the only way to a cipher, so that no verb can
// forget to ask.
func (m *Module) open(block acquirer.KeyBlock, use acquirer.KeyUsage) (*schedule, error) {
	if block.Usage != use {
		return nil, refused(block.Usage, fmt.Sprintf("cannot be used as %q", rune(use)))
	}
	if s := m.cache.get(block); s != nil {
		return s, nil
	}
	key, err := m.unwrap(block)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	s, err := newSchedule(key)
	if err != nil {
		return nil, err
	}
	m.cache.put(block, s)
	return s, nil
}

func blockBinding(usage acquirer.KeyUsage) []byte { return []byte{byte(usage), blockVersion} }

// carrier returns the usage of the master key under which keys of a usage travel; ok is false for a master key,
// which does not travel, and for an unknown usage.
func carrier(usage acquirer.KeyUsage) (master acquirer.KeyUsage, ok bool) {
	switch usage {
	case acquirer.UsagePIK, acquirer.UsageMAK, acquirer.UsageTDK:
		return acquirer.UsageTMK, true
	case acquirer.UsageZPK, acquirer.UsageZAK:
		return acquirer.UsageZMK, true
	}
	return 0, false
}

// mayBeSingle reports whether the dialects know single-length keys of a usage: an 8-byte MAC key is normal on both
// wires (terminal dialect page, section 5; host dialect page, section 3.3), an 8-byte PIN or track key comes with
// sign-on 001. The host's PIN key and master keys have two halves.
func mayBeSingle(usage acquirer.KeyUsage) bool {
	switch usage {
	case acquirer.UsagePIK, acquirer.UsageMAK, acquirer.UsageTDK, acquirer.UsageZAK:
		return true
	}
	return false
}

// checkKey refuses a key of a length that its usage does not have, and weak ones: one byte repeated, and two equal
// halves, which are single DES. DES does not use the lowest bit of a byte (parity), so that it is left out of the
// comparison; parity itself is not checked, since keys in the field have none.
func checkKey(usage acquirer.KeyUsage, key []byte) error {
	_, travels := carrier(usage)
	if !travels && usage != acquirer.UsageTMK && usage != acquirer.UsageZMK {
		return refused(usage, "has an unknown usage")
	}
	if len(key) != doubleLength && (len(key) != singleLength || !mayBeSingle(usage)) {
		return refused(usage, fmt.Sprintf("cannot have %d bytes", len(key)))
	}
	if periodic(key, 1) || (len(key) == doubleLength && periodic(key, singleLength)) {
		return refused(usage, "is weak: its bytes or its halves are equal")
	}
	return nil
}

// periodic reports whether key repeats its first n bytes, parity bits aside.
func periodic(key []byte, n int) bool {
	var differ byte
	for i := n; i < len(key); i++ {
		differ |= key[i] ^ key[i-n]
	}
	return differ&0xFE == 0
}

func refused(usage acquirer.KeyUsage, why string) error {
	return fmt.Errorf("key %q %s: %w", rune(usage), why, acquirer.ErrKey)
}
