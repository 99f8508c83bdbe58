package pos

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

const captureFile = "../../testdata/captures/pos.jsonl"

var update = flag.Bool("update", false, "write the golden files anew")

// capture is one line of the captures: what was on a wire, and what it says.
type capture struct {
	ID        string         `json:"id"`
	Hex       string         `json:"hex"`
	HasHeader bool           `json:"has_header"`
	Decodes   bool           `json:"decodes"`
	Decoded   map[string]any `json:"decoded"`
}

func captures(t testing.TB) []capture {
	file, err := os.Open(captureFile)
	require.NoError(t, err)
	defer file.Close()
	var all []capture
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c capture
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		all = append(all, c)
	}
	require.NoError(t, lines.Err())
	require.Len(t, all, 35)
	return all
}

// frame is the capture as a frame of the line, without length: a body alone gets
// an envelope. ok is false for the dialects that Decode reads and the line does
// not: NAC without a header, and two bitmaps.
func (c capture) frame(t testing.TB) (frame []byte, ok bool) {
	raw, err := spec.ParseHex(c.Hex)
	require.NoError(t, err)
	raw = raw[prefixLen(raw):]
	switch {
	case c.ID == "allinf-01" || !c.Decodes:
		return nil, false
	case c.HasHeader:
		return raw, true
	case raw[0] == 0x60:
		return nil, false
	}
	return append(DefaultEnvelope().append(nil), raw...), true
}

// TestCapturesDecode takes every capture apart, value by value, and packs it
// again byte for byte, pad nibbles F included.
func TestCapturesDecode(t *testing.T) {
	for _, c := range captures(t) {
		t.Run(c.ID, func(t *testing.T) {
			d := Decode(c.Hex, true)
			if !c.Decodes {
				require.NotEmpty(t, d.Error)
				require.Empty(t, d.Repacked)
				return
			}
			require.Empty(t, d.Error)
			require.True(t, d.Repacked != "" && strings.HasSuffix(c.Hex, d.Repacked))
			requireDecoded(t, c, d)
		})
	}
}

func requireDecoded(t *testing.T, c capture, d spec.Decoded) {
	fields := 0
	for name, want := range c.Decoded {
		got, isField := d.Fields[name], false
		switch name {
		case "length", "length_ascii", "bitmap":
			continue
		case "tpdu":
			got = d.TPDU
		case "lri":
			got = d.LRI
		case "header":
			got = d.Header
		case "0":
			got = d.MTI
		default:
			isField = true
		}
		require.Equal(t, want, got, "field %s", name)
		if isField {
			fields++
		}
	}
	require.Len(t, d.Fields, fields)
}

// TestCapturesOnTheLine passes every capture of this very dialect through
// Message: what the line accepts, it packs to the same bytes.
func TestCapturesOnTheLine(t *testing.T) {
	n := 0
	for _, c := range captures(t) {
		frame, ok := c.frame(t)
		if !ok {
			continue
		}
		n++
		m, err := Unpack(frame)
		require.NoError(t, err, c.ID)
		packed, err := m.Pack()
		require.NoError(t, err, c.ID)
		require.Equal(t, spec.Hex(frame), spec.Hex(packed), c.ID)
		for _, id := range m.Fields() {
			shown := show(id, m.Get(id))
			require.Equal(t, c.Decoded[itoa(id)], shown, "%s field %d", c.ID, id)
		}
	}
	require.Equal(t, 30, n)
}

// TestCapturesFromValues builds every capture from its values; a message made
// anew pads with 0, so those with a pad nibble F differ there and nowhere else.
func TestCapturesFromValues(t *testing.T) {
	padF := 0
	for _, c := range captures(t) {
		frame, ok := c.frame(t)
		if !ok {
			continue
		}
		from, err := Unpack(frame)
		require.NoError(t, err)
		m := New(from.MTI())
		m.SetEnvelope(from.Envelope())
		for _, id := range from.Fields() {
			m.Set(id, from.Get(id))
		}
		packed, err := m.Pack()
		require.NoError(t, err, c.ID)
		if spec.Hex(frame) == spec.Hex(packed) {
			continue
		}
		padF++
		require.Len(t, packed, len(frame), c.ID)
		for i := range frame {
			if frame[i] != packed[i] {
				require.Equal(t, frame[i], packed[i]|0x0F, c.ID)
			}
		}
	}
	require.Equal(t, 3, padF)
}

// TestCapturesMasked looks for anything in the masked rendering that must not be
// there: the digits of a card or the bytes of a PIN block or chip.
func TestCapturesMasked(t *testing.T) {
	var out strings.Builder
	for _, c := range captures(t) {
		d := Decode(c.Hex, false)
		open := Decode(c.Hex, true)
		text, err := json.Marshal(d)
		require.NoError(t, err)
		for _, id := range []string{"2", "35", "36", "52", "55"} {
			if secret := open.Fields[id]; secret != "" {
				require.NotContains(t, string(text), secret, "%s field %s", c.ID, id)
			}
		}
		if frame, ok := c.frame(t); ok {
			m, err := Unpack(frame)
			require.NoError(t, err)
			out.WriteString("# " + c.ID + "\n")
			require.NoError(t, spec.Describe(&out, m))
		}
	}
	golden(t, "../../testdata/golden/pos-describe.txt", out.String())
}

func golden(t *testing.T, path, got string) {
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func itoa(id int) string {
	text, _ := json.Marshal(id)
	return string(text)
}
