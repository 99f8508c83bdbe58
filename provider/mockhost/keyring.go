package mockhost

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// KeyKind is which zone key: its text is also the first digit of F53 in a key
// reset.
type KeyKind string

// The two zone keys of an institution.
const (
	KeyPIN KeyKind = "1"
	KeyMAC KeyKind = "2"
)

// keySlot names one zone key.
type keySlot struct {
	institution string // F33 of the member, F100 in the host's own messages
	kind        KeyKind
}

// zoneKey is a key in clear, 8 or 16 bytes.
type zoneKey []byte

// String hides the key, whatever prints it.
func (zoneKey) String() string { return "(key)" }

// GoString is String.
func (zoneKey) GoString() string { return "(key)" }

// offer is a key that went out and is not known to be in use yet.
type offer struct {
	key    zoneKey
	f7     string // of the 0800; "" after a restart
	f11    string
	answer chan string // takes F39 of the 0810, once
}

// slotKeys is the present key, the one before it, and the ones on offer.
//
// A member that has taken a key over may use it before its 0810 is seen here, on
// another link or because this process died in between. So offers are tried too,
// and the first message under one proves that it is in use.
type slotKeys struct {
	present zoneKey // nil before the first reset
	old     zoneKey
	since   time.Time // of present
	offers  []offer
}

// keyring is the zone keys of all institutions. They are in the log, wrapped
// under the master key, so that a restart of either side needs no reset.
type keyring struct {
	zmk     []byte
	journal *journal

	mu    sync.Mutex
	slots map[keySlot]*slotKeys
}

func newKeyring(zmk []byte) *keyring {
	return &keyring{zmk: bytes.Clone(zmk), slots: make(map[keySlot]*slotKeys)}
}

// apply takes a record of the log over. The error is ErrLog.
func (k *keyring) apply(r record) error {
	wrapped, err := hex.DecodeString(r.Wrapped)
	slot := keySlot{r.Institution, KeyKind(r.KeyKind)}
	if err != nil || (len(wrapped) != 8 && len(wrapped) != 16) || (slot.kind != KeyPIN && slot.kind != KeyMAC) {
		return fmt.Errorf("%w: zone key record", ErrLog)
	}
	clear, err := spec.DecryptECB(k.zmk, wrapped)
	if err != nil {
		return fmt.Errorf("%w: zone key record: %w", ErrLog, err)
	}
	keys, ok := k.slot(slot)
	if !ok {
		return fmt.Errorf("%w: keys of too many institutions", ErrLog)
	}
	if r.Kind == kindOffer {
		keys.offer(offer{key: clear})
		return nil
	}
	keys.use(clear, time.UnixMilli(r.At))
	return nil
}

// slot finds or makes the keys of a slot; not ok if there are too many. The
// caller holds mu, or nobody else has the keyring yet.
func (k *keyring) slot(s keySlot) (*slotKeys, bool) {
	if keys := k.slots[s]; keys != nil {
		return keys, true
	}
	if len(k.slots) >= 2*MaxInstitutions {
		return nil, false
	}
	keys := &slotKeys{}
	k.slots[s] = keys
	return keys, true
}

// offer notes that a key goes out. Wait for the batch before it does: a key that
// the member may hold must not be forgotten. Not ok: too many institutions.
func (k *keyring) offer(s keySlot, o offer) (*batch, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys, ok := k.slot(s)
	if !ok {
		return nil, false
	}
	keys.offer(o)
	return k.journal.append(k.record(kindOffer, s, o.key, time.Now())), true
}

// find is the offer that an 0810 answers.
func (k *keyring) find(institution, f7, f11 string) (KeyKind, offer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, kind := range []KeyKind{KeyPIN, KeyMAC} {
		keys := k.slots[keySlot{institution, kind}]
		if keys == nil {
			continue
		}
		for _, o := range keys.offers {
			if f7 != "" && o.f7 == f7 && o.f11 == f11 {
				return kind, o, true
			}
		}
	}
	return "", offer{}, false
}

// accept puts an offered key into use. The record of it need not be durable: the
// record of the offer is, and the offer stays valid.
func (k *keyring) accept(s keySlot, key zoneKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.promote(s, key)
}

// refuse forgets an offered key that the member did not take.
func (k *keyring) refuse(s keySlot, key zoneKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys := k.slots[s]; keys != nil {
		keys.drop(key)
	}
}

// promote is accept with mu held.
func (k *keyring) promote(s keySlot, key zoneKey) {
	keys := k.slots[s]
	if keys == nil || bytes.Equal(keys.present, key) {
		return
	}
	now := time.Now()
	keys.use(key, now)
	k.journal.append(k.record(kindKey, s, key, now))
}

func (k *keyring) record(what kind, s keySlot, key zoneKey, now time.Time) record {
	wrapped := strings.ToUpper(hex.EncodeToString(spec.EncryptECB(k.zmk, key)))
	return record{
		Kind: what, At: millis(now), Institution: s.institution, KeyKind: string(s.kind), Wrapped: wrapped,
	}
}

// verify returns the MAC key under which F128 of a message is right.
func (k *keyring) verify(institution string, m *cups.Message) (zoneKey, bool) {
	got, mab := m.Bytes(128), cups.MAB(m)
	return k.first(keySlot{institution, KeyMAC}, func(key zoneKey) bool {
		want := cups.NormalMAC(spec.HostMAC(key, mab))
		return subtle.ConstantTimeCompare(got, want[:]) == 1
	})
}

// openPIN deciphers F52; "" if no PIN key opens it.
func (k *keyring) openPIN(institution, pan string, block []byte) string {
	var pin string
	if len(block) != 8 {
		return pin
	}
	k.first(keySlot{institution, KeyPIN}, func(key zoneKey) bool {
		got, err := spec.OpenPIN(key, [8]byte(block), pan)
		pin = got
		return err == nil
	})
	return pin
}

// present is the key in use; nil if there is none.
func (k *keyring) present(s keySlot) zoneKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys := k.slots[s]; keys != nil {
		return keys.present
	}
	return nil
}

// first tries the keys of a slot that may be in use. An offered key that fits is
// in use from then on.
func (k *keyring) first(s keySlot, fits func(zoneKey) bool) (zoneKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := k.slots[s]
	if keys == nil {
		return nil, false
	}
	if keys.present != nil && fits(keys.present) {
		return keys.present, true
	}
	for _, o := range keys.offers {
		if fits(o.key) {
			k.promote(s, o.key)
			return o.key, true
		}
	}
	if keys.old != nil && time.Since(keys.since) <= OldKeyTimeout && fits(keys.old) {
		return keys.old, true
	}
	return nil, false
}

func (s *slotKeys) offer(o offer) {
	s.offers = append(s.offers, o)
	if len(s.offers) > MaxOffers {
		s.offers = slices.Delete(s.offers, 0, 1)
	}
}

func (s *slotKeys) drop(key zoneKey) {
	s.offers = slices.DeleteFunc(s.offers, func(o offer) bool { return bytes.Equal(o.key, key) })
}

func (s *slotKeys) use(key zoneKey, now time.Time) {
	s.drop(key)
	s.old, s.present, s.since = s.present, key, now
}

// newKey makes a random DES key of 8 or 16 bytes with odd parity.
func newKey(size int) (zoneKey, error) {
	key := make(zoneKey, size)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a zone key: %w", err)
	}
	for i, b := range key {
		if bits.OnesCount8(b)%2 == 0 {
			key[i] = b ^ 1
		}
	}
	return key, nil
}
