package main

import (
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
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// signer signs certificates for the tests.
type signer struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &signer{t, key, cert}
}

func (s *signer) sign(name string, use x509.ExtKeyUsage) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"ringback.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{use}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, s.cert, &key.PublicKey, s.key)
	require.NoError(s.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// write puts the certificate of a server and the signer's own into files of dir.
func (s *signer) write(dir string) {
	c := s.sign("switch", x509.ExtKeyUsageServerAuth)
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(s.t, err)
	for name, block := range map[string]*pem.Block{"http.pem": {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		"http.key": {Type: "PRIVATE KEY", Bytes: key}, "clients.pem": {Type: "CERTIFICATE", Bytes: s.cert.Raw}} {
		require.NoError(s.t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
}

// The figures over TLS are for operators with the role and a certificate of ours; health is for all, on its own address.
func TestHTTPOverTLS(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.stopSwitch()
	ours, theirs := newSigner(t), newSigner(t)
	ours.write(w.dir)
	b, err := os.ReadFile(w.config())
	require.NoError(t, err)
	text := strings.Replace(string(b), `http: {addr: "127.0.0.1:0"}`, `http: {addr: ":0", health_addr: "127.0.0.1:0",
  tls: {cert_file: http.pem, key_file: http.key, client_ca_file: clients.pem}}`, 1)
	require.NoError(t, os.WriteFile(w.config(), []byte(text+operatorsYAML), 0o600))
	require.NoError(t, runAs(t.Context(), t, caller{}, w.config(), "check"))
	w.startSwitch()
	_, port, err := net.SplitHostPort(w.app.web.Addr().String())
	require.NoError(t, err)

	client := x509.ExtKeyUsageClientAuth
	for _, v := range []struct {
		name   string
		cert   tls.Certificate
		max    uint16
		status int // 0: no connection
	}{
		{"view", ours.sign("vera", client), 0, 200},
		{"operate", ours.sign("otto", client), 0, 403},
		{"listed nowhere", ours.sign("mallory", client), 0, 403},
		{"the operator's name is not the certificate's", ours.sign("Vera", client), 0, 403},
		{"no certificate", tls.Certificate{}, 0, 0},
		{"another authority", theirs.sign("vera", client), 0, 0},
		{"TLS 1.2", ours.sign("vera", client), tls.VersionTLS12, 0},
	} {
		roots := x509.NewCertPool()
		roots.AddCert(ours.cert)
		transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "ringback.test",
			MaxVersion: v.max, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &v.cert, nil }}}
		r, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get("https://127.0.0.1:" + port + "/metrics")
		if v.status == 0 {
			require.Error(t, err, v.name)
			continue
		}
		require.NoError(t, err, v.name)
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, v.status, r.StatusCode, v.name)
		require.Equal(t, v.status == 200, strings.Contains(string(body), "ringback_host_link_up"), v.name)
		if v.status == 200 {
			require.Contains(t, string(body), `ringback_http_handshakes_failed_total{listener="console"} 0`)
		}
	}
	require.Eventually(t, func() bool { n, _ := w.app.web.Failures(); return n == 3 }, 20*time.Second, time.Millisecond)
	health := "http://" + w.app.health.Addr().String()
	require.Equal(t, 200, get(t, health+"/livez"))
	require.Equal(t, 200, get(t, health+"/readyz"))
	require.Equal(t, 404, get(t, health+"/metrics"))
	require.Equal(t, 400, get(t, "http://127.0.0.1:"+port+"/livez"), "nothing in clear")

	require.NoError(t, os.Remove(filepath.Join(w.dir, "clients.pem")))
	require.ErrorContains(t, runAs(t.Context(), t, caller{}, w.config(), "check"), "http.tls")
}

// A listener in clear that others can reach is refused, by check and by serve, until it is said aloud.
func TestClearHTTPForOthers(t *testing.T) {
	config := newInstallation(t, "")
	b, err := os.ReadFile(config)
	require.NoError(t, err)
	write := func(http string) {
		require.NoError(t, os.WriteFile(config, []byte(strings.Replace(string(b), "http:\n  addr: 127.0.0.1:0\n", http, 1)), 0o600))
	}
	write("http: {addr: \"0.0.0.0:0\"}\n")
	for _, verb := range []string{"check", "serve"} {
		require.ErrorContains(t, runAs(t.Context(), t, caller{}, config, verb), "http.addr: 0.0.0.0:0 is not loopback", verb)
	}
	write("http: {addr: \"0.0.0.0:0\", insecure: true}\n")
	require.NoError(t, runAs(t.Context(), t, caller{}, config, "check"))
}
