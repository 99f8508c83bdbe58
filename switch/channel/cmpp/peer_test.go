package cmpp

import (
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	cmpp "github.com/bigwhite/gocmpp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// The tests of this file speak over TCP with the gateway that gocmpp makes. It shares the packets with us; whose form they
// have the dissector of the other file says.

// patience is how long a step may take on a busy machine.
const patience = 60 * time.Second

// peer is a gateway of gocmpp.
type peer struct {
	t       *testing.T
	version Version
	addr    string
	l       net.Listener
	ended   chan struct{}

	mu      sync.Mutex
	conns   []net.Conn
	next    uint64 // Msg_Id
	refuse  int    // so many submits are answered with 8
	receipt string // Stat of the receipts
	events  chan string
	texts   chan longText
}

// longText is a submit.
type longText struct {
	to            string
	total, number byte
	text          string
}

func startPeer(t *testing.T, v Version, addr string) *peer {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	p := &peer{t: t, version: v, l: l, addr: l.Addr().String(), ended: make(chan struct{}), events: make(chan string, 1000),
		texts: make(chan longText, 1000)}
	s := &cmpp.Server{Typ: cmpp.Type(v), T: time.Hour, N: 3, ErrorLog: log.New(io.Discard, "", 0), Handler: cmpp.HandlerFunc(p.serve)}
	go func() { defer close(p.ended); _ = s.Serve(l) }() // its end is the listener's
	t.Cleanup(p.kill)
	return p
}

// kill ends the listener and all connections.
func (p *peer) kill() {
	_ = p.l.Close() // it may be closed by now
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close() // likewise
	}
}

// serve is the handler of the server.
func (p *peer) serve(r *cmpp.Response, packet *cmpp.Packet, _ *log.Logger) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch q := packet.Packer.(type) {
	case *cmpp.CmppConnReqPkt:
		return false, p.login(r, packet.Conn.Conn, q)
	case *cmpp.Cmpp2SubmitReqPkt:
		a := r.Packer.(*cmpp.Cmpp2SubmitRspPkt)
		a.MsgId, a.Result = p.take(packet.Conn.Conn, longText{q.DestTerminalId[0], q.PkTotal, q.PkNumber, q.MsgContent})
	case *cmpp.Cmpp3SubmitReqPkt:
		a := r.Packer.(*cmpp.Cmpp3SubmitRspPkt)
		id, result := p.take(packet.Conn.Conn, longText{q.DestTerminalId[0], q.PkTotal, q.PkNumber, q.MsgContent})
		a.MsgId, a.Result = id, uint32(result)
	case *cmpp.Cmpp2DeliverRspPkt:
		p.events <- "answer " + string('0'+rune(q.Result))
	case *cmpp.Cmpp3DeliverRspPkt:
		p.events <- "answer " + string('0'+rune(q.Result))
	case *cmpp.CmppActiveTestReqPkt:
		p.events <- "test"
	case *cmpp.CmppActiveTestRspPkt:
		p.events <- "test answer"
	case *cmpp.CmppTerminateReqPkt:
		p.events <- "terminate"
	}
	return false, nil
}

// login answers connect; the next handler would be the caller's.
func (p *peer) login(r *cmpp.Response, conn net.Conn, q *cmpp.CmppConnReqPkt) error {
	want := &cmpp.CmppConnReqPkt{SrcAddr: "901234", Secret: "secret-pw", Timestamp: q.Timestamp, Version: q.Version}
	if _, err := want.Pack(1); err != nil {
		return err
	}
	status := uint8(0)
	switch {
	case want.AuthSrc != q.AuthSrc:
		status = 3
	case Version(q.Version) > p.version:
		status = 4
	default:
		p.conns = append(p.conns, conn)
		p.events <- "login"
	}
	if a, ok := r.Packer.(*cmpp.Cmpp2ConnRspPkt); ok {
		a.Status, a.AuthSrc, a.Secret, a.Version = status, q.AuthSrc, "secret-pw", cmpp.V20
	}
	if a, ok := r.Packer.(*cmpp.Cmpp3ConnRspPkt); ok {
		a.Status, a.AuthSrc, a.Secret, a.Version = uint32(status), q.AuthSrc, "secret-pw", cmpp.V30
	}
	if status != 0 {
		return errors.New("refused")
	}
	return nil
}

