package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/mail"
	"example.com/ringback/switch/console"
	"github.com/stretchr/testify/require"
)

// What only channels see.
const (
	canaryMailbox = "jinque.ouyang.48"
	canaryHook    = "hook-9c41e7d05b"  // in the path of a webhook's address
	canarySecret  = "5e0d17c9b83a42f6" // behind its #
	canaryNewCard = "6228480000000000018"
	canaryNoise   = "暗号七四一九"
)

// The canary scan over people's channels: the spool (which lies outside of what is scanned, for it holds them by purpose),
// pages and API, e-mail and webhook, with requests that go through, that are refused and that are no requests.
func TestCanariesInChannels(t *testing.T) {
	w := newCanaryWorld(t)
	for name, s := range map[string]string{"mailbox": canaryMailbox, "path of a webhook": canaryHook, "secret of a webhook": canarySecret,
		"new card": canaryNewCard, "noise": canaryNoise} {
		w.add(name, []byte(s), true)
	}
	called := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			called <- string(b)
		}
		rw.WriteHeader(http.StatusOK)
	}))
	defer hook.Close()
	post, folder := &postOffice{}, t.TempDir()
	w.stopSwitch()
	f, err := os.OpenFile(w.config(), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, `web: {addr: "127.0.0.1:0"}
enrolment: {code_gap: 0s, codes_per_day: 50}
notices: {number: [spool]}
channels:
  spool: {dir: %q}
  webhook: {enabled: true, allow_http: true, allow_networks: [127.0.0.0/8]}
  email: {domain: pay.example, from: notice@pay.example, smart_host: %q, security: clear, listen: "127.0.0.1:0", mailboxes: [register@pay.example]}
`, folder, post.serve(t))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w.startSwitch()
	c := &canaryChannels{canaryWorld: w, folder: folder}

	c.byPages(t)
	c.bySpool(t, hook.URL+"/"+canaryHook+"#"+canarySecret)
	c.byMail(t)
	select {
	case <-called:
	case <-time.After(time.Minute):
		t.Fatal("the webhook was never called")
	}
	require.Positive(t, post.count(), "answers went out by e-mail")
	w.plugIn(w.app.listeners[0].Addr().String())
	require.Equal(t, "00", w.pay(1234, nil), "the payer is told, too")
	c.told(canaryPayer, "debited")
	w.requireClean("while it runs")
	require.True(t, slices.ContainsFunc(w.app.figures(), func(f console.Figure) bool {
		return f.Name == "ringback_email_total" && f.Labels["what"] == "answered" && f.Value > 0
	}), "what e-mail did is counted")
	delivered, err := w.app.db.NoticesIn(t.Context(), acquirer.NoticeDelivered, 1)
	require.NoError(t, err)
	require.Len(t, delivered, 1)
	w.stopSwitch()
	for _, args := range [][]string{{"notice", "show", delivered[0].ID()}, {"notice", "show", delivered[0].ID(), "--json"}, {"notice", "list", "--state", "handed", "--json"}, {"notice", "list", "--state", "delivered"}, {"enrolment", "list", "--json"},
		{"payee", "show", canaryPayee}, {"payee", "statement", canaryPayee, "--json"}, {"payee", "delete", canaryPayee}, {"operation", "list", "--json"}} {
		require.Empty(t, w.leaks([]byte(w.operate(t, args...))), args)
	}
	w.requireClean("in the end")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "planted"), []byte(canaryMailbox+"@mail.example"), 0o600))
	require.Contains(t, w.leaks([]byte(w.written())), "mailbox: as it is", "a planted leak is found")
	w.startSwitch()
}

// canaryChannels are a payee's means.
type canaryChannels struct {
	*canaryWorld
	folder string
	said   int
}

// told waits for a notice of a kind to a number, takes it out of the spool and returns its text.
func (c *canaryChannels) told(to, kind string) string { return toldBySpool(c.t, c.folder, to, kind) }

// say drops a command into the spool.
func (c *canaryChannels) say(from, text string) {
	c.said++
	sayBySpool(c.t, c.folder, fmt.Sprint("c", c.said), from, text)
}

