package mail

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/stretchr/testify/require"
)

// signed signs a mail by our library, for tables; TestDKIMPeer has another's signature.
func signed(t *testing.T, key *rsa.PrivateKey, domain, text string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, dkim.Sign(&b, bytes.NewReader(crlf(text)), &dkim.SignOptions{Domain: domain, Selector: "s", Signer: key}))
	return b.String()
}

func newRSA(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return key, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

func TestEvidence(t *testing.T) {
	key, record := newRSA(t)
	c := config(&desk{})
	c.Resolver = dns{map[string][]string{"s._domainkey.mail.example": {record}, "s._domainkey.evil.example": {record},
		"s._domainkey.example": {record},
		"mail.example":         {"v=spf1 ip4:192.0.2.1 -all"}, "soft.example": {"v=spf1 ~all"}, "evil.example": {"v=spf1 +all"},
		"helo.example": {"v=spf1 ip4:192.0.2.1 -all"}, "odd.example": {"v=spf1 what"}}}
	m, err := New(c)
	require.NoError(t, err)
	text := plain("1", "帮助")
	other := strings.Replace(text, "li@mail.example", "li@evil.example", 1)
	below := strings.Replace(text, "li@mail.example", "li@sub.mail.example", 1)
	for name, v := range map[string]struct {
		ip, envelope, text, want string
		forged                   bool
	}{
		"nothing":             {"192.0.2.1", "li@none.example", text, "spf=none dkim=none aligned=none", false},
		"spf":                 {"192.0.2.1", "li@mail.example", text, "spf=pass dkim=none aligned=spf", false},
		"spf of another":      {"192.0.2.9", "li@evil.example", text, "spf=pass dkim=none aligned=none", false},
		"spf of the parent":   {"192.0.2.1", "li@mail.example", below, "spf=pass dkim=none aligned=spf", false},
		"not by the owner":    {"192.0.2.9", "li@mail.example", text, "spf=fail dkim=none aligned=none", true},
		"softly":              {"192.0.2.9", "li@soft.example", text, "spf=softfail dkim=none aligned=none", false},
		"odd record":          {"192.0.2.9", "li@odd.example", text, "spf=permerror dkim=none aligned=none", false},
		"null sender":         {"192.0.2.1", "", text, "spf=pass dkim=none aligned=none", false},
		"signed":              {"192.0.2.9", "li@none.example", signed(t, key, "mail.example", text), "spf=none dkim=pass aligned=dkim", false},
		"forwarded":           {"192.0.2.9", "li@mail.example", signed(t, key, "mail.example", text), "spf=fail dkim=pass aligned=dkim", false},
		"both":                {"192.0.2.1", "li@mail.example", signed(t, key, "mail.example", text), "spf=pass dkim=pass aligned=spf+dkim", false},
		"signed by another":   {"192.0.2.9", "li@none.example", signed(t, key, "evil.example", text), "spf=none dkim=pass aligned=none", false},
		"signed by a suffix":  {"192.0.2.9", "li@none.example", signed(t, key, "example", text), "spf=none dkim=pass aligned=none", false},
		"no key":              {"192.0.2.9", "li@none.example", signed(t, key, "soft.example", text), "spf=none dkim=fail aligned=none", false},
		"changed":             {"192.0.2.9", "li@none.example", strings.Replace(signed(t, key, "mail.example", text), "帮助", "取消", 1), "spf=none dkim=fail aligned=none", false},
		"changed From":        {"192.0.2.9", "li@none.example", strings.Replace(signed(t, key, "evil.example", other), "li@evil", "li@mail", 1), "spf=none dkim=fail aligned=none", false},
		"two signatures":      {"192.0.2.9", "li@none.example", signed(t, key, "mail.example", signed(t, key, "evil.example", text)), "spf=none dkim=pass aligned=dkim", false},
		"rubbish":             {"192.0.2.9", "li@none.example", "DKIM-Signature: x\n" + text, "spf=none dkim=fail aligned=none", false},
		"four, the good last": {"192.0.2.9", "li@none.example", strings.Repeat("DKIM-Signature: x\r\n", maxSignatures) + signed(t, key, "mail.example", text), "spf=none dkim=fail aligned=none", false},
	} {
		x, err := readMail(crlf(v.text))
		require.NoError(t, err, name)
		p := m.prove(t.Context(), net.ParseIP(v.ip), "helo.example", v.envelope, x)
		require.Equal(t, v.want, p.String(), name)
		require.Equal(t, v.forged, p.forged(), name)
	}
}

// TestNoAnswerToTheForged: what the domain's owner says is not from there is heard, and nobody is written to.
func TestNoAnswerToTheForged(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	d := &desk{}
	d.reply.Text = "已收到。"
	c := config(d)
	c.SmartHost, c.Resolver = h.addr, dns{map[string][]string{"mail.example": {"v=spf1 -all"}}}
	m := start(t, c)
	require.NoError(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", plain("1", "帮助")))
	in, _ := d.all()
	require.Len(t, in, 1)
	require.Equal(t, "spf=fail dkim=none aligned=none", in[0].Evidence.Checks)
	require.Empty(t, h.all())
}

// needs returns the path of a program, or skips the test and says what is missing.
func needs(t *testing.T, program, from string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed (Debian: %s)", program, from)
	}
	return path
}

// TestDKIMPeer: a signature made by dkimpy.
func TestDKIMPeer(t *testing.T) {
	sign := needs(t, "dkimsign", "python3-dkim")
	key, record := newRSA(t)
	file := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	for _, headers := range []string{"relaxed", "simple"} {
		cmd := exec.CommandContext(t.Context(), sign, "--hcanon", headers, "--bcanon", headers, "s", "mail.example", file)
		cmd.Stdin = bytes.NewReader(crlf(plain("1", "注册 李明")))
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		require.NoError(t, cmd.Run(), errs.String())
		d := &desk{}
		c := config(d)
		c.Resolver = dns{map[string][]string{"s._domainkey.mail.example": {record}}}
		m := start(t, c)
		require.NoError(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", out.String()))
		changed := strings.Replace(out.String(), "李明", "王明", 1)
		require.NoError(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", changed))
		in, _ := d.all()
		require.Len(t, in, 2)
		require.Equal(t, "spf=none dkim=pass aligned=dkim", in[0].Evidence.Checks)
		require.Equal(t, "spf=none dkim=fail aligned=none", in[1].Evidence.Checks)
	}
}
