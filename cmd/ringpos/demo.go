package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	"example.com/ringback/terminal/emulator"
)

// The people and the card of the demonstration (protocol page, section 3.1).
const (
	demoTerminalID = "10000001"
	demoPayee      = "13800138001" // 王小明
	demoStranger   = "13800138009" // registered, not verified: registers himself
	demoName       = "张三丰"         // the stranger's
	demoPayer      = "13900139001"
	demoCard       = "6222020000000000018"
	demoNewCard    = "6227000000000000011" // the stranger's
	demoFen        = 1234
	demoWrongPIN   = "654321"
	demoPIN        = "123456"
)

// demoLimit is how long the whole demonstration may take.
const demoLimit = 2 * time.Minute

// demoCmd runs the demonstration.
type demoCmd struct {
	Keep string `placeholder:"DIR" help:"Keep everything that is written (logs, databases, states) in DIR; else it is removed."`
}

// Run shows a whole day, from a payee's registration to the notice of his money, and fails unless all of it was as it should be.
func (c *demoCmd) Run(e *env) (err error) {
	ctx, cancel := context.WithTimeout(e.ctx, demoLimit)
	defer cancel()
	dir := c.Keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "ringback-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	d := &demo{ctx: ctx, dir: dir, page: &page{out: e.stdout}}
	err = d.tell()
	return errors.Join(err, d.stop(), d.page.result())
}

// demo is the running demonstration.
type demo struct {
	ctx  context.Context
	dir  string
	page *page

	host, daemon         *process
	hostTap, terminalTap *tap
	terminal             *emulator.Terminal
	hostHTTP             string // address of the host's ledger
	paid                 emulator.Receipt
	opening, closing     ledger // the host's books before the payment, and between payment and settlement

	mu     sync.Mutex
	tokens []string // of the debits, as they left the terminal
}

// tell is the story.
func (d *demo) tell() error {
	for _, chapter := range []func() error{d.startAll, d.signOn, d.refusedLookUp, d.registration, d.payment, d.settleBatch, d.settleDay, d.endAll, d.audit} {
		if err := chapter(); err != nil {
			return err
		}
	}
	return nil
}

// startAll starts host, tap, switch, tap and terminal, each in front of the one before.
func (d *demo) startAll() error {
	d.page.chapter("1. The mock UnionPay host and the switch start, and sign on to each other")
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	hostAddr, terminalAddr, switchHTTP := ports[0], ports[2], ports[3]
	d.hostHTTP = ports[1]
	d.host, err = startProcess(d.ctx, d.dir, "ringhost", []string{"RINGBACK_HOST_ADDR=" + hostAddr,
		"RINGBACK_HOST_HTTP_ADDR=" + d.hostHTTP, "RINGBACK_DIR=" + d.dir}, "--demo", "--clearing-dir", filepath.Join(d.dir, "clearing"))
	if err != nil {
		return err
	}
	if err := d.host.await(d.ctx, func() error { _, err := d.ledger(); return err }); err != nil {
		return err
	}
	if d.hostTap, err = startTap(hostAddr, hostLine(), func(dir emulator.Direction, frame []byte) {
		d.page.print(describeHost(dir, frame))
	}); err != nil {
		return err
	}
	if err := d.startSwitch(terminalAddr, switchHTTP); err != nil {
		return err
	}
	if d.terminalTap, err = startTap(terminalAddr, terminalLine(), d.seen); err != nil {
		return err
	}
	return d.openTerminal()
}

func (d *demo) startSwitch(terminalAddr, httpAddr string) (err error) {
	environ := []string{"RINGBACK_TERMINAL_ADDR=" + terminalAddr, "RINGBACK_HTTP_ADDR=" + httpAddr,
		"RINGBACK_HOST_ADDR=" + d.hostTap.addr(), "RINGBACK_DIR=" + d.dir, "RINGBACK_CHANNELS__SPOOL__DIR=" + d.spool()}
	if _, err := d.ask(environ, "init", "--demo", "--dir", d.dir); err != nil {
		return err
	}
	if d.daemon, err = startProcess(d.ctx, d.dir, "ringbackd", environ, "serve", "-c", d.config()); err != nil {
		return err
	}
	return d.daemon.awaitReady(d.ctx)
}

// spool is the folder that stands in for everybody's telephone.
func (d *demo) spool() string { return filepath.Join(d.dir, "spool") }

func (d *demo) config() string { return filepath.Join(d.dir, "ringbackd.yaml") }

func (d *demo) openTerminal() error {
	known := demoTerminalOf(demoTerminalID)
	tmk, err := hex.DecodeString(known.tmk)
	if err != nil {
		return err
	}
	d.terminal, err = emulator.Open(emulator.Config{Slips: true, TerminalID: demoTerminalID, MerchantID: known.merchant, TMK: tmk,
		Addr: d.terminalTap.addr(), CheckNumbers: true, AnswerTimeout: 40 * time.Second,
		StateFile: filepath.Join(d.dir, "pos", demoTerminalID+".json")})
	return err
}

// seen is what the terminal's tap does with a frame.
func (d *demo) seen(dir emulator.Direction, frame []byte) {
	d.page.print(describeTerminal(dir, frame))
	m, err := pos.Unpack(frame)
	if err != nil || m.MTI() != pos.MTIDebit {
		return
	}
	if els, err := spec.ParseElements(m.Bytes(62)); err == nil {
		token, _ := spec.Find(els, pos.TagToken)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tokens = append(d.tokens, string(token))
	}
}

// ask runs a verb of the operator to its end and returns what it prints.
func (d *demo) ask(environ []string, args ...string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(d.dir, "operator.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(d.ctx, filepath.Join(filepath.Dir(self), "ringbackd"), args...)
	cmd.Env = append(cleanEnviron(), environ...)
	cmd.Stderr = log
	out, err := cmd.Output()
	if err = errors.Join(err, log.Close()); err != nil {
		err = fmt.Errorf("ringbackd %s: %w (see %s)", strings.Join(args, " "), err, log.Name())
	}
	return out, err
}

// endAll ends the programs in order and looks at how they ended.
func (d *demo) endAll() error {
	d.page.chapter("9. The programs end, and the books are proved")
	err := d.stop()
	d.page.check(err == nil, "terminal, switch and host ended cleanly")
	return err
}

// stop ends what runs, the terminal first. It may be called again.
func (d *demo) stop() (err error) {
	if d.terminal != nil {
		err = d.terminal.Close()
		d.terminal = nil
	}
	for _, p := range []*process{d.daemon, d.host} {
		if p != nil {
			err = errors.Join(err, p.stop())
		}
	}
	d.daemon, d.host = nil, nil
	for _, t := range []*tap{d.terminalTap, d.hostTap} {
		if t != nil {
			err = errors.Join(err, t.close())
		}
	}
	d.terminalTap, d.hostTap = nil, nil
	return err
}

// freePorts returns addresses on which nobody listens at this moment.
func freePorts(n int) (addrs []string, err error) {
	var all []net.Listener
	for range n {
		l, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			err = listenErr
			break
		}
		all = append(all, l)
		addrs = append(addrs, l.Addr().String())
	}
	for _, l := range all { // all at once, so that no two are the same
		err = errors.Join(err, l.Close())
	}
	return addrs, err
}
