package voice

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// wire is a peer that writes SIP by hand.
type wire struct {
	*testing.T
	conn net.Conn
	seq  int
}

func newWire(w *world) *wire {
	w.Helper()
	conn, err := net.Dial("udp", w.Addr().String())
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, conn.Close()) })
	return &wire{w.T, conn, 0}
}

const plainOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"

// message is a request of call id, with the To's parameters and what changes it.
func (p *wire) message(method, id, to, body string, changes ...string) string {
	p.seq++
	m := fmt.Sprintf("%s sip:95533@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport\r\nFrom: <sip:%s@trunk.example>;tag=far\r\nTo: <sip:95533@trunk.example>%s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:gateway@%s>\r\nMax-Forwards: 70\r\n", method, p.conn.LocalAddr(), p.seq, callerOne, to, id, p.seq, method, p.conn.LocalAddr())
	if body != "" {
		m += "Content-Type: application/sdp\r\n"
	}
	m += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	return strings.NewReplacer(changes...).Replace(m)
}

func (p *wire) send(m string) {
	p.Helper()
	_, err := p.conn.Write([]byte(m))
	require.NoError(p, err)
}

// answer is the next message with a status or a method that is not skipped.
func (p *wire) answer(skip ...string) string {
	p.Helper()
	require.NoError(p, p.conn.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 4096)
	for {
		n, err := p.conn.Read(b)
		require.NoError(p, err)
		m := string(b[:n])
		skipped := strings.HasPrefix(m, "SIP/2.0 100")
		for _, s := range skip {
			skipped = skipped || strings.HasPrefix(m, s)
		}
		if !skipped {
			return m
		}
	}
}

// header is the value of a message's header.
func header(m, name string) string {
	for line := range strings.Lines(m) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimRight(value, "\r\n")
		}
	}
	return ""
}

func tagOf(m string) string {
	_, tag, _ := strings.Cut(header(m, "To"), ";tag=")
	return ";tag=" + tag
}

func TestRequestsOutsideACall(t *testing.T) {
	w := begin(t, func(*Config) {})
	p := newWire(w)
	for _, c := range []struct{ name, message, status string }{
		{"abilities", p.message("OPTIONS", "a", "", ""), "200"},
		{"no such call", p.message("BYE", "b", ";tag=x", ""), "481"},
		{"no call at all", p.message("BYE", "c", "", ""), "481"},
		{"change of no call", p.message("INVITE", "d", ";tag=x", plainOffer), "481"},
		{"a CANCEL of nothing", p.message("CANCEL", "e", "", ""), "481"},
		{"keys in another way, and without a type", p.message("INFO", "f", ";tag=x", ""), "405"},
		{"a transfer", p.message("REFER", "g", ";tag=x", ""), "405"},
		{"a registration", p.message("REGISTER", "h", "", ""), "405"},
		{"no description", p.message("INVITE", "i", "", ""), "488"},
		{"no tag", p.message("INVITE", "j", "", plainOffer, ";tag=far", ""), "400"},
		{"no contact", p.message("INVITE", "k", "", plainOffer, "Contact:", "X-Contact:"), "400"},
		{"no From", p.message("INVITE", "l", "", plainOffer, "From:", "X-From:"), "400"},
		{"no Call-ID", p.message("INVITE", "m", "", plainOffer, "Call-ID:", "X-Call-ID:"), "400"},
		{"too many routes", p.message("INVITE", "n", "", plainOffer, "Max-Forwards", strings.Repeat("Record-Route: <sip:1.1.1.1;lr>\r\n", maxRoutes+1)+"Max-Forwards"), "400"},
	} {
		p.send(c.message)
		require.Equal(t, c.status, strings.Fields(p.answer())[1], c.name)
	}
	p.send("no SIP at all, of " + callerOne + "\r\n\r\n")
	p.send(p.message("ACK", "z", ";tag=x", ""))
	p.send(strings.Repeat("x", maxMessage+1))
	p.send(p.message("OPTIONS", "y", "", ""))
	require.Equal(t, "200", strings.Fields(p.answer())[1])
	require.Eventually(t, func() bool { return w.idle() }, patience, 10*time.Millisecond) // a request is done a little behind its answer
}

