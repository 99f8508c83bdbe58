// Package portal is the payees' side of the switch on the web: pages on which a payee registers, changes and looks at what
// is held, the same as an API, and a page that is told of payments as they come, which is a device of kind pc.
//
// Everybody may open these pages, so that they hold to three rules. They never tell whether a number is registered: what
// the switch answers is the same, and nothing is added to it. They never show a card number, not even the one that was
// just typed: it is masked, and a field for it is empty after an error. And what proves a payee is the code that was sent
// to the mobile number, never the browser; a session only ties a code to the request it belongs to.
package portal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/console/budget"
	"github.com/rs/zerolog"
)

// Config is what a portal is made of. Inbox and Desk must be set.
type Config struct {
	Inbox acquirer.Inbox
	Desk  acquirer.Desk
	// Devices are the kinds that a payee may put into the list of devices, in the order in which they are offered. The
	// portal's own is added.
	Devices []acquirer.DeviceKind
	// TrustedProxies are those whose X-Forwarded-For and X-Forwarded-Proto count.
	TrustedProxies []netip.Prefix
	Log            zerolog.Logger
}

// Portal serves the pages and is the device of kind pc. It implements [acquirer.Device] and [acquirer.Runner]; all
// methods are safe for concurrent use.
type Portal struct {
	Config
	noisy   zerolog.Logger // what clients cause
	pages   *templates
	statics map[string]static
	openAPI []byte
	hub     *hub

	byClient, postsByClient, bySession *budget.Budget[string]
	requests, limited                  atomic.Uint64

	listener net.Listener
	secure   *tls.Config
	failed   chan error
	failing  sync.Once
}

var (
	_ acquirer.Device = (*Portal)(nil)
	_ acquirer.Runner = (*Portal)(nil)
)

// New returns a portal that listens nowhere yet.
func New(c Config) (*Portal, error) {
	p := &Portal{Config: c, noisy: c.Log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: noisyPeriod}), hub: newHub(),
		byClient:      budget.New[string](maxCounted, requestBurst, requestsPerSecond),
		postsByClient: budget.New[string](maxCounted, postBurst, postsPerSecond),
		bySession:     budget.NewOwn[string](maxCounted, sessionBurst, sessionPerMinute/60.0),
		failed:        make(chan error, 1)}
	if !slices.Contains(c.Devices, acquirer.DevicePC) {
		p.Devices = append(slices.Clone(c.Devices), acquirer.DevicePC)
	}
	var err error
	if p.statics, err = loadStatics(); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	if p.pages, err = loadTemplates(p.statics); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	if p.openAPI, err = openAPI(); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	return p, nil
}

// Listen opens the address, with TLS when the files of a certificate and its key are named, so that a taken address or a
// bad certificate is told before anything starts. [Portal.Run] serves it; who does not run the portal closes it.
func (p *Portal) Listen(addr, certFile, keyFile string) error {
	if certFile != "" {
		own, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		p.secure = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	p.listener = bounded(l)
	if p.secure != nil {
		p.listener = tls.NewListener(p.listener, p.secure)
	}
	return nil
}

// Addr is where the portal listens; nil before [Portal.Listen].
func (p *Portal) Addr() net.Addr {
	if p.listener == nil {
		return nil
	}
	return p.listener.Addr()
}

// Close closes a listener that is not served.
func (p *Portal) Close() error {
	if p.listener == nil {
		return nil
	}
	if err := p.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run serves until ctx ends, then closes the streams, answers the requests that are open and waits for all it started.
// It ends with an error when the listener fails or when the switch's store did.
func (p *Portal) Run(ctx context.Context) error {
	if p.listener == nil {
		return errors.New("portal: it listens nowhere")
	}
	server := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout,
		WriteTimeout: answerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: stdlog.New(complaints{p.noisy}, "", 0)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(p.listener) }()
	p.Log.Info().Stringer("addr", p.listener.Addr()).Bool("tls", p.secure != nil).Msg("payees' pages are open")
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-p.failed:
	case err := <-served:
		p.hub.close()
		return fmt.Errorf("payees' pages: %w", err)
	}
	p.hub.close()
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(wait)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return errors.Join(failed, err)
}

// Counts are the figures of a portal.
type Counts struct {
	Requests uint64 // that came
	Limited  uint64 // of them, refused because the client or its session sends too many
	Streams  int    // pages that are told of payments now
	Shown    uint64 // notices that a page said it shows
}

// Counts returns the figures now.
func (p *Portal) Counts() Counts {
	streams, shown := p.hub.counts()
	return Counts{Requests: p.requests.Load(), Limited: p.limited.Load(), Streams: streams, Shown: shown}
}

// checked passes err on and, when the store failed, makes Run end with it.
func (p *Portal) checked(err error) error {
	if errors.Is(err, acquirer.ErrStore) {
		p.failing.Do(func() { p.failed <- fmt.Errorf("a payee's request cannot be written: %w", err) })
	}
	return err
}

// complaints writes what a server says of its clients as lines of the log, without their addresses.
type complaints struct{ log zerolog.Logger }

// Write implements io.Writer.
func (c complaints) Write(line []byte) (int, error) {
	what, _, _ := strings.Cut(strings.TrimPrefix(string(line), "http: "), " from ")
	what, _, _ = strings.Cut(what, " serving ")
	c.log.Debug().Str("what", strings.TrimSpace(firstLine(what))).Msg("a connection failed")
	return len(line), nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
