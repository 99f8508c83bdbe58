package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/provider/mockhost"
	"example.com/ringback/spec/cups"
)

// asProgram makes the test binary the program.
const asProgram = "RINGHOST_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a running ringhost.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	page string
	gone chan struct{}
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

func launch(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, gone: make(chan struct{})}
	p.cmd = command(t, append([]string{"--addr=127.0.0.1:0", "--http=127.0.0.1:0"}, args...)...)
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		var line struct{ Message, HTTP string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		if addr, ok := strings.CutPrefix(line.Message, "ringhost ready "); ok {
			p.addr, p.page = addr, "http://"+line.HTTP
			break
		}
	}
	require.NotEmpty(t, p.addr)
	go func() {
		defer close(p.gone)
		for lines.Scan() {
			continue // the pipe must not fill up
		}
		_ = p.cmd.Wait()
	}()
	return p
}

// end signals the process and waits for it; it returns the exit code.
func (p *process) end(signal os.Signal) int {
	_ = p.cmd.Process.Signal(signal) // it may have gone
	<-p.gone
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) ledger() mockhost.Totals {
	p.t.Helper()
	response, err := http.Get(p.page + "/ledger")
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, response.Body.Close()) }()
	require.Equal(p.t, http.StatusOK, response.StatusCode)
	var totals mockhost.Totals
	require.NoError(p.t, json.NewDecoder(response.Body).Decode(&totals))
	return totals
}

func (p *process) held() int64 {
	p.t.Helper()
	return p.ledger().Accounts[0].HeldFen
}

// deed is a debit that was sent, and whether it was answered.
type deed struct {
	debit    *cups.Message
	answered bool
}

