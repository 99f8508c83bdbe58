package webhook

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// loopback may be called in tests; the rest of 127.0.0.0/8 may not, and stands for what is inside.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// receiver is a business's server.
type receiver struct {
	*httptest.Server
	hits atomic.Int32
}

// receive starts a server with a certificate for example.com and 127.0.0.1.
func receive(t *testing.T, handle http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.hits.Add(1)
		handle(w, req)
	}))
	r.Config.ErrorLog = nil
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

// trusting is a configuration that reaches the server.
func (r *receiver) trusting() Config {
	roots := x509.NewCertPool()
	roots.AddCert(r.Certificate())
	return Config{Roots: roots, Allow: loopback}
}

func message(t testing.TB, address string) acquirer.Message {
	t.Helper()
	to, err := acquirer.NewAddress(acquirer.DeviceWebhook, address)
	require.NoError(t, err)
	return acquirer.Message{ID: "632800000002-2", Kind: acquirer.NoticePaidOut, To: to, Language: acquirer.Chinese, Subject: "到账通知",
		Text: "13900139001付给您的12.34元已到账 <&>", Created: time.Date(2026, 11, 24, 18, 56, 55, 123, time.FixedZone("", 8*3600)), Try: 1}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestSend(t *testing.T) {
	type got struct {
		header http.Header
		body   []byte
		uri    string
	}
	calls := make(chan got, 10)
	r := receive(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		calls <- got{req.Header, body, req.Method + " " + req.RequestURI}
	})
	handed, err := New(r.trusting()).Send(t.Context(), message(t, r.URL+"/hook?shop=7#"+secret))
	require.NoError(t, err)
	require.Equal(t, acquirer.Handed{Delivered: true}, handed)
	c := <-calls
	require.Equal(t, "POST /hook?shop=7", c.uri, "the secret is not sent")
	require.True(t, verify(secret, c.header.Get("Ringback-Signature"), c.body, time.Now()))
	require.Equal(t, "632800000002-2", c.header.Get("Idempotency-Key"))
	require.Equal(t, "application/json", c.header.Get("Content-Type"))
	var event map[string]string
	require.NoError(t, json.Unmarshal(c.body, &event))
	require.Equal(t, map[string]string{"id": "632800000002-2", "kind": "paid-out", "text": "13900139001付给您的12.34元已到账 <&>", "language": "zh",
		"created": "2026-11-24T10:56:55Z"}, event)
}

func TestStatusDecides(t *testing.T) {
	for _, c := range []struct {
		status           int
		delivered, never bool
	}{
		{200, true, false}, {201, true, false}, {204, true, false}, {299, true, false},
		{400, false, true}, {401, false, true}, {404, false, true}, {410, false, true}, {422, false, true}, {499, false, true},
		{408, false, false}, {425, false, false}, {429, false, false},
		{500, false, false}, {502, false, false}, {503, false, false}, {301, false, false}, {302, false, false}, {304, false, false},
	} {
		r := receive(t, status(c.status))
		handed, err := New(r.trusting()).Send(t.Context(), message(t, r.URL+"/#"+secret))
		require.Equal(t, c.delivered, handed.Delivered, c.status)
		require.Equal(t, c.delivered, err == nil, c.status)
		if c.never {
			require.ErrorIs(t, err, acquirer.ErrUndeliverable, c.status)
		} else {
			require.NotErrorIs(t, err, acquirer.ErrUndeliverable, c.status)
			require.NotErrorIs(t, err, acquirer.ErrDeviceDown, "one receiver must not stop the others")
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for _, status := range []int{429, 503} {
		r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(status)
		})
		_, err := New(r.trusting()).Send(t.Context(), message(t, r.URL+"/#"+secret))
		var later *acquirer.RetryLater
		require.ErrorAs(t, err, &later)
		require.Equal(t, 2*time.Minute, later.After)
		require.NotErrorIs(t, err, acquirer.ErrUndeliverable)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{"0": 0, "1": time.Second, "-1": 0, "": 0, "soon": 0, "99999999999": 0, "2147483647": 2147483647 * time.Second,
		"Tue, 24 Nov 2026 12:00:30 GMT": 30 * time.Second, "Tue, 24 Nov 2026 11:00:00 GMT": 0} {
		require.Equal(t, want, retryAfter(v, now), v)
	}
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(503)
	})
	_, err := New(r.trusting()).Send(t.Context(), message(t, r.URL+"/#"+secret))
	var later *acquirer.RetryLater
	require.ErrorAs(t, err, &later)
	require.Equal(t, time.Hour, later.After, "nobody may ask for a day")
}

