package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

func notice(t *testing.T, id, to string) acquirer.Message {
	t.Helper()
	a, err := acquirer.NewAddress(acquirer.DeviceEmail, to)
	require.NoError(t, err)
	return acquirer.Message{ID: id, Kind: acquirer.NoticeDebited, To: a, Language: acquirer.Chinese, Subject: "付款通知",
		Text: "您已向 138****8001 汇款 12.34 元。\n流水号 632800000002。", Created: time.Now(), Try: 1}
}

func answered(code, a, b, c int) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{a, b, c}, Message: "about li@mail.example"}
}

func TestSend(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	c := config(&desk{})
	c.SmartHost = h.addr
	m, err := New(c)
	require.NoError(t, err)
	n := notice(t, "632800000002-1", "li@Mail.example")
	handed, err := m.Send(t.Context(), n)
	require.NoError(t, err)
	require.Equal(t, acquirer.Handed{Reference: "632800000002-1"}, handed)
	n.Try = 2
	_, err = m.Send(t.Context(), n)
	require.NoError(t, err)
	mails := h.all()
	require.Len(t, mails, 2)
	require.Regexp(t, `^bounce\+632800000002-1=[a-z2-7]{16}@pay\.example$`, mails[0].from)
	require.Equal(t, "li@mail.example", mails[0].to)
	x, err := readMail([]byte(mails[0].text))
	require.NoError(t, err)
	require.Equal(t, lines(n.Text), lines(x.text))
	require.Equal(t, "付款通知", decodeWords(x.value("Subject")))
	require.Equal(t, "<ringback.n.632800000002-1@pay.example>", x.messageID)
	again, err := readMail([]byte(mails[1].text))
	require.NoError(t, err)
	require.Equal(t, x.messageID, again.messageID, "the same each time")
	for name, want := range map[string]string{"Auto-Submitted": "auto-generated", "Precedence": "bulk",
		"X-Auto-Response-Suppress": "All", "Content-Language": "zh-CN", "Content-Type": "text/plain; charset=UTF-8"} {
		require.Equal(t, want, x.value(name), name)
	}
	require.NotEmpty(t, x.marked(), "an instance of ours would drop it")
	parsed, err := netmail.ReadMessage(strings.NewReader(mails[0].text)) // a second reader
	require.NoError(t, err)
	when, err := parsed.Header.Date()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), when, time.Hour)
	from, err := parsed.Header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, []*netmail.Address{{Name: "手机付款", Address: "notice@pay.example"}}, from)
}

// TestSendReceivesNothing: without a listener no bounce comes home, and no receipt is promised.
func TestSendReceivesNothing(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	m, err := New(Config{Domain: "pay.example", From: "notice@pay.example", SmartHost: h.addr, Security: Clear})
	require.NoError(t, err)
	handed, err := m.Send(t.Context(), notice(t, "1-1", "li@mail.example"))
	require.NoError(t, err)
	require.Equal(t, acquirer.Handed{}, handed)
}

func TestSendFailures(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	c := config(&desk{})
	c.SmartHost = h.addr
	m, err := New(c)
	require.NoError(t, err)
	for name, v := range map[string]struct {
		mail, rcpt, data error
		final            bool
		want             string
	}{
		"recipient for ever": {nil, answered(550, 5, 1, 1), nil, true, "cannot be delivered there: RCPT: answered 550 5.1.1"},
		"recipient, 501":     {nil, answered(501, 5, 1, 3), nil, true, "cannot be delivered there: RCPT: answered 501 5.1.3"},
		"recipient for now":  {nil, answered(450, 4, 2, 1), nil, false, "RCPT: answered 450 4.2.1"},
		"recipient, 452":     {nil, answered(452, 4, 2, 2), nil, false, "RCPT: answered 452 4.2.2"},
		"text for ever":      {nil, nil, answered(554, 5, 7, 1), true, "cannot be delivered there: the message: answered 554 5.7.1"},
		"text for now":       {nil, nil, answered(451, 4, 7, 1), false, "the message: answered 451 4.7.1"},
		"our sender":         {answered(550, 5, 7, 1), nil, nil, false, "MAIL: answered 550 5.7.1"},
		"our sender for now": {answered(451, 4, 7, 1), nil, nil, false, "MAIL: answered 451 4.7.1"},
	} {
		t.Run(name, func(t *testing.T) {
			h.answer(v.mail, v.rcpt, v.data)
			_, err := m.Send(t.Context(), notice(t, "1-1", "li@mail.example"))
			require.EqualError(t, err, v.want) // no address, and no words of the peer
			require.Equal(t, v.final, errors.Is(err, acquirer.ErrUndeliverable))
			require.NotErrorIs(t, err, acquirer.ErrDeviceDown)
		})
	}
	require.Empty(t, h.all())
}

