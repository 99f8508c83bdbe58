package portal

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// Values of invented people; the cards have right check digits and are of the public table of banks.
const (
	someNumber  = "13800138001"
	otherNumber = "13900139001"
	someCard    = "6217001234567890122"
	someName    = "王小明"
	rightCode   = "246802"
	halfCode    = "135791"
)

// office stands for the switch: an inbox and a desk whose answers follow from what is asked. Like the real one it answers
// the same for every number and gives a message that comes again the answer that it got.
type office struct {
	mu      sync.Mutex
	got     []acquirer.Inbound        // messages that had an effect
	answers map[string]acquirer.Reply // by channel and message
	open    map[string]bool           // sessions that may look
	err     error                     // of every call
	outcome acquirer.Outcome          // of every message, when set
}

func newOffice() *office {
	return &office{answers: map[string]acquirer.Reply{}, open: map[string]bool{}}
}

// Receive implements acquirer.Inbox.
func (o *office) Receive(_ context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return acquirer.Reply{}, o.err
	}
	key := string(m.Channel) + "|" + m.MessageID
	if reply, ok := o.answers[key]; ok {
		reply.Again = true
		return reply, nil
	}
	reply := o.judge(m)
	reply.Language, reply.Text = m.Language, "已受理。"+string(reply.Outcome)
	if m.Language == acquirer.English {
		reply.Text = "Answer: " + string(reply.Outcome) + "."
	}
	o.answers[key] = reply
	o.got = append(o.got, m)
	return reply, nil
}

func (o *office) judge(m acquirer.Inbound) acquirer.Reply {
	q := m.Request
	switch {
	case o.outcome != "":
		return acquirer.Reply{Outcome: o.outcome}
	case q.Kind == acquirer.RequestConfirm && q.Code == rightCode:
		o.open[string(m.Channel)+"|"+m.Sender] = true
		return acquirer.Reply{Outcome: acquirer.OutcomeConfirmed, Effective: time.Date(2026, 11, 25, 9, 0, 0, 0, acquirer.Beijing)}
	case q.Kind == acquirer.RequestConfirm && q.Code == halfCode:
		return acquirer.Reply{Outcome: acquirer.OutcomeHalf}
	case q.Kind == acquirer.RequestCancel && q.Code == rightCode:
		return acquirer.Reply{Outcome: acquirer.OutcomeCancelled}
	case (q.Kind == acquirer.RequestConfirm || q.Kind == acquirer.RequestCancel) && len(q.Code) == 6:
		return acquirer.Reply{Outcome: acquirer.OutcomeWrongCode}
	}
	if reasons := wrongIn(q); len(reasons) > 0 {
		return acquirer.Reply{Outcome: acquirer.OutcomeRefused, Reasons: reasons}
	}
	return acquirer.Reply{Outcome: acquirer.OutcomeTaken}
}

// wrongIn checks what a request needs, by simple rules.
func wrongIn(q *acquirer.Request) (reasons []acquirer.Reason) {
	check := func(value string, bad bool, why acquirer.Reason) {
		switch {
		case value == "":
			reasons = append(reasons, acquirer.ReasonMissing)
		case bad:
			reasons = append(reasons, why)
		}
	}
	if q.Kind == acquirer.RequestConfirm || q.Kind == acquirer.RequestCancel {
		return []acquirer.Reason{acquirer.ReasonCode}
	}
	if q.Kind != acquirer.RequestResend {
		_, err := acquirer.ParseMSISDN(q.Number)
		check(q.Number, err != nil, acquirer.ReasonNumber)
	}
	switch q.Kind {
	case acquirer.RequestRegister:
		check(q.Name, len([]rune(q.Name)) < 2, acquirer.ReasonName)
		fallthrough
	case acquirer.RequestChangeCard:
		p, err := acquirer.ParsePAN(strings.ReplaceAll(q.Card, " ", ""))
		check(q.Card, err != nil || !p.Luhn(), acquirer.ReasonCardDigits)
	case acquirer.RequestChangeName:
		check(q.Name, len([]rune(q.Name)) < 2, acquirer.ReasonName)
	case acquirer.RequestChangeNumber:
		check(q.NewNumber, q.NewNumber == q.Number, acquirer.ReasonNewNumber)
	case acquirer.RequestDevices:
		if len(q.Devices) == 0 {
			reasons = append(reasons, acquirer.ReasonDevices)
		}
	}
	return reasons
}

