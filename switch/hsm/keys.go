package hsm

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/bits"

	acquirer "example.com/ringback/switch"
)

// GenerateKey implements [acquirer.HSM]. A DES key has odd parity.
func (m *Module) GenerateKey(usage acquirer.KeyUsage, cipher acquirer.Cipher) (acquirer.KeyBlock, error) {
	key, err := randomKey(cipher)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	defer clear(key)
	return m.wrap(usage, cipher, key)
}

// WrapKey implements [acquirer.HSM]. The key keeps the parity it came with.
func (m *Module) WrapKey(usage acquirer.KeyUsage, cipher acquirer.Cipher, key acquirer.Key) (acquirer.KeyBlock, error) {
	b := key.Reveal()
	defer clear(b)
	return m.wrap(usage, cipher, b)
}

// NewTMK implements [acquirer.HSM].
func (m *Module) NewTMK(cipher acquirer.Cipher) (acquirer.Key, acquirer.KeyBlock, error) {
	key, err := randomKey(cipher)
	if err != nil {
		return acquirer.Key{}, acquirer.KeyBlock{}, err
	}
	defer clear(key)
	block, err := m.wrap(acquirer.UsageTMK, cipher, key)
	if err != nil {
		return acquirer.Key{}, acquirer.KeyBlock{}, err
	}
	return acquirer.NewKey(key), block, nil
}

// ExportKey implements [acquirer.HSM]. What does not leave is what its block says may not.
func (m *Module) ExportKey(key, under acquirer.KeyBlock) (acquirer.WrappedKey, error) {
	if uses[key.Usage].export != exportable {
		return acquirer.WrappedKey{}, refused(key.Usage, "does not leave")
	}
	master, err := m.openCarrier(key.Usage, under)
	if err != nil {
		return acquirer.WrappedKey{}, err
	}
	check, err := m.CheckValue(key)
	if err != nil {
		return acquirer.WrappedKey{}, err
	}
	b, cipher, err := m.unwrap(key)
	if err != nil {
		return acquirer.WrappedKey{}, err
	}
	if (cipher == acquirer.CipherSM4) != (master.size == longBlock) {
		clear(b)
		return acquirer.WrappedKey{}, refused(key.Usage, "does not travel under a key of another cipher")
	}
	master.ecb(master.encrypt, b)
	return acquirer.WrappedKey{Enciphered: b, Check: check}, nil
}

// ImportKey implements [acquirer.HSM]. Whether the key is a weak one is asked only after its check value was
// right, so that a peer learns nothing from the difference.
func (m *Module) ImportKey(usage acquirer.KeyUsage, under acquirer.KeyBlock, key acquirer.WrappedKey) (acquirer.KeyBlock, error) {
	master, err := m.openCarrier(usage, under)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	cipher := arriving(master, len(key.Enciphered))
	if keySize(cipher) != len(key.Enciphered) {
		return acquirer.KeyBlock{}, refused(usage, fmt.Sprintf("cannot have %d bytes", len(key.Enciphered)))
	}
	b := bytes.Clone(key.Enciphered)
	defer clear(b)
	master.ecb(master.decrypt, b)
	s, err := newSchedule(cipher, b)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	check := s.checkValue()
	if subtle.ConstantTimeCompare(check[:], key.Check[:]) != 1 {
		return acquirer.KeyBlock{}, fmt.Errorf("importing key %q: %w", rune(usage), acquirer.ErrCheckValue)
	}
	return m.wrap(usage, cipher, b)
}

// arriving is the cipher of a key of n bytes that arrives under a master key.
func arriving(master *schedule, n int) acquirer.Cipher {
	switch {
	case master.size == longBlock:
		return acquirer.CipherSM4
	case n == singleLength:
		return acquirer.CipherDES
	}
	return acquirer.CipherTDES
}

// CheckValue implements [acquirer.HSM]. Every usage has a check value.
func (m *Module) CheckValue(key acquirer.KeyBlock) ([4]byte, error) {
	s, err := m.open(key, key.Usage)
	if err != nil {
		return [4]byte{}, err
	}
	return s.checkValue(), nil
}

// openCarrier opens the master key under which a key of a usage travels.
func (m *Module) openCarrier(usage acquirer.KeyUsage, under acquirer.KeyBlock) (*schedule, error) {
	master, ok := carrier(usage)
	if !ok {
		return nil, refused(usage, "does not travel")
	}
	return m.open(under, master)
}

// randomKey makes a key from the system's random source, of odd parity for DES.
func randomKey(cipher acquirer.Cipher) ([]byte, error) {
	key := make([]byte, keySize(cipher))
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	if cipher == acquirer.CipherSM4 {
		return key, nil
	}
	for i, b := range key {
		key[i] = b ^ byte(bits.OnesCount8(b)+1)&1
	}
	return key, nil
}