// A retry is the same event under a new signature.
func TestRetryHasTheSameID(t *testing.T) {
	var mu sync.Mutex
	ids := map[string]int{}
	r := receive(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		var e struct{ ID string }
		if !verify(secret, req.Header.Get("Ringback-Signature"), body, time.Now()) || json.Unmarshal(body, &e) != nil || e.ID != req.Header.Get("Idempotency-Key") {
			w.WriteHeader(400)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if ids[e.ID]++; ids[e.ID] < 3 {
			w.WriteHeader(500)
		}
	})
	hook, m := New(r.trusting()), message(t, r.URL+"/#"+secret)
	for try := 1; try <= 3; try++ {
		m.Try = try
		_, err := hook.Send(t.Context(), m)
		require.Equal(t, try == 3, err == nil)
	}
	require.Equal(t, map[string]int{"632800000002-2": 3}, ids)
}

func TestRedirectIsNotFollowed(t *testing.T) {
	inside := receive(t, status(200))
	r := receive(t, func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, inside.URL, http.StatusTemporaryRedirect)
	})
	_, err := New(r.trusting()).Send(t.Context(), message(t, r.URL+"/#"+secret))
	require.ErrorContains(t, err, "receiver answered 307")
	require.EqualValues(t, 1, r.hits.Load())
	require.Zero(t, inside.hits.Load())
}

// inside starts a server that must never be reached.
func inside(t *testing.T, addr string) (port string, hits func() int) {
	t.Helper()
	l, err := net.Listen("tcp", addr+":0")
	if err != nil {
		t.Skip("this machine has no address " + addr)
	}
	var n atomic.Int32
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); done.Wait() })
	_, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port, func() int { return int(n.Load()) }
}

// A name that answers differently the second time reaches nothing inside.
func TestRebindingName(t *testing.T) {
	port, hits := inside(t, "127.0.0.2")
	r := receive(t, status(200))
	_, own, err := net.SplitHostPort(r.Listener.Addr().String())
	require.NoError(t, err)
	good, bad := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	var asked atomic.Int32
	answer := []netip.Addr{good}
	c := r.trusting()
	c.Lookup = func(context.Context, string) ([]netip.Addr, error) { asked.Add(1); return answer, nil }
	hook := New(c)
	_, err = hook.Send(t.Context(), message(t, "https://example.com:"+own+"/#"+secret))
	require.NoError(t, err)
	require.EqualValues(t, 1, asked.Load(), "a second question could have a second answer")
	for _, answer = range [][]netip.Addr{{bad}, {good, bad}, {bad, good}, {netip.MustParseAddr("::ffff:127.0.0.2")}} {
		_, err = hook.Send(t.Context(), message(t, "https://example.com:"+port+"/#"+secret))
		require.ErrorIs(t, err, acquirer.ErrUndeliverable)
		require.ErrorContains(t, err, "not on the public Internet")
	}
	answer = []netip.Addr{good, bad}
	_, err = hook.Send(t.Context(), message(t, "https://example.com:"+own+"/#"+secret))
	require.ErrorIs(t, err, acquirer.ErrUndeliverable, "a name with one foot inside")
	require.Zero(t, hits())
	answer = nil
	_, err = hook.Send(t.Context(), message(t, "https://example.com:"+own+"/#"+secret))
	require.ErrorContains(t, err, "name was not found")
	// the socket looks for itself, whatever was decided before
	_, err = hook.dialer().DialContext(t.Context(), "tcp", "127.0.0.2:"+port)
	var inside *forbiddenError
	require.ErrorAs(t, err, &inside)
	require.Zero(t, hits())
	require.Error(t, hook.control("tcp4", "127.0.0.2:443", nil))
	require.Error(t, hook.control("tcp6", "[::1]:443", nil))
	require.NoError(t, hook.control("tcp4", "127.0.0.1:443", nil))
}

func TestAddressesInsideAreNotCalled(t *testing.T) {
	port, hits := inside(t, "127.0.0.1")
	hook := New(Config{})
	for _, host := range []string{"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "localhost"} {
		_, err := hook.Send(t.Context(), message(t, "https://"+host+":"+port+"/#"+secret))
		require.ErrorIs(t, err, acquirer.ErrUndeliverable, host)
	}
	hook.Lookup = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	for _, host := range []string{"2130706433", "0x7f000001", "127.1", "0177.0.0.1"} { // names to us; some resolvers read them as addresses
		_, err := hook.Send(t.Context(), message(t, "https://"+host+":"+port+"/#"+secret))
		require.ErrorIs(t, err, acquirer.ErrUndeliverable, host)
	}
	require.Zero(t, hits())
}

