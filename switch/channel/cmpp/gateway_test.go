package cmpp

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// gateway is an ISMG in the same process, for what a real one does once a year. It reads and writes frames by its own code.
type gateway struct {
	version  Version
	secret   string
	refuse   uint32 // Status of connect
	deaf     bool   // answers no active_test
	onSubmit func(n int, s submitted) uint32

	mu       sync.Mutex
	conn     net.Conn // the newest
	connects []connection
	submits  []submitted
	tests    int
	parted   int
	mute     bool // submits are not answered
	seq      uint32

	results chan delivered
	life    sync.WaitGroup
}

// connection is a connect.
type connection struct {
	at      time.Time
	account string
	version byte
	good    bool
}

// submitted is a submit.
type submitted struct {
	at                        time.Time
	seq                       uint32
	total, number             byte
	receipt, udhi, format     byte
	service, valid, src, dest string
	source, fee, link         string
	text                      []byte
}

// delivered is a deliver_resp.
type delivered struct {
	seq    uint32
	id     uint64
	result uint32
}

func newGateway(v Version) *gateway {
	return &gateway{version: v, secret: "secret-pw", results: make(chan delivered, 1000)}
}

// dial is a Config.Dial.
func (g *gateway) dial(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	g.mu.Lock()
	g.conn = ours
	g.mu.Unlock()
	g.life.Go(func() { g.serve(ours) })
	return theirs, nil
}

func (g *gateway) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	out := make(chan []byte, 1000)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer close(out)
	writing.Go(func() {
		for b := range out {
			if _, err := conn.Write(b); err != nil {
				_ = conn.Close()
			}
		}
	})
	for {
		var head [12]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:])-12)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		b, last := g.handle(binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:]), body)
		if b != nil {
			out <- b
		}
		if last {
			time.Sleep(time.Millisecond)
			return
		}
	}
}

// handle returns the answer to a frame, and whether the connection ends behind it.
func (g *gateway) handle(command, seq uint32, body []byte) (b []byte, last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch command {
	case 1:
		return g.connected(seq, body)
	case 2:
		g.parted++
		return frameOf(0x80000002, seq, nil), true
	case 8:
		if g.tests++; !g.deaf {
			return frameOf(0x80000008, seq, []byte{0}), false
		}
	case 4:
		s := g.readSubmit(seq, body)
		g.submits = append(g.submits, s)
		if g.mute {
			return nil, false
		}
		result := uint32(0)
		if g.onSubmit != nil {
			result = g.onSubmit(len(g.submits), s)
		}
		return frameOf(0x80000004, seq, g.withResult(uint64(len(g.submits)), result)), false
	case 0x80000005:
		d := delivered{seq: seq, id: binary.BigEndian.Uint64(body), result: uint32(body[len(body)-1])}
		g.results <- d
	}
	return nil, false
}

// withResult writes a Msg_Id and a Result.
func (g *gateway) withResult(id uint64, result uint32) []byte {
	b := binary.BigEndian.AppendUint64(nil, id)
	if g.version == V20 {
		return append(b, byte(result))
	}
	return binary.BigEndian.AppendUint32(b, result)
}

func (g *gateway) connected(seq uint32, b []byte) ([]byte, bool) {
	stamp := binary.BigEndian.Uint32(b[23:])
	digits := []byte("0000000000")
	for i := 9; i >= 0; i-- {
		digits[i] = '0' + byte(stamp%10)
		stamp /= 10
	}
	want := md5.Sum([]byte("901234" + strings.Repeat("\x00", 9) + "secret-pw" + string(digits)))
	c := connection{time.Now(), string(b[:6]), b[22], bytes.Equal(want[:], b[6:22])}
	g.connects = append(g.connects, c)
	status := g.refuse
	switch {
	case status != 0:
	case !c.good:
		status = 3
	case Version(c.version) > g.version:
		status = 4
	}
	body := []byte{byte(status)}
	if g.version == V30 {
		body = binary.BigEndian.AppendUint32(nil, status)
	}
	mine := md5.Sum([]byte(string(body) + string(b[6:22]) + g.secret))
	return frameOf(0x80000001, seq, append(append(body, mine[:]...), byte(g.version))), status != 0
}

func (g *gateway) readSubmit(seq uint32, b []byte) (s submitted) {
	text := func(n int) string {
		v, _, _ := bytes.Cut(b[:n], []byte{0})
		b = b[n:]
		return string(v)
	}
	octet := func() byte { v := b[0]; b = b[1:]; return v }
	wide := g.version == V30
	phone := 21
	if wide {
		phone = 32
	}
	s.at, s.seq = time.Now(), seq
	text(8)
	s.total, s.number, s.receipt = octet(), octet(), octet()
	octet()
	s.service = text(10)
	octet()
	text(phone)
	if wide {
		octet()
	}
	octet()
	s.udhi, s.format = octet(), octet()
	s.src = text(6)
	s.fee = text(2) + text(6)
	s.valid = text(17)
	text(17)
	s.source = text(21)
	octet()
	s.dest = text(phone)
	if wide {
		octet()
	}
	n := octet()
	s.text, b = b[:n], b[n:]
	s.link = text(len(b))
	return s
}

