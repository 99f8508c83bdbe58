package spec

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

func TestCodeBothWays(t *testing.T) {
	tests := []struct {
		code  Code
		value string
		wire  string
	}{
		{PackLeft, "", ""},
		{PackLeft, "0800", "0800"},
		{PackLeft, "001", "0001"},
		{PackLeft, "12345678901234567", "012345678901234567"},
		{PackRight, "021", "0210"},
		{PackRight, "6222020000000000018", "62220200000000000180"},
		{PackTrack, "1234=99", "1234D990"},
		{PackTrack, "=", "D0"},
		{PackTrack, "6222020000000000018=30121010000000000", "6222020000000000018D301210100000000000"},
		{ASCIIDigits, "0844190440", "30383434313930343430"},
		{ASCII, "01 ~", "3031207E"},
		{Plain, "\x00\xFF\x81", "00FF81"},
	}
	for _, tt := range tests {
		wire, err := tt.code.Encode([]byte(tt.value))
		require.NoError(t, err)
		require.Equal(t, tt.wire, Hex(wire))
		require.Len(t, wire, tt.code.Size(len(tt.value)))

		value, n, err := tt.code.Decode(append(wire, 0xAB), len(tt.value))
		require.NoError(t, err)
		require.Equal(t, len(wire), n)
		require.Equal(t, tt.value, string(value))
	}
}

func TestCodeRefusesOnTheWire(t *testing.T) {
	tests := []struct {
		name string
		code Code
		wire string
		n    int
		want FaultKind
	}{
		{"nibble A", PackLeft, "0A", 2, FaultDigit},
		{"nibble F in front", PackRight, "F1", 2, FaultDigit},
		{"nibble F at the end, even count", PackRight, "1F", 2, FaultDigit},
		{"track separator among digits", PackRight, "1D", 2, FaultDigit},
		{"track with E", PackTrack, "1E", 2, FaultDigit},
		{"track with C", PackTrack, "C1", 2, FaultDigit},
		{"pad 1 on the right", PackRight, "1231", 3, FaultPad},
		{"pad D in a track", PackTrack, "123D", 3, FaultPad},
		{"pad 7 on the left", PackLeft, "7123", 3, FaultPad},
		{"bad ninth byte", PackLeft, "1234567890123456AA", 18, FaultDigit},
		{"bad first of nine bytes", PackLeft, "A23456789012345678", 18, FaultDigit},
		{"bad digit beside pad F", PackRight, "1AAF", 3, FaultDigit},
		{"letter in digits", ASCIIDigits, "3141", 2, FaultDigit},
		{"colon in digits", ASCIIDigits, "3A", 1, FaultDigit},
		{"slash in digits", ASCIIDigits, "2F", 1, FaultDigit},
		{"control character", ASCII, "411F", 2, FaultText},
		{"delete", ASCII, "7F", 1, FaultText},
		{"eighth bit", ASCII, "4180", 2, FaultText},
		{"eighth bit far in front", ASCII, "FF4141414141414141", 9, FaultText},
		{"too short", Plain, "41", 2, FaultShort},
		{"too short, packed", PackRight, "41", 3, FaultShort},
		{"negative", Plain, "41", -1, FaultShort},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := tt.code.Decode(unhex(t, tt.wire), tt.n)
			require.Equal(t, Fault{Kind: tt.want}, err)
		})
	}
}

func TestCodeAcceptsPadF(t *testing.T) {
	for _, tt := range []struct {
		code Code
		wire string
	}{{PackRight, "123F"}, {PackTrack, "123F"}, {PackLeft, "F123"}} {
		value, _, err := tt.code.Decode(unhex(t, tt.wire), 3)
		require.NoError(t, err)
		require.Equal(t, "123", string(value))
	}
}