func (c *canaryChannels) byPages(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	p := browser{t, &http.Client{Jar: jar}, "http://" + c.app.Web.Addr().String()}
	defer p.client.CloseIdleConnections()
	status, _ := p.send("/register", "number", canaryMalformed, "name", canaryName, "card", canaryPayeeCard[:18])
	require.Equal(t, 422, status)
	status, page := p.send("/register", "number", canaryStranger, "name", canaryName, "card", canaryPayeeCard)
	require.Equal(t, 200, status, page)
	c.told(canaryStranger, "refused") // the bank does not know that card
	_, page = p.send("/confirm", "code", "000000")
	require.Contains(t, page, "wrong or no longer valid")
	p.send("/see", "number", canaryPayee)
	p.send("/confirm", "code", sixDigits.FindString(c.told(canaryPayee, "code")))
	eventually(t, "may look", func() bool { status, page = p.get("/held"); return status == 200 })
	require.Contains(t, page, canaryName, "the payee sees it")
	require.NotContains(t, page, canaryPayeeCard)
	for _, path := range []string{"/held.json", "/statement", "/" + canaryNoise, "/held?" + canaryNoise} {
		p.get(path)
	}
	r, err := http.NewRequest("POST", p.base+"/api/v1/register", strings.NewReader(`{"number":"`+canaryStranger+`","name":"`+canaryNoise+`","card":"`+canaryAlienCard+`"`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", canaryNoise)
	status, _ = p.do(r)
	require.GreaterOrEqual(t, status, 400)
}

// bySpool sets devices, changes a card, and says what nobody understands.
func (c *canaryChannels) bySpool(t *testing.T, hook string) {
	c.say(canaryPayee, "通知 webhook:"+hook+" email:"+canaryMailbox+"@mail.example spool")
	c.say(canaryPayee, "确认 "+sixDigits.FindString(c.told(canaryPayee, "code")))
	c.told(canaryPayee, "active")
	c.say(canaryPayee, "改卡 "+canaryNewCard)
	c.told(canaryPayee, "refused") // it is another's
	c.say(canaryPayee, "改名 "+canaryNoise)
	c.say(canaryPayee, canaryNoise+" "+canaryCard)
	c.say(canaryStranger, "查询")
	c.say(canaryPayee, "暂停")
	c.say(canaryPayee, "确认 "+sixDigits.FindString(c.told(canaryPayee, "code")))
	c.told(canaryPayee, "active")
	c.say(canaryPayee, "恢复")
	c.say(canaryPayee, "确认 "+sixDigits.FindString(c.told(canaryPayee, "code")))
	c.told(canaryPayee, "active")
	number, err := acquirer.ParseMSISDN(canaryPayee)
	require.NoError(t, err)
	eventually(t, "payable again", func() bool {
		p, err := c.app.db.PayeeByNumber(t.Context(), number)
		return err == nil && p.Status == acquirer.PayeeActive
	})
}

func (c *canaryChannels) byMail(t *testing.T) {
	var addr string
	for _, r := range c.app.runners {
		if m, ok := r.Runner.(*mail.Mail); ok {
			addr = m.Addr().String()
		}
	}
	from := canaryMailbox + "@mail.example"
	for i, text := range []string{"注册 " + canaryStranger + " " + canaryName + " " + canaryPayeeCard, canaryNoise, "查询 " + canaryPayee,
		"确认 000000 " + canaryPayee} {
		head := fmt.Sprintf("From: %s <%s>\r\nTo: register@pay.example\r\nSubject: %s\r\nMessage-ID: <%d.%s@mail.example>\r\n"+
			"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", canaryName, from, canaryNoise, i, canaryMailbox)
		require.NoError(t, smtp.SendMail(addr, nil, from, []string{"register@pay.example"}, []byte(head+text+"\r\n")))
	}
	require.Error(t, smtp.SendMail(addr, nil, from, []string{canaryMailbox + "@pay.example"}, []byte("Subject: x\r\n\r\n")), "no such box")
}