// may reports whether a session may look.
func (o *office) may(c acquirer.Channel, sender string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil && !o.open[string(c)+"|"+sender] {
		return acquirer.ErrNotFound
	}
	return o.err
}

// Standing implements acquirer.Desk.
func (o *office) Standing(_ context.Context, c acquirer.Channel, sender string) (acquirer.Reply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return acquirer.Reply{}, o.err
	}
	for _, m := range o.got {
		if m.Channel == c && m.Sender == sender {
			return acquirer.Reply{Outcome: acquirer.OutcomeTaken, Language: acquirer.Chinese, Text: "已受理。"}, nil
		}
	}
	return acquirer.Reply{}, acquirer.ErrNotFound
}

// Held implements acquirer.Desk.
func (o *office) Held(_ context.Context, c acquirer.Channel, sender string) (*acquirer.Held, error) {
	if err := o.may(c, sender); err != nil {
		return nil, err
	}
	return someHeld(), nil
}

// Statement implements acquirer.Desk.
func (o *office) Statement(_ context.Context, c acquirer.Channel, sender string, from, to acquirer.Date) (*acquirer.Statement, error) {
	if err := o.may(c, sender); err != nil {
		return nil, err
	}
	s := someStatement()
	s.From, s.To = from, to
	return s, nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func someStatement() *acquirer.Statement {
	at := time.Date(2026, 11, 20, 18, 30, 0, 0, acquirer.Beijing)
	line := func(n int64, fen acquirer.Fen, s acquirer.State, memo string) acquirer.StatementLine {
		return acquirer.StatementLine{RRN: acquirer.NewID(20261120, n).RRN(), At: at.Add(time.Duration(n) * time.Hour), Amount: fen, State: s, Memo: memo}
	}
	return &acquirer.Statement{Number: must(acquirer.ParseMSISDN(someNumber)), From: 20261101, To: 20261130, Count: 3, Sum: 128850, More: true,
		Payers: []acquirer.PayerGroup{
			{Payer: must(acquirer.ParseMSISDN(otherNumber)), Count: 2, Sum: 128800, Payments: []acquirer.StatementLine{
				line(1, 88800, acquirer.Paid, "十一月房租"), line(2, 40000, acquirer.Approved, "")}},
			{Payer: must(acquirer.ParseMSISDN("18612345678")), Count: 1, Sum: 50, Payments: []acquirer.StatementLine{line(3, 50, acquirer.Settled, "早餐 <b>&")}}}}
}

func someHeld() *acquirer.Held {
	at := time.Date(2026, 11, 3, 9, 15, 0, 0, acquirer.Beijing)
	mail := must(acquirer.NewAddress(acquirer.DeviceEmail, "ming@example.org"))
	return &acquirer.Held{Payee: acquirer.PayeeRef{ID: 7, CardVersion: 1}, Number: must(acquirer.ParseMSISDN(someNumber)), Name: someName,
		Card: must(acquirer.ParsePAN(someCard)), Status: acquirer.PayeeActive, Alive: at,
		Contact: acquirer.Contact{Language: acquirer.Chinese, Routes: []acquirer.Route{{Kind: acquirer.DeviceEmail, Address: mail}, {Kind: acquirer.DeviceSMS}}},
		Enrolments: []*acquirer.Enrolment{
			{ID: acquirer.NewEnrolmentID(20261103, 1), Kind: acquirer.RequestRegister, State: acquirer.EnrolmentActive, Channel: acquirer.ChannelWeb,
				Evidence: acquirer.Evidence{Source: "192.0.2.7"}, Opened: at, Changed: at, Card: must(acquirer.ParsePAN(someCard)), Name: someName},
			{ID: acquirer.NewEnrolmentID(20261104, 1), Kind: acquirer.RequestChangeCard, State: acquirer.EnrolmentRefused, Channel: acquirer.ChannelSMS,
				Opened: at, Changed: at, Effective: at.AddDate(0, 0, 1), Reasons: []acquirer.Reason{acquirer.ReasonBank}}},
		Notices: []acquirer.Notice{{Enrolment: acquirer.NewEnrolmentID(20261103, 1), Kind: acquirer.NoticeActive, Created: at,
			State: acquirer.NoticeDelivered, Device: acquirer.DeviceEmail, Address: mail}},
		Payments: someStatement()}
}

// messages returns what had an effect.
func (o *office) messages() []acquirer.Inbound {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]acquirer.Inbound(nil), o.got...)
}

