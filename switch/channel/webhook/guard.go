package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// forbidden are the networks that are nobody's on the public Internet (IANA's registries of special addresses), and those
// that carry another address inside them, behind which anything may stand.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this host
	netip.MustParsePrefix("10.0.0.0/8"),      // private
	netip.MustParsePrefix("100.64.0.0/10"),   // behind a carrier's translation
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local, and the clouds' metadata
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("198.18.0.0/15"),   // measurements
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast

	netip.MustParsePrefix("2001::/23"),     // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"), // documentation
	netip.MustParsePrefix("2002::/16"),     // 6to4
	netip.MustParsePrefix("3fff::/20"),     // documentation
}

// global is the part of IPv6 that is given out; everything outside it is loopback, link-local, private, translation or
// reserved.
var global = netip.MustParsePrefix("2000::/3")

// forbiddenError is the error of an address that must not be called. It does not say which.
type forbiddenError struct{}

func (*forbiddenError) Error() string { return "receiver is not on the public Internet" }

// permit reports whether an address may be called.
func (w *Webhook) permit(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range w.Allow {
		if p.Contains(a) {
			return true
		}
	}
	if !a.IsValid() || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range forbidden {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// dial connects to a name or an address. Every address of the name must be permitted, and the one that is connected to is
// looked at once more by the socket itself: whatever a resolver says between two questions, nothing else is reached.
func (w *Webhook) dial(ctx context.Context, network, hostport string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	addrs, err := w.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if !w.permit(a) {
			return nil, &forbiddenError{}
		}
	}
	d := w.dialer()
	var failed error
	for _, a := range addrs {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// resolve returns the addresses of a host, at least one.
func (w *Webhook) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	ctx, stop := context.WithTimeout(ctx, w.Limits.Resolve)
	defer stop()
	addrs, err := w.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// dialer makes what opens sockets.
func (w *Webhook) dialer() *net.Dialer {
	return &net.Dialer{Timeout: w.Limits.Connect, Control: w.control}
}

// control is called with the address that a socket is about to connect to.
func (w *Webhook) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address of a socket: %w", err)
	}
	if !w.permit(a.Addr()) {
		return &forbiddenError{}
	}
	return nil
}
