package rtp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// Ports is a range of UDP ports for the sound of calls. Each call takes an even one; the odd one above it is left free for RTCP,
// which is not used (RFC 3550, 11). It is safe for concurrent use.
type Ports struct {
	host        netip.Addr
	first, last int // 0, 0: whatever the system gives
	mu          sync.Mutex
	next        int
}

// NewPorts returns the ports first to last at an address; 0, 0: any free one.
func NewPorts(host netip.Addr, first, last int) *Ports {
	first += first & 1
	return &Ports{host: host, first: first, last: last, next: first}
}

// ErrNoPort says that every port of the range is taken.
var ErrNoPort = errors.New("no port is free for sound")

// listen opens the next free port.
func (p *Ports) listen() (*net.UDPConn, error) {
	if p.first == 0 {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.host, 0)))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed error
	for range (p.last-p.first)/2 + 1 {
		port := p.next
		if p.next += 2; p.next > p.last {
			p.next = p.first
		}
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.host, uint16(port))))
		if err == nil {
			return c, nil
		}
		failed = err
	}
	return nil, fmt.Errorf("%w: %w", ErrNoPort, failed)
}
