package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/console/portal"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// loft is a device that keeps the text messages it is given.
type loft struct {
	mu  sync.Mutex
	got []acquirer.Message
}

func (l *loft) Kind() acquirer.DeviceKind { return acquirer.DeviceSMS }

func (l *loft) Send(_ context.Context, m acquirer.Message) (acquirer.Handed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, m)
	return acquirer.Handed{Reference: m.ID, Delivered: true}, nil
}

// code waits for the n-th code to a number, from 1.
func (l *loft) code(t *testing.T, number string, n int) (code string) {
	t.Helper()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		found := 0
		for _, m := range l.got {
			if m.Kind == acquirer.NoticeCode && m.To.Reveal() == number {
				if found++; found == n {
					code = sixDigits.FindString(m.Text)
				}
			}
		}
		return code != ""
	}, time.Minute, 5*time.Millisecond)
	return code
}

// browser is a payee with a browser.
type browser struct {
	t      *testing.T
	client *http.Client
	base   string
}

func (p browser) do(r *http.Request) (int, string) {
	p.t.Helper()
	r.Header.Set("Accept-Language", "en")
	w, err := p.client.Do(r)
	require.NoError(p.t, err)
	b, err := io.ReadAll(w.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, w.Body.Close())
	return w.StatusCode, string(b)
}

func (p browser) get(path string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequest("GET", p.base+path, nil)
	require.NoError(p.t, err)
	return p.do(r)
}

var formField = regexp.MustCompile(`name="form" value="([^"]+)"`)

// send opens a page, fills its form and sends it, and returns the page that it leads to.
func (p browser) send(path string, pairs ...string) (int, string) {
	p.t.Helper()
	_, page := p.get(path)
	v := url.Values{"form": {formField.FindStringSubmatch(page)[1]}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest("POST", p.base+path, strings.NewReader(v.Encode()))
	require.NoError(p.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(r)
}

// webWorld is the pages before the real core and store.
func webWorld(t *testing.T) (browser, *loft, *installation, *lockedBuffer) {
	t.Helper()
	path, err := initialise(t.TempDir(), true)
	require.NoError(t, err)
	i, err := openInstallation(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.close()) })
	require.NoError(t, enterDemoWorld(t.Context(), i.db, i.module))
	numbers, err := acquirer.LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := acquirer.LoadIssuerTable()
	require.NoError(t, err)
	templates, err := acquirer.LoadTemplates("")
	require.NoError(t, err)
	limits := acquirer.EnrolmentLimits{CodeGap: time.Nanosecond, CodesPerDay: 50, SenderPerDay: 50}
	codes, sms, log := i.db.CodeKey(), &loft{}, &lockedBuffer{}
	notifier := acquirer.NewNotifier(acquirer.NotifierConfig{Outbox: i.db, Journal: i.db, Registry: i.db, Templates: templates, Codes: codes,
		NumberDevices: []acquirer.DeviceKind{acquirer.DeviceSMS}, Limits: limits})
	core := acquirer.NewEnrolments(acquirer.EnrolmentsConfig{Registry: i.db, Numbers: numbers, Issuers: issuers, Templates: templates, Codes: codes,
		Random: rand.Reader, Limits: limits, Noticed: notifier.Wake})
	web, err := WebConfig{Addr: "127.0.0.1:0", TrustedProxies: []string{"10.0.0.1", "10.1.0.0/16"}}.open(portal.Config{Inbox: core, Desk: core,
		Devices: []acquirer.DeviceKind{acquirer.DeviceSMS, acquirer.DevicePC}, Log: zerolog.New(log)})
	require.NoError(t, err)
	notifier.Use(sms)
	notifier.Use(web)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	for _, part := range []acquirer.Runner{core, notifier, web} {
		go func() { ended <- part.Run(ctx) }()
	}
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := &http.Client{Jar: jar}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			require.NoError(t, <-ended)
		}
		client.CloseIdleConnections()
	})
	return browser{t, client, "http://" + web.Addr().String()}, sms, i, log
}

