package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// netWindow is how many bytes may be under way before a writer waits for the reader.
const netWindow = 64 << 10

// netDoom is within how many bytes a direction that is to fail does so: a few messages.
const netDoom = 3000

// netPipe is one direction of a connection.
type netPipe struct {
	net  *simNet
	from string // who dialled
	name string
	fate fate
	doom int64 // the byte at which the direction is reset; 0: none
	hole int64 // the byte from which nothing passes; 0: none

	mu      sync.Mutex
	news    chan struct{} // closed and replaced at each change
	pieces  []netPiece
	under   int       // bytes under way or unread
	sent    int64     // bytes ever written
	tail    time.Time // when the last piece arrives
	fin     time.Time // when the reader meets the end; zero: no end yet
	broken  time.Time // from when on both sides meet a reset; zero: whole
	silent  bool      // the hole was reached
	left    bool      // the reader has closed
	gone    time.Time // from when on the writer knows that
	readBy  time.Time
	writeBy time.Time
}

// netPiece is bytes that arrive together.
type netPiece struct {
	at    time.Time
	bytes []byte
}

func newNetPipe(n *simNet, from, name string, w netWeather) *netPipe {
	p := &netPipe{net: n, from: from, name: name, fate: n.fate.of(name, 0), news: make(chan struct{})}
	if p.fate.of("reset", 0).chance(w.reset) {
		p.doom = 1 + p.fate.of("reset at", 0).below(netDoom)
	}
	if p.fate.of("hole", 0).chance(w.hole) {
		p.hole = 1 + p.fate.of("hole at", 0).below(netDoom)
	}
	return p
}

// changed wakes whoever waits; the lock is held.
func (p *netPipe) changed() {
	close(p.news)
	p.news = make(chan struct{})
}

func (p *netPipe) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed()
}

func (p *netPipe) setReadBy(t time.Time)  { p.change(func() { p.readBy = t }) }
func (p *netPipe) setWriteBy(t time.Time) { p.change(func() { p.writeBy = t }) }

// finish ends the direction behind what was written. A hole swallows the end too.
func (p *netPipe) finish() {
	p.change(func() {
		if p.fin.IsZero() && !p.silent {
			p.fin = p.arrival(p.fate.of("fin", p.sent))
		}
		p.writeBy = time.Unix(1, 0)
	})
}

// leave is the reader's close.
func (p *netPipe) leave() {
	p.change(func() {
		p.left = true
		p.gone = time.Now().Add(p.fate.of("gone", p.sent).between(netFastest, netSlowest))
	})
}

// breakAt resets the direction after d, unless it is to break before.
func (p *netPipe) breakAt(d time.Duration) {
	at := time.Now().Add(d)
	p.change(func() {
		if p.broken.IsZero() || at.Before(p.broken) {
			p.broken = at
		}
	})
}

// arrival is when something written now arrives: a latency from now, and behind all that was written before.
func (p *netPipe) arrival(f fate) time.Time {
	at := time.Now().Add(f.between(netFastest, netSlowest))
	if !at.After(p.tail) {
		at = p.tail.Add(time.Duration(f.below(1000)) | 1)
	}
	p.tail = at
	return at
}

