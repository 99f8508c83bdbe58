package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

// The whole switch as its configuration makes it: a registration by SMS that the mock host's bank verifies, a payment, and
// the payer is told.
func TestSMSConfigured(t *testing.T) {
	smsConfigured(t, newSMSCentre(t), "system_id: ringback", "pw-1234")
}

// The same by CMPP, whose gateway is gocmpp's.
func TestCMPPConfigured(t *testing.T) {
	for _, protocol := range []string{"cmpp2", "cmpp3"} {
		t.Run(protocol, func(t *testing.T) {
			smsConfigured(t, newCMPPCentre(t, protocol), "protocol: "+protocol+", system_id: \"901234\"", "a-secret-1234")
		})
	}
}

func smsConfigured(t *testing.T, centre *smsCentre, keys, password string) {
	w := newWorld(t, 3*time.Second)
	w.stopSwitch()
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "sms.password"), []byte(password+"\n"), 0o600))
	f, err := os.OpenFile(w.config(), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "channels:\n  sms: {centres: [%q], %s, password_file: sms.password, source: \"10690000\", double: 1ms}\n"+
		"  webhook: {enabled: true}\n", centre.addr, keys)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	check := checkCmd{configFlag: configFlag{Config: w.config()}}
	require.NoError(t, check.Run())
	w.startSwitch()
	centre.await("bound", 1)

	const number = "13700137001"
	sw := &smsWorld{smsCentre: centre, db: w.app.db}
	sw.says(number, "注册 王小明 6217000000000000012", 0)
	sw.says(number, sw.code(number, 1), 0)
	sw.awaitText(number, "已完成注册", 1)
	require.True(t, sw.registered(number))

	p := payment(1234)
	r, err := w.terminal("10000001").Pay(t.Context(), p, holder{[]string{"123456"}})
	require.NoError(t, err)
	require.Equal(t, "00", r.Code)
	require.Contains(t, sw.awaitText(p.Payer, "付款12.34元", 1), "您于")
	require.Eventually(t, func() bool {
		delivered, err := w.app.db.NoticesIn(t.Context(), acquirer.NoticeDelivered, 10)
		return err == nil && len(delivered) == 3
	}, smsPatience, 10*time.Millisecond)
	for _, canary := range []string{number, p.Payer, password, "6217000000000000012", "王小明"} {
		require.NotContains(t, w.log.String(), canary)
	}
}