func TestPermit(t *testing.T) {
	hook := New(Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}})
	for _, c := range []struct {
		in   string
		want bool
	}{
		{"0.255.255.255", false}, {"1.0.0.0", true}, {"9.255.255.255", true}, {"10.0.0.0", false}, {"10.255.255.255", false}, {"11.0.0.0", true},
		{"10.19.255.255", false}, {"10.20.0.0", true}, {"10.20.255.255", true}, {"10.21.0.0", false}, {"::ffff:10.20.0.1", true},
		{"100.63.255.255", true}, {"100.64.0.0", false}, {"100.127.255.255", false}, {"100.128.0.0", true},
		{"126.255.255.255", true}, {"127.0.0.0", false}, {"127.255.255.255", false}, {"128.0.0.0", true},
		{"169.253.255.255", true}, {"169.254.169.254", false}, {"169.255.0.0", true},
		{"172.15.255.255", true}, {"172.16.0.0", false}, {"172.31.255.255", false}, {"172.32.0.0", true},
		{"192.0.0.255", false}, {"192.0.1.0", true}, {"192.0.2.1", false}, {"192.0.3.0", true}, {"192.88.99.1", false}, {"192.88.100.0", true},
		{"192.167.255.255", true}, {"192.168.0.0", false}, {"192.168.255.255", false}, {"192.169.0.0", true},
		{"198.17.255.255", true}, {"198.18.0.0", false}, {"198.19.255.255", false}, {"198.20.0.0", true}, {"198.51.100.1", false}, {"203.0.113.1", false},
		{"223.255.255.255", true}, {"224.0.0.0", false}, {"239.255.255.255", false}, {"240.0.0.0", false}, {"255.255.255.255", false},
		{"::", false}, {"::1", false}, {"::ffff:192.168.0.1", false}, {"::ffff:8.8.8.8", true}, {"::8.8.8.8", false},
		{"64:ff9b::808:808", false}, {"64:ff9b:1::1", false}, {"100::1", false}, {"1fff:ffff::1", false}, {"2000::1", true},
		{"2001::1", false}, {"2001:1ff::1", false}, {"2001:200::1", true}, {"2001:db8::1", false}, {"2001:db9::1", true},
		{"2002:7f00:1::1", false}, {"2003::1", true}, {"2408:8000::1", true}, {"3fff::1", false}, {"3fff:1000::1", true}, {"4000::1", false},
		{"fc00::1", false}, {"fdff::1", false}, {"fe80::1", false}, {"fe80::1%eth0", false}, {"fec0::1", false}, {"ff02::1", false},
	} {
		require.Equal(t, c.want, hook.permit(netip.MustParseAddr(c.in)), c.in)
	}
	require.False(t, hook.permit(netip.Addr{}))
}

func TestSlowReceiver(t *testing.T) {
	gone := make(chan struct{})
	r := receive(t, func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body) // behind it the server sees that the caller has gone
		<-req.Context().Done()
		close(gone)
		panic(http.ErrAbortHandler) // a caller that is leaving may still read an answer, and believe it
	})
	c := r.trusting()
	c.Limits.Answer = 300 * time.Millisecond
	_, err := New(c).Send(t.Context(), message(t, r.URL+"/#"+secret))
	require.ErrorContains(t, err, "did not answer in time")
	require.NotErrorIs(t, err, acquirer.ErrUndeliverable)
	if r.hits.Load() > 0 {
		<-gone // the connection is not kept
	}
}

func TestHugeAnswer(t *testing.T) {
	ended := make(chan int, 1)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		n, chunk := 0, bytes.Repeat([]byte("a"), 64<<10)
		for {
			m, err := w.Write(chunk)
			n += m
			if err != nil {
				ended <- n
				return
			}
		}
	})
	handed, err := New(r.trusting()).Send(t.Context(), message(t, r.URL+"/#"+secret))
	require.NoError(t, err)
	require.True(t, handed.Delivered)
	<-ended // it was not read to its end, for it has none

	r = receive(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 2*maxHeader)) })
	_, err = New(r.trusting()).Send(t.Context(), message(t, r.URL+"/#"+secret))
	require.EqualError(t, err, "connection to the receiver failed")
}

// A body that drips does not hold a delivered notice for longer than its time.
func TestDrippingAnswer(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	})
	c := r.trusting()
	c.Limits.Drain = 10 * time.Millisecond
	handed, err := New(c).Send(t.Context(), message(t, r.URL+"/#"+secret))
	require.NoError(t, err)
	require.True(t, handed.Delivered)
}

