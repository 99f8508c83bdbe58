package hsm

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

const (
	leftKey   = "0123456789ABCDEF"
	doubleKey = "0123456789ABCDEFFEDCBA9876543210"
)

// Vectors M1 to M6 of the terminal dialect page, section 6.1. M3's message holds a card number that was replaced;
// the MAC depends on the xor of the blocks only, which is published, so that this stands for the message.
func TestMACKnownAnswers(t *testing.T) {
	const hello, now = "48656C6C6F20576F726C642021212121", "4E6F77206973207468652074696D6520666F7220616C6C20"
	m := newModule(t)
	for _, v := range []struct {
		name, key string
		alg       acquirer.MACAlgorithm
		mab, want string // want: text for ECB, hexadecimal for X9.19
	}{
		{"M1", "C24A8FB57AA20123", acquirer.MACECB, "0200302004C020C0981100000000000000005100183402100006324392260009942820D1312101120084393136363838303134303030303030303030303030303031313536ACF46E73838A82F92600000000000000000822000001", "8A9E91B8"},
		{"M2", "7F52E3201FDF045E", acquirer.MACECB, "0200302004C020C0981100000000000000000101386702100006379001100000000027D00000000000000000000031313131353030373132333435363738393131313131353135363D87C8B8FA17C67C26000000000000000011220014370000", "28C7AFB5"},
		{"M3 folded", "313215FDA2C4AB4C", acquirer.MACECB, "8DBA2933C4B6C379", "B7133B57"},
		{"M4", "73FE29329283FDF12540B6F80437C107", acquirer.MACX919, "04007038048002C0801916123456789012345600000000000000050068118623352105290210653938617874657374332D33303635383130353439393030303331353600082216052900162334156811860529", "284C79DC9A2E50FC"},
		{"M5 X9.9", leftKey, acquirer.MACX919, hello, "5DA2491545CF441D"},
		{"M5 X9.19", doubleKey, acquirer.MACX919, hello, "23CA64DF47907E6C"},
		{"M5 ECB", leftKey, acquirer.MACECB, hello, "F913B9F5"},
		{"M6 X9.9", leftKey, acquirer.MACX919, now, "70A30640CC76DD8B"},
		{"M6 X9.19", doubleKey, acquirer.MACX919, now, "A1C72E74EA3FA9B6"},
		{"M6 ECB", leftKey, acquirer.MACECB, now, "1E7AAB78"},
	} {
		t.Run(v.name, func(t *testing.T) {
			mac, err := m.MAC(wrapHex(t, m, acquirer.UsageMAK, v.key), v.alg, unhex(t, v.mab))
			require.NoError(t, err)
			got := string(mac[:])
			if v.alg == acquirer.MACX919 {
				got = strings.ToUpper(hex.EncodeToString(mac[:]))
			}
			require.Equal(t, v.want, got)
		})
	}
}

// Host dialect page, section 4.3: the MACs of two key resets, and the two misreadings that give something else.
func TestZoneMACKnownAnswers(t *testing.T) {
	m := newModule(t)
	for _, v := range []struct{ key, text, want string }{
		{"51490E75F192EF91", "0800 0517160726 000535 2000000000000000 101 0844190440", "FFAB6DBF1136E560"},
		{"BF94BF2304D59E9E1C45640131320BE6", "0800 0517094653 000522 1600000000000000 101 0844190440", "ED5F4AE9F793F2D9"},
	} {
		zak := wrapHex(t, m, acquirer.UsageZAK, v.key)
		mac, err := m.ZoneMAC(zak, []byte(v.text))
		require.NoError(t, err)
		require.Equal(t, unhex(t, v.want), mac[:])
	}
	zak := wrapHex(t, m, acquirer.UsageZAK, "51490E75F192EF91")
	for text, begins := range map[string]string{
		"0800 0517160726 000535 2000000000000000 101 44190440":   "0B7DEBBA",
		"080005171607260005352000000000000000101" + "0844190440": "569EAB56",
	} {
		mac, err := m.ZoneMAC(zak, []byte(text))
		require.NoError(t, err)
		require.Equal(t, unhex(t, begins), mac[:4], text)
	}
}

