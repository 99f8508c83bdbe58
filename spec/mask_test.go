package spec

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMasks(t *testing.T) {
	tests := []struct {
		name  string
		mask  Mask
		value string
		want  string
	}{
		{"PAN of 19", MaskPAN, "6222020000000000018", "622202*********0018"},
		{"PAN of 13", MaskPAN, "4000000000002", "400000***0002"},
		{"half a PAN", MaskPAN, "622202000000", "(12 hidden)"},
		{"PAN with a letter", MaskPAN, "62220200000000000A8", "(19 hidden)"},
		{"account of 20 digits", MaskPAN, "62220200000000000188", "(20 hidden)"},
		{"short private data", MaskShort, "ASAO00207", "ASAO00207"},
		{"short with a number", MaskShort, "X13800138001", "X138****8001"},
		{"long private data", MaskShort, "ABCDEFGHIJKLM", "(13 hidden)"},
		{"bytes", MaskShort, "NK\x00", "(3 hidden)"},
		{"MAC", MaskBytes, "\x01\xAB", "01AB"},
		{"hidden", MaskHidden, "12345678", "(8 hidden)"},
		{"text", MaskText, "\xB2\xE2\xCA\xD4 6222020000000000018", "测试 62*************0018"},
		{"text that is none", MaskText, "\xFF\xFF", "(2 hidden)"},
		{"text with a control", MaskText, "\xB2\xE2\n", "(3 hidden)"},
		{"plain", MaskNone, "480000", "480000"},
		{
			"elements", MaskElements, "PE01113800138001PR01113900139001NM003\xCD\xF5*CT004abcdTX004\xB3\xC9\xB9\xA6",
			`PE=138****8001 PR=139****9001 NM=(3 hidden) CT=(4 hidden) TX="成功"`,
		},
		{"payee of 12 digits", MaskElements, "PE012138001380011", "PE=(12 hidden)"},
		{"text with a number", MaskElements, "TX01513800138001 abc", `TX="138****8001 abc"`},
		{"PIN under SM4", MaskElements, "SM0161234567890123456", "SM=(16 hidden)"},
		{"malformed elements", MaskElements, "PE0111380013800", "(15 hidden)"},
		{"keys", MaskElements, strings.Repeat("\x46\xF1", 20), "(40 hidden)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, tt.mask.Apply(tt.value))
		})
	}
}

func TestMaskFieldUndefined(t *testing.T) {
	table := NewTable("test", []Format{NewFormat(2, "PAN", BCDLL, PackRight, 19, MaskPAN)}, nil)
	require.Equal(t, "(6 hidden)", table.MaskField(5, "123456"))
	require.Equal(t, "(6 hidden)", table.MaskField(200, "123456"))
	require.Equal(t, "(6 hidden)", table.MaskField(2, "123456"))
}

func TestGroup(t *testing.T) {
	for text, want := range map[string]string{
		"898110000000001": "8981 1000 0000 001",
		"000000001234":    "000000001234",
		"a1234567890123b": "a1234 5678 9012 3b",
		"王*明":             "王*明",
	} {
		require.Equal(t, want, Group(text))
	}
}

var (
	longRun = regexp.MustCompile(`\d{13,}`)
	mobile  = regexp.MustCompile(`(^|\D)1[3-9]\d{9}(\D|$)`)
)

func FuzzMask(f *testing.F) {
	f.Add("PE01113800138001", uint8(MaskElements))
	f.Add("6222020000000000018=3012", uint8(MaskText))
	f.Add("138001380011380013800113800138001", uint8(MaskShort))
	f.Fuzz(func(t *testing.T, value string, m uint8) {
		mask := Mask(m%uint8(MaskHidden)) + 1 // every one but MaskNone
		if mask == MaskBytes {
			return // eight bytes of MAC may well be digits
		}
		shown := mask.Apply(value)
		require.False(t, longRun.MatchString(shown), shown)
		require.False(t, mobile.MatchString(shown), shown)
	})
}
