package smpp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// The ways in which a link ends.
var (
	errDown   = errors.New("link is down")
	errUnbind = errors.New("centre unbound")
	errSilent = errors.New("centre is silent")
)

// answer is what the centre said to a submit_sm.
type answer struct {
	status data.CommandStatusType
	id     string
}

// waiting is a submit_sm without an answer. taken is called by the reader, before anything behind the answer is read:
// the receipt may stand there already.
type waiting struct {
	reply chan answer
	taken func(id string)
}

// link is one bound connection. It is made by bind and lives in run.
type link struct {
	conn   net.Conn
	read   *bufio.Reader
	limits Limits

	out     chan []byte   // frames for the writer; nil is the last: the connection ends behind it
	window  chan struct{} // a place for each submit_sm without an answer
	down    chan struct{} // closed at the end
	unbound chan struct{} // closed when unbind was answered, or nothing will come any more
	once    sync.Once     // closes unbound

	mu      sync.Mutex
	pending map[int32]waiting
}

// bind makes conn a link, or closes it. ctx ends it too.
func bind(ctx context.Context, conn net.Conn, c Config) (*link, error) {
	l := &link{conn: conn, read: bufio.NewReader(conn), limits: c.Limits, out: make(chan []byte, outQueue),
		window: make(chan struct{}, c.Limits.Window), down: make(chan struct{}), unbound: make(chan struct{}),
		pending: map[int32]waiting{}}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err := l.ask(c)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close() // what went wrong before counts
		return nil, fmt.Errorf("bind refused or closed: %w", err)
	}
	return l, nil
}

// ask sends bind_transceiver and waits for the answer. An answer of nothing but its header, the usual form of a no, keeps
// its status here.
func (l *link) ask(c Config) error {
	password, err := c.Password()
	if err != nil {
		return fmt.Errorf("password: %w", err)
	}
	req := pdu.NewBindRequest(pdu.Transceiver)
	req.SystemID, req.Password, req.SystemType = c.SystemID, password, c.SystemType
	if err := l.conn.SetDeadline(time.Now().Add(l.limits.Bind)); err != nil {
		return err
	}
	if _, err := l.conn.Write(marshal(req)); err != nil {
		return err
	}
	for {
		f, err := readFrame(l.read)
		switch {
		case err != nil:
			return err
		case f.id != data.BIND_TRANSCEIVER_RESP && f.id != data.GENERIC_NACK:
			continue
		case f.status != data.ESME_ROK || f.id == data.GENERIC_NACK:
			return errors.New(statusText(f.status))
		}
		return l.conn.SetDeadline(time.Time{})
	}
}

// run keeps the link until ctx ends or it breaks; then everything it started has ended and every waiting submit has got
// errDown. deliver is called for each deliver_sm and must not wait; quit just before unbind is sent.
func (l *link) run(ctx context.Context, deliver func(frame), quit func()) error {
	ends := make(chan error, 3)
	var parts sync.WaitGroup
	parts.Go(func() { ends <- l.reader(deliver) })
	parts.Go(func() { ends <- l.writer() })
	parts.Go(func() { l.keeper() })
	var err error
	select {
	case <-ctx.Done():
		err = l.unbind(quit)
	case err = <-ends:
		if errors.Is(err, errUnbind) {
			l.part(ends)
		}
	}
	close(l.down)
	_ = l.conn.Close() // the reader or the writer has said why, or it was ours to end
	parts.Wait()
	return err
}

// part lets the centre read the answer to its unbind and close first: a close with an answer of the centre's still unread
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

// unbind waits for the answers that are still to come, says goodbye and waits for the centre to say it too.
func (l *link) unbind(quit func()) error {
	t := time.NewTimer(l.limits.Drain)
	defer t.Stop()
	l.drain(t.C)
	quit()
	t.Reset(l.limits.Drain)
	if !l.put(marshal(pdu.NewUnbind()), t.C) {
		return nil
	}
	select {
	case <-l.unbound:
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
func (l *link) reader(deliver func(frame)) error {
	defer l.once.Do(func() { close(l.unbound) })
	for {
		if err := l.conn.SetReadDeadline(time.Now().Add(l.limits.Enquire + l.limits.Answer)); err != nil {
			return err
		}
		f, err := readFrame(l.read)
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
func (l *link) handle(f frame, deliver func(frame)) {
	switch f.id {
	case data.SUBMIT_SM_RESP, data.GENERIC_NACK:
		l.settle(f)
	case data.DELIVER_SM:
		deliver(f)
	case data.ENQUIRE_LINK:
		p := pdu.NewEnquireLinkResp()
		p.SetSequenceNumber(f.seq)
		l.put(marshal(p), nil)
	case data.UNBIND:
		p := pdu.NewUnbindResp()
		p.SetSequenceNumber(f.seq)
		l.put(marshal(p), nil)
		l.put(nil, nil)
	case data.UNBIND_RESP:
		l.once.Do(func() { close(l.unbound) })
	default:
		if f.request() {
			p := pdu.NewGenericNack().(*pdu.GenericNack)
			p.SequenceNumber, p.CommandStatus = f.seq, data.ESME_RINVCMDID
			l.put(marshal(p), nil)
		}
	}
}

// settle gives an answer to who waits for it.
func (l *link) settle(f frame) {
	l.mu.Lock()
	w, ok := l.pending[f.seq]
	delete(l.pending, f.seq)
	l.mu.Unlock()
	if !ok {
		return
	}
	a := answer{status: f.status}
	if f.id == data.GENERIC_NACK && a.status == data.ESME_ROK {
		a.status = data.ESME_RUNKNOWNERR
	}
	if a.status == data.ESME_ROK {
		a.id = messageID(f.body)
		w.taken(a.id)
	}
	w.reply <- a
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

// respond answers a deliver_sm; on a link that has ended nobody waits for it.
func (l *link) respond(seq int32, status data.CommandStatusType) bool {
	return l.put(marshal(respond(seq, status)), nil)
}

// writer writes frames one by one until the last, or until the link ends.
func (l *link) writer() error {
	for {
		select {
		case b := <-l.out:
			if b == nil {
				return errUnbind
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
			l.put(marshal(pdu.NewEnquireLink()), nil)
		case <-l.down:
			return
		}
	}
}

// submit sends a submit_sm and waits for its answer: a place in the window first, then Limits.Answer.
func (l *link) submit(ctx context.Context, sm *pdu.SubmitSM, taken func(id string)) (answer, error) {
	select {
	case l.window <- struct{}{}:
		defer func() { <-l.window }()
	case <-l.down:
		return answer{}, errDown
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	w := waiting{make(chan answer, 1), taken}
	l.mu.Lock()
	l.pending[sm.SequenceNumber] = w
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.pending, sm.SequenceNumber)
		l.mu.Unlock()
	}()
	t := time.NewTimer(l.limits.Answer)
	defer t.Stop()
	if !l.put(marshal(sm), t.C) {
		return answer{}, errDown
	}
	select {
	case a := <-w.reply:
		return a, nil
	case <-t.C:
		return answer{}, errSilent
	case <-l.down:
		return answer{}, errDown
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}
