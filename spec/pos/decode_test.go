package pos

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What stands in front of the message type may be there or not, each by itself.
func TestDecodeWhatStandsInFront(t *testing.T) {
	frame := inquiry(t)
	tpdu, header, body := hex.EncodeToString(frame[:5]), hex.EncodeToString(frame[5:11]), hex.EncodeToString(frame[11:])
	lri := hex.EncodeToString(BuildLRI("01088886666", "60847260"))
	for _, c := range []struct {
		name, tpdu, lri, header string
	}{
		{"nothing", "", "", ""}, {"TPDU and header", tpdu, "", header}, {"header", "", "", header},
		{"all", tpdu, lri, header}, {"LRI and header", "", lri, header},
	} {
		out := Decode(c.tpdu+c.lri+c.header+body, true)
		require.Empty(t, out.Error, c.name)
		require.Equal(t, "0100", out.MTI)
		require.True(t, strings.EqualFold(c.tpdu, out.TPDU), "%s: %s", c.name, out.TPDU)
		require.True(t, strings.EqualFold(c.lri, out.LRI), "%s: %s", c.name, out.LRI)
		require.True(t, strings.EqualFold(c.header, out.Header), "%s: %s", c.name, out.Header)
		require.True(t, strings.EqualFold(body, out.Repacked), "%s: %s", c.name, out.Repacked)
	}
}
