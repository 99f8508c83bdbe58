package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"example.com/ringback/switch/console"
	"example.com/ringback/switch/console/portal"
)

// WebConfig is the payees' side: pages, API and streams; off while Addr is empty.
type WebConfig struct {
	Addr           string   `koanf:"addr" validate:"omitempty,listen"`
	CertFile       string   `koanf:"cert_file" validate:"required_with=KeyFile"`
	KeyFile        string   `koanf:"key_file" validate:"required_with=CertFile"`
	TrustedProxies []string `koanf:"trusted_proxies" validate:"dive,cidr|ip"`
}

// openWeb makes the payees' pages, which are a device too.
func (a *App) openWeb() (err error) {
	if a.config.Web.Addr == "" {
		return nil
	}
	a.Web, err = a.config.Web.open(portal.Config{Inbox: a.Enrolments, Desk: a.Enrolments, Devices: a.Notifier.Devices(),
		Log: a.log.With().Str("part", "web").Logger()})
	if err != nil {
		return err
	}
	a.Notifier.Use(a.Web)
	a.runners = append(a.runners, runner{"payees' pages", a.Web})
	return nil
}

// closeWeb closes a listener that was never served.
func (a *App) closeWeb() error {
	if a.Web == nil {
		return nil
	}
	return a.Web.Close()
}

// webFigures are what the pages count.
func (a *App) webFigures() []console.Figure {
	if a.Web == nil {
		return nil
	}
	c := a.Web.Counts()
	return []console.Figure{
		counter("ringback_web_requests_total", "Requests to the payees' pages and the API.", c.Requests),
		counter("ringback_web_limited_total", "Of them, refused because somebody sends too much.", c.Limited),
		gauge("ringback_web_streams", "Pages that are told of payments now.", float64(c.Streams)),
		counter("ringback_web_shown_total", "Notices that a page said it shows.", c.Shown),
	}
}

// problems are what validation of single values cannot see.
func (c WebConfig) problems(production bool) (out []error) {
	for _, s := range c.TrustedProxies {
		if _, err := parseNetwork(s); err != nil {
			out = append(out, fmt.Errorf("web.trusted_proxies: %w", err))
		}
	}
	host, _, err := net.SplitHostPort(c.Addr)
	addr, notIP := netip.ParseAddr(host)
	near := err == nil && (host == "localhost" || notIP == nil && addr.IsLoopback())
	if production && c.Addr != "" && !near && c.CertFile == "" && len(c.TrustedProxies) == 0 {
		out = append(out, errors.New("web.addr: codes and cards would go in clear; set web.cert_file and web.key_file, or web.trusted_proxies where a proxy speaks TLS"))
	}
	return out
}

// missing says what the listener needs and has not.
func (c WebConfig) missing() error {
	if c.CertFile == "" {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
		return fmt.Errorf("web: %w", err)
	}
	return nil
}

// open makes the portal and opens its listener.
func (c WebConfig) open(p portal.Config) (*portal.Portal, error) {
	for _, s := range c.TrustedProxies {
		proxy, err := parseNetwork(s)
		if err != nil {
			return nil, fmt.Errorf("web.trusted_proxies: %w", err)
		}
		p.TrustedProxies = append(p.TrustedProxies, proxy)
	}
	web, err := portal.New(p)
	if err != nil {
		return nil, err
	}
	if err := web.Listen(c.Addr, c.CertFile, c.KeyFile); err != nil {
		return nil, fmt.Errorf("payees' pages: %w", err)
	}
	return web, nil
}

// parseNetwork reads a network, or an address as the network of it alone.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
