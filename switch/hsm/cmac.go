package hsm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// cmac is the message authentication code of NIST SP 800-38B over AES, in full.
type cmac struct {
	block    cipher.Block
	whole    [aes.BlockSize]byte // xored into a last block that is full
	filledUp [aes.BlockSize]byte // and into one that was filled up
}

func newCMAC(key []byte) *cmac {
	c := &cmac{block: newBlockCipher(key)}
	c.block.Encrypt(c.whole[:], c.whole[:])
	double(&c.whole)
	c.filledUp = c.whole
	double(&c.filledUp)
	return c
}

// sum returns the code of text.
func (c *cmac) sum(text []byte) (mac [aes.BlockSize]byte) {
	for len(text) > aes.BlockSize {
		text = text[subtle.XORBytes(mac[:], mac[:], text[:aes.BlockSize]):]
		c.block.Encrypt(mac[:], mac[:])
	}
	last := c.whole
	if len(text) < aes.BlockSize {
		last = c.filledUp
		last[len(text)] ^= 0x80
	}
	subtle.XORBytes(mac[:], mac[:], text)
	subtle.XORBytes(mac[:], mac[:], last[:])
	c.block.Encrypt(mac[:], mac[:])
	return mac
}

// double multiplies by x in the field of 2^128, in the same time whatever b is.
func double(b *[aes.BlockSize]byte) {
	carry := b[0] >> 7
	for i := range len(b) - 1 {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	b[len(b)-1] = b[len(b)-1]<<1 ^ 0x87*carry
}
