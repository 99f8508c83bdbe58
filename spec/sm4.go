package spec

import (
	"bytes"
	"crypto/cipher"
	"strings"

	"github.com/emmansun/gmsm/sm4"
)

// What terminals with SM4 keys compute: the functions beside those of crypto.go
// for a cipher with keys and blocks of 16 bytes (GB/T 32907).

// MACCUPSM4 is the China UnionPay "ECB" message authentication code with SM4:
// the blocks of data xored, written in hex, and the two halves enciphered one
// after the other. Eight upper-case hex characters are kept. It panics on a key
// that has not 16 bytes.
func MACCUPSM4(key, data []byte) [8]byte {
	var block [sm4.BlockSize]byte
	for i, b := range data {
		block[i%len(block)] ^= b
	}
	text := upperHex(block[:])
	step := EncryptSM4(key, text[:len(block)])
	for i := range step {
		step[i] ^= text[len(block)+i]
	}
	return [8]byte(upperHex(EncryptSM4(key, step)))
}

// MACCBCSM4 is CBC-MAC with SM4 (ISO 9797-1 algorithm 1), the first eight bytes.
// Zero initial value, zero padding.
func MACCBCSM4(key, data []byte) [8]byte {
	block := make([]byte, sm4.BlockSize)
	for len(data) > 0 {
		n := min(len(block), len(data))
		for i, b := range data[:n] {
			block[i] ^= b
		}
		block = EncryptSM4(key, block)
		data = data[n:]
	}
	return [8]byte(block)
}

// CheckValueSM4 is sixteen zero bytes encrypted under key. Peers compare its
// first four bytes.
func CheckValueSM4(key []byte) [16]byte {
	return [16]byte(EncryptSM4(key, make([]byte, sm4.BlockSize)))
}

// EncryptSM4 encrypts whole 16-byte blocks, ECB, into a new slice. It panics on
// a wrong length of key or data, which are the caller's, never a peer's.
func EncryptSM4(key, data []byte) []byte {
	out := make([]byte, len(data))
	c := newSM4(key)
	for i := 0; i < len(data); i += sm4.BlockSize {
		c.Encrypt(out[i:i+sm4.BlockSize], data[i:i+sm4.BlockSize])
	}
	return out
}

// DecryptSM4 is the inverse of EncryptSM4. Data that is not a whole number of
// blocks gives ErrCipher; it panics on a bad key length.
func DecryptSM4(key, data []byte) ([]byte, error) {
	if len(data)%sm4.BlockSize != 0 {
		return nil, ErrCipher
	}
	out := make([]byte, len(data))
	c := newSM4(key)
	for i := 0; i < len(data); i += sm4.BlockSize {
		c.Decrypt(out[i:i+sm4.BlockSize], data[i:i+sm4.BlockSize])
	}
	return out, nil
}

// SealPINSM4 is SealPIN with a block of 16 bytes: the PIN part of format 0 goes
// on with F to the end, and the twelve digits of the account stand at the end.
func SealPINSM4(key []byte, pin, pan string) ([16]byte, error) {
	short, err := clearPIN(pin, pan)
	if err != nil {
		return [16]byte{}, err
	}
	account, err := accountBlock(pan)
	if err != nil {
		return [16]byte{}, err
	}
	clear := bytes.Repeat([]byte{0xFF}, sm4.BlockSize)
	for i := range account {
		clear[i] = short[i] ^ account[i]
		clear[8+i] ^= account[i]
	}
	return [16]byte(EncryptSM4(key, clear)), nil
}

// OpenPINSM4 is OpenPIN for a block of 16 bytes.
func OpenPINSM4(key []byte, block [16]byte, pan string) (string, error) {
	account, err := accountBlock(pan)
	if err != nil {
		return "", err
	}
	clear, err := DecryptSM4(key, block[:])
	if err != nil {
		return "", err
	}
	for i := range account {
		clear[8+i] ^= account[i]
	}
	return readPIN(string(upperHex(clear)))
}

// readPIN reads the PIN part of a block in hex: 0, length, digits, F to the end.
func readPIN(text string) (string, error) {
	n := strings.IndexByte("0123456789ABC", text[1])
	if text[0] != '0' || n < 4 || !allDigits(text[2:2+n]) || strings.Trim(text[2+n:], "F") != "" {
		return "", ErrCipher
	}
	return text[2 : 2+n], nil
}

func newSM4(key []byte) cipher.Block {
	block, err := sm4.NewCipher(key)
	if err != nil {
		panic("spec: " + err.Error())
	}
	return block
}
