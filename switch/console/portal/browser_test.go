package portal

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/console/budget"
	"github.com/chromedp/cdproto/emulation"
	cdpnetwork "github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// chrome is one tab of a real browser before a portal.
type chrome struct {
	t    *testing.T
	ctx  context.Context
	base string
	o    *office
	p    *Portal
}

// newChrome starts Chromium, or skips the test where it is not installed.
func newChrome(t *testing.T) *chrome {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: apt-get install chromium fonts-droid-fallback")
	}
	o := newOffice()
	p, _ := newPortal(t, o)
	p.bySession, p.postsByClient, p.byClient = budget.New[string](maxCounted, 100_000, 1), budget.New[string](maxCounted, 100_000, 1), budget.New[string](maxCounted, 100_000, 1)
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(p.hub.close) // before the server: it waits for its streams
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	ctx, end := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(end)
	ctx, end = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(end)
	ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	c := &chrome{t, ctx, server.URL, o, p}
	c.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdppage.AddScriptToEvaluateOnNewDocument(violations).Do(ctx)
		return err
	}))
	return c
}

// violations gathers what the policy of a page refused.
const violations = `window.refused = [];
addEventListener('securitypolicyviolation', (e) => window.refused.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));`

func (c *chrome) run(actions ...chromedp.Action) {
	c.t.Helper()
	require.NoError(c.t, chromedp.Run(c.ctx, actions...))
}

func (c *chrome) open(path string) { c.t.Helper(); c.run(chromedp.Navigate(c.base + path)) }

// value evaluates an expression on the page.
func value[T any](c *chrome, expression string) (v T) {
	c.t.Helper()
	c.run(chromedp.Evaluate(expression, &v))
	return v
}

// submit sends the first form of the page with values, and waits for the answer.
func (c *chrome) submit(values map[string]string) {
	c.t.Helper()
	for name, v := range values {
		c.run(chromedp.SetValue(`[name="`+name+`"]`, v, chromedp.ByQuery))
	}
	c.press(`main form button`)
}

// press presses a button and waits for the page behind it.
func (c *chrome) press(button string) {
	c.t.Helper()
	_, err := chromedp.RunResponse(c.ctx, chromedp.Click(button, chromedp.ByQuery))
	require.NoError(c.t, err)
}

// view sets the size of the window.
func (c *chrome) view(width, height int64) {
	c.run(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile))
}

// axe is the source of axe-core; the test is skipped where it is not there.
func axe(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("RINGBACK_NODE_MODULES")
	if folder == "" {
		folder = "../../../node_modules"
	}
	b, err := os.ReadFile(filepath.Join(folder, "axe-core", "axe.min.js"))
	if err != nil {
		t.Skip("axe-core is not there: npm install axe-core@4.14.1 at the root of the module, or name its folder in RINGBACK_NODE_MODULES")
	}
	return string(b)
}

// sound wants a page without a violation of its policy or of accessibility, and nothing beside the window.
func (c *chrome) sound(name, axe string) {
	c.t.Helper()
	require.Empty(c.t, value[[]string](c, `window.refused`), name)
	require.LessOrEqual(c.t, value[int](c, `document.documentElement.scrollWidth`), value[int](c, `window.innerWidth`), "%s is wider than its window: %s", name,
		value[string](c, `[...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className).join(' ')`))
	var found []struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	c.run(chromedp.Evaluate(axe+`;0`, nil))
	c.run(chromedp.Evaluate(`axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => ({id: v.id, help: v.help,
		nodes: v.nodes.map(n => ({html: n.html, failureSummary: n.failureSummary}))})))`, &found, awaitPromise))
	require.Empty(c.t, found, name)
}

// tour visits every page in every state and calls look on each.
func (c *chrome) tour(language string, look func(name string)) {
	c.t.Helper()
	visit := func(path string) { c.open(path); look(path) }
	c.run(cdpnetwork.ClearBrowserCookies())
	c.open("/?lang=" + language)
	for _, path := range append(pagePaths, "/held", "/statement", "/nothing") {
		visit(path)
	}
	for _, f := range append(forms[:len(forms):len(forms)], pcForm, form{name: "confirm"}) {
		c.open("/" + f.name)
		c.submit(nil)
		look("/" + f.name + " sent empty")
	}
	c.open("/register")
	c.submit(map[string]string{"number": "12", "name": "王", "card": someCard[:18]})
	look("/register with what is wrong")
	c.open("/confirm")
	c.submit(map[string]string{"code": "111111"})
	look("/confirm with a wrong code")
	c.submit(map[string]string{"code": halfCode})
	look("/confirm for another number")
	c.press(`form[action="/resend"] button`)
	look("/confirm with another code")
	c.submit(map[string]string{"code": rightCode})
	look("confirmed")
	visit("/held")
	visit("/statement")
	visit("/statement?from=2026-11-30&to=2026-11-01")
	c.open("/cancel")
	c.submit(map[string]string{"number": someNumber, "code": rightCode})
	look("cancelled")
	c.open("/see")
	c.o.set(acquirer.OutcomeLimited, nil)
	c.submit(map[string]string{"number": someNumber})
	look("too many")
	c.o.set("", nil)
	c.bind()
	visit("/pc?confirmed=1")
	require.True(c.t, (<-send(c.p, paid(c.token(), len(c.o.messages())))).handed.Delivered)
	look("/pc with a payment")
}

