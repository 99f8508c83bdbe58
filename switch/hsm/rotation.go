package hsm

import (
	acquirer "example.com/ringback/switch"
)

// Rotation wraps anew under one master key what another one wrapped. No clear key leaves it.
type Rotation struct {
	From *Module
	To   *Module
}

// KeyBlock wraps a payment key anew. [acquirer.ErrKey]: From did not wrap it.
func (r Rotation) KeyBlock(block acquirer.KeyBlock) (acquirer.KeyBlock, error) {
	return r.From.rewrapFor(r.To, block)
}

// DataKey wraps a data key anew. Errors as KeyBlock's.
func (r Rotation) DataKey(wrapped []byte) ([]byte, error) { return r.vaultKey(kindDataKey, wrapped) }

// IndexSecret wraps a file's index secret anew. Errors as KeyBlock's.
func (r Rotation) IndexSecret(wrapped []byte) ([]byte, error) {
	return r.vaultKey(kindIndexSecret, wrapped)
}

func (r Rotation) vaultKey(kind byte, wrapped []byte) ([]byte, error) {
	key, err := r.From.unwrapVault(kind, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return r.To.wrapVault(kind, key), nil
}
