package console

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// sign makes a certificate for one use that ends after a while.
func (a *authority) sign(name string, use x509.ExtKeyUsage, life time.Duration) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"ringback.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{use}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// write puts a certificate and the authority's into files.
func (a *authority) write(c tls.Certificate) TLS {
	dir := a.t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(a.t, err)
	out := TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), ClientCAFile: filepath.Join(dir, "ca.pem")}
	for path, block := range map[string]*pem.Block{out.CertFile: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		out.KeyFile: {Type: "PRIVATE KEY", Bytes: key}, out.ClientCAFile: {Type: "CERTIFICATE", Bytes: a.cert.Raw}} {
		require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	}
	return out
}

// lockedLog is a log that many write to.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// served is a console behind a listener; Alice may read its figures.
type served struct {
	*Listener
	log    *lockedLog
	server *http.Server
}

func serve(t *testing.T, secure *tls.Config) *served {
	t.Helper()
	s := &served{log: &lockedLog{}}
	log := zerolog.New(s.log)
	var err error
	s.Listener, err = Listen("127.0.0.1:0", secure, log)
	require.NoError(t, err)
	c := Config{Ready: func() error { return nil }, Figures: func() []Figure { return nil }, Log: log}
	if secure != nil {
		c.Admit = func(name string) bool { return name == "Alice" }
	}
	s.server = NewServer(Handler(c), log)
	ended := make(chan error)
	go func() { ended <- s.server.Serve(s.Listener) }()
	t.Cleanup(func() {
		require.NoError(t, s.server.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	return s
}

// get asks once over a connection of its own.
func (s *served) get(path string, c *tls.Config) (int, string, error) {
	scheme := "http"
	if c != nil {
		scheme = "https"
	}
	transport := &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get(scheme + "://" + s.Addr().String() + path)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(r.Body)
	return r.StatusCode, string(body), firstError(err, r.Body.Close())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Who shows what gets how far.
func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	secure, err := ours.write(ours.sign("switch", x509.ExtKeyUsageServerAuth, time.Hour)).Load()
	require.NoError(t, err)
	client := x509.ExtKeyUsageClientAuth
	for _, v := range []struct {
		name    string
		cert    *tls.Certificate
		max     uint16
		metrics int    // 0: no connection
		line    string // of the log
	}{
		{"an operator who may", pointer(ours.sign("Alice", client, time.Hour)), 0, 200, ""},
		{"a name without the role", pointer(ours.sign("Bob", client, time.Hour)), 0, 403, `"name":"Bob","status":403`},
		{"a name that only begins like one", pointer(ours.sign("Alice2", client, time.Hour)), 0, 403, "403"},
		{"no name", pointer(ours.sign("", client, time.Hour)), 0, 403, "403"},
		{"no certificate", nil, 0, 0, "client didn't provide a certificate"},
		{"another authority", pointer(theirs.sign("Alice", client, time.Hour)), 0, 0, "unknown authority"},
		{"expired", pointer(ours.sign("Alice", client, -time.Minute)), 0, 0, "expired"},
		{"for servers", pointer(ours.sign("Alice", x509.ExtKeyUsageServerAuth, time.Hour)), 0, 0, "incompatible key usage"},
		{"TLS 1.2", pointer(ours.sign("Alice", client, time.Hour)), tls.VersionTLS12, 0, "unsupported versions"},
		{"another's certificate without its key", pointer(stolen(ours, "Alice")), 0, 0, "invalid signature"},
	} {
		t.Run(v.name, func(t *testing.T) {
			s := serve(t, secure)
			c := &tls.Config{RootCAs: ours.pool(), ServerName: "ringback.test", MaxVersion: v.max}
			if v.cert != nil {
				// Not Certificates: a client would leave out one that the authorities named do not fit.
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return v.cert, nil }
			}
			status, body, err := s.get("/metrics", c)
			require.Equal(t, v.metrics, status, err)
			require.Equal(t, v.metrics == 200, strings.Contains(body, "go_goroutines"))
			live, _, err := s.get("/livez", c)
			if v.metrics == 0 {
				require.Error(t, err)
				require.Zero(t, live)
			} else {
				require.Equal(t, 200, live)
			}
			require.Eventually(t, func() bool { return strings.Contains(s.log.String(), v.line) }, 20*time.Second, time.Millisecond, v.line)
			wanted := uint64(0)
			if v.metrics == 0 {
				wanted = 2
			}
			require.Eventually(t, func() bool { n, _ := s.Failures(); return n == wanted }, 20*time.Second, time.Millisecond)
			require.NotContains(t, s.log.String(), "panic")
		})
	}
}

func pointer[T any](v T) *T { return &v }

// stolen is a good certificate beside a key that is not its own.
func stolen(a *authority, name string) tls.Certificate {
	c := a.sign(name, x509.ExtKeyUsageClientAuth, time.Hour)
	c.PrivateKey = a.sign(name, x509.ExtKeyUsageClientAuth, time.Hour).PrivateKey
	return c
}

// A client whose handshakes come to nothing is soon not read any more, and fills no log; a clear request is such a one.
func TestFailedHandshakesAreBounded(t *testing.T) {
	ours := newAuthority(t)
	secure, err := ours.write(ours.sign("switch", x509.ExtKeyUsageServerAuth, time.Hour)).Load()
	require.NoError(t, err)
	s := serve(t, secure)
	for range 3 * handshakeBurst {
		status, _, err := s.get("/metrics", nil)
		require.True(t, err != nil || status == http.StatusBadRequest, "in clear to a listener with TLS: %d", status)
	}
	require.Eventually(t, func() bool {
		failed, refused := s.Failures()
		return failed+refused >= 3*handshakeBurst && refused > 0
	}, 20*time.Second, time.Millisecond)
	failed, _ := s.Failures()
	require.GreaterOrEqual(t, failed, uint64(handshakeBurst))
	alice := ours.sign("Alice", x509.ExtKeyUsageClientAuth, time.Hour)
	nc, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, nc.Close()) }()
	c := tls.Client(nc, &tls.Config{RootCAs: ours.pool(), ServerName: "ringback.test", Certificates: []tls.Certificate{alice}})
	require.Error(t, c.Handshake(), "also with a good certificate, until the bucket has filled again")
	require.LessOrEqual(t, strings.Count(s.log.String(), "\n"), 3*noisyLines)
}

