package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/mail"
	"example.com/ringback/switch/channel/spool"
	emersion "github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// postOffice is the smart host: it keeps what it is given.
type postOffice struct {
	mu    sync.Mutex
	mails []string
}

type postSession struct{ *postOffice }

func (postSession) Reset()                                   {}
func (postSession) Logout() error                            { return nil }
func (postSession) Mail(string, *emersion.MailOptions) error { return nil }
func (postSession) Rcpt(string, *emersion.RcptOptions) error { return nil }
func (s postSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, string(b))
	return err
}

func (p *postOffice) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mails)
}

// serve runs the post office until the test ends and returns its address.
func (p *postOffice) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := emersion.NewServer(emersion.BackendFunc(func(*emersion.Conn) (emersion.Session, error) { return postSession{p}, nil }))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, <-ended)
	})
	return l.Addr().String()
}

// emailWorld is the channel before the real core and store, and text messages as files in a folder.
func emailWorld(t *testing.T, p *postOffice) (addr, out string, i *installation, log *lockedBuffer) {
	t.Helper()
	dir := t.TempDir()
	path, err := initialise(dir, true)
	require.NoError(t, err)
	i, err = openInstallation(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.close()) })
	require.NoError(t, enterDemoWorld(t.Context(), i.db, i.module))
	numbers, err := acquirer.LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := acquirer.LoadIssuerTable()
	require.NoError(t, err)
	templates, err := acquirer.LoadTemplates("")
	require.NoError(t, err)
	codes, buffer := i.db.CodeKey(), &lockedBuffer{}
	notifier := acquirer.NewNotifier(acquirer.NotifierConfig{Outbox: i.db, Journal: i.db, Registry: i.db, Templates: templates, Codes: codes,
		NumberDevices: []acquirer.DeviceKind{acquirer.DeviceSpool}})
	core := acquirer.NewEnrolments(acquirer.EnrolmentsConfig{Registry: i.db, Numbers: numbers, Issuers: issuers, Templates: templates, Codes: codes,
		Random: rand.Reader, Noticed: notifier.Wake})
	email, err := EmailConfig{Domain: "pay.example", From: "手机付款 <notice@pay.example>", SmartHost: p.serve(t), Security: "clear",
		Listen: "127.0.0.1:0", Mailboxes: []string{"register@pay.example"}}.open(mail.Config{Resolver: offline{}, Inbox: core, Receipts: notifier,
		TagKey: bounceKey(codes), Log: zerolog.New(buffer)})
	require.NoError(t, err)
	folder, err := spool.New(spool.Config{Dir: filepath.Join(dir, "spool")})
	require.NoError(t, err)
	notifier.Use(folder)
	notifier.Use(email)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	for _, part := range []acquirer.Runner{core, notifier, email} {
		go func() { ended <- part.Run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			require.NoError(t, <-ended)
		}
	})
	return email.Addr().String(), filepath.Join(dir, "spool", "out"), i, buffer
}

// offline answers every question that there is no such name.
type offline struct{}

func (offline) LookupTXT(context.Context, string) ([]string, error)        { return nil, notThere }
func (offline) LookupMX(context.Context, string) ([]*net.MX, error)        { return nil, notThere }
func (offline) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) { return nil, notThere }
func (offline) LookupAddr(context.Context, string) ([]string, error)       { return nil, notThere }

var notThere = &net.DNSError{Err: "no such host", IsNotFound: true}

// written waits for a notice of a kind to a number in the folder and returns its text.
func written(t *testing.T, out, kind, number string) (text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		names, err := filepath.Glob(filepath.Join(out, "*.json"))
		require.NoError(t, err)
		for _, name := range names {
			b, err := os.ReadFile(name)
			require.NoError(t, err)
			var o spool.Outgoing
			require.NoError(t, json.Unmarshal(b, &o))
			if o.Kind == kind && strings.HasSuffix(o.To, number) {
				text = o.Text
			}
		}
		return text != ""
	}, time.Minute, 5*time.Millisecond)
	return text
}

