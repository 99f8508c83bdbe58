package terminal

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

var update = flag.Bool("update", false, "write testdata/session.txt anew")

const goldenHeading = `# A terminal's day as it stands on the wire: sign-on, echo, name-confirm, debit, the debit again, a debit that was
# altered, a wrong F64, a byte too many, undo, an unknown terminal, sign-off. Test keys and invented people; the clock
# stands at 2000-01-01 08:00 Beijing time.
`

// The whole line, byte by byte. In a bubble the clock stands still, and keys and nonces follow from counters.
func TestGoldenSession(t *testing.T) {
	var got []spec.CaptureLine
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t), newPipes()
		w.serve(t, p)
		c, d := p.dial(t), w.newDevice(t, "10000002")
		exchange := func(frame []byte) *pos.Message {
			c.send(frame)
			answer := c.read()
			got = append(got,
				spec.CaptureLine{Peer: spec.PeerTerminal, Out: true, Frame: pos.AppendFrame(nil, frame)},
				spec.CaptureLine{Peer: spec.PeerTerminal, Frame: pos.AppendFrame(nil, answer)})
			m, err := pos.Unpack(answer)
			require.NoError(t, err)
			return m
		}
		m := exchange(d.manage(pos.MTISignOn, pos.NetSignOnTrack, nil))
		keys, err := pos.ParseWorkKeys(m.Bytes(62))
		require.NoError(t, err)
		d.pik, err = keys.PIK.Open(d.tmk)
		require.NoError(t, err)
		d.mak, err = keys.MAK.Open(d.tmk)
		require.NoError(t, err)
		d.batch = m.Get(60)[2:8]
		exchange(d.manage(pos.MTINetwork, pos.NetEcho, fields{11: ""}))
		token := d.element(exchange(d.inquiry(10, nil)), pos.TagToken)
		memo := fields{62: with(token, "MO", string(spec.EncodeGBK("货款")))}
		exchange(d.debit(11, token, memo))
		exchange(d.debit(11, token, memo))
		exchange(d.debit(11, token, fields{4: "000000009999"}))
		wrong := d.undo(11, nil)
		wrong[len(wrong)-1] ^= 1
		exchange(wrong)
		exchange(append(d.undo(11, nil), 0))
		exchange(d.undo(11, nil))
		stranger := w.newDevice(t, "99999999")
		exchange(stranger.inquiry(1, nil))
		exchange(d.manage(pos.MTINetwork, pos.NetSignOff, nil))
	})
	const file = "testdata/session.txt"
	if *update {
		out := bytes.NewBufferString(goldenHeading)
		require.NoError(t, spec.WriteCapture(out, got))
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	want, err := spec.ParseCapture(bytes.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, want, got)
}
