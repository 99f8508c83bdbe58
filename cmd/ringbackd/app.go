package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"example.com/ringback/provider"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/console"
	"example.com/ringback/switch/console/portal"
	"example.com/ringback/terminal"
	"github.com/rs/zerolog"
)

// App is the switch as one process: every part, wired. Fields are what tests look at.
type App struct {
	*installation
	Switch   *acquirer.Switch
	Network  *provider.Network
	Terminal *terminal.Server

	Enrolments *acquirer.Enrolments
	Notifier   *acquirer.Notifier
	Web        *portal.Portal // nil when off
	runners    []runner
	closers    []io.Closer // listeners of channels that run may not have been called for
	HTTP       *http.Server
	Health     *http.Server

	log       zerolog.Logger
	ending    atomic.Bool // no request is taken any more
	unlock    func() error
	listeners []net.Listener    // terminals: plain, then TLS
	web       *console.Listener // nil when off
	health    *console.Listener // nil when off
}

// newApp locks and opens the store, recovers what the last process left and opens the listeners; nothing runs yet. The caller
// must call run, or close.
func newApp(ctx context.Context, path string, log zerolog.Logger) (*App, error) {
	c, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	unlock, err := lockStore(c.Store.Path)
	if err != nil {
		return nil, err
	}
	i, err := openInstallation(ctx, path)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	a := &App{installation: i, log: log, unlock: unlock}
	if err := a.assemble(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *App) assemble(ctx context.Context) error {
	if a.config.Demo {
		if err := enterDemoWorld(ctx, a.db, a.module); err != nil {
			return err
		}
	}
	if a.config.Production {
		if err := refuseDemoKeys(ctx, a.db, a.module); err != nil {
			return err
		}
	}
	if err := a.wire(); err != nil {
		return err
	}
	n, err := a.Switch.Recover(ctx)
	if err != nil {
		return fmt.Errorf("taking up the debits of the last process: %w", err)
	}
	if n > 0 {
		a.log.Warn().Int("debits", n).Msg("found at the host when the last process ended: being undone")
	}
	return a.listen()
}

// wire makes the parts and ties them together.
func (a *App) wire() error {
	c := a.config
	clear, err := loadZMK(c)
	if err != nil {
		return err
	}
	zmk, err := a.module.WrapKey(acquirer.UsageZMK, acquirer.CipherTDES, clear)
	if err != nil {
		return fmt.Errorf("zone master key: %w", err)
	}
	numbers, err := acquirer.LoadNumberingPlan()
	if err != nil {
		return err
	}
	issuers, err := loadIssuers(c.Issuers)
	if err != nil {
		return err
	}
	late := func(ctx context.Context, key acquirer.HostKey, answer acquirer.Authorization) error {
		return a.Switch.LateAnswer(ctx, key, answer)
	}
	a.Network = provider.New(provider.Config{Addrs: c.Host.Addrs, Institution: c.Host.Institution, Centre: c.Host.Centre,
		MerchantType: c.Host.MerchantType, MerchantName: func(acquirer.MerchantID) string { return c.Host.MerchantName },
		ZMK: zmk, HSM: a.module, Keys: a.db, Late: late, Settlement: hostWord{a}, Log: a.log.With().Str("part", "host").Logger(),
		Limits: provider.Limits{Drain: c.Host.Timeout + drainMargin}})
	a.Switch = acquirer.New(acquirer.Config{Journal: a.db, Directory: a.db, HSM: a.module, Network: a.Network,
		Numbers: numbers, Issuers: issuers, Institution: c.Host.Institution, Limits: c.limits(), Random: rand.Reader,
		Batches: a.db, Witnesses: a.db, OnAlarm: a.tellAlarm, OnStuck: a.tellStuck, Settlement: a.settlement()})
	a.openClearing()
	a.Terminal = &terminal.Server{Switch: a.Switch, Institution: c.Host.Institution,
		Log: a.log.With().Str("part", "terminal").Logger(), Limits: c.Terminal.limits()}
	shown := console.Config{Ready: a.ready, Figures: a.figures, Log: a.log.With().Str("part", "http").Logger()}
	if c.HTTP.TLS.on() {
		shown.Admit = c.Admin.readers
	}
	a.HTTP = console.NewServer(console.Handler(shown), shown.Log)
	a.Health = console.NewServer(console.Health(shown), shown.Log)
	return a.wirePeople()
}

// tellAlarm writes an alarm to the log.
func (a *App) tellAlarm(alarm acquirer.Alarm) {
	a.log.Warn().Str("terminal", string(alarm.Terminal)).Str("kind", string(alarm.Kind)).Bool("blocked", alarm.Block).
		Int("count", alarm.Count).Str("detail", alarm.Detail).Msg("alarm: a person must look at this terminal")
}

// tellStuck writes into the log that a reversal cannot be sent. A reversal is tried at most every five seconds, ever more rarely.
func (a *App) tellStuck(r acquirer.Reversal, err error) {
	a.log.Error().Str("debit", string(r.Transaction.RRN())).Int("tries", r.Tries).Err(err).
		Msg("a reversal is owed and cannot be sent: a person must look at this debit")
}

// limits translates the configuration for the flows.
func (c Config) limits() acquirer.Limits {
	return acquirer.Limits{MaxAmount: acquirer.Fen(c.Limits.MaxAmountFen), HostTimeout: c.Host.Timeout,
		TokenLife: c.Limits.TokenLife, InFlight: c.Limits.InFlight,
		Budget: acquirer.BudgetLimits{Capacity: c.Limits.LookupBucket, RefillPerHour: c.Limits.LookupPerHour,
			Hit: c.Limits.LookupHit, Miss: c.Limits.LookupMiss},
		PayerBudget: acquirer.BudgetLimits{Capacity: c.Limits.PayerBucket, RefillPerHour: c.Limits.PayerPerHour,
			Hit: c.Limits.PayerHit, Miss: c.Limits.PayerMiss},
		SuspendOnMisses: c.Limits.LookupSuspend, Dormant: c.enrolmentLimits().Dormant,
		Witness: acquirer.Witness(c.Settlement.Witness)}
}

func loadIssuers(c IssuersConfig) (*acquirer.IssuerTable, error) {
	if c.File == "" {
		return acquirer.LoadIssuerTable(c.Uncontracted...)
	}
	b, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fmt.Errorf("issuer table: %w", err)
	}
	return acquirer.ParseIssuerTable(string(b), c.Uncontracted...)
}

