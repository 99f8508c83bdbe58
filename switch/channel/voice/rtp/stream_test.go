package rtp

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

func testConfig() Config {
	high := func(s int16) byte { return byte(uint16(s) >> 8) }
	return Config{Ports: NewPorts(loopback, 0, 0), Encode: map[byte]func(int16) byte{PCMU: high, PCMA: high}, Silence: time.Minute,
		Chance: func() uint64 { return 0x0123456789ABCDEF }}
}

// far is the other side: a plain socket.
type far struct {
	*testing.T
	conn   *net.UDPConn
	stream *Stream
	seq    uint16
}

func newFar(t *testing.T, c Config, from string) *far {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from+":0")))
	require.NoError(t, err)
	s, err := Open(c)
	require.NoError(t, err)
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.Turn(Description{To: at, Laws: []byte{PCMA}, Keys: 101})
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, conn.Close())
	})
	return &far{t, conn, s, 0}
}

func (f *far) read() packet {
	f.Helper()
	require.NoError(f, f.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	b := make([]byte, 2048)
	n, err := f.conn.Read(b)
	require.NoError(f, err)
	p, err := parsePacket(b[:n])
	require.NoError(f, err)
	return p
}

func (f *far) press(code byte) {
	f.Helper()
	f.seq++
	_, err := f.conn.WriteToUDPAddrPort(event(code, f.seq, uint32(f.seq)*1000, true).append(nil), f.stream.At())
	require.NoError(f, err)
}

// Sound goes without a gap: silence, what is played in whole frames, silence again.
func TestStreamSends(t *testing.T) {
	f := newFar(t, testConfig(), "127.0.0.1")
	f.stream.Start()
	f.stream.Start()
	first := f.read()
	require.True(t, first.marker)
	done := make(chan error, 1)
	samples := make([]int16, 3*frameSamples-1)
	for i := range samples {
		samples[i] = 0x4200
	}
	go func() { done <- f.stream.Play(t.Context(), samples) }()
	last, loud := first, 0
	for ended := false; !ended || loud == 0; {
		p := f.read()
		require.False(t, p.marker)
		require.Equal(t, last.seq+1, p.seq)
		require.Equal(t, []any{byte(PCMA), first.source, frameSamples}, []any{p.kind, p.source, len(p.payload)})
		require.Zero(t, (p.time-last.time)%uint32(frameSamples))
		for _, b := range p.payload {
			if b == 0x42 {
				loud++
			}
		}
		last = p
		ended = p.payload[0] == 0 && loud > 0
	}
	require.Equal(t, len(samples), loud)
	require.NoError(t, <-done)
}

func TestKeyStopsPlay(t *testing.T) {
	f := newFar(t, testConfig(), "127.0.0.1")
	f.stream.Start()
	done := make(chan error, 1)
	go func() { done <- f.stream.Play(t.Context(), make([]int16, 60*Rate)) }()
	f.read()
	f.press(7)
	require.NoError(t, <-done)
	require.NoError(t, f.stream.Play(t.Context(), make([]int16, 60*Rate)), "a key waits")
	require.Equal(t, byte('7'), <-f.stream.Keys())
	ctx, stop := context.WithCancel(t.Context())
	go func() { done <- f.stream.Play(ctx, make([]int16, 60*Rate)) }()
	f.read()
	stop()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, f.stream.Play(t.Context(), nil), "nothing takes no time")
}

// Whoever found the port presses no keys, and a caller who floods fills no memory.
func TestStrangerAndFlood(t *testing.T) {
	f := newFar(t, testConfig(), "127.0.0.1")
	stranger, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.2:0")))
	require.NoError(t, err)
	defer func() { require.NoError(t, stranger.Close()) }()
	f.stream.Start()
	for i := range 3 {
		_, err = stranger.WriteToUDPAddrPort(event(9, uint16(i), uint32(i)*1000, true).append(nil), f.stream.At())
		require.NoError(t, err)
		_, err = f.conn.WriteToUDPAddrPort([]byte("no packet"), f.stream.At())
		require.NoError(t, err)
	}
	f.press(1)
	require.Equal(t, byte('1'), <-f.stream.Keys())
	for range 2 * maxKeys {
		f.press(2)
	}
	require.Eventually(t, func() bool { return len(f.stream.Keys()) == maxKeys }, 10*time.Second, time.Millisecond)
}

func TestSilence(t *testing.T) {
	c := testConfig()
	c.Silence = 100 * time.Millisecond
	f := newFar(t, c, "127.0.0.1")
	f.stream.Start()
	select {
	case <-f.stream.Gone():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was missed")
	}
	quiet := newFar(t, c, "127.0.0.1")
	quiet.stream.Turn(Description{To: quiet.conn.LocalAddr().(*net.UDPAddr).AddrPort(), Laws: []byte{PCMU}, Quiet: true})
	quiet.stream.Start()
	for range 20 {
		require.Equal(t, byte(PCMU), quiet.read().kind)
	}
	select {
	case <-quiet.stream.Gone():
		t.Fatal("who says that he sends nothing is not missed")
	default:
	}
}

// On hold nothing is sent, and what is being said waits.
func TestHold(t *testing.T) {
	f := newFar(t, testConfig(), "127.0.0.1")
	at := f.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	f.stream.Turn(Description{To: at, Laws: []byte{PCMA}, Mute: true})
	f.stream.Start()
	done := make(chan error, 1)
	go func() { done <- f.stream.Play(t.Context(), make([]int16, frameSamples)) }()
	require.NoError(t, f.conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, err := f.conn.Read(make([]byte, 10))
	require.Error(t, err)
	require.Empty(t, done)
	f.stream.Turn(Description{To: at, Laws: []byte{PCMA}})
	f.read()
	require.NoError(t, <-done)
}

func TestPorts(t *testing.T) {
	free, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	require.NoError(t, err)
	first := free.LocalAddr().(*net.UDPAddr).Port
	require.NoError(t, free.Close())
	p := NewPorts(loopback, first, first+5)
	var held []*net.UDPConn
	for {
		c, err := p.listen()
		if err != nil {
			require.ErrorIs(t, err, ErrNoPort)
			break
		}
		require.Zero(t, c.LocalAddr().(*net.UDPAddr).Port%2)
		held = append(held, c)
		require.LessOrEqual(t, len(held), 3)
	}
	require.NotEmpty(t, held)
	port := held[0].LocalAddr().(*net.UDPAddr).Port
	require.NoError(t, held[0].Close())
	again, err := p.listen()
	require.NoError(t, err, "the range is begun anew")
	require.Equal(t, port, again.LocalAddr().(*net.UDPAddr).Port)
	for _, c := range append(held[1:], again) {
		require.NoError(t, c.Close())
	}
	c := testConfig()
	c.Ports = NewPorts(netip.MustParseAddr("192.0.2.1"), 20000, 20002)
	_, err = Open(c)
	require.ErrorIs(t, err, ErrNoPort)
}
