package pos

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

func unhex(t testing.TB, text string) []byte {
	b, err := spec.ParseHex(text)
	require.NoError(t, err)
	return b
}

// TestMACOfCaptures verifies F64 over the bytes as they came, for the one capture
// whose card number was not replaced afterwards.
func TestMACOfCaptures(t *testing.T) {
	x919 := unhex(t, "73FE29329283FDF12540B6F80437C107")
	for _, c := range captures(t) {
		frame, ok := c.frame(t)
		if !ok || c.ID != "ajsgn-02" {
			continue
		}
		input, err := MACInput(frame)
		require.NoError(t, err)
		mac := spec.MACX919(x919, input)
		require.Equal(t, "284C79DC9A2E50FC", spec.Hex(mac[:]))
		require.Equal(t, frame[len(frame)-8:], mac[:])
	}
}

// TestMACFromXOR is vector M3 from its published XOR of all blocks on.
func TestMACFromXOR(t *testing.T) {
	block := unhex(t, "8DBA2933C4B6C379")
	mac := spec.MACCUP(unhex(t, "313215FDA2C4AB4C"), block)
	require.Equal(t, "B7133B57", string(mac[:]))
}

func TestSignFrame(t *testing.T) {
	key := unhex(t, "0123456789ABCDEF")
	frame := inquiry(t)
	require.NoError(t, SignFrame(frame, func(b []byte) [8]byte { return spec.MACCUP(key, b) }))
	input, err := MACInput(frame)
	require.NoError(t, err)
	require.Equal(t, frame[11:len(frame)-8], input)
	want := spec.MACCUP(key, input)
	require.Equal(t, want[:], frame[len(frame)-8:])
	m, err := Unpack(frame)
	require.NoError(t, err)
	require.Equal(t, want[:], m.Bytes(64))

	bare, err := New(MTISignOn).Pack()
	require.NoError(t, err)
	none := func([]byte) [8]byte { return [8]byte{} }
	require.ErrorIs(t, SignFrame(bare, none), ErrNoMAC)
	require.Error(t, SignFrame(frame[:30], none))
}

func TestWorkKeysOfCaptures(t *testing.T) {
	tests := []struct {
		name string
		tmk  string
		f62  string
		pik  string
		mak  string
	}{
		{
			"code456", "CA5D92598DCA48CE8A4C76361A9269E9",
			"6701EAD6A9AD51E51AA406E2C27FCFA98D0A74B8B651F9E9BACE9AE10000000000000000AB7153CA",
			"807A23AD32B36D457AE91FDF927570EA", "5BB5C72CD00B7338",
		},
		{
			"easy8583-01", "258FB0AB70D025CDB99DF2C4D302D646",
			"46F161A743497B32EAC760DF5EA57DF5900ECCE3977731A7EA402DDF0000000000000000CFF1592A",
			"D931648F3DE313A4A22C15DCA4F4299E", "AB7C577CC7A18045",
		},
		{
			"24 bytes", "3131313131313131", "655EA628CF62585F40826A58F92714E80E832EDCADC67D84",
			"3131313131313131", "3232323232323232",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := ParseWorkKeys(unhex(t, tt.f62))
			require.NoError(t, err)
			pik, err := keys.PIK.Open(unhex(t, tt.tmk))
			require.NoError(t, err)
			require.Equal(t, tt.pik, spec.Hex(pik))
			mak, err := keys.MAK.Open(unhex(t, tt.tmk))
			require.NoError(t, err)
			require.Equal(t, tt.mak, spec.Hex(mak))
			back, err := BuildWorkKeys(keys)
			require.NoError(t, err)
			require.Equal(t, tt.f62, spec.Hex(back))
		})
	}
}

func TestWorkKeysBothWays(t *testing.T) {
	tmk := unhex(t, "0123456789ABCDEFFEDCBA9876543210")
	long, short := unhex(t, "11223344556677889900AABBCCDDEEFF"), unhex(t, "0123456789ABCDEF")
	tests := []struct {
		name string
		keys WorkKeys
		size int
	}{
		{"double", WorkKeys{PIK: Seal(tmk, long), MAK: Seal(tmk, long)}, 40},
		{"single MAK", WorkKeys{PIK: Seal(tmk, long), MAK: Seal(tmk, short)}, 40},
		{"with TDK", WorkKeys{PIK: Seal(tmk, long), MAK: Seal(tmk, long), TDK: Seal(tmk, long)}, 60},
		{"single", WorkKeys{PIK: Seal(tmk, short), MAK: Seal(tmk, short)}, 24},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			block, err := BuildWorkKeys(tt.keys)
			require.NoError(t, err)
			require.Len(t, block, tt.size)
			back, err := ParseWorkKeys(block)
			require.NoError(t, err)
			require.Equal(t, tt.keys, back)
			block[0] ^= 1
			bad, err := ParseWorkKeys(block)
			require.NoError(t, err)
			_, err = bad.PIK.Open(tmk)
			require.Error(t, err)
		})
	}
	_, err := ParseWorkKeys(make([]byte, 56))
	require.Error(t, err)
	_, err = BuildWorkKeys(WorkKeys{PIK: Seal(tmk, short), MAK: Seal(tmk, long)})
	require.Error(t, err)
	_, err = Sealed{}.Open(tmk)
	require.Error(t, err)
}
