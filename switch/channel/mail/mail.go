package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"

	acquirer "example.com/ringback/switch"
)

// Mail is the device "email" and the channel "email".
type Mail struct {
	config Config
	from   *netmail.Address
	tags   tagger
	counts counts
	server *server // nil when nothing is received
}

// New checks a configuration and opens nothing. The error names everything that is missing or wrong.
func New(c Config) (*Mail, error) {
	if c.Security == "" {
		c.Security = StartTLS
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if err := errors.Join(c.Check(), c.checkParts()); err != nil {
		return nil, fmt.Errorf("e-mail: %w", err)
	}
	from, err := parseFrom(c.From)
	if err != nil {
		return nil, fmt.Errorf("e-mail: %w", err)
	}
	m := &Mail{config: c, from: from, tags: tagger{c.Domain, c.TagKey.Reveal()}}
	if c.Listen != "" {
		m.server = newServer(m)
	}
	return m, nil
}

// Kind implements [acquirer.Device].
func (*Mail) Kind() acquirer.DeviceKind { return acquirer.DeviceEmail }

// Listen opens the listener, where one is configured, so that a taken address is told before anything starts. The
// listener is closed by Run, or by Close.
func (m *Mail) Listen() error {
	if m.server == nil {
		return nil
	}
	if err := m.server.listen(m.config.Listen); err != nil {
		return fmt.Errorf("e-mail: %w", err)
	}
	return nil
}

// Addr is the listener's address, nil before Listen.
func (m *Mail) Addr() net.Addr {
	if m.server == nil || m.server.listener == nil {
		return nil
	}
	return m.server.listener.Addr()
}

// Run implements [acquirer.Runner]: it serves mail until ctx ends, then lets messages in hand end. It opens the listener
// when Listen was not called. The error is of kind [acquirer.ErrStore] when the inbox could not write.
func (m *Mail) Run(ctx context.Context) error {
	if m.server == nil {
		<-ctx.Done()
		return nil
	}
	if m.server.listener == nil {
		if err := m.Listen(); err != nil {
			return err
		}
	}
	return m.server.run(ctx)
}

// Close closes a listener that Run was never called for.
func (m *Mail) Close() error {
	if m.server == nil || m.server.listener == nil {
		return nil
	}
	return m.server.listener.Close()
}

// clientTLS is the TLS configuration towards the smart host.
func (m *Mail) clientTLS(host string) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: m.config.Roots, MinVersion: tls.VersionTLS12}
}
