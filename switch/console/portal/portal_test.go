package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/console/budget"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// pagePaths are all pages that anybody may open.
var pagePaths = []string{"/", "/register", "/confirm", "/card", "/name", "/number", "/devices", "/suspend", "/resume", "/delete", "/see", "/cancel", "/pc", "/pc/confirm"}

func TestEveryPageInBothLanguages(t *testing.T) {
	p, _ := newPortal(t, newOffice())
	for accept, want := range map[string]string{"en-GB,en;q=0.8": `lang="en"`, "zh-CN,zh;q=0.9,en;q=0.1": `lang="zh-CN"`, "": `lang="zh-CN"`, "fr, en;q=0.3": `lang="en"`} {
		b := newBrowser(t, p.Handler())
		b.header.Set("Accept-Language", accept)
		for _, path := range append(pagePaths, "/statement", "/held") {
			got := b.get(path)
			if path == "/statement" || path == "/held" {
				require.Equal(t, http.StatusForbidden, got.StatusCode, path)
			} else {
				require.Equal(t, 200, got.StatusCode, path)
			}
			require.Contains(t, got.body, want, path)
			require.NotContains(t, got.body, "<script>", path)
			require.NotRegexp(t, `\sstyle="|\son[a-z]+="|https?://`, got.body, path)
		}
	}
}

// Each text that is used is there, in both languages, and each that is there is used.
func TestWords(t *testing.T) {
	for key, b := range words {
		require.NotEmpty(t, b.zh, key)
		require.NotEmpty(t, b.en, key)
		require.NotRegexp(t, `\p{Han}`, strings.ReplaceAll(strings.ReplaceAll(b.en, "回铃", ""), "中文", ""), key)
	}
	for _, f := range append(forms[:len(forms):len(forms)], pcForm) {
		for _, part := range []string{".title", ".lead", ".button"} {
			require.Contains(t, words, f.name+part)
		}
	}
	for _, r := range []acquirer.Reason{acquirer.ReasonNumber, acquirer.ReasonNewNumber, acquirer.ReasonName, acquirer.ReasonLookAlike,
		acquirer.ReasonCardDigits, acquirer.ReasonCardBank, acquirer.ReasonCardKind, acquirer.ReasonCardNoPact, acquirer.ReasonDevices,
		acquirer.ReasonMissing, acquirer.ReasonCode} {
		require.Contains(t, words, "reason."+string(r))
	}
}

func TestLanguageIsRemembered(t *testing.T) {
	p, _ := newPortal(t, newOffice())
	b := newBrowser(t, p.Handler())
	require.Contains(t, b.get("/register").body, "Debit card number")
	require.Contains(t, b.get("/register?lang=zh").body, "借记卡卡号")
	require.Contains(t, b.get("/card").body, "借记卡卡号")
	require.Contains(t, b.get("/card?lang=fr").body, "借记卡卡号")
	require.Contains(t, b.get("/card?lang=en").body, "Debit card number")
}

func TestRegistration(t *testing.T) {
	o := newOffice()
	p, _ := newPortal(t, o)
	b := newBrowser(t, p.Handler())
	got := b.send("/register", "number", " 138 0013 8001 ", "name", someName, "card", "6217 0012")
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, got.body, `value="138 0013 8001"`, "what was typed is kept")
	require.Regexp(t, `id="number"[^>]*aria-invalid="true"`, got.body)
	require.Regexp(t, `id="card"[^>]*value=""[^>]*aria-describedby="card-error card-hint" aria-invalid="true"`, got.body)
	require.NotRegexp(t, `id="name"[^>]*aria-invalid`, got.body)
	require.NotContains(t, got.body, "6217 0012")
	require.Contains(t, got.body, `<a href="#card">`)
	got = b.send("/register", "number", someNumber, "name", someName, "card", someCard)
	require.Equal(t, http.StatusSeeOther, got.StatusCode)
	require.Equal(t, "/confirm?after=register", got.Header.Get("Location"))
	require.Equal(t, http.StatusUnprocessableEntity, b.send("/confirm?after=register", "code", "111111").StatusCode)
	require.Equal(t, http.StatusUnprocessableEntity, b.send("/confirm", "code", "1").StatusCode)
	require.Equal(t, http.StatusSeeOther, b.post("/resend", b.form("/confirm", "after", "register")).StatusCode)
	got = b.send("/confirm?after=register", "code", rightCode)
	require.Equal(t, 200, got.StatusCode)
	require.Contains(t, got.body, "Answer: confirmed.")

	all := o.messages()
	require.Len(t, all, 6)
	for _, m := range all {
		require.Equal(t, acquirer.ChannelWeb, m.Channel)
		require.Equal(t, all[0].Sender, m.Sender, "one session")
		require.Len(t, m.Sender, 43)
		require.Equal(t, acquirer.Evidence{Source: "127.0.0.1", Checks: "tls=no"}, m.Evidence)
		require.Equal(t, acquirer.English, m.Language)
		require.LessOrEqual(t, len(m.MessageID), 200)
	}
	require.Equal(t, acquirer.Request{Kind: acquirer.RequestRegister, Number: someNumber, Name: someName, Card: someCard, Language: acquirer.English}, *all[1].Request)
	require.Equal(t, acquirer.RequestResend, all[4].Request.Kind)
	require.Equal(t, acquirer.Request{Kind: acquirer.RequestConfirm, Code: rightCode, Language: acquirer.English}, *all[5].Request)
}

