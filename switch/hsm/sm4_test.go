package hsm

import (
	"crypto/cipher"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm4"
	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// A key exchange with SM4 as published for a bank's PIN pad: master key, working key under it with its check value, and
// a clear PIN block of 16 bytes with the card it is for.
const (
	padTMK     = "1234567890ABCDEFABCDEF0987654321"
	padPIK     = "3D66234C49E4296FF9C78D8BACBD6A76" // enciphered
	padCheck   = "861E83E3"
	padCard    = "6230606601007726888"
	padBlock   = "06123654FFFFFFFFFFFF99FEFF88D977"
	standard   = "0123456789ABCDEFFEDCBA9876543210" // GB/T 32907-2016, annex A: key and text
	enciphered = "681EDF34D206965E86B3E94F536E4246"
	million    = "595298C7C6FD271F0402F804C33D3F66" // enciphered 1,000,000 times
)

func sm4Cipher(t testing.TB, key string) cipher.Block {
	t.Helper()
	block, err := sm4.NewCipher(unhex(t, key))
	require.NoError(t, err)
	return block
}

// sealedLong enciphers a clear block of 16 bytes under demoPIK as an SM4 key.
func sealedLong(t testing.TB, clear string) acquirer.PINBlock {
	t.Helper()
	b := unhex(t, clear)
	sm4Cipher(t, demoPIK).Encrypt(b, b)
	block, err := acquirer.NewPINBlock(b)
	require.NoError(t, err)
	return block
}

func TestSM4KnownAnswers(t *testing.T) {
	s, err := newSchedule(acquirer.CipherSM4, unhex(t, standard))
	require.NoError(t, err)
	b := unhex(t, standard)
	s.encrypt(b)
	require.Equal(t, unhex(t, enciphered), b)
	s.decrypt(b)
	require.Equal(t, unhex(t, standard), b)
	for range 1_000_000 {
		s.encrypt(b)
	}
	require.Equal(t, unhex(t, million), b)
}

// The published working key opens under the published master key, its check value holds, and leaves as it came.
func TestSM4KeyExchange(t *testing.T) {
	m := newModule(t)
	tmk := wrapAs(t, m, acquirer.UsageTMK, acquirer.CipherSM4, padTMK)
	wire := acquirer.WrappedKey{Enciphered: unhex(t, padPIK), Check: [4]byte(unhex(t, padCheck))}
	pik, err := m.ImportKey(acquirer.UsagePIK, tmk, wire)
	require.NoError(t, err)
	back, err := m.ExportKey(pik, tmk)
	require.NoError(t, err)
	require.Equal(t, wire, back)
	wire.Check[0] ^= 1
	_, err = m.ImportKey(acquirer.UsagePIK, tmk, wire)
	require.ErrorIs(t, err, acquirer.ErrCheckValue)
	wire.Enciphered = wire.Enciphered[:8]
	_, err = m.ImportKey(acquirer.UsagePIK, tmk, wire)
	require.ErrorIs(t, err, acquirer.ErrKey)
}

// A key travels under a master key of its own kind.
func TestKeysOfAnotherCipherDoNotTravel(t *testing.T) {
	m := newModule(t)
	for _, master := range []acquirer.Cipher{acquirer.CipherTDES, acquirer.CipherSM4} {
		tmk := wrapAs(t, m, acquirer.UsageTMK, master, demoTMK)
		for _, c := range []acquirer.Cipher{acquirer.CipherDES, acquirer.CipherTDES, acquirer.CipherSM4} {
			key, err := m.GenerateKey(acquirer.UsageMAK, c)
			require.NoError(t, err)
			_, err = m.ExportKey(key, tmk)
			if (c == acquirer.CipherSM4) == (master == acquirer.CipherSM4) {
				require.NoError(t, err, "%s under %s", c, master)
				continue
			}
			require.ErrorIs(t, err, acquirer.ErrKey, "%s under %s", c, master)
		}
	}
}

// SM4 is for terminals: the host's line has none. Halves may be equal, for they are no keys; one byte repeated is weak.
func TestSM4Keys(t *testing.T) {
	m := newModule(t)
	for _, v := range []struct {
		usages, key string
		ok          bool
	}{
		{"TPMD", standard, true},
		{"TPMD", "0123456789ABCDEF0123456789ABCDEF", true},
		{"TPMD", "E0E0E0E0F1F1F1F10123456789ABCDEF", true},
		{"TPMD", strings.Repeat("44", 16), false},
		{"TPMD", "0123456789ABCDEF", false},
		{"TPMD", "", false},
		{"Zpm", standard, false},
	} {
		for _, usage := range []byte(v.usages) {
			_, err := m.WrapKey(acquirer.KeyUsage(usage), acquirer.CipherSM4, acquirer.NewKey(unhex(t, v.key)))
			if v.ok {
				require.NoError(t, err, "%c %s", usage, v.key)
				continue
			}
			require.ErrorIs(t, err, acquirer.ErrKey, "%c %s", usage, v.key)
		}
	}
	clear, tmk, err := m.NewTMK(acquirer.CipherSM4)
	require.NoError(t, err)
	zeros := make([]byte, 16)
	sm4Cipher(t, hex.EncodeToString(clear.Reveal())).Encrypt(zeros, zeros)
	check, err := m.CheckValue(tmk)
	require.NoError(t, err)
	require.Equal(t, zeros[:4], check[:])
}

// The published clear block goes to the zone's 3DES key as format 0; nothing else does.
func TestTranslatePINFromSM4(t *testing.T) {
	m := newModule(t)
	pik, zpk := wrapAs(t, m, acquirer.UsagePIK, acquirer.CipherSM4, demoPIK), wrapHex(t, m, acquirer.UsageZPK, demoZPK)
	out, err := m.TranslatePIN(sealedLong(t, padBlock), pik, zpk, pan(t, padCard))
	require.NoError(t, err)
	want := unhex(t, "06123654FFFFFFFF")
	for i, b := range unhex(t, "0000660100772688") {
		want[i] ^= b
	}
	require.Equal(t, want, decipher(t, demoZPK, out.Reveal()))

	_, err = m.TranslatePIN(sealedLong(t, padBlock), pik, zpk, pan(t, "9001100000000027"))
	require.ErrorIs(t, err, acquirer.ErrPINFormat, "another card")
	for i := range 16 {
		for bit := range 8 {
			clear := unhex(t, padBlock)
			clear[i] ^= 1 << bit
			if digit := clear[1]>>4 == 1 && clear[1] == 0x12; i == 1 && !digit || i == 2 || i == 3 {
				continue // another PIN, perhaps
			}
			_, err = m.TranslatePIN(sealedLong(t, hex.EncodeToString(clear)), pik, zpk, pan(t, padCard))
			require.ErrorIs(t, err, acquirer.ErrPINFormat, "byte %d bit %d", i, bit)
		}
	}
	_, err = m.TranslatePIN(sealed(t, "06122556FFFFFFFD"), pik, zpk, pan(t, "9001100000000027"))
	require.ErrorIs(t, err, acquirer.ErrPINFormat, "a short block under an SM4 key")
	_, err = m.TranslatePIN(sealedLong(t, padBlock), wrapHex(t, m, acquirer.UsagePIK, demoPIK), zpk, pan(t, padCard))
	require.ErrorIs(t, err, acquirer.ErrPINFormat, "a long block under a DES key")
}

// The folded MAC after its published description (blocks of 16 bytes xored, 32 hexadecimal characters, SM4, xor, SM4,
// eight characters), and CBC-MAC as the standard library chains it.
func TestSM4MACs(t *testing.T) {
	m := newModule(t)
	mak, block := wrapAs(t, m, acquirer.UsageMAK, acquirer.CipherSM4, standard), sm4Cipher(t, standard)
	for n := 1; n <= 50; n++ {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i*i + n)
		}
		padded := append(append([]byte{}, data...), make([]byte, (16-n%16)%16)...)

		folded := make([]byte, 16)
		for i, b := range data {
			folded[i%16] ^= b
		}
		text := []byte(strings.ToUpper(hex.EncodeToString(folded)))
		step := make([]byte, 16)
		block.Encrypt(step, text[:16])
		for i := range step {
			step[i] ^= text[16+i]
		}
		block.Encrypt(step, step)
		mac, err := m.MAC(mak, acquirer.MACECB, data)
		require.NoError(t, err)
		require.Equal(t, strings.ToUpper(hex.EncodeToString(step[:4])), string(mac[:]), "%d bytes", n)

		cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(padded, padded)
		mac, err = m.MAC(mak, acquirer.MACX919, data)
		require.NoError(t, err)
		require.Equal(t, padded[len(padded)-16:][:8], mac[:], "%d bytes", n)
	}
	_, err := m.MAC(mak, acquirer.MACECB, nil)
	require.ErrorIs(t, err, errNoData)
}
