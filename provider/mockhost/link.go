package mockhost

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"example.com/ringback/spec/cups"
)

// reply is something to be written to a link once its batch is durable.
type reply struct {
	batch *batch
	bytes []byte // with length prefix; may be empty
	close bool   // end the link afterwards
}

// link is one connection of a member: one goroutine reads and decides, in the
// order of arrival, another waits for the disk and writes.
type link struct {
	host  *Host
	conn  net.Conn
	log   zerolog.Logger
	out   chan reply
	ended chan struct{} // closed when the reader has ended
	dead  chan struct{} // closed when the writer has ended

	member   atomic.Pointer[string] // institution that uses the link; nil before it is known
	signedOn bool                   // the reader's
	bad      int                    // unreadable frames in a row; the reader's
}

func (h *Host) serveConn(conn net.Conn) {
	l := &link{
		host: h, conn: conn,
		log: h.cfg.Log.With().Str("peer", conn.RemoteAddr().String()).Logger(),
		out: make(chan reply, MaxInFlight), ended: make(chan struct{}), dead: make(chan struct{}),
	}
	if !h.addLink(l) || !h.goes(l.write) {
		h.dropLink(l)
		l.closeConn()
		return
	}
	if !h.goes(l.read) {
		close(l.ended) // the writer ends the rest
	}
}

func (h *Host) addLink(l *link) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.links) >= MaxLinks {
		l.log.Warn().Msg("too many links")
		return false
	}
	h.links = append(h.links, l)
	return true
}

func (h *Host) dropLink(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links = slices.DeleteFunc(h.links, func(other *link) bool { return other == l })
}

// linkOf finds the longest open live link of an institution other than one; nil
// if there is none.
func (h *Host) linkOf(institution string, other *link) *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		if l != other && l.institution() == institution && !l.isDead() {
			return l
		}
	}
	return nil
}

// members lists the institutions that have a link, the longest there in front.
func (h *Host) members() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for _, l := range h.links {
		if id := l.institution(); id != "" && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// read takes frames until the link ends.
func (l *link) read() {
	defer close(l.ended)
	l.log.Info().Msg("link open")
	in := bufio.NewReader(l.conn)
	buf := make([]byte, cups.MaxMessage)
	for {
		frame, err := l.next(in, buf)
		if err != nil {
			l.log.Info().AnErr("cause", l.reading(err)).Msg("link ends")
			return
		}
		if len(frame) == 0 {
			continue // keep-alive
		}
		l.takeSafely(frame)
		if l.bad >= MaxBadFrames {
			l.log.Warn().Msg("too many unreadable frames")
			return
		}
	}
}

// reading is the error of a read; nil for an ordinary end.
func (l *link) reading(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || l.host.isStopped() {
		return nil
	}
	return err
}

// next reads one frame. A silent link has IdleTimeout, a frame that has begun
// has FrameTimeout.
func (l *link) next(in *bufio.Reader, buf []byte) ([]byte, error) {
	if err := l.readBy(IdleTimeout); err != nil {
		return nil, err
	}
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	if err := l.readBy(FrameTimeout); err != nil {
		return nil, err
	}
	return cups.ReadFrame(in, buf)
}

// readBy sets the read deadline, but not over that of stopReading.
func (l *link) readBy(d time.Duration) error {
	if err := l.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	select {
	case <-l.host.stop:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// takeSafely keeps a panic over one message from ending the process. A ledger
// that does not add up is another matter.
func (l *link) takeSafely(frame []byte) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if broken, ok := cause.(brokenLedger); ok {
			panic(broken)
		}
		// Not the value: it might quote the message.
		l.log.Error().Str("stack", string(debug.Stack())).Msg("message dropped: panic")
	}()
	l.take(frame)
}

// send queues a reply. It is lost if the link is dead.
func (l *link) send(r reply) {
	select {
	case l.out <- r:
	case <-l.dead:
	}
}

// write sends replies until the link ends, then those that are queued.
func (l *link) write() {
	defer l.finish()
	tick, stop := l.echoTicker()
	defer stop()
	for {
		select {
		case r := <-l.out:
			if !l.deliver(r) {
				return
			}
		case <-tick:
			if !l.echo() {
				return
			}
		case <-l.ended:
			l.drain()
			return
		}
	}
}

// drain writes what is queued without waiting for more.
func (l *link) drain() {
	for {
		select {
		case r := <-l.out:
			if !l.deliver(r) {
				return
			}
		default:
			return
		}
	}
}

// finish closes the link. What could not be sent is still made durable: the
// ledger in memory has it.
func (l *link) finish() {
	close(l.dead)
	l.closeConn()
	l.host.dropLink(l)
	if err := l.host.journal.wait(l.host.journal.latest()); err != nil && !errors.Is(err, ErrClosed) {
		l.host.fail(err)
	}
}

// deliver waits for the disk and writes; false ends the link.
func (l *link) deliver(r reply) bool {
	if r.batch != nil {
		if err := l.host.journal.wait(r.batch); err != nil {
			l.host.fail(err)
			return false
		}
	}
	if len(r.bytes) > 0 {
		if err := l.writeAll(r.bytes); err != nil {
			l.log.Warn().Err(err).Msg("write failed")
			return false
		}
	}
	return !r.close
}

func (l *link) writeAll(b []byte) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(b)
	return err
}

// echoTicker ticks when an echo test is due; never if none is configured.
func (l *link) echoTicker() (<-chan time.Time, func()) {
	if l.host.cfg.Echo <= 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(l.host.cfg.Echo)
	return ticker.C, ticker.Stop
}

// echo asks the member whether it is there; false ends the link. Nothing depends
// on the answer.
func (l *link) echo() bool {
	id := l.institution()
	if id == "" {
		return true
	}
	m := l.host.ownMessage(cups.MTINetwork, id)
	m.Set(70, cups.NetEcho)
	return l.deliver(reply{bytes: l.pack(m)})
}

// stopReading makes the reader end.
func (l *link) stopReading() {
	if err := l.conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		l.log.Debug().Err(err).Msg("stop reading")
	}
}

func (l *link) closeConn() {
	if err := l.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Debug().Err(err).Msg("close link")
	}
}

func (l *link) institution() string {
	if id := l.member.Load(); id != nil {
		return *id
	}
	return ""
}

func (l *link) isDead() bool {
	select {
	case <-l.dead:
		return true
	default:
		return false
	}
}

// ownMessage begins a message that the host itself has to say to a member:
// header, F7, F11, F100.
func (h *Host) ownMessage(mti, institution string) *cups.Message {
	m := cups.New(mti)
	m.SetHeader(cups.NewHeader(institution, CentreID))
	m.Set(7, beijing(time.Now()).Format("0102150405"))
	m.Set(11, traceText(h.trace.Add(1)))
	m.Set(100, institution)
	return m
}

// traceText is F11: six digits, never 000000.
func traceText(n uint32) string {
	text := "00000" + strconv.Itoa(int(n%999_999)+1)
	return text[len(text)-6:]
}
