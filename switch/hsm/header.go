package hsm

import (
	"fmt"

	acquirer "example.com/ringback/switch"
)

// The lengths of a stored block: all have the same, whatever the key's.
const (
	headerSize = 32
	blockData  = 32                              // bytes of key data: length 2, key, filling
	blockSize  = headerSize + 2*blockData + 2*16 // characters
)

// exportable says that a key leaves in another form than a key block: the wire's.
const exportable = 'S'

// use is what a key of a usage may be and do, in the words of TR-31.
type use struct {
	name    string // three letters, in the optional block
	code    string // key usage; the one of MAC keys depends on the cipher
	mode    byte   // mode of use: B both ways, C generate and verify, D decrypt, E encrypt
	export  byte   // exportability: N, or exportable
	ciphers []acquirer.Cipher
}

// uses says it for every usage. The code 10 is one of those left to the parties: the CUP "ECB" MAC has none, and a
// terminal's profile decides between it and X9.19. A terminal's working keys leave once, to the terminal, in the form
// of the wire; nothing else leaves. What an 8-byte key may be is what the dialects know: a MAC key on either wire
// (terminal dialect page, section 5; host dialect page, section 3.3), a PIN or track key after sign-on 001.
var uses = map[acquirer.KeyUsage]use{
	acquirer.UsageTMK: {"TMK", "K0", 'B', 'N', []acquirer.Cipher{acquirer.CipherTDES, acquirer.CipherSM4}},
	acquirer.UsagePIK: {"PIK", "P0", 'D', exportable, []acquirer.Cipher{acquirer.CipherDES, acquirer.CipherTDES, acquirer.CipherSM4}},
	acquirer.UsageMAK: {"MAK", "10", 'C', exportable, []acquirer.Cipher{acquirer.CipherDES, acquirer.CipherTDES, acquirer.CipherSM4}},
	acquirer.UsageTDK: {"TDK", "D0", 'D', exportable, []acquirer.Cipher{acquirer.CipherDES, acquirer.CipherTDES, acquirer.CipherSM4}},
	acquirer.UsageZMK: {"ZMK", "K0", 'D', 'N', []acquirer.Cipher{acquirer.CipherTDES}},
	acquirer.UsageZPK: {"ZPK", "P0", 'E', 'N', []acquirer.Cipher{acquirer.CipherTDES}},
	acquirer.UsageZAK: {"ZAK", "M3", 'C', 'N', []acquirer.Cipher{acquirer.CipherDES, acquirer.CipherTDES}},
}

// letters are the ciphers in a header. SM4 has no letter in the standard; digits are left to the parties.
var letters = map[acquirer.Cipher]byte{acquirer.CipherDES: 'D', acquirer.CipherTDES: 'T', acquirer.CipherSM4: '4'}

// headers are all headers there are, by usage and cipher.
var headers = func() map[acquirer.KeyUsage]map[acquirer.Cipher]string {
	all := make(map[acquirer.KeyUsage]map[acquirer.Cipher]string)
	for usage, u := range uses {
		all[usage] = make(map[acquirer.Cipher]string)
		for _, c := range u.ciphers {
			all[usage][c] = u.header(c)
		}
	}
	return all
}()

// header writes the 16 characters of the standard: version, length, usage, algorithm, mode of use, key version (none),
// exportability, one optional block, reserved. The optional block, with an id left to the parties, holds the usage in
// full: a TMK and a ZMK, say, are one to the standard.
func (u use) header(c acquirer.Cipher) string {
	code := u.code
	if code == "M3" && c == acquirer.CipherDES {
		code = "M1" // one key makes ISO 9797-1 algorithm 1 (X9.9), two make algorithm 3 (X9.19)
	}
	return fmt.Sprintf("D%04d%s%c%c00%c01001010RINGBACK-%s", blockSize, code, letters[c], u.mode, u.export, u.name)
}

// cipherOf reads the algorithm from a block's header; none for what is no header.
func cipherOf(block string) acquirer.Cipher {
	if len(block) == blockSize {
		for c, letter := range letters {
			if block[7] == letter {
				return c
			}
		}
	}
	return ""
}

// keySize is the length of a cipher's keys in bytes, 0 for an unknown one.
func keySize(c acquirer.Cipher) int {
	switch c {
	case acquirer.CipherDES:
		return singleLength
	case acquirer.CipherTDES, acquirer.CipherSM4:
		return doubleLength
	}
	return 0
}
