package hsm

import (
	"crypto/cipher"
	"crypto/des"
	"fmt"
)

// schedule is a key made ready. Two single DES ciphers serve all that is computed here: alone, as two-key triple
// DES (encipher left, decipher right, encipher left), and one after the other in X9.19.
type schedule struct {
	left  cipher.Block
	right cipher.Block // nil for a single-length key
}

// newSchedule makes the schedule of 8 or 16 bytes, which it does not keep.
func newSchedule(key []byte) (*schedule, error) {
	left, err := des.NewCipher(key[:singleLength])
	if err != nil {
		return nil, fmt.Errorf("making a key ready: %w", err)
	}
	if len(key) == singleLength {
		return &schedule{left: left}, nil
	}
	right, err := des.NewCipher(key[singleLength:])
	if err != nil {
		return nil, fmt.Errorf("making a key ready: %w", err)
	}
	return &schedule{left: left, right: right}, nil
}

// encrypt enciphers one block of 8 bytes in place.
func (s *schedule) encrypt(b []byte) {
	s.left.Encrypt(b, b)
	s.finish(b)
}

// finish does what triple DES does after the first cipher, and nothing for a single-length key. On the last block
// of a chain under the left half it is the end of ANSI X9.19.
func (s *schedule) finish(b []byte) {
	if s.right != nil {
		s.right.Decrypt(b, b)
		s.left.Encrypt(b, b)
	}
}

// decrypt deciphers one block of 8 bytes in place.
func (s *schedule) decrypt(b []byte) {
	if s.right != nil {
		s.left.Decrypt(b, b)
		s.right.Encrypt(b, b)
	}
	s.left.Decrypt(b, b)
}

// ecb applies a block operation to each 8 bytes of data, in place.
func ecb(operation func([]byte), data []byte) {
	for ; len(data) >= des.BlockSize; data = data[des.BlockSize:] {
		operation(data[:des.BlockSize])
	}
}

// checkValue is eight zero bytes enciphered, the first four bytes (terminal dialect page, section 3.3).
func (s *schedule) checkValue() [4]byte {
	var b [des.BlockSize]byte
	s.encrypt(b[:])
	return [4]byte(b[:])
}
