package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestServerTakesACommand(t *testing.T) {
	d := &desk{}
	m := start(t, config(d))
	require.NoError(t, send(t, m.Addr().String(), "li@mail.example", "Register@Pay.Example", plain("1", "注册 李明 6217001234567890120\n\n谢谢")))
	in, _ := d.all()
	require.Len(t, in, 1)
	require.Equal(t, acquirer.ChannelEmail, in[0].Channel)
	require.Equal(t, "li@mail.example", in[0].Sender)
	require.Equal(t, "注册 李明 6217001234567890120", in[0].Text)
	require.Regexp(t, `^<1@mail\.example>#[0-9a-f]{16}$`, in[0].MessageID)
	require.Equal(t, acquirer.Evidence{Source: "127.0.0.1", Checks: "spf=none dkim=none aligned=none"}, in[0].Evidence)
	require.Equal(t, map[string]int64{"taken": 1}, m.Counts())
}

// TestServerAnswersByOutcome: the peer's code follows from what became of the message, and nothing else.
func TestServerAnswersByOutcome(t *testing.T) {
	big := func(n int) string {
		s := plain("big", "")
		return s + strings.Repeat(strings.Repeat("a", 76)+"\n", n/78) // a line end has two bytes on the wire
	}
	for name, v := range map[string]struct {
		to, text string
		err      error
		code     int
	}{
		"taken":            {"register@pay.example", plain("1", "帮助"), nil, 250},
		"unknown box":      {"nobody@pay.example", plain("1", "帮助"), nil, 550},
		"other domain":     {"register@other.example", plain("1", "帮助"), nil, 550},
		"bounce box, bare": {"bounce@pay.example", plain("1", "帮助"), nil, 550},
		"bounce, bad tag":  {"bounce+1-1=aaaaaaaaaaaaaaaa@pay.example", plain("1", "帮助"), nil, 550},
		"busy":             {"register@pay.example", plain("1", "帮助"), acquirer.ErrBusy, 451},
		"malformed":        {"register@pay.example", plain("1", "帮助"), acquirer.ErrInbound, 554},
		"called off":       {"register@pay.example", plain("1", "帮助"), context.DeadlineExceeded, 451},
		"just small":       {"register@pay.example", big(maxMessage - 1000), nil, 250},
		"too large":        {"register@pay.example", big(maxMessage + 200), nil, 552},
		"no From":          {"register@pay.example", "Subject: 帮助\n\n帮助\n", nil, 554},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{err: v.err}
			m := start(t, config(d))
			require.Equal(t, v.code, codeOf(t, send(t, m.Addr().String(), "li@mail.example", v.to, v.text)))
			in, _ := d.all()
			require.Equal(t, v.code == 250, len(in) == 1)
		})
	}
}

