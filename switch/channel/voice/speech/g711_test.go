package speech

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The values at the decoder's output of ITU-T G.711, tables 1a and 2a: the first and the last of each segment.
var (
	muValues = map[int]int{0: 0, 1: 2, 15: 30, 16: 33, 31: 93, 32: 99, 47: 219, 48: 231, 63: 471, 64: 495, 79: 975, 80: 1023, 95: 1983,
		96: 2079, 111: 3999, 112: 4191, 127: 8031}
	aValues = map[int]int{1: 1, 16: 31, 17: 33, 32: 63, 33: 66, 48: 126, 49: 132, 64: 252, 65: 264, 80: 504, 81: 528, 96: 1008, 97: 1056,
		112: 2016, 113: 2112, 128: 4032}
)

func TestLawsAgainstTheRecommendation(t *testing.T) {
	for n, y := range muValues { // character signals count down from 11111111; 14 bits
		require.Equal(t, int16(4*y), DecodeMuLaw(byte(0xFF-n)), "μ %d", n)
		require.Equal(t, int16(-4*y), DecodeMuLaw(byte(0x7F-n)), "μ -%d", n)
	}
	for n, y := range aValues { // they count up from 10000000, every other bit inverted; 13 bits
		require.Equal(t, int16(8*y), DecodeALaw(byte(0x80+n-1)^0x55), "A %d", n)
		require.Equal(t, int16(-8*y), DecodeALaw(byte(n-1)^0x55), "A -%d", n)
	}
}

// The decision values of the same tables: where a segment begins.
func TestLawsDecide(t *testing.T) {
	for n, x := range map[int]int{1: 1, 16: 31, 32: 95, 48: 223, 64: 479, 80: 991, 96: 2015, 112: 4063} {
		require.Equal(t, byte(0xFF-n), EncodeMuLaw(int16(4*x)), "μ %d", n)
		require.Equal(t, byte(0xFF-n+1), EncodeMuLaw(int16(4*x-1)), "μ below %d", n)
		require.Equal(t, byte(0x7F-n), EncodeMuLaw(int16(-4*x)), "μ -%d", n)
	}
	for n, x := range map[int]int{17: 32, 33: 64, 49: 128, 65: 256, 81: 512, 97: 1024, 113: 2048} {
		require.Equal(t, byte(0x80+n-1)^0x55, EncodeALaw(int16(8*x)), "A %d", n)
		require.Equal(t, byte(0x80+n-2)^0x55, EncodeALaw(int16(8*x-1)), "A below %d", n)
		require.Equal(t, byte(n-1)^0x55, EncodeALaw(int16(-8*x-1)), "A -%d", n)
	}
	for _, v := range []struct {
		sample int16
		mu, a  byte
	}{{32767, 0x80, 0xAA}, {-32768, 0x00, 0x2A}, {0, 0xFF, 0xD5}, {-1, 0x7F, 0x55}} {
		require.Equal(t, v.mu, EncodeMuLaw(v.sample), v.sample)
		require.Equal(t, v.a, EncodeALaw(v.sample), v.sample)
	}
}

func TestLawsRoundTrip(t *testing.T) {
	for i := range 256 {
		o := byte(i)
		require.Equal(t, o, EncodeALaw(DecodeALaw(o)))
		if o != 0x7F { // minus zero is zero
			require.Equal(t, o, EncodeMuLaw(DecodeMuLaw(o)))
		}
	}
	lastMu, lastA := DecodeMuLaw(EncodeMuLaw(-32768)), DecodeALaw(EncodeALaw(-32768))
	for s := -32767; s <= 32767; s++ {
		mu, a := DecodeMuLaw(EncodeMuLaw(int16(s))), DecodeALaw(EncodeALaw(int16(s)))
		require.LessOrEqual(t, lastMu, mu)
		require.LessOrEqual(t, lastA, a)
		lastMu, lastA = mu, a
	}
}

// sox has laws of its own: both must give every octet the same value.
func TestLawsAgainstSox(t *testing.T) {
	sox, err := exec.LookPath("sox")
	if err != nil {
		t.Skip("sox is not installed")
	}
	octets := make([]byte, 256)
	for i := range octets {
		octets[i] = byte(i)
	}
	file := filepath.Join(t.TempDir(), "octets")
	require.NoError(t, os.WriteFile(file, octets, 0o600))
	for _, v := range []struct {
		law    string
		decode func(byte) int16
	}{{"u-law", DecodeMuLaw}, {"a-law", DecodeALaw}} {
		out, err := exec.Command(sox, "-D", "-t", "raw", "-r", "8000", "-c", "1", "-e", v.law, "-b", "8", file, "-t", "raw", "-e", "signed", "-b", "16", "-L", "-").Output()
		require.NoError(t, err)
		require.Len(t, out, 512)
		for i := range octets {
			require.Equal(t, int16(binary.LittleEndian.Uint16(out[2*i:])), v.decode(byte(i)), "%s %02X", v.law, i)
		}
	}
}
