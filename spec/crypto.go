package spec

import (
	"crypto/cipher"
	"crypto/des"
	"encoding/hex"
	"errors"
	"strings"
)

// ErrCipher is the error of DecryptECB and OpenPIN for data that cannot be
// what it should be: a wrong length, or a PIN block that does not open.
var ErrCipher = errors.New("cannot be deciphered")

// ErrPIN is the error of SealPIN for a PIN or PAN outside the format's limits.
var ErrPIN = errors.New("PIN or PAN out of range")

// MACCUP is the China UnionPay "ECB" message authentication code: the eight
// upper-case hex characters that stand in F64 of the terminal line
// (UnionPay POS dialect, section 6). data is padded with zero bytes; key has 8
// bytes (DES) or 16 (3DES). It panics on any other key length.
func MACCUP(key, data []byte) [8]byte {
	var block [8]byte
	for i, b := range data {
		block[i%8] ^= b
	}
	text := upperHex(block[:])
	step := EncryptECB(key, text[:8])
	for i := range step {
		step[i] ^= text[8+i]
	}
	return [8]byte(upperHex(EncryptECB(key, step)))
}

// MACX919 is ANSI X9.19 (ISO 9797-1 algorithm 3): single-DES chaining under the
// left half of the 16-byte key, the last block decrypted with the right half
// and encrypted with the left. Zero initial value, zero padding.
func MACX919(key, data []byte) [8]byte {
	mac := MACX99(key[:8], data)
	open, err := DecryptECB(key[8:16], mac[:])
	if err != nil {
		panic(err) // eight bytes always decrypt
	}
	return [8]byte(EncryptECB(key[:8], open))
}

// MACX99 is ANSI X9.9: the last block of DES-CBC under an 8-byte key, zero
// initial value, zero padding.
func MACX99(key, data []byte) [8]byte {
	var block [8]byte
	for len(data) > 0 {
		n := min(8, len(data))
		for i, b := range data[:n] {
			block[i] ^= b
		}
		block = [8]byte(EncryptECB(key[:8:8], block[:]))
		data = data[n:]
	}
	return block
}

// HostMAC is the MAC of the host line over a MAB: X9.9 for an 8-byte key, X9.19
// for 16 bytes (host dialect, section 4.2). F128 of normal traffic shows the
// first four bytes as hex.
func HostMAC(key, mab []byte) [8]byte {
	if len(key) == 8 {
		return MACX99(key, mab)
	}
	return MACX919(key, mab)
}

// CheckValue is eight zero bytes encrypted under key. Peers compare its first
// three or four bytes.
func CheckValue(key []byte) [8]byte {
	return [8]byte(EncryptECB(key, make([]byte, 8)))
}

// EncryptECB encrypts whole 8-byte blocks under a key of 8, 16 or 24 bytes into
// a new slice. It panics if either length is wrong: keys and data are the
// caller's, never a peer's.
func EncryptECB(key, data []byte) []byte {
	out := make([]byte, len(data))
	c := newCipher(key)
	for i := 0; i < len(data); i += 8 {
		c.Encrypt(out[i:i+8], data[i:i+8])
	}
	return out
}

// DecryptECB is the inverse of EncryptECB. Data that is not a whole number of
// blocks gives ErrCipher; it panics on a bad key length.
func DecryptECB(key, data []byte) ([]byte, error) {
	if len(data)%8 != 0 {
		return nil, ErrCipher
	}
	out := make([]byte, len(data))
	c := newCipher(key)
	for i := 0; i < len(data); i += 8 {
		c.Decrypt(out[i:i+8], data[i:i+8])
	}
	return out, nil
}

// SealPIN builds the ISO 9564 format 0 block of a PIN of 4 to 12 digits for a
// PAN of at least 13 digits and encrypts it under key (UnionPay POS dialect,
// section 7). The error is ErrPIN.
func SealPIN(key []byte, pin, pan string) ([8]byte, error) {
	clear, err := clearPIN(pin, pan)
	if err != nil {
		return [8]byte{}, err
	}
	return [8]byte(EncryptECB(key, clear[:])), nil
}

// OpenPIN deciphers a format 0 block. A block that was sealed under another key
// or for another PAN gives ErrCipher (but for the rare one that happens to fit).
func OpenPIN(key []byte, block [8]byte, pan string) (string, error) {
	account, err := accountBlock(pan)
	if err != nil {
		return "", err
	}
	clear, err := DecryptECB(key, block[:])
	if err != nil {
		return "", err
	}
	for i := range clear {
		clear[i] ^= account[i]
	}
	return readPIN(string(upperHex(clear)))
}

func clearPIN(pin, pan string) ([8]byte, error) {
	block, err := accountBlock(pan)
	if err != nil {
		return block, err
	}
	if len(pin) < 4 || len(pin) > 12 || !allDigits(pin) {
		return block, ErrPIN
	}
	text := "0" + string("0123456789ABC"[len(pin)]) + pin + strings.Repeat("F", 14-len(pin))
	for i := range block {
		block[i] ^= fromHex(text[2*i])<<4 | fromHex(text[2*i+1])
	}
	return block, nil
}

// accountBlock is 0000 and the twelve digits before the check digit.
func accountBlock(pan string) (block [8]byte, err error) {
	if len(pan) < 13 || !allDigits(pan) {
		return block, ErrPIN
	}
	digits := pan[len(pan)-13 : len(pan)-1]
	for i := range 6 {
		block[2+i] = fromHex(digits[2*i])<<4 | fromHex(digits[2*i+1])
	}
	return block, nil
}

// newCipher is DES for 8 bytes, double-length 3DES for 16, triple-length for 24.
func newCipher(key []byte) cipher.Block {
	var block cipher.Block
	var err error
	switch len(key) {
	case 8:
		block, err = des.NewCipher(key)
	case 16:
		block, err = des.NewTripleDESCipher(append(append(make([]byte, 0, 24), key...), key[:8]...))
	default:
		block, err = des.NewTripleDESCipher(key)
	}
	if err != nil {
		panic("spec: " + err.Error())
	}
	return block
}

func upperHex(b []byte) []byte {
	return []byte(strings.ToUpper(hex.EncodeToString(b)))
}

func fromHex(c byte) byte {
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