func TestEveryForm(t *testing.T) {
	o := newOffice()
	p, _ := newPortal(t, o)
	p.bySession = budget.New[string](maxCounted, 1000, 1)
	b := newBrowser(t, p.Handler())
	for i, v := range []struct {
		page  string
		pairs []string
		want  acquirer.Request
		next  string
	}{
		{"/card", []string{"number", someNumber, "card", someCard}, acquirer.Request{Kind: acquirer.RequestChangeCard, Number: someNumber, Card: someCard}, "/confirm?after=card"},
		{"/name", []string{"number", someNumber, "name", "欧阳·娜"}, acquirer.Request{Kind: acquirer.RequestChangeName, Number: someNumber, Name: "欧阳·娜"}, "/confirm?after=name"},
		{"/number", []string{"number", someNumber, "new_number", otherNumber}, acquirer.Request{Kind: acquirer.RequestChangeNumber, Number: someNumber, NewNumber: otherNumber}, "/confirm?after=number"},
		{"/suspend", []string{"number", someNumber}, acquirer.Request{Kind: acquirer.RequestSuspend, Number: someNumber}, "/confirm?after=suspend"},
		{"/resume", []string{"number", someNumber}, acquirer.Request{Kind: acquirer.RequestResume, Number: someNumber}, "/confirm?after=resume"},
		{"/delete", []string{"number", someNumber}, acquirer.Request{Kind: acquirer.RequestDelete, Number: someNumber}, "/confirm?after=delete"},
		{"/see", []string{"number", someNumber}, acquirer.Request{Kind: acquirer.RequestSee, Number: someNumber}, "/confirm?after=see"},
		{"/devices", []string{"number", someNumber, "kind1", "email", "address1", "a@example.org", "kind3", "sms", "address3", "ignored"},
			acquirer.Request{Kind: acquirer.RequestDevices, Number: someNumber, Devices: []acquirer.DeviceChoice{{Kind: "email", Address: "a@example.org"}, {Kind: "sms"}}}, "/confirm?after=devices"},
		{"/cancel", []string{"number", someNumber, "code", rightCode}, acquirer.Request{Kind: acquirer.RequestCancel, Number: someNumber, Code: rightCode}, ""},
	} {
		got := b.send(v.page, v.pairs...)
		if v.next == "" {
			require.Equal(t, 200, got.StatusCode, v.page)
			require.Contains(t, got.body, "Answer: cancelled.")
		} else {
			require.Equal(t, v.next, got.Header.Get("Location"), v.page)
		}
		v.want.Language = acquirer.English
		require.Equal(t, v.want, *o.messages()[i].Request)
		got = b.send(v.page)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode, v.page)
		require.Contains(t, got.body, `role="alert"`, v.page)
		o.got = o.got[:i+1]
	}
	got := b.send("/devices", "number", someNumber, "address1", "kept@example.org")
	require.Regexp(t, `id="kind1"[^>]* aria-invalid="true" aria-describedby="devices-error"`, got.body)
	require.Contains(t, got.body, `<a href="#kind1">`)
	require.Contains(t, got.body, `value="kept@example.org"`)
	require.Equal(t, http.StatusUnprocessableEntity, b.send("/cancel", "number", someNumber, "code", "111111").StatusCode)
	require.Contains(t, b.send("/confirm", "code", halfCode).body, "sent to the other number")
}

