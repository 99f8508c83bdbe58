package emulator

import (
	"context"
	"errors"
	"net"
	"time"

	"example.com/ringback/spec/pos"
)

// ErrNoAnswer is the cause of a failure after a message was sent: nothing that answers it came in time, or the
// connection was lost. What the switch did is not known.
var ErrNoAnswer = errors.New("no answer")

// ErrConnect is the cause of a failure to reach the switch: nothing was sent.
var ErrConnect = errors.New("no connection")

var (
	errTimeout = errors.New("waited long enough")
	errLost    = errors.New("connection lost")
	errStrays  = errors.New("too many frames that answer nothing")
)

// line is one open connection. A goroutine reads it, so that a connection the switch has closed is known before
// anything is sent on it.
type line struct {
	conn   net.Conn
	frames chan []byte   // closed when reading ends
	quit   chan struct{} // closed by hangUp
}

func newLine(conn net.Conn) *line {
	l := &line{conn: conn, frames: make(chan []byte), quit: make(chan struct{})}
	go l.read()
	return l
}

// read hands frames on until the connection or the line ends. A frame length out of range ends it too: there is no
// boundary to go on from.
func (l *line) read() {
	defer close(l.frames)
	for {
		frame, err := pos.ReadFrame(l.conn, nil)
		if err != nil {
			return
		}
		select {
		case l.frames <- frame:
		case <-l.quit:
			return
		}
	}
}

// alive throws away what came unasked and reports whether the connection still stands.
func (l *line) alive() bool {
	for range maxStrays {
		select {
		case _, open := <-l.frames:
			if !open {
				return false
			}
		default:
			return true
		}
	}
	return false
}

func (l *line) send(frame []byte) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(pos.AppendFrame(make([]byte, 0, len(frame)+2), frame))
	return err
}

// await passes frames to accept until it takes one. Others are thrown away: they may be late answers to earlier
// messages, and whoever can put frames on the line must not end the wait for the true one.
func (l *line) await(ctx context.Context, patience time.Duration, accept func(frame []byte) bool) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for range maxStrays {
		select {
		case frame, open := <-l.frames:
			if !open {
				return errLost
			}
			if accept(frame) {
				return nil
			}
		case <-timer.C:
			return errTimeout
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errStrays
}

// hangUp closes the connection and waits for the reader to end.
func (l *line) hangUp() error {
	close(l.quit)
	err := l.conn.Close()
	for range l.frames { // until read closes it
		continue
	}
	return err
}