// A call by hand: the 200 is repeated until the ACK, the session is renewed and put on hold, the same call by another way is a loop, and a
// BYE of somebody who only knows half of it ends nothing.
func TestChangesOfACall(t *testing.T) {
	w := begin(t, func(*Config) {})
	w.speech.mu.Lock()
	w.speech.long = true
	w.speech.mu.Unlock()
	p := newWire(w)
	p.send(p.message("INVITE", "call", "", plainOffer))
	ok := p.answer()
	require.Equal(t, "SIP/2.0 200 OK", strings.TrimSpace(strings.SplitN(ok, "\n", 2)[0]))
	require.Equal(t, ok, p.answer(), "again, for no ACK came")
	tag := tagOf(ok)
	p.send(p.message("ACK", "call", tag, "", "CSeq: 2", "CSeq: 1"))
	require.Eventually(t, func() bool { return w.speech.all() != "" }, patience, 10*time.Millisecond)
	p.send(p.message("INVITE", "call", "", plainOffer))
	require.Equal(t, "482", strings.Fields(p.answer("SIP/2.0 200"))[1])
	p.send(p.message("BYE", "call", tag, "", ";tag=far", ";tag=other"))
	require.Equal(t, "481", strings.Fields(p.answer())[1])
	p.send(p.message("INVITE", "call", tag, plainOffer+"a=sendonly\r\n"))
	held := p.answer()
	require.Contains(t, held, "a=recvonly")
	require.Equal(t, tag, tagOf(held))
	p.send(p.message("ACK", "call", tag, "", fmt.Sprintf("CSeq: %d", p.seq+1), fmt.Sprintf("CSeq: %d", p.seq)))
	p.send(p.message("INVITE", "call", tag, plainOffer, fmt.Sprintf("CSeq: %d", p.seq+1), "CSeq: 1"))
	require.Equal(t, "500", strings.Fields(p.answer())[1], "an old one")
	p.send(p.message("INVITE", "call", tag, "v=0\r\n"))
	require.Equal(t, "488", strings.Fields(p.answer())[1])
	require.False(t, w.idle())
	p.send(p.message("BYE", "call", tag, ""))
	require.Equal(t, "200", strings.Fields(p.answer("SIP/2.0 488", "SIP/2.0 500"))[1])
	require.Eventually(t, w.idle, patience, 10*time.Millisecond)
}

// A caller gives up while the 200 is on its way, or never says anything again: nothing stays.
func TestNoACK(t *testing.T) {
	w := begin(t, func(*Config) {})
	p := newWire(w)
	p.send(p.message("INVITE", "call", "", plainOffer))
	ok := p.answer()
	p.send(p.message("BYE", "call", tagOf(ok), ""))
	require.Contains(t, p.answer("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "+p.conn.LocalAddr().String()+";branch=z9hG4bK1;"), "BYE")
	require.Eventually(t, w.idle, patience, 10*time.Millisecond)
	p.send(p.message("INVITE", "second", "", plainOffer))
	p.answer()
	w.stop() // the switch ends while it waits: a BYE goes out, and nobody answers it
}

func TestCallerNumber(t *testing.T) {
	for header, want := range map[string]string{"sip:13800138000@x": callerOne, "sip:+8613800138000@x": callerOne, "sip:008613800138000@x": callerOne,
		"sip:8613800138000@x": callerOne, "sip:013800138000@x": callerOne, "sip:95533@x": "", "sip:anonymous@anonymous.invalid": "", "sip:x": "",
		"sip:138001380001@x": "", "tel:+8613800138000": ""} {
		for _, name := range []string{"From", "P-Asserted-Identity"} {
			m := "INVITE sip:1@x SIP/2.0\r\nFrom: <sip:10086@x>;tag=a\r\n" + name + ": <" + header + ">;tag=a\r\nContent-Length: 0\r\n\r\n"
			if name == "From" {
				m = strings.Replace(m, "From: <sip:10086@x>;tag=a\r\n", "", 1)
			}
			parsed, err := sip.ParseMessage([]byte(m))
			require.NoError(t, err, m)
			require.Equal(t, want, callerNumber(parsed.(*sip.Request)), m)
		}
	}
}