func TestCodeRefusesValues(t *testing.T) {
	tests := []struct {
		code  Code
		value string
		want  FaultKind
	}{
		{PackLeft, "12A", FaultDigit},
		{PackRight, "1=2", FaultDigit},
		{PackTrack, "1D2", FaultDigit},
		{ASCIIDigits, "-1", FaultDigit},
		{ASCII, "é", FaultText},
	}
	for _, tt := range tests {
		_, err := tt.code.Encode([]byte(tt.value))
		require.Equal(t, Fault{Kind: tt.want}, err, tt.value)
	}
}

// TestCodeEveryByte compares the checks, which work on eight bytes at a time,
// with the plain meaning of each byte, at every place of a long value.
func TestCodeEveryByte(t *testing.T) {
	nibble := func(b byte, track bool) bool {
		ok := func(n byte) bool { return n <= 9 || track && n == 0xD }
		return ok(b>>4) && ok(b&0xF)
	}
	plain := map[Code]func(b byte) bool{
		PackLeft:    func(b byte) bool { return nibble(b, false) },
		PackRight:   func(b byte) bool { return nibble(b, false) },
		PackTrack:   func(b byte) bool { return nibble(b, true) },
		ASCIIDigits: func(b byte) bool { return b >= '0' && b <= '9' },
		ASCII:       func(b byte) bool { return b >= ' ' && b <= '~' },
		Plain:       func(byte) bool { return true },
	}
	for code, good := range plain {
		for place := range 19 {
			for b := range 256 {
				value := bytes.Repeat([]byte{0x31}, 19)
				value[place] = byte(b)
				n := len(value)
				if code.Packed() {
					n *= 2
				}
				_, _, err := code.Decode(value, n)
				require.Equal(t, good(byte(b)), err == nil, "code %d, place %d, byte %02X", code, place, b)
			}
		}
	}
}

func TestPrefix(t *testing.T) {
	tests := []struct {
		prefix Prefix
		n      int
		wire   string
	}{
		{Fixed, 20, ""},
		{BCDLL, 0, "00"},
		{BCDLL, 19, "19"},
		{BCDLLL, 40, "0040"},
		{BCDLLL, 999, "0999"},
		{ASCIILL, 8, "3038"},
		{ASCIILLL, 120, "313230"},
	}
	for _, tt := range tests {
		limit := max(tt.n, 1)
		wire, err := tt.prefix.EncodeLength(limit, tt.n)
		require.NoError(t, err)
		require.Equal(t, tt.wire, Hex(wire))
		n, read, err := tt.prefix.DecodeLength(limit, append(wire, 0x55))
		require.NoError(t, err)
		require.Equal(t, tt.n, n)
		require.Equal(t, tt.prefix.Size(), read)
		require.Contains(t, tt.prefix.Inspect(), "Strict")
	}
}

func TestPrefixRefuses(t *testing.T) {
	tests := []struct {
		name   string
		prefix Prefix
		limit  int
		wire   string
		want   FaultKind
	}{
		{"nibble A", BCDLL, 99, "1A", FaultPrefix},
		{"above the maximum", BCDLL, 19, "20", FaultPrefix},
		{"top nibble of three digits", BCDLLL, 999, "9002", FaultPrefix},
		{"nibble F in three digits", BCDLLL, 999, "00F2", FaultPrefix},
		{"sign", ASCIILL, 99, "2D31", FaultPrefix},
		{"blank", ASCIILLL, 999, "203031", FaultPrefix},
		{"short", ASCIILLL, 999, "3030", FaultShort},
		{"empty", BCDLL, 99, "", FaultShort},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := tt.prefix.DecodeLength(tt.limit, unhex(t, tt.wire))
			require.Equal(t, Fault{Kind: tt.want}, err)
		})
	}
	for _, n := range []int{-1, 20, 100} {
		_, err := BCDLL.EncodeLength(19, n)
		require.Equal(t, Fault{Kind: FaultPrefix}, err)
	}
	_, err := Fixed.EncodeLength(6, 5)
	require.Error(t, err)
	_, err = ASCIILLL.EncodeLength(9999, 1000)
	require.Error(t, err)
}
