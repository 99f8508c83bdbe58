package portal

import (
	"net"
	"sync"
)

// boundedListener accepts a bounded number of connections at a time and closes others unread.
type boundedListener struct {
	net.Listener
	places chan struct{}
}

func bounded(l net.Listener) net.Listener {
	return &boundedListener{Listener: l, places: make(chan struct{}, maxConnections)}
}

// Accept returns the next connection for which there is a place.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &placed{Conn: c, of: l}, nil
		default:
			_ = c.Close() // nothing was written to it that could be lost
		}
	}
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	of   *boundedListener
	once sync.Once
}

// Close gives the place back, the first time.
func (c *placed) Close() error {
	c.once.Do(func() { <-c.of.places })
	return c.Conn.Close()
}
