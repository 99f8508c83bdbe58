package smpp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/linxGnu/gosmpp/data"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// centre is a short message centre in the same process, for what a real one does once a year. It reads and writes PDUs by
// its own code.
type centre struct {
	refuse   data.CommandStatusType // of bind
	deaf     bool                   // answers no enquire_link
	onSubmit func(n int, s submitted) (data.CommandStatusType, string)

	mu        sync.Mutex
	conn      net.Conn // the newest
	binds     []time.Time
	submits   []submitted
	enquiries int
	unbinds   int
	mute      bool // submit_sm are not answered
	seq       uint32

	responses chan response // to deliver_sm
	life      sync.WaitGroup
}

// submitted is a submit_sm.
type submitted struct {
	at             time.Time
	source, dest   string
	class          byte
	validity       string
	receipt        byte
	coding         byte
	text           []byte
	ref            uint16
	sourceTON, npi byte
}

// response is a deliver_sm_resp.
type response struct {
	seq    uint32
	status data.CommandStatusType
	at     time.Time
}

func newCentre() *centre { return &centre{responses: make(chan response, 1000)} }

// dial is a Config.Dial.
func (c *centre) dial(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	c.mu.Lock()
	c.conn = ours
	c.mu.Unlock()
	c.life.Go(func() { c.serve(ours) })
	return theirs, nil
}

func (c *centre) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	out := make(chan []byte, 1000)
	defer close(out)
	c.life.Go(func() {
		for b := range out {
			if _, err := conn.Write(b); err != nil {
				_ = conn.Close()
			}
		}
	})
	for {
		var head [16]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:])-16)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		id, status, seq := binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:]), binary.BigEndian.Uint32(head[12:])
		b, last := c.handle(id, status, seq, body)
		if b != nil {
			out <- b
		}
		if last {
			time.Sleep(time.Millisecond)
			return
		}
	}
}

// handle returns the answer to a PDU, and whether the connection ends behind it.
func (c *centre) handle(id, status, seq uint32, body []byte) (b []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch id {
	case 9:
		if c.refuse != 0 {
			return frameOf(0x80000009, uint32(c.refuse), seq, nil), true
		}
		c.binds = append(c.binds, time.Now())
		return frameOf(0x80000009, 0, seq, []byte("centre\x00")), false
	case 0x15:
		c.enquiries++
		if !c.deaf {
			return frameOf(0x80000015, 0, seq, nil), false
		}
	case 6:
		c.unbinds++
		return frameOf(0x80000006, 0, seq, nil), true
	case 0x80000005:
		c.responses <- response{seq, data.CommandStatusType(status), time.Now()}
	case 4:
		return c.submit(seq, body), false
	}
	return nil, false
}

func (c *centre) submit(seq uint32, body []byte) []byte {
	s := readSubmit(body)
	c.submits = append(c.submits, s)
	if c.mute {
		return nil
	}
	st, id := data.CommandStatusType(0), "id-"+string(rune('0'+len(c.submits)))
	if c.onSubmit != nil {
		st, id = c.onSubmit(len(c.submits), s)
	}
	if st != 0 {
		return frameOf(0x80000004, uint32(st), seq, nil)
	}
	return frameOf(0x80000004, 0, seq, append([]byte(id), 0))
}

func readSubmit(b []byte) (s submitted) {
	text := func() string {
		i := bytes.IndexByte(b, 0)
		v := string(b[:i])
		b = b[i+1:]
		return v
	}
	octet := func() byte { v := b[0]; b = b[1:]; return v }
	s.at = time.Now()
	text()
	s.sourceTON, s.npi = octet(), octet()
	s.source = text()
	octet()
	octet()
	s.dest = text()
	s.class = octet()
	octet()
	octet()
	text()
	s.validity = text()
	s.receipt = octet()
	octet()
	s.coding = octet()
	octet()
	n := octet()
	s.text, b = b[:n], b[n:]
	if len(b) == 6 && binary.BigEndian.Uint16(b) == 0x0204 {
		s.ref = binary.BigEndian.Uint16(b[4:])
	}
	return s
}