// listen opens every listener, so that a taken address is told before anything starts.
func (a *App) listen() error {
	if addr := a.config.Terminal.Addr; addr != "" {
		plain, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("terminals: %w", err)
		}
		a.listeners = append(a.listeners, plain)
	}
	if t := a.config.Terminal.TLS; t.Addr != "" {
		secure, err := terminal.ListenTLS(t.Addr, t.CertFile, t.KeyFile)
		if err != nil {
			return fmt.Errorf("terminals over TLS: %w", err)
		}
		a.listeners = append(a.listeners, secure)
	}
	return a.listenHTTP()
}

func (a *App) listenHTTP() (err error) {
	c, log := a.config.HTTP, a.log.With().Str("part", "http").Logger()
	var secure *tls.Config
	if c.TLS.on() {
		if secure, err = c.TLS.files().Load(); err != nil {
			return fmt.Errorf("HTTP: %w", err)
		}
	}
	if c.Addr != "" {
		if a.web, err = console.Listen(c.Addr, secure, log); err != nil {
			return fmt.Errorf("HTTP: %w", err)
		}
	}
	if c.HealthAddr != "" {
		if a.health, err = console.Listen(c.HealthAddr, nil, log); err != nil {
			return fmt.Errorf("health over HTTP: %w", err)
		}
	}
	return nil
}

