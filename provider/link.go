package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	connection "github.com/moov-io/iso8583-connection"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// linkID numbers the connections of this process; 0 is none.
type linkID uint64

// link is one TCP connection to the host. It is read by the library's goroutine, which ends with the connection, and
// written by anybody through write.
type link struct {
	id       linkID
	addr     string
	net      *Network
	socket   *socket
	conn     *connection.Connection
	requests chan *cups.Message // 0820 and 0220 of the host, for serve
	started  chan struct{}      // closed when conn is set
	ended    chan struct{}      // closed by the reader when nothing will be read any more
	frame    frameReader
	buffer   []byte // of the reader
}

// newLink takes the connection over and starts to read from it.
func (n *Network) newLink(addr string, c net.Conn) (*link, error) {
	l := &link{
		id: linkID(n.linkIDs.Add(1)), addr: addr, net: n, socket: &socket{Conn: c, limits: n.limits},
		requests: make(chan *cups.Message, n.limits.Requests),
		started:  make(chan struct{}), ended: make(chan struct{}),
		buffer: make([]byte, cups.MaxMessage),
	}
	conn, err := connection.NewFrom(l.socket, nil, nil, nil,
		connection.SetMessageReader(readerOf((*cups.Message).ISO, l)),
		connection.IdleTime(libraryIdle), connection.ReadTimeout(libraryIdle))
	if err != nil {
		return nil, errors.Join(err, l.socket.shut())
	}
	l.conn = conn
	close(l.started)
	return l, nil
}

// reader is the message reader of a link. M is the library's message type; it has its home under spec/ and is not
// named here, for no message is ever handed over: a nil one makes the library read on.
type reader[M any] struct{ link *link }

// readerOf finds M as the type that a message of the dialect consists of.
func readerOf[M any](_ func(*cups.Message) M, l *link) reader[M] { return reader[M]{l} }

// ReadMessage reads one frame and has it handled. After an error it is not called again.
func (r reader[M]) ReadMessage(buffered io.Reader) (none M, err error) {
	<-r.link.started
	return none, r.link.readFrame(buffered)
}

// readFrame reads and handles one frame; the first error ends the link.
func (l *link) readFrame(buffered io.Reader) error {
	err := l.socket.expect(l.net.limits.Silence)
	if err == nil {
		l.frame = frameReader{source: buffered, link: l}
		var frame []byte
		if frame, err = cups.ReadFrame(&l.frame, l.buffer); err == nil {
			l.net.receive(l, frame)
			return nil
		}
	}
	shut := l.socket.shut()
	l.net.log.Info().Str("link", l.addr).Err(errors.Join(err, shut)).Msg("link has ended")
	close(l.ended)
	return err
}

// frameReader gives the rest of a frame less time than the wait for its first byte.
type frameReader struct {
	source  io.Reader
	link    *link
	started bool
}

func (f *frameReader) Read(p []byte) (int, error) {
	n, err := f.source.Read(p)
	if n > 0 && !f.started && err == nil {
		f.started = true
		err = f.link.socket.expect(f.link.net.limits.Frame)
	}
	return n, err
}

// write sends one frame with its length in front. An error of kind acquirer.ErrNotSent: no byte of it was handed to
// the socket. It takes at most Limits.Write.
func (l *link) write(wire []byte) error {
	_, err := l.conn.Write(wire)
	if errors.Is(err, connection.ErrConnectionClosed) {
		return fmt.Errorf("%w: %w", acquirer.ErrNotSent, err)
	}
	return err
}

// send packs and writes a message.
func (l *link) send(m *cups.Message) error {
	wire, err := encodeWire(m)
	if err != nil {
		return err
	}
	return l.write(wire)
}

// alive reports whether the link can be written.
func (l *link) alive() bool {
	select {
	case <-l.conn.Done():
		return false
	default:
		return true
	}
}

// hangUp closes the link and waits until it is read no more.
func (l *link) hangUp() {
	if err := l.socket.shut(); err != nil {
		l.net.log.Debug().Str("link", l.addr).Err(err).Msg("closing a link again")
	}
	<-l.ended
	<-l.conn.Done()
}

// exchange sends a network management request on this link and returns the F39 of its answer. The answer may come on
// any link.
func (l *link) exchange(ctx context.Context, m *cups.Message) (acquirer.ResponseCode, error) {
	ctx, cancel := context.WithTimeout(ctx, l.net.limits.SignOn)
	defer cancel()
	w, err := l.net.pending.register(keyOf(m))
	if err != nil {
		return "", err
	}
	if err := l.send(m); err != nil {
		l.net.pending.forget(w)
		return "", err
	}
	select {
	case r := <-w.reply:
		return replyCode(r)
	case <-l.ended:
		err = errors.New("link was cut")
	case <-ctx.Done():
		err = ctx.Err()
	}
	l.net.pending.forget(w)
	return "", err
}

// replyCode reads F39 of a network management answer.
func replyCode(r reply) (acquirer.ResponseCode, error) {
	if r.message == nil {
		return "", fmt.Errorf("rejected by the centre with %s", r.reject)
	}
	return acquirer.ResponseCode(r.message.Get(39)), nil
}

// serve answers the host's requests until the link ends.
func (l *link) serve(ctx context.Context) {
	for {
		select {
		case m := <-l.requests:
			l.answer(ctx, m)
		case <-l.ended:
			return
		}
	}
}

// answer answers one 0820 or 0220 of the host.
func (l *link) answer(ctx context.Context, m *cups.Message) {
	if m.MTI() == cups.MTIAdvice {
		l.answerPayout(ctx, m)
		return
	}
	code := l.net.manage(ctx, m)
	err := l.send(encodeNetworkResponse(m, code))
	l.net.log.Debug().Str("link", l.addr).Str("f70", m.Get(70)).Str("f39", string(code)).Err(err).Msg("request of the host")
}
