package mockhost

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

const (
	member = "48540000"
	payer  = "6222020000000000018"
	poor   = "6225880000000019"
	payee  = "6217000000000000012"
)

func demoZMK(t testing.TB) []byte {
	t.Helper()
	key, err := hex.DecodeString(DemoZMK)
	require.NoError(t, err)
	return key
}

// rig is a host on a listener in memory.
type rig struct {
	*Host
	t testing.TB
	l *pipeListener
}

func demoConfig(t testing.TB) Config {
	return Config{ZMK: demoZMK(t), Accounts: DemoAccounts(), Demo: true, Log: zerolog.Nop()}
}

// start opens and serves a host; its total must be the same when the test ends.
func start(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	cfg := demoConfig(t)
	if change != nil {
		change(&cfg)
	}
	h, err := Open(cfg)
	require.NoError(t, err)
	r := &rig{h, t, newPipeListener()}
	served := make(chan error, 1)
	go func() { served <- h.Serve(r.l) }()
	before, err := h.Ledger()
	require.NoError(t, err)
	t.Cleanup(func() {
		after, err := h.Ledger()
		if err == nil {
			require.Equal(t, before.TotalFen, after.TotalFen)
		}
		require.NoError(t, h.Close())
		require.ErrorIs(t, <-served, ErrClosed)
	})
	return r
}

func (r *rig) totals() Totals {
	r.t.Helper()
	totals, err := r.Ledger()
	require.NoError(r.t, err)
	return totals
}

func (r *rig) account(pan string) AccountTotals {
	r.t.Helper()
	for _, a := range r.totals().Accounts {
		if a.PAN == pan {
			return a
		}
	}
	require.Fail(r.t, "no account", pan)
	return AccountTotals{}
}

// client is a member written from the contract: it knows frames and keys and
// nothing of the host's code.
type client struct {
	t    testing.TB
	conn net.Conn
	mac  []byte
	pin  []byte
	seq  *int // F11, shared by the links of one member
}

// link opens a link without keys.
func (r *rig) link() *client {
	r.t.Helper()
	conn, err := r.l.dial()
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	return &client{t: r.t, conn: conn, seq: new(int)}
}

// client opens a link, signs on and gets keys.
func (r *rig) client() *client {
	c := r.link()
	require.Equal(r.t, "00", c.manage("001", "").Get(39))
	c.resetKey("1600000000000000")
	c.resetKey("2000000000000000")
	return c
}

// another opens a second link of the same member with the same keys.
func (r *rig) another(c *client) *client {
	d := r.link()
	d.mac, d.pin, d.seq = c.mac, c.pin, c.seq
	require.Equal(r.t, "00", d.manage("001", "").Get(39))
	return d
}

func (c *client) next() string {
	*c.seq++
	return fmt.Sprintf("%06d", *c.seq)
}

func (c *client) manage(function, security string) *cups.Message {
	m := cups.New("0820")
	m.SetHeader(cups.NewHeader(CentreID, member))
	m.Set(7, "1124120000")
	m.Set(11, c.next())
	m.Set(33, member)
	m.Set(70, function)
	if security != "" {
		m.Set(53, security)
	}
	c.send(m)
	a := c.receive()
	require.Equal(c.t, "0830", a.MTI())
	require.Equal(c.t, m.Get(11), a.Get(11))
	return a
}

// resetKey asks for a key and takes it over.
func (c *client) resetKey(security string) {
	c.t.Helper()
	require.Equal(c.t, "00", c.manage("101", security).Get(39))
	c.takeKey(c.receive(), "00")
}

// takeKey answers an 0800 and installs the key if the answer is 00.
func (c *client) takeKey(m *cups.Message, code string) {
	c.t.Helper()
	require.Equal(c.t, "0800", m.MTI())
	wrapped := m.Bytes(96)
	if rest, ok := strings.CutPrefix(m.Get(48), "NK"); ok {
		require.Equal(c.t, make([]byte, 8), wrapped)
		wrapped = []byte(rest)
	}
	key, err := spec.DecryptECB(demoZMK(c.t), wrapped)
	require.NoError(c.t, err)
	mac, check := spec.HostMAC(key, cups.MAB(m)), spec.CheckValue(key)
	require.Equal(c.t, append(mac[:4], check[:4]...), m.Bytes(128))
	if code == "00" {
		c.install(m.Get(53)[0], key)
	}
	a := cups.New("0810")
	a.SetHeader(m.Header().Answer())
	for _, id := range []int{7, 11, 53, 70, 100} {
		a.Set(id, m.Get(id))
	}
	a.Set(39, code)
	proof := cups.KeyResetMAC(spec.HostMAC(key, cups.MAB(a)), check)
	a.SetBytes(128, proof[:])
	c.send(a)
}

