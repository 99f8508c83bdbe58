package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// FuzzMade reads any bytes as what a step made: nothing panics, and what is read is the same when it is written and read
// once more.
func FuzzMade(f *testing.F) {
	at := timeOf(micros(noon))
	for _, c := range []acquirer.Change{
		{At: at},
		{At: at, Notices: []acquirer.Notice{{Kind: acquirer.NoticeDebited, Created: at}, {Kind: 2, Created: at.Add(-time.Hour)}}, Withdraw: acquirer.NoticeDebited, Finished: 7},
		{At: at, Notices: []acquirer.Notice{{Kind: acquirer.NoticeNewCard, Copy: 2, Created: at}}},
		{At: at, Reversal: &acquirer.Reversal{ID: 9, Host: acquirer.HostKey{Time: "1124120000", STAN: 42}, Reason: "98"}},
	} {
		f.Add(encodeMade(c))
	}
	f.Add([]byte{madeReversal, 0, 0, 0})
	f.Add([]byte{9})
	f.Add([]byte{madeCopy, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, column []byte) {
		m, err := decodeMade(5, at, column)
		if err != nil {
			require.ErrorIs(t, err, errMade)
			require.Zero(t, m)
			return
		}
		c := acquirer.Change{At: at, Notices: m.Notices, Withdraw: m.Withdrew, Reversal: m.Reversal, Finished: m.Finished}
		again, err := decodeMade(5, at, encodeMade(c))
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}
