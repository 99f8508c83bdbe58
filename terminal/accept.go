package terminal

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// ListenTLS opens a listener for TLS 1.2 or later with a certificate and its key from PEM files; the frames inside are
// those of a plain line. The caller gives it to [Server.Serve], which closes it.
func ListenTLS(addr, certFile, keyFile string) (net.Listener, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("terminals' certificate: %w", err)
	}
	return tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
}

// rest waits after a failed accept, longer each time in a row, and returns how long it was.
func (s *Server) rest(last time.Duration, cause error) time.Duration {
	if last == 0 {
		s.Log.Error().Err(cause).Msg("accepting terminals fails; trying again")
	}
	pause := min(max(2*last, acceptFirst), acceptMax)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closed:
	}
	return pause
}

// admit starts to serve a connection, or closes it when a cap is reached.
func (s *Server) admit(nc net.Conn) {
	c := newConn(s, nc)
	if s.limits.PerAddress > 0 || s.limits.AcceptsPerSecond > 0 {
		c.addr = addressOf(nc)
	}
	if s.bound(nc) == nil && s.register(c) {
		return
	}
	s.counters.refused.Add(1)
	s.noisy.Warn().Stringer("peer", nc.RemoteAddr()).Msg("connection refused: too many, or shutting down")
	c.abort()
}

// bound keeps the kernel from taking megabytes of answers for a peer that does not read. An error means that the peer has
// gone.
func (s *Server) bound(nc net.Conn) error {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		return tcp.SetWriteBuffer(s.limits.SendBuffer)
	}
	return nil
}

// register counts a connection in and starts its reader, unless a cap is reached or the server is shutting down.
func (s *Server) register(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() || len(s.conns) >= s.limits.MaxConnections {
		return false
	}
	if c.addr.IsValid() && !s.addresses.enter(c.addr, s.age()) {
		return false
	}
	s.conns[c] = struct{}{}
	s.counters.accepted.Add(1)
	s.counters.open.Add(1)
	s.work.Go(c.serve)
	return true
}

// forget counts a connection out.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.counters.open.Add(-1)
	if c.addr.IsValid() {
		s.addresses.leave(c.addr, s.age())
	}
}
