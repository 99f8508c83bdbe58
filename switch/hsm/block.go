package hsm

import (
	"fmt"

	acquirer "example.com/ringback/switch"
)

// The lengths of keys in bytes.
const (
	singleLength = 8  // DES
	doubleLength = 16 // two-key triple DES, SM4
)

// wrap makes the block of a clear key, refusing one that must not be used.
func (m *Module) wrap(usage acquirer.KeyUsage, cipher acquirer.Cipher, key []byte) (acquirer.KeyBlock, error) {
	if err := checkKey(usage, cipher, key); err != nil {
		return acquirer.KeyBlock{}, err
	}
	blob, err := m.blocks.seal(headers[usage][cipher], key, blockData-2-len(key))
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	return acquirer.KeyBlock{Usage: usage, Blob: blob}, nil
}

// unwrap returns the clear key of a block, for the caller to wipe, and its cipher. Usage and cipher are what the header
// says, which the MAC covers, and the usage must be the declared one.
func (m *Module) unwrap(block acquirer.KeyBlock) ([]byte, acquirer.Cipher, error) {
	cipher := cipherOf(block.Blob)
	header, ok := headers[block.Usage][cipher]
	if !ok {
		return nil, "", refused(block.Usage, "is not a key block of its usage")
	}
	key, ok := m.blocks.open(header, block.Blob)
	if !ok || len(key) != keySize(cipher) {
		return nil, "", refused(block.Usage, "does not open: altered, of another usage or of another master key")
	}
	return key, cipher, nil
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
	key, cipher, err := m.unwrap(block)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	s, err := newSchedule(cipher, key)
	if err != nil {
		return nil, err
	}
	m.cache.put(block, s)
	return s, nil
}

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

func refused(usage acquirer.KeyUsage, why string) error {
	return fmt.Errorf("key %q %s: %w", rune(usage), why, acquirer.ErrKey)
}