// Connections are bounded for each client, and a place is free again when one is closed.
func TestConnectionsAreBounded(t *testing.T) {
	s := serve(t, nil)
	var open []net.Conn
	dial := func() net.Conn {
		nc, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		return nc
	}
	for range maxPerClient {
		open = append(open, dial())
	}
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.all == maxPerClient }, 20*time.Second, time.Millisecond)
	over := dial()
	_, err := over.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, over.Close())
	_, refused := s.Failures()
	require.EqualValues(t, 1, refused)
	for _, nc := range open {
		require.NoError(t, nc.Close())
	}
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.all == 0 && len(s.open) == 0 }, 20*time.Second, time.Millisecond)
	status, _, err := s.get("/livez", nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)
}

func TestLoadTLS(t *testing.T) {
	ours := newAuthority(t)
	good := ours.write(ours.sign("switch", x509.ExtKeyUsageServerAuth, time.Hour))
	for name, v := range map[string]struct {
		change func(*TLS)
		want   string
	}{
		"no certificate":      {func(c *TLS) { c.CertFile += "x" }, "certificate"},
		"key is none":         {func(c *TLS) { c.KeyFile = c.ClientCAFile }, "certificate"},
		"no authority":        {func(c *TLS) { c.ClientCAFile += "x" }, "clients' authority"},
		"authority is none":   {func(c *TLS) { c.ClientCAFile = c.KeyFile }, "holds no certificate"},
		"all as it should be": {func(*TLS) {}, ""},
	} {
		c := good
		v.change(&c)
		_, err := c.Load()
		if v.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, v.want, name)
	}
}
