package sim

import (
	"encoding/binary"
	"hash/fnv"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// coreHSM stands in for the security module where speed counts: a confirmation is authentic by a keyed sum and not
// enciphered, and a PIN block is left as it is. The flows use no other verb; the others are those of a nil module.
type coreHSM struct{ acquirer.HSM }

// coreBadPIN is a PIN block that does not open.
const coreBadPIN = "malforme"

// TranslatePIN implements [acquirer.HSM].
func (coreHSM) TranslatePIN(b acquirer.PINBlock, _, _ acquirer.KeyBlock, _ acquirer.PAN) (acquirer.PINBlock, error) {
	if bad, err := acquirer.NewPINBlock([]byte(coreBadPIN)); err != nil || b == bad {
		return acquirer.PINBlock{}, acquirer.ErrPINFormat
	}
	return b, nil
}

// SealConfirmation implements [acquirer.HSM].
func (coreHSM) SealConfirmation(at time.Time, nonce, plain, bound []byte) ([]byte, error) {
	sealed := append(make([]byte, 0, len(plain)+16), plain...)
	return coreSum(sealed, at, nonce, plain, bound), nil
}

// OpenConfirmation implements [acquirer.HSM].
func (coreHSM) OpenConfirmation(now time.Time, nonce, sealed, bound []byte) ([]byte, error) {
	plain := sealed[:len(sealed)-16]
	for _, at := range []time.Time{now, now.Add(-time.Hour)} {
		if string(coreSum(nil, at, nonce, plain, bound)) == string(sealed[len(plain):]) {
			return plain, nil
		}
	}
	return nil, acquirer.ErrConfirmation
}

// coreSum appends the 16 bytes that make a confirmation authentic within the hour of at.
func coreSum(to []byte, at time.Time, nonce, plain, bound []byte) []byte {
	var hour [8]byte
	binary.BigEndian.PutUint64(hour[:], uint64(at.Unix()/3600))
	h := fnv.New128a()
	for _, part := range [][]byte{hour[:], nonce, plain, bound} {
		_, _ = h.Write(part) // a hash takes every write
	}
	return h.Sum(to)
}

// coreNonces is the random source of one life: it never repeats within a run.
type coreNonces struct {
	life uint64
	mu   sync.Mutex
	n    uint64
}

// Read implements [io.Reader].
func (c *coreNonces) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	clear(b)
	var both [12]byte
	binary.BigEndian.PutUint32(both[:], uint32(c.life))
	binary.BigEndian.PutUint64(both[4:], c.n)
	copy(b, both[:])
	return len(b), nil
}
