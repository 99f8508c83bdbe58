package emulator

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

const (
	testTID   = "10000009"
	testMID   = "898110000000009"
	testCard  = "6222020000000000018"
	testPIN   = "123456"
	testPayee = "13800138001"
	testPayer = "13900139001"
	testToken = "token-0123456789"
)

// unhex reads hex that a test wrote.
func unhex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

func testTMK() []byte { return unhex("0123456789ABCDEFFEDCBA9876543210") }
func testPIK() []byte { return unhex("1111111122222222333333334444444A") }
func testMAK() []byte { return unhex("AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDC") }

// double is the switch as a terminal sees it: it answers each request as a script says, and as an honest switch would
// where there is none.
type double struct {
	t     *testing.T
	batch string
	mak   []byte
	x919  bool

	mu      sync.Mutex
	got     []*pos.Message
	scripts map[string][]func(*call)
	seen    func(req *pos.Message) // called for every request before it is answered
	down    error                  // what dialling gives
	conns   []net.Conn
}

// call is one request on its connection.
type call struct {
	d     *double
	conn  net.Conn
	req   *pos.Message
	frame []byte
}

func newDouble(t *testing.T) *double {
	return &double{t: t, batch: "000007", mak: testMAK(), scripts: map[string][]func(*call){}}
}

// on queues scripts for requests of a type, one for each.
func (d *double) on(mti string, scripts ...func(*call)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scripts[mti] = append(d.scripts[mti], scripts...)
}

func (d *double) dial(context.Context, string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down != nil {
		return nil, d.down
	}
	near, far := net.Pipe()
	d.conns = append(d.conns, far)
	go d.serve(far)
	return near, nil
}

func (d *double) serve(conn net.Conn) {
	for {
		frame, err := pos.ReadFrame(conn, nil)
		if err != nil {
			return
		}
		req, err := pos.Unpack(frame)
		if err != nil {
			d.t.Errorf("the terminal sent a frame that cannot be read: %v", err)
			return
		}
		d.handle(&call{d: d, conn: conn, req: req, frame: frame})
	}
}

func (d *double) handle(c *call) {
	d.mu.Lock()
	d.got = append(d.got, c.req)
	script, seen := (*call).honest, d.seen
	if queue := d.scripts[c.req.MTI()]; len(queue) > 0 {
		script, d.scripts[c.req.MTI()] = queue[0], queue[1:]
	}
	d.mu.Unlock()
	if seen != nil {
		seen(c.req)
	}
	script(c)
}

// requests lists the types that came, and their trace numbers.
func (d *double) requests() (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.got {
		all = append(all, m.MTI()+" "+m.Get(11))
	}
	return all
}

// last is the newest request of a type.
func (d *double) last(mti string) *pos.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.got) - 1; i >= 0; i-- {
		if d.got[i].MTI() == mti {
			return d.got[i]
		}
	}
	d.t.Fatalf("no %s was sent", mti)
	return nil
}

func (d *double) mac(data []byte) [8]byte {
	if d.x919 {
		return spec.MACX919(d.mak, data)
	}
	return spec.MACCUP(d.mak, data)
}

func (c *call) honest() { c.answer(nil) }

// answer sends the honest answer as change alters it before it is signed.
func (c *call) answer(change func(m *pos.Message)) {
	m := c.blank()
	switch m.MTI() {
	case "0810":
		c.signOn(m)
	case "0110":
		m.SetBytes(62, elements("NM", "王*明", "CT", testToken))
	case "0210":
		m.Set(2, testCard)
		m.Set(15, "1124")
		m.Set(38, "A12345")
	}
	if change != nil {
		change(m)
	}
	c.send(m, !m.Has(64) && (c.req.MTI() >= "0800" || c.req.Has(64)))
}

// refuse answers with a code, and a text of the switch's own.
func refuse(code string) func(*call) {
	return func(c *call) {
		c.answer(func(m *pos.Message) {
			m.Set(39, code)
			m.Unset(62)
			if c.req.MTI() != "0800" && c.req.MTI() != "0400" {
				m.SetBytes(62, elements("TX", "说明"+code))
			}
		})
	}
}

// unsigned makes an answer without F64.
func unsigned(code string) func(*call) {
	return func(c *call) {
		m := c.blank()
		m.Set(39, code)
		c.send(m, false)
	}
}

