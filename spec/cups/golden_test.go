package cups

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

const captureFile = "../../testdata/captures/host.jsonl"

var update = flag.Bool("update", false, "write the golden files anew")

// capture is one line of the captures.
type capture struct {
	ID     string            `json:"id"`
	Layout string            `json:"layout"`
	Hex    string            `json:"hex"`
	MTI    string            `json:"mti"`
	Fields map[string]string `json:"fields"`
	Header map[string]any    `json:"header"`
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
	require.Len(t, all, 11)
	return all
}

// frame is the capture as a frame without length; a body alone gets a header.
func (c capture) frame(t testing.TB) []byte {
	raw := unhex(t, c.Hex)
	raw = raw[prefixLen(raw):]
	if c.Layout != "body" {
		return raw
	}
	h := NewHeader("00010000", "48540000")
	h.Total = HeaderLen + len(raw)
	frame, err := h.Append(nil)
	require.NoError(t, err)
	return append(frame, raw...)
}

func unhex(t testing.TB, text string) []byte {
	b, err := spec.ParseHex(text)
	require.NoError(t, err)
	return b
}

// TestCapturesDecode takes every capture apart, value by value, and packs its
// body again byte for byte.
func TestCapturesDecode(t *testing.T) {
	for _, c := range captures(t) {
		t.Run(c.ID, func(t *testing.T) {
			d := Decode(c.Hex, true)
			require.Empty(t, d.Error)
			require.Equal(t, c.MTI, d.MTI)
			require.Len(t, d.Fields, len(c.Fields))
			for id, want := range c.Fields {
				require.Equal(t, want, d.Fields[id], "field %s", id)
			}
			require.True(t, strings.HasSuffix(c.Hex, d.Repacked))
			require.Equal(t, c.MTI == "", d.Repacked == "")
		})
	}
}

// TestCapturesOnTheLine passes every message through Message. It packs to the
// same bytes, but for the total length in the two headers whose writers put
// something else there than header and body.
func TestCapturesOnTheLine(t *testing.T) {
	wrongTotal := map[string]bool{"cardinfo-0200": true, "lds-0420": true}
	for _, c := range captures(t) {
		if c.Layout == "header46" {
			continue
		}
		frame := c.frame(t)
		m, err := Unpack(frame)
		require.NoError(t, err, c.ID)
		packed, err := m.Pack()
		require.NoError(t, err, c.ID)
		if wrongTotal[c.ID] {
			require.NotEqual(t, frame[offTotal:offDest], packed[offTotal:offDest])
			copy(packed[offTotal:offDest], frame[offTotal:offDest])
		}
		require.Equal(t, spec.Hex(frame), spec.Hex(packed), c.ID)
		for _, id := range m.Fields() {
			require.Equal(t, c.Fields[itoa(id)], show(id, m.Get(id)), "%s field %d", c.ID, id)
		}
	}
}

func TestCapturesHeaders(t *testing.T) {
	for _, c := range captures(t) {
		if c.Header == nil {
			continue
		}
		raw := c.frame(t)
		h, err := ParseHeader(raw)
		require.NoError(t, err)
		require.Equal(t, strings.TrimRight(c.Header["dst"].(string), " "), h.Dest)
		require.Equal(t, strings.TrimRight(c.Header["src"].(string), " "), h.Source)
		require.Equal(t, c.Header["rsv"], spec.Hex(h.Reserved[:]))
		require.Equal(t, c.Header["batch"], spec.Hex([]byte{h.Batch}))
		require.Equal(t, c.Header["tinfo"], h.Info)
		require.Equal(t, c.Header["uinfo"], spec.Hex([]byte{h.User}))
		require.Equal(t, c.Header["reject"], h.Reject)
		require.False(t, h.Rejected())
		if c.ID == "cardinfo-0200" {
			require.Equal(t, -1, h.Total) // "435 " is no number
			continue
		}
		back, err := h.Append(nil)
		require.NoError(t, err)
		require.Equal(t, raw[:HeaderLen], back)
	}
}

func TestCapturesMasked(t *testing.T) {
	var out strings.Builder
	for _, c := range captures(t) {
		text, err := json.Marshal(Decode(c.Hex, false))
		require.NoError(t, err)
		for _, id := range []string{"2", "35", "36", "52", "55", "96"} {
			if secret := c.Fields[id]; secret != "" {
				require.NotContains(t, string(text), secret, "%s field %s", c.ID, id)
			}
		}
		if c.Layout == "header46" {
			continue
		}
		m, err := Unpack(c.frame(t))
		require.NoError(t, err)
		out.WriteString("# " + c.ID + "\n")
		require.NoError(t, spec.Describe(&out, m))
	}
	path := "../../testdata/golden/cups-describe.txt"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func itoa(id int) string {
	text, _ := json.Marshal(id)
	return string(text)
}