// A form that is sent twice, also at once or after a reload, has one effect and one answer.
func TestDoubleSubmit(t *testing.T) {
	o := newOffice()
	p, _ := newPortal(t, o)
	b := newBrowser(t, p.Handler())
	v := b.form("/register", "number", someNumber, "name", someName, "card", someCard)
	done := make(chan answered, 4)
	for range 4 {
		go func() { done <- b.post("/register", v) }()
	}
	for range 4 {
		require.Equal(t, "/confirm?after=register", (<-done).Header.Get("Location"))
	}
	require.Len(t, o.messages(), 1)
	require.Equal(t, 303, b.post("/register", b.form("/register", "number", someNumber, "name", someName, "card", someCard)).StatusCode)
	require.Len(t, o.messages(), 2, "a new form is a new message")
}

func TestForeignForms(t *testing.T) {
	o := newOffice()
	p, _ := newPortal(t, o)
	b, attacker := newBrowser(t, p.Handler()), newBrowser(t, p.Handler())
	v := b.form("/suspend", "number", someNumber)
	for name, form := range map[string]string{"none": "", "short": "abc", "another session's": attacker.form("/suspend").Get("form"),
		"altered": v.Get("form")[:37] + "A", "altered nonce": "AAAA" + v.Get("form")[4:], "longer": v.Get("form") + "A"} {
		w := url.Values{"form": {form}, "number": {someNumber}}
		if form == v.Get("form") {
			w.Set("form", form[:37]+"B")
		}
		got := b.post("/suspend", w)
		require.Equal(t, http.StatusForbidden, got.StatusCode, name)
		require.Contains(t, got.body, "no longer valid", name)
	}
	for name, header := range map[string][2]string{"cross-site": {"Sec-Fetch-Site", "cross-site"}, "same-site": {"Sec-Fetch-Site", "same-site"}, "origin": {"Origin", "https://evil.example"}} {
		b.header.Set(header[0], header[1])
		require.Equal(t, http.StatusForbidden, b.post("/suspend", v).StatusCode, name)
		require.Equal(t, 200, b.get("/suspend").StatusCode, "a link from elsewhere is followed")
		b.header.Del(header[0])
	}
	for _, path := range []string{"/confirm", "/resend", "/pc", "/pc/confirm", "/pc/resend", "/pc/leave", "/pc/ack", "/register", "/cancel", "/leave"} {
		require.Equal(t, http.StatusForbidden, newBrowser(t, p.Handler()).post(path, v).StatusCode, path+" without a session")
	}
	require.Empty(t, o.messages())
	require.Equal(t, 303, b.post("/suspend", v).StatusCode)
}

var tokens = regexp.MustCompile(`name="form" value="[^"]+"`)

// What the page may not learn it does not learn: the office is asked the same, and answers are the same but for tokens.
func TestSameAnswerForEveryNumber(t *testing.T) {
	p, _ := newPortal(t, newOffice())
	var first string
	for _, number := range []string{someNumber, otherNumber, "18612345678"} {
		b := newBrowser(t, p.Handler())
		got := b.send("/suspend", "number", number)
		after := b.get(got.Header.Get("Location"))
		wrong := b.send("/confirm?after=suspend", "code", "111111")
		all := fmt.Sprint(got.StatusCode, got.body, headers(got), after.StatusCode, after.body, headers(after), wrong.StatusCode, wrong.body, headers(wrong))
		all = tokens.ReplaceAllString(all, "")
		require.NotContains(t, all, number)
		if first == "" {
			first = all
		}
		require.Equal(t, first, all)
	}
}

func headers(a answered) http.Header {
	h := a.Header.Clone()
	h.Del("Date")
	h.Del("Set-Cookie")
	return h
}

