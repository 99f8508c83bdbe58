package terminal

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
)

// Row 24. Connections of one address in a second and at a time; others do not feel it.
func TestAddresses(t *testing.T) {
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	now := time.Minute
	var a addresses
	a.init(Limits{PerAddress: 6, AcceptsPerSecond: 4})
	for i, v := range []struct {
		after time.Duration // the step before
		leave int           // connections that end first
		from  netip.Addr
		ok    bool
	}{
		{0, 0, one, true}, {0, 0, one, true}, {0, 0, one, true}, {0, 0, one, true},
		{0, 0, one, false}, // the fifth at once
		{0, 0, two, true},
		{time.Second/4 - 1, 0, one, false},
		{1, 0, one, true},
		{0, 0, one, false},
		{time.Second, 0, one, true},
		{time.Second, 0, one, false}, // the seventh at a time
		{0, 1, one, true},
		{0, 1, one, true},
		{0, 1, one, true},
		{0, 1, one, true},
		{0, 1, one, false},
	} {
		now += v.after
		for range v.leave {
			a.leave(v.from, now)
		}
		require.Equal(t, v.ok, a.enter(v.from, now), "step %d", i)
	}
	for range 6 {
		a.leave(one, now+time.Minute)
	}
	a.leave(two, now+time.Minute)
	require.Empty(t, a.known, "an address that has gone leaves nothing")
}

// Any number of addresses takes a bounded table, and none of them is refused for another's sake.
func TestAddressesAreBounded(t *testing.T) {
	now := time.Minute
	var a addresses
	a.init(Limits{AcceptsPerSecond: 1})
	for i := range 3 * maxAddresses {
		from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		require.True(t, a.enter(from, now))
		a.leave(from, now)
		require.LessOrEqual(t, len(a.known), maxAddresses)
	}
	require.Len(t, a.known, maxAddresses)
	require.False(t, a.enter(netip.AddrFrom4([4]byte{10, 0, 0, 1}), now), "one that is watched")
	now += 2 * time.Second
	require.True(t, a.enter(netip.AddrFrom4([4]byte{11, 0, 0, 1}), now))
	require.Len(t, a.known, 1, "those that say nothing have made room")
}

// An IPv6 address counts by its network, an IPv4 address inside one as itself.
func TestAddressOf(t *testing.T) {
	for _, v := range []struct{ peer, want string }{
		{"192.0.2.1:1000", "192.0.2.1"},
		{"[::ffff:192.0.2.1]:1000", "192.0.2.1"},
		{"[2001:db8:1:2:3:4:5:6]:1000", "2001:db8:1:2::"},
		{"[2001:db8:1:2::9]:7", "2001:db8:1:2::"},
		{"[2001:db8:1:3::9]:7", "2001:db8:1:3::"},
		{"[fe80::1%eth0]:7", "fe80::"},
	} {
		peer := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(v.peer))
		require.Equal(t, v.want, addressOf(from{peer: peer}).String())
	}
	require.False(t, addressOf(pipeEnd()).IsValid())
}

// from is a connection from an address.
type from struct {
	net.Conn
	peer net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.peer }

// Over real sockets: what is over the rate is closed at once and counted; by default 2,000 from one address are served.
func TestAcceptsPerSecond(t *testing.T) {
	w := newWorld(t, func(w *world) { w.Limits.AcceptsPerSecond = 1 })
	addr := w.listen(t)
	d := w.newDevice(t, "10000001")
	first := dial(t, addr)
	require.Equal(t, "00", first.ask(d.manage(pos.MTISignOn, pos.NetSignOn, nil)).Get(39))
	refused := 0
	for begin := time.Now(); refused == 0 && time.Since(begin) < time.Minute; {
		c := dial(t, addr)
		_ = c.nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.nc.Read(make([]byte, 1)); !timedOut(err) {
			refused++
		}
	}
	require.EqualValues(t, refused, w.Stats().Refused)
	require.Equal(t, "00", first.ask(d.manage(pos.MTINetwork, pos.NetEcho, nil)).Get(39))

	w = newWorld(t)
	addr = w.listen(t)
	for i := range 2_000 {
		c := dial(t, addr)
		require.Equal(t, "00", c.ask(d.manage(pos.MTINetwork, pos.NetEcho, nil)).Get(39), fmt.Sprint(i))
	}
	require.EqualValues(t, 2_000, w.Stats().Open)
	require.Zero(t, w.Stats().Refused)
}

// The kernel holds little for a peer that does not read, over TLS too: Linux takes twice what it is asked for.
func TestSendBuffer(t *testing.T) {
	cert, key := certificate(t)
	secure, err := ListenTLS("127.0.0.1:0", cert, key)
	require.NoError(t, err)
	w := newWorld(t)
	w.serve(t, secure)
	dial(t, w.listen(t))
	dial(t, secure.Addr().String())
	requireSoon(t, func() bool { return w.Stats().Open == 2 })
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		nc := c.nc
		if s, ok := nc.(*tls.Conn); ok {
			nc = s.NetConn()
		}
		raw, err := nc.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) {
			size, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
			require.NoError(t, err)
			require.LessOrEqual(t, size, 2*Limits{}.WithDefaults().SendBuffer)
		}))
	}
}
