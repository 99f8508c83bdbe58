package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/webhook"
)

// WebhookConfig is the section channels.webhook: notices as signed events by HTTPS. It is off unless Enabled.
type WebhookConfig struct {
	Enabled       bool     `koanf:"enabled"`
	SecretsFile   string   `koanf:"secrets_file"` // lines "host[:port] secret"; for its owner only
	CAFile        string   `koanf:"ca_file"`      // whom receivers' certificates must come from; empty: as the system says
	AllowNetworks []string `koanf:"allow_networks" validate:"dive,cidr"`
	AllowHTTP     bool     `koanf:"allow_http"`
}

// paths are the files that the section names.
func (c *WebhookConfig) paths() []*string { return []*string{&c.CAFile, &c.SecretsFile} }

// problems names what must not be.
func (c WebhookConfig) problems(production bool) []error {
	if production && c.AllowHTTP {
		return []error{errors.New("channels.webhook.allow_http: refused while production is true")}
	}
	return nil
}

// openWebhook makes the device.
func (a *App) openWebhook() error {
	c := a.config.Channels.Webhook
	if !c.Enabled {
		return nil
	}
	f, err := c.fill()
	if err != nil {
		return fmt.Errorf("channels.webhook: %w", err)
	}
	f.Log = a.log.With().Str("part", "webhook").Logger()
	a.Notifier.Use(webhook.New(f))
	return nil
}

// fill makes the device's configuration of the section and its files.
func (c WebhookConfig) fill() (webhook.Config, error) {
	out := webhook.Config{AllowHTTP: c.AllowHTTP}
	for _, s := range c.AllowNetworks {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return out, fmt.Errorf("allow_networks: %w", err)
		}
		out.Allow = append(out.Allow, p.Masked())
	}
	var err error
	if out.Roots, err = certificates(c.CAFile); err != nil {
		return out, fmt.Errorf("ca_file: %w", err)
	}
	if out.Secrets, err = receiverSecrets(c.SecretsFile); err != nil {
		return out, fmt.Errorf("secrets_file: %w", err)
	}
	return out, nil
}

// receiverSecrets reads the file of secrets. Empty lines and those that begin with # count for nothing. No error holds a
// secret.
func receiverSecrets(path string) (map[string]acquirer.Key, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	out := map[string]acquirer.Key{}
	n := 0
	for line := range strings.Lines(string(text.Reveal())) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		if len(words) != 2 || len(words[1]) < webhook.MinSecret || len(words[1]) > webhook.MaxSecret {
			return nil, fmt.Errorf("%s, line %d: want a host and a secret of %d to %d bytes", path, n, webhook.MinSecret, webhook.MaxSecret)
		}
		host := strings.ToLower(words[0])
		if _, twice := out[host]; twice {
			return nil, fmt.Errorf("%s, line %d: the host stands there twice", path, n)
		}
		out[host] = acquirer.NewKey([]byte(words[1]))
	}
	return out, nil
}
