package terminal

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// spoilt alters F64 of a frame.
func spoilt(frame []byte) []byte {
	frame[len(frame)-1] ^= 1
	return frame
}

// Row 8. Three wrong MACs of a terminal in a row end the connection, behind the third A0, and touch nothing else: the true
// terminal's session lives on, wherever it is.
func TestWrongMACsEndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		before := w.mem.terminals["10000001"].Session
		forger := p.dial(t)
		for range 3 {
			forger.send(spoilt(d.inquiry(12, nil)))
			frame := forger.read()
			d.requireSigned(frame)
			m, err := pos.Unpack(frame)
			require.NoError(t, err)
			require.Equal(t, "A0", m.Get(39))
		}
		forger.requireClosed()
		require.EqualValues(t, 1, w.Stats().Expelled)
		require.Contains(t, w.log.String(), "too many wrong MACs")
		require.Equal(t, before, w.mem.terminals["10000001"].Session)
		require.Equal(t, "00", c.ask(d.inquiry(13, nil)).Get(39), "the true terminal does not feel it")

		for range 3 {
			require.Equal(t, "A0", c.ask(spoilt(d.undo(14, nil))).Get(39))
		}
		c.requireClosed()
		require.Empty(t, w.mem.all())
		require.Equal(t, "00", p.dial(t).ask(d.inquiry(15, nil)).Get(39), "with the session as it was")
	})
}

// Pipelined, what was read is answered, and over real sockets every answer arrives.
func TestWrongMACsPipelined(t *testing.T) {
	w, c, d := start(t)
	c.send(d.inquiry(10, nil), spoilt(d.inquiry(11, nil)), spoilt(d.debit(12, "", nil)), spoilt(d.undo(13, nil)))
	for _, code := range []string{"00", "A0", "A0", "A0"} {
		require.Equal(t, code, c.receive().Get(39))
	}
	c.requireClosed()
	require.EqualValues(t, 3, w.Stats().Answered["A0"])
}

// The row is one terminal's on one connection, and anything that shows the key breaks it.
func TestWrongMACsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		other := w.newDevice(t, "10000004")
		other.signOn(p.dial(t), pos.NetSignOn)
		wrong := func(c *client, d *device, n int) {
			for range n {
				require.Equal(t, "A0", c.ask(spoilt(d.inquiry(20, nil))).Get(39))
			}
		}
		for _, breaks := range []func(){
			func() { require.Equal(t, "00", c.ask(d.inquiry(21, nil)).Get(39)) },
			func() { require.Equal(t, "00", c.ask(d.undo(22, nil)).Get(39)) },
			func() { require.Equal(t, "P4", c.ask(d.debit(23, "", nil)).Get(39)) },
			func() { d.signOn(c, pos.NetSignOn) },
		} {
			wrong(c, d, 2)
			breaks()
		}
		strange := p.dial(t)
		wrong(strange, d, 2)
		wrong(strange, other, 2)
		wrong(c, d, 2)
		require.Equal(t, "00", c.ask(d.manage(pos.MTINetwork, pos.NetEcho, nil)).Get(39))
		require.Zero(t, w.Stats().Expelled)
		wrong(c, d, 1)
		c.requireClosed()
		wrong(strange, other, 1)
		strange.requireClosed()
		require.EqualValues(t, 2, w.Stats().Expelled)
	})
}

// On a connection that carries others, only the terminal with the wrong MACs is refused, for a minute: A0 whatever its
// F64 says, but for an undo, which is taken when it is authentic (PROTOCOL 1.2). A sign-on ends it.
func TestWrongMACsOnConcentrator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		other := w.newDevice(t, "10000004")
		other.signOn(c, pos.NetSignOn)
		codes := func(c *client) []string {
			return []string{c.ask(d.inquiry(30, nil)).Get(39), c.ask(d.undo(31, nil)).Get(39), c.ask(spoilt(d.undo(32, nil))).Get(39),
				c.ask(other.inquiry(33, nil)).Get(39)}
		}
		bar := func() {
			for range 3 {
				require.Equal(t, "A0", c.ask(spoilt(d.inquiry(20, nil))).Get(39))
			}
		}
		bar()
		require.Equal(t, []string{"A0", "A0", "A0", "00"}, []string{c.ask(d.inquiry(30, nil)).Get(39), c.ask(d.debit(29, "", nil)).Get(39),
			c.ask(spoilt(d.undo(32, nil))).Get(39), c.ask(other.inquiry(33, nil)).Get(39)})
		require.Equal(t, "00", p.dial(t).ask(d.inquiry(30, nil)).Get(39), "on another connection it is served")
		time.Sleep(barredFor - time.Nanosecond)
		require.Equal(t, "A0", c.ask(d.inquiry(30, nil)).Get(39))
		time.Sleep(time.Nanosecond)
		require.Equal(t, []string{"00", "00", "A0", "00"}, codes(c))
		bar()
		require.Equal(t, "00", c.ask(d.undo(31, nil)).Get(39))
		require.Equal(t, "00", c.ask(d.inquiry(30, nil)).Get(39), "it has shown its key")
		bar()
		d.signOn(c, pos.NetSignOn)
		require.Equal(t, []string{"00", "00", "A0", "00"}, codes(c))
		require.Zero(t, w.Stats().Expelled)
	})
}

// Numbers that are only named are not at work: the connection of a forger ends.
func TestForgerCarriesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, _, d := bubble(t)
		c := p.dial(t)
		for _, id := range []string{"10000003", "10000005", "99999999"} {
			c.ask(w.newDevice(t, id).manage(pos.MTINetwork, pos.NetEcho, nil))
			c.ask(w.newDevice(t, id).inquiry(1, nil))
		}
		for range 3 {
			require.Equal(t, "A0", c.ask(spoilt(d.inquiry(20, nil))).Get(39))
		}
		c.requireClosed()
	})
}

// What is kept of wrong MACs is bounded, whatever numbers they name.
func TestDoubtsAreBounded(t *testing.T) {
	r, c := &roster{}, newConn(newServed(), pipeEnd())
	r.init(&c.server.limits)
	for i := range 10 * maxDoubts {
		require.False(t, r.wrong(c, acquirer.TerminalID(fmt.Sprintf("%08d", i)), time.Now()))
	}
	require.Len(t, c.port.doubts, maxDoubts)
	require.Empty(t, r.members)
	last := acquirer.TerminalID(fmt.Sprintf("%08d", 10*maxDoubts-1))
	require.False(t, r.wrong(c, last, time.Now()))
	require.True(t, r.wrong(c, last, time.Now()), "the one that goes on is counted")
}

// newServed is a server that is set up and serves nobody.
func newServed() *Server {
	s := &Server{}
	s.once.Do(s.init)
	return s
}

func pipeEnd() net.Conn {
	near, _ := net.Pipe()
	return near
}
