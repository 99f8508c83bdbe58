package terminal

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// A frame must be complete 10 s after its first byte; between frames a connection may sleep for the idle time.
func TestSlowFrame(t *testing.T) {
	idle := Limits{}.WithDefaults().IdleTimeout
	for _, v := range []struct {
		name  string
		first time.Duration // before the first byte
		rest  time.Duration // between the first byte and the last
		cut   int           // bytes sent first
		ok    bool
	}{
		{"in time", idle - time.Second, 10*time.Second - time.Millisecond, 1, true},
		{"within the length", 0, 10 * time.Second, 1, false},
		{"after the length", 0, 10 * time.Second, 2, false},
		{"within the frame", 0, 10 * time.Second, 30, false},
		{"asleep", idle, 0, 1, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, p, c, d := bubble(t)
				frame := pos.AppendFrame(nil, d.inquiry(10, nil))
				time.Sleep(v.first)
				synctest.Wait()
				if v.first < idle {
					_, err := c.nc.Write(frame[:v.cut])
					require.NoError(t, err)
				}
				time.Sleep(v.rest)
				synctest.Wait()
				if v.ok {
					_, err := c.nc.Write(frame[v.cut:])
					require.NoError(t, err)
					require.Equal(t, "00", c.receive().Get(39))
					return
				}
				c.requireClosed()
				require.Equal(t, "00", p.dial(t).ask(d.inquiry(11, nil)).Get(39), "others do not feel it")
			})
		})
	}
}

// A byte now and then does not stretch the time of a frame.
func TestDrippingFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, c, d := bubble(t)
		begin := time.Now()
		for _, b := range pos.AppendFrame(nil, d.inquiry(10, nil)) {
			if _, err := c.nc.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(700 * time.Millisecond)
		}
		require.Equal(t, 10*time.Second, time.Since(begin).Truncate(time.Second))
		c.requireClosed()
	})
}

// A peer that does not read for 10 s is closed. Its terminal's lane goes on meanwhile, on another connection.
func TestPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		c.send(d.inquiry(10, nil), d.inquiry(11, nil), d.inquiry(12, nil))
		synctest.Wait()
		second := p.dial(t)
		require.Equal(t, "00", second.ask(d.inquiry(13, nil)).Get(39))
		time.Sleep(10*time.Second - time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 2, w.Stats().Open)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 1, w.Stats().Open)
		c.requireClosed()
		require.Contains(t, w.log.String(), "an answer cannot be written")
	})
}

// A terminal that hangs up does not stop its debit, and the answer waits for the repeat.
func TestHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		host := newHeld()
		w.net.authorize = host.answer
		token := d.token(c, 10)
		c.send(d.debit(11, token, nil))
		<-host.entered
		require.NoError(t, c.nc.Close())
		second := p.dial(t)
		second.send(d.debit(11, token, nil))
		synctest.Wait()
		close(host.release)
		require.Equal(t, "00", second.receive().Get(39))
		synctest.Wait()
		require.EqualValues(t, 1, w.Stats().Open)
	})
}

// A peer that closes its sending side still gets its answers.
func TestHalfClose(t *testing.T) {
	_, c, d := start(t)
	c.send(d.inquiry(10, nil), d.inquiry(11, nil))
	require.NoError(t, c.nc.(*net.TCPConn).CloseWrite())
	require.Equal(t, "000010", c.receive().Get(11))
	require.Equal(t, "000011", c.receive().Get(11))
	c.requireClosed()
}

// 50,000 frames into handlers that stand still: reading stops at the connection's limit, and all are answered in the end.
func TestFlood(t *testing.T) {
	const n = 50_000
	limit := Limits{}.WithDefaults().InFlight
	synctest.Test(t, func(t *testing.T) {
		w, p, c, _ := bubble(t, patient)
		gate := make(chan struct{})
		w.mem.lookUp = func(acquirer.TerminalID) { <-gate }
		d := w.newDevice(t, "99999999")
		frame := pos.AppendFrame(nil, d.inquiry(1, nil))
		base := runtime.NumGoroutine()
		go func() {
			for i := range n {
				copy(frame[38:46], fmt.Sprintf("9%07d", i)) // a lane each
				if _, err := c.nc.Write(frame); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		require.EqualValues(t, 1+limit, w.Stats().Frames)
		require.LessOrEqual(t, runtime.NumGoroutine()-base, limit+2)
		_ = p
		close(gate)
		for range n {
			c.read()
		}
		require.EqualValues(t, n, w.Stats().Answered["97"])
		require.LessOrEqual(t, runtime.NumGoroutine()-base, limit+2)
	})
}

// Accepting goes on after the process had no file left, after pauses that grow, with one line in the log.
func TestAcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, _, d := bubble(t)
		begin := time.Now()
		for range 12 {
			p.fail <- emfile
		}
		c := p.dial(t) // accepted between two failures or after them
		require.Equal(t, "00", c.ask(d.inquiry(10, nil)).Get(39))
		for range 12 {
			p.fail <- emfile
		}
		time.Sleep(time.Minute)
		require.Equal(t, "00", p.dial(t).ask(d.inquiry(11, nil)).Get(39))
		require.Empty(t, p.fail)
		require.Less(t, time.Since(begin), 2*time.Minute)
		require.LessOrEqual(t, strings.Count(w.log.String(), "accepting terminals fails"), 3)
	})
}

func TestAcceptBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.once.Do(w.init)
		pause, want := time.Duration(0), []int{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000}
		for _, ms := range want {
			begin := time.Now()
			pause = w.rest(pause, emfile)
			require.Equal(t, time.Duration(ms)*time.Millisecond, pause)
			require.Equal(t, pause, time.Since(begin))
		}
		close(w.closed)
		begin := time.Now()
		w.rest(pause, emfile)
		require.Zero(t, time.Since(begin), "shutting down does not wait for it")
	})
}

func TestListenerClosedByOthers(t *testing.T) {
	w := newWorld(t)
	p := newPipes()
	require.NoError(t, p.Close())
	require.ErrorIs(t, w.Serve(p), net.ErrClosed)
}

func TestConnectionCaps(t *testing.T) {
	for _, l := range []Limits{{MaxConnections: 2}, {PerAddress: 2}} {
		w := newWorld(t, func(w *world) { w.Limits = l })
		addr := w.listen(t)
		d := w.newDevice(t, "10000001")
		one, two := dial(t, addr), dial(t, addr)
		for _, c := range []*client{one, two} {
			require.Equal(t, "00", c.ask(d.manage(pos.MTISignOn, pos.NetSignOn, nil)).Get(39))
		}
		dial(t, addr).requireClosed()
		require.NoError(t, one.nc.Close())
		requireSoon(t, func() bool { return w.Stats().Open == 1 })
		require.Equal(t, "00", dial(t, addr).ask(d.manage(pos.MTISignOn, pos.NetSignOn, nil)).Get(39))
		stats := w.Stats()
		require.EqualValues(t, 3, stats.Accepted)
		require.EqualValues(t, 1, stats.Refused)
	}
}

// requireSoon waits for what another goroutine is about to bring about.
func requireSoon(t testing.TB, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, time.Millisecond)
}

// Shutdown answers what was read, reads nothing more, and closes.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		host := newHeld()
		w.net.authorize = host.answer
		idle := p.dial(t)
		c.send(d.debit(11, d.token(c, 10), nil))
		<-host.entered
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- w.Shutdown(t.Context()) }()
		}
		idle.requireClosed()
		synctest.Wait()
		require.Empty(t, done)
		close(host.release)
		m := c.receive()
		require.Equal(t, []string{"0210", "00"}, []string{m.MTI(), m.Get(39)})
		c.requireClosed()
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		require.NoError(t, w.Serve(newPipes()), "served no more, and that is no fault")
	})
}

// A context that ends cuts Shutdown short.
func TestShutdownCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c, d := bubble(t)
		host := newHeld()
		w.net.authorize = host.answer
		c.send(d.debit(11, d.token(c, 10), nil))
		<-host.entered
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.ErrorIs(t, w.Shutdown(ctx), context.DeadlineExceeded)
		c.requireClosed()
		close(host.release)
		synctest.Wait()
		require.Equal(t, acquirer.Approved, w.mem.all()[0].State, "the debit ends as it would have")
	})
}

func TestShutdownUnderLoad(t *testing.T) {
	w, c, d := start(t)
	frame := d.inquiry(10, nil)
	var wg sync.WaitGroup
	answers := 0
	wg.Go(func() {
		for {
			if _, err := pos.ReadFrame(c.nc, nil); err != nil {
				return
			}
			answers++
		}
	})
	wg.Go(func() {
		for {
			if _, err := c.nc.Write(pos.AppendFrame(nil, frame)); err != nil {
				return
			}
		}
	})
	requireSoon(t, func() bool { return w.Stats().Frames > 500 })
	require.NoError(t, w.Shutdown(t.Context()))
	wg.Wait()
	require.EqualValues(t, w.Stats().Frames, answers+1, "every frame that was read was answered, and the answer arrived")
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	_, err := ListenTLS("127.0.0.1:0", cert, filepath.Join(t.TempDir(), "none"))
	require.Error(t, err)
	l, err := ListenTLS("127.0.0.1:0", cert, key)
	require.NoError(t, err)
	w := newWorld(t)
	w.serve(t, l)
	pool := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(text))

	nc, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "localhost"})
	require.NoError(t, err)
	c, d := newClient(t, nc), w.newDevice(t, "10000001")
	d.signOn(c, pos.NetSignOn)
	require.Equal(t, "00", c.ask(d.inquiry(10, nil)).Get(39))
	_, err = tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: tls.VersionTLS11})
	require.Error(t, err)

	plain := dial(t, l.Addr().String()) // a clear sign-on gets no answer in clear
	plain.send(d.manage(pos.MTISignOn, pos.NetSignOn, nil))
	answer := make([]byte, 1)
	if n, _ := plain.nc.Read(answer); n == 1 {
		require.EqualValues(t, 21, answer[0], "a TLS alert")
	}
	requireSoon(t, func() bool { return strings.Contains(w.log.String(), "TLS handshake") })
}

// certificate writes a self-signed certificate for localhost and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	write := func(name, kind string, b []byte) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600))
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}