func TestHeaders(t *testing.T) {
	p, _ := newPortal(t, newOffice())
	p.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	b := newBrowser(t, p.Handler())
	for _, path := range append(pagePaths, "/nothing", "/held", "/api/openapi.json", "/api/v1/held", "/pc/events") {
		h := b.get(path).Header
		csp := h.Get("Content-Security-Policy")
		require.True(t, strings.HasPrefix(csp, "default-src 'none'; style-src 'self'; script-src 'self'"), path)
		require.Contains(t, csp, "frame-ancestors 'none'")
		require.NotContains(t, csp, "unsafe")
		require.NotContains(t, csp, "data:")
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), path)
		require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
		require.Empty(t, h.Get("Strict-Transport-Security"), path)
	}
	cookies := newBrowser(t, p.Handler()).get("/register").Cookies()
	require.Len(t, cookies, 1)
	require.Equal(t, "ringback", cookies[0].Name)
	require.True(t, cookies[0].HttpOnly && cookies[0].SameSite == http.SameSiteStrictMode && !cookies[0].Secure && cookies[0].MaxAge == 0)

	secure := newBrowser(t, p.Handler())
	secure.header.Set("X-Forwarded-Proto", "https")
	got := secure.get("/register?lang=en")
	require.Equal(t, "max-age=31536000", got.Header.Get("Strict-Transport-Security"))
	require.Len(t, got.Cookies(), 2)
	for _, c := range got.Cookies() {
		require.True(t, strings.HasPrefix(c.Name, "__Host-ringback") && c.Secure && c.HttpOnly && c.Path == "/" && c.Domain == "")
	}
	p.TrustedProxies = nil
	require.Empty(t, secure.get("/register").Header.Get("Strict-Transport-Security"), "nobody else's word counts")
}

func TestStatics(t *testing.T) {
	p, _ := newPortal(t, newOffice())
	b := newBrowser(t, p.Handler())
	found := regexp.MustCompile(`/static/[0-9a-f]+/[a-z.]+`).FindAllString(b.get("/").body, -1)
	require.GreaterOrEqual(t, len(found), 3)
	for _, path := range found {
		got := b.get(path)
		require.Equal(t, 200, got.StatusCode, path)
		require.Equal(t, "public, max-age=31536000, immutable", got.Header.Get("Cache-Control"))
		require.Equal(t, got.body, string(p.statics[path[strings.LastIndex(path, "/")+1:]].plain))
	}
	for _, path := range []string{"/static/000000/pico.css", "/static/x/../limits.go", found[0] + "x", strings.Replace(found[1], "pico.css", "pico-LICENSE.md", 1)} {
		require.Equal(t, http.StatusNotFound, b.get(path).StatusCode, path)
	}
}

func TestNoSuchPage(t *testing.T) {
	p, _ := newPortal(t, newOffice())
	b := newBrowser(t, p.Handler())
	got := b.get("/nothing")
	require.Equal(t, http.StatusNotFound, got.StatusCode)
	require.Contains(t, got.body, "no such page")
	got = b.do("PUT", "/register", "", "")
	require.Equal(t, http.StatusMethodNotAllowed, got.StatusCode)
	require.Equal(t, "GET, HEAD, POST", got.Header.Get("Allow"))
	got = b.get("/api/v1/nothing")
	require.Equal(t, http.StatusNotFound, got.StatusCode)
	require.Equal(t, "application/problem+json", got.Header.Get("Content-Type"))
}

func TestOversize(t *testing.T) {
	o := newOffice()
	p, _ := newPortal(t, o)
	b := newBrowser(t, p.Handler())
	v := b.form("/name", "number", someNumber, "name", "")
	room := maxBody - len(v.Encode())
	v.Set("name", strings.Repeat("x", room))
	require.Equal(t, 303, b.post("/name", v).StatusCode, "as much as is allowed")
	v.Set("name", strings.Repeat("x", room+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, b.post("/name", v).StatusCode)
	r, err := http.NewRequest("POST", b.base+"/name", struct{ *strings.Reader }{strings.NewReader(v.Encode())}) // of unknown length
	require.NoError(t, err)
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := b.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, w.StatusCode)
	require.Len(t, o.messages(), 1)
}

