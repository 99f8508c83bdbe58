package main

import (
	"context"
	"encoding/hex"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/provider"
	"example.com/ringback/provider/mockhost"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// zoneKeys are those of one run.
type zoneKeys struct {
	mu   sync.Mutex
	keys map[acquirer.KeyUsage]acquirer.KeyBlock
}

func (z *zoneKeys) ZoneKey(_ context.Context, usage acquirer.KeyUsage) (acquirer.KeyBlock, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if key, ok := z.keys[usage]; ok {
		return key, nil
	}
	return acquirer.KeyBlock{}, acquirer.ErrNotFound
}

func (z *zoneKeys) SaveZoneKey(_ context.Context, key acquirer.KeyBlock) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.keys[key.Usage] = key
	return nil
}

// desk takes what the host tells and passes it on to the test.
type desk struct {
	cutOffs chan acquirer.CutOffPhase
	payouts chan acquirer.Payout
	files   chan acquirer.ClearingFile
	lines   chan acquirer.ClearingLine
}

func (d *desk) CutOff(_ context.Context, _ acquirer.Date, phase acquirer.CutOffPhase) error {
	d.cutOffs <- phase
	return nil
}

func (d *desk) PaidOut(_ context.Context, p acquirer.Payout) (acquirer.ResponseCode, error) {
	d.payouts <- p
	return acquirer.CodeApproved, nil
}

func (d *desk) Clearing(_ context.Context, f acquirer.ClearingFile) error {
	for line, err := range f.Lines {
		if err != nil {
			return err
		}
		d.lines <- line
	}
	d.files <- f
	return nil
}

func next[T any](t *testing.T, from chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(20 * time.Second):
		require.Fail(t, "nothing came")
	}
	return v
}

// line starts the switch's line to a host and waits until it is ready.
func (d *desk) line(t *testing.T, addr string) *provider.Network {
	master, err := hsm.NewMasterKey([]byte("0123456789abcdef0123456789ABCDEF"))
	require.NoError(t, err)
	module := hsm.New(master)
	clear, err := hex.DecodeString(mockhost.DemoZMK)
	require.NoError(t, err)
	zmk, err := module.WrapKey(acquirer.UsageZMK, acquirer.CipherTDES, acquirer.NewKey(clear))
	require.NoError(t, err)
	n := provider.New(provider.Config{
		Addrs: []string{addr}, Institution: member, ZMK: zmk, HSM: module, Settlement: d,
		Keys: &zoneKeys{keys: map[acquirer.KeyUsage]acquirer.KeyBlock{}},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { return n.Ready() == nil }, 20*time.Second, 10*time.Millisecond)
	return n
}

// A day at both ends: a debit, the end of the date, the detail file out of the drop folder, totals, and the payout.
func TestADayIsSettled(t *testing.T) {
	out := t.TempDir()
	p := launch(t, "--demo", "--dir", t.TempDir(), "--clearing-dir", out, "--clearing-edition=500")
	c := dial(t, p.addr)
	c.getKeys()
	a, err := c.ask(c.newDebit(1234))
	require.NoError(t, err)
	require.Equal(t, "00", a.Get(39))
	require.NoError(t, c.conn.Close())

	d := &desk{make(chan acquirer.CutOffPhase, 4), make(chan acquirer.Payout, 4), make(chan acquirer.ClearingFile, 4), make(chan acquirer.ClearingLine, 4)}
	n := d.line(t, p.addr)
	folder := &provider.DropFolder{Dir: filepath.Join(out, member), Institution: member, Books: d,
		Limits: provider.Limits{FilePoll: 20 * time.Millisecond, FileStill: 50 * time.Millisecond}}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- folder.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-watched)
	})

	require.NoError(t, n.RequestCutOff(t.Context()))
	require.Equal(t, acquirer.CutOffBegins, next(t, d.cutOffs))
	require.Equal(t, acquirer.CutOffEnds, next(t, d.cutOffs))
	line, file := next(t, d.lines), next(t, d.files)
	require.Equal(t, acquirer.SettlementTotals{Debits: acquirer.Sum{Count: 1, Fen: 1234}}, file.Totals)

	r, err := n.Reconcile(t.Context(), file.Date, acquirer.SettlementTotals{}, true)
	require.NoError(t, err)
	require.Equal(t, acquirer.OutOfBalance, r.Balance)
	require.Equal(t, file.Totals, *r.Totals)
	r, err = n.Reconcile(t.Context(), file.Date, file.Totals, true)
	require.NoError(t, err)
	require.Equal(t, acquirer.InBalance, r.Balance)
	paid := next(t, d.payouts)
	require.Equal(t, line.Host, paid.Debit)
	require.Equal(t, line.PayeeCard, paid.Card)
	require.Equal(t, []any{file.Date, acquirer.Fen(1234), acquirer.CodeApproved}, []any{paid.Date, paid.Amount, paid.Code})
	require.Equal(t, int64(1), p.ledger().Payouts)
}
