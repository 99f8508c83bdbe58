package hsm

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// cacheName makes a name that falls into one shard.
func cacheName(i int) acquirer.KeyBlock {
	return acquirer.KeyBlock{Usage: acquirer.UsageMAK, Blob: strconv.Itoa(i) + "00"}
}

func TestCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	var c cache
	c.init()
	hot, key := cacheName(0), &schedule{}
	c.put(hot, key)
	for i := 1; i <= 3*shardKeys; i++ {
		require.Same(t, key, c.get(hot), "after %d others", i)
		c.put(cacheName(i), &schedule{})
	}
	s := c.shard(hot)
	require.Len(t, s.slots, shardKeys)
	require.Len(t, s.index, shardKeys)
	for tail, i := range s.index {
		require.Equal(t, tail, tailOf(s.slots[i].block))
	}
	require.Nil(t, c.get(cacheName(1)))
	require.NotNil(t, c.get(cacheName(3*shardKeys)))
}

func TestCacheTellsUsagesApart(t *testing.T) {
	var c cache
	c.init()
	block := cacheName(1)
	c.put(block, &schedule{})
	block.Usage = acquirer.UsagePIK
	require.Nil(t, c.get(block))
	require.Nil(t, c.get(acquirer.KeyBlock{}))
}

// All verbs at once on one module, with blocks shared and blocks of one goroutine only; run with -race.
func TestConcurrentUse(t *testing.T) {
	m := newModule(t)
	pik, zpk := wrapHex(t, m, acquirer.UsagePIK, demoPIK), wrapHex(t, m, acquirer.UsageZPK, demoZPK)
	tmk := wrapHex(t, m, acquirer.UsageTMK, demoTMK)
	card, pin := pan(t, "9001100000000027"), sealed(t, "06122556FFFFFFFD")
	want, err := m.TranslatePIN(pin, pik, zpk, card)
	require.NoError(t, err)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

	var wait sync.WaitGroup
	errs := make(chan error, 16)
	for g := range 16 {
		wait.Go(func() {
			for i := range 50 {
				out, err := m.TranslatePIN(pin, pik, zpk, card)
				if err == nil && out != want {
					err = acquirer.ErrPINFormat
				}
				if err == nil {
					err = exchange(m, tmk, start.Add(time.Duration(g*i)*time.Hour))
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(errs)
	require.NoError(t, <-errs)
}

// exchange makes a key, sends it out and in, and uses it and a confirmation.
func exchange(m *Module, tmk acquirer.KeyBlock, at time.Time) error {
	mak, err := m.GenerateKey(acquirer.UsageMAK, acquirer.CipherDES)
	if err != nil {
		return err
	}
	wire, err := m.ExportKey(mak, tmk)
	if err != nil {
		return err
	}
	again, err := m.ImportKey(acquirer.UsageMAK, tmk, wire)
	if err != nil {
		return err
	}
	mac, err := m.MAC(mak, acquirer.MACECB, []byte("data"))
	if err != nil {
		return err
	}
	if err := m.VerifyMAC(again, acquirer.MACECB, []byte("data"), mac); err != nil {
		return err
	}
	sealed, err := m.SealConfirmation(at, tokenNonce, []byte("plain"), nil)
	if err != nil {
		return err
	}
	_, err = m.OpenConfirmation(at.Add(time.Hour), tokenNonce, sealed, nil)
	return err
}