// TestServerEndsWhenTheStoreFails: nothing may go on behind a store error, and the peer is not told 250.
func TestServerEndsWhenTheStoreFails(t *testing.T) {
	d := &desk{err: fmt.Errorf("disk: %w", acquirer.ErrStore)}
	m, err := New(config(d))
	require.NoError(t, err)
	require.NoError(t, m.Listen())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(t.Context()) }()
	require.Equal(t, 451, codeOf(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", plain("1", "帮助"))))
	require.ErrorIs(t, <-ended, acquirer.ErrStore)
	_, err = net.Dial("tcp", m.Addr().String())
	require.Error(t, err)
}

// TestAnswerIsNotLost: while the smart host is away the peer gets 451; what it sends again gets the same answer.
func TestAnswerIsNotLost(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	d := &desk{reply: acquirer.Reply{Outcome: acquirer.OutcomeTaken, Text: "已收到。\n验证码已发往手机。"}}
	c := config(d)
	c.SmartHost = h.addr
	m := start(t, c)
	text := strings.Replace(plain("77", "注册"), "Date:", "References: <a@x> <b\t@x> <c@x>\nDate:", 1)
	h.answer(nil, nil, &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "later"})
	require.Equal(t, 451, codeOf(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", text)))
	h.answer(nil, nil, nil)
	require.NoError(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", text))
	require.NoError(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", text))
	in, _ := d.all()
	require.Len(t, in, 3)
	require.Equal(t, in[0].MessageID, in[2].MessageID)
	mails := h.all()
	require.Len(t, mails, 2)
	for _, got := range mails {
		require.Equal(t, "", got.from, "the null sender")
		require.Equal(t, "li@mail.example", got.to)
		x, err := readMail([]byte(got.text))
		require.NoError(t, err)
		require.Equal(t, "已收到。\n验证码已发往手机。", x.text)
		require.Equal(t, "<77@mail.example>", x.value("In-Reply-To"))
		require.Equal(t, "<a@x> <c@x> <77@mail.example>", x.value("References"))
		require.Equal(t, "auto-replied", x.value("Auto-Submitted"))
		require.Equal(t, "register@pay.example", x.from)
		require.NotContains(t, got.text, "hello", "nothing of the message is repeated")
	}
	id := func(s string) string { x, err := readMail([]byte(s)); require.NoError(t, err); return x.messageID }
	require.Equal(t, id(mails[0].text), id(mails[1].text))
	require.Equal(t, map[string]int64{"taken": 3, "answered": 2, "answer-later": 1}, m.Counts())
}

// TestAnswerThatCannotBe: an address that the smart host refuses for ever is no reason to have the message sent again.
func TestAnswerThatCannotBe(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	h.answer(nil, &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no li@mail.example here"}, nil)
	d := &desk{reply: acquirer.Reply{Text: "已收到。"}}
	c := config(d)
	c.SmartHost = h.addr
	m := start(t, c)
	require.NoError(t, send(t, m.Addr().String(), "li@mail.example", "register@pay.example", plain("1", "帮助")))
	require.Equal(t, map[string]int64{"taken": 1, "answer-refused": 1}, m.Counts())
}

// TestServerHangsUpOnGuessers: the fifth recipient that is none ends the connection.
func TestServerHangsUpOnGuessers(t *testing.T) {
	m := start(t, config(&desk{}))
	c, err := smtp.Dial(m.Addr().String())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.Mail("li@mail.example", nil))
	for i := range maxRefusals {
		want := 550
		if i == maxRefusals-1 {
			want = 421
		}
		require.Equal(t, want, codeOf(t, c.Rcpt(fmt.Sprintf("a%d@pay.example", i), nil)))
	}
	require.Error(t, c.Noop())
}

func TestServerLimitsConnections(t *testing.T) {
	greeting := func(t *testing.T, m *Mail) (int, *textproto.Conn) {
		c, err := textproto.Dial("tcp", m.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		code, _, err := c.ReadResponse(220)
		var e *textproto.Error
		if errors.As(err, &e) {
			return e.Code, c
		}
		require.NoError(t, err)
		return code, c
	}
	for name, v := range map[string]struct{ most, per int }{"in all": {2, 10}, "from one address": {10, 2}} {
		t.Run(name, func(t *testing.T) {
			c := config(&desk{})
			c.Connections, c.PerAddress = v.most, v.per
			m := start(t, c)
			first, held := greeting(t, m)
			second, _ := greeting(t, m)
			third, _ := greeting(t, m)
			require.Equal(t, []int{220, 220, 421}, []int{first, second, third})
			require.NoError(t, held.PrintfLine("QUIT"))
			_, _, err := held.ReadResponse(221)
			require.NoError(t, err)
			_, err = held.ReadLine() // the end: the server has closed
			require.Error(t, err)
			next, _ := greeting(t, m)
			require.Equal(t, 220, next)
		})
	}
}

// chunks is a peer that sends by BDAT.
type chunks struct {
	t *testing.T
	*textproto.Conn
}

// newChunks connects and names sender and recipient.
func newChunks(t *testing.T, m *Mail) chunks {
	t.Helper()
	conn, err := textproto.Dial("tcp", m.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := chunks{t, conn}
	c.hear(220)
	c.say(250, "EHLO peer.example")
	c.say(250, "MAIL FROM:<li@mail.example>")
	c.say(250, "RCPT TO:<register@pay.example>")
	return c
}

func (c chunks) say(want int, line string) {
	c.t.Helper()
	require.NoError(c.t, c.PrintfLine("%s", line))
	c.hear(want)
}

func (c chunks) hear(want int) {
	c.t.Helper()
	_, _, err := c.ReadResponse(want)
	require.NoError(c.t, err)
}

func (c chunks) chunk(want int, b []byte, last string) {
	c.t.Helper()
	_, err := fmt.Fprintf(c.W, "BDAT %d%s\r\n%s", len(b), last, b)
	require.NoError(c.t, err)
	require.NoError(c.t, c.W.Flush())
	c.hear(want)
}

// ended wants the server to have hung up.
func (c chunks) ended() {
	c.t.Helper()
	for {
		if _, err := c.ReadLine(); err != nil {
			return
		}
	}
}

// TestServerChunks: BDAT goes the same way, with the same limits.
func TestServerChunks(t *testing.T) {
	d := &desk{}
	m := start(t, config(d))
	text := crlf(plain("9", "帮助"))
	c := newChunks(t, m)
	c.chunk(250, text[:50], "")
	c.chunk(250, text[50:], " LAST")
	c.say(250, "RSET") // nothing is under way
	c.say(250, "MAIL FROM:<li@mail.example>")
	c.say(250, "RSET") // nothing is, yet
	c.say(250, "MAIL FROM:<li@mail.example>")
	c.say(250, "RCPT TO:<register@pay.example>")
	c.chunk(250, text, " LAST")
	in, _ := d.all()
	require.Len(t, in, 2)
	require.Equal(t, "帮助", in[0].Text)
	require.Equal(t, in[0], in[1])

	c = newChunks(t, m)
	c.chunk(552, bytes.Repeat([]byte("a\r\n"), maxMessage/3+1), " LAST")
	c.ended()
	c = newChunks(t, m)
	c.chunk(250, text[:50], "") // left behind: the end of the server ends it
	for range 20 {
		c = newChunks(t, m)
		require.NoError(t, c.PrintfLine("BDAT 0\r\nRSET\r\nMAIL FROM:<li@mail.example>\r\nRCPT TO:<register@pay.example>\r\nBDAT 10\r\n0123456789"))
		c.ended()
	}
	in, _ = d.all()
	require.Len(t, in, 2, "what is called off is not taken")
}

// TestLogHoldsNothingPersonal: at debug level, on every path.
func TestLogHoldsNothingPersonal(t *testing.T) {
	h := startHost(t, "127.0.0.1:0", nil)
	var log bytes.Buffer
	d := &desk{reply: acquirer.Reply{Outcome: acquirer.OutcomeTaken, Text: "canarytext"}}
	c := config(d)
	c.SmartHost, c.Log = h.addr, zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.DebugLevel)
	m, err := New(c)
	require.NoError(t, err)
	require.NoError(t, m.Listen())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	mail := strings.ReplaceAll(plain("canaryid", "注册 金丝雀 6217001234567890120 13800138001"), "li@", "canarysender@")
	mail = strings.ReplaceAll(mail, "hello", "canarysubject")
	path := func() error {
		return send(t, m.Addr().String(), "canarysender@mail.example", "register@pay.example", mail)
	}
	require.NoError(t, path())
	h.answer(nil, &smtp.SMTPError{Code: 550, Message: "canarysender@mail.example is unknown"}, nil)
	require.NoError(t, path())
	h.answer(nil, &smtp.SMTPError{Code: 450, Message: "canarysender@mail.example is busy"}, nil)
	require.Error(t, path())
	d.set(fmt.Errorf("with a word: %w", acquirer.ErrBusy))
	require.Error(t, path())
	d.set(nil)
	require.NoError(t, send(t, m.Addr().String(), "", "register@pay.example", mail))
	require.Error(t, send(t, m.Addr().String(), "canarysender@mail.example", "canarybox@pay.example", mail))
	require.Error(t, send(t, m.Addr().String(), "canarysender@mail.example", "register@pay.example", "From: canary\n\ncanary\n"))
	h.answer(nil, nil, nil)
	_, err = m.Send(t.Context(), notice(t, "632800000002-1", "canarysender@mail.example"))
	require.NoError(t, err)
	cancel()
	require.NoError(t, <-ended)
	require.Contains(t, log.String(), "mail taken")
	require.Contains(t, log.String(), "c***@mail.example")
	for _, word := range []string{"canary", "金丝雀", "6217001234567890120", "13800138001", "汇款"} {
		require.NotContains(t, log.String(), word)
	}
}
