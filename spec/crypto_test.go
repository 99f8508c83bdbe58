package spec

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Public vectors: UnionPay POS dialect, sections 6.1 and 7; host dialect,
// section 4.3.

const (
	agileTMK = "44444444444444444444444444444444"
	hostMMK  = "1023457689BADCEF0132546798ABCDFE"
)

func TestMACCUP(t *testing.T) {
	tests := []struct {
		name string
		key  string
		mab  string
		want string
	}{
		{
			"M1", "C24A8FB57AA20123",
			"0200302004C020C0981100000000000000005100183402100006324392260009942820D1312101120084393136363838303134303030303030303030" +
				"303030303031313536ACF46E73838A82F92600000000000000000822000001", "8A9E91B8",
		},
		{
			"M2", "7F52E3201FDF045E",
			"0200302004C020C0981100000000000000000101386702100006379001100000000027D000000000000000000000313131313530303731323334353637383931313131313531" +
				"35363D87C8B8FA17C67C26000000000000000011220014370000", "28C7AFB5",
		},
		{"M5 single", "0123456789ABCDEF", Hex([]byte("Hello World !!!!")), "F913B9F5"},
		{"M6 single", "0123456789ABCDEF", Hex([]byte("Now is the time for all ")), "1E7AAB78"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mac := MACCUP(unhex(t, tt.key), unhex(t, tt.mab))
			require.Equal(t, tt.want, string(mac[:]))
		})
	}
}

func TestMACCUPIgnoresZeroPadding(t *testing.T) {
	key, data := unhex(t, hostMMK), []byte("one two three")
	require.Equal(t, MACCUP(key, data), MACCUP(key, append(data, make([]byte, 11)...)))
}

func TestANSIMACs(t *testing.T) {
	key := unhex(t, "0123456789ABCDEFFEDCBA9876543210")
	tests := []struct {
		data string
		x99  string
		x919 string
	}{
		{"Hello World !!!!", "5DA2491545CF441D", "23CA64DF47907E6C"},
		{"Now is the time for all ", "70A30640CC76DD8B", "A1C72E74EA3FA9B6"},
	}
	for _, tt := range tests {
		x99, x919 := MACX99(key[:8], []byte(tt.data)), MACX919(key, []byte(tt.data))
		require.Equal(t, tt.x99, Hex(x99[:]))
		require.Equal(t, tt.x919, Hex(x919[:]))
	}
}

func TestMACX919OfCapture(t *testing.T) {
	zmk := unhex(t, "4DDB4BCC88C66F47D21D4E096F12F6A0")
	key, err := DecryptECB(zmk, unhex(t, "AC61F7F11833AEAD03503D29085C0470"))
	require.NoError(t, err)
	require.Equal(t, "73FE29329283FDF12540B6F80437C107", Hex(key))
	mac := MACX919(key, unhex(t, "04007038048002C0801916123456789012345600000000000000050068118623352105290210653938617874657374332D"+
		"33303635383130353439393030303331353600082216052900162334156811860529"))
	require.Equal(t, "284C79DC9A2E50FC", Hex(mac[:]))
}

func TestHostMAC(t *testing.T) {
	tests := []struct {
		name   string
		sealed string
		key    string
		kcv    string
		mab    string
		mac    string
	}{
		{
			"single length", "0FE5B03EC604CB6B", "51490E75F192EF91", "8945EAB7",
			"0800 0517160726 000535 2000000000000000 101 0844190440", "FFAB6DBF1136E560",
		},
		{
			"double length", "4393590FF157B782DDBE18332531120C", "BF94BF2304D59E9E1C45640131320BE6", "70AF4B76",
			"0800 0517094653 000522 1600000000000000 101 0844190440", "ED5F4AE9F793F2D9",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, err := DecryptECB(unhex(t, hostMMK), unhex(t, tt.sealed))
			require.NoError(t, err)
			require.Equal(t, tt.key, Hex(key))
			kcv := CheckValue(key)
			require.Equal(t, tt.kcv, Hex(kcv[:4]))
			mac := HostMAC(key, []byte(tt.mab))
			require.Equal(t, tt.mac, Hex(mac[:]))
		})
	}
}

func TestPINBlocks(t *testing.T) {
	zero := make([]byte, 8) // the clear block shows through the encryption below
	for pan, want := range map[string]string{
		"1234567890123456":   "0612713176FEDCBA",
		"123456789012345678": "061253DFFEDCBA98",
		"9001100000000027":   "06122556FFFFFFFD",
	} {
		block, err := SealPIN(zero, "123456", pan)
		require.NoError(t, err)
		clear, err := DecryptECB(zero, block[:])
		require.NoError(t, err)
		require.Equal(t, want, Hex(clear))
	}
}

func TestPINUnderWorkKey(t *testing.T) {
	pik, err := DecryptECB(unhex(t, agileTMK), unhex(t, "84C5491C3834928E7B26B5409A942BCF"))
	require.NoError(t, err)
	require.Equal(t, "4567C298FB0B045DAB54BF499E10EFCD", Hex(pik))
	block, err := SealPIN(pik, "123456", "9001100000000027")
	require.NoError(t, err)
	require.Equal(t, "3D87C8B8FA17C67C", Hex(block[:]))

	pin, err := OpenPIN(pik, block, "9001100000000027")
	require.NoError(t, err)
	require.Equal(t, "123456", pin)
	_, err = OpenPIN(pik, block, "9001100000000127")
	require.ErrorIs(t, err, ErrCipher)
	_, err = OpenPIN(unhex(t, hostMMK), block, "9001100000000027")
	require.ErrorIs(t, err, ErrCipher)
}

func TestPINEveryLength(t *testing.T) {
	key, pan := unhex(t, hostMMK), "6222020000000000018"
	for n := 4; n <= 12; n++ {
		block, err := SealPIN(key, "123456789012"[:n], pan)
		require.NoError(t, err)
		pin, err := OpenPIN(key, block, pan)
		require.NoError(t, err)
		require.Equal(t, "123456789012"[:n], pin)
	}
	for _, bad := range []struct{ pin, pan string }{
		{"123", pan}, {"1234567890123", pan}, {"12345A", pan}, {"123456", "123456789012"}, {"123456", "622202000000000001D"},
	} {
		_, err := SealPIN(key, bad.pin, bad.pan)
		require.ErrorIs(t, err, ErrPIN)
	}
	_, err := OpenPIN(key, [8]byte{}, "1")
	require.ErrorIs(t, err, ErrPIN)
}

func TestECB(t *testing.T) {
	_, err := DecryptECB(unhex(t, hostMMK), make([]byte, 7))
	require.ErrorIs(t, err, ErrCipher)
	require.Panics(t, func() { EncryptECB(make([]byte, 15), make([]byte, 8)) })
	triple := append(unhex(t, hostMMK), unhex(t, hostMMK)[:8]...)
	require.Equal(t, CheckValue(unhex(t, hostMMK)), CheckValue(triple))
}
