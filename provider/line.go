package provider

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// line is one configured address. It has one link after the other.
type line struct {
	index int
	addr  string
	link  atomic.Pointer[link] // the one that is signed on, or nil
}

// runLine keeps a link up until ctx ends.
func (n *Network) runLine(ctx context.Context, ln *line) {
	for try := 0; ctx.Err() == nil; try++ {
		signedOn, err := n.session(ctx, ln)
		if signedOn {
			try = 0
		}
		if ctx.Err() != nil {
			return
		}
		d := n.backOff(ln, try)
		n.log.Warn().Str("link", ln.addr).Err(err).Dur("pause", d).Msg("no link to the host")
		n.counts.reconnects.Add(1)
		pause(ctx, d)
	}
}

// session is the life of one link: dialled, signed on, in use, ended. It returns why it ended.
func (n *Network) session(ctx context.Context, ln *line) (signedOn bool, err error) {
	l, err := n.dial(ctx, ln.addr)
	if err != nil {
		return false, err
	}
	var wg sync.WaitGroup
	wg.Go(func() { l.serve(ctx) })
	defer wg.Wait()
	defer l.hangUp()
	if err := n.signOn(ctx, l); err != nil {
		return false, err
	}
	ln.link.Store(l)
	defer ln.link.Store(nil)
	n.log.Info().Str("link", ln.addr).Msg("signed on")
	n.zone.noteLink()
	return true, n.keepAwake(ctx, l)
}

// dial opens a link.
func (n *Network) dial(ctx context.Context, addr string) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, n.limits.Dial)
	defer cancel()
	c, err := n.config.Dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("dialling: %w", err)
	}
	return n.newLink(addr, c)
}

// signOn makes the host take debits on a link (0820, F70 = 001).
func (n *Network) signOn(ctx context.Context, l *link) error {
	code, err := l.exchange(ctx, n.encodeNetwork(cups.NetSignOn))
	if err == nil && code != acquirer.CodeApproved {
		err = fmt.Errorf("host answered %s", code)
	}
	if err != nil {
		return fmt.Errorf("signing on: %w", err)
	}
	return nil
}

// keepAwake sends an echo from time to time (0820, F70 = 301) until the link or ctx ends. A link whose echo is not
// answered ends by Limits.Silence; one whose echo is refused has to sign on again.
func (n *Network) keepAwake(ctx context.Context, l *link) error {
	tick := time.NewTicker(n.limits.Echo)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.ended:
			return errors.New("link was cut")
		case <-ctx.Done():
			return ctx.Err()
		}
		code, err := l.exchange(ctx, n.encodeNetwork(cups.NetEcho))
		if err == nil && code != acquirer.CodeApproved {
			return fmt.Errorf("echo was answered %s", code)
		}
	}
}

// backOff is the pause before the try-th dial in a row, from 0: 1, 2, 4 ... 30 s, spread by a tenth. The spread is a
// hash of line and try, so that a run can be repeated exactly and two links do not come back in the same instant.
func (n *Network) backOff(ln *line, try int) time.Duration {
	d := n.limits.RetryMax
	if try < 16 {
		d = min(n.limits.RetryFirst<<try, n.limits.RetryMax)
	}
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%s/%d/%d", ln.addr, ln.index, try) // a hash takes every write
	return d - d/10 + time.Duration(h.Sum32()%200)*d/1000
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