func TestSendRefusesWhatCannotBe(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	c := config(&desk{})
	c.SmartHost = h.addr
	m, err := New(c)
	require.NoError(t, err)
	for _, to := range []string{"li", "@mail.example", "li@", "li@mail", "Li <li@mail.example>", "li@mail.example>", "<li@mail.example>", "li li@mail.example",
		"li@mail.example,wang@mail.example", "li..x@mail.example", ".li@mail.example", "李@mail.example", "li@邮件.example",
		"\"li\"@mail.example", "li@[127.0.0.1]", strings.Repeat("l", 65) + "@mail.example"} {
		_, err := m.Send(t.Context(), notice(t, "1-1", to))
		require.ErrorIs(t, err, acquirer.ErrUndeliverable, to)
		require.EqualError(t, err, "cannot be delivered there: no plain mail address")
	}
	late := notice(t, "1-1", "li@mail.example")
	late.Expires = time.Now().Add(-time.Second)
	_, err = m.Send(t.Context(), late)
	require.ErrorIs(t, err, acquirer.ErrUndeliverable)
	late.Expires = time.Now().Add(time.Hour)
	_, err = m.Send(t.Context(), late)
	require.NoError(t, err)
	_, err = m.Send(t.Context(), notice(t, "1-1", strings.Repeat("l", 64)+"@mail.example"))
	require.NoError(t, err)
	require.Len(t, h.all(), 2)
}

// TestNoHeaderInjection: whatever stands in a value, the header has the fields it should have and no other.
func TestNoHeaderInjection(t *testing.T) {
	evil := "a\r\nBcc: x@evil.example\r\n\r\nbody\n.\r\nX: 1\x00\u2028b\u0085c\vd"
	l := letter{from: netmail.Address{Name: evil, Address: "notice@pay.example"}, to: "li@mail.example", replyTo: "register@pay.example",
		id: "x@pay.example", automatic: "auto-generated", subject: evil, text: evil, date: time.Unix(0, 0)}
	b, err := l.compose()
	require.NoError(t, err)
	x, err := readMail(b)
	require.NoError(t, err)
	var names []string
	for f := x.header.Fields(); f.Next(); {
		names = append(names, f.Key())
	}
	require.ElementsMatch(t, []string{"Auto-Submitted", "Content-Language", "Content-Transfer-Encoding", "Content-Type", "Date",
		"From", "Message-Id", "Mime-Version", "Precedence", "Reply-To", "Subject", "To", "X-Auto-Response-Suppress"}, names)
	require.Equal(t, "a Bcc: x@evil.example body . X: 1 b c d", decodeWords(x.value("Subject")))
	for line := range strings.Lines(string(b)) {
		require.LessOrEqual(t, len(line), 80)
		require.True(t, strings.HasSuffix(line, "\r\n"), "%q", line)
	}
	// An id that cannot stand in a header or an address is hashed, and names no bounce.
	tags := tagger{"pay.example", []byte("key")}
	for _, id := range []string{"a b", "a>b", "A", "a@b", "", ".a", "a.", "a..b", "a\r\nb", strings.Repeat("a", 41)} {
		require.Regexp(t, `^ringback\.n\.[0-9a-z]{32,41}@pay\.example$`, tags.messageID("n", id))
		_, ok := tags.sender(id)
		require.False(t, ok, id)
	}
}

func TestSendDeviceDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	c := config(&desk{})
	c.SmartHost = addr
	m, err := New(c)
	require.NoError(t, err)
	_, err = m.Send(t.Context(), notice(t, "1-1", "li@mail.example"))
	require.ErrorIs(t, err, acquirer.ErrDeviceDown)
	c.SmartHost = ""
	m, err = New(c)
	require.NoError(t, err)
	_, err = m.Send(t.Context(), notice(t, "1-1", "li@mail.example"))
	require.ErrorIs(t, err, acquirer.ErrDeviceDown)
}

