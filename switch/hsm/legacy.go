package hsm

import (
	acquirer "example.com/ringback/switch"
)

// The form that blocks had before they were TR-31:
//
//	version 1 | nonce 12 | key 8 or 16, enciphered | tag 16
//
// AES-256-GCM; additional data: usage, version.
const (
	oldVersion  = 1
	oldOverhead = 1 + 12 + 16
)

// RewrapKey implements [acquirer.Vault].
func (m *Module) RewrapKey(block acquirer.KeyBlock) (acquirer.KeyBlock, error) {
	return m.rewrapFor(m, block)
}

// rewrapFor opens a block of any form and wraps the key under the master key of another module.
func (m *Module) rewrapFor(to *Module, block acquirer.KeyBlock) (acquirer.KeyBlock, error) {
	key, cipher, err := m.unwrapAny(block)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	defer clear(key)
	return to.wrap(block.Usage, cipher, key)
}

func (m *Module) unwrapAny(block acquirer.KeyBlock) ([]byte, acquirer.Cipher, error) {
	var cipher acquirer.Cipher
	switch len(block.Blob) - oldOverhead {
	case singleLength:
		cipher = acquirer.CipherDES
	case doubleLength:
		cipher = acquirer.CipherTDES
	}
	if cipher == "" || block.Blob[0] != oldVersion {
		return m.unwrap(block)
	}
	key, err := m.oldBlocks.Open(nil, nil, []byte(block.Blob[1:]), []byte{byte(block.Usage), oldVersion})
	if err != nil {
		return nil, "", refused(block.Usage, "does not open: altered, of another usage or of another master key")
	}
	return key, cipher, nil
}
