package cups

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// FuzzUnpack holds the promise of the line: a frame is refused, or it packs to
// the same bytes again, but for the total length, which Pack writes rightly, and
// a second bitmap that announces nothing, which it leaves out.
func FuzzUnpack(f *testing.F) {
	for _, c := range captures(f) {
		f.Add(c.frame(f))
	}
	f.Add(pack(f, debit()))
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := Unpack(frame)
		if err != nil || len(frame) > MaxMessage {
			return
		}
		frame = withoutEmptyBitmap(frame)
		packed := pack(t, m)
		copy(packed[offTotal:offDest], frame[offTotal:offDest])
		require.True(t, bytes.Equal(frame, packed))
		require.NotEmpty(t, MAB(m))
		require.NoError(t, spec.Describe(&bytes.Buffer{}, m))
	})
}

// withoutEmptyBitmap drops a second bitmap without a field, and the bit that announces it.
func withoutEmptyBitmap(frame []byte) []byte {
	first := HeaderLen + mtiLen
	second := first + bitmapLen
	if frame[first]&0x80 == 0 || !bytes.Equal(frame[second:second+bitmapLen], make([]byte, bitmapLen)) {
		return frame
	}
	short := append(bytes.Clone(frame[:second]), frame[second+bitmapLen:]...)
	short[first] &^= 0x80
	return short
}

func FuzzHeader(f *testing.F) {
	f.Add(pack(f, debit())[:HeaderLen])
	f.Add([]byte(".00000000000000000\xe4\x83\x9a0000000000000000000000000")) // counted in bytes, not characters
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := ParseHeader(raw)
		if err != nil {
			return
		}
		back, err := h.Append(nil)
		if err != nil || h.Total < 0 {
			return
		}
		again, err := ParseHeader(back)
		require.NoError(t, err)
		require.Equal(t, h, again)
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add(AppendFrame(nil, pack(f, debit())))
	f.Add([]byte(KeepAlive))
	f.Add([]byte("-001"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		frame, err := ReadFrame(bytes.NewReader(stream), nil)
		if err == nil {
			require.Equal(t, stream[:len(frame)+4], AppendFrame(nil, frame))
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, c := range captures(f) {
		f.Add(unhex(f, c.Hex))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text := spec.Hex(raw)
		open, masked := Decode(text, true), Decode(text, false)
		require.Equal(t, open.Error, masked.Error)
		require.Equal(t, len(open.Fields), len(masked.Fields))
		for _, id := range []string{"35", "36", "45", "52", "55", "61", "96"} {
			if shown, ok := masked.Fields[id]; ok {
				require.Contains(t, shown, " hidden)")
			}
		}
	})
}

// FuzzDecodeLine reads any line as the operator may paste it. What is shown is valid UTF-8, as JSON wants it, and a line that
// is not hex shows nothing of itself.
func FuzzDecodeLine(f *testing.F) {
	f.Add("30303030")
	f.Add("zz 6222020000000000018")
	f.Add(spec.Hex(pack(f, debit())))
	f.Fuzz(func(t *testing.T, line string) {
		d := Decode(line, false)
		require.NotNil(t, d.Fields)
		if _, err := spec.ParseHex(line); err != nil {
			require.Equal(t, spec.Decoded{Fields: map[string]string{}, Error: spec.ErrHex.Error()}, d)
			return
		}
		for _, text := range append(slices.Collect(maps.Values(d.Fields)), d.Error, d.MTI, d.Header, d.Repacked) {
			require.True(t, utf8.ValidString(text), "%q", text)
		}
	})
}

func BenchmarkUnpack(b *testing.B) {
	frame := pack(b, debit())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unpack(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPack(b *testing.B) {
	m := debit()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Pack(); err != nil {
			b.Fatal(err)
		}
	}
}
