package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is the doubles of inbox and receipts: what came in, and what is answered.
type desk struct {
	mu       sync.Mutex
	inbound  []acquirer.Inbound
	receipts []acquirer.Receipt
	reply    acquirer.Reply
	err      error
	seen     map[string]bool
}

func (d *desk) Receive(_ context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return acquirer.Reply{}, d.err
	}
	r := d.reply
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	r.Again = d.seen[m.MessageID]
	d.seen[m.MessageID] = true
	d.inbound = append(d.inbound, m)
	return r, nil
}

func (d *desk) Receipt(_ context.Context, r acquirer.Receipt) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	r.At = time.Time{}
	d.receipts = append(d.receipts, r)
	return nil
}

func (d *desk) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *desk) all() ([]acquirer.Inbound, []acquirer.Receipt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]acquirer.Inbound(nil), d.inbound...), append([]acquirer.Receipt(nil), d.receipts...)
}

// dns answers from a table of texts; what is not there has no such name.
type dns struct{ txt map[string][]string }

func (d dns) LookupTXT(_ context.Context, name string) ([]string, error) {
	if v, ok := d.txt[strings.TrimSuffix(name, ".")]; ok {
		return v, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (dns) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (dns) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (dns) LookupAddr(_ context.Context, addr string) ([]string, error) {
	return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
}

// config is one that works: it receives on loopback and sends nowhere.
func config(d *desk) Config {
	return Config{Domain: "pay.example", From: "手机付款 <notice@pay.example>", Security: Clear, Listen: "127.0.0.1:0",
		Mailboxes: []string{"register@pay.example"}, Resolver: dns{}, TagKey: acquirer.NewKey([]byte("0123456789abcdef")),
		Inbox: d, Receipts: d, Log: zerolog.Nop(), PerAddress: 20}
}

// start runs a Mail until the test ends.
func start(t *testing.T, c Config) *Mail {
	t.Helper()
	m, err := New(c)
	require.NoError(t, err)
	require.NoError(t, m.Listen())
	run(t, m)
	return m
}

// run serves until the test ends.
func run(t *testing.T, m *Mail) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

// delivered is one mail as a smart host took it.
type delivered struct{ from, to, text string }

// host is a smart host whose answers a test chooses.
type host struct {
	mu       sync.Mutex
	mail     error
	rcpt     error
	data     error
	mails    []delivered
	user     string
	password string
	addr     string
	server   *smtp.Server
}

type hostSession struct {
	*host
	d      delivered
	authed bool
}

// startHost serves on an address until the test ends or stop is called; a nil configuration offers no TLS.
func startHost(t *testing.T, addr string, secure *tls.Config) *host {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	h := &host{addr: l.Addr().String()}
	h.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &hostSession{host: h}, nil }))
	h.server.Domain, h.server.TLSConfig, h.server.ErrorLog = "host.example", secure, serverLog{zerolog.Nop()}
	ended := make(chan error, 1)
	go func() { ended <- h.server.Serve(l) }()
	t.Cleanup(func() {
		if err := h.server.Close(); !errors.Is(err, smtp.ErrServerClosed) {
			require.NoError(t, err)
		}
		require.NoError(t, <-ended)
	})
	return h
}

func (h *host) answer(mail, rcpt, data error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mail, h.rcpt, h.data = mail, rcpt, data
}

func (h *host) all() []delivered {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]delivered(nil), h.mails...)
}

func (s *hostSession) Reset()        {}
func (s *hostSession) Logout() error { return nil }

func (s *hostSession) AuthMechanisms() []string {
	if s.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *hostSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.user || password != s.password {
			return smtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}

func (s *hostSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user != "" && !s.authed {
		return smtp.ErrAuthRequired
	}
	s.d = delivered{from: from}
	return s.host.mail
}

func (s *hostSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.d.to = to
	return s.host.rcpt
}

func (s *hostSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host.data != nil {
		return s.host.data
	}
	s.d.text = string(b)
	s.mails = append(s.mails, s.d)
	return nil
}

// certificate makes one for 127.0.0.1 and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "host"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// send hands a mail to a server as a peer would, and returns what the peer was told.
func send(t *testing.T, addr, from, to, text string) error {
	t.Helper()
	c, err := smtp.Dial(addr)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.Hello("peer.example"))
	if err := c.Mail(from, nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = w.Write(crlf(text))
	return errors.Join(err, w.Close())
}

// crlf makes line ends of mail.
func crlf(s string) []byte {
	return bytes.ReplaceAll([]byte(strings.ReplaceAll(s, "\r\n", "\n")), []byte("\n"), []byte("\r\n"))
}

// codeOf is the SMTP code that a peer was told; 250 for none.
func codeOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 250
	}
	var e *smtp.SMTPError
	require.ErrorAs(t, err, &e)
	return e.Code
}

// plain is a person's mail.
func plain(id, text string) string {
	return "From: \"李\" <li@mail.example>\nTo: register@pay.example\nSubject: hello\nMessage-ID: <" + id + "@mail.example>\n" +
		"Date: Tue, 24 Nov 2026 18:00:00 +0800\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n" +
		"Content-Transfer-Encoding: 8bit\n\n" + text + "\n"
}
