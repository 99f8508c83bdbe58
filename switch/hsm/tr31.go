package hsm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// blockKeys are the two keys that protect key blocks of TR-31 (ANSI X9.143) version D, derived from one AES-256 key. A
// block is ASCII:
//
//	header | key data, enciphered, in hexadecimal | MAC 16, in hexadecimal
//
// Key data is the key's length in bits (2 bytes), the key, and random bytes up to a multiple of 16. The MAC is a CMAC over
// header and clear key data, and the initial value of the CBC that enciphers the latter.
type blockKeys struct {
	encryption     cipher.Block
	authentication *cmac
}

// newBlockKeys derives the keys: CMAC under the protection key, counted (TR-31:2018, 5.3.2.3).
func newBlockKeys(protection []byte) *blockKeys {
	c := newCMAC(protection)
	half := func(counter, purpose byte) []byte {
		mac := c.sum([]byte{counter, 0, purpose, 0, 0, 4, 1, 0}) // 4: AES-256; 0100: 256 bits
		return mac[:]
	}
	key := func(purpose byte) []byte { return append(half(1, purpose), half(2, purpose)...) }
	encryption, authentication := key(0), key(1)
	defer clear(encryption)
	defer clear(authentication)
	return &blockKeys{newBlockCipher(encryption), newCMAC(authentication)}
}

// seal makes the block of a key behind a header, with pad random bytes behind the key: at least none, and as many as make
// 2 bytes, key and pad whole AES blocks.
func (k *blockKeys) seal(header string, key []byte, pad int) (string, error) {
	filling := make([]byte, pad)
	if _, err := rand.Read(filling); err != nil {
		return "", fmt.Errorf("filling up a key block: %w", err)
	}
	return k.sealFilled(header, key, filling), nil
}

func (k *blockKeys) sealFilled(header string, key, filling []byte) string {
	text := binary.BigEndian.AppendUint16([]byte(header), uint16(8*len(key)))
	text = append(append(text, key...), filling...)
	defer clear(text)
	mac := k.authentication.sum(text)
	data := text[len(header):]
	cipher.NewCBCEncrypter(k.encryption, mac[:]).CryptBlocks(data, data)
	out := appendHex([]byte(header), data)
	return string(appendHex(out, mac[:]))
}

// open returns the key of a block that begins with header, for the caller to wipe; ok is false for a block that was not
// made by seal with these keys and this header.
func (k *blockKeys) open(header, block string) (key []byte, ok bool) {
	if len(block) < len(header) || block[:len(header)] != header {
		return nil, false
	}
	data, ok := parseHex(block[len(header):])
	if !ok || len(data) < 2*aes.BlockSize || len(data)%aes.BlockSize != 0 {
		return nil, false
	}
	data, mac := data[:len(data)-aes.BlockSize], data[len(data)-aes.BlockSize:]
	cipher.NewCBCDecrypter(k.encryption, mac).CryptBlocks(data, data)
	defer clear(data)
	text := append([]byte(header), data...)
	defer clear(text)
	want := k.authentication.sum(text)
	if subtle.ConstantTimeCompare(want[:], mac) != 1 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(data)) / 8
	if n > len(data)-2 {
		return nil, false
	}
	return append([]byte(nil), data[2:2+n]...), true
}

const hexDigits = "0123456789ABCDEF"

func appendHex(to, b []byte) []byte {
	for _, c := range b {
		to = append(to, hexDigits[c>>4], hexDigits[c&15])
	}
	return to
}

// parseHex reads upper-case digits only, so that a block has one form.
func parseHex(s string) ([]byte, bool) {
	if len(s)%2 != 0 {
		return nil, false
	}
	out := make([]byte, len(s)/2)
	for i := range len(s) {
		n, ok := hexDigit(s[i])
		if !ok {
			return nil, false
		}
		out[i/2] = out[i/2]<<4 | n
	}
	return out, true
}

func hexDigit(c byte) (n byte, ok bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
