package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"example.com/ringback/switch/hsm"
	"github.com/rs/zerolog"
)

// serveCmd runs the switch.
type serveCmd struct{ configFlag }

func (s *serveCmd) Run(ctx context.Context) error { return serve(ctx, s.Config) }

// serve runs the switch of a configuration until ctx ends and prints ready, alone on a line, when a terminal may
// connect.
func serve(ctx context.Context, path string) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	log, err := newLogger(c.Log)
	if err != nil {
		return err
	}
	app, err := newApp(ctx, path, log)
	if err != nil {
		return err
	}
	for _, l := range app.listeners {
		log.Info().Stringer("addr", l.Addr()).Bool("demo", c.Demo).Bool("production", c.Production).Msg("serving terminals")
	}
	if err := app.run(ctx, func() { fmt.Println("ready") }); err != nil {
		return err
	}
	log.Info().Msg("ended")
	return nil
}

// newLogger writes JSON lines to standard error, for a person when that is a terminal.
func newLogger(c LogConfig) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Nop(), err
	}
	log := zerolog.New(os.Stderr)
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		log = zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: time.TimeOnly})
	}
	return log.Level(level).With().Timestamp().Logger(), nil
}

// initCmd makes a new installation.
type initCmd struct {
	Dir  string `default:"./var" env:"RINGBACK_DIR" help:"The folder (${default})."`
	Demo bool   `help:"For the demo world: test keys, invented people, look-up budget of the demo."`
}

func (i *initCmd) Run() error {
	path, err := initialise(i.Dir, i.Demo)
	if err == nil {
		fmt.Fprintln(os.Stderr, "wrote", path)
	}
	return err
}

// initialise writes ringbackd.yaml into dir, and a local master key where there is none: a key is never replaced, for
// what is wrapped under it would be lost. A configuration that is there is replaced only for the demo, and only when it is
// a demo's.
func initialise(dir string, demo bool) (path string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "ringbackd.yaml")
	if _, err := os.Stat(path); err == nil && !demo {
		return "", fmt.Errorf("%s is there already", path)
	} else if err == nil {
		if err := replaceable(path); err != nil {
			return "", err
		}
	}
	if _, err := hsm.LoadMasterKey(filepath.Join(dir, "master.key")); errors.Is(err, os.ErrNotExist) {
		if _, err := hsm.CreateMasterKey(filepath.Join(dir, "master.key")); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	text := plainYAML
	if demo {
		if err := os.WriteFile(filepath.Join(dir, "zmk.key"), []byte(demoZMK+"\n"), 0o600); err != nil {
			return "", err
		}
		text = demoYAML + addressYAML()
	}
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// replaceable refuses to write the demo's configuration over another: operators and addresses would be lost.
func replaceable(path string) error {
	k, err := loadFile(path)
	if err != nil {
		return fmt.Errorf("%w; move it away to make a demo there", err)
	}
	if !k.Bool("demo") || k.Exists("admin") {
		return fmt.Errorf("%s is not the demo's, or names operators: move it away to make a demo there", path)
	}
	return nil
}

const plainYAML = `# Ringback: every key is explained in docs/operators.md. Relative paths count from this file.
production: true
store:
  path: ringback.db
keys:
  master_file: master.key
host:
  addrs: [127.0.0.1:8600]   # one link each; name an address twice for two links
  institution: "48020000"   # your institution code: F32, F33
  zmk_file: zmk.key         # 32 hex digits, agreed with UnionPay
terminal:
  addr: 0.0.0.0:8583
http:
  addr: 127.0.0.1:8080
limits:                     # look-ups of names: bucket, and refill an hour
  lookup_bucket: 20         # of a terminal
  lookup_per_hour: 12
  lookup_suspend: true      # block a terminal of whose last 50 look-ups more than 10 found nobody
  payer_bucket: 20          # of a payer's number; 0: none
  payer_per_hour: 12
`

const demoYAML = `# The demo world: test keys and invented people. Written anew by "ringbackd up" at each start;
# start from "ringbackd init" for an installation of your own.
demo: true
store:
  path: ringback.db
keys:
  master_file: master.key
limits:
  lookup_bucket: 100
  lookup_per_hour: 100
  lookup_hit: 1
  lookup_miss: 4
  lookup_suspend: false
  payer_bucket: 0
clearing:
  dir: clearing/48020000    # where the mock host leaves the detail files of this institution
`

// addressYAML writes the addresses that the environment sets, so that the file says what runs.
func addressYAML() string {
	d := defaultConfig()
	value := func(name, fallback string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return fallback
	}
	return fmt.Sprintf("terminal:\n  addr: %q\nhttp:\n  addr: %q\nhost:\n  addrs: [%q]\n  zmk_file: zmk.key\n",
		value("RINGBACK_TERMINAL_ADDR", d.Terminal.Addr), value("RINGBACK_HTTP_ADDR", d.HTTP.Addr),
		value("RINGBACK_HOST_ADDR", d.Host.Addrs[0]))
}

// upCmd is what make up runs.
type upCmd struct {
	Dir string `default:"./var" env:"RINGBACK_DIR" help:"Where the data is kept (${default})."`
}

// Run starts the mock host, which stands beside this program, as a process of its own and then the switch; both end
// together. A host that dies, by kill -9 say, is started again on its ledger: that is worth watching, too.
func (u *upCmd) Run(ctx context.Context) error {
	path, err := initialise(u.Dir, true)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	host := &hostProcess{program: filepath.Join(filepath.Dir(self), "ringhost"), dir: u.Dir}
	if err := host.start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	hostLife, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { ended <- host.keep(hostLife) }()
	err = serve(ctx, path)
	stop()
	return errors.Join(err, <-ended)
}

// hostProcess is the mock host beside the switch.
type hostProcess struct {
	program, dir string
	command      *exec.Cmd
	exited       chan error
}

// hostPause is how long a dead host stays away.
const hostPause = time.Second

func (h *hostProcess) start() error {
	h.command = exec.Command(h.program, "--demo", "--dir", h.dir, "--clearing-dir", filepath.Join(h.dir, "clearing"))
	h.command.Stderr = os.Stderr
	// A group of its own: Ctrl-C reaches the switch only, which ends the host when nothing waits for it any more.
	h.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := h.command.Start(); err != nil {
		return fmt.Errorf("starting the mock host: %w", err)
	}
	h.exited = make(chan error, 1)
	go func(c *exec.Cmd, exited chan error) { exited <- c.Wait() }(h.command, h.exited)
	return nil
}

// keep starts the host again whenever it dies, until ctx ends; then it ends the host and returns how that went.
func (h *hostProcess) keep(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return errors.Join(h.command.Process.Signal(syscall.SIGTERM), <-h.exited)
		case err := <-h.exited:
			fmt.Fprintln(os.Stderr, "ringbackd: the mock host ended and is started again:", err)
		}
		pause := time.NewTimer(hostPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		if err := h.start(); err != nil {
			return err
		}
	}
}