// TestSendSecurity: no mail goes out in clear where TLS is asked for, and none to a host that cannot prove its name.
func TestSendSecurity(t *testing.T) {
	own, pool := certificate(t)
	_, stranger := certificate(t)
	secure := &tls.Config{Certificates: []tls.Certificate{own}}
	bare := startHost(t, "127.0.0.1:0", nil)
	good := startHost(t, "127.0.0.1:0", secure)
	good.user, good.password = "ringback", "right"
	password := acquirer.NewKey([]byte("right"))
	for name, v := range map[string]struct {
		host  *host
		with  Config
		fails bool
	}{
		"starttls":           {good, Config{Roots: pool, Username: "ringback", Password: password}, false},
		"not offered":        {bare, Config{Roots: pool}, true},
		"unknown issuer":     {good, Config{Roots: stranger, Username: "ringback", Password: password}, true},
		"wrong password":     {good, Config{Roots: pool, Username: "ringback", Password: acquirer.NewKey([]byte("wrong"))}, true},
		"auth not offered":   {bare, Config{Security: Clear}, false},
		"tls to a clear one": {bare, Config{Security: TLS, Roots: pool}, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(v.host.all())
			v.with.Domain, v.with.From, v.with.SmartHost = "pay.example", "notice@pay.example", v.host.addr
			m, err := New(v.with)
			require.NoError(t, err)
			_, err = m.Send(t.Context(), notice(t, "1-1", "li@mail.example"))
			require.Len(t, v.host.all(), before+map[bool]int{false: 1, true: 0}[v.fails])
			if !v.fails {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, acquirer.ErrDeviceDown)
			require.NotContains(t, err.Error(), "wrong")
		})
	}
}

// TestSendImplicitTLS: port 465.
func TestSendImplicitTLS(t *testing.T) {
	own, pool := certificate(t)
	h := startHost(t, "127.0.0.1:0", nil)
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- h.server.Serve(front) }()
	m, err := New(Config{Domain: "pay.example", From: "notice@pay.example", SmartHost: front.Addr().String(), Security: TLS, Roots: pool})
	require.NoError(t, err)
	_, err = m.Send(t.Context(), notice(t, "1-1", "li@mail.example"))
	require.NoError(t, err)
	require.Len(t, h.all(), 1)
	require.NoError(t, h.server.Close())
	require.NoError(t, <-ended)
}

// TestSendEndsWithContext: a smart host that says nothing holds nobody behind the time that was given.
func TestSendEndsWithContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	c := config(&desk{})
	c.SmartHost = l.Addr().String()
	m, err := New(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer func() { _ = conn.Close() }()
		}
		cancel()
		<-t.Context().Done()
	}()
	_, err = m.Send(ctx, notice(t, "1-1", "li@mail.example"))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, acquirer.ErrDeviceDown)
}

func TestConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"":                          func(*Config) {},
		"domain: ":                  func(c *Config) { c.Domain = "localhost" },
		"from: ":                    func(c *Config) { c.From = "notice" },
		"neither is set":            func(c *Config) { c.Listen = "" },
		"is no host:port":           func(c *Config) { c.SmartHost = "mail.example" },
		"none of starttls":          func(c *Config) { c.SmartHost, c.Security = "mail.example:25", "maybe" },
		"loopback address only":     func(c *Config) { c.SmartHost, c.Security = "mail.example:25", Clear },
		"no password goes over":     func(c *Config) { c.SmartHost, c.Username = "127.0.0.1:25", "u" },
		"without a password":        func(c *Config) { c.SmartHost, c.Security, c.Username = "mail.example:25", TLS, "u" },
		"mailboxes: none":           func(c *Config) { c.Mailboxes = nil },
		"is no address of":          func(c *Config) { c.Mailboxes = []string{"register@other.example"} },
		`"bounce@pay.example" is`:   func(c *Config) { c.Mailboxes = []string{"bounce@pay.example"} },
		`"Register@pay.example" is`: func(c *Config) { c.Mailboxes = []string{"Register@pay.example"} },
		"the key of bounce":         func(c *Config) { c.TagKey = acquirer.Key{} },
		"nobody takes":              func(c *Config) { c.Inbox = nil },
	} {
		c := config(&desk{})
		change(&c)
		_, err := New(c)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}
