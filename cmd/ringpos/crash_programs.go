package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/ringback/terminal/emulator"
)

// crashMerchant is where all terminals of the crash test stand.
const crashMerchant = "898110000000001"

// startLimit bounds how long a program may take to come up.
const startLimit = 20 * time.Second

// Addresses of the crash test lie below the ports that systems give to outgoing connections: a port that nobody listens
// on while its program is dead must not become the near end of somebody's connection.
const (
	lowestPort  = 10_000
	highestPort = 32_000
	portTries   = 1_000
)

// prepare makes a new installation, its terminals and the cards, and starts host and switch.
func (c *crash) prepare() error {
	a, err := lowPorts(4)
	if err != nil {
		return err
	}
	c.addrs = crashAddrs{host: a[0], hostHTTP: a[1], terminal: a[2], http: a[3]}
	c.desk.hostHTTP = c.addrs.hostHTTP
	environ := []string{"RINGBACK_TERMINAL_ADDR=" + c.addrs.terminal, "RINGBACK_HTTP_ADDR=" + c.addrs.http, "RINGBACK_HOST_ADDR=" + c.addrs.host}
	if _, err := c.desk.ask(environ, "init", "--demo", "--dir", c.dir); err != nil {
		return err
	}
	if err := errors.Join(c.writeAccounts(), c.registerTills()); err != nil {
		return err
	}
	if err := errors.Join(c.startHost(), c.startSwitch()); err != nil {
		return err
	}
	c.before, err = c.desk.ledger()
	return err
}

// lowPorts returns addresses on which nobody listens at this moment.
func lowPorts(n int) (addrs []string, err error) {
	var all []net.Listener
	for try := 0; len(addrs) < n && err == nil; try++ {
		l, listenErr := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort)))
		switch {
		case listenErr == nil:
			all = append(all, l)
			addrs = append(addrs, l.Addr().String())
		case try > portTries:
			err = listenErr
		}
	}
	for _, l := range all { // all at once, so that no two are the same
		err = errors.Join(err, l.Close())
	}
	return addrs, err
}

