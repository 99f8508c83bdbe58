package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/ringback/provider/mockhost"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// canaryWorld is a whole system whose secrets are canaries.
type canaryWorld struct {
	*world
	*canaries
	term   *emulator.Terminal
	last   []byte   // debit that was sent last
	passed [][]byte // every frame of the terminal's line
	tape   *tape    // the host's lines
}

func newCanaryWorld(t *testing.T) *canaryWorld {
	w := &canaryWorld{world: newWorld(t, 1500*time.Millisecond), canaries: born(t)}
	require.NoError(t, w.host.Close()) // and again, with the canary's account
	require.Eventually(t, func() bool { return w.app.Network.Ready() != nil }, 10*time.Second, time.Millisecond, "the links are seen to be gone")
	accounts := append(mockhost.DemoAccounts(), mockhost.Account{PAN: canaryCard, PIN: canaryPIN, Expiry: "3012",
		Status: mockhost.StatusNormal, Institution: "01020000", BalanceFen: 1_000_000})
	var err error
	w.host, err = mockhost.Open(mockhost.Config{Dir: filepath.Join(w.dir, "host"), ZMK: unhex(t, demoZMK), Demo: true, Accounts: accounts, Log: zerolog.New(w.log)})
	require.NoError(t, err)
	l, err := net.Listen("tcp", w.hostAddr)
	require.NoError(t, err)
	w.tape = &tape{Listener: l}
	go func(h *mockhost.Host) { _ = h.Serve(w.tape) }(w.host) // ends with Close
	master, err := os.ReadFile(filepath.Join(w.dir, "master.key"))
	require.NoError(t, err)
	w.add("master key", unhex(t, strings.TrimSpace(string(master))), false)
	tmk := unhex(t, canaryTMK)
	block, err := w.app.module.WrapKey(acquirer.UsageTMK, acquirer.CipherTDES, acquirer.NewKey(tmk))
	require.NoError(t, err)
	require.NoError(t, w.app.db.AddTerminal(t.Context(), acquirer.Terminal{ID: canaryTerminalID, Merchant: canaryMerchant,
		Profile: acquirer.Profile{MAC: acquirer.MACECB, KeyedEntry: true}, TMK: block}))
	payee, err := newPayee(canaryPayee, canaryName, canaryPayeeCard, acquirer.PayeeActive)
	require.NoError(t, err)
	_, err = w.app.db.AddPayee(t.Context(), payee)
	require.NoError(t, err)
	w.plugIn(w.app.listeners[0].Addr().String())
	return w
}

// plugIn opens the terminal, whose state lies in the scanned folder, at the switch's present address.
func (w *canaryWorld) plugIn(addr string) {
	if w.term != nil {
		require.NoError(w.t, w.term.Close())
	}
	var err error
	tmk, watch := unhex(w.t, canaryTMK), w.watch(w.t)
	w.term, err = emulator.Open(emulator.Config{Slips: true, Faults: emulator.BatchFaults{WrongFen: 1}, TerminalID: canaryTerminalID, MerchantID: canaryMerchant, TMK: tmk, Addr: addr,
		StateFile: filepath.Join(w.dir, "terminal.json"), AnswerTimeout: 6 * time.Second,
		Trace: func(d emulator.Direction, frame []byte) {
			watch(d, frame)
			w.passed = append(w.passed, bytes.Clone(frame))
			if mti(frame) == pos.MTIDebit {
				w.last = bytes.Clone(frame)
			}
		}})
	require.NoError(w.t, err)
}

func canaryPayment(fen int64) emulator.Payment {
	return emulator.Payment{Payee: canaryPayee, Payer: canaryPayer, AmountFen: fen,
		Card: emulator.Card{PAN: canaryCard, Expiry: "3012", Track2: canaryTrack}}
}

// pay makes a payment with canaries, changed, and returns its code.
func (w *canaryWorld) pay(fen int64, change func(*emulator.Payment), pins ...string) string {
	p := canaryPayment(fen)
	if change != nil {
		change(&p)
	}
	r, err := w.term.Pay(w.t.Context(), p, holder{append(pins, canaryPIN)})
	require.Equal(w.t, r.Code == "00", err == nil, "%v", err)
	return r.Code
}

// requireClean looks for canaries in all that has been written.
func (w *canaryWorld) requireClean(when string) {
	w.t.Helper()
	written := []byte(w.written())
	require.Contains(w.t, string(written), canaryTerminalID, "the scan sees what is there")
	require.Empty(w.t, w.leaks(written), when)
}

// patient makes the switch wait for its host longer than any test lasts, where a debit is to stay there.
func patient(c *exec.Cmd) { c.Env = append(c.Env, "RINGBACK_HOST__TIMEOUT=50s") }

// hold sends a debit that the host never answers, to a patient switch, and returns when it is out. What comes of it goes
// into the channel.
func (w *canaryWorld) hold(t *testing.T) (ended chan error) {
	ended = make(chan error, 1)
	go func() {
		_, err := w.term.Pay(t.Context(), canaryPayment(9807), holder{[]string{canaryPIN}})
		ended <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(w.operate(t, "payment", "list", "--state", "sent"), "98.07") },
		10*time.Second, 10*time.Millisecond)
	return ended
}

// operate runs a verb and keeps what it prints for the scan.
func (w *canaryWorld) operate(t *testing.T, verb ...string) string {
	out, err := exec.Command("ringbackd", append(verb, "-c", w.config())...).CombinedOutput()
	require.NoError(t, err, "%v: %s", verb, out)
	_, err = w.log.Write(out)
	require.NoError(t, err)
	return string(out)
}

// run starts ringbackd serve, its log at debug level into the scanned one, and plugs the terminal in when it is ready.
// change may make the command another one before it starts.
func (w *canaryWorld) run(t *testing.T, change ...func(*exec.Cmd)) *exec.Cmd {
	log := &lockedBuffer{}
	c := exec.Command("ringbackd", "serve", "-c", w.config())
	c.Env = append(os.Environ(), "TMPDIR="+w.dir)
	c.Stderr = io.MultiWriter(log, w.log)
	for _, f := range change {
		f(c)
	}
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill() }) // it has ended unless the test failed
	ready := make([]byte, len("ready\n"))
	_, err = io.ReadFull(out, ready)
	require.NoError(t, err, log)
	addr := regexp.MustCompile(`"addr":"([0-9.:]+)"[^\n]*serving terminals`).FindStringSubmatch(log.String())
	require.NotNil(t, addr, log)
	w.plugIn(addr[1])
	return c
}
