package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/ringback/spec/pos"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

// freePorts returns addresses that nobody listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		out = append(out, l.Addr().String())
	}
	return out
}

// make up, as a newcomer runs it: ready, a payment, the host killed and back on its ledger, the day settled, a clean end.
func TestUp(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	build, err := exec.Command("go", "build", "-o", bin+"/", "example.com/ringback/cmd/ringbackd", "example.com/ringback/cmd/ringhost").CombinedOutput()
	require.NoError(t, err, string(build))
	addrs := freePorts(t, 4)
	up := exec.Command(filepath.Join(bin, "ringbackd"), "up")
	up.Env = append(os.Environ(), "RINGBACK_DIR="+dir, "RINGBACK_TERMINAL_ADDR="+addrs[0], "RINGBACK_HTTP_ADDR="+addrs[1],
		"RINGBACK_HOST_ADDR="+addrs[2], "RINGBACK_HOST_HTTP_ADDR="+addrs[3])
	up.Stderr = &lockedBuffer{}
	out, err := up.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, up.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)

	term := terminalAt(t, addrs[0], nil)
	_, err = term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	killHost(t, up.Process.Pid)
	require.Eventually(t, func() bool {
		return get(t, "http://"+addrs[1]+"/readyz") == http.StatusOK && get(t, "http://"+addrs[3]+"/ledger") == http.StatusOK
	},
		20*time.Second, 50*time.Millisecond)
	_, err = term.Pay(t.Context(), payment(1235), holder{[]string{"123456"}})
	require.NoError(t, err)
	list, err := exec.Command(filepath.Join(bin, "ringbackd"), "payment", "list", "-c", filepath.Join(dir, "ringbackd.yaml"), "--state", "approved").CombinedOutput()
	require.NoError(t, err, string(list))
	require.Equal(t, 3, strings.Count(string(list), "\n"), "a heading and two payments")

	batch, err := term.Settle(t.Context())
	require.NoError(t, err)
	require.True(t, batch.Agreed)
	text, err := exec.Command(filepath.Join(bin, "ringbackd"), "settle", "--json", "-c", filepath.Join(dir, "ringbackd.yaml")).Output()
	require.NoError(t, err)
	var day settlementJSON
	require.NoError(t, json.Unmarshal(text, &day))
	require.Equal(t, sumJSON{2, 2469}, day.Paid, string(text))
	require.NoError(t, up.Process.Signal(syscall.SIGTERM))
	require.NoError(t, up.Wait())
	require.Zero(t, get(t, "http://"+addrs[3]+"/ledger"), "the host has ended too")
}

func get(t *testing.T, url string) int {
	r, err := http.Get(url)
	if err != nil {
		return 0
	}
	require.NoError(t, r.Body.Close())
	return r.StatusCode
}

// killHost kills the child of a process that is called ringhost.
func killHost(t *testing.T, parent int) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(e)
		if err != nil {
			continue // it has ended meanwhile
		}
		f := strings.Fields(string(b))
		if f[1] == "(ringhost)" && f[3] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(f[0])
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			return
		}
	}
	t.Fatal("no ringhost")
}

func terminalAt(t *testing.T, addr string, dial func(context.Context, string) (net.Conn, error)) *emulator.Terminal {
	t.Helper()
	tmk, err := hex.DecodeString(demoTerminals[0].tmk)
	require.NoError(t, err)
	term, err := emulator.Open(emulator.Config{Slips: true, TerminalID: string(demoTerminals[0].id), MerchantID: string(demoTerminals[0].merchant),
		TMK: tmk, Addr: addr, Dial: dial})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, term.Close()) })
	return term
}

// The listener for TLS speaks TLS and nothing else: beside a plain one, and, where TLS is required, alone. A sign-on in clear
// is not answered in clear and leaves the terminal as it was.
func TestTLS(t *testing.T) {
	for _, plain := range []string{"127.0.0.1:0", ""} {
		t.Run("plain "+plain, func(t *testing.T) {
			w := newWorld(t, 5*time.Second)
			w.stopSwitch()
			pool := writeCertificate(t, w.dir)
			b, err := os.ReadFile(w.config())
			require.NoError(t, err)
			text := strings.Replace(string(b), `terminal: {addr: "127.0.0.1:0"}`,
				`terminal: {addr: "`+plain+`", tls: {addr: "127.0.0.1:0", cert_file: cert.pem, key_file: cert.key}}`, 1)
			require.NoError(t, os.WriteFile(w.config(), []byte(text), 0o600))
			w.startSwitch()
			require.Len(t, w.app.listeners, map[bool]int{true: 1, false: 2}[plain == ""])
			addr := w.app.listeners[len(w.app.listeners)-1].Addr().String()
			before := w.books()
			w.requireNoClearAnswer(addr)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			require.Error(t, terminalAt(t, addr, nil).SignOn(ctx, "003"), "a clear sign-on is refused")
			require.Equal(t, before, w.books())
			require.Zero(t, w.app.Terminal.Stats().Frames)
			secure := terminalAt(t, addr, func(ctx context.Context, addr string) (net.Conn, error) {
				d := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: "ringback.test"}}
				return d.DialContext(ctx, "tcp", addr)
			})
			_, err = secure.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
			require.NoError(t, err)
		})
	}
}

// requireNoClearAnswer sends a sign-on in clear: what comes back is a TLS alert, or nothing.
func (w *world) requireNoClearAnswer(addr string) {
	w.t.Helper()
	signOn := pos.New(pos.MTISignOn)
	signOn.SetEnvelope(pos.DefaultEnvelope())
	for id, v := range map[int]string{11: "000001", 41: "10000001", 42: "898110000000001", 60: "00000000003"} {
		signOn.Set(id, v)
	}
	frame, err := signOn.Pack()
	require.NoError(w.t, err)
	nc, err := net.Dial("tcp", addr)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, nc.Close()) }()
	_, err = nc.Write(pos.AppendFrame(nil, frame))
	require.NoError(w.t, err)
	require.NoError(w.t, nc.SetReadDeadline(time.Now().Add(time.Minute)))
	answer, err := io.ReadAll(nc)
	require.NotErrorIs(w.t, err, os.ErrDeadlineExceeded)
	if len(answer) > 0 {
		const alert = 21
		require.EqualValues(w.t, alert, answer[0])
	}
}

// writeCertificate makes a certificate that signs itself.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"ringback.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "cert.key": {Type: "PRIVATE KEY", Bytes: secret}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return pool
}
