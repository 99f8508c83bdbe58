package mockhost

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A panic over one message is that message's end; one over the money is the
// process's.
func TestPanics(t *testing.T) {
	r := start(t, func(c *Config) {
		c.Settlement = func(now time.Time) time.Time {
			panic("settlement of " + now.String())
		}
	})
	c := r.client()
	c.send(c.seal(c.newDebit(payer, 100)))
	require.Equal(t, "00", c.manage("301", "").Get(39))
}

func TestBrokenLedgerIsNotRecovered(t *testing.T) {
	a := &account{Account: Account{PAN: payer, BalanceFen: 5}}
	require.PanicsWithValue(t, brokenLedger("money of card 622202*********0018 does not add up"), func() { a.hold(6) })

	r := start(t, nil)
	c := r.client()
	require.Equal(t, "00", c.manage("301", "").Get(39))
	frame, err := c.seal(c.newDebit(payer, 100)).Pack()
	require.NoError(t, err)
	r.ledger.accounts[payer].heldFen = -1000
	l := &link{host: r.Host, out: make(chan reply, 1), dead: make(chan struct{})}
	require.Panics(t, func() { l.takeSafely(frame) })
	require.Panics(t, func() { _, _ = r.Ledger() })
	r.ledger.accounts[payer].BalanceFen, r.ledger.accounts[payer].heldFen = 100_000_000, 0
}
