package spec

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// GB/T 32907-2016, annex A, key and text; and a key exchange published for a bank's PIN pad: working key under the
// master key, check value, clear PIN block.
const (
	sm4Standard = "0123456789ABCDEFFEDCBA9876543210"
	padTMK      = "1234567890ABCDEFABCDEF0987654321"
	padSealed   = "3D66234C49E4296FF9C78D8BACBD6A76"
	padCV       = "861E83E31FAEBF10"
	padCard     = "6230606601007726888"
	padClear    = "06123654FFFFFFFFFFFF99FEFF88D977"
)

func TestSM4KnownAnswers(t *testing.T) {
	key := unhex(t, sm4Standard)
	require.Equal(t, "681EDF34D206965E86B3E94F536E4246", Hex(EncryptSM4(key, key)))
	back, err := DecryptSM4(key, EncryptSM4(key, key))
	require.NoError(t, err)
	require.Equal(t, key, back)
	_, err = DecryptSM4(key, make([]byte, 15))
	require.ErrorIs(t, err, ErrCipher)

	working, err := DecryptSM4(unhex(t, padTMK), unhex(t, padSealed))
	require.NoError(t, err)
	cv := CheckValueSM4(working)
	require.Equal(t, padCV, Hex(cv[:8]))
}

func TestSM4PINBlocks(t *testing.T) {
	key := unhex(t, sm4Standard)
	block, err := SealPINSM4(key, "123654", padCard)
	require.NoError(t, err)
	clear, err := DecryptSM4(key, block[:])
	require.NoError(t, err)
	require.Equal(t, padClear, Hex(clear))
	for n := 4; n <= 12; n++ {
		block, err := SealPINSM4(key, "123456789012"[:n], padCard)
		require.NoError(t, err)
		pin, err := OpenPINSM4(key, block, padCard)
		require.NoError(t, err)
		require.Equal(t, "123456789012"[:n], pin)
	}
	_, err = OpenPINSM4(key, block, "6222020000000000018")
	require.ErrorIs(t, err, ErrCipher, "another card")
	_, err = OpenPINSM4(unhex(t, padTMK), block, padCard)
	require.ErrorIs(t, err, ErrCipher, "another key")
	_, err = OpenPINSM4(key, block, "1")
	require.ErrorIs(t, err, ErrPIN)
	_, err = SealPINSM4(key, "123", padCard)
	require.ErrorIs(t, err, ErrPIN)
}

// By hand: one block is folded to itself, and CBC-MAC of one block is the block enciphered.
func TestSM4MACs(t *testing.T) {
	key := unhex(t, sm4Standard)
	text := []byte(sm4Standard) // the block in upper-case hex
	step := EncryptSM4(key, text[:16])
	for i := range step {
		step[i] ^= text[16+i]
	}
	want := Hex(EncryptSM4(key, step))[:8]
	mac := MACCUPSM4(key, key)
	require.Equal(t, want, string(mac[:]))
	mac = MACCUPSM4(key, append(append([]byte{}, key...), make([]byte, 16)...))
	require.Equal(t, want, string(mac[:]), "a block of zeros changes nothing")

	mac = MACCBCSM4(key, key)
	require.Equal(t, "681EDF34D206965E", Hex(mac[:]))
	mac = MACCBCSM4(key, append(append([]byte{}, key...), 1))
	second := append([]byte{0x69}, unhex(t, "1EDF34D206965E86B3E94F536E4246")...)
	require.Equal(t, Hex(EncryptSM4(key, second))[:16], Hex(mac[:]))
}