func frameOf(id, status, seq uint32, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint32(b, status)
	b = binary.BigEndian.AppendUint32(b, seq)
	return append(b, body...)
}

// mo is a deliver_sm to be sent.
type mo struct {
	from   string
	class  byte
	coding byte
	text   []byte
	tlv    []byte
}

func (m mo) body() []byte {
	b := append([]byte("\x00\x01\x01"+m.from+"\x00\x00\x01"+"10690000\x00"), m.class, 0, 0)
	b = append(b, 0, 0, 0, 0, m.coding, 0, byte(len(m.text)))
	return append(append(b, m.text...), m.tlv...)
}

func tlv(tag uint16, v ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, tag)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
}

// deliver sends deliver_sm on the newest connection and returns their numbers.
func (c *centre) deliver(t testing.TB, ms ...mo) (seqs []uint32) {
	t.Helper()
	for _, m := range ms {
		c.mu.Lock()
		c.seq++
		seq, conn := c.seq, c.conn
		c.mu.Unlock()
		_, err := conn.Write(frameOf(5, 0, seq, m.body()))
		require.NoError(t, err)
		seqs = append(seqs, seq)
	}
	return seqs
}

// statuses collects the answers that came, by number.
func (c *centre) statuses() map[uint32]data.CommandStatusType {
	out := map[uint32]data.CommandStatusType{}
	for {
		select {
		case r := <-c.responses:
			out[r.seq] = r.status
		default:
			return out
		}
	}
}

func (c *centre) cut(t testing.TB) {
	c.mu.Lock()
	defer c.mu.Unlock()
	require.NoError(t, c.conn.Close())
}

func (c *centre) seen() []submitted {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.submits)
}

// counts returns the moments of all binds, and how many enquire_link and unbind came.
func (c *centre) counts() (binds []time.Time, enquiries, unbinds int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.binds), c.enquiries, c.unbinds
}

func (c *centre) set(f func()) { c.mu.Lock(); defer c.mu.Unlock(); f() }

// parts makes the deliver_sm of a long UCS-2 text, with a header of 8 bits.
func parts(from, text string, ref byte, each int) (ms []mo) {
	u := utf16.Encode([]rune(text))
	total := (len(u) + each - 1) / each
	for i := range total {
		b := []byte{5, 0, 3, ref, byte(total), byte(i + 1)}
		for _, v := range u[i*each : min(len(u), (i+1)*each)] {
			b = binary.BigEndian.AppendUint16(b, v)
		}
		ms = append(ms, mo{from: from, class: 0x40, coding: 8, text: b})
	}
	return ms
}

// world is a centre, a core and what is tested between them, in virtual time.
type world struct {
	*testing.T
	*centre
	core *smstest.Core
	sms  *sms.SMS
	logs *smstest.Buffer
	stop func() error
}

func testConfig(dial func(context.Context, string) (net.Conn, error), c *smstest.Core) Config {
	return Config{Common: sms.Common{Addrs: []string{"a:1"}, Dial: dial, Inbox: c, Receipts: c, NameKey: smstest.Key(), Chance: func() float64 { return 0.5 }},
		SystemID: "ringback", Password: func() (string, error) { return "secret-pw", nil }, Source: Party{NPI: 1, Addr: "10690000"},
		Prefix: "86", DestTON: 1, DestNPI: 1}
}

// inWorld runs f with a bound SMS, and checks that it ends well.
func inWorld(t *testing.T, change func(*Config, *centre), f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, centre: newCentre(), core: &smstest.Core{}, logs: &smstest.Buffer{}}
		c := testConfig(w.dial, w.core)
		c.Log = zerolog.New(w.logs).Level(zerolog.DebugLevel)
		c.Limits.Rate = 1000
		if change != nil {
			change(&c, w.centre)
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
