package sms

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The ways in which a link ends.
var (
	errDown    = errors.New("link is down")
	errGoodbye = errors.New("centre unbound")
	errSilent  = errors.New("centre is silent")
)

// link is one connection on which the centre has taken the log-in. It is made by bind and lives in run.
type link struct {
	conn    net.Conn
	read    *bufio.Reader
	dialect Dialect
	limits  Limits
	numbers atomic.Uint32

	out    chan []byte   // frames for the writer; nil is the last: the connection ends behind it
	window chan struct{} // a place for each submit without an answer
	down   chan struct{} // closed at the end
	parted chan struct{} // closed when the goodbye was answered, or nothing will come any more
	once   sync.Once     // closes parted

	mu      sync.Mutex
	ended   bool
	life    sync.WaitGroup // all that run started; the flights
	pending map[uint32]*flight
	flying  map[flightKey]*flight
}

// bind makes conn a link, or closes it. ctx ends it too.
func bind(ctx context.Context, conn net.Conn, p Protocol, limits Limits) (*link, error) {
	l := &link{conn: conn, read: bufio.NewReader(conn), limits: limits, out: make(chan []byte, outQueue),
		window: make(chan struct{}, limits.Window), down: make(chan struct{}), parted: make(chan struct{}),
		pending: map[uint32]*flight{}, flying: map[flightKey]*flight{}}
	l.numbers.Store(1)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err := l.login(p)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close() // what went wrong before counts
		return nil, fmt.Errorf("bind refused or closed: %w", err)
	}
	return l, nil
}

func (l *link) login(p Protocol) (err error) {
	if err := l.conn.SetDeadline(time.Now().Add(l.limits.Bind)); err != nil {
		return err
	}
	if l.dialect, err = p.Login(l.conn, l.read); err != nil {
		return err
	}
	return l.conn.SetDeadline(time.Time{})
}

// next returns a number for a frame: 2 to 0x7FFFFFFF, and round again.
func (l *link) next() uint32 {
	return (l.numbers.Add(1)-2)%(1<<31-2) + 2
}

// run keeps the link until ctx ends or it breaks; then everything it started has ended and every waiting submit has got
// errDown. deliver is called for each delivery and must not wait; quit just before the goodbye is sent.
func (l *link) run(ctx context.Context, deliver func(Delivery), quit func()) error {
	ends := make(chan error, 3)
	l.life.Go(func() { ends <- l.reader(deliver) })
	l.life.Go(func() { ends <- l.writer() })
	l.life.Go(func() { l.keeper() })
	var err error
	select {
	case <-ctx.Done():
		err = l.leave(quit)
	case err = <-ends:
		if errors.Is(err, errGoodbye) {
			l.part(ends)
		}
	}
	l.mu.Lock()
	l.ended = true // no flight begins any more
	l.mu.Unlock()
	close(l.down)
	_ = l.conn.Close() // the reader or the writer has said why, or it was ours to end
	l.life.Wait()
	return err
}

// part lets the centre read the answer to its goodbye and close first: a close with an answer of the centre's still unread
// would reset the connection, and what was just written could be lost with it.
func (l *link) part(ends <-chan error) {
	half, ok := l.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	t := time.NewTimer(l.limits.Drain)
	defer t.Stop()
	select {
	case <-ends: // the reader's: the writer has given its own
	case <-t.C:
	}
}

// leave waits for the answers that are still to come, says goodbye and waits for the centre to say it too.
func (l *link) leave(quit func()) error {
	t := time.NewTimer(l.limits.Drain)
	defer t.Stop()
	l.drain(t.C)
	quit()
	t.Reset(l.limits.Drain)
	b, err := l.dialect.Goodbye(l.next())
	if err != nil {
		return err
	}
	if !l.put(b, t.C) {
		return nil
	}
	select {
	case <-l.parted:
	case <-t.C:
	}
	return nil
}

// drain takes every place of the window, so that nothing waits any more and nothing can, or as many as it gets in time.
func (l *link) drain(stop <-chan time.Time) {
	for range cap(l.window) {
		select {
		case l.window <- struct{}{}:
		case <-stop:
			return
		}
	}
}

// reader takes frames until the connection ends.
func (l *link) reader(deliver func(Delivery)) error {
	defer l.once.Do(func() { close(l.parted) })
	for {
		if err := l.conn.SetReadDeadline(time.Now().Add(l.limits.Enquire + l.limits.Silence)); err != nil {
			return err
		}
		f, err := l.dialect.Read(l.read)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return errSilent
		case errors.Is(err, io.EOF):
			return fmt.Errorf("centre closed the connection: %w", err)
		case err != nil:
			return err
		}
		l.handle(f, deliver)
	}
}

// handle answers a frame or passes it on.
func (l *link) handle(f Frame, deliver func(Delivery)) {
	if f.Answer != nil {
		l.put(f.Answer, nil)
	}
	switch f.Kind {
	case FrameResult:
		l.settle(f.Seq, f.Result)
	case FrameDelivery:
		deliver(f.Delivery)
	case FrameGoodbye:
		l.put(nil, nil)
	case FrameParted:
		l.once.Do(func() { close(l.parted) })
	}
}

// put hands a frame to the writer; false: the link ended, or stop came first.
func (l *link) put(b []byte, stop <-chan time.Time) bool {
	select {
	case <-l.down: // before a place in the queue that nobody empties any more
		return false
	default:
	}
	select {
	case l.out <- b:
		return true
	case <-l.down:
	case <-stop:
	}
	return false
}

// writer writes frames one by one until the last, or until the link ends.
func (l *link) writer() error {
	for {
		select {
		case b := <-l.out:
			if b == nil {
				return errGoodbye
			}
			if err := l.conn.SetWriteDeadline(time.Now().Add(l.limits.Write)); err != nil {
				return err
			}
			if _, err := l.conn.Write(b); err != nil {
				return err
			}
		case <-l.down:
			return errDown
		}
	}
}

// keeper asks whether the centre is still there. The reader is who misses the answer.
func (l *link) keeper() {
	t := time.NewTicker(l.limits.Enquire)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if b, err := l.dialect.Enquire(l.next()); err == nil { // else the reader misses the answer, too
				l.put(b, nil)
			}
		case <-l.down:
			return
		}
	}
}
