package mail

import (
	"context"
	"net"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

func TestNetworkOf(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":           "192.0.2.7/32",
		"::ffff:192.0.2.7":    "192.0.2.7/32",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::/64",
		"2001:db8:1:3::":      "2001:db8:1:3::/64",
	} {
		require.Equal(t, want, networkOf(&net.TCPAddr{IP: net.ParseIP(in)}).String())
	}
	require.Equal(t, "fe80::/64", networkOf(&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}).String())
	require.False(t, networkOf(&net.UnixAddr{}).IsValid())
}

// TestConnectionEnds: no deadline, and none at all, goes behind the end of a connection's life.
func TestConnectionEnds(t *testing.T) {
	end := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)
	c := &conn{end: end}
	require.Equal(t, end, c.clip(time.Time{}))
	require.Equal(t, end, c.clip(end.Add(time.Nanosecond)))
	require.Equal(t, end, c.clip(end))
	require.Equal(t, end.Add(-time.Nanosecond), c.clip(end.Add(-time.Nanosecond)))
}

// gate is an inbox that holds a message until it is let go.
type gate struct {
	entered, free chan struct{}
	desk
}

func (g *gate) Receive(ctx context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	close(g.entered)
	select {
	case <-g.free:
		return g.desk.Receive(ctx, m)
	case <-ctx.Done():
		return acquirer.Reply{}, ctx.Err()
	}
}

// TestEndWaitsForMessagesInHand: a message that was being taken when the switch was asked to end is taken, and its peer is
// told; a connection that says nothing does not hold the end up.
func TestEndWaitsForMessagesInHand(t *testing.T) {
	g := &gate{entered: make(chan struct{}), free: make(chan struct{})}
	c := config(&g.desk)
	c.Inbox = g
	m, err := New(c)
	require.NoError(t, err)
	require.NoError(t, m.Listen())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	idle, err := net.Dial("tcp", m.Addr().String())
	require.NoError(t, err)
	defer func() { _ = idle.Close() }()
	told := make(chan error, 1)
	go func() {
		told <- send(t, m.Addr().String(), "li@mail.example", "register@pay.example", plain("1", "帮助"))
	}()
	<-g.entered
	cancel()
	close(g.free)
	require.NoError(t, <-told)
	require.NoError(t, <-ended)
	in, _ := g.all()
	require.Len(t, in, 1)
	_, _, ok := m.server.begin()
	require.False(t, ok, "no message is taken in hand behind the end")
}