// TestPayeeByMail: a payee registers by mail, the code goes to the mobile number, and its return by mail makes it real.
func TestPayeeByMail(t *testing.T) {
	post := &postOffice{}
	addr, out, i, log := emailWorld(t, post)
	const number, card, who = "13912345678", "6217000000000000038", "xiaolan@mail.example"
	write := func(id, text string) {
		t.Helper()
		head := "From: <" + who + ">\r\nTo: register@pay.example\r\nSubject: =?utf-8?B?5L2g5aW9?=\r\nMessage-ID: <" + id + "@mail.example>\r\n" +
			"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
		require.NoError(t, smtp.SendMail(addr, nil, who, []string{"register@pay.example"}, []byte(head+text+"\r\n")))
	}
	write("1", "注册 "+number+" 赵小兰 "+card)
	code := regexp.MustCompile(`\b\d{6}\b`).FindString(written(t, out, "code", number))
	require.NotEmpty(t, code)
	write("1", "注册 "+number+" 赵小兰 "+card) // again: no second request, no second code
	wrong := strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code)
	write("2", "确认 "+wrong)
	write("3", "确认 "+code+"\r\n\r\n> 旧的内容\r\n")
	m, err := acquirer.ParseMSISDN(number)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		p, err := i.db.PayeeByNumber(t.Context(), m)
		return err == nil && p.Status == acquirer.PayeeActive
	}, time.Minute, 5*time.Millisecond)
	rows, err := i.db.EnrolmentsBy(t.Context(), acquirer.ChannelEmail, who, 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, acquirer.Evidence{Source: "127.0.0.1", Checks: "spf=none dkim=none aligned=none"}, rows[0].Evidence)
	require.Positive(t, post.count(), "answers went out")
	for _, secret := range []string{number, card, "赵小兰", "xiaolan", code, "注册"} {
		require.NotContains(t, log.String(), secret)
	}
	require.Contains(t, log.String(), "mail taken")
}

func TestEmailConfigNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	open, private, empty := filepath.Join(dir, "open"), filepath.Join(dir, "private"), filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(open, []byte("x\n"), 0o644))
	require.NoError(t, os.WriteFile(private, []byte("x\n"), 0o600))
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	good := EmailConfig{Domain: "pay.example", From: "notice@pay.example", SmartHost: "mail.example:587", Username: "u", PasswordFile: "private",
		Listen: ":25", Mailboxes: []string{"register@pay.example"}}
	for want, change := range map[string]func(*EmailConfig){
		"":                      func(*EmailConfig) {},
		"domain:":               func(c *EmailConfig) { c.Domain = "" },
		"from:":                 func(c *EmailConfig) { c.From = "" },
		"mailboxes: none":       func(c *EmailConfig) { c.Mailboxes = nil },
		"without a password":    func(c *EmailConfig) { c.PasswordFile = "" },
		"may be read by others": func(c *EmailConfig) { c.PasswordFile = "open" },
		"is empty":              func(c *EmailConfig) { c.PasswordFile = "empty" },
		"no such file":          func(c *EmailConfig) { c.PasswordFile = "none" },
		"holds no certificate":  func(c *EmailConfig) { c.CAFile = "private" },
		"cert_file, key_file:":  func(c *EmailConfig) { c.CertFile, c.KeyFile = "private", "private" },
		"loopback address only": func(c *EmailConfig) { c.Security = "clear" },
		"none of starttls":      func(c *EmailConfig) { c.Security = "ssl" },
	} {
		c := good
		change(&c)
		for _, p := range c.paths() {
			if *p != "" {
				*p = filepath.Join(dir, *p)
			}
		}
		if want == "" {
			require.NoError(t, c.missing())
			continue
		}
		require.ErrorContains(t, c.missing(), want)
		require.ErrorContains(t, c.missing(), "channels.email")
	}
	require.NoError(t, EmailConfig{}.missing(), "off")
}

// TestEmailInTheApp: the section is read with its paths, check names what it lacks, and the switch opens its listener before
// anything runs and closes it when nothing ran.
func TestEmailInTheApp(t *testing.T) {
	dir := t.TempDir()
	path, err := initialise(dir, true)
	require.NoError(t, err)
	base, err := os.ReadFile(path)
	require.NoError(t, err)
	configure := func(more string) {
		text := strings.NewReplacer("127.0.0.1:8583", "127.0.0.1:0", "127.0.0.1:8080", "127.0.0.1:0").Replace(string(base))
		require.NoError(t, os.WriteFile(path, []byte(text+"channels:\n  email:\n    domain: pay.example\n    from: notice@pay.example\n"+more), 0o600))
	}
	configure("    smart_host: mail.example:587\n    username: u\n    password_file: smtp.password\n")
	check := checkCmd{configFlag: configFlag{Config: path}}
	require.ErrorContains(t, check.Run(), filepath.Join(dir, "smtp.password"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "smtp.password"), []byte("secret\n"), 0o600))
	require.NoError(t, check.Run())
	configure("    listen: 127.0.0.1:0\n    mailboxes: [register@pay.example]\n")
	require.NoError(t, check.Run())
	app, err := newApp(t.Context(), path, zerolog.Nop())
	require.NoError(t, err)
	at := slices.IndexFunc(app.runners, func(r runner) bool { return r.name == "email" })
	require.GreaterOrEqual(t, at, 0)
	m, ok := app.runners[at].Runner.(*mail.Mail)
	require.True(t, ok)
	c, err := net.Dial("tcp", m.Addr().String())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, app.close())
	_, err = net.Dial("tcp", m.Addr().String())
	require.Error(t, err)
}