// set changes how everything is answered.
func (o *office) set(outcome acquirer.Outcome, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcome, o.err = outcome, err
}

// lockedLog is a log that many write to.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newPortal makes a portal before an office, which logs everything.
func newPortal(t testing.TB, o *office) (*Portal, *lockedLog) {
	t.Helper()
	log := &lockedLog{}
	p, err := New(Config{Inbox: o, Desk: o, Log: zerolog.New(log).Level(zerolog.DebugLevel),
		Devices: []acquirer.DeviceKind{acquirer.DeviceSMS, acquirer.DeviceEmail, acquirer.DeviceWebhook}})
	require.NoError(t, err)
	return p, log
}

// browser is a client that keeps cookies and follows no redirect; everything it is answered is kept.
type browser struct {
	t      testing.TB
	client *http.Client
	base   string
	header http.Header
	seen   *lockedLog
}

func newBrowser(t testing.TB, h http.Handler) *browser {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return browserAt(t, server.URL)
}

// browserAt is a browser before what is served at an address.
func browserAt(t testing.TB, base string) *browser {
	return &browser{t: t, base: base, header: http.Header{"Accept-Language": {"en"}}, seen: &lockedLog{},
		client: &http.Client{Jar: must(cookiejar.New(nil)), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answered is an answer with its body read.
type answered struct {
	*http.Response
	body string
}

func (b *browser) do(method, path, kind, body string) answered {
	b.t.Helper()
	r, err := http.NewRequest(method, b.base+path, strings.NewReader(body))
	require.NoError(b.t, err)
	for name, values := range b.header {
		r.Header[name] = values
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w, err := b.client.Do(r)
	require.NoError(b.t, err)
	all, err := io.ReadAll(w.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, w.Body.Close())
	_, _ = b.seen.Write(all) // into memory
	for name, values := range w.Header {
		_, _ = b.seen.Write([]byte(name + ": " + strings.Join(values, ", ") + "\n"))
	}
	return answered{w, string(all)}
}

func (b *browser) get(path string) answered { b.t.Helper(); return b.do("GET", path, "", "") }

func (b *browser) post(path string, values url.Values) answered {
	b.t.Helper()
	return b.do("POST", path, "application/x-www-form-urlencoded", values.Encode())
}

var formToken = regexp.MustCompile(`name="form" value="([^"]+)"`)

// form opens a page and returns its token with values beside it.
func (b *browser) form(page string, pairs ...string) url.Values {
	b.t.Helper()
	got := b.get(page)
	require.Equal(b.t, 200, got.StatusCode, page)
	m := formToken.FindStringSubmatch(got.body)
	require.NotNil(b.t, m, page)
	v := url.Values{"form": {m[1]}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// send opens a form's page and sends it.
func (b *browser) send(page string, pairs ...string) answered {
	b.t.Helper()
	return b.post(page, b.form(page, pairs...))
}

// answerRecorder is an answer without a connection.
type answerRecorder = httptest.ResponseRecorder

// request asks a handler without a connection.
func request(h http.Handler, peer, method, path string, c *http.Cookie, v url.Values) *answerRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(v.Encode()))
	r.RemoteAddr = peer
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c != nil {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
