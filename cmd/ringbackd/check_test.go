package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checked runs the verb on a configuration with more in it, and returns its lines.
func checked(t *testing.T, more string, reach bool) (ok, wrong []string) {
	t.Helper()
	dir := t.TempDir()
	path, err := initialise(dir, true)
	require.NoError(t, err)
	base, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "%s\n%s\n", base, more), 0o600))
	var out bytes.Buffer
	err = (&checkCmd{configFlag: configFlag{Config: path}, Reach: reach}).check(t.Context(), &out)
	if err != nil {
		wrong = strings.Split(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), "\n")
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), wrong
}

// A line for each channel that is configured: in order, or every single thing that it lacks.
func TestCheckNamesEveryChannel(t *testing.T) {
	ok, wrong := checked(t, "", false)
	require.Equal(t, []string{"ok: keys", "ok: host", "ok: issuers", "ok: notices", "ok: store"}, ok)
	require.Empty(t, wrong)

	ok, wrong = checked(t, `web: {addr: "127.0.0.1:0"}
channels:
  spool: {dir: spool}
  sms: {centres: ["127.0.0.1:1"], system_id: r, source: "1069", password_file: sms.password}
  webhook: {enabled: true}
  letter: {printer: "ipp://127.0.0.1:1/printers/letters", sender: [Ringback]}
  email: {domain: pay.example, from: n@pay.example, smart_host: "127.0.0.1:1", security: starttls, username: u, password_file: smtp.password, ca_file: ca.pem}
`, false)
	require.Equal(t, []string{"ok: web", "ok: channels.spool", "ok: channels.webhook", "ok: channels.letter"}, ok[5:], "no printer is asked")
	require.Len(t, wrong, 4)
	for i, want := range []string{"missing: channels.email: password_file: stat smtp.password", "missing: channels.email: ca_file: open ca.pem",
		"missing: channels.email: smart_host: a user name without a password", "missing: channels.sms: stat sms.password"} {
		require.True(t, strings.HasPrefix(wrong[i], want), "%q", wrong[i])
	}
}

// Only who asks for it has peers called.
func TestCheckReaches(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	t.Setenv("RINGBACK_HOST_ADDR", l.Addr().String()+",127.0.0.1:1")
	_, wrong := checked(t, "", false)
	require.Empty(t, wrong)
	ok, wrong := checked(t, "", true)
	require.Contains(t, ok, "ok: host: "+l.Addr().String()+" answers")
	require.Len(t, wrong, 1)
	require.True(t, strings.HasPrefix(wrong[0], "away: host: 127.0.0.1:1 cannot be reached: "), wrong[0])
}

func TestSectionOf(t *testing.T) {
	for text, want := range map[string]string{"channels.letter.dir: no": "channels.letter", "channels.sms: no": "channels.sms",
		"web: no": "web", "no": "no"} {
		require.Equal(t, want, sectionOf(errors.New(text)))
	}
	a, b := errors.New("a"), errors.New("b")
	require.Equal(t, []error{a, b}, parts(errors.Join(a, errors.Join(nil, b))))
	one := fmt.Errorf("%w: %w", a, b)
	require.Equal(t, []error{one}, parts(one))
	require.Empty(t, parts(nil))
}
