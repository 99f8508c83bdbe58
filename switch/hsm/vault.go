package hsm

import (
	"crypto/rand"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// A wrapped data key or index secret:
//
//	kind 1 | nonce 12 | key 32, enciphered | tag 16
//
// AES-256-GCM; additional data: kind.
const (
	kindDataKey     = 1
	kindIndexSecret = 2
	vaultKeySize    = 32
)

// NewDataKey implements [acquirer.Vault].
func (m *Module) NewDataKey() (acquirer.Key, []byte, error) {
	key := make([]byte, vaultKeySize)
	defer clear(key)
	if _, err := rand.Read(key); err != nil {
		return acquirer.Key{}, nil, fmt.Errorf("making a data key: %w", err)
	}
	return acquirer.NewKey(key), m.wrapVault(kindDataKey, key), nil
}

// OpenDataKey implements [acquirer.Vault].
func (m *Module) OpenDataKey(wrapped []byte) (acquirer.Key, error) {
	key, err := m.unwrapVault(kindDataKey, wrapped)
	if err != nil {
		return acquirer.Key{}, err
	}
	defer clear(key)
	return acquirer.NewKey(key), nil
}

// NewIndexSecret implements [acquirer.Vault].
func (m *Module) NewIndexSecret() []byte { return m.wrapVault(kindIndexSecret, m.index) }

// IndexKey implements [acquirer.Vault].
func (m *Module) IndexKey(secret []byte, label string) (acquirer.Key, error) {
	clearSecret, err := m.unwrapVault(kindIndexSecret, secret)
	if err != nil {
		return acquirer.Key{}, err
	}
	defer clear(clearSecret)
	key := derive(clearSecret, label)
	defer clear(key)
	return acquirer.NewKey(key), nil
}

func (m *Module) wrapVault(kind byte, key []byte) []byte {
	return m.dataKeys.Seal([]byte{kind}, nil, key, []byte{kind})
}

// unwrapVault returns the clear key, for the caller to wipe.
func (m *Module) unwrapVault(kind byte, wrapped []byte) ([]byte, error) {
	if len(wrapped) != 1+vaultKeySize+m.dataKeys.Overhead() || wrapped[0] != kind {
		return nil, fmt.Errorf("this is no data key or index secret: %w", acquirer.ErrKey)
	}
	key, err := m.dataKeys.Open(nil, nil, wrapped[1:], wrapped[:1])
	if err != nil {
		return nil, fmt.Errorf("data key or index secret does not open: altered or of another master key: %w", acquirer.ErrKey)
	}
	return key, nil
}
