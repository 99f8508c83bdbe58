package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"time"

	acquirer "example.com/ringback/switch"
	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// Send implements [acquirer.Device]. The smart host's 5xx to the recipient or to the text is
// [acquirer.ErrUndeliverable]; a smart host that cannot be reached, does not offer the TLS that is asked for, shows a
// certificate that is not good or refuses the password is [acquirer.ErrDeviceDown]; all else is for now. Errors hold
// the code of an answer and never its words, which quote addresses.
//
// The reference is the message's own id where bounces are received, else empty.
func (m *Mail) Send(ctx context.Context, n acquirer.Message) (acquirer.Handed, error) {
	to, err := parseAddress(n.To.Reveal())
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("%w: %w", acquirer.ErrUndeliverable, err)
	}
	if !n.Expires.IsZero() && !time.Now().Before(n.Expires) {
		return acquirer.Handed{}, fmt.Errorf("%w: it has expired", acquirer.ErrUndeliverable)
	}
	sender, tagged := m.tags.sender(n.ID)
	l := letter{from: *m.from, to: to, id: m.tags.messageID("n", n.ID), automatic: "auto-generated", language: n.Language,
		subject: n.Subject, text: n.Text, date: time.Now()}
	if err := m.post(ctx, sender, l); err != nil {
		return acquirer.Handed{}, err
	}
	m.counts.add("sent")
	m.config.Log.Debug().Str("notice", n.ID).Stringer("kind", n.Kind).Stringer("to", n.To).Msg("mail is with the smart host")
	if !tagged || m.server == nil {
		return acquirer.Handed{}, nil
	}
	return acquirer.Handed{Reference: n.ID}, nil
}

// post hands a letter to the smart host. An empty sender is the null sender, to which nothing bounces.
func (m *Mail) post(ctx context.Context, sender string, l letter) error {
	text, err := l.compose()
	if err != nil {
		return fmt.Errorf("%w: %w", acquirer.ErrUndeliverable, err)
	}
	ctx, cancel := context.WithTimeout(ctx, maxSend)
	defer cancel()
	c, hangUp, err := m.dial(ctx)
	if err != nil {
		return err
	}
	defer hangUp()
	if err := c.Mail("<" + sender + ">"); err != nil {
		return refused(ctx, "MAIL", err, false)
	}
	if err := c.Rcpt("<" + l.to + ">"); err != nil {
		return refused(ctx, "RCPT", err, true)
	}
	w, err := c.Data()
	if err != nil {
		return refused(ctx, "DATA", err, true)
	}
	_, err = w.Write(text)
	if closeErr := w.Close(); closeErr != nil || err != nil {
		return refused(ctx, "the message", errors.Join(err, closeErr), true)
	}
	// The smart host has it. QUIT is politeness: its failure changes nothing.
	_ = c.Quit()
	return nil
}

// dial returns a connection over which a mail may be sent, and what must be called behind it. It ends with ctx.
func (m *Mail) dial(ctx context.Context) (c *smtp.Client, hangUp func(), err error) {
	if m.config.SmartHost == "" {
		return nil, nil, fmt.Errorf("%w: no smart host is configured", acquirer.ErrDeviceDown)
	}
	var stop func()
	client, err := m.client(func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := m.connect(dialing, network, address) // dialing ends when the greeting is over; ctx does not
		if err == nil {
			stop = endWith(ctx, conn)
		}
		return conn, err
	})
	if err != nil {
		return nil, nil, err
	}
	c, err = client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		if stop != nil {
			stop()
		}
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("reaching the smart host: %w", ctx.Err())
		}
		return nil, nil, fmt.Errorf("%w: reaching the smart host: %w", acquirer.ErrDeviceDown, wordless(err))
	}
	return c, stop, nil
}

// client is a client for one connection, which dial opens.
func (m *Mail) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	host, port, err := net.SplitHostPort(m.config.SmartHost)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	options := []gomail.Option{gomail.WithPort(number), gomail.WithHELO(m.config.Domain), gomail.WithTLSConfig(m.clientTLS(host)),
		gomail.WithTimeout(maxSend), gomail.WithDialContextFunc(dial), gomail.WithoutSMTPUTF8(), gomail.WithTLSPolicy(gomail.NoTLS)}
	if m.config.Security == StartTLS {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.config.Username != "" {
		options = append(options, gomail.WithUsername(m.config.Username), gomail.WithPassword(string(m.config.Password.Reveal())),
			gomail.WithSMTPAuth(gomail.SMTPAuthPlain))
	}
	return gomail.NewClient(host, options...)
}

// connect opens the connection, with TLS from the first byte where that is asked for.
func (m *Mail) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if m.config.Security != TLS {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{Config: m.clientTLS(host)}).DialContext(ctx, network, address)
}

// endWith closes a connection when ctx ends; stop closes it now.
func endWith(ctx context.Context, conn net.Conn) (stop func()) {
	off := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return func() {
		off()
		_ = conn.Close()
	}
}

// refused makes an error of what the smart host answered to a step. final: a 5xx is about this message and not about
// the switch.
func refused(ctx context.Context, step string, err error, final bool) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", step, ctx.Err())
	}
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 500 && final {
		return fmt.Errorf("%w: %s: %w", acquirer.ErrUndeliverable, step, wordless(err))
	}
	return fmt.Errorf("%s: %w", step, wordless(err))
}

// wordless keeps of an answer its codes only: its words may quote an address. Errors of the network stay.
func wordless(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Errorf("answered %d%s", answer.Code, enhanced(answer.Msg))
	}
	return err
}

// enhanced returns the status code of RFC 3463 that an answer begins with, behind a blank, or nothing.
func enhanced(words string) string {
	if s := statusCode.FindString(words); s != "" {
		return " " + s
	}
	return ""
}