// hammer debits on several links until the host is gone.
func hammer(t *testing.T, p *process, keys *client, first int) []deed {
	t.Helper()
	const links = 16
	var mu sync.Mutex
	var deeds []deed
	var wg sync.WaitGroup
	enough := make(chan struct{}, 1)
	for n := range links {
		c := keys.with(t, p.addr, first+10_000*n)
		wg.Go(func() {
			for {
				d := deed{debit: c.newDebit(100)}
				a, err := c.ask(d.debit)
				d.answered = err == nil && a.Get(39) == "00"
				mu.Lock()
				deeds = append(deeds, d)
				if len(deeds) >= 200 {
					select {
					case enough <- struct{}{}:
					default:
					}
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	<-enough
	require.Equal(t, -1, p.end(syscall.SIGKILL))
	wg.Wait()
	return deeds
}

func TestKill9LosesNothing(t *testing.T) {
	dir := t.TempDir()
	p := launch(t, "--demo", "--dir", dir, "--log-level=info")
	total := p.ledger().TotalFen
	keys := dial(t, p.addr)
	keys.getKeys()
	for round := range 3 {
		before := p.ledger()
		deeds := hammer(t, p, keys, 100_000*(round+1))
		p = launch(t, "--demo", "--dir", dir)
		after := p.ledger()
		require.Equal(t, total, after.TotalFen)
		answered := int64(0)
		for _, d := range deeds {
			if d.answered {
				answered++
			}
		}
		require.GreaterOrEqual(t, answered, int64(100))
		debits := after.Debits - before.Debits
		require.GreaterOrEqual(t, debits, answered, "an acknowledged debit is gone")
		require.LessOrEqual(t, debits, int64(len(deeds)))
		undoAll(t, p, keys, deeds, round)
		require.Zero(t, p.held())
		require.Equal(t, debits, p.ledger().Reversals-before.Reversals)
	}
	require.Equal(t, exitDone, p.end(syscall.SIGTERM))
}

// undoAll repeats and reverses every debit, under the keys from before the kill.
func undoAll(t *testing.T, p *process, keys *client, deeds []deed, round int) {
	t.Helper()
	c := keys.with(t, p.addr, 900_000+10_000*round)
	for _, d := range deeds {
		if d.answered {
			a, err := c.ask(d.debit)
			require.NoError(t, err)
			require.Equal(t, "94", a.Get(39))
		}
		a, err := c.ask(c.newReversal(d.debit))
		require.NoError(t, err)
		if d.answered || a.Get(39) != "25" {
			require.Equal(t, "00", a.Get(39))
		}
	}
}

func TestSignalsEndCleanly(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := launch(t, "--demo", "--dir", t.TempDir())
		c := dial(t, p.addr)
		c.getKeys()
		require.NoError(t, c.send(c.newDebit(9802))) // held back for 40 s
		require.Eventually(t, func() bool { return p.held() == 9802 }, 5*time.Second, time.Millisecond)
		begun := time.Now()
		require.Equal(t, exitDone, p.end(signal))
		require.Less(t, time.Since(begun), patience)
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	running := launch(t, "--demo", "--dir", filepath.Join(dir, "used"))
	for _, v := range []struct {
		code int
		out  string
		args []string
	}{
		{exitDone, "--zmk-file", []string{"--help"}},
		{exitUsage, "unknown flag", []string{"--loud"}},
		{exitUsage, "unexpected argument", []string{"serve"}},
		{exitUsage, "--zmk-file is missing", nil},
		{exitUsage, "zone master key", []string{"--zmk-file", file("short", "0123")}},
		{exitUsage, "not hex", []string{"--zmk-file", file("text", "secret")}},
		{exitUsage, "zone master key", []string{"--zmk-file", filepath.Join(dir, "none")}},
		{exitUsage, "log level", []string{"--demo", "--log-level=loud"}},
		{exitUsage, "no fault", []string{"--demo", "--fault=loud=0.1"}},
		{exitUsage, "no clearing fault", []string{"--demo", "--clearing-fault=loud"}},
		{exitUsage, "299", []string{"--demo", "--clearing-edition=300"}},
		{exitUsage, "not HH:MM", []string{"--demo", "--cutoff=24:00"}},
		{exitUsage, "midnight", []string{"--demo", "--cutoff=00:00"}},
		{exitUsage, "out of range", []string{"--demo", "--payouts-refused=1.5"}},
		{exitUsage, "accounts do not begin", []string{"--demo", "--accounts", file("accounts", "pan\n")}},
		{exitUsage, "accounts", []string{"--demo", "--accounts", filepath.Join(dir, "none")}},
		{exitFailed, "host line", []string{"--demo", "--addr=" + running.addr}},
		{exitFailed, "HTTP", []string{"--demo", "--addr=127.0.0.1:0", "--http=" + strings.TrimPrefix(running.page, "http://")}},
		{exitFailed, "in use", []string{"--demo", "--dir", filepath.Join(dir, "used")}},
	} {
		cmd := command(t, append([]string{"--dir", filepath.Join(dir, "own")}, v.args...)...)
		out, _ := cmd.CombinedOutput() // the error is the exit code
		require.Equal(t, v.code, cmd.ProcessState.ExitCode(), "%v: %s", v.args, out)
		require.Contains(t, string(out), v.out)
	}
}

func TestOptionsReachTheHost(t *testing.T) {
	dir := t.TempDir()
	zmk, cards := filepath.Join(dir, "zmk"), filepath.Join(dir, "cards.csv")
	require.NoError(t, os.WriteFile(zmk, []byte(mockhost.DemoZMK+"\n"), 0o600))
	require.NoError(t, os.WriteFile(cards, []byte("pan,pin,expiry,status,institution,limit_fen,balance_fen\n"+
		payer+",123456,9912,normal,01020000,500,1000\n"), 0o600))
	p := launch(t, "--dir", dir, "--zmk-file", zmk, "--accounts", cards, "--institution", member,
		"--fault", "98=1", "--seed", "7", "--strict", "--forget-unknown", "--echo", "1h", "--double-mac")
	c := dial(t, p.addr)
	c.getKeys()
	require.Len(t, c.mac, 16)
	for _, v := range []struct {
		fen  int64
		code string
	}{{9801, "61"}, {100, "98"}} {
		a, err := c.ask(c.newDebit(v.fen))
		require.NoError(t, err)
		require.Equal(t, v.code, a.Get(39))
	}
	require.EqualValues(t, 100, p.held())
	response, err := http.Get(p.page + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.FileExists(t, filepath.Join(dir, "host", "ledger.log"))
}
