package hsm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"sync"

	acquirer "example.com/ringback/switch"
)

// The limits of this package. A terminal uses three blocks (PIN key, MAC key and, for a while, the MAC key before
// it), so that 20,000 terminals fit the cache. A full cache takes about 30 MB.
const (
	cacheShards = 64   // a power of two
	shardKeys   = 1024 // cipher schedules per shard: 65,536 in all
)

// The labels that keep derived keys apart. None is the beginning of another. Changing one makes everything
// unreadable that was written under it.
const (
	labelKeyBlock     = "ringback 2 key block"
	labelOldBlock     = "ringback 1 key block"
	labelDataKey      = "ringback 1 data key"
	labelIndex        = "ringback 1 index"
	labelConfirmation = "ringback 1 confirmation"
)

// Module is a payment security module in software. It is safe for concurrent use and starts nothing. Its methods
// are documented at the interfaces it implements.
type Module struct {
	blocks    *blockKeys  // wrap payment keys
	oldBlocks cipher.AEAD // wrapped them before
	dataKeys  cipher.AEAD // wraps the store's data keys and index secret
	index     []byte      // index secret of a file that is made under this master key
	confirm   hourKeys
	cache     cache
	buffers   sync.Pool // of *buffer
}

var (
	_ acquirer.HSM   = (*Module)(nil)
	_ acquirer.Vault = (*Module)(nil)
)

// New derives the module's keys from the master key, which it does not keep.
func New(master *MasterKey) *Module {
	m := &Module{
		blocks:    newBlockKeys(derive(master.b[:], labelKeyBlock)),
		oldBlocks: newRandomGCM(derive(master.b[:], labelOldBlock)),
		dataKeys:  newRandomGCM(derive(master.b[:], labelDataKey)),
		index:     derive(master.b[:], labelIndex),
	}
	m.confirm.secret = derive(master.b[:], labelConfirmation)
	m.cache.init()
	m.buffers.New = func() any { return new(buffer) }
	return m
}

// Format prints nothing: the fields are keys.
func (*Module) Format(fmt.State, rune) {}

// buffer is the working memory of one call. The ciphers are reached through an interface, which would move a local
// array to the heap at each call; a pooled buffer costs nothing and is wiped in one place.
type buffer [2 * longBlock]byte

func (m *Module) borrow() *buffer { return m.buffers.Get().(*buffer) }

// giveBack wipes b: it may hold a clear PIN block.
func (m *Module) giveBack(b *buffer) {
	clear(b[:])
	m.buffers.Put(b)
}

// derive makes a 32-byte key for one purpose (RFC 5869, no salt: the secret is uniformly random).
func derive(secret []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, label, 32)
	if err != nil {
		panic(err) // 32 bytes are far below the limit of 255 hashes
	}
	return key
}

// newBlockCipher is AES-256 under a derived key.
func newBlockCipher(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // derive makes 32 bytes
	}
	return block
}

// newRandomGCM is AES-256-GCM that draws a nonce for each text and puts it in front.
func newRandomGCM(key []byte) cipher.AEAD {
	aead, err := cipher.NewGCMWithRandomNonce(newBlockCipher(key))
	if err != nil {
		panic(err) // AES has the block size GCM wants
	}
	return aead
}

// newGCM is AES-256-GCM with the caller's nonces.
func newGCM(key []byte) cipher.AEAD {
	aead, err := cipher.NewGCM(newBlockCipher(key))
	if err != nil {
		panic(err) // AES has the block size GCM wants
	}
	return aead
}
