package terminal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	payeeNumber = "13800138001"
	payerNumber = "13900139001"
	payerCard   = "6222020000000000018"
	payerTrack  = payerCard + "=30125201234567890"
	institution = "48020000"
)

// world is a server over a real switch, whose ports are doubles.
type world struct {
	*Server
	mem *memory
	net *scripted
	hsm *openHSM
	log *lockedBuffer
}

// lockedBuffer takes log lines from any goroutine.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lockedReader serves any goroutine.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// demo lists terminals as PROTOCOL 3.1 does, and one for each profile.
var demo = []struct {
	id, merchant, tmk, line string
	blocked                 bool
	profile                 acquirer.Profile
}{
	{"10000001", "898110000000001", "0123456789ABCDEFFEDCBA9876543210", "", false, acquirer.Profile{MAC: acquirer.MACECB}},
	{"10000002", "898110000000001", "FEDCBA98765432100123456789ABCDEF", "01088886666", false, acquirer.Profile{MAC: acquirer.MACECB}},
	{"10000003", "898110000000002", "00112233445566778899AABBCCDDEEFF", "", true, acquirer.Profile{MAC: acquirer.MACECB}},
	{"10000004", "898110000000002", "89ABCDEF0123456776543210FEDCBA98", "", false, acquirer.Profile{MAC: acquirer.MACX919}},
	{"10000005", "898110000000002", "89ABCDEF0123456776543210FEDCBA98", "", false, acquirer.Profile{MAC: acquirer.MACECB, SingleMAK: true, KeyedEntry: true}},
	{"10000006", "898110000000002", "89ABCDEF0123456776543210FEDCBA98", "", false, acquirer.Profile{MAC: acquirer.MACECB, SingleDES: true}},
	{"10000007", "898110000000002", "0123456789ABCDEFFEDCBA9876543210", "", false, acquirer.Profile{MAC: acquirer.MACECB, SM4: true}},
	{"10000008", "898110000000002", "0123456789ABCDEFFEDCBA9876543210", "", false, acquirer.Profile{MAC: acquirer.MACX919, SM4: true}},
}

func newWorld(t testing.TB, options ...func(*world)) *world {
	t.Helper()
	numbers, err := acquirer.LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := acquirer.LoadIssuerTable("03080000")
	require.NoError(t, err)
	w := &world{mem: newMemory(), net: &scripted{authorize: says("00")}, hsm: &openHSM{}, log: &lockedBuffer{}}
	for _, d := range demo {
		w.register(t, d.id, d.merchant, d.tmk, d.line, d.blocked, d.profile)
	}
	for i, p := range []struct {
		number, name string
		status       acquirer.PayeeStatus
	}{{payeeNumber, "王小明", acquirer.PayeeActive}, {"13800138009", "张三丰", acquirer.PayeeRegistered}} {
		number, err := acquirer.ParseMSISDN(p.number)
		require.NoError(t, err)
		card, err := acquirer.ParsePAN("6217000000000000012")
		require.NoError(t, err)
		w.mem.payees = append(w.mem.payees, acquirer.Payee{Number: number, Name: p.name, Card: card, Status: p.status,
			Ref: acquirer.PayeeRef{ID: acquirer.PayeeID(i + 1), CardVersion: 1}})
	}
	b := newBook(w.mem)
	limits := acquirer.Limits{Budget: acquirer.BudgetLimits{Capacity: 1 << 20}}
	w.Server = &Server{Institution: institution, Log: zerolog.New(w.log), Switch: acquirer.New(acquirer.Config{
		Journal: w.mem, Directory: w.mem, HSM: w.hsm, Network: w.net, Numbers: numbers, Issuers: issuers,
		Institution: institution, Limits: limits, Batches: b, Witnesses: b, Random: &lockedReader{r: rand.NewChaCha8([32]byte{1})},
	})}
	for _, o := range options {
		o(w)
	}
	return w
}

func (w *world) register(t testing.TB, id, merchant, tmk, line string, blocked bool, p acquirer.Profile) {
	key, err := spec.ParseHex(tmk)
	require.NoError(t, err)
	w.mem.terminals[acquirer.TerminalID(id)] = acquirer.Terminal{
		ID: acquirer.TerminalID(id), Merchant: acquirer.MerchantID(merchant), Line: line, Blocked: blocked, Profile: p,
		TMK: acquirer.KeyBlock{Usage: acquirer.UsageTMK, Blob: string(key)},
	}
}