func (p *netPipe) read(b []byte) (int, error) {
	for {
		n, until, news, err := p.tryRead(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		netAwait(news, until)
	}
}

// tryRead takes what is there; until is when to look again if nothing changes before, zero for never.
func (p *netPipe) tryRead(b []byte) (n int, until time.Time, news chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	reset := netPassed(p.broken, now)
	switch {
	case p.left:
		return 0, until, nil, net.ErrClosed
	case netPassed(p.readBy, now):
		return 0, until, nil, os.ErrDeadlineExceeded
	case len(p.pieces) > 0 && !p.pieces[0].at.After(now) && (!reset || p.pieces[0].at.Before(p.broken)):
		return p.take(b), until, nil, nil
	case reset:
		return 0, until, nil, syscall.ECONNRESET
	case len(p.pieces) == 0 && netPassed(p.fin, now):
		return 0, until, nil, io.EOF
	}
	until = netEarliest(p.readBy, p.broken)
	if len(p.pieces) > 0 {
		return 0, netEarliest(until, p.pieces[0].at), p.news, nil
	}
	return 0, netEarliest(until, p.fin), p.news, nil
}

// take reads from the first piece; the lock is held.
func (p *netPipe) take(b []byte) int {
	n := copy(b, p.pieces[0].bytes)
	if p.pieces[0].bytes = p.pieces[0].bytes[n:]; len(p.pieces[0].bytes) == 0 {
		p.pieces = p.pieces[1:]
	}
	p.under -= n
	p.changed()
	return n
}

// write puts b under way; doomed tells that the connection broke over it.
func (p *netPipe) write(b []byte) (n int, doomed bool, err error) {
	for {
		until, news, err := p.mayWrite()
		if err != nil {
			return 0, false, err
		}
		if news == nil {
			return p.put(b)
		}
		netAwait(news, until)
	}
}

// mayWrite returns no news when there is room, and an error when there never will be.
func (p *netPipe) mayWrite() (until time.Time, news chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case netPassed(p.broken, now), netPassed(p.gone, now):
		return until, nil, syscall.ECONNRESET
	case netPassed(p.writeBy, now):
		return until, nil, os.ErrDeadlineExceeded
	case p.under < netWindow:
		return until, nil, nil
	}
	return netEarliest(netEarliest(p.writeBy, p.broken), p.gone), p.news, nil
}

// put cuts b into pieces, each with its own arrival, and has the fault of this byte count happen.
func (p *netPipe) put(b []byte) (n int, doomed bool, err error) {
	w := p.net.weather(p.from)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed()
	f := p.fate.of("write", p.sent)
	frame := netFrame{pipe: p.name, at: time.Now(), bytes: bytes.Clone(b)}
	data := frame.bytes
	if f.of("double", 0).chance(w.double) {
		data, frame.fault = append(data[:len(data):len(data)], data...), "twice"
	}
	whole := len(data)
	if p.doom > 0 && w.reset > 0 && p.sent+int64(whole) >= p.doom {
		data, frame.fault, doomed = data[:max(0, p.doom-p.sent-1)], "reset", true
	}
	if p.silent || p.hole > 0 && w.hole > 0 && p.sent+int64(whole) >= p.hole {
		data, frame.fault, p.silent = nil, "black hole", true
	}
	p.post(f, w, data)
	if len(data) >= whole {
		frame.arrives = p.tail
	}
	if doomed && p.broken.IsZero() {
		p.broken = p.arrival(f.of("broken", 0))
	}
	p.sent += int64(whole)
	p.under += len(data)
	p.report(frame, whole)
	if doomed && f.of("noticed", 0).chance(0.5) {
		return min(len(data), len(b)), true, syscall.ECONNRESET
	}
	return len(b), doomed, nil
}

// post queues data in one piece or several.
func (p *netPipe) post(f fate, w netWeather, data []byte) {
	for i := int64(0); len(data) > 0; i++ {
		n := len(data)
		if g := f.of("split", i); n > 1 && g.chance(w.split) {
			n = 1 + int(g.below(int64(n-1)))
		}
		g := f.of("piece", i)
		at := p.arrival(g)
		if g.of("slow", 0).chance(w.slow) {
			at = at.Add(g.of("held", 0).between(time.Second, w.held))
			p.tail = at
		}
		p.pieces = append(p.pieces, netPiece{at: at, bytes: data[:n]})
		data = data[n:]
	}
}

// report tells of a write.
func (p *netPipe) report(f netFrame, n int) {
	fate := f.fault
	if !f.arrives.IsZero() {
		fate += fmt.Sprintf(" +%v", f.arrives.Sub(f.at))
	}
	p.net.note(fmt.Sprintf("%s %d bytes at %d %s", p.name, n, p.sent-int64(n), fate))
	p.net.tap(f)
}

// netAwait waits for news or until a moment, when there is one.
func netAwait(news <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-news
		return
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	select {
	case <-news:
	case <-ctx.Done():
	}
}

// netPassed reports whether there is a moment and it is over.
func netPassed(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// netEarliest is the first of two moments; zero is none.
func netEarliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