func frameOf(command, seq uint32, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(12+len(body)))
	b = binary.BigEndian.AppendUint32(b, command)
	b = binary.BigEndian.AppendUint32(b, seq)
	return append(b, body...)
}

// mo is a deliver to be sent.
type mo struct {
	id      uint64
	from    string
	udhi    byte
	format  byte
	receipt byte
	text    []byte
	link    string
}

func (m mo) body(v Version) []byte {
	field := func(s string, n int) []byte { return append([]byte(s), make([]byte, n-len(s))...) }
	b := binary.BigEndian.AppendUint64(nil, m.id)
	b = slices.Concat(b, field("10690000", 21), field("SVC", 10), []byte{0, m.udhi, m.format})
	if v == V30 {
		b = append(append(b, field(m.from, 32)...), 0)
	} else {
		b = append(b, field(m.from, 21)...)
	}
	b = append(append(b, m.receipt, byte(len(m.text))), m.text...)
	if v == V30 {
		return append(b, field(m.link, 20)...)
	}
	return append(b, field("", 8)...)
}

// report is the text of a receipt.
func report(v Version, id uint64, stat string) []byte {
	n := 21
	if v == V30 {
		n = 32
	}
	b := append(binary.BigEndian.AppendUint64(nil, id), stat+"26112412002611241201"+smstest.Number...)
	b = append(b, make([]byte, n-11)...)
	return append(b, 0, 0, 0, 9)
}

// deliver sends on the newest connection.
func (g *gateway) deliver(t testing.TB, ms ...mo) {
	t.Helper()
	for _, m := range ms {
		g.mu.Lock()
		g.seq++
		seq, conn := g.seq, g.conn
		g.mu.Unlock()
		_, err := conn.Write(frameOf(5, seq, m.body(g.version)))
		require.NoError(t, err)
	}
}

// answers collects the results that came, by number of the frame.
func (g *gateway) answers() map[uint32]uint32 {
	out := map[uint32]uint32{}
	for {
		select {
		case r := <-g.results:
			out[r.seq] = r.result
		default:
			return out
		}
	}
}

func (g *gateway) seen() []submitted {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.submits)
}

func (g *gateway) logins() []connection {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.connects)
}

func (g *gateway) set(f func()) { g.mu.Lock(); defer g.mu.Unlock(); f() }

func (g *gateway) write(t testing.TB, b []byte) {
	t.Helper()
	g.mu.Lock()
	conn := g.conn
	g.mu.Unlock()
	_, err := conn.Write(b)
	require.NoError(t, err)
}

// longMO makes the parts of a long UCS-2 text, each with a Msg_Id of its own.
func longMO(from, text string, ref byte, each int) (ms []mo) {
	u := utf16.Encode([]rune(text))
	total := (len(u) + each - 1) / each
	for i := range total {
		b := []byte{5, 0, 3, ref, byte(total), byte(i + 1)}
		for _, v := range u[i*each : min(len(u), (i+1)*each)] {
			b = binary.BigEndian.AppendUint16(b, v)
		}
		ms = append(ms, mo{id: uint64(ref)<<8 | uint64(i+1), from: from, udhi: 1, format: 8, text: b})
	}
	return ms
}

func testConfig(v Version, c *smstest.Core) Config {
	return Config{Common: sms.Common{Addrs: []string{"a:1"}, Inbox: c, Receipts: c, NameKey: smstest.Key(), Chance: func() float64 { return 0.5 }},
		Version: v, Account: "901234", Password: func() (string, error) { return "secret-pw", nil }, Source: "10690000", Service: "SVC",
		FeeType: "01", FeeCode: "0"}
}

// world is a gateway, a core and what is tested between them, in virtual time.
type world struct {
	*testing.T
	*gateway
	core *smstest.Core
	sms  *sms.SMS
	logs *smstest.Buffer
	stop func() error
}

// inBoth runs f with a link of each version.
func inBoth(t *testing.T, change func(*Config, *gateway), f func(w *world)) {
	t.Helper()
	for _, v := range []Version{V20, V30} {
		t.Run(v.String(), func(t *testing.T) { inWorld(t, v, change, f) })
	}
}

// inWorld runs f with a link, and checks that it ends well.
func inWorld(t *testing.T, v Version, change func(*Config, *gateway), f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, gateway: newGateway(v), core: &smstest.Core{}, logs: &smstest.Buffer{}}
		c := testConfig(v, w.core)
		c.Dial, c.Log, c.Limits.Rate = w.dial, zerolog.New(w.logs).Level(zerolog.DebugLevel), 1000
		if change != nil {
			change(&c, w.gateway)
		}
		w.sms = New(c)
		w.stop = smstest.Run(t, w.sms)
		synctest.Wait()
		f(w)
		if err := w.stop(); err != nil && !errors.Is(err, acquirer.ErrStore) {
			require.NoError(t, err)
		}
		w.mu.Lock()
		conn := w.conn
		w.mu.Unlock()
		if conn != nil {
			_ = conn.Close()
		}
		w.life.Wait()
	})
}