// patient takes the limits away that stop a peer which sends forged or very many messages, for tests of what lies behind.
func patient(w *world) {
	const any = 1 << 30
	w.Limits.WrongMACs, w.Limits.Turn = any, any
	w.Limits.TerminalRate, w.Limits.StrangerRate, w.Limits.ConnectionRate = any, any, any
}

// serve runs the server on l until the test ends, then looks for secrets in the log.
func (w *world) serve(t testing.TB, l net.Listener) {
	done := make(chan error, 1)
	go func() { done <- w.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, w.Shutdown(ctx))
		require.NoError(t, <-done)
		w.requireNoSecrets(t)
	})
}

// requireNoSecrets looks for what no log line may hold.
func (w *world) requireNoSecrets(t testing.TB) {
	log := w.log.String()
	for _, secret := range []string{payerCard, payerCard[:8], payeeNumber, payerNumber, "王", "小明", "30125201", "=3012"} {
		require.NotContains(t, log, secret)
	}
}

// listen serves on a loopback address, which it returns.
func (w *world) listen(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.serve(t, l)
	return l.Addr().String()
}

// client is one connection as a terminal or concentrator has it.
type client struct {
	t  testing.TB
	nc net.Conn
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	return newClient(t, nc)
}

func newClient(t testing.TB, nc net.Conn) *client {
	t.Cleanup(func() { _ = nc.Close() }) // may be closed already
	return &client{t, nc}
}

// send writes frames with their length in front, in one write.
func (c *client) send(frames ...[]byte) {
	c.t.Helper()
	var out []byte
	for _, f := range frames {
		out = pos.AppendFrame(out, f)
	}
	_, err := c.nc.Write(out)
	require.NoError(c.t, err)
}

// read returns the next answer as it came.
func (c *client) read() []byte {
	c.t.Helper()
	require.NoError(c.t, c.nc.SetReadDeadline(time.Now().Add(time.Minute)))
	frame, err := pos.ReadFrame(c.nc, nil)
	require.NoError(c.t, err)
	return frame
}

func (c *client) receive() *pos.Message {
	c.t.Helper()
	m, err := pos.Unpack(c.read())
	require.NoError(c.t, err)
	return m
}

func (c *client) ask(frame []byte) *pos.Message {
	c.t.Helper()
	c.send(frame)
	return c.receive()
}

// requireClosed wants the server to close the connection without another byte.
func (c *client) requireClosed() {
	c.t.Helper()
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Minute)) // fails on a closed pipe, which is what is wanted
	n, err := c.nc.Read(make([]byte, 1))
	require.Zero(c.t, n)
	require.Error(c.t, err)
	require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded)
}

// device is a terminal's own state.
type device struct {
	t            testing.TB
	id, merchant string
	tmk          []byte
	pik, mak     []byte
	algorithm    acquirer.MACAlgorithm
	sm4          bool // all its keys are
	batch        string
	envelope     pos.Envelope
}

// newDevice returns a device for a terminal, registered or not, that is not signed on.
func (w *world) newDevice(t testing.TB, id string) *device {
	term, ok := w.mem.terminals[acquirer.TerminalID(id)]
	if !ok {
		term.Merchant = "898110000000009"
	}
	d := &device{t: t, id: id, merchant: string(term.Merchant), tmk: []byte(term.TMK.Blob), algorithm: term.Profile.MAC, sm4: term.Profile.SM4,
		batch: "000000", envelope: pos.DefaultEnvelope()}
	if term.Line != "" {
		d.envelope.LRI = pos.BuildLRI(term.Line, "60847260")
	}
	return d
}

// fields are the values of a request; a value set to "" is left out.
type fields map[int]string

// frame packs a request, signed when it has F64.
func (d *device) frame(mti string, standard, change fields) []byte {
	d.t.Helper()
	m := pos.New(mti)
	m.SetEnvelope(d.envelope)
	for id, v := range standard {
		m.Set(id, v)
	}
	for id, v := range change {
		m.Unset(id)
		if v != "" {
			m.Set(id, v)
		}
	}
	frame, err := m.Pack()
	require.NoError(d.t, err)
	if m.Has(64) && d.mak != nil {
		require.NoError(d.t, pos.SignFrame(frame, func(b []byte) [8]byte { return macOf(d.mak, d.algorithm, b) }))
	}
	return frame
}

func (d *device) manage(mti, code string, change fields) []byte {
	return d.frame(mti, fields{11: "000001", 41: d.id, 42: d.merchant, 60: "00" + d.batch + code}, change)
}