// run serves until ctx ends or a part fails, then ends every part in order: no new terminals, every accepted request
// answered, the host's links last. ready is called once, when a terminal may connect and, within hostPatience, the
// host can be reached too.
func (a *App) run(ctx context.Context, ready func()) error {
	// The inner parts outlive ctx: they are needed to answer what was accepted.
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 9+len(a.runners)) // a place for each part, so that none waits at its end
	parts := 0
	start := func(name string, part func() error) {
		parts++
		go func() {
			if err := part(); err != nil {
				ended <- fmt.Errorf("%s: %w", name, err)
				return
			}
			ended <- nil
		}()
	}
	start("host link", func() error { return a.Network.Run(inner) })
	start("switch", func() error { return a.Switch.Run(inner) })
	start("enrolments", func() error { return a.Enrolments.Run(inner) })
	start("notices", func() error { return a.Notifier.Run(inner) })
	for _, r := range a.runners {
		start(r.name, func() error { return r.Run(inner) })
	}
	start("ended sessions", func() error { return a.eraseEndedKeys(inner) })
	for _, l := range a.listeners {
		start("terminals", func() error { return a.Terminal.Serve(l) })
	}
	if a.web != nil {
		start("HTTP", func() error { return ignore(a.HTTP.Serve(a.web), http.ErrServerClosed) })
	}
	if a.health != nil {
		start("health", func() error { return ignore(a.Health.Serve(a.health), http.ErrServerClosed) })
	}
	if a.awaitHost(ctx) {
		ready()
	}
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-ended:
		parts--
		if failed == nil {
			failed = errors.New("a part of the switch ended by itself")
		}
	}
	err := errors.Join(failed, a.drain(ctx))
	stop()
	for range parts {
		err = errors.Join(err, <-ended)
	}
	return errors.Join(err, a.close())
}

// eraseEvery is how often what is left of ended sessions is looked for.
const eraseEvery = time.Hour

// eraseEndedKeys erases the MAC keys of sessions that a block ended, when their time is over, until ctx ends. An error is
// that of a write whose outcome is unknown, or of a read that failed.
func (a *App) eraseEndedKeys(ctx context.Context) error {
	look := time.NewTicker(eraseEvery)
	defer look.Stop()
	for {
		if err := a.db.EraseEndedKeys(ctx, time.Now()); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// hostPatience is how long a start waits for the host before it says ready all the same: without a host a terminal
// gets 91, which is an answer too.
const hostPatience = 10 * time.Second

// awaitHost waits until a debit could be sent; false: ctx ended first.
func (a *App) awaitHost(ctx context.Context) bool {
	deadline := time.NewTimer(hostPatience)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		err := a.Network.Ready()
		if err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-deadline.C:
			a.log.Warn().Err(err).Msg("the host cannot be reached: debits will be refused with 91")
			return true
		case <-look.C:
		}
	}
}

// drainMargin is what a clean end waits longer than a debit does: the answer must still be written.
const drainMargin = 5 * time.Second

// ready returns nil when a payment could be taken now. What was accepted may still wait for the host when a write has
// failed or the end has begun: nothing new is taken then.
func (a *App) ready() error {
	select {
	case <-a.db.Failed():
		return errors.New("a write to the store has failed")
	default:
	}
	if a.ending.Load() {
		return errors.New("the switch ends")
	}
	return a.Network.Ready()
}

// drain stops taking requests and answers those that were accepted: at most as long as a debit waits for its host.
func (a *App) drain(ctx context.Context) error {
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.Host.Timeout+drainMargin)
	defer cancel()
	a.ending.Store(true)
	return errors.Join(a.Terminal.Shutdown(wait), a.HTTP.Shutdown(wait), a.Health.Shutdown(wait))
}

// close ends what newApp opened. Listeners that were served are closed already.
func (a *App) close() error {
	err := a.closeWeb()
	for _, l := range []*console.Listener{a.web, a.health} {
		if l != nil {
			a.listeners = append(a.listeners, l)
		}
	}
	for _, l := range a.listeners {
		err = errors.Join(err, ignore(l.Close(), net.ErrClosed))
	}
	for _, c := range a.closers {
		err = errors.Join(err, ignore(c.Close(), net.ErrClosed))
	}
	return errors.Join(err, a.installation.close(), a.unlock())
}

// ignore drops an error of a kind that only says that somebody was asked to end.
func ignore(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}
