package terminal

import (
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
)

// pipes is a listener whose connections exist in memory, so that they live in a synctest bubble and their deadlines take
// no time. Errors given to fail come out of Accept.
type pipes struct {
	conns chan net.Conn
	fail  chan error
	end   chan struct{}
	once  sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), fail: make(chan error, 100), end: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case err := <-p.fail:
		return nil, &net.OpError{Op: "accept", Err: err}
	default:
	}
	select {
	case c := <-p.conns:
		return c, nil
	case err := <-p.fail:
		return nil, &net.OpError{Op: "accept", Err: err}
	case <-p.end:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.end) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// dial connects; the connection is accepted when it returns.
func (p *pipes) dial(t testing.TB) *client {
	t.Helper()
	near, far := net.Pipe()
	p.conns <- far
	return newClient(t, near)
}

// bubble gives a world that is served in memory, a connection and a terminal that is signed on. Call it within a
// synctest bubble.
func bubble(t testing.TB, options ...func(*world)) (*world, *pipes, *client, *device) {
	t.Helper()
	w, p := newWorld(t, options...), newPipes()
	w.serve(t, p)
	c := p.dial(t)
	d := w.newDevice(t, "10000001")
	d.signOn(c, pos.NetSignOn)
	return w, p, c, d
}

var _ net.Listener = (*pipes)(nil)

// emfile is what accept reports when the process has no file descriptor left.
const emfile = syscall.EMFILE

func TestPipesFail(t *testing.T) {
	p := newPipes()
	p.fail <- emfile
	_, err := p.Accept()
	require.ErrorIs(t, err, emfile)
	require.NoError(t, p.Close())
	_, err = p.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}