func TestFailures(t *testing.T) {
	for _, v := range []struct {
		err    error
		status int
	}{
		{acquirer.ErrInbound, 400}, {acquirer.ErrBusy, 503}, {errors.New("disk"), 500}, {fmt.Errorf("writing: %w", acquirer.ErrStore), 500},
	} {
		o := newOffice()
		p, log := newPortal(t, o)
		b := newBrowser(t, p.Handler())
		form := b.form("/suspend", "number", someNumber)
		o.set("", v.err)
		got := b.post("/suspend", form)
		require.Equal(t, v.status, got.StatusCode, v.err)
		require.Equal(t, v.status == 503, got.Header.Get("Retry-After") == "10")
		require.NotContains(t, got.body, "disk")
		require.Equal(t, v.status == 500, strings.Contains(log.String(), v.err.Error()))
		select {
		case err := <-p.failed:
			require.ErrorIs(t, err, acquirer.ErrStore)
		default:
			require.NotErrorIs(t, v.err, acquirer.ErrStore)
		}
	}
	o := newOffice()
	p, _ := newPortal(t, o)
	b := newBrowser(t, p.Handler())
	o.set(acquirer.OutcomeLimited, nil)
	got := b.send("/suspend", "number", someNumber)
	require.Equal(t, http.StatusTooManyRequests, got.StatusCode)
	require.Equal(t, "3600", got.Header.Get("Retry-After"))
}

func TestLook(t *testing.T) {
	o := newOffice()
	p, _ := newPortal(t, o)
	p.bySession = budget.New[string](maxCounted, 1000, 1)
	b := newBrowser(t, p.Handler())
	for _, path := range []string{"/held", "/held.json", "/statement"} {
		require.Equal(t, http.StatusForbidden, b.get(path).StatusCode)
	}
	require.Equal(t, "/confirm?after=see", b.send("/see", "number", someNumber).Header.Get("Location"))
	require.Equal(t, http.StatusForbidden, b.get("/held").StatusCode)
	got := b.send("/confirm?after=see", "code", rightCode, "after", "see")
	require.Equal(t, "/held", got.Header.Get("Location"))
	got = b.get("/held")
	require.Equal(t, 200, got.StatusCode)
	for _, want := range []string{someNumber, someName, "621700*********0122", "m***@example.org", "can be paid", "in force", "192.0.2.7"} {
		require.Contains(t, got.body, want)
	}
	got = b.get("/held.json")
	require.Equal(t, `attachment; filename="ringback.json"`, got.Header.Get("Content-Disposition"))
	var held heldView
	require.NoError(t, json.Unmarshal([]byte(got.body), &held))
	want := must(json.Marshal(viewHeld(someHeld())))
	require.JSONEq(t, string(want), got.body)
	got = b.get("/statement?from=2026-11-01&to=2026-11-30")
	require.Equal(t, 200, got.StatusCode)
	for _, want := range []string{otherNumber, "18612345678", "¥1288.00", "¥888.00", "¥0.50", "十一月房租", "早餐 &lt;b&gt;&amp;", "on your card", "Choose fewer days", `value="2026-11-01"`} {
		require.Contains(t, got.body, want)
	}
	require.Less(t, strings.Index(got.body, otherNumber), strings.Index(got.body, "18612345678"))
	require.Equal(t, http.StatusUnprocessableEntity, b.get("/statement?from=2026-11-30&to=2026-11-01").StatusCode)
	require.Equal(t, http.StatusForbidden, newBrowser(t, p.Handler()).get("/held").StatusCode, "another session may not")
	require.Equal(t, "/", b.post("/leave", b.form("/register")).Header.Get("Location"))
	require.Equal(t, http.StatusForbidden, b.get("/held").StatusCode)
}

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC) // the 25th in Beijing
	for _, v := range []struct {
		from, to    string
		first, last acquirer.Date
		ok          bool
	}{
		{"", "", 20261027, 20261125, true},
		{"2026-11-01", "2026-11-01", 20261101, 20261101, true},
		{"2026-08-26", "2026-11-25", 20260826, 20261125, true}, // 92 days
		{"2026-08-25", "2026-11-25", 0, 0, false},
		{"2026-11-02", "2026-11-01", 0, 0, false},
		{"2026-11-01", "", 0, 0, false},
		{"", "2026-11-01", 0, 0, false},
		{"20261101", "20261102", 0, 0, false},
		{"2026-02-30", "2026-03-01", 0, 0, false},
	} {
		first, last, err := period(v.from, v.to, now)
		require.Equal(t, v.ok, err == nil, v)
		require.Equal(t, [2]acquirer.Date{v.first, v.last}, [2]acquirer.Date{first, last}, v)
	}
}