// bind puts this browser in front of the devices.
func (c *chrome) bind() {
	c.open("/pc")
	c.submit(map[string]string{"number": someNumber})
	c.submit(map[string]string{"code": rightCode})
	c.run(chromedp.WaitVisible(`#stream.lit`, chromedp.ByQuery))
}

// token is that of this browser as a device.
func (c *chrome) token() (t token) {
	c.t.Helper()
	c.run(chromedp.ActionFunc(func(ctx context.Context) error {
		all, err := cdpnetwork.GetCookies().Do(ctx)
		for _, k := range all {
			if k.Name == pcCookie {
				t = token(k.Value)
			}
		}
		return err
	}))
	require.NotEmpty(c.t, t)
	return t
}

// Every page in every state, in both languages, on the narrowest phone and in both schemes of colour.
func TestPagesAreAccessible(t *testing.T) {
	c, source := newChrome(t), axe(t)
	c.view(320, 640)
	pages := 0
	for _, language := range []string{"zh", "en"} {
		c.tour(language, func(name string) {
			want := map[string]string{"zh": "zh-CN", "en": "en"}[language]
			require.Equal(t, want, value[string](c, `document.documentElement.lang`), name)
			for _, scheme := range map[string][]string{"zh": {"dark", "light"}, "en": {"light"}}[language] { // colours are the same in both
				c.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
				c.sound(language+" "+scheme+" "+name, source)
			}
			pages++
		})
	}
	require.Equal(t, 2*41, pages)
	c.view(1280, 900)
	c.open("/devices")
	c.sound("a wide window", source)
}

// A whole registration by hand, with a browser that runs scripts and with one that does not.
func TestRegistrationInABrowser(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script %v", script), func(t *testing.T) {
			c := newChrome(t)
			c.view(390, 844)
			if !script {
				c.run(emulation.SetScriptExecutionDisabled(true))
			}
			c.open("/?lang=zh")
			c.press(`a.primary`)
			c.run(chromedp.SendKeys(`#number`, "1380013", chromedp.ByQuery), chromedp.SendKeys(`#name`, someName, chromedp.ByQuery),
				chromedp.SendKeys(`#card`, "6217 0012 3456 7890 123", chromedp.ByQuery))
			c.press(`main form button`)
			text := c.text(`main`)
			require.Contains(t, text, "请更正以下内容")
			require.Contains(t, text, words["reason.number"].zh)
			require.Contains(t, text, words["reason.card-digits"].zh)
			require.Equal(t, "1380013", c.attribute(`#number`, "value"))
			require.Equal(t, "", c.attribute(`#card`, "value"))
			require.Equal(t, "true", c.attribute(`#card`, "aria-invalid"))
			require.Equal(t, "", c.attribute(`#name`, "aria-invalid"))

			c.press(`header nav a`)
			require.Contains(t, c.text(`main`), "Debit card number")
			c.run(chromedp.SendKeys(`#number`, someNumber, chromedp.ByQuery), chromedp.SendKeys(`#name`, someName, chromedp.ByQuery),
				chromedp.SendKeys(`#card`, someCard, chromedp.ByQuery))
			c.press(`main form button`)
			require.Contains(t, c.text(`main`), "If it can be carried out, a code is sent")
			c.run(chromedp.SendKeys(`#code`, rightCode, chromedp.ByQuery))
			c.press(`main form button`)
			require.Contains(t, c.text(`main`), "Answer: confirmed.")
			all := c.o.messages()
			require.Equal(t, someCard, all[1].Request.Card)
			require.Equal(t, all[1].Sender, all[2].Sender)
			if !script {
				c.open("/pc")
				require.Contains(t, c.text(`main`), "This page needs JavaScript")
			}
		})
	}
}

func (c *chrome) text(selector string) (s string) {
	c.t.Helper()
	c.run(chromedp.Text(selector, &s, chromedp.ByQuery))
	return s
}

func (c *chrome) attribute(selector, name string) (s string) {
	c.t.Helper()
	var ok bool
	c.run(chromedp.AttributeValue(selector, name, &s, &ok, chromedp.ByQuery))
	return s
}

