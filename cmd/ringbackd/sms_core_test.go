package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/smpp"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/webhook"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// The SMS channel with the real core and the real store behind it, and in front of it a centre that shares no code with
// us: switch/channel/smpp/testdata/smsc.js on the npm package smpp. Here people abuse it.

// smsPatience is how long a step may take on a busy machine.
const smsPatience = 60 * time.Second

const (
	smsVictim = "13800138009"
	smsCard   = "6217000000000000012"
)

// smsCentre is the process of the centre.
type smsCentre struct {
	t    *testing.T
	addr string
	in   io.WriteCloser

	mu      sync.Mutex
	changed chan struct{} // closed at each event
	events  []smsEvent
}

type smsEvent struct {
	Event, Text, To string
	Status, Port    int
}

func newSMSCentre(t *testing.T) *smsCentre {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed: apt-get install nodejs")
	}
	modules := os.Getenv("RINGBACK_NODE_MODULES")
	if modules == "" {
		modules = filepath.Join("..", "..", "node_modules")
	}
	pkg, err := filepath.Abs(filepath.Join(modules, "smpp"))
	require.NoError(t, err)
	if _, err := os.Stat(pkg); err != nil {
		t.Skip("the npm package smpp 0.5.1 is neither in the folder that RINGBACK_NODE_MODULES names nor in ./node_modules")
	}
	c := &smsCentre{t: t, changed: make(chan struct{})}
	cmd := exec.Command("node", "../../switch/channel/smpp/testdata/smsc.js", "0", pkg)
	c.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	read := make(chan struct{})
	go func() { defer close(read); c.listen(out) }()
	t.Cleanup(func() {
		_ = c.in.Close() // the centre ends with its orders
		<-read
		require.NoError(t, cmd.Wait())
	})
	c.addr = net.JoinHostPort("127.0.0.1", fmt.Sprint(c.await("listening", 1)[0].Port))
	return c
}

func (c *smsCentre) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e smsEvent
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		c.add(e)
	}
}

func (c *smsCentre) add(e smsEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
	close(c.changed)
	c.changed = make(chan struct{})
}

// await returns the events of a kind when there are so many.
func (c *smsCentre) await(kind string, n int) (found []smsEvent) {
	c.t.Helper()
	timeout := time.After(smsPatience)
	for {
		c.mu.Lock()
		found = nil
		for _, e := range c.events {
			if e.Event == kind {
				found = append(found, e)
			}
		}
		changed := c.changed
		c.mu.Unlock()
		if len(found) >= n {
			return found
		}
		select {
		case <-changed:
		case <-timeout:
			require.FailNow(c.t, fmt.Sprintf("%d of %d %s", len(found), n, kind))
		}
	}
}

// says sends a text as a handset would, in parts when it is long, and waits until all of it is answered with a status.
func (c *smsCentre) says(from, text string, status int) {
	c.t.Helper()
	var parts []string
	for r := []rune(text); ; r = r[60:] {
		if len(r) <= 60 {
			parts = append(parts, string(r))
			break
		}
		parts = append(parts, string(r[:60]))
	}
	c.order(map[string]any{"order": "deliver", "from": "86" + from, "ref": len(text) % 256, "parts": parts}, len(parts), status)
}

// order makes the centre deliver, and checks the answers.
func (c *smsCentre) order(o map[string]any, answers, status int) {
	c.t.Helper()
	before := len(c.await("answer", 0))
	b, err := json.Marshal(o)
	require.NoError(c.t, err)
	_, err = c.in.Write(append(b, '\n'))
	require.NoError(c.t, err)
	for _, a := range c.await("answer", before+answers)[before:] {
		require.Equal(c.t, status, a.Status)
	}
}