func TestEcho(t *testing.T) {
	for value, want := range map[string]string{"13800138001": "13800138001", "+86 138 0013 8001": "+86 138 0013 8001", "008613800138001": "008613800138001",
		someCard: "", "6217 0012 3456 7890 122": "", "６２１７００１２３４５６７８９０１２２": "", "name 4929-0583-7164-0929": "", "123456789012": "123456789012",
		"1234567890123": "", someName: someName, strings.Repeat("x", 601): "", "8613800138": "8613800138"} {
		require.Equal(t, want, echo(value), value)
	}
}

// Whatever is put between and around the digits of a card, and in whichever script they are written, it is not echoed.
func TestEchoOfCards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "卡", "no. ", "+"}).Draw(t, "before")
		zero := rapid.SampledFrom([]rune{'0', '０', '٠', '०'}).Draw(t, "script")
		first := rapid.RuneFrom([]rune("123456789")).Filter(func(r rune) bool { return r != '8' }).Draw(t, "first")
		text += string(zero + first - '0')
		for range rapid.IntRange(12, 18).Draw(t, "more digits") {
			text += rapid.SampledFrom([]string{"", "", "", " ", "-", "\u3000", ".", "x"}).Draw(t, "between")
			text += string(zero + rapid.RuneFrom([]rune("0123456789")).Draw(t, "digit") - '0')
		}
		if got := echo(text); got != "" {
			t.Fatalf("%q is echoed", got)
		}
	})
}

// A card number comes back nowhere: not in a page, a header, an answer of the API or the log, whichever field it is typed
// into and however it is written.
func TestCardIsNeverSentBack(t *testing.T) {
	o := newOffice()
	p, log := newPortal(t, o)
	p.bySession, p.postsByClient, p.byClient = budget.New[string](maxCounted, 100_000, 1), budget.New[string](maxCounted, 100_000, 1), budget.New[string](maxCounted, 100_000, 1)
	b := newBrowser(t, p.Handler())
	written := []string{someCard, "6217 0012 3456 7890 122", "6217-0012-3456-7890-122", someCard + "3"}
	for _, card := range written {
		for _, f := range append(forms[:len(forms):len(forms)], pcForm, form{name: "confirm"}) {
			v := b.form("/" + f.name)
			for _, name := range []string{"number", "new_number", "name", "card", "code", "kind1", "address1", "kind2", "address2", "after"} {
				v.Set(name, card)
			}
			b.post("/"+f.name, v)
			b.get("/" + f.name + "?lang=en&after=" + url.QueryEscape(card) + "&number=" + url.QueryEscape(card))
		}
		b.get("/statement?from=" + url.QueryEscape(card))
		b.get("/" + url.PathEscape(card))
		for _, route := range apiRoutes {
			body := fmt.Sprintf(`{"number":%q,"card":%q,"name":%q}`, card, card, card)
			for _, text := range []string{body, body[:20], `{"card":` + `"` + card + `"}`, `{"` + card + `":1}`} {
				b.header.Set("Idempotency-Key", "key-of-a-test")
				b.do(route.method, route.path, "application/json", text)
			}
		}
	}
	b.send("/see", "number", someNumber)
	b.send("/confirm", "code", rightCode)
	for _, path := range []string{"/held", "/held.json", "/statement"} {
		require.Equal(t, 200, b.get(path).StatusCode)
	}
	digits := regexp.MustCompile(`[^0-9]`).ReplaceAllString(b.seen.String(), "")
	require.False(t, strings.Contains(digits, someCard), "it was sent back")
	require.Greater(t, len(o.messages()), 20)
	require.NotEmpty(t, log.String())
	for _, secret := range []string{someCard, someNumber, someName, rightCode, "127.0.0.1", "ming@", "十一月房租"} {
		require.NotContains(t, log.String(), secret)
	}
}

func TestRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		p, _ := newPortal(t, o)
		h := p.Handler()
		ask := func(peer, method, path string, c *http.Cookie, v url.Values) *answerRecorder {
			return request(h, peer, method, path, c, v)
		}
		for range requestBurst {
			require.Equal(t, 200, ask("192.0.2.1:1", "GET", "/", nil, nil).Code)
		}
		w := ask("192.0.2.1:2", "GET", "/", nil, nil)
		require.Equal(t, 429, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), "请求过于频繁")
		require.Equal(t, 200, ask("192.0.2.2:1", "GET", "/", nil, nil).Code)
		time.Sleep(time.Second)
		for range requestsPerSecond {
			require.Equal(t, 200, ask("192.0.2.1:1", "GET", "/", nil, nil).Code)
		}
		require.Equal(t, 429, ask("192.0.2.1:1", "GET", "/api/openapi.json", nil, nil).Code)

		session := newToken()
		c := &http.Cookie{Name: sessionCookie, Value: string(session)}
		send := func(peer string) *answerRecorder {
			return ask(peer, "POST", "/suspend", c, url.Values{"form": {session.newForm()}, "number": {someNumber}})
		}
		for i := range sessionBurst {
			require.Equal(t, 303, send(fmt.Sprintf("198.51.100.%d:1", i)).Code, "a session is counted wherever it comes from")
		}
		w = send("198.51.100.99:1")
		require.Equal(t, 429, w.Code)
		require.Equal(t, "10", w.Header().Get("Retry-After"))
		time.Sleep(10 * time.Second)
		require.Equal(t, 303, send("198.51.100.99:1").Code)

		for range postBurst {
			require.Equal(t, 403, ask("203.0.113.1:1", "POST", "/suspend", nil, nil).Code)
		}
		require.Equal(t, 429, ask("203.0.113.1:1", "POST", "/suspend", nil, nil).Code)
		require.Equal(t, 200, ask("203.0.113.1:1", "GET", "/", nil, nil).Code)
		require.Equal(t, uint64(4), p.Counts().Limited)
	})
}

func TestClientBehindProxies(t *testing.T) {
	o := newOffice()
	p, _ := newPortal(t, o)
	p.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, v := range []struct {
		peer, forwarded, proto string
		source                 string
		secure                 bool
	}{
		{"192.0.2.1:1", "", "", "192.0.2.1", false},
		{"192.0.2.1:1", "198.51.100.1", "https", "192.0.2.1", false}, // anybody may write that
		{"10.1.1.1:1", "198.51.100.1", "https", "198.51.100.1", true},
		{"10.1.1.1:1", "203.0.113.9, 198.51.100.1", "http", "198.51.100.1", false},
		{"10.1.1.1:1", "203.0.113.9, 198.51.100.1, 10.2.2.2", "http, https", "198.51.100.1", true},
		{"10.1.1.1:1", "10.3.3.3, 10.2.2.2", "", "10.3.3.3", false},
		{"10.1.1.1:1", "nonsense", "", "10.1.1.1", false},
		{"10.1.1.1:1", "", "", "10.1.1.1", false},
		{"[::1]:1", "2001:db8::7", "https", "2001:db8::7", true},
		{"[::ffff:192.0.2.3]:1", "", "", "192.0.2.3", false},
		{"pipe", "198.51.100.1", "https", "", false},
	} {
		r := must(http.NewRequest("GET", "/", nil))
		r.RemoteAddr = v.peer
		if v.forwarded != "" {
			r.Header.Set("X-Forwarded-For", v.forwarded)
		}
		r.Header.Set("X-Forwarded-Proto", v.proto)
		got := visitOf(p.visiting(r))
		require.Equal(t, v.source, got.source, v)
		require.Equal(t, v.secure, got.secure, v)
	}
	require.Equal(t, "2001:db8:1:2::/64", network(netip.MustParseAddr("2001:db8:1:2:3:4:5:6")))
	require.Equal(t, "192.0.2.1/32", network(netip.MustParseAddr("192.0.2.1")))
}

func TestPreferredLanguage(t *testing.T) {
	for header, want := range map[string]acquirer.Language{"": "zh", "en": "en", "EN-us": "en", "zh-TW": "zh", "en;q=0.4, zh;q=0.5": "zh",
		"en;q=0.5, zh;q=0.4": "en", "fr": "zh", "*": "zh", "en;q=0": "zh", "de-DE, en ; q=0.2": "en", "en;q=x": "en", ",,;": "zh"} {
		require.Equal(t, want, preferred(header), header)
	}
}
