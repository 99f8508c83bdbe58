package mail

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

// patience is how long a peer may take; a test that waits so long has failed.
const patience = 60 * time.Second

// opensmtpd is a real mail server as smart host and as the home of a recipient.
type opensmtpd struct {
	t          *testing.T
	file, addr string
	box        string
	run        string // tells this run from others: the server's queue outlives it
	cmd        *exec.Cmd
	out        bytes.Buffer
	exited     chan error
}

// newOpenSMTPD writes a configuration: mailRUN.test has one box, lateRUN.test takes every mail and cannot deliver it, and
// what is for pay.example goes to home.
func newOpenSMTPD(t *testing.T, home string) *opensmtpd {
	t.Helper()
	needs(t, "smtpd", "opensmtpd")
	if os.Geteuid() != 0 {
		t.Skip("OpenSMTPD runs as root only")
	}
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "ringback-smtpd.lock"), os.O_CREATE|os.O_RDWR, 0o600) // it has one control socket
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	t.Cleanup(func() { require.NoError(t, lock.Close()) })
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	s := &opensmtpd{t: t, file: filepath.Join(dir, "smtpd.conf"), box: filepath.Join(dir, "box"), addr: freeAddr(t)}
	require.NoError(t, os.Mkdir(s.box, 0o700))
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.Atoi(nobody.Uid)
	require.NoError(t, err)
	require.NoError(t, os.Chown(s.box, uid, -1))
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	s.run = port
	text := strings.NewReplacer("PORT", port, "RUN", s.run, "BOX", s.box, "HOME", home).Replace(`listen on 127.0.0.1 port PORT hostname mx.mail.test
table vusers { "payee@mailRUN.test" = "nobody" }
table late { "@" = "nobody" }
action "boxRUN" maildir "BOX" virtual <vusers>
action "failRUN" mda "/bin/false" virtual <late>
action "homeRUN" relay host "smtp://HOME"
match from any for domain "mailRUN.test" action "boxRUN"
match from any for domain "lateRUN.test" action "failRUN"
match from any for domain "pay.example" action "homeRUN"
`)
	require.NoError(t, os.WriteFile(s.file, []byte(text), 0o600))
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (s *opensmtpd) start() {
	s.t.Helper()
	s.cmd = exec.Command("smtpd", "-d", "-f", s.file)
	s.out.Reset()
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(s.t, s.cmd.Start())
	s.exited = make(chan error, 1)
	go func() { s.exited <- s.cmd.Wait() }()
	s.t.Cleanup(s.kill)
	wait(s.t, func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return false
		}
		require.NoError(s.t, c.Close())
		return true
	})
}

// kill ends the server and its children at once, as a power cut would.
func (s *opensmtpd) kill() {
	if s.cmd == nil {
		return
	}
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		require.NoError(s.t, err)
	}
	<-s.exited
	s.cmd = nil
	if s.t.Failed() {
		s.t.Log(s.out.String())
	}
}

// delivered waits until a mail that holds a text lies in the box, and returns it.
func (s *opensmtpd) delivered(holds string) (text string) {
	s.t.Helper()
	wait(s.t, func() bool {
		names, err := filepath.Glob(filepath.Join(s.box, "new", "*"))
		for _, name := range names {
			b, readErr := os.ReadFile(name)
			err = errors.Join(err, readErr)
			if strings.Contains(string(b), holds) {
				text = string(b)
			}
		}
		return err == nil && text != ""
	})
	return text
}

// wait waits for what another process does.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	require.Eventually(t, done, patience, 20*time.Millisecond)
}

func TestOpenSMTPD(t *testing.T) {
	d := &desk{reply: acquirer.Reply{Text: "已收到。"}}
	c := config(d)
	c.Listen = freeAddr(t)
	s := newOpenSMTPD(t, c.Listen)
	c.SmartHost = s.addr
	m := start(t, c)
	payee, late := "payee@mail"+s.run+".test", "li@late"+s.run+".test"
	try := func(id, to string) error {
		_, err := m.Send(t.Context(), notice(t, s.run+id, to))
		return err
	}
	require.ErrorIs(t, try("1-1", payee), acquirer.ErrDeviceDown)
	s.start()

	// Delivered, as it was written.
	n := notice(t, s.run+"2-1", payee)
	handed, err := m.Send(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, n.ID, handed.Reference)
	x, err := readMail(crlf(s.delivered("ringback.n." + n.ID)))
	require.NoError(t, err)
	require.Equal(t, "付款通知", decodeWords(x.value("Subject")))
	require.Equal(t, n.Text, x.text)
	require.Contains(t, x.value("Return-Path"), "bounce+"+n.ID+"=")

	// Refused for ever; the words of the answer stay outside.
	for _, to := range []string{"nobody@mail" + s.run + ".test", "li@elsewhere.test"} {
		err = try("3-1", to)
		require.ErrorIs(t, err, acquirer.ErrUndeliverable)
		require.NotContains(t, err.Error(), ".test")
	}

	// Killed, and there again.
	s.kill()
	require.ErrorIs(t, try("4-1", payee), acquirer.ErrDeviceDown)
	s.start()
	require.NoError(t, try("4-1", payee))
	s.delivered("ringback.n." + s.run + "4-1")

	// Taken, and bounced later: the server's own report comes home and is a receipt.
	require.NoError(t, try("5-1", late))
	receipt := acquirer.Receipt{Device: acquirer.DeviceEmail, Notice: s.run + "5-1", Detail: "mail failed 5.3.0"}
	wait(t, func() bool { _, r := d.all(); return slices.Contains(r, receipt) })

	// An answer goes the same way.
	require.NoError(t, send(t, m.Addr().String(), payee, "register@pay.example", replaceFrom(plain("1", "帮助"), payee)))
	s.delivered("Auto-Submitted: auto-replied")
}

func replaceFrom(text, from string) string {
	return string(bytes.Replace([]byte(text), []byte("li@mail.example"), []byte(from), 1))
}

// TestMsmtp: another's client over STARTTLS.
func TestMsmtp(t *testing.T) {
	program := needs(t, "msmtp", "msmtp")
	own, _ := certificate(t)
	dir := t.TempDir()
	trust := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(trust, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}), 0o600))
	d := &desk{}
	c := config(d)
	c.Certificate = &own
	m := start(t, c)
	host, port, err := net.SplitHostPort(m.Addr().String())
	require.NoError(t, err)
	mail := func(to, text string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, "--file=/dev/null", "--host="+host, "--port="+port, "--tls=on", "--tls-starttls=on",
			"--tls-trust-file="+trust, "--from=li@mail.example", "--timeout=30", to)
		cmd.Stdin = bytes.NewReader([]byte(text))
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := mail("register@pay.example", plain("1", "注册 李明\n6217001234567890120"))
	require.NoError(t, err, out)
	in, _ := d.all()
	require.Len(t, in, 1)
	require.Equal(t, "注册 李明\n6217001234567890120", in[0].Text)
	out, err = mail("nobody@pay.example", plain("2", "帮助"))
	require.Error(t, err)
	require.Contains(t, out, "550 5.1.1")
	_, err = tls.Dial("tcp", m.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	require.Error(t, err, "TLS from the first byte is not spoken here")
}
