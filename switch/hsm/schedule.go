package hsm

import (
	"crypto/cipher"
	"crypto/des"
	"fmt"

	"github.com/emmansun/gmsm/sm4"

	acquirer "example.com/ringback/switch"
)

// The blocks of the ciphers in bytes.
const (
	shortBlock = des.BlockSize
	longBlock  = sm4.BlockSize
)

// schedule is a key made ready. Two single DES ciphers serve all that is computed with DES here: alone, as two-key triple
// DES (encipher left, decipher right, encipher left), and one after the other in X9.19. SM4 is one cipher.
type schedule struct {
	left  cipher.Block
	right cipher.Block // nil but for triple DES
	size  int          // bytes of a block
}

// newSchedule makes the schedule of a key, which it does not keep.
func newSchedule(c acquirer.Cipher, key []byte) (*schedule, error) {
	make := des.NewCipher
	if c == acquirer.CipherSM4 {
		make = sm4.NewCipher
	}
	first, second := key, key[len(key):]
	if c == acquirer.CipherTDES {
		first, second = key[:singleLength], key[singleLength:]
	}
	left, err := make(first)
	if err != nil {
		return nil, fmt.Errorf("making a key ready: %w", err)
	}
	s := &schedule{left: left, size: left.BlockSize()}
	if len(second) > 0 {
		if s.right, err = make(second); err != nil {
			return nil, fmt.Errorf("making a key ready: %w", err)
		}
	}
	return s, nil
}

// encrypt enciphers one block in place.
func (s *schedule) encrypt(b []byte) {
	s.left.Encrypt(b, b)
	s.finish(b)
}

// finish does what triple DES does after the first cipher, and nothing for any other key. On the last block
// of a chain under the left half it is the end of ANSI X9.19.
func (s *schedule) finish(b []byte) {
	if s.right != nil {
		s.right.Decrypt(b, b)
		s.left.Encrypt(b, b)
	}
}

// decrypt deciphers one block in place.
func (s *schedule) decrypt(b []byte) {
	if s.right != nil {
		s.left.Decrypt(b, b)
		s.right.Encrypt(b, b)
	}
	s.left.Decrypt(b, b)
}

// ecb applies a block operation to each block of data, in place.
func (s *schedule) ecb(operation func([]byte), data []byte) {
	for ; len(data) >= s.size; data = data[s.size:] {
		operation(data[:s.size])
	}
}

// checkValue is a block of zero bytes enciphered, the first four bytes (terminal dialect page, section 3.3).
func (s *schedule) checkValue() [4]byte {
	var b [longBlock]byte
	s.encrypt(b[:s.size])
	return [4]byte(b[:])
}