// signOn does a sign-on of a kind and keeps what it brought.
func (d *device) signOn(c *client, kind string) *pos.Message {
	d.t.Helper()
	m := c.ask(d.manage(pos.MTISignOn, kind, nil))
	require.Equal(d.t, "00", m.Get(39))
	keys, err := pos.ParseWorkKeys(m.Bytes(62))
	require.NoError(d.t, err)
	d.pik, d.mak = d.open(keys.PIK), d.open(keys.MAK)
	d.batch = m.Get(60)[2:8]
	return m
}

// open opens a working key. One of a terminal with SM4 keys is marked so, as the module of these tests marks it.
func (d *device) open(k pos.Sealed) []byte {
	d.t.Helper()
	if d.sm4 {
		key, err := k.OpenSM4(d.tmk)
		require.NoError(d.t, err)
		return append([]byte(sm4Mark), key...)
	}
	key, err := k.Open(d.tmk)
	require.NoError(d.t, err)
	return key
}

func (d *device) inquiry(stan int, change fields) []byte {
	d.t.Helper()
	return d.frame(pos.MTIInquiry, fields{3: pos.ProcPhonePay, 4: "000000001234", 11: fmt.Sprintf("%06d", stan), 22: "012",
		25: pos.CondPhonePay, 41: d.id, 42: d.merchant, 49: "156", 60: pos.KindInquiry + d.batch + "000",
		62: list("PE", payeeNumber, "PR", payerNumber), 64: "\x00\x00\x00\x00\x00\x00\x00\x00"}, change)
}

// debit makes a 0200 with a striped card.
func (d *device) debit(stan int, token string, change fields) []byte {
	d.t.Helper()
	pik := d.pik
	if pik == nil || d.sm4 { // with SM4 keys F52 is another's to set
		pik = make([]byte, 16)
	}
	pin, err := spec.SealPIN(pik, "123456", payerCard)
	require.NoError(d.t, err)
	return d.frame(pos.MTIDebit, fields{3: pos.ProcPhonePay, 4: "000000001234", 11: fmt.Sprintf("%06d", stan), 22: "021",
		25: pos.CondPhonePay, 26: "12", 35: payerTrack, 41: d.id, 42: d.merchant, 49: "156", 52: string(pin[:]),
		53: pos.SecurityDES, 60: pos.KindDebit + d.batch + "000",
		62: list("PE", payeeNumber, "PR", payerNumber, "CT", token), 64: "\x00\x00\x00\x00\x00\x00\x00\x00"}, change)
}

func (d *device) undo(stan int, change fields) []byte {
	d.t.Helper()
	return d.frame(pos.MTIReversal, fields{3: pos.ProcPhonePay, 4: "000000001234", 11: fmt.Sprintf("%06d", stan), 22: "021",
		25: pos.CondPhonePay, 39: "98", 41: d.id, 42: d.merchant, 49: "156", 60: pos.KindDebit + d.batch + "000",
		64: "\x00\x00\x00\x00\x00\x00\x00\x00"}, change)
}

// token runs phase 1 and returns the confirmation.
func (d *device) token(c *client, stan int) string {
	d.t.Helper()
	m := c.ask(d.inquiry(stan, nil))
	require.Equal(d.t, "00", m.Get(39))
	return d.element(m, pos.TagToken)
}

func (d *device) element(m *pos.Message, tag string) string {
	d.t.Helper()
	els, err := spec.ParseElements(m.Bytes(62))
	require.NoError(d.t, err)
	v, _ := spec.Find(els, tag)
	return string(v)
}

// requireSigned wants F64 of an answer to be right.
func (d *device) requireSigned(frame []byte) {
	d.t.Helper()
	input, err := pos.MACInput(frame)
	require.NoError(d.t, err)
	mac := macOf(d.mak, d.algorithm, input)
	require.Equal(d.t, mac[:], frame[len(frame)-8:])
}

// list makes the elements of F62 from tags and values.
func list(tagsAndValues ...string) string {
	var out []byte
	for i := 0; i < len(tagsAndValues); i += 2 {
		out = spec.AppendElement(out, tagsAndValues[i], []byte(tagsAndValues[i+1]))
	}
	return string(out)
}

// start gives a served world, a connection and a terminal that is signed on.
func start(t testing.TB, options ...func(*world)) (*world, *client, *device) {
	t.Helper()
	w := newWorld(t, options...)
	c := dial(t, w.listen(t))
	d := w.newDevice(t, "10000001")
	d.signOn(c, pos.NetSignOn)
	return w, c, d
}

// present lists the fields of an answer in one string.
func present(m *pos.Message) string { return strings.Trim(fmt.Sprint(m.Fields()), "[]") }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := spec.ParseHex(s)
	require.NoError(t, err)
	return b
}