// take is a submit. Its receipt goes out in front of the answer, as it may.
func (p *peer) take(conn net.Conn, s longText) (id uint64, result uint8) {
	if p.refuse > 0 {
		p.refuse--
		p.events <- "refused"
		return 0, 8
	}
	p.next++
	p.texts <- s
	if p.receipt != "" {
		p.push(conn, mo{id: 1000 + p.next, from: smstest.Number, receipt: 1, text: report(p.version, p.next, p.receipt)})
	}
	return p.next, 0
}

// push writes a deliver by the library's packets.
func (p *peer) push(conn net.Conn, m mo) {
	var q cmpp.Packer
	if p.version == V20 {
		q = &cmpp.Cmpp2DeliverReqPkt{MsgId: m.id, DestId: "10690000", SrcTerminalId: m.from, TpUdhi: m.udhi, MsgFmt: m.format,
			RegisterDelivery: m.receipt, MsgLength: uint8(len(m.text)), MsgContent: string(m.text)}
	} else {
		q = &cmpp.Cmpp3DeliverReqPkt{MsgId: m.id, DestId: "10690000", SrcTerminalId: m.from, TpUdhi: m.udhi, MsgFmt: m.format,
			RegisterDelivery: m.receipt, MsgLength: uint8(len(m.text)), MsgContent: string(m.text)}
	}
	b, err := q.Pack(uint32(m.id))
	if err == nil {
		_, err = conn.Write(b)
	}
	if err != nil {
		p.events <- err.Error()
	}
}

// deliver pushes on the newest connection.
func (p *peer) deliver(ms ...mo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range ms {
		p.push(p.conns[len(p.conns)-1], m)
	}
}

func (p *peer) await(want string) {
	p.t.Helper()
	for timeout := time.After(patience); ; {
		select {
		case e := <-p.events:
			if e == want {
				return
			}
		case <-timeout:
			require.FailNow(p.t, "no "+want)
		}
	}
}

// message awaits all parts of a text.
func (p *peer) message() (to, text string, parts int) {
	p.t.Helper()
	var b []byte
	for {
		select {
		case s := <-p.texts:
			parts++
			require.Equal(p.t, parts, int(s.number))
			c := []byte(s.text)
			if s.total > 1 {
				c = c[6:]
			}
			if b = append(b, c...); s.number == s.total {
				text, err := sms.DecodeUCS2(b)
				require.NoError(p.t, err)
				return s.to, text, parts
			}
		case <-time.After(patience):
			require.FailNow(p.t, "no text")
		}
	}
}

// join starts a link to the peer.
func (p *peer) join(core *smstest.Core, change func(*Config)) (s *sms.SMS, logs *smstest.Buffer, stop func()) {
	p.t.Helper()
	logs = &smstest.Buffer{}
	c := testConfig(p.version, core)
	c.Addrs, c.Log, c.Limits.RetryFirst = []string{p.addr}, zerolog.New(logs), 100*time.Millisecond
	if change != nil {
		change(&c)
	}
	s = New(c)
	run := smstest.Run(p.t, s)
	stop = func() { require.NoError(p.t, run()) }
	p.t.Cleanup(stop)
	return s, logs, stop
}

func withPeer(t *testing.T, f func(t *testing.T, p *peer)) {
	for _, v := range []Version{V20, V30} {
		t.Run(v.String(), func(t *testing.T) { f(t, startPeer(t, v, "127.0.0.1:0")) })
	}
}