func silent(*call) {}

func hangUp(c *call) {
	if err := c.conn.Close(); err != nil {
		c.d.t.Error(err)
	}
}

// alter is an honest answer with one thing changed.
func alter(change func(m *pos.Message)) func(*call) { return func(c *call) { c.answer(change) } }

func (c *call) blank() *pos.Message {
	m := pos.New(c.req.ResponseMTI())
	e := c.req.Envelope()
	m.SetEnvelope(pos.Envelope{
		TPDU:   [5]byte{e.TPDU[0], e.TPDU[3], e.TPDU[4], e.TPDU[1], e.TPDU[2]},
		Header: e.Header,
	})
	for _, id := range []int{3, 4, 11, 25, 41, 42, 48, 49, 60} {
		if c.req.Has(id) {
			m.Set(id, c.req.Get(id))
		}
	}
	m.Set(12, "093000")
	m.Set(13, "1124")
	m.Set(32, "48020000")
	m.Set(37, "632800000001")
	m.Set(39, "00")
	return m
}

func (c *call) signOn(m *pos.Message) {
	m.Set(60, "00"+c.d.batch+c.req.Get(60)[8:])
	block := seal(testPIK())
	switch c.req.Get(60)[8:] {
	case "001":
		block = append(seal(testPIK()[:8]), seal(c.d.mak[:8])...)
	case "004":
		block = append(append(block, seal(c.d.mak)...), seal(testPIK())...)
	default:
		block = append(block, seal(c.d.mak)...)
	}
	m.SetBytes(62, block)
}

// seal is a key under the master key, and its check value.
func seal(key []byte) []byte {
	check := spec.CheckValue(key)
	return append(spec.EncryptECB(testTMK(), key), check[:4]...)
}

// send signs financial answers if asked to.
func (c *call) send(m *pos.Message, sign bool) {
	sign = sign && m.MTI() < "0800"
	if sign {
		m.SetBytes(64, make([]byte, 8))
	}
	frame, err := m.Pack()
	if err == nil && sign {
		err = pos.SignFrame(frame, c.d.mac)
	}
	if err != nil {
		c.d.t.Errorf("double: %v", err)
		return
	}
	c.write(frame)
}

func (c *call) write(frame []byte) {
	_, err := c.conn.Write(pos.AppendFrame(nil, frame))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.d.t.Logf("double: %v", err) // the terminal may have hung up
	}
}

func elements(pairs ...string) (b []byte) {
	for i := 0; i < len(pairs); i += 2 {
		b = spec.AppendElement(b, pairs[i], spec.EncodeGBK(pairs[i+1]))
	}
	return b
}

func testConfig(d *double) Config {
	return Config{TerminalID: testTID, MerchantID: testMID, TMK: testTMK(), Addr: "switch", Dial: d.dial, CheckNumbers: true}
}

func testPayment() Payment {
	return Payment{Payee: testPayee, Payer: testPayer, AmountFen: 1234, Card: SwipedCard(testCard, "3012")}
}

// inBubble runs a test with a double and a terminal, both on virtual time.
func inBubble(t *testing.T, test func(t *testing.T, d *double, term *Terminal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDouble(t)
		term, err := Open(testConfig(d))
		require.NoError(t, err)
		defer synctest.Wait() // the double may have a word to say about a terminal that hung up
		defer closeTerminal(t, term)
		test(t, d, term)
	})
}

// closeTerminal may run while a failed test unwinds.
func closeTerminal(t *testing.T, term *Terminal) {
	if err := term.Close(); err != nil {
		t.Error(err)
	}
}

// testUI says yes and keys PINs in order.
type testUI struct {
	pins  []string
	no    bool
	names []string
	shown []string
}

func (u *testUI) ConfirmName(_ context.Context, q Inquiry) (bool, error) {
	u.names = append(u.names, q.Name)
	return !u.no, nil
}

func (u *testUI) PIN(_ context.Context, try int) (string, error) {
	if try > len(u.pins) {
		return "", ErrCancelled
	}
	return u.pins[try-1], nil
}

func (u *testUI) Show(code, text string) { u.shown = append(u.shown, code+" "+text) }

func rightPIN() *testUI { return &testUI{pins: []string{testPIN}} }

// phaseOf takes an error apart.
func phaseOf(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}
