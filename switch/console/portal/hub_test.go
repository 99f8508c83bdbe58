package portal

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// paid is a notice of a payment to a page.
func paid(page token, n int) acquirer.Message {
	return acquirer.Message{ID: fmt.Sprintf("63280000%04d-2", n), Kind: acquirer.NoticePaidOut, Subject: "到账通知",
		To: must(acquirer.NewAddress(acquirer.DevicePC, page.public("pc"))), Text: "收到12.34元", Language: acquirer.Chinese,
		Created: time.Date(2026, 11, 24, 9, 30, 0, 0, acquirer.Beijing), Payer: must(acquirer.ParseMSISDN(otherNumber)), Amount: acquirer.Fen(1234 + n)}
}

// openPageOf opens a stream at the hub.
func openPageOf(t *testing.T, h *hub, page token, last string) (*stream, []event) {
	t.Helper()
	s, missed, ok := h.open(page.public("pc"), "192.0.2.1/32", last)
	require.True(t, ok)
	return s, missed
}

// sent is how a Send ended.
type sent struct {
	handed acquirer.Handed
	err    error
}

func send(p *Portal, m acquirer.Message) chan sent {
	done := make(chan sent, 1)
	go func() { h, err := p.Send(context.Background(), m); done <- sent{h, err} }()
	return done
}

func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPortal(t, newOffice())
		page := newToken()
		require.Equal(t, acquirer.DevicePC, p.Kind())
		got := <-send(p, paid(page, 1))
		require.ErrorIs(t, got.err, errNoPage)
		require.NotErrorIs(t, got.err, acquirer.ErrUndeliverable, "tried again, then by the next device")
		require.NotErrorIs(t, got.err, acquirer.ErrDeviceDown, "and the try is counted")

		s, missed := openPageOf(t, p.hub, page, "")
		require.Empty(t, missed)
		done := send(p, paid(page, 1))
		require.Equal(t, eventOf(paid(page, 1)), <-s.events)
		synctest.Wait()
		require.Empty(t, done, "written is not delivered")
		p.hub.acknowledge(page.public("pc"), "another")
		p.hub.acknowledge(newToken().public("pc"), paid(page, 1).ID)
		synctest.Wait()
		require.Empty(t, done)
		p.hub.acknowledge(page.public("pc"), paid(page, 1).ID)
		require.Equal(t, sent{acquirer.Handed{Reference: paid(page, 1).ID, Delivered: true}, nil}, <-done)
		require.Equal(t, uint64(1), p.Counts().Shown)

		done = send(p, paid(page, 2))
		<-s.events
		time.Sleep(ackTimeout - time.Nanosecond)
		require.Empty(t, done)
		time.Sleep(time.Nanosecond)
		require.ErrorIs(t, (<-done).err, errNoAck)
		<-s.gone // a page that says nothing is dead
		require.Zero(t, p.Counts().Streams)
		p.hub.acknowledge(page.public("pc"), paid(page, 2).ID) // late: dropped
		require.ErrorIs(t, (<-send(p, paid(page, 3))).err, errNoPage)

		s, missed = openPageOf(t, p.hub, page, paid(page, 1).ID)
		require.Equal(t, []event{eventOf(paid(page, 2))}, missed, "it comes back and is given what it missed")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Send(ctx, paid(page, 4))
		require.ErrorIs(t, err, context.Canceled)
		done = send(p, paid(page, 5))
		synctest.Wait()
		p.hub.close()
		require.ErrorIs(t, (<-done).err, acquirer.ErrDeviceDown)
		<-s.gone
		require.ErrorIs(t, (<-send(p, paid(page, 6))).err, acquirer.ErrDeviceDown)
		_, _, ok := p.hub.open(page.public("pc"), "c", "")
		require.False(t, ok)
		p.hub.close()
	})
}

