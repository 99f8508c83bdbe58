package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"example.com/ringback/provider/mockhost"
	"example.com/ringback/spec/clearing"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Limits of the program's own.
const (
	// patience is how long an end waits for answers that are on their way.
	patience = 5 * time.Second
	// headerTimeout is what an HTTP client may take for its request's head.
	headerTimeout = 5 * time.Second
)

// hostFolder is where the ledger stands in the data folder.
const hostFolder = "host"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program, until ctx ends; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	code, done := o.parse(args, stdout, stderr)
	if done {
		return code
	}
	cfg, err := o.config(stderr)
	if err == nil {
		err = serve(ctx, o, cfg)
	}
	if err == nil {
		return exitDone
	}
	say(stderr, "ringhost: "+err.Error())
	if errors.Is(err, mockhost.ErrConfig) {
		return exitUsage
	}
	return exitFailed
}

// serve runs the host and its HTTP interface until ctx ends or one of them fails.
func serve(ctx context.Context, o options, cfg mockhost.Config) error {
	host, err := mockhost.Open(cfg)
	if err != nil {
		return err
	}
	line, page, err := listen(o)
	if err != nil {
		return errors.Join(err, host.Close())
	}
	web := &http.Server{Handler: host.Handler(), ReadHeaderTimeout: headerTimeout}
	ended := make(chan error, 2)
	go func() { ended <- host.Serve(line) }()
	go func() { ended <- web.Serve(page) }()
	cfg.Log.Info().Str("http", page.Addr().String()).Msg("ringhost ready " + line.Addr().String())

	var failed error
	select {
	case <-ctx.Done():
		cfg.Log.Info().Msg("ringhost ends")
	case failed = <-ended:
	}
	return errors.Join(failed, shutdown(host, web))
}

// listen opens both listeners or none.
func listen(o options) (line, page net.Listener, err error) {
	if line, err = net.Listen("tcp", o.Addr); err != nil {
		return nil, nil, fmt.Errorf("host line: %w", err)
	}
	if page, err = net.Listen("tcp", o.HTTP); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("HTTP: %w", err), line.Close())
	}
	return line, page, nil
}

// shutdown ends both within patience, the host first, so that no request of
// HTTP waits for it.
func shutdown(host *mockhost.Host, web *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := host.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // a peer that does not read is no failure of ours
	}
	if webErr := web.Shutdown(ctx); webErr != nil && !errors.Is(webErr, context.DeadlineExceeded) {
		err = errors.Join(err, webErr)
	}
	return err
}

// config makes the host's configuration out of the options.
func (o options) config(stderr io.Writer) (mockhost.Config, error) {
	level, err := zerolog.ParseLevel(o.LogLevel)
	if err != nil {
		return mockhost.Config{}, fmt.Errorf("%w: log level: %w", mockhost.ErrConfig, err)
	}
	cfg := mockhost.Config{
		Dir: filepath.Join(o.Dir, hostFolder), Institutions: o.Institution, Seed: o.Seed,
		Demo: o.Demo, Strict: o.Strict, SignOnRequired: o.SignOnRequired, DoubleMAC: o.DoubleMAC,
		ForgetUnknown: o.ForgetUnknown, Echo: o.Echo, PayoutsRefused: o.PayoutsRefused,
		ClearingDir: o.ClearingDir, LongLines: o.ClearingEdition == int(clearing.Long),
		Log: zerolog.New(stderr).Level(level).With().Timestamp().Logger(),
	}
	if cfg.ZMK, err = o.zmk(); err != nil {
		return cfg, err
	}
	if cfg.Accounts, err = o.accounts(); err != nil {
		return cfg, err
	}
	for _, text := range o.Fault {
		fault, err := mockhost.ParseFault(text)
		if err != nil {
			return cfg, err
		}
		cfg.Faults = append(cfg.Faults, fault)
	}
	return cfg, o.settlement(&cfg)
}

// settlement adds when settlement dates end and what goes wrong with them.
func (o options) settlement(cfg *mockhost.Config) error {
	for _, text := range o.ClearingFault {
		fault, err := mockhost.ParseClearingFault(text)
		if err != nil {
			return err
		}
		cfg.ClearingFaults = append(cfg.ClearingFaults, fault)
	}
	if o.Cutoff == "" {
		return nil
	}
	at, err := time.Parse("15:04", o.Cutoff)
	if err != nil || at.Hour()+at.Minute() == 0 {
		return fmt.Errorf("%w: cut-off %q is not HH:MM, or is midnight, when the date ends anyway", mockhost.ErrConfig, o.Cutoff)
	}
	cfg.CutoffAt = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	return nil
}

// zmk is the master key of the file, or the public test key of the demo world.
func (o options) zmk() ([]byte, error) {
	text := mockhost.DemoZMK
	if o.ZMKFile != "" {
		raw, err := os.ReadFile(o.ZMKFile)
		if err != nil {
			return nil, fmt.Errorf("%w: zone master key: %w", mockhost.ErrConfig, err)
		}
		text = strings.TrimSpace(string(raw))
	} else if !o.Demo {
		return nil, fmt.Errorf("%w: --zmk-file is missing (only --demo has a key of its own)", mockhost.ErrConfig)
	}
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: zone master key is not hex", mockhost.ErrConfig)
	}
	return key, nil
}

// accounts are those of the demo world, if it is on, and those of the file.
func (o options) accounts() ([]mockhost.Account, error) {
	var list []mockhost.Account
	if o.Demo {
		list = mockhost.DemoAccounts()
	}
	if o.Accounts == "" {
		return list, nil
	}
	file, err := os.Open(o.Accounts)
	if err != nil {
		return nil, fmt.Errorf("%w: accounts: %w", mockhost.ErrConfig, err)
	}
	more, err := mockhost.ParseAccounts(file)
	return append(list, more...), errors.Join(err, file.Close())
}
