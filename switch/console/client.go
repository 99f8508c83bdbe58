package console

import "net/netip"

// client is who is counted together: an IPv4 address, or the network of an IPv6 one, of which a peer has many.
type client = netip.Prefix

// clientOf returns the client of a peer's address and port; the zero value is a peer that cannot be told.
func clientOf(addr string) client {
	peer, err := netip.ParseAddrPort(addr)
	if err != nil {
		return client{}
	}
	ip := peer.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return client{}
	}
	return p
}