// A page that does not read is closed when its queue is full; the others of the same token go on.
func TestSlowReader(t *testing.T) {
	h := newHub()
	page := newToken()
	slow, _ := openPageOf(t, h, page, "")
	quick, _ := openPageOf(t, h, page, "")
	for n := range streamQueue + 1 {
		_, err := h.offer(page.public("pc"), eventOf(paid(page, n)))
		require.NoError(t, err)
		<-quick.events
	}
	<-slow.gone
	select {
	case <-quick.gone:
		require.Fail(t, "the quick one was closed")
	default:
	}
	for range streamQueue {
		_, err := h.offer(page.public("pc"), eventOf(paid(page, 99)))
		require.NoError(t, err)
	}
	_, err := h.offer(page.public("pc"), eventOf(paid(page, 99)))
	require.ErrorIs(t, err, errNoPage, "all are closed")
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		page := newToken()
		s, _ := openPageOf(t, h, page, "")
		for n := range recentEvents + 3 {
			for range 2 { // a second try is the same event
				_, err := h.offer(page.public("pc"), eventOf(paid(page, n)))
				require.NoError(t, err)
				<-s.events
			}
		}
		h.leave(page.public("pc"), s)
		h.leave(page.public("pc"), s)
		missed := func(last string) []event {
			s, all := openPageOf(t, h, page, last)
			h.leave(page.public("pc"), s)
			return all
		}
		all := missed("")
		require.Len(t, all, recentEvents)
		require.Equal(t, paid(page, 3).ID, all[0].ID, "the oldest are dropped")
		require.Len(t, missed("unknown"), recentEvents)
		require.Equal(t, all[2:], missed(all[1].ID))
		require.Empty(t, missed(all[recentEvents-1].ID))
		time.Sleep(recentAge)
		require.Len(t, missed(""), recentEvents)
		time.Sleep(recentAge + 1)
		require.Empty(t, missed(""), "after a while it is forgotten")
	})
}

func TestBoundsOfStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		page := newToken()
		var open []*stream
		for range streamsPerPage {
			s, _ := openPageOf(t, h, page, "")
			open = append(open, s)
		}
		_, _, ok := h.open(page.public("pc"), "other", "")
		require.False(t, ok, "of a token")
		h.leave(page.public("pc"), open[0])
		_, _, ok = h.open(page.public("pc"), "other", "")
		require.True(t, ok)

		h = newHub()
		for i := range streamsPerClient {
			_, _, ok = h.open(fmt.Sprint("page", i), "one", "")
			require.True(t, ok)
		}
		_, _, ok = h.open("page", "one", "")
		require.False(t, ok, "of a client")
		_, _, ok = h.open("page", "two", "")
		require.True(t, ok)
		for i := range maxStreams - streamsPerClient - 1 {
			_, _, ok = h.open(fmt.Sprint("more", i), fmt.Sprint(i), "")
			require.True(t, ok)
		}
		_, _, ok = h.open("last", "last", "")
		require.False(t, ok, "of all")

		h = newHub()
		for i := range maxPages + 10 {
			s, _, ok := h.open(fmt.Sprint(i), "c", "")
			require.True(t, ok)
			h.leave(fmt.Sprint(i), s)
			time.Sleep(time.Millisecond)
		}
		require.Len(t, h.pages, maxPages)
		require.NotContains(t, h.pages, "0", "the one that was closed longest goes first")
		time.Sleep(recentAge + time.Second)
		_, _, ok = h.open("new", "c", "")
		require.True(t, ok)
		require.Len(t, h.pages, 1)
	})
}

// reader reads a stream over a connection.
type reader struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func readStream(t *testing.T, base string, page token, last string) (*reader, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := must(http.NewRequestWithContext(ctx, "GET", base+eventsPath, nil))
	r.AddCookie(&http.Cookie{Name: pcCookie, Value: string(page)})
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	return &reader{t, bufio.NewScanner(w.Body), func() { cancel(); _ = w.Body.Close() }}, w
}

// next returns the next event, or what else came instead.
func (r *reader) next() (id string, e event) {
	r.t.Helper()
	for r.lines.Scan() {
		name, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "data":
			require.NoError(r.t, json.Unmarshal([]byte(value), &e))
			return id, e
		}
	}
	return "", event{}
}

