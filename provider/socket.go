package provider

import (
	"net"
	"sync"
	"time"
)

// socket stands between the library and a connection. Every write and every read has a deadline. Close does not
// close: the library calls it as soon as one write failed, when answers may still stand in the receive buffer. It
// only sees to it that reading ends soon; whoever reads to the end calls shut.
type socket struct {
	net.Conn
	limits Limits
	mu     sync.Mutex
	last   time.Time // when reading ends, however long the host may take; zero while the link is in use
}

// Write sends p whole or ends the link.
func (s *socket) Write(p []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(s.limits.Write)); err != nil {
		return 0, err
	}
	return s.Conn.Write(p)
}

// Close lets what has arrived be read for Limits.Linger more.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.IsZero() {
		s.last = time.Now().Add(s.limits.Linger)
	}
	return s.SetReadDeadline(s.last)
}

// shut closes the connection: a read and a write under way end with an error.
func (s *socket) shut() error { return s.Conn.Close() }

// expect says how long the next bytes may take.
func (s *socket) expect(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now().Add(d)
	if !s.last.IsZero() && s.last.Before(at) {
		at = s.last
	}
	return s.SetReadDeadline(at)
}
