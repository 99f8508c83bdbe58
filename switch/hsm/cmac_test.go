package hsm

import (
	"crypto/aes"
	"testing"

	cmaclib "github.com/chmike/cmac-go"
	"github.com/stretchr/testify/require"
)

// NIST SP 800-38B, appendix D: AES-128 and AES-256, texts of 0, 16, 40 and 64 bytes.
func TestCMACKnownAnswers(t *testing.T) {
	const text = "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710"
	for key, want := range map[string]map[int]string{
		"2B7E151628AED2A6ABF7158809CF4F3C": {
			0: "BB1D6929E95937287FA37D129B756746", 16: "070A16B46B4D4144F79BDD9DD04A287C",
			40: "DFA66747DE9AE63030CA32611497C827", 64: "51F0BEBF7E3B9D92FC49741779363CFE",
		},
		"603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4": {
			0: "028962F61B7BF89EFC6B551F4667D983", 16: "28A7023F452E8F82BD4BF28D8C37C35C",
			40: "AAF3D8F1DE5640C232F5B169B9C911E6", 64: "E1992190549F6ED5696A2C056C315410",
		},
	} {
		c := newCMAC(unhex(t, key))
		for n, mac := range want {
			got := c.sum(unhex(t, text)[:n])
			require.Equal(t, unhex(t, mac), got[:], "%d bytes", n)
		}
	}
}

// Every length around the borders of blocks, against another implementation.
func TestCMACAgainstAnother(t *testing.T) {
	key := unhex(t, keyText)
	text := make([]byte, 100)
	for i := range text {
		text[i] = byte(i * 7)
	}
	other, err := cmaclib.New(aes.NewCipher, key)
	require.NoError(t, err)
	for n := range text {
		other.Reset()
		_, err := other.Write(text[:n])
		require.NoError(t, err)
		got := newCMAC(key).sum(text[:n])
		require.Equal(t, other.Sum(nil), got[:], "%d bytes", n)
	}
}