// Whole blocks of zeros behind the data change no folded MAC; one more byte of data does.
func TestMACPadding(t *testing.T) {
	m := newModule(t)
	mak := wrapHex(t, m, acquirer.UsageMAK, demoMAK)
	for _, alg := range []acquirer.MACAlgorithm{acquirer.MACECB, acquirer.MACX919} {
		for n := 1; n <= 17; n++ {
			data := bytes.Repeat([]byte{0x11}, n)
			short, err := m.MAC(mak, alg, data)
			require.NoError(t, err)
			padded, err := m.MAC(mak, alg, append(data, make([]byte, (8-n%8)%8)...))
			require.NoError(t, err)
			require.Equal(t, short, padded, "%s %d", alg, n)
			longer, err := m.MAC(mak, alg, append(data, 0x11))
			require.NoError(t, err)
			require.NotEqual(t, short, longer, "%s %d", alg, n)
		}
	}
}

func TestVerifyMACRefusesEveryOtherMAC(t *testing.T) {
	m := newModule(t)
	mak := wrapHex(t, m, acquirer.UsageMAK, demoMAK)
	data := []byte("0200 and so on")
	mac, err := m.MAC(mak, acquirer.MACECB, data)
	require.NoError(t, err)
	require.NoError(t, m.VerifyMAC(mak, acquirer.MACECB, data, mac))
	for i := range mac {
		wrong := mac
		wrong[i] ^= 1
		require.ErrorIs(t, m.VerifyMAC(mak, acquirer.MACECB, data, wrong), acquirer.ErrMAC)
	}
	lower := [8]byte(bytes.ToLower(mac[:]))
	require.NotEqual(t, mac, lower, "the sample must hold a letter")
	require.ErrorIs(t, m.VerifyMAC(mak, acquirer.MACECB, data, lower), acquirer.ErrMAC)
	require.ErrorIs(t, m.VerifyMAC(mak, acquirer.MACX919, data, mac), acquirer.ErrMAC)
}

func TestMACRefusals(t *testing.T) {
	m := newModule(t)
	mak := wrapHex(t, m, acquirer.UsageMAK, demoMAK)
	zak := wrapHex(t, m, acquirer.UsageZAK, demoMAK)
	_, err := m.MAC(mak, "sm4", []byte("x"))
	require.ErrorContains(t, err, `"sm4" is unknown`)
	_, err = m.MAC(mak, acquirer.MACECB, nil)
	require.ErrorIs(t, err, errNoData)
	_, err = m.MAC(mak, acquirer.MACX919, nil)
	require.ErrorIs(t, err, errNoData)
	require.ErrorIs(t, m.VerifyMAC(mak, acquirer.MACX919, nil, [8]byte{}), errNoData)
	_, err = m.ZoneMAC(zak, nil)
	require.ErrorIs(t, err, errNoData)
	_, err = m.MAC(zak, acquirer.MACECB, []byte("x"))
	require.ErrorIs(t, err, acquirer.ErrKey)
	_, err = m.ZoneMAC(mak, []byte("x"))
	require.ErrorIs(t, err, acquirer.ErrKey)
}

// The published vectors of the folded MAC have single-length keys; triple DES is checked against its definition.
func TestFoldedMACWithDoubleLengthKey(t *testing.T) {
	m := newModule(t)
	mab := []byte("Hello World !!!!")
	folded := make([]byte, 8)
	for i, b := range mab {
		folded[i%8] ^= b
	}
	text := []byte(strings.ToUpper(hex.EncodeToString(folded)))
	step := encipher(t, doubleKey, text[:8])
	for i := range step {
		step[i] ^= text[8+i]
	}
	want := strings.ToUpper(hex.EncodeToString(encipher(t, doubleKey, step)))[:8]
	mac, err := m.MAC(wrapHex(t, m, acquirer.UsageMAK, doubleKey), acquirer.MACECB, mab)
	require.NoError(t, err)
	require.Equal(t, want, string(mac[:]))
}
