package main

import (
	"fmt"
	"net/netip"

	"example.com/ringback/switch/console/portal"
)

// WebConfig is the payees' side: pages, API and streams; off while Addr is empty.
type WebConfig struct {
	Addr           string   `koanf:"addr" validate:"omitempty,listen"`
	CertFile       string   `koanf:"cert_file" validate:"required_with=KeyFile"`
	KeyFile        string   `koanf:"key_file" validate:"required_with=CertFile"`
	TrustedProxies []string `koanf:"trusted_proxies" validate:"dive,cidr|ip"`
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
