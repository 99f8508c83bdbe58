package hsm

import (
	"crypto/rand"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// A wrapped data key:
//
//	version 1 | nonce 12 | key 32, enciphered | tag 16
//
// AES-256-GCM; additional data: version.
const (
	dataKeyVersion = 1
	dataKeySize    = 32
)

// NewDataKey implements [acquirer.Vault].
func (m *Module) NewDataKey() (acquirer.Key, []byte, error) {
	key := make([]byte, dataKeySize)
	defer clear(key)
	if _, err := rand.Read(key); err != nil {
		return acquirer.Key{}, nil, fmt.Errorf("making a data key: %w", err)
	}
	version := []byte{dataKeyVersion}
	wrapped := m.dataKeys.Seal([]byte{dataKeyVersion}, nil, key, version)
	return acquirer.NewKey(key), wrapped, nil
}

// OpenDataKey implements [acquirer.Vault].
func (m *Module) OpenDataKey(wrapped []byte) (acquirer.Key, error) {
	if len(wrapped) != 1+dataKeySize+m.dataKeys.Overhead() || wrapped[0] != dataKeyVersion {
		return acquirer.Key{}, fmt.Errorf("this is no data key: %w", acquirer.ErrKey)
	}
	key, err := m.dataKeys.Open(nil, nil, wrapped[1:], wrapped[:1])
	if err != nil {
		return acquirer.Key{}, fmt.Errorf("data key does not open: altered or of another master key: %w", acquirer.ErrKey)
	}
	defer clear(key)
	return acquirer.NewKey(key), nil
}

// IndexKey implements [acquirer.Vault].
func (m *Module) IndexKey(label string) acquirer.Key {
	key := derive(m.index, label)
	defer clear(key)
	return acquirer.NewKey(key)
}
