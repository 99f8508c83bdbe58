package terminal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
)

// A refusal that an operator may have to look into is one line with code and terminal; everyday ones are none. What a
// line must not hold is looked for at the end of every test, see requireNoSecrets.
func TestLogLines(t *testing.T) {
	w, c, d := start(t)
	for _, v := range []struct {
		frame []byte
		code  string
		line  string // "": none
	}{
		{d.inquiry(10, nil), "00", ""},
		{d.inquiry(10, fields{62: list("PE", "12345678901", "PR", payerNumber)}), "P1", ""},
		{d.inquiry(10, fields{4: "000000000000"}), "13", ""},
		{d.inquiry(10, fields{60: "71000009000"}), "77", ""},
		{d.inquiry(10, fields{42: "898110000000002"}), "03", `"terminal":"10000001","mti":"0100","code":"03","message":"refused"`},
		{d.inquiry(10, fields{41: "99999999"}), "97", `"terminal":"99999999","mti":"0100","code":"97","message":"refused"`},
		{append(d.inquiry(10, nil), 0), "30", `"code":"30","error":"terminal: F39 30: field 64: bytes after the last field"`},
		{d.inquiry(10, fields{62: list("PE", payeeNumber)}), "30", `"error":"terminal: F39 30: PE or PR is missing"`},
	} {
		before := w.log.String()
		require.Equal(t, v.code, c.ask(v.frame).Get(39))
		line := strings.TrimPrefix(w.log.String(), before)
		require.Contains(t, line, v.line)
		require.Equal(t, v.line != "", line != "")
	}
}

// A peer that makes noise fills no disk.
func TestLogIsBounded(t *testing.T) {
	w, c, d := start(t)
	frame := d.inquiry(10, fields{41: "99999999"})
	for range 500 {
		c.ask(frame)
	}
	require.LessOrEqual(t, strings.Count(w.log.String(), "refused"), 20*noisyLines)
	require.EqualValues(t, 500, w.Stats().Answered["97"])
}

func TestStats(t *testing.T) {
	w := newWorld(t)
	require.Empty(t, w.Stats().Answered, "before anything is served")
	c := dial(t, w.listen(t))
	d := w.newDevice(t, "10000001")
	d.signOn(c, pos.NetSignOn)
	c.send(make([]byte, pos.MinFrame))
	require.Equal(t, "00", c.ask(d.inquiry(1, nil)).Get(39))
	require.Equal(t, "97", c.ask(d.inquiry(1, fields{41: "99999999"})).Get(39))
	s := w.Stats()
	require.Equal(t, map[string]uint64{"00": 2, "97": 1}, map[string]uint64{"00": s.Answered["00"], "97": s.Answered["97"]})
	require.Len(t, s.Answered, 2)
	s.Answered = nil
	require.Equal(t, Stats{Accepted: 1, Open: 1, Frames: 4, Dropped: 1}, s)
}