func TestChannelsConfigIsChecked(t *testing.T) {
	dir := t.TempDir()
	_, err := initialise(dir, true)
	require.NoError(t, err)
	write := func(name, text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	write("good", "pw-1234\n", 0o600)
	write("open", "pw-1234\n", 0o644)
	write("long", "123456789\n", 0o600)
	write("empty", "\n", 0o600)
	write("secrets", "# receivers\n\nShop.example:8443 0f3c9a5b7d1e2468\nother.example 0f3c9a5b7d1e2468\n", 0o600)
	write("twice", "a.example 0f3c9a5b7d1e2468\nA.example 0f3c9a5b7d1e2469\n", 0o600)
	write("short", "a.example 0f3c9a5b7d1e246\n", 0o600)
	base, err := os.ReadFile(filepath.Join(dir, "ringbackd.yaml"))
	require.NoError(t, err)
	const sms = "channels: {sms: {centres: [\"127.0.0.1:2775\"], system_id: a, source: \"1069\", password_file: good"
	const cmpp = "channels: {sms: {protocol: cmpp3, centres: [\"127.0.0.1:7890\"], system_id: \"901234\", source: \"1069\", password_file: good"
	for _, c := range []struct{ add, err string }{
		{sms + "}}", ""}, {"channels: {webhook: {enabled: true, secrets_file: secrets, allow_networks: [10.20.0.0/16]}}", ""},
		{strings.Replace(sms, "good", "open", 1) + "}}", "may be read by others"},
		{strings.Replace(sms, "good", "long", 1) + "}}", "1 to 8 characters"},
		{strings.Replace(sms, "good", "empty", 1) + "}}", "is empty"},
		{strings.Replace(sms, "good", "none", 1) + "}}", "no such file"},
		{strings.Replace(sms, "system_id: a, ", "", 1) + "}}", "channels.sms.system_id"},
		{strings.Replace(sms, "source: \"1069\", ", "", 1) + "}}", "channels.sms.source"},
		{strings.Replace(sms, ", password_file: good", "", 1) + "}}", "channels.sms.password_file"},
		{sms + ", system_type: 0123456789abc}}", "channels.sms.system_type"},
		{sms + ", alphabet: utf8}}", "oneof"}, {sms + ", rate: 0}}", "rate"}, {sms + ", prefix: \"+86\"}}", "prefix"}, {sms + ", unknown: 1}}", "unknown"},
		{sms + ", tls: true, ca_file: good}}", "no certificate"},
		{cmpp + "}}", ""}, {strings.Replace(cmpp, "good", "long", 1) + ", service: SVC, fee_type: \"02\", any_gateway: true}}", ""},
		{strings.Replace(cmpp, "901234", "90123", 1) + "}}", "channels.sms.system_id: the SP_Id, 6 characters"},
		{strings.Replace(cmpp, "cmpp3", "cmpp2", 1) + ", service: \"01234567890\"}}", "channels.sms.service"},
		{strings.Replace(cmpp, "cmpp3", "cmpp4", 1) + "}}", "oneof"},
		{cmpp + ", alphabet: latin1}}", "channels.sms.alphabet: means nothing with protocol cmpp3"},
		{sms + ", fee_code: \"10\"}}", "channels.sms.fee_code: means nothing with protocol smpp"},
		{cmpp + ", sends: 0}}", "sends"}, {cmpp + ", window: 256}}", "window"},
		{sms + "}}\nnotices: {number: [spool]}", "sms is not in it"},
		{"channels: {webhook: {enabled: true, secrets_file: twice}}", "stands there twice"},
		{"channels: {webhook: {enabled: true, secrets_file: short}}", "line 1: want a host"},
		{"channels: {webhook: {enabled: true, secrets_file: open}}", "may be read by others"},
		{"channels: {webhook: {enabled: true, allow_networks: [10.20.0.0]}}", "cidr"},
		{"production: true\ndemo: false\nchannels: {webhook: {enabled: true, allow_http: true}}", "allow_http: refused"},
	} {
		text := string(base)
		if strings.HasPrefix(c.add, "production") {
			text = strings.NewReplacer("demo: true\n", "", "production: false\n", "").Replace(text)
		}
		path := filepath.Join(dir, "test.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text+"\n"+c.add+"\n"), 0o600))
		err := (&checkCmd{configFlag: configFlag{Config: path}}).Run()
		if c.err == "" {
			require.NoError(t, err, c.add)
			continue
		}
		require.ErrorContains(t, err, c.err, c.add)
		require.NotContains(t, err.Error(), "0f3c9a")
	}
	secrets, err := receiverSecrets(filepath.Join(dir, "secrets"))
	require.NoError(t, err)
	require.Len(t, secrets, 2)
	require.Equal(t, "0f3c9a5b7d1e2468", string(secrets["shop.example:8443"].Reveal()))
}

// The bind goes over TLS when the section says so, and to nobody whose certificate is another's.
func TestSMSOverTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	made := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "centre"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	require.NoError(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	password := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(password, []byte("pw"), 0o600))
	for _, c := range []struct {
		ca   string
		good bool
	}{{ca, true}, {"", false}} {
		section := SMSConfig{Protocol: "smpp", Centres: []string{l.Addr().String()}, TLS: true, CAFile: c.ca, PasswordFile: password}
		require.NoError(t, section.ready())
		accepted := make(chan error, 1)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				err = conn.(*tls.Conn).Handshake()
				_ = conn.Close() // the handshake was all
			}
			accepted <- err
		}()
		conn, err := section.dial(t.Context(), l.Addr().String())
		require.Equal(t, c.good, err == nil, err)
		if err == nil {
			require.NoError(t, conn.Close())
		}
		require.Equal(t, c.good, <-accepted == nil)
	}
}