func TestPeerLongNoticeAndReceipts(t *testing.T) {
	withPeer(t, func(t *testing.T, p *peer) {
		p.receipt = "DELIVRD"
		core := &smstest.Core{}
		core.OnStored(func(r acquirer.Receipt) error {
			if r.Notice == "" {
				return acquirer.ErrNotFound // as the core says while it sends: the receipt overtook the answer
			}
			return nil
		})
		s, _, stop := p.join(core, nil)
		p.await("login")
		text := strings.Repeat("收款一百二十三元四角五分,付款人139****5861。", 5) + "尾号𬇕😀"
		got := smstest.Send(t, s, smstest.Notice(t, "632800000002-1", text), patience)
		to, back, parts := p.message()
		require.Equal(t, []any{smstest.Number, text, 3, "3"}, []any{to, back, parts, got.Reference})
		for range 3 {
			p.await("answer 0")
		}
		told := core.Receipts()
		require.Len(t, told, 1)
		require.Equal(t, []any{"632800000002-1", true, "DELIVRD"}, []any{told[0].Notice, told[0].Delivered, told[0].Detail})
		stop()
		p.await("terminate")
	})
}

func TestPeerRegistrationInParts(t *testing.T) {
	withPeer(t, func(t *testing.T, p *peer) {
		answer := "收到:" + strings.Repeat("请回复验证码", 15)
		core := (&smstest.Core{}).Answer(func(acquirer.Inbound) (acquirer.Reply, error) { return acquirer.Reply{Text: answer}, nil })
		p.join(core, nil)
		p.await("login")
		p.deliver(longMO("86"+smstest.Number, registration, 7, 40)...)
		to, text, parts := p.message()
		require.Equal(t, []any{"86" + smstest.Number, answer, 2}, []any{to, text, parts}, "the answer goes back first")
		for range 3 {
			p.await("answer 0")
		}
		require.Equal(t, registration, core.Received()[0].Text)
		require.Equal(t, smstest.Number, core.Received()[0].Sender)
	})
}

func TestPeerKilledAndRestarted(t *testing.T) {
	withPeer(t, func(t *testing.T, p *peer) {
		s, logs, _ := p.join(&smstest.Core{}, nil)
		p.await("login")
		p.kill()
		require.Eventually(t, func() bool { return !s.Bound() }, patience, time.Millisecond)
		_, err := s.Send(t.Context(), smstest.Notice(t, "a", "王"))
		require.ErrorIs(t, err, acquirer.ErrDeviceDown)
		again := startPeer(t, p.version, p.addr)
		again.await("login")
		smstest.Send(t, s, smstest.Notice(t, "b", "王"), patience)
		_, text, _ := again.message()
		require.Equal(t, "王", text)
		require.Contains(t, logs.String(), "not bound")
	})
}

func TestPeerThrottlesAndTests(t *testing.T) {
	withPeer(t, func(t *testing.T, p *peer) {
		p.refuse = 3
		s, _, _ := p.join(&smstest.Core{}, func(c *Config) {
			c.Limits.PauseFirst, c.Limits.Enquire = 10*time.Millisecond, 50*time.Millisecond
		})
		p.await("login")
		p.await("test")
		smstest.Send(t, s, smstest.Notice(t, "a", "王"), patience)
		_, text, _ := p.message()
		require.Equal(t, "王", text)
		for range 3 {
			p.await("refused")
		}
		p.mu.Lock()
		_, err := p.conns[0].Write(plain(&cmpp.CmppActiveTestReqPkt{}, 1<<20))
		p.mu.Unlock()
		require.NoError(t, err)
		p.await("test answer")
	})
}

func TestPeerRefusesThePassword(t *testing.T) {
	withPeer(t, func(t *testing.T, p *peer) {
		var mu sync.Mutex
		password := "wrong-pw"
		_, logs, _ := p.join(&smstest.Core{}, func(c *Config) {
			c.Password = func() (string, error) { mu.Lock(); defer mu.Unlock(); return password, nil }
		})
		require.Eventually(t, func() bool { return strings.Contains(logs.String(), "status 3 authentication") }, patience, time.Millisecond)
		mu.Lock()
		password = "secret-pw" // it may be changed while the switch runs
		mu.Unlock()
		p.await("login")
		require.NotContains(t, logs.String(), "wrong-pw")
	})
}
