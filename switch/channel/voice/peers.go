package voice

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// known reports whether an address is that of the proxy or of a peer.
func (v *Voice) known(a netip.Addr) bool {
	a = a.Unmap()
	if p := v.proxy.Load(); p != nil && p.Addr() == a {
		return true
	}
	for _, network := range v.config.Peers {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

func (v *Voice) knownAddr(a net.Addr) bool {
	at, err := netip.ParseAddrPort(a.String())
	return err == nil && v.known(at.Addr())
}

// filter drops what comes from strangers before it is parsed, or remembered.
func (v *Voice) filter(from sip.TransportReadProps, data []byte) ([]byte, error) {
	if !v.knownAddr(from.RemoteAddr) || len(data) > maxMessage {
		return nil, nil
	}
	return data, nil
}

// doorman accepts connections of peers only, and not too many at one time.
type doorman struct {
	net.Listener
	voice *Voice
	life  context.Context
	open  atomic.Int32
}

// Accept implements [net.Listener].
func (d *doorman) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil { // no descriptor is free; calls over UDP go on
			if !pause(d.life, acceptPause) {
				return nil, net.ErrClosed
			}
			continue
		}
		if d.voice.knownAddr(c.RemoteAddr()) && d.open.Load() < maxConnections {
			d.open.Add(1)
			return &counted{Conn: c, open: &d.open}, nil
		}
		_ = c.Close() // nothing was said on it
	}
}

// pause waits; false: ctx is over.
func pause(ctx context.Context, d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// counted is a connection that gives its place back.
type counted struct {
	net.Conn
	open   *atomic.Int32
	closed atomic.Bool
}

// Close implements [net.Conn].
func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}
