package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestElements(t *testing.T) {
	wire := AppendElement(nil, "PE", []byte("13800138001"))
	wire = AppendElement(wire, "MO", EncodeGBK("房租"))
	wire = AppendElement(wire, "ZZ", nil)
	require.Equal(t, "PE01113800138001MO004\xB7\xBF\xD7\xE2ZZ000", string(wire))

	els, err := ParseElements(wire)
	require.NoError(t, err)
	require.Len(t, els, 3)
	memo, ok := Find(els, "MO")
	require.True(t, ok)
	text, err := DecodeGBK(memo)
	require.NoError(t, err)
	require.Equal(t, "房租", text)
	_, ok = Find(els, "PR")
	require.False(t, ok)

	empty, err := ParseElements(nil)
	require.NoError(t, err)
	require.Empty(t, empty)
}

func TestElementsRefused(t *testing.T) {
	tests := []struct {
		name string
		wire string
		want error
	}{
		{"overrun", "PE01213800138001", ErrElement},
		{"tag of digits", "12003abc", ErrElement},
		{"length with a sign", "PE-01a", ErrElement},
		{"length with a blank", "PE 01a", ErrElement},
		{"cut off", "PE01", ErrElement},
		{"rest behind the last", "PE001aX", ErrElement},
		{"repeated", "PE001aMO000PE001a", ErrRepeatedTag},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseElements([]byte(tt.wire))
			require.ErrorIs(t, err, tt.want)
			require.NotContains(t, err.Error(), "138001")
		})
	}
}

func TestAppendElementPanics(t *testing.T) {
	require.Panics(t, func() { AppendElement(nil, "P1", nil) })
	require.Panics(t, func() { AppendElement(nil, "PEX", nil) })
	require.Panics(t, func() { AppendElement(nil, "PE", make([]byte, 1000)) })
	require.Len(t, AppendElement(nil, "PE", make([]byte, 999)), 1004)
}

func TestGBK(t *testing.T) {
	tests := []struct {
		text string
		wire string
		back string
	}{
		{"王*明", "CDF52AC3F7", "王*明"},
		{"买*提·艾力", "C2F22ACCE1A1A4B0ACC1A6", "买*提·艾力"},
		{"OK", "4F4B", "OK"},
		{"𠮷😀x", "A1FEA1FE78", "〓〓x"},
		{"bad\xFF", "626164A1FE", "bad〓"},
		{"", "", ""},
	}
	for _, tt := range tests {
		wire := EncodeGBK(tt.text)
		require.Equal(t, tt.wire, Hex(wire))
		back, err := DecodeGBK(wire)
		require.NoError(t, err)
		require.Equal(t, tt.back, back)
	}
	for _, bad := range []string{"81", "CDF5C3", "FFFF", "8130"} {
		_, err := DecodeGBK(unhex(t, bad))
		require.ErrorIs(t, err, ErrGBK, bad)
	}
}

func FuzzElements(f *testing.F) {
	f.Add([]byte("PE01113800138001PR01113800138002MO004\xB7\xBF\xD7\xE2"))
	f.Add([]byte("PE012138"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, wire []byte) {
		els, err := ParseElements(wire)
		if err != nil {
			return
		}
		var back []byte
		for _, el := range els {
			back = AppendElement(back, el.Tag, el.Value)
		}
		require.Equal(t, string(wire), string(back))
	})
}

func FuzzGBK(f *testing.F) {
	f.Add([]byte("\xCD\xF5*\xC3\xF7"))
	f.Add([]byte("\x80\xFF"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		text, err := DecodeGBK(wire)
		if err != nil || strings.ContainsRune(text, '€') { // two ways to write the euro sign
			return
		}
		again, err := DecodeGBK(EncodeGBK(text))
		require.NoError(t, err)
		require.Equal(t, text, again)
	})
}
