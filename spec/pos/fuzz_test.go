package pos

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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

// FuzzDecodeLine reads any line as the operator may paste it. What is shown is valid UTF-8, as JSON wants it, and a line that
// is not hex shows nothing of itself.
func FuzzDecodeLine(f *testing.F) {
	f.Add("003A 6000030000 603100310000 0200")
	f.Add("zz 6222020000000000018")
	f.Add(spec.Hex(inquiry(f)))
	f.Fuzz(func(t *testing.T, line string) {
		d := Decode(line, false)
		require.NotNil(t, d.Fields)
		if _, err := spec.ParseHex(line); err != nil {
			require.Equal(t, spec.Decoded{Fields: map[string]string{}, Error: spec.ErrHex.Error()}, d)
			return
		}
		for _, text := range append(slices.Collect(maps.Values(d.Fields)), d.Error, d.MTI, d.TPDU, d.LRI, d.Header, d.Repacked) {
			require.True(t, utf8.ValidString(text), "%q", text)
		}
	})
}

// FuzzEnvelope reads what stands in front of a message: what is read is written back as it came, an answer goes to where
// the request came from, and a line is matched by its digits alone.
func FuzzEnvelope(f *testing.F) {
	f.Add(inquiry(f), "01088886666")
	dialled := append([]byte{0x60, 0, 3, 0, 0}, BuildLRI("01088886666", "60847260")...)
	f.Add(append(dialled, inquiry(f)[5:]...), "010-8888 6666")
	f.Add(dialled, "")
	f.Add([]byte{0x60, 0, 3, 0, 0, 'L', 'R', 'I', 0, 0x1C}, "0")
	f.Fuzz(func(t *testing.T, frame []byte, registered string) {
		e, ok := EnvelopeOf(frame)
		if !ok {
			require.Zero(t, e)
			return
		}
		require.True(t, bytes.HasPrefix(frame, e.append(nil)))
		require.Contains(t, []int{0, lriLen}, len(e.LRI))
		answer := e.Answer(ProcessingSignOn)
		require.Empty(t, answer.LRI)
		back := answer.Answer(e.Processing())
		require.Equal(t, [2]any{e.TPDU, e.Header}, [2]any{back.TPDU, back.Header})
		ani, known := e.ANI()
		if !known {
			return
		}
		require.Regexp(t, "^[0-9]{16}$", ani)
		lri := BuildLRI(ani, "")
		require.Equal(t, e.LRI[len(lriMark):len(lriMark)+8], lri[len(lriMark):len(lriMark)+8])
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, registered)
		want := strings.TrimLeft(digits, "0") != "" && strings.TrimLeft(digits, "0") == strings.TrimLeft(ani, "0")
		require.Equal(t, want, LineMatches(ani, registered))
	})
}