// A payee registers on the pages, looks at what is held, and has a browser told: through the real core and store.
func TestPayeeOnThePages(t *testing.T) {
	p, sms, i, log := webWorld(t)
	const number, card = "13912345678", "6217000000000000038"
	status, page := p.send("/register", "number", number, "name", "赵小兰", "card", card[:18])
	require.Equal(t, 422, status)
	require.Contains(t, page, `href="#card"`)
	status, page = p.send("/register", "number", number, "name", "赵小兰", "card", card)
	require.Equal(t, 200, status, page)
	require.Contains(t, page, "Enter the code")
	_, page = p.send("/confirm", "code", "000000")
	require.Contains(t, page, "wrong or no longer valid")
	status, page = p.send("/confirm", "code", sms.code(t, number, 1))
	require.Equal(t, 200, status)
	require.Contains(t, page, "Confirmed")
	payee := func() *acquirer.Payee {
		m, err := acquirer.ParseMSISDN(number)
		require.NoError(t, err)
		got, err := i.db.PayeeByNumber(t.Context(), m)
		if err != nil {
			require.ErrorIs(t, err, acquirer.ErrNotFound)
		}
		return got
	}
	eventually(t, "registered", func() bool { got := payee(); return got != nil && got.Status == acquirer.PayeeActive })

	p.send("/see", "number", number)
	p.send("/confirm", "code", sms.code(t, number, 2))
	eventually(t, "may look", func() bool { status, page = p.get("/held"); return status == 200 })
	require.Contains(t, page, "赵小兰")
	require.Contains(t, page, "621700*********0038")
	require.NotContains(t, page, card)
	status, page = p.get("/held.json")
	require.Equal(t, 200, status)
	require.True(t, json.Valid([]byte(page)))
	status, page = p.get("/statement")
	require.Equal(t, 200, status)
	require.Contains(t, page, "There is no payment in these days.")

	p.send("/pc", "number", number)
	p.send("/pc/confirm", "code", sms.code(t, number, 3))
	eventually(t, "has the device", func() bool {
		c, err := i.db.Contact(t.Context(), payee().Ref.ID)
		require.NoError(t, err)
		return len(c.Routes) > 1 && c.Routes[0].Kind == acquirer.DevicePC && c.Routes[1].Kind == acquirer.DeviceSMS
	})
	p.isTold(i, func() {
		p.send("/suspend", "number", number)
		p.send("/confirm", "code", sms.code(t, number, 4))
	})
	for _, secret := range []string{number, card, "赵小兰", "127.0.0.1:"} {
		require.NotContains(t, strings.ReplaceAll(log.String(), strings.TrimPrefix(p.base, "http://"), ""), secret)
	}
}

// isTold opens a stream, causes a notice, says that the page shows it, and waits until the outbox knows.
func (p browser) isTold(i *installation, cause func()) {
	t := p.t
	w, err := p.client.Get(p.base + "/pc/events")
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Body.Close()) }()
	cause()
	lines := bufio.NewScanner(w.Body)
	id := ""
	for id == "" && lines.Scan() {
		id, _ = strings.CutPrefix(lines.Text(), "id: ")
		if !strings.HasPrefix(lines.Text(), "id: ") {
			id = ""
		}
	}
	require.NotEmpty(t, id)
	_, page := p.get("/pc")
	ack := regexp.MustCompile(`data-ack="([^"]+)"`).FindStringSubmatch(page)[1]
	answer, err := p.client.PostForm(p.base+"/pc/ack", url.Values{"id": {id}, "ack": {ack}})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
	eventually(t, "delivered", func() bool {
		all, err := i.db.NoticesIn(t.Context(), acquirer.NoticeDelivered, 100)
		require.NoError(t, err)
		for _, n := range all {
			if n.ID() == id {
				return n.Device == acquirer.DevicePC
			}
		}
		return false
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, time.Minute, 5*time.Millisecond, what)
}

// The pages say the same of a number that is registered, of one that is not, and of one that is suspended.
func TestPagesTellNothing(t *testing.T) {
	p, sms, i, _ := webWorld(t)
	suspended, err := acquirer.ParseMSISDN("13800138002")
	require.NoError(t, err)
	got, err := i.db.PayeeByNumber(t.Context(), suspended)
	require.NoError(t, err)
	got.Status = acquirer.PayeeSuspended
	require.NoError(t, i.db.ChangePayee(t.Context(), acquirer.Effect{Payee: *got}))
	first := ""
	for _, number := range []string{"13800138001", "13800138002", "13912345678"} {
		p.client.Jar, err = cookiejar.New(nil)
		require.NoError(t, err)
		all := ""
		for _, path := range []string{"/see", "/suspend", "/resume", "/delete"} {
			_, page := p.send(path, "number", number)
			_, wrong := p.send("/confirm", "code", "000000")
			_, held := p.get("/held")
			all += page + wrong + held
		}
		all = formField.ReplaceAllString(all, "")
		if first == "" {
			first = all
		}
		require.Equal(t, first, all, number)
	}
	sms.code(t, "13800138001", 1) // who is registered got one all the same
}

func TestWebConfig(t *testing.T) {
	for proxy, want := range map[string]string{"10.0.0.1": "10.0.0.1/32", "10.1.2.3/16": "10.1.0.0/16", "::1": "::1/128"} {
		got, err := parseNetwork(proxy)
		require.NoError(t, err)
		require.Equal(t, want, got.String())
	}
	_, err := WebConfig{Addr: "127.0.0.1:0", TrustedProxies: []string{"proxy"}}.open(portal.Config{})
	require.ErrorContains(t, err, "trusted_proxies")
	_, err = WebConfig{Addr: "127.0.0.1:0", CertFile: "none.pem", KeyFile: "none.pem"}.open(portal.Config{})
	require.ErrorContains(t, err, "certificate")
}
