package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/ringback/provider/mockhost"
	"github.com/stretchr/testify/require"
)

// The faults of the mock host between the programs as they are: ringpos pays, ringbackd stands in between, ringhost does
// what its table says (PROTOCOL 3.1), and its ledger is read before and after over HTTP.

// hostFaults are the faults by amount, as options for any share of the traffic, and how a payment ends that meets one.
var hostFaults = []struct {
	fen               int64
	option            string
	code, state       string // F39 on the slip, state of the row
	debits, reversals int64  // that the ledger has more
}{
	{9801, "silent", "98", "reversed", 1, 1},
	{9802, "late", "98", "reversed", 1, 1},
	{9803, "twice", "00", "approved", 1, 0},
	{9804, "badmac", "98", "reversed", 1, 1},
	{9805, "close", "98", "reversed", 1, 1},
	{9806, "amount", "98", "reversed", 1, 1},
	{9807, "lost", "98", "reversed", 0, 0}, // the host knows no such debit: 25
	{9808, "96", "98", "reversed", 0, 0},
}

// programs are the three, side by side, with their addresses and their data.
type programs struct {
	t        *testing.T
	bin, dir string
	addrs    []string // terminals, HTTP, host, host's HTTP
}

func buildPrograms(t *testing.T) string {
	bin := t.TempDir()
	out, err := exec.Command("go", "build", "-o", bin+"/", "example.com/ringback/cmd/ringbackd",
		"example.com/ringback/cmd/ringhost", "example.com/ringback/cmd/ringpos").CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}

func newPrograms(t *testing.T, bin string) *programs {
	return &programs{t: t, bin: bin, dir: t.TempDir(), addrs: freePorts(t, 4)}
}

// command is one of the programs, with a host timeout that is soon over.
func (p *programs) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(p.bin, name), args...)
	c.Env = append(os.Environ(), "RINGBACK_DIR="+p.dir, "RINGBACK_TERMINAL_ADDR="+p.addrs[0], "RINGBACK_HTTP_ADDR="+p.addrs[1],
		"RINGBACK_HOST_ADDR="+p.addrs[2], "RINGBACK_HOST_HTTP_ADDR="+p.addrs[3], "RINGBACK_HOST__TIMEOUT=1s")
	return c
}

// start runs a program until the function that it returns ends it.
func (p *programs) start(name string, args ...string) (end func()) {
	p.t.Helper()
	c := p.command(name, args...)
	log := &lockedBuffer{}
	c.Stdout, c.Stderr = log, log
	require.NoError(p.t, c.Start())
	var once sync.Once
	end = func() {
		once.Do(func() {
			require.NoError(p.t, c.Process.Signal(syscall.SIGTERM))
			require.NoError(p.t, c.Wait(), log)
		})
	}
	p.t.Cleanup(end)
	return end
}

// awaitReady waits until a debit could be sent.
func (p *programs) awaitReady() {
	p.t.Helper()
	require.True(p.t, p.awaitLink())
}

func (p *programs) awaitLink() bool {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for range 1500 {
		if get(p.t, "http://"+p.addrs[1]+"/readyz") == http.StatusOK {
			return true
		}
		<-look.C
	}
	return false
}

func (p *programs) ledger() (totals mockhost.Totals) {
	p.t.Helper()
	r, err := http.Get("http://" + p.addrs[3] + "/ledger")
	require.NoError(p.t, err)
	b, err := io.ReadAll(r.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, r.Body.Close())
	require.NoError(p.t, json.Unmarshal(b, &totals), string(b))
	return totals
}

// payers returns balance and held money of the card that pays here.
func payers(totals mockhost.Totals) (balance, held int64) {
	for _, a := range totals.Accounts {
		if a.PAN == goodCard {
			return a.BalanceFen, a.HeldFen
		}
	}
	return 0, 0
}

// pay makes a payment and returns the code on the slip.
func (p *programs) pay(terminal string, fen int64) (code string, err error) {
	c := p.command("ringpos", "pay", "--terminal", terminal, "--payee", payeeOne, "--payer", payerOne,
		"--amount", fmt.Sprintf("%d.%02d", fen/100, fen%100), "--card", goodCard, "--pin", "123456", "--json")
	out, failed := c.Output()
	var slip struct{ Code, Result string }
	if err := json.Unmarshal(out, &slip); err != nil {
		return "", fmt.Errorf("%s: %w", out, errors.Join(failed, err))
	}
	if good := slip.Code == "00"; good != (failed == nil) || good != (slip.Result == "approved") {
		return "", fmt.Errorf("%s: %w", out, failed)
	}
	return slip.Code, nil
}