// got returns what was sent to a number that holds a text.
func (c *smsCentre) got(number, part string) (texts []string) {
	for _, m := range c.await("message", 0) {
		if m.To == "86"+number && strings.Contains(m.Text, part) {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// awaitText returns the newest text to a number that holds a part, when there are n of them.
func (c *smsCentre) awaitText(number, part string, n int) string {
	c.t.Helper()
	for all := 0; ; all++ {
		if texts := c.got(number, part); len(texts) >= n {
			return texts[len(texts)-1]
		}
		all = len(c.await("message", all+1)) - 1
	}
}

// smsWorld is the core on a store of its own, bound to the centre.
type smsWorld struct {
	*smsCentre
	db   *store.DB
	logs *lockedBuffer
	path string
}

func newSMSWorld(t *testing.T, l acquirer.EnrolmentLimits, devices ...acquirer.Device) *smsWorld {
	t.Helper()
	c := newCore(t, l, acquirer.DeviceSMS)
	w := &smsWorld{smsCentre: newSMSCentre(t), logs: &lockedBuffer{}, path: c.path, db: c.db}
	link := smpp.New(smpp.Config{Common: sms.Common{Addrs: []string{w.addr}, Inbox: c.enrolments, Receipts: c.notifier,
		NameKey: nameKey(w.db.CodeKey()), Chance: func() float64 { return 0.5 }, Log: zerolog.New(w.logs).Level(zerolog.DebugLevel),
		Limits: sms.Limits{Double: time.Millisecond}}, // people here say the same twice within seconds, and mean it
		SystemID: "ringback", Password: func() (string, error) { return "pw-1234", nil },
		Source: smpp.Party{NPI: 1, Addr: "10690000"}, Prefix: "86", DestTON: 1, DestNPI: 1})
	for _, d := range append(devices, link) {
		c.notifier.Use(d)
	}
	c.run(link)
	w.await("bound", 1)
	return w
}

// code reads the digits out of the n-th code to a number.
func (w *smsWorld) code(number string, n int) string {
	w.t.Helper()
	return regexp.MustCompile(`\b[0-9]{6}\b`).FindString(strings.ReplaceAll(w.awaitText(number, ",用于", n), "验证码", " "))
}

func (w *smsWorld) registered(number string) bool {
	w.t.Helper()
	n, err := acquirer.ParseMSISDN(number)
	require.NoError(w.t, err)
	_, err = w.db.PayeeByNumber(w.t.Context(), n)
	if err != nil {
		require.ErrorIs(w.t, err, acquirer.ErrNotFound)
	}
	return err == nil
}

// other returns a code that is none of the given ones.
func other(not string, n int) string {
	s := fmt.Sprintf("%06d", 111111+n)
	if s == not {
		return "999999"
	}
	return s
}

// Patent claim 1 by SMS: a registration in several parts, the code, and the payee is there. The centre brings everything
// twice, as if each response had been lost.
func TestSMSRegistration(t *testing.T) {
	w := newSMSWorld(t, acquirer.EnrolmentLimits{})
	text := "注册 李小明 " + strings.Repeat(" ", 40) + smsCard
	w.says(smsVictim, text, 0)
	code := w.code(smsVictim, 1)
	require.False(t, w.registered(smsVictim))
	w.says(smsVictim, "确认 "+code, 0)
	w.awaitText(smsVictim, "已完成注册", 1)
	require.True(t, w.registered(smsVictim))
	number, err := acquirer.ParseMSISDN(smsVictim)
	require.NoError(t, err)
	payee, err := w.db.PayeeByNumber(t.Context(), number)
	require.NoError(t, err)
	require.Equal(t, []string{"李小明", smsCard}, []string{payee.Name, payee.Card.Reveal()})
	require.Eventually(t, func() bool {
		waiting, err := w.db.NoticesIn(t.Context(), acquirer.NoticeDelivered, 10)
		return err == nil && len(waiting) == 2
	}, smsPatience, 10*time.Millisecond, "the receipts of both notices were stored")
	for _, secret := range []string{smsVictim, smsCard, "李小明", code, "pw-1234"} {
		require.NotContains(t, w.logs.String(), secret)
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(w.path + suffix)
			require.NoError(t, err)
			require.NotContains(t, string(b), secret)
		}
	}
}

// Whoever forges a sender cannot make the switch flood its number.
func TestSMSBombing(t *testing.T) {
	w := newSMSWorld(t, acquirer.EnrolmentLimits{CodeGap: -1})
	for i := range 30 {
		w.says(smsVictim, "注册 李小明 "+smsCard+strings.Repeat(" ", i), 0)
	}
	for i, from := range []string{"13800138005", "13800138006", "13800138007"} { // others name the number
		for j := range 5 {
			w.says(from, "注册 李小明 "+smsCard+" "+smsVictim+strings.Repeat(" ", 5*i+j), 0)
		}
	}
	w.says("13800138008", "注册 王小明 "+smsCard, 0) // somebody else is served all the same
	w.code("13800138008", 1)
	require.LessOrEqual(t, len(w.got(smsVictim, ",用于")), 5, "codes a day")
	require.LessOrEqual(t, len(w.got(smsVictim, "")), 10)
	require.NotEmpty(t, w.got(smsVictim, ",用于"))
}

// Three answers a day tell how it works; then there is silence, and the centre hears yes all the same.
func TestSMSHelpIsLimited(t *testing.T) {
	w := newSMSWorld(t, acquirer.EnrolmentLimits{})
	for i := range 6 {
		w.says(smsVictim, strings.Repeat("你好", i+1), 0)
	}
	require.Len(t, w.got(smsVictim, "注册 姓名 卡号"), 3)
	require.Len(t, w.got(smsVictim, ""), 3)
	w.says("13800138008", "你好", 0)
	require.Len(t, w.got("13800138008", "注册 姓名 卡号"), 1)
}

func TestSMSCodeGuessing(t *testing.T) {
	w := newSMSWorld(t, acquirer.EnrolmentLimits{})
	w.says(smsVictim, "注册 李小明 "+smsCard, 0)
	code := w.code(smsVictim, 1)
	for i := range 5 {
		w.says(smsVictim, "确认 "+other(code, i), 0)
	}
	w.says(smsVictim, "确认 "+code, 0)
	require.Len(t, w.got(smsVictim, "验证码错误、已失效或已使用"), 6, "the right one is answered like the wrong ones")
	require.False(t, w.registered(smsVictim))
	w.says(smsVictim, "重发", 0)
	w.says(smsVictim, code, 0)
	require.False(t, w.registered(smsVictim))
}

func TestSMSFourWrongCodesAndTheRightOne(t *testing.T) {
	w := newSMSWorld(t, acquirer.EnrolmentLimits{})
	w.says(smsVictim, "注册 李小明 "+smsCard, 0)
	code := w.code(smsVictim, 1)
	for i := range 4 {
		w.says(smsVictim, "确认 "+other(code, i), 0)
	}
	w.says(smsVictim, code, 0)
	w.awaitText(smsVictim, "已完成注册", 1)
	require.True(t, w.registered(smsVictim))
}

// A code is good once, and for the number that it went to.
func TestSMSReplayedCode(t *testing.T) {
	w := newSMSWorld(t, acquirer.EnrolmentLimits{})
	w.says(smsVictim, "注册 李小明 "+smsCard, 0)
	code := w.code(smsVictim, 1)
	w.says("13800138008", "确认 "+code, 0)
	require.Len(t, w.got("13800138008", "验证码错误"), 1)
	require.False(t, w.registered("13800138008"))
	w.says(smsVictim, "确认 "+code, 0)
	w.awaitText(smsVictim, "已完成注册", 1)
	w.says(smsVictim, "确认 "+code, 0)
	w.says(smsVictim, code, 0)
	require.Len(t, w.got(smsVictim, "验证码错误"), 2)
	require.Len(t, w.got(smsVictim, "已完成注册"), 1)
}

// What cannot be read is refused for good and opens nothing; what can be read but is no command gets help.
func TestSMSOddTexts(t *testing.T) {
	const never, reject = 0x65, 0x66
	w := newSMSWorld(t, acquirer.EnrolmentLimits{HelpsPerDay: 100, AnswersPerDay: 100, SenderPerDay: 100})
	raw := func(from string, coding int, hex string, status int) {
		t.Helper()
		w.order(map[string]any{"order": "deliver", "from": from, "coding": coding, "raw": true, "parts": []string{hex}}, 1, status)
	}
	raw("8613800138009", 8, "6CE8518C00", never)       // half a unit
	raw("8613800138009", 8, "6CE8518CD83D", never)     // half a pair
	raw("8613800138009", 6, "414243", never)           // Cyrillic
	raw("8613800138009", 1, "C4E3", never)             // ASCII with the eighth bit
	raw("8613800138009", 4, "C4E3BAC3", never)         // octets that are no UTF-8
	raw("95588", 8, "6CE8518C", reject)                // a service number
	raw("8613800138009", 15, "D7A2B2E1", 0)            // 注册 in GBK, and nothing behind it
	require.Len(t, w.got(smsVictim, "未能受理"), 1)        // names what is missing
	raw("8613800138009", 8, "", 0)                     // empty
	w.says(smsVictim, "注册 李小明😀 "+smsCard, 0)           // emoji
	w.says(smsVictim, "注册 李小明 ６２１７०00000000000012", 0) // a digit of another script
	w.says(smsVictim, strings.Repeat("注册", 250), 0)    // longer than any command
	w.says(smsVictim, "注册 Рaypal "+smsCard, 0)         // the first letter is Cyrillic
	require.Empty(t, w.got(smsVictim, ",用于"))
	require.False(t, w.registered(smsVictim))
	open, err := w.db.Enrolments(t.Context(), 0, 1<<62, 10)
	require.NoError(t, err)
	require.Empty(t, open)
	w.says(smsVictim, "注册　李小明　６２１７０００００００００００００１２", 0) // full-width signs are what an input method makes
	require.NotEmpty(t, w.code(smsVictim, 1))
}

// A business has its notices sent to its own system, and when that has gone for good the SMS takes its place.
func TestSMSAndWebhook(t *testing.T) {
	const secret = "0f3c9a5b7d1e2468"
	var gone atomic.Bool
	calls := make(chan string, 100)
	shop := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if gone.Load() {
			w.WriteHeader(http.StatusGone)
			return
		}
		calls <- r.Header.Get("Ringback-Signature") + " " + string(body)
	}))
	t.Cleanup(shop.Close)
	roots := x509.NewCertPool()
	roots.AddCert(shop.Certificate())
	hook := webhook.New(webhook.Config{Roots: roots, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	w := newSMSWorld(t, acquirer.EnrolmentLimits{CodeGap: -1}, hook)
	w.says(smsVictim, "注册 李小明 "+smsCard, 0)
	w.says(smsVictim, w.code(smsVictim, 1), 0)
	w.awaitText(smsVictim, "已完成注册", 1)

	w.says(smsVictim, "通知 webhook:"+shop.URL+"/ringback#"+secret, 0)
	w.says(smsVictim, w.code(smsVictim, 2), 0)
	w.awaitText(smsVictim, "已确认", 1)
	w.says(smsVictim, "暂停", 0)
	w.says(smsVictim, w.code(smsVictim, 3), 0)
	var call string
	select {
	case call = <-calls:
	case <-time.After(smsPatience):
		require.FailNow(t, "no call")
	}
	require.Contains(t, call, `"kind":"active"`)
	signature, body, _ := strings.Cut(call, " ")
	stamp, mac, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",v1=")
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(stamp + "." + body))
	require.Equal(t, mac, hex.EncodeToString(h.Sum(nil)))

	gone.Store(true)
	before := len(w.got(smsVictim, "已完成恢复"))
	w.says(smsVictim, "恢复", 0)
	w.says(smsVictim, w.code(smsVictim, 4), 0)
	w.awaitText(smsVictim, "已完成恢复", before+1)
	require.NotContains(t, w.logs.String(), secret)
}
