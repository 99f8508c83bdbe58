package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	acquirer "example.com/ringback/switch"
)

// keyring has the data keys, one a business date, which is the key's id. A key seals at most the rows of a day, far
// below the 2^32 records that random nonces of 96 bits allow.
type keyring struct {
	vault acquirer.Vault
	db    *DB
	mu    sync.RWMutex
	open  map[acquirer.Date]cipher.AEAD
}

func newKeyring(vault acquirer.Vault, db *DB) *keyring {
	return &keyring{vault: vault, db: db, open: make(map[acquirer.Date]cipher.AEAD)}
}

// bound is what a sealed record is tied to: it opens in the row it was made for and nowhere else.
func bound(table string, row int64, key acquirer.Date) []byte {
	b := make([]byte, 0, len(table)+13)
	b = append(append(b, table...), 0)
	b = binary.BigEndian.AppendUint64(b, uint64(row))
	return binary.BigEndian.AppendUint32(b, uint32(key))
}

// seal enciphers a record for a row under the key of a date, which it makes if there is none.
func (k *keyring) seal(ctx context.Context, key acquirer.Date, table string, row int64, record []byte) ([]byte, error) {
	aead, err := k.get(ctx, key)
	if errors.Is(err, acquirer.ErrNotFound) {
		aead, err = k.create(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, record, bound(table, row, key)), nil
}

// unseal reverses seal. [acquirer.ErrKey]: the record was altered or is another row's.
func (k *keyring) unseal(ctx context.Context, key acquirer.Date, table string, row int64, sealed []byte) ([]byte, error) {
	aead, err := k.get(ctx, key)
	if errors.Is(err, acquirer.ErrNotFound) {
		if gone, err := k.db.shreddedDate(k.db.one(ctx, readShredded, int64(key)), key); err != nil || gone {
			return nil, errors.Join(err, errShredded)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", key, asKeyError(err))
	}
	record, err := aead.Open(nil, nil, sealed, bound(table, row, key))
	if err != nil {
		return nil, fmt.Errorf("row %d of %s does not open: %w", row, table, acquirer.ErrKey)
	}
	return record, nil
}

// errShredded says that the key of a date was destroyed on purpose: what was sealed under it is gone for good.
var errShredded = errors.New("the key of its date was destroyed")

// forget drops a key from memory.
func (k *keyring) forget(key acquirer.Date) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, key)
}

// asKeyError keeps a key that is missing from passing for a row that is not there.
func asKeyError(err error) error {
	if errors.Is(err, acquirer.ErrNotFound) {
		return fmt.Errorf("it is missing: %w", acquirer.ErrKey)
	}
	return err
}

// get returns the key of a date, from memory or from the file.
func (k *keyring) get(ctx context.Context, key acquirer.Date) (cipher.AEAD, error) {
	k.mu.RLock()
	aead, ok := k.open[key]
	k.mu.RUnlock()
	if ok {
		return aead, nil
	}
	var wrapped []byte
	if err := k.db.one(ctx, readDataKey, int64(key)).Scan(&wrapped); err != nil {
		return nil, absent(err)
	}
	clear, err := k.vault.OpenDataKey(wrapped)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(clear.Reveal())
	if err != nil {
		return nil, err
	}
	if aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	k.keep(key, aead)
	return aead, nil
}

func (k *keyring) keep(key acquirer.Date, aead cipher.AEAD) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.open) >= maxKeysCached {
		clear(k.open)
	}
	k.open[key] = aead
}

// create makes the key of a date. When another goroutine or process was first its key is the one that counts, so that
// it is read back and nothing is ever sealed under a key that is not durable.
func (k *keyring) create(ctx context.Context, key acquirer.Date) (cipher.AEAD, error) {
	_, wrapped, err := k.vault.NewDataKey()
	if err != nil {
		return nil, err
	}
	if _, err := k.db.commits.submit(ctx, newOp(call{writeDataKey, []any{int64(key), wrapped}})); err != nil {
		return nil, err
	}
	return k.get(ctx, key)
}