func (c *client) install(kind byte, key []byte) {
	if kind == '1' {
		c.pin = key
		return
	}
	c.mac = key
}

// newDebit is a phone-pay debit that wants for nothing but its MAC.
func (c *client) newDebit(pan string, fen int64) *cups.Message {
	m := cups.New("0200")
	m.SetHeader(cups.NewHeader(CentreID, member))
	values := map[int]string{
		2: pan, 3: "400000", 4: fmt.Sprintf("%012d", fen), 7: "1124120000", 11: c.next(), 12: "120000",
		13: "1124", 14: "3012", 18: "4900", 22: "021", 25: "00", 26: "06", 32: member, 33: member,
		37: "112400000001", 41: "10000001", 42: "898110000000001", 43: strings.Repeat("X", 40), 48: "ASAO00207",
		49: "156", 53: "2600000000000000", 60: "000005000700", 102: pan, 103: payee,
		104: "PE01113800138001PR01113800138099",
	}
	for id, value := range values {
		m.Set(id, value)
	}
	c.setPIN(m, "123456")
	return m
}

func (c *client) setPIN(m *cups.Message, pin string) {
	if c.pin == nil {
		m.SetBytes(52, make([]byte, 8))
		return
	}
	block, err := spec.SealPIN(c.pin, pin, m.Get(2))
	require.NoError(c.t, err)
	m.SetBytes(52, block[:])
}

// newReversal undoes a debit.
func (c *client) newReversal(debit *cups.Message) *cups.Message {
	m := cups.New("0420")
	m.SetHeader(debit.Header())
	for _, id := range []int{2, 3, 4, 12, 13, 18, 22, 25, 32, 33, 37, 41, 42, 43, 49, 60} {
		m.SetBytes(id, debit.Bytes(id))
	}
	m.Set(7, "1124120001")
	m.Set(11, c.next())
	m.Set(90, "0200"+debit.Get(11)+debit.Get(7)+"000"+member+"000"+member)
	return m
}

// seal adds F128.
func (c *client) seal(m *cups.Message) *cups.Message {
	if c.mac == nil {
		m.SetBytes(128, []byte("00000000"))
		return m
	}
	sum := spec.HostMAC(c.mac, cups.MAB(m))
	m.SetBytes(128, fmt.Appendf(nil, "%X", sum[:4]))
	return m
}

// ask sends a request with its MAC and returns the answer, whose MAC is right.
func (c *client) ask(m *cups.Message) *cups.Message {
	c.t.Helper()
	c.send(c.seal(m))
	a := c.receive()
	require.Equal(c.t, m.Get(11), a.Get(11))
	c.checkMAC(a)
	return a
}

func (c *client) checkMAC(a *cups.Message) {
	c.t.Helper()
	sum := spec.HostMAC(c.mac, cups.MAB(a))
	require.Equal(c.t, fmt.Sprintf("%X", sum[:4]), a.Get(128))
}

func (c *client) debit(pan string, fen int64) *cups.Message {
	c.t.Helper()
	return c.ask(c.newDebit(pan, fen))
}

func (c *client) send(m *cups.Message) {
	c.t.Helper()
	frame, err := m.Pack()
	require.NoError(c.t, err)
	c.sendRaw(cups.AppendFrame(nil, frame))
}

func (c *client) sendRaw(b []byte) {
	c.t.Helper()
	_, err := c.conn.Write(b)
	require.NoError(c.t, err)
}

func (c *client) receive() *cups.Message {
	c.t.Helper()
	m, err := cups.Unpack(c.receiveFrame())
	require.NoError(c.t, err)
	return m
}

func (c *client) receiveFrame() []byte {
	c.t.Helper()
	frame, err := c.read(2 * RepeatAfter)
	require.NoError(c.t, err)
	return frame
}

func (c *client) read(within time.Duration) ([]byte, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	return cups.ReadFrame(c.conn, nil)
}

// silent checks that nothing comes for a while.
func (c *client) silent(d time.Duration) {
	c.t.Helper()
	_, err := c.read(d)
	require.ErrorIs(c.t, err, os.ErrDeadlineExceeded)
}

// pipeListener hands out net.Pipe ends, which testing/synctest can wait for.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), ended: make(chan struct{})}
}

func (l *pipeListener) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func shortContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func requireEOF(t testing.TB, err error) {
	t.Helper()
	require.True(t, err == io.EOF || err == io.ErrUnexpectedEOF || err == io.ErrClosedPipe, "%v", err)
}