// The whole way: a browser is put in front of the devices, its page opens a stream, a notice comes, the page says so.
func TestStream(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := newOffice()
	p, _ := newPortal(t, o)
	require.NoError(t, p.Listen("127.0.0.1:0", "", ""))
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	b := browserAt(t, "http://"+p.Addr().String())
	defer http.DefaultClient.CloseIdleConnections()
	defer b.client.CloseIdleConnections()

	require.Equal(t, http.StatusUnauthorized, b.get(eventsPath).StatusCode)
	require.NotContains(t, b.get("/pc").body, `id="stream"`)
	require.Equal(t, http.StatusUnprocessableEntity, b.send("/pc", "number", "1").StatusCode)
	form := b.form("/pc", "number", someNumber)
	require.Equal(t, "/pc/confirm?after=pc", b.post("/pc", form).Header.Get("Location"))
	twin := b.post("/pc", form)
	require.Equal(t, 303, twin.StatusCode)
	m := o.messages()[1]
	require.Len(t, o.messages(), 2)
	require.Equal(t, acquirer.ChannelPC, m.Channel)
	require.True(t, m.Request.Front)
	require.Equal(t, acquirer.RequestDevices, m.Request.Kind)
	got := b.send("/pc/confirm?after=pc", "code", rightCode, "after", "pc")
	require.Equal(t, "/pc?confirmed=1", got.Header.Get("Location"))
	require.Equal(t, acquirer.ChannelPC, o.messages()[2].Channel)

	base := must(url.Parse(b.base))
	var page token
	for _, c := range b.client.Jar.Cookies(base) {
		if c.Name == pcCookie {
			page = token(c.Value)
		}
	}
	require.Equal(t, []acquirer.DeviceChoice{{Kind: acquirer.DevicePC, Address: page.public("pc")}}, m.Request.Devices)
	require.NotEqual(t, string(page), m.Request.Devices[0].Address, "what is stored opens no stream")
	require.Contains(t, b.get("/devices").body, `<option value="pc">`)
	require.NotContains(t, newBrowserOf(t, b).get("/devices").body, `<option value="pc">`, "another browser is none")
	body := b.get("/pc?confirmed=1").body
	require.Contains(t, body, `data-ack="`+string(page.derive("ack"))+`"`)
	require.NotContains(t, body, string(page))

	r, w := readStream(t, b.base, page, "")
	require.Equal(t, "text/event-stream", w.Header.Get("Content-Type"))
	done := send(p, paid(page, 1))
	id, e := r.next()
	require.Equal(t, paid(page, 1).ID, id)
	require.Equal(t, otherNumber, e.Payer)
	require.Equal(t, int64(1235), e.AmountFen)
	require.Equal(t, http.StatusForbidden, b.post(ackPath, url.Values{"id": {id}, "ack": {"x"}}).StatusCode)
	require.Equal(t, http.StatusNoContent, b.post(ackPath, url.Values{"id": {id}, "ack": {string(page.derive("ack"))}}).StatusCode)
	require.True(t, (<-done).handed.Delivered)

	r.close()
	back, _ := readStream(t, b.base, page, "unknown")
	id, _ = back.next()
	require.Equal(t, paid(page, 1).ID, id)
	require.Equal(t, "/pc", b.post("/pc/leave", b.form("/pc")).Header.Get("Location"))
	require.Equal(t, http.StatusUnauthorized, b.get(eventsPath).StatusCode)
	end()
	require.NoError(t, <-ended, "it does not wait for the pages")
	id, _ = back.next()
	require.Empty(t, id)
	back.close()
	require.NoError(t, p.Close())
}

// newBrowserOf is another browser before the same.
func newBrowserOf(t *testing.T, b *browser) *browser {
	other := browserAt(t, b.base)
	other.client.Transport = b.client.Transport
	return other
}

// A page that is there but does not read is closed once a write has waited too long, and a quiet stream is kept alive.
func TestStreamWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPortal(t, newOffice())
		ours, theirs := net.Pipe()
		server := &http.Server{Handler: p.Handler(), ReadTimeout: requestTimeout, WriteTimeout: answerTimeout}
		l := &oneConn{conn: ours, ended: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		page := newToken()
		_, err := fmt.Fprintf(theirs, "GET %s HTTP/1.1\r\nHost: x\r\nCookie: %s=%s\r\n\r\n", eventsPath, pcCookie, page)
		require.NoError(t, err)
		in := bufio.NewReader(theirs)
		read := func(until string) {
			for {
				line, err := in.ReadString('\n')
				require.NoError(t, err)
				if strings.HasPrefix(line, until) {
					return
				}
			}
		}
		read("retry: 3000")
		start := time.Now()
		for range 8 { // longer than any timeout of the server
			read(":")
		}
		require.Equal(t, 8*keepAlive, time.Since(start))
		require.Equal(t, 1, p.Counts().Streams)
		time.Sleep(keepAlive + streamWrite + time.Second) // it reads nothing any more
		synctest.Wait()
		require.Zero(t, p.Counts().Streams)
		require.NoError(t, theirs.Close())
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn  net.Conn
	ended chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.ended
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { close(l.ended); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// A stream does not live for ever: its page opens another, and the server is rid of it.
func TestStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{events: make(chan event), gone: make(chan struct{})}
		w := &endless{header: http.Header{}}
		out := &writer{w: w, control: http.NewResponseController(w)}
		start := time.Now()
		out.follow(httptest.NewRequest("GET", eventsPath, nil), s)
		require.Equal(t, streamLife, time.Since(start))
		require.NoError(t, out.err)
	})
}

