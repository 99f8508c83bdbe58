package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	acquirer "example.com/ringback/switch"
)

// keyedHash is HMAC-SHA-256 cut to 128 bits under one key. Its states are kept: a new one costs four times the hash.
type keyedHash struct{ states sync.Pool }

// hashState is one keyed state, with room for what is to be hashed and for what comes of it.
type hashState struct {
	hash hash.Hash
	buf  []byte
	out  [sha256.Size]byte
}

func newKeyedHash(key acquirer.Key) *keyedHash {
	k := &keyedHash{}
	k.states.New = func() any { return &hashState{hash: hmac.New(sha256.New, key.Reveal())} }
	return k
}

// sum hashes data.
func (k *keyedHash) sum(data []byte) [16]byte {
	s := k.states.Get().(*hashState)
	defer k.states.Put(s)
	return s.sum(data)
}

func (s *hashState) sum(data []byte) [16]byte {
	s.hash.Reset()
	_, _ = s.hash.Write(data) // a hash takes every write
	return [16]byte(s.hash.Sum(s.out[:0]))
}

// Fingerprint implements [acquirer.Journal]. Lengths go in front of the texts, so that no digit can move from one to
// the next.
func (db *DB) Fingerprint(amount acquirer.Fen, payee, payer acquirer.MSISDN, card acquirer.PAN) acquirer.Fingerprint {
	var buf [64]byte
	b := binary.BigEndian.AppendUint64(buf[:0], uint64(amount))
	for _, s := range [...]string{payee.Reveal(), payer.Reveal(), card.Reveal()} {
		b = append(append(b, byte(len(s))), s...)
	}
	return db.prints.sum(b)
}

// numberIndex is by what a payee is found.
func (db *DB) numberIndex(number acquirer.MSISDN) [16]byte {
	var buf [16]byte
	return db.numbers.sum(append(buf[:0], number.Reveal()...))
}
