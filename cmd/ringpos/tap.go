package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"example.com/ringback/spec/cups"
	"example.com/ringback/spec/pos"
	"example.com/ringback/terminal/emulator"
)

// dialect is how a tap finds the frames of a line.
type dialect struct {
	read   func(r io.Reader, buf []byte) ([]byte, error)
	append func(dst, frame []byte) []byte
}

func terminalLine() dialect { return dialect{pos.ReadFrame, pos.AppendFrame} }
func hostLine() dialect     { return dialect{cups.ReadFrame, cups.AppendFrame} }

// tap stands between two programs on a line, passes every frame on, and shows it first.
type tap struct {
	listener net.Listener
	target   string
	line     dialect
	show     func(dir emulator.Direction, frame []byte)

	mu    sync.Mutex
	conns []net.Conn // all that were ever opened
	work  sync.WaitGroup
}

// startTap listens on a free port of its own for connections to target.
func startTap(target string, line dialect, show func(emulator.Direction, []byte)) (*tap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tap{listener: l, target: target, line: line, show: show}
	t.work.Go(t.accept)
	return t, nil
}

// addr is where the tap listens.
func (t *tap) addr() string { return t.listener.Addr().String() }

// close ends the tap and everything that runs through it.
func (t *tap) close() error {
	err := t.listener.Close()
	t.mu.Lock()
	for _, c := range t.conns {
		err = errors.Join(err, ignoreClosed(c.Close()))
	}
	t.mu.Unlock()
	t.work.Wait()
	return err
}

func (t *tap) accept() {
	for {
		near, err := t.listener.Accept()
		if err != nil {
			return // closed
		}
		t.work.Go(func() { t.join(near) })
	}
}

// join connects one caller through and ends both sides together.
func (t *tap) join(near net.Conn) {
	var d net.Dialer
	far, err := d.DialContext(context.Background(), "tcp", t.target)
	if err != nil {
		far = near // nobody there: the caller hears of it by losing its connection
	}
	t.mu.Lock()
	t.conns = append(t.conns, near, far)
	t.mu.Unlock()
	if err == nil {
		var both sync.WaitGroup
		both.Go(func() { t.pass(emulator.Sent, near, far) })
		both.Go(func() { t.pass(emulator.Received, far, near) })
		both.Wait()
		return
	}
	end(near)
}

// pass moves frames one way until either side is gone, then ends both.
func (t *tap) pass(dir emulator.Direction, from, to net.Conn) {
	defer end(from, to)
	for {
		frame, err := t.line.read(from, nil)
		if err != nil {
			return
		}
		if len(frame) > 0 { // else a keep-alive
			t.show(dir, frame)
		}
		if _, err := to.Write(t.line.append(nil, frame)); err != nil {
			return
		}
	}
}

// end closes connections whose other end may be gone already; there is nothing left to do about an error.
func end(conns ...net.Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