// endless takes everything.
type endless struct{ header http.Header }

func (e *endless) Header() http.Header              { return e.header }
func (e *endless) WriteHeader(int)                  {}
func (e *endless) Write(b []byte) (int, error)      { return len(b), nil }
func (e *endless) Flush()                           {}
func (e *endless) SetWriteDeadline(time.Time) error { return nil }

func TestRunEndsWhenTheStoreFailed(t *testing.T) {
	p, _ := newPortal(t, newOffice())
	require.Error(t, p.Run(t.Context()))
	require.Nil(t, p.Addr())
	require.NoError(t, p.Listen("127.0.0.1:0", "", ""))
	require.Error(t, p.checked(fmt.Errorf("x: %w", acquirer.ErrStore)))
	require.Error(t, p.checked(errors.New("another")))
	require.ErrorIs(t, p.Run(t.Context()), acquirer.ErrStore)
	q, _ := newPortal(t, newOffice())
	require.Error(t, q.Listen("127.0.0.1:0", "nothing.pem", "nothing.pem"))
	require.NoError(t, q.Listen("127.0.0.1:0", "", ""))
	require.NoError(t, q.Close())
	require.NoError(t, q.Close())
	require.Error(t, q.Run(t.Context()), "its listener is closed")
}

// Over TLS, as it is served: cookies that are this host's only, HTTP/2, and a stream on it that outlives every timeout.
func TestTLS(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p, _ := newPortal(t, newOffice())
	cert, key, pool := certificate(t)
	require.NoError(t, p.Listen("127.0.0.1:0", cert, key))
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	b := browserAt(t, "https://"+p.Addr().String())
	b.client.Transport = transport
	got := b.get("/register?lang=en")
	require.Equal(t, 2, got.ProtoMajor)
	require.NotEmpty(t, got.Header.Get("Strict-Transport-Security"))
	for _, c := range got.Cookies() {
		require.True(t, strings.HasPrefix(c.Name, "__Host-") && c.Secure)
	}
	require.Equal(t, "/pc/confirm?after=pc", b.send("/pc", "number", someNumber).Header.Get("Location"))

	r := must(http.NewRequest("GET", b.base+eventsPath, nil))
	w, err := b.client.Do(r)
	require.NoError(t, err)
	require.Equal(t, 200, w.StatusCode)
	stream := &reader{t, bufio.NewScanner(w.Body), nil}
	var page token
	for _, c := range b.client.Jar.Cookies(r.URL) {
		if c.Name == "__Host-"+pcCookie {
			page = token(c.Value)
		}
	}
	done := send(p, paid(page, 1))
	id, _ := stream.next()
	require.Equal(t, http.StatusNoContent, b.post(ackPath, url.Values{"id": {id}, "ack": {string(page.derive("ack"))}}).StatusCode)
	require.True(t, (<-done).handed.Delivered)
	end()
	require.NoError(t, <-ended)
	require.NoError(t, w.Body.Close())
	transport.CloseIdleConnections()
}

// certificate writes a certificate of 127.0.0.1 and its key into files.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(certFile, chain, 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(chain))
	return certFile, keyFile, pool
}

// More connections than there are places are closed unread; a place is free again when its connection is closed.
func TestBoundedListener(t *testing.T) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	b := &boundedListener{Listener: l, places: make(chan struct{}, 1)}
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := b.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn { return must(net.Dial("tcp", l.Addr().String())) }
	first := dial()
	in := <-accepted
	second := dial()
	_, err := second.Read(make([]byte, 1))
	require.Error(t, err, "closed")
	require.NoError(t, in.Close())
	_ = in.Close() // twice counts once
	third := dial()
	require.NoError(t, (<-accepted).Close())
	for _, c := range []net.Conn{first, second, third} {
		require.NoError(t, c.Close())
	}
	require.NoError(t, l.Close())
	_, open := <-accepted
	require.False(t, open)
}