// Whatever a peer passes on of a caller's INVITE: it is refused with a status, or it is a call whose every message can be made.
func FuzzReadInvite(f *testing.F) {
	p := &wire{conn: fakeConn{}}
	f.Add([]byte(p.message("INVITE", "a", "", plainOffer)))
	f.Add([]byte(p.message("INVITE", "a", "", plainOffer, "From:", "X-From:", "Max-Forwards", "Record-Route: <sip:1.1.1.1;lr>\r\nP-Asserted-Identity: \"x\" <sip:13900139001@x>\r\nMax-Forwards")))
	f.Add([]byte("INVITE x SIP/2.0\r\nf:<\r\nt:;\r\ni:\r\nCSeq: 1 BYE\r\nm:*\r\nv:,\r\n\r\n"))
	c := testConfig()
	v, err := New(c)
	require.NoError(f, err)
	require.NoError(f, v.Listen())
	f.Cleanup(func() { require.NoError(f, v.shut()) })
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := sip.ParseMessage(b)
		req, ok := m.(*sip.Request)
		if err != nil || !ok {
			return
		}
		req.SetTransport("UDP")
		req.SetSource("127.0.0.1:5060")
		v.callOf(req)
		i, status := v.readInvite(req)
		if status != 0 {
			require.Contains(t, []int{400, 488}, status)
			return
		}
		require.NotEmpty(t, i.call.remote.tag)
		require.True(t, i.caller.Number == "" || len(i.caller.Number) == 11)
		require.LessOrEqual(t, len(i.caller.ID), 120)
		require.False(t, v.merged(i.call))
		bye := i.call.request(sip.BYE)
		require.Equal(t, "127.0.0.1:5060", bye.Destination(), "never where a caller says")
		require.NotEmpty(t, bye.String())
		require.NotEmpty(t, v.accepting(req, "UDP", nil).String())
	})
}

// fakeConn has an address only.
type fakeConn struct{ net.Conn }

func (fakeConn) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:5060"))
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"listen":                 func(c *Config) { c.Listen = netip.MustParseAddrPort("0.0.0.0:5060") },
		"neither is set":         func(c *Config) { c.Peers = nil },
		"proxy: no host:port":    func(c *Config) { c.Proxy = "proxy.example" },
		"network":                func(c *Config) { c.Network = "tls" },
		"domain":                 func(c *Config) { c.Domain = "a@b" },
		"user: 1 to 40":          func(c *Config) { c.User = strings.Repeat("a", 41) },
		"user, password_file":    func(c *Config) { c.User = "trunk" },
		"from":                   func(c *Config) { c.Proxy, c.From = "127.0.0.1:5060", "a b" },
		"prefix":                 func(c *Config) { c.Prefix = "8 6" },
		"register":               func(c *Config) { c.Register = true },
		"rtp_first":              func(c *Config) { c.FirstPort, c.LastPort = 20000, 20000+2*(8+4)-2 },
		"rtp_first, rtp_last":    func(c *Config) { c.FirstPort, c.LastPort = 1022, 2000 },
		"no speaker":             func(c *Config) { c.Speaker = nil },
		"no inbox":               func(c *Config) { c.Inbox = nil },
		"or no source of chance": func(c *Config) { c.Chance = nil },
	} {
		c := testConfig()
		change(&c)
		_, err := New(c)
		require.ErrorContains(t, err, name)
	}
	c := testConfig()
	c.FirstPort, c.LastPort, c.Proxy = 20000, 20000+2*(8+4)-1, "[::1]:5060"
	_, err := New(c)
	require.NoError(t, err)
}

// What the sound of a call may be is a matter of a whole range.
func TestNoPortForSound(t *testing.T) {
	w := begin(t, func(c *Config) {
		c.FirstPort, c.Limits.CallsIn, c.Limits.CallsOut = 30000+2*rand.IntN(1000), 1, 1
		c.LastPort = c.FirstPort + 3
	})
	var held []net.PacketConn
	for port := w.config.FirstPort; port <= w.config.LastPort; port++ {
		if l, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			held = append(held, l)
		}
	}
	p := newWire(w)
	p.send(p.message("INVITE", "a", "", plainOffer))
	require.Equal(t, "503", strings.Fields(p.answer())[1])
	require.Contains(t, w.logs.String(), "no port is free")
	for _, l := range held {
		require.NoError(t, l.Close())
	}
}
