package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"example.com/ringback/provider/mockhost"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// world is the whole system in one process, over real sockets: the switch as main wires it, the mock host and
// terminals.
type world struct {
	t        *testing.T
	dir      string
	hostAddr string
	host     *mockhost.Host
	app      *App
	log      *lockedBuffer
	frames   *lockedBuffer // everything that terminals sent, in clear
	stop     context.CancelFunc
	ended    chan error   // nil: no switch runs
	tune     []func(*App) // applied to the switch before it runs
}

// lockedBuffer is a log that many write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// unguarded takes the limits away that stop a peer which sends forged messages, for tests of what lies behind.
func unguarded(a *App) {
	l := &a.Terminal.Limits
	l.WrongMACs, l.Turn, l.StrangerRate = 1<<30, 1<<30, 1<<30
}

// newWorld starts everything with a short host timeout, so that silence is soon over.
func newWorld(t *testing.T, timeout time.Duration, tune ...func(*App)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), log: &lockedBuffer{}, frames: &lockedBuffer{}, tune: tune}
	w.startHost("127.0.0.1:0")
	_, err := initialise(w.dir, true)
	require.NoError(t, err)
	yaml := demoYAML + fmt.Sprintf("log: {level: debug}\nterminal: {addr: \"127.0.0.1:0\"}\nhttp: {addr: \"127.0.0.1:0\"}\n"+
		"host: {addrs: [%q, %q], zmk_file: zmk.key, timeout: %s}\n", w.hostAddr, w.hostAddr, timeout)
	require.NoError(t, os.WriteFile(w.config(), []byte(yaml), 0o600))
	w.startSwitch()
	t.Cleanup(w.end)
	return w
}

func (w *world) config() string { return filepath.Join(w.dir, "ringbackd.yaml") }

func (w *world) startHost(addr string, change ...func(*mockhost.Config)) {
	zmk, err := hex.DecodeString(demoZMK)
	require.NoError(w.t, err)
	c := mockhost.Config{Dir: filepath.Join(w.dir, "host"), ZMK: zmk, Demo: true,
		Accounts: mockhost.DemoAccounts(), ClearingDir: filepath.Join(w.dir, "clearing"), Log: zerolog.New(w.log)}
	for _, f := range change {
		f(&c)
	}
	w.host, err = mockhost.Open(c)
	require.NoError(w.t, err)
	l, err := net.Listen("tcp", addr)
	require.NoError(w.t, err)
	w.hostAddr = l.Addr().String()
	go func(h *mockhost.Host) { _ = h.Serve(l) }(w.host) // ends with Close; what it then returns says only that
}

func (w *world) startSwitch() { w.startSwitchWith(func(*App) {}) }

// startSwitchWith starts the switch with something changed before anything runs.
func (w *world) startSwitchWith(change func(*App)) {
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	app, err := newApp(ctx, w.config(), zerolog.New(w.log))
	require.NoError(w.t, err)
	change(app)
	for _, tune := range w.tune {
		tune(app)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	w.app, w.ended = app, ended
	go func() { ended <- app.run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		w.ended = nil
		w.t.Fatalf("ended before it was ready: %v", err)
	}
}

func (w *world) stopSwitch() {
	w.stop()
	require.NoError(w.t, w.awaitEnd())
}

// awaitEnd waits for the end of the switch and returns what it ended with.
func (w *world) awaitEnd() error {
	ended := w.ended
	w.ended = nil
	return <-ended
}

func (w *world) end() {
	if w.ended != nil {
		w.stopSwitch()
	}
	require.NoError(w.t, w.host.Close())
}

// terminal makes a demo terminal with its state in memory.
func (w *world) terminal(id string, change ...func(*emulator.Config)) *emulator.Terminal {
	for _, d := range demoTerminals {
		if string(d.id) != id {
			continue
		}
		tmk, err := hex.DecodeString(d.tmk)
		require.NoError(w.t, err)
		c := emulator.Config{TerminalID: id, MerchantID: string(d.merchant), TMK: tmk, Line: d.line,
			MAC: emulator.MAC(d.mac), Addr: w.app.listeners[0].Addr().String(), CheckNumbers: true,
			Trace: func(_ emulator.Direction, frame []byte) { _, _ = w.frames.Write(frame) }} // a buffer takes every write
		for _, f := range change {
			f(&c)
		}
		term, err := emulator.Open(c)
		require.NoError(w.t, err)
		w.t.Cleanup(func() { require.NoError(w.t, term.Close()) })
		return term
	}
	w.t.Fatalf("no demo terminal %s", id)
	return nil
}

// holder keys PINs and confirms every name.
type holder struct{ pins []string }

func (h holder) ConfirmName(context.Context, emulator.Inquiry) (bool, error) { return true, nil }
func (h holder) PIN(_ context.Context, try int) (string, error) {
	return h.pins[min(try, len(h.pins))-1], nil
}
func (h holder) Show(string, string) {}

const (
	goodCard = "6222020000000000018"
	payeeOne = "13800138001"
	payerOne = "13900139001"
)

// payment is one of amount to the first demo payee with a good card.
func payment(fen int64) emulator.Payment {
	return emulator.Payment{Payee: payeeOne, Payer: payerOne, AmountFen: fen, Memo: "房租",
		Card: emulator.SwipedCard(goodCard, "3012")}
}

// balance returns balance and held of a card at the host, and checks that no money came or went.
func (w *world) balance(pan string) (balance, held int64) {
	totals, err := w.host.Ledger()
	require.NoError(w.t, err)
	require.Equal(w.t, int64(100_200_100), totals.TotalFen, "no money comes or goes")
	for _, a := range totals.Accounts {
		if a.PAN == pan {
			return a.BalanceFen, a.HeldFen
		}
	}
	w.t.Fatalf("no account")
	return 0, 0
}

// rows returns the journal.
func (w *world) rows() []*acquirer.Transaction {
	var out []*acquirer.Transaction
	for s := acquirer.Declined; s <= acquirer.Paid; s++ {
		page, err := w.app.db.InState(context.Background(), s, 0, 10_000)
		require.NoError(w.t, err)
		out = append(out, page...)
	}
	return out
}

// settled waits until nothing is open any more.
func (w *world) settled() {
	require.Eventually(w.t, func() bool {
		for _, r := range w.rows() {
			if r.State == acquirer.Sent || r.State == acquirer.Reversing {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond, "something stayed open")
}
