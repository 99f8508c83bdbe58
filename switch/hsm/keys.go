package hsm

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/bits"

	acquirer "example.com/ringback/switch"
)

// GenerateKey implements [acquirer.HSM]. The key has odd parity.
func (m *Module) GenerateKey(usage acquirer.KeyUsage, n int) (acquirer.KeyBlock, error) {
	if n != singleLength && n != doubleLength {
		return acquirer.KeyBlock{}, refused(usage, fmt.Sprintf("cannot have %d bytes", n))
	}
	key, err := randomKey(n)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	defer clear(key)
	return m.wrap(usage, key)
}

// WrapKey implements [acquirer.HSM]. The key keeps the parity it came with.
func (m *Module) WrapKey(usage acquirer.KeyUsage, key acquirer.Key) (acquirer.KeyBlock, error) {
	b := key.Reveal()
	defer clear(b)
	return m.wrap(usage, b)
}

// NewTMK implements [acquirer.HSM].
func (m *Module) NewTMK() (acquirer.Key, acquirer.KeyBlock, error) {
	key, err := randomKey(doubleLength)
	if err != nil {
		return acquirer.Key{}, acquirer.KeyBlock{}, err
	}
	defer clear(key)
	block, err := m.wrap(acquirer.UsageTMK, key)
	if err != nil {
		return acquirer.Key{}, acquirer.KeyBlock{}, err
	}
	return acquirer.NewKey(key), block, nil
}

// ExportKey implements [acquirer.HSM]. A terminal's keys leave under a TMK only, a zone's under a ZMK only.
func (m *Module) ExportKey(key, under acquirer.KeyBlock) (acquirer.WrappedKey, error) {
	master, err := m.openCarrier(key.Usage, under)
	if err != nil {
		return acquirer.WrappedKey{}, err
	}
	check, err := m.CheckValue(key)
	if err != nil {
		return acquirer.WrappedKey{}, err
	}
	b, err := m.unwrap(key)
	if err != nil {
		return acquirer.WrappedKey{}, err
	}
	ecb(master.encrypt, b)
	return acquirer.WrappedKey{Enciphered: b, Check: check}, nil
}

// ImportKey implements [acquirer.HSM]. Whether the key is a weak one is asked only after its check value was
// right, so that a peer learns nothing from the difference.
func (m *Module) ImportKey(usage acquirer.KeyUsage, under acquirer.KeyBlock, key acquirer.WrappedKey) (acquirer.KeyBlock, error) {
	master, err := m.openCarrier(usage, under)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	if n := len(key.Enciphered); n != singleLength && n != doubleLength {
		return acquirer.KeyBlock{}, refused(usage, fmt.Sprintf("cannot have %d bytes", n))
	}
	b := bytes.Clone(key.Enciphered)
	defer clear(b)
	ecb(master.decrypt, b)
	s, err := newSchedule(b)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	check := s.checkValue()
	if subtle.ConstantTimeCompare(check[:], key.Check[:]) != 1 {
		return acquirer.KeyBlock{}, fmt.Errorf("importing key %q: %w", rune(usage), acquirer.ErrCheckValue)
	}
	return m.wrap(usage, b)
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

// randomKey makes n bytes of odd parity from the system's random source.
func randomKey(n int) ([]byte, error) {
	key := make([]byte, n)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	for i, b := range key {
		key[i] = b ^ byte(bits.OnesCount8(b)+1)&1
	}
	return key, nil
}
