package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// endPatience is how long a program may take to end after SIGTERM.
const endPatience = 10 * time.Second

// process is a program that the demo started.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   *os.File
	ready chan struct{} // closed at a line "ready" on standard output
	ended chan struct{} // closed when it ended; err is set then
	err   error
}

// startProcess starts a program that stands beside this one. All it prints goes into a file. When ctx ends, it is told
// to end too.
func startProcess(ctx context.Context, dir, name string, environ []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, log: log, ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), name), args...)
	p.cmd.Env = append(cleanEnviron(), environ...)
	p.cmd.Stdout, p.cmd.Stderr = &readyWatch{file: log, ready: p.ready}, log
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = endPatience
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w (make build puts the programs side by side)", name, err), log.Close())
	}
	go func() {
		p.err = errors.Join(p.cmd.Wait(), log.Close())
		close(p.ended)
	}()
	return p, nil
}

// cleanEnviron is the environment without what would configure our own programs.
func cleanEnviron() (out []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "RINGBACK_") {
			out = append(out, v)
		}
	}
	return out
}

// stop ends the program and fails unless it ends well in time. It may be called again.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return p.result()
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(endPatience)
	defer late.Stop()
	select {
	case <-p.ended:
		return p.result()
	case <-late.C:
		return errors.Join(fmt.Errorf("%s did not end", p.name), p.cmd.Process.Kill())
	}
}

func (p *process) result() error {
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// failedEarly is the error for a program that ended while it was needed.
func (p *process) failedEarly() error {
	return fmt.Errorf("%s ended too soon: %w", p.name, errors.Join(p.err, errors.New("see "+p.log.Name())))
}

// awaitReady waits for the line "ready".
func (p *process) awaitReady(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		return p.failedEarly()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await repeats a look until it succeeds.
func (p *process) await(ctx context.Context, look func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.failedEarly()
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// readyWatch writes on to a file and looks for the line "ready".
type readyWatch struct {
	file  *os.File
	ready chan struct{}
	once  sync.Once
	line  []byte
}

func (w *readyWatch) Write(b []byte) (int, error) {
	for _, c := range b {
		if c != '\n' {
			w.line = append(w.line, c)
			continue
		}
		if bytes.Equal(w.line, []byte("ready")) {
			w.once.Do(func() { close(w.ready) })
		}
		w.line = w.line[:0]
	}
	return w.file.Write(b)
}
