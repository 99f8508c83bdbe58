package hsm

import (
	"encoding/binary"
	"fmt"

	acquirer "example.com/ringback/switch"
)

// parityBits are the lowest bits of the bytes of a DES key, which DES does not use.
const parityBits = 0x0101010101010101

// weakDES are the keys under which DES is its own inverse, and behind them those that are inverse by pairs (NIST SP
// 800-67, 3.3.2), without parity bits.
var weakDES = [...]uint64{
	0x0000000000000000, 0xFEFEFEFEFEFEFEFE, 0xE0E0E0E0F0F0F0F0, 0x1E1E1E1E0E0E0E0E,
	0x001E001E000E000E, 0x1E001E000E000E00, 0x00E000E000F000F0, 0xE000E000F000F000,
	0x00FE00FE00FE00FE, 0xFE00FE00FE00FE00, 0x1EE01EE00EF00EF0, 0xE01EE01EF00EF00E,
	0x1EFE1EFE0EFE0EFE, 0xFE1EFE1EFE0EFE0E, 0xE0FEE0FEF0FEF0FE, 0xFEE0FEE0FEF0FEF0,
}

// checkKey refuses a cipher that a usage does not have, a key of another length than its cipher's, and weak keys: one
// byte repeated, and for DES two equal halves, which are single DES, or a half that is a weak or semi-weak key. Parity
// is left out of all comparisons; itself it is not checked, since keys in the field have none.
func checkKey(usage acquirer.KeyUsage, cipher acquirer.Cipher, key []byte) error {
	if _, ok := headers[usage][cipher]; !ok {
		return refused(usage, fmt.Sprintf("cannot be a %q key", cipher))
	}
	if len(key) != keySize(cipher) {
		return refused(usage, fmt.Sprintf("cannot have %d bytes", len(key)))
	}
	if repeats(key) {
		return refused(usage, "is weak: one byte repeated")
	}
	if cipher == acquirer.CipherSM4 {
		return nil
	}
	var before uint64
	for i := 0; i < len(key); i += singleLength {
		half := binary.BigEndian.Uint64(key[i:]) &^ parityBits
		if i > 0 && half == before {
			return refused(usage, "is weak: its halves are equal")
		}
		if weak(half) {
			return refused(usage, "is weak: DES is its own inverse under it, or under a pair of which it is one")
		}
		before = half
	}
	return nil
}

// repeats reports whether key is one byte repeated, parity bits aside.
func repeats(key []byte) bool {
	var differ byte
	for _, b := range key {
		differ |= b ^ key[0]
	}
	return differ&0xFE == 0
}

func weak(half uint64) (found bool) {
	for _, w := range weakDES {
		found = found || half == w
	}
	return found
}
