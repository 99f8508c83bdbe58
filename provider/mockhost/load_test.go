package mockhost

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

// 64 clients, each on a link of its own, debit one account and undo half of it,
// all at once, over sockets and with a log.
func TestManyClients(t *testing.T) {
	const clients, each, fen = 64, 8, 100
	dir := t.TempDir()
	r := start(t, func(c *Config) { c.Dir = dir })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- r.Serve(l) }()
	keys := r.client()
	require.Equal(t, "00", keys.debit(payer, fen).Get(39)) // the keys are in use

	var wg sync.WaitGroup
	for n := range clients {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		first := 10_000 * (n + 1)
		c := &client{t: t, conn: conn, mac: keys.mac, pin: keys.pin, seq: &first}
		wg.Go(func() {
			for i := range each {
				m := c.newDebit(payer, fen)
				got := c.ask(m).Get(39)
				if i%2 == 0 {
					got += c.ask(c.newReversal(m)).Get(39)
				}
				if want := "0000"[:2+2*(1-i%2)]; got != want {
					t.Errorf("client %d, debit %d: %s", n, i, got)
				}
			}
		})
	}
	wg.Wait()
	totals := r.totals()
	require.EqualValues(t, clients*each+1, totals.Debits)
	require.EqualValues(t, clients*each/2, totals.Reversals)
	held := int64(clients*each/2+1) * fen
	require.Equal(t, AccountTotals{payer, 100_000_000 - held, held}, r.account(payer))
	require.NoError(t, r.Close())
	require.ErrorIs(t, <-served, ErrClosed)

	again := start(t, func(c *Config) { c.Dir = dir })
	require.Equal(t, totals, again.totals())
}

// One client sends without waiting: answers come in the order of the requests,
// and a reversal right behind its debit finds it.
func TestPipelining(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	const pairs = 100
	go func() {
		for range pairs {
			m := c.newDebit(payer, 100)
			c.send(c.seal(m))
			u := c.newReversal(m)
			c.send(c.seal(u))
		}
	}()
	var got []string
	for range 2 * pairs {
		a := c.receive()
		require.Equal(t, "00", a.Get(39))
		got = append(got, a.Get(11))
	}
	require.EqualValues(t, pairs, r.totals().Reversals)
	require.Len(t, got, 2*pairs)
	for i := 1; i < len(got); i++ {
		require.Less(t, got[i-1], got[i])
	}
}

func BenchmarkDebit(b *testing.B) {
	dir := b.TempDir()
	r := start(b, func(c *Config) {
		c.Dir = dir
		c.Accounts = []Account{{
			PAN: payer, PIN: "123456", Expiry: "3012", Status: StatusNormal, BalanceFen: MaxBalanceFen,
		}}
	})
	c := r.client()
	const window = 64
	tokens := make(chan struct{}, window)
	block, err := spec.SealPIN(c.pin, "123456", payer)
	require.NoError(b, err)
	m := c.newDebit(payer, 1)
	m.SetBytes(52, block[:])
	b.ResetTimer()
	go func() {
		for i := range b.N {
			tokens <- struct{}{}
			m.Set(7, traceText(uint32(i/999_999))+"0000")
			m.Set(11, traceText(uint32(i)))
			c.send(c.seal(m))
		}
	}()
	for range b.N {
		require.Equal(b, "00", c.receive().Get(39))
		<-tokens
	}
}
