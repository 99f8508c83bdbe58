package provider

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// keyring holds the zone keys in force. After a change of the MAC key the one before is accepted for a while, for
// answers that were in flight; it is never used to sign.
type keyring struct {
	hsm  acquirer.HSM
	keep time.Duration

	mu    sync.Mutex
	zpk   acquirer.KeyBlock
	zak   acquirer.KeyBlock
	old   acquirer.KeyBlock
	until time.Time // old is accepted before
}

// errNoKey: no key reset has brought a MAC key yet.
var errNoKey = errors.New("there is no zone MAC key")

func (k *keyring) init(hsm acquirer.HSM, keep time.Duration) { k.hsm, k.keep = hsm, keep }

// missing returns the usage of a key that is not there, the PIN key first, or 0.
func (k *keyring) missing() acquirer.KeyUsage {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.zpk.Zero():
		return acquirer.UsageZPK
	case k.zak.Zero():
		return acquirer.UsageZAK
	}
	return 0
}

// get returns the key in force of a usage; the zero block when there is none.
func (k *keyring) get(usage acquirer.KeyUsage) acquirer.KeyBlock {
	k.mu.Lock()
	defer k.mu.Unlock()
	if usage == acquirer.UsageZPK {
		return k.zpk
	}
	return k.zak
}

// adopt puts a key in force at now.
func (k *keyring) adopt(key acquirer.KeyBlock, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key.Usage == acquirer.UsageZPK {
		k.zpk = key
		return
	}
	k.old, k.until, k.zak = k.zak, now.Add(k.keep), key
}

// same reports whether the key in force of a usage has this check value.
func (k *keyring) same(usage acquirer.KeyUsage, check [4]byte) bool {
	current := k.get(usage)
	if current.Zero() {
		return false
	}
	have, err := k.hsm.CheckValue(current)
	return err == nil && subtle.ConstantTimeCompare(have[:], check[:]) == 1
}

// sign sets F128 of normal traffic under the key in force: eight upper-case hexadecimal characters.
func (k *keyring) sign(m *cups.Message) error {
	zak := k.get(acquirer.UsageZAK)
	if zak.Zero() {
		return errNoKey
	}
	mac, err := k.hsm.ZoneMAC(zak, cups.MAB(m))
	if err != nil {
		return fmt.Errorf("computing F128: %w", err)
	}
	f128 := cups.NormalMAC(mac)
	m.SetBytes(128, f128[:])
	return nil
}

// verify checks F128 of normal traffic. acquirer.ErrMAC: no key that is accepted now gives it.
func (k *keyring) verify(m *cups.Message) error {
	got, text := m.Bytes(128), cups.MAB(m)
	for _, key := range k.accepted(time.Now()) {
		mac, err := k.hsm.ZoneMAC(key, text)
		if err != nil {
			return fmt.Errorf("computing F128: %w", err)
		}
		want := cups.NormalMAC(mac)
		if subtle.ConstantTimeCompare(want[:], got) == 1 {
			return nil
		}
	}
	return acquirer.ErrMAC
}

// accepted lists the keys under which a message may come.
func (k *keyring) accepted(now time.Time) []acquirer.KeyBlock {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := make([]acquirer.KeyBlock, 0, 2)
	if !k.zak.Zero() {
		keys = append(keys, k.zak)
	}
	if !k.old.Zero() && now.Before(k.until) {
		keys = append(keys, k.old)
	}
	return keys
}
