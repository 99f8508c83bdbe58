package console

import (
	"net/netip"
	"sync"
	"time"
)

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

// budget bounds how often clients may do something: each has a bucket of so many, which fills again. When too many
// clients are about, those who come later share one bucket, so that the table stays small and who is known keeps its own.
type budget struct {
	burst  float64
	refill float64 // a second

	mu      sync.Mutex
	clients map[client]*bucket
	others  *bucket
}

// bucket is what is left, and since when.
type bucket struct {
	left float64
	at   time.Time
}

func newBudget(burst int, refillPerSecond float64) *budget {
	return &budget{burst: float64(burst), refill: refillPerSecond, clients: make(map[client]*bucket),
		others: &bucket{left: float64(burst), at: time.Now()}}
}

// take takes one from the client's bucket; false: it is empty.
func (b *budget) take(c client) bool { return b.use(c, 1) }

// empty reports whether the client's bucket is empty, and takes nothing.
func (b *budget) empty(c client) bool { return !b.use(c, 0) }

func (b *budget) use(c client, n float64) bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.find(c, now)
	b.fill(k, now)
	if k.left < 1 {
		return false
	}
	k.left -= n
	return true
}

// find returns the bucket of a client, or the one of all others.
func (b *budget) find(c client, now time.Time) *bucket {
	if k, ok := b.clients[c]; ok {
		return k
	}
	if len(b.clients) >= maxClients {
		b.forget(now)
	}
	if len(b.clients) >= maxClients {
		return b.others
	}
	k := &bucket{left: b.burst, at: now}
	b.clients[c] = k
	return k
}

// forget drops the clients whose buckets are full again: they are as if they had never come.
func (b *budget) forget(now time.Time) {
	for c, k := range b.clients {
		if b.fill(k, now); k.left >= b.burst {
			delete(b.clients, c)
		}
	}
}

// fill puts in what has come since the last time. A clock that goes back puts nothing in and takes nothing out.
func (b *budget) fill(k *bucket, now time.Time) {
	if d := now.Sub(k.at); d > 0 {
		k.left = min(b.burst, k.left+d.Seconds()*b.refill)
	}
	k.at = now
}