// states returns the states of all payments by amount, when nothing is open any more.
func (p *programs) states() (byAmount map[int64]string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		out, err := p.command("ringbackd", "payment", "list", "--json", "-c", filepath.Join(p.dir, "ringbackd.yaml")).Output()
		require.NoError(p.t, err)
		var rows []struct {
			State     string `json:"state"`
			AmountFen int64  `json:"amount_fen"`
		}
		require.NoError(p.t, json.Unmarshal(out, &rows))
		byAmount = map[int64]string{}
		for _, r := range rows {
			byAmount[r.AmountFen] = r.State
		}
		return !strings.Contains(string(out), `"sent"`) && !strings.Contains(string(out), `"reversing"`)
	}, 60*time.Second, 50*time.Millisecond)
	return byAmount
}

// requireSound proves the journal.
func (p *programs) requireSound() {
	p.t.Helper()
	out, err := p.command("ringbackd", "audit", "--json", "-c", filepath.Join(p.dir, "ringbackd.yaml")).Output()
	require.NoError(p.t, err, string(out))
	require.Contains(p.t, string(out), `"ok":true`)
}

// requireFault makes one payment that meets a fault and compares the books before and after it.
func (p *programs) requireFault(fen int64, code, state string, debits, reversals int64) {
	p.t.Helper()
	p.awaitReady()
	before := p.ledger()
	balance, held := payers(before)
	slip, err := p.pay("10000001", fen)
	require.NoError(p.t, err)
	require.Equal(p.t, code, slip, "%d", fen)
	require.Equal(p.t, state, p.states()[fen], "%d", fen)
	after := p.ledger()
	require.Equal(p.t, before.TotalFen, after.TotalFen, "%d", fen)
	require.Equal(p.t, []int64{before.Debits + debits, before.Reversals + reversals, before.Payouts},
		[]int64{after.Debits, after.Reversals, after.Payouts}, "%d", fen)
	if state == "approved" {
		balance, held = balance-fen, held+fen
	}
	newBalance, newHeld := payers(after)
	require.Equal(p.t, []int64{balance, held}, []int64{newBalance, newHeld}, "%d", fen)
}

func TestFaultsBetweenPrograms(t *testing.T) {
	bin := buildPrograms(t)
	t.Run("by amount", func(t *testing.T) {
		p := newPrograms(t, bin)
		p.start("ringbackd", "up")
		p.awaitReady()
		require.Equal(t, int64(100_200_100), p.ledger().TotalFen)
		for _, f := range hostFaults {
			p.requireFault(f.fen, f.code, f.state, f.debits, f.reversals)
		}
		p.requireSound()
	})
	t.Run("by share", func(t *testing.T) {
		p := newPrograms(t, bin)
		out, err := p.command("ringbackd", "init", "--demo", "--dir", p.dir).CombinedOutput()
		require.NoError(t, err, string(out))
		p.start("ringbackd", "serve", "-c", filepath.Join(p.dir, "ringbackd.yaml"))
		mixed := []string{"--demo", "--seed", "7"}
		for i, f := range hostFaults {
			share := "=1"
			if f.option == "late" {
				share = "=1@2s"
			}
			endHost := p.start("ringhost", "--demo", "--fault", f.option+share)
			p.requireFault(int64(1000+i), f.code, f.state, f.debits, f.reversals)
			endHost()
			mixed = append(mixed, "--fault", strings.Replace(f.option+share, "=1", "=0.07", 1))
		}
		p.start("ringhost", mixed...)
		p.requireMixture()
		p.requireSound()
	})
}

// requireMixture pays at three terminals at once; the books must agree whatever each payment met.
func (p *programs) requireMixture() {
	p.awaitReady()
	before := p.ledger()
	balance, held := payers(before)
	var mu sync.Mutex
	var failed error
	slips := map[int64]string{}
	var tills sync.WaitGroup
	for n, terminal := range []string{"10000001", "10000002", "10000004"} {
		tills.Go(func() {
			for i := range 6 {
				fen := int64(2000 + 100*n + i)
				p.awaitLink()
				code, err := p.pay(terminal, fen)
				mu.Lock()
				slips[fen], failed = code, errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	tills.Wait()
	require.NoError(p.t, failed)
	p.t.Log(slips)
	states := p.states()
	var kept int64
	for fen, code := range slips {
		require.Equal(p.t, code == "00", states[fen] == "approved", "%d: %s, %s", fen, code, states[fen])
		if code == "00" {
			kept += fen
		}
	}
	after := p.ledger()
	require.Equal(p.t, before.TotalFen, after.TotalFen)
	newBalance, newHeld := payers(after)
	require.Equal(p.t, []int64{balance - kept, held + kept}, []int64{newBalance, newHeld})
}