// crashCard is the card of the payers at a terminal: one each, so that a card's money tells of one terminal.
func crashCard(n int) string {
	digits := fmt.Sprintf("622202%012d", 100_000+n)
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

func (c *crash) accountsFile() string { return filepath.Join(c.dir, "accounts.csv") }

// writeAccounts makes the cards known to the host.
func (c *crash) writeAccounts() error {
	var text strings.Builder
	text.WriteString("pan,pin,expiry,status,institution,limit_fen,balance_fen\n")
	for n := range c.cmd.Terminals {
		fmt.Fprintf(&text, "%s,%s,3012,normal,01020000,0,10000000000\n", crashCard(n), demoPIN)
	}
	return os.WriteFile(c.accountsFile(), []byte(text.String()), 0o600)
}

// registerTills registers the terminals, every fourth with the other MAC, and opens them.
func (c *crash) registerTills() error {
	for n := range c.cmd.Terminals {
		id, profile := fmt.Sprintf("2%07d", n), string(emulator.MACECB)
		if n%4 == 3 {
			profile = string(emulator.MACX919)
		}
		var known struct {
			TMK string `json:"tmk"`
		}
		if err := c.desk.askJSON(&known, "terminal", "add", id, crashMerchant, "--profile", profile); err != nil {
			return err
		}
		tmk, err := hex.DecodeString(known.TMK)
		if err != nil {
			return fmt.Errorf("master key of terminal %s: %w", id, err)
		}
		t, err := openTill(c.ctx, emulator.Config{TerminalID: id, MerchantID: crashMerchant, TMK: tmk, Addr: c.addrs.terminal,
			MAC: emulator.MAC(profile), CheckNumbers: true, AnswerTimeout: crashAnswerTimeout,
			StateFile: filepath.Join(c.dir, "pos", id+".json")}, crashCard(n), rand.New(rand.NewPCG(c.cmd.Seed, uint64(n)+1)))
		if err != nil {
			return err
		}
		c.tills = append(c.tills, t)
	}
	return nil
}

// hostOptions are those of one life of the host. What it does wrong by itself (approvals that come after the switch gave
// up, answers on the other link, reversals that it loses or refuses) differs from life to life: else a reversal would
// meet the same fault after every restart.
func (c *crash) hostOptions() []string {
	return []string{"--demo", "--accounts", c.accountsFile(), "--log-level", "warn",
		"--seed", strconv.FormatUint(c.cmd.Seed+uint64(c.report.HostKills), 10),
		"--fault", "late=0.01@1500ms", "--fault", "otherlink=0.05", "--fault", "reversal-lost=0.03", "--fault", "reversal-96=0.03"}
}

// startHost starts the host on its files and waits until it serves.
func (c *crash) startHost() (err error) {
	environ := []string{"RINGBACK_HOST_ADDR=" + c.addrs.host, "RINGBACK_HOST_HTTP_ADDR=" + c.addrs.hostHTTP, "RINGBACK_DIR=" + c.dir}
	if c.host, err = startProcess(c.ctx, c.dir, "ringhost", environ, c.hostOptions()...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, startLimit)
	defer cancel()
	return c.host.await(ctx, func() error { return get(ctx, c.addrs.hostHTTP, "/healthz") })
}

// launchSwitch starts the switch on its files, with two links to the host.
func (c *crash) launchSwitch() (err error) {
	environ := []string{"RINGBACK_HOST_ADDR=" + c.addrs.host + "," + c.addrs.host, "RINGBACK_HOST__TIMEOUT=" + crashHostTimeout.String(),
		"RINGBACK_LIMITS__LOOKUP_BUCKET=1000000"}
	c.lives = append(c.lives, life{started: time.Now()})
	c.daemon, err = startProcess(c.ctx, c.dir, "ringbackd", environ, "serve", "-c", c.desk.config())
	return err
}

// startSwitch starts the switch and waits until it is ready.
func (c *crash) startSwitch() error {
	if err := c.launchSwitch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, startLimit)
	defer cancel()
	if err := c.daemon.awaitReady(ctx); err != nil {
		return fmt.Errorf("ringbackd is not ready: %w", err)
	}
	c.lives[len(c.lives)-1].ready = time.Now()
	return nil
}

// awaitHostLink waits until the switch has found the host again.
func (c *crash) awaitHostLink() error {
	ctx, cancel := context.WithTimeout(c.ctx, startLimit)
	defer cancel()
	return c.daemon.await(ctx, func() error { return get(ctx, c.addrs.http, "/readyz") })
}

// get asks one of the programs a question whose answer is its status.
func get(ctx context.Context, addr, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s%s: %s", addr, path, resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// kill ends switch, host or both by SIGKILL, both at the same moment, and returns when they are gone.
func (c *crash) kill(theSwitch, theHost bool) error {
	now := time.Now()
	var victims []*process
	if theSwitch {
		victims = append(victims, c.daemon)
		c.report.SwitchKills++
	}
	if theHost {
		victims = append(victims, c.host)
		c.report.HostKills++
	}
	var err error
	for _, p := range victims {
		err = errors.Join(err, p.signalKill())
	}
	for _, p := range victims {
		err = errors.Join(err, p.awaitKilled())
	}
	if theSwitch {
		last := &c.lives[len(c.lives)-1]
		last.killed, last.gone = now, time.Now()
	}
	return err
}

// signalKill sends SIGKILL to a program that must still be running.
func (p *process) signalKill() error {
	select {
	case <-p.ended:
		return p.failedEarly()
	default:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", p.name, err)
	}
	return nil
}

// awaitKilled waits until a program is gone, and fails when it was not SIGKILL that ended it.
func (p *process) awaitKilled() error {
	late := time.NewTimer(endPatience)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		return fmt.Errorf("%s outlives SIGKILL", p.name)
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return p.failedEarly()
	}
	return nil
}

// stop ends whatever runs, the terminals first. It may be called again.
func (c *crash) stop() (err error) {
	for _, t := range c.tills {
		err = errors.Join(err, t.close())
	}
	for _, p := range []*process{c.daemon, c.host} {
		if p != nil {
			err = errors.Join(err, p.stop())
		}
	}
	c.daemon, c.host = nil, nil
	return err
}
