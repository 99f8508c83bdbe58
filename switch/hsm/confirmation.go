package hsm

import (
	"crypto/cipher"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	acquirer "example.com/ringback/switch"
)

// confirmationNonce is the length of a confirmation's nonce in bytes.
const confirmationNonce = 12

// hourKeys makes the confirmation key of an hour and keeps the last two. They are derived, never stored, so that
// every node of one master key has the same, and an old hour's key is needed by nobody.
type hourKeys struct {
	secret []byte
	last   [2]atomic.Pointer[hourKey] // of even and of odd hours: an hour and the one before it never meet
}

type hourKey struct {
	hour int64
	aead cipher.AEAD
}

// SealConfirmation implements [acquirer.HSM].
func (m *Module) SealConfirmation(at time.Time, nonce, plain, bound []byte) ([]byte, error) {
	if len(nonce) != confirmationNonce {
		return nil, fmt.Errorf("confirmation nonce has %d bytes, not %d", len(nonce), confirmationNonce)
	}
	return m.confirm.of(hourOf(at)).Seal(nil, nonce, plain, bound), nil
}

// OpenConfirmation implements [acquirer.HSM].
func (m *Module) OpenConfirmation(now time.Time, nonce, sealed, bound []byte) ([]byte, error) {
	if len(nonce) != confirmationNonce {
		return nil, acquirer.ErrConfirmation
	}
	hour := hourOf(now)
	for _, h := range [...]int64{hour, hour - 1} {
		if plain, err := m.confirm.of(h).Open(nil, nonce, sealed, bound); err == nil {
			return plain, nil
		}
	}
	return nil, acquirer.ErrConfirmation
}

// of returns the cipher of an hour. Callers may race to make it; they make the same.
func (k *hourKeys) of(hour int64) cipher.AEAD {
	slot := &k.last[hour&1]
	if key := slot.Load(); key != nil && key.hour == hour {
		return key.aead
	}
	aead := newGCM(derive(k.secret, strconv.FormatInt(hour, 10)))
	slot.Store(&hourKey{hour, aead})
	return aead
}

// hourOf counts hours since 1970, UTC.
func hourOf(t time.Time) int64 { return t.Unix() / 3600 }
