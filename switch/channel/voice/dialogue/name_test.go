package dialogue

import (
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

func TestNameOf(t *testing.T) {
	for _, v := range []struct{ keys, name string }{
		{"458548013587", "王小明"},
		{"45853587", "王明"},
		{"4585", ""}, // one character is no name
		{"", ""},
		{"458548013587348234820104161216123587", "王小明买买·艾艾明"},
		{"010445853587", ""}, // a dot in front
		{strings.Repeat("1601", 25), strings.Repeat("啊", 25)},
		{strings.Repeat("1601", 26), ""},
		{"45854801358", ""},   // a digit is missing
		{"4585000135870", ""}, // one is too many
		{"45850001", ""},      // row 0
		{"45850100", ""},      // place 0
		{"45859501", ""},      // row 95
		{"45854895", ""},      // place 95
		{"45855590", ""},      // a hole behind the first level
		{"45858801", ""},      // a row of no characters
		{"45850333", ""},      // a full-width letter
		{"45850201", ""},      // a numeral
		{"16011602", "啊阿"},    // the first of the first level
		{"56018794", "亍齄"},    // the first and the last of the second
		{"5589" + "5589", "座座"},
	} {
		require.Equal(t, v.name, nameOf(v.keys), v.keys)
	}
}

func FuzzNameOf(f *testing.F) {
	f.Add(uint64(458548013587), 12)
	f.Add(uint64(10445853587), 12)
	f.Fuzz(func(t *testing.T, n uint64, length int) {
		var keys strings.Builder
		for range min(max(length, 0), nameKeys) {
			keys.WriteByte('0' + byte(n%10))
			n = n/10 + n<<7
		}
		if name := nameOf(keys.String()); name != "" {
			require.Equal(t, keys.Len(), 4*len([]rune(name)))
			require.Empty(t, acquirer.CheckName(name))
		}
	})
}