// Payments show as they come, sorted by who paid, each once, also after the connection was lost.
func TestPaymentsInABrowser(t *testing.T) {
	c := newChrome(t)
	c.view(390, 844)
	c.open("/?lang=zh")
	c.bind()
	require.Contains(t, c.text(`#connection`), "已连接")
	page := c.token()
	deliver := func(m acquirer.Message) {
		require.True(t, (<-send(c.p, m)).handed.Delivered)
	}
	deliver(paid(page, 1))
	deliver(paid(page, 2))
	deliver(paid(page, 1)) // a second try of the same
	other := paid(page, 3)
	other.Payer = must(acquirer.ParseMSISDN("18612345678"))
	deliver(other)
	plain := paid(page, 4)
	plain.Payer, plain.Text = acquirer.MSISDN{}, "您的号码需要重新确认 <script>alert(1)</script>"
	deliver(plain)
	require.Equal(t, 4, value[int](c, `document.querySelectorAll('#payers li').length`))
	require.Equal(t, 3, value[int](c, `document.querySelectorAll('#payers section').length`))
	text := c.text(`#payers`)
	for _, want := range []string{otherNumber, "¥24.71", "18612345678", "其他通知", "<script>alert(1)</script>", "2026-11-24 09:30"} {
		require.Contains(t, text, want)
	}
	require.Contains(t, text, "¥24.71 · 2 笔")

	c.p.hub.giveUp(page.public("pc"), "", true) // the connection is lost
	c.run(chromedp.WaitVisible(`#stream:not(.lit)`, chromedp.ByQuery), chromedp.WaitVisible(`#stream.lit`, chromedp.ByQuery))
	deliver(paid(page, 5))
	require.Equal(t, 5, value[int](c, `document.querySelectorAll('#payers li').length`), "nothing twice, nothing lost")
	c.open("/pc")
	c.run(chromedp.WaitVisible(`#payers li:nth-of-type(3)`, chromedp.ByQuery))
	require.Equal(t, 5, value[int](c, `document.querySelectorAll('#payers li').length`), "a page that is loaded again shows what came of late")
	require.Empty(t, value[[]string](c, `window.refused`))
}

// Alerts of the desktop are asked for by a button, and shown when the page is not seen.
func TestAlertsInABrowser(t *testing.T) {
	c := newChrome(t)
	c.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdppage.AddScriptToEvaluateOnNewDocument(`window.alerts = [];
window.Notification = class { constructor(title, o) { window.alerts.push(title + ' ' + o.body + ' ' + o.tag); }
  static permission = 'default';
  static requestPermission() { Notification.permission = 'granted'; return Promise.resolve('granted'); } };`).Do(ctx)
		return err
	}))
	c.open("/?lang=zh")
	c.bind()
	m := paid(c.token(), 1)
	require.True(t, (<-send(c.p, m)).handed.Delivered)
	c.run(chromedp.Click(`#notify`, chromedp.ByQuery), chromedp.WaitNotVisible(`#notify`, chromedp.ByQuery))
	require.Equal(t, words["pc.allowed"].zh, c.text(`#notified`))
	m = paid(c.token(), 2)
	require.True(t, (<-send(c.p, m)).handed.Delivered)
	require.Empty(t, value[[]string](c, `alerts`), "the page is seen")
	c.run(chromedp.Evaluate(`Object.defineProperty(document, 'hidden', {value: true});0`, nil))
	m = paid(c.token(), 3)
	require.True(t, (<-send(c.p, m)).handed.Delivered)
	require.Equal(t, []string{m.Subject + " " + m.Text + " " + m.ID}, value[[]string](c, `alerts`))
}

// TestPictures makes the pictures of the documentation where RINGBACK_SCREENSHOTS names a folder.
func TestPictures(t *testing.T) {
	folder := os.Getenv("RINGBACK_SCREENSHOTS")
	if folder == "" {
		t.Skip("RINGBACK_SCREENSHOTS names no folder")
	}
	c := newChrome(t)
	picture := func(name string) {
		var b []byte
		c.run(chromedp.FullScreenshot(&b, 100))
		b = small(t, b)
		require.Less(t, len(b), 60<<10)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), b, 0o644))
	}
	c.view(390, 700)
	c.open("/register?lang=zh")
	c.submit(map[string]string{"number": "1380013", "name": someName, "card": "6217"})
	picture("web-register.png")
	c.bind()
	for n, payer := range []string{"18612345678", otherNumber, otherNumber} {
		m := paid(c.token(), n)
		m.Payer, m.Amount = must(acquirer.ParseMSISDN(payer)), acquirer.Fen(8800*(n+1))
		m.Text = "您尾号0122的银行卡已到账" + m.Amount.String() + "元。"
		require.True(t, (<-send(c.p, m)).handed.Delivered)
	}
	picture("pc-payments.png")
	require.NotContains(t, strings.ToLower(c.text("main")), "error")
}

// awaitPromise makes an evaluation wait for what was promised.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// small makes a picture of few colours out of one of many: those that are most often, and for every other the nearest.
func small(t *testing.T, b []byte) []byte {
	in, err := png.Decode(bytes.NewReader(b))
	require.NoError(t, err)
	count := map[color.RGBA]int{}
	size := in.Bounds()
	at := func(x, y int) color.RGBA {
		r, g, b, _ := in.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
	}
	for y := range size.Dy() {
		for x := range size.Dx() {
			count[at(x, y)]++
		}
	}
	often := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	var colours color.Palette
	for _, c := range often[:min(len(often), 40)] {
		colours = append(colours, c)
	}
	out := image.NewPaletted(size, colours)
	for y := range size.Dy() {
		for x := range size.Dx() {
			out.Set(x, y, at(x, y))
		}
	}
	var w bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&w, out))
	return w.Bytes()
}
