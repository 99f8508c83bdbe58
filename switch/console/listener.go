package console

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"example.com/ringback/switch/console/budget"
)

// TLS names the files of a listener that asks for clients' certificates, all PEM.
type TLS struct {
	CertFile, KeyFile string // the listener's own certificate, with its chain, and its key
	ClientCAFile      string // of who signs the clients' certificates
}

// Load reads the files. Only TLS 1.3 is spoken, every client must show a certificate for client use that one of the
// authorities signed, and each connection proves it anew: there are no session tickets. A certificate that was revoked is
// not told from another; take its name out of the operators.
func (t TLS) Load() (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	text, err := os.ReadFile(t.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("clients' authority: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("clients' authority: %s holds no certificate", t.ClientCAFile)
	}
	return &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authorities, SessionTicketsDisabled: true}, nil
}

// Listener accepts connections within the console's limits. All methods are safe for concurrent use.
type Listener struct {
	net.Listener
	secure *tls.Config // nil: in clear
	noisy  zerolog.Logger
	failed *budget.Budget[client] // of handshakes that come to nothing

	failures, refused atomic.Uint64

	mu   sync.Mutex
	open map[client]int
	all  int
}

// Listen opens a listener, in clear when secure is nil. The caller gives it to [http.Server.Serve], which closes it.
func Listen(addr string, secure *tls.Config, log zerolog.Logger) (*Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Listener{Listener: l, secure: secure, noisy: quiet(log), open: make(map[client]int),
		failed: budget.New[client](maxClients, handshakeBurst, handshakesPerMinute/60.0)}, nil
}

// Failures returns how many TLS connections came to nothing, and how many connections were refused for one of the limits.
func (l *Listener) Failures() (handshakes, refused uint64) {
	return l.failures.Load(), l.refused.Load()
}

// Accept returns the next connection that is within the limits; others are closed unread.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := clientOf(raw.RemoteAddr().String())
		if !l.admit(c) {
			l.refused.Add(1)
			l.noisy.Warn().Stringer("peer", raw.RemoteAddr()).Msg("connection refused: too many, or too many without a certificate")
			_ = raw.Close() // nothing was written to it that could be lost
			continue
		}
		counted := &conn{Conn: raw, of: l, client: c}
		if l.secure == nil {
			return counted, nil
		}
		return tls.Server(counted, l.secure), nil
	}
}

// admit counts a connection in, unless a limit is reached.
func (l *Listener) admit(c client) bool {
	if l.secure != nil && l.failed.Empty(c) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxConnections || l.open[c] >= maxPerClient {
		return false
	}
	l.all++
	l.open[c]++
	return true
}

// leave counts a connection out.
func (l *Listener) leave(c *conn) {
	l.mu.Lock()
	l.all--
	if l.open[c.client]--; l.open[c.client] == 0 {
		delete(l.open, c.client)
	}
	l.mu.Unlock()
	if l.secure == nil || c.proven.Load() {
		return
	}
	l.failures.Add(1)
	_, _ = l.failed.Take(c.client) // when there is none left it is empty already
}

// conn is a connection that is counted.
type conn struct {
	net.Conn
	of     *Listener
	client client
	proven atomic.Bool // a request came: with TLS, from who has the key of a good certificate
	once   sync.Once
}

// Close counts the connection out, the first time.
func (c *conn) Close() error {
	c.once.Do(func() { c.of.leave(c) })
	return c.Conn.Close()
}

// prove notes that a connection came to something; it is a server's ConnState.
func prove(nc net.Conn, state http.ConnState) {
	secure, ok := nc.(*tls.Conn)
	if state != http.StateActive || !ok {
		return
	}
	if c, ok := secure.NetConn().(*conn); ok {
		c.proven.Store(true)
	}
}

// quiet is a log that clients cannot fill.
func quiet(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: noisyLines, Period: noisyPeriod})
}
