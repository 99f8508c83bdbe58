package pos

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// FuzzUnpack holds the promise of the line: a frame is refused, or it packs to
// the same bytes again; and Peek and Unpack agree.
func FuzzUnpack(f *testing.F) {
	for _, c := range captures(f) {
		if frame, ok := c.frame(f); ok {
			f.Add(frame)
		}
	}
	f.Add(inquiry(f))
	f.Fuzz(func(t *testing.T, frame []byte) {
		head, fault := Peek(frame)
		m, err := Unpack(frame)
		require.Equal(t, fault, err)
		if err != nil {
			return
		}
		packed, err := m.Pack()
		require.NoError(t, err)
		require.True(t, bytes.Equal(frame, packed))
		require.Equal(t, m.Has(64), head.MACOffset != 0)
		require.NoError(t, spec.Describe(&bytes.Buffer{}, m))
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add(AppendFrame(nil, inquiry(f)))
	f.Add([]byte{0, 20})
	f.Fuzz(func(t *testing.T, stream []byte) {
		frame, err := ReadFrame(bytes.NewReader(stream), nil)
		if err == nil {
			require.Equal(t, stream[:len(frame)+2], AppendFrame(nil, frame))
		}
	})
}

// FuzzDecode must answer anything, and never show a card number by itself.
func FuzzDecode(f *testing.F) {
	for _, c := range captures(f) {
		f.Add(unhex(f, c.Hex))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text := spec.Hex(raw)
		open, masked := Decode(text, true), Decode(text, false)
		require.Equal(t, open.Error, masked.Error)
		require.Equal(t, len(open.Fields), len(masked.Fields))
		require.Equal(t, len(open.Repacked), len(masked.Repacked))
		for _, id := range []string{"35", "36", "45", "52", "55"} {
			if shown, ok := masked.Fields[id]; ok {
				require.Contains(t, shown, " hidden)")
			}
		}
	})
}

func FuzzWorkKeys(f *testing.F) {
	f.Add(make([]byte, 40))
	f.Add(make([]byte, 24))
	f.Fuzz(func(t *testing.T, block []byte) {
		keys, err := ParseWorkKeys(block)
		if err != nil {
			return
		}
		back, err := BuildWorkKeys(keys)
		require.NoError(t, err)
		require.Equal(t, block, back)
	})
}

func FuzzField60(f *testing.F) {
	f.Add("22000705")
	f.Add("72000001000600")
	f.Fuzz(func(t *testing.T, text string) {
		if field, err := ParseField60(text); err == nil {
			require.Equal(t, text, field.String())
		}
	})
}
