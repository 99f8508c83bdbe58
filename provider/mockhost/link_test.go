package mockhost

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/cups"
)

func TestStrictHeaders(t *testing.T) {
	for _, v := range []struct {
		code   string
		change func([]byte)
	}{
		{"00015", func(f []byte) { f[0] = 45 }},
		{"00025", func(f []byte) { f[1] = 0x03 }},
		{"00035", func(f []byte) { copy(f[2:6], "0123") }},
		{"00035", func(f []byte) { copy(f[2:6], "95  ") }},
		{"00045", func(f []byte) { copy(f[6:], "00020000") }},
		{"00055", func(f []byte) { copy(f[17:], "1234567 ") }},
		{"00055", func(f []byte) { copy(f[17:], "11110000") }},
	} {
		c := start(t, func(c *Config) { c.Strict, c.Institutions = true, []string{member} }).link()
		m := cups.New("0820")
		m.SetHeader(cups.NewHeader(CentreID, member))
		m.Set(7, "1124120000")
		m.Set(11, c.next())
		m.Set(33, member)
		m.Set(70, "301")
		good, err := m.Pack()
		require.NoError(t, err)
		bad := bytes.Clone(good)
		v.change(bad)
		c.sendRaw(cups.AppendFrame(nil, bad))
		frame := c.receiveFrame()
		h, err := cups.ParseHeader(frame)
		require.NoError(t, err)
		require.Equal(t, v.code, h.Reject)
		require.Equal(t, len(frame), h.Total)
		require.Equal(t, CentreID, h.Source)
		require.Equal(t, strings.TrimRight(string(bad[17:28]), " "), h.Dest)
		require.Equal(t, bad, frame[cups.HeaderLen:])
		c.sendRaw(cups.AppendFrame(nil, good))
		require.Equal(t, "00", c.receive().Get(39))
		good[1] |= 0x80 // test traffic
		c.sendRaw(cups.AppendFrame(nil, good))
		require.Equal(t, "00", c.receive().Get(39))
	}
}

func TestLaxHeaders(t *testing.T) {
	c := start(t, nil).link()
	m := cups.New("0820")
	m.SetHeader(cups.NewHeader("99999999", member))
	m.Set(7, "1124120000")
	m.Set(11, c.next())
	m.Set(33, member)
	m.Set(70, "301")
	frame, err := m.Pack()
	require.NoError(t, err)
	copy(frame[2:6], "0001")
	c.sendRaw(cups.AppendFrame(nil, frame))
	a := c.receive()
	require.Equal(t, "00", a.Get(39))
	require.Equal(t, "99999999", a.Header().Source)
}

func TestRejectedMessageIsNoRequest(t *testing.T) {
	for _, strict := range []bool{false, true} {
		c := start(t, func(c *Config) { c.Strict = strict }).client()
		m := c.seal(c.newDebit(payer, 100))
		h := m.Header()
		h.Reject = "00045"
		m.SetHeader(h)
		c.send(m)
		require.Equal(t, "00", c.manage("301", "").Get(39))
	}
}

func TestBadFramesCloseALink(t *testing.T) {
	r := start(t, nil)
	c, other := r.client(), r.client()
	broken := append(bytes.Repeat([]byte{'x'}, 60), "0820"...)
	broken[0] = cups.HeaderLen
	copy(broken[41:], "00000")
	frame := cups.AppendFrame(nil, broken)
	c.sendRaw(frame)
	c.sendRaw(frame)
	require.Equal(t, "00", c.manage("301", "").Get(39), "a good one in between")
	c.sendRaw(bytes.Repeat(frame, 3))
	_, err := c.read(time.Second)
	requireEOF(t, err)
	require.Equal(t, "00", other.debit(payer, 100).Get(39))
}

func TestBadLengthClosesALink(t *testing.T) {
	r := start(t, nil)
	for _, prefix := range []string{"00x0", "9999", "0045", "-001"} {
		c := r.link()
		c.sendRaw([]byte(prefix))
		_, err := c.read(time.Second)
		requireEOF(t, err)
	}
}

func TestSlowPeersAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		begun := r.link()
		begun.sendRaw([]byte("0095" + "x"))
		_, err := begun.read(FrameTimeout + time.Second)
		requireEOF(t, err)

		idle := r.link()
		for range 3 {
			time.Sleep(IdleTimeout - time.Second)
			idle.sendRaw([]byte("0000"))
		}
		_, err = idle.read(IdleTimeout + time.Second)
		requireEOF(t, err)

		deaf := r.client()
		well := r.another(deaf)
		for range 3 {
			deaf.send(deaf.seal(deaf.newDebit(payer, 100)))
		}
		time.Sleep(WriteTimeout + time.Second)
		_, err = deaf.read(time.Second)
		requireEOF(t, err)
		require.Equal(t, "00", well.debit(payer, 100).Get(39))
		require.EqualValues(t, 400, r.account(payer).HeldFen)
	})
}

// flakyListener fails between connections.
type flakyListener struct {
	*pipeListener
	fails int
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.fails > 0 {
		l.fails--
		return nil, errors.New("too many open files")
	}
	return l.pipeListener.Accept()
}

func TestAcceptSurvivesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		flaky := &flakyListener{newPipeListener(), 10}
		served := make(chan error, 1)
		go func() { served <- r.Serve(flaky) }()
		conn, err := flaky.dial()
		require.NoError(t, err)
		c := &client{t: t, conn: conn, seq: new(int)}
		require.Equal(t, "00", c.manage("301", "").Get(39))
		require.NoError(t, conn.Close())
		require.NoError(t, flaky.Close())
		require.ErrorIs(t, <-served, net.ErrClosed)
	})
}

func TestLinksAreBounded(t *testing.T) {
	r := start(t, nil)
	for range MaxLinks {
		r.link()
	}
	_, err := r.link().read(time.Second)
	requireEOF(t, err)
}

func TestShutdownSendsWhatIsReady(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	c.send(c.seal(c.newDebit(payer, 100)))
	done := make(chan error, 1)
	require.Eventually(t, func() bool { return r.totals().Debits == 1 }, time.Second, time.Millisecond)
	go func() { done <- r.Shutdown(shortContext(t)) }()
	require.Equal(t, "00", c.receive().Get(39))
	require.NoError(t, <-done)
	_, err := c.read(time.Second)
	requireEOF(t, err)
	require.ErrorIs(t, r.Serve(newPipeListener()), ErrClosed)
}

func TestShutdownDropsWhatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		c := r.client()
		c.send(c.seal(c.newDebit(payer, 9802)))
		synctest.Wait()
		begun := time.Now()
		require.NoError(t, r.Shutdown(t.Context()))
		require.Less(t, time.Since(begun), time.Second)
	})
}

func TestShutdownWithImpatience(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	c.send(c.seal(c.newDebit(payer, 100)))
	c.send(c.seal(c.newDebit(payer, 100))) // nobody reads the answers
	ctx := shortContext(t)
	require.Eventually(t, func() bool { return r.totals().Debits == 2 }, time.Second, time.Millisecond)
	short, cancel := timeoutContext(ctx, 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Shutdown(short), short.Err())
}