func TestCertificateIsVerified(t *testing.T) {
	r := receive(t, status(200))
	c := r.trusting()
	c.Roots = nil
	_, err := New(c).Send(t.Context(), message(t, r.URL+"/#"+secret))
	require.EqualError(t, err, "receiver's certificate is not good")
	c = r.trusting()
	c.Lookup = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	_, err = New(c).Send(t.Context(), message(t, strings.Replace(r.URL, "127.0.0.1", "other.test", 1)+"/#"+secret))
	require.EqualError(t, err, "receiver's certificate is not good")
	require.Zero(t, r.hits.Load())
}

func TestAddress(t *testing.T) {
	hook := New(Config{Secrets: map[string]acquirer.Key{"a.test": acquirer.NewKey([]byte(strings.Repeat("s", 16))),
		"a.test:8443": acquirer.NewKey([]byte(strings.Repeat("t", 128))), "short.test": acquirer.NewKey([]byte("short"))}})
	for _, c := range []struct{ in, url, secret, err string }{
		{"https://a.test/x?y=z#" + secret, "https://a.test/x?y=z", secret, ""},
		{"https://a.test/x", "https://a.test/x", strings.Repeat("s", 16), ""},
		{"https://A.test/x", "https://A.test/x", strings.Repeat("s", 16), ""},
		{"https://a.test:8443/x", "https://a.test:8443/x", strings.Repeat("t", 128), ""},
		{"https://b.test/x#" + strings.Repeat("u", 128), "https://b.test/x", strings.Repeat("u", 128), ""},
		{"https://b.test/x#" + strings.Repeat("u", 129), "", "", "no secret"},
		{"https://b.test/x#" + secret[:15], "", "", "no secret"},
		{"https://b.test/x", "", "", "no secret"}, {"https://a.test:8444/", "", "", "no secret"}, {"https://short.test/", "", "", "no secret"},
		{"http://a.test/x", "", "", "not https"}, {"ftp://a.test/x", "", "", "not https"}, {"a.test/x", "", "", "no URL"},
		{"https://u:p@a.test/x", "", "", "holds a user"}, {"https:///x", "", "", "no URL"}, {"https:a.test", "", "", "no URL"},
		{"https://a.test:x/", "", "", "no URL"}, {"file:///etc/passwd#" + secret, "", "", "no URL"},
	} {
		got, err := hook.parse(c.in)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, c.in)
			_, err = hook.Send(t.Context(), message(t, c.in))
			require.ErrorIs(t, err, acquirer.ErrUndeliverable)
			continue
		}
		require.NoError(t, err, c.in)
		require.Equal(t, c.url, got.url)
		require.Equal(t, c.secret, string(got.secret.Reveal()))
	}
}

func TestHTTPIsForTests(t *testing.T) {
	s := httptest.NewServer(status(200))
	t.Cleanup(s.Close)
	_, err := New(Config{Allow: loopback}).Send(t.Context(), message(t, s.URL+"/#"+secret))
	require.ErrorIs(t, err, acquirer.ErrUndeliverable)
	_, err = New(Config{Allow: loopback, AllowHTTP: true}).Send(t.Context(), message(t, s.URL+"/#"+secret))
	require.NoError(t, err)
	_, err = New(Config{AllowHTTP: true}).Send(t.Context(), message(t, s.URL+"/#"+secret))
	require.ErrorContains(t, err, "not on the public Internet")
}

// Nothing of the receiver stands in an error or in the log.
func TestNothingIsTold(t *testing.T) {
	logs := &bytes.Buffer{}
	var all strings.Builder
	closed := receive(t, status(200))
	closed.Close()
	for _, handle := range []http.HandlerFunc{status(200), status(410), status(500), func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, "https://secret-host.test/secret-path", http.StatusFound)
	}, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }} {
		r := receive(t, handle)
		for _, address := range []string{r.URL, closed.URL, "https://secret-host.test", "https://127.0.0.2", "http://127.0.0.1", "https://127.0.0.1:port"} {
			c := r.trusting()
			c.Log = zerolog.New(logs).Level(zerolog.DebugLevel)
			c.Lookup = func(_ context.Context, name string) ([]netip.Addr, error) {
				return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
			}
			if _, err := New(c).Send(t.Context(), message(t, address+"/secret-path#"+secret)); err != nil {
				all.WriteString(err.Error() + "\n")
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := New(Config{}).Send(ctx, message(t, "https://127.0.0.2/secret-path#"+secret))
	all.WriteString(err.Error())
	require.Contains(t, logs.String(), "receiver answered")
	for _, canary := range []string{secret, "secret-path", "secret-host", "127.0.0", "13900139001", "12.34", "到账"} {
		require.NotContains(t, all.String()+logs.String(), canary)
	}
}
