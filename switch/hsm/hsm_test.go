package hsm

import (
	"crypto/cipher"
	"crypto/des"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// The test keys of these tests are published ones or invented.
const (
	demoTMK = "0123456789ABCDEFFEDCBA9876543210"
	demoPIK = "4567C298FB0B045DAB54BF499E10EFCD"
	demoZPK = "BF94BF2304D59E9E1C45640131320BE6"
	demoMAK = "7F52E3201FDF045E"
	zoneKey = "1023457689BADCEF0132546798ABCDFE" // MMK published with the host captures
)

func newModule(t testing.TB) *Module {
	t.Helper()
	return moduleOf(t, 0x5A)
}

// moduleOf makes a module whose master key differs with seed.
func moduleOf(t testing.TB, seed byte) *Module {
	t.Helper()
	b := make([]byte, masterKeySize)
	for i := range b {
		b[i] = seed + byte(i)
	}
	master, err := NewMasterKey(b)
	require.NoError(t, err)
	return New(master)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// wrapHex wraps a DES key, single or double as it is long.
func wrapHex(t testing.TB, m *Module, usage acquirer.KeyUsage, key string) acquirer.KeyBlock {
	t.Helper()
	return wrapAs(t, m, usage, desOf(len(key)/2), key)
}

func wrapAs(t testing.TB, m *Module, usage acquirer.KeyUsage, cipher acquirer.Cipher, key string) acquirer.KeyBlock {
	t.Helper()
	block, err := m.WrapKey(usage, cipher, acquirer.NewKey(unhex(t, key)))
	require.NoError(t, err)
	return block
}

// desOf is the DES whose keys have n bytes.
func desOf(n int) acquirer.Cipher {
	if n == singleLength {
		return acquirer.CipherDES
	}
	return acquirer.CipherTDES
}

// reference is single or triple DES as the standard library has it, apart from the code under test.
func reference(t testing.TB, key []byte) cipher.Block {
	t.Helper()
	if len(key) == 8 {
		block, err := des.NewCipher(key)
		require.NoError(t, err)
		return block
	}
	block, err := des.NewTripleDESCipher(append(append([]byte{}, key...), key[:8]...))
	require.NoError(t, err)
	return block
}

func encipher(t testing.TB, key string, data []byte) []byte {
	t.Helper()
	out := make([]byte, len(data))
	block := reference(t, unhex(t, key))
	for i := 0; i < len(data); i += 8 {
		block.Encrypt(out[i:], data[i:])
	}
	return out
}

func decipher(t testing.TB, key string, data []byte) []byte {
	t.Helper()
	out := make([]byte, len(data))
	block := reference(t, unhex(t, key))
	for i := 0; i < len(data); i += 8 {
		block.Decrypt(out[i:], data[i:])
	}
	return out
}

// checkOf is the check value of a clear key, by the reference.
func checkOf(t testing.TB, key string) [4]byte {
	t.Helper()
	return [4]byte(encipher(t, key, make([]byte, 8)))
}

func pan(t testing.TB, s string) acquirer.PAN {
	t.Helper()
	p, err := acquirer.ParsePAN(s)
	require.NoError(t, err)
	return p
}
