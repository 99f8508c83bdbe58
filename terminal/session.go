package terminal

import (
	"context"
	"errors"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// session is one request from its frame to its answer, with what the signed-on session of its terminal says about it.
// One goroutine at a time uses it.
type session struct {
	conn     *conn
	server   *Server
	buf      *buffer // owner of frame; nil once released
	frame    []byte
	id       acquirer.TerminalID // F41
	head     pos.Head
	envelope pos.Envelope // its LRI lies in frame
	received time.Time    // when the frame had been read; zero once its trace number was found not to run on

	terminal  *acquirer.Terminal    // nil: not known
	mak       acquirer.KeyBlock     // signs the answer; zero: it goes unsigned
	algorithm acquirer.MACAlgorithm // of mak
	message   *pos.Message          // nil until unpacked
	f60       pos.Field60           // with message
	admitted  bool                  // a debit of this request may be at the host
	last      error                 // why the connection ends behind the answer; nil: it goes on
}

// newSession takes over buf, which holds frame.
func newSession(c *conn, buf *buffer, frame []byte) *session {
	q := &session{conn: c, server: c.server, buf: buf, frame: frame, received: time.Now()}
	q.head, _ = pos.Peek(frame) // the error is head.Fault
	q.id = acquirer.TerminalID(q.head.TerminalID())
	if at := q.head.MTIOffset; at > 0 {
		q.envelope.TPDU = [5]byte(frame)
		q.envelope.Header = [6]byte(frame[at-6:])
		if at > 11 {
			q.envelope.LRI = frame[5 : at-6]
		}
	}
	return q
}

// release gives the frame's buffer back, emptied of track and PIN block. Nothing may look at the frame, or at the LRI,
// from then on.
func (q *session) release() {
	if q.buf == nil {
		return
	}
	clear(q.frame)
	q.server.buffers.Put(q.buf)
	q.buf, q.frame, q.envelope.LRI = nil, nil, nil
}

func (q *session) mti() string { return string(q.head.MTI[:]) }

// faulty reports whether the frame breaks the dialect.
func (q *session) faulty() bool { return q.head.Fault.Kind != spec.FaultNone }

// answerable reports whether the frame is a request that says whom to answer (PROTOCOL 1.3). A sound one needs F41 only:
// an echo has no F11. The third digit of the type of a response is odd.
func (q *session) answerable() bool {
	switch {
	case q.head.MTI[2]&1 == 1:
		return false
	case q.faulty():
		return q.head.Readable
	}
	return q.head.Terminal[0] != 0
}

// run returns the answer with its length in front; nil: the request must not be answered. admitted is called when a
// later message of the terminal may be handled. A panic becomes 96, unless a debit may be at the host: what came of it
// is not known then, and silence makes the terminal undo it.
func (q *session) run(admitted func()) []byte {
	work := func() []byte {
		m, err := q.answer(q.server.base, func() {
			q.admitted = true
			admitted()
		})
		if err != nil {
			return q.refuse(err)
		}
		return q.seal(m)
	}
	return q.guard(work)
}

// overflow is the answer to a request for which there is no room: 96, signed where the terminal can check it.
func (q *session) overflow() []byte {
	return q.guard(func() []byte {
		if _, err := q.identify(q.server.base); errors.Is(err, acquirer.ErrStore) {
			return q.refuse(err)
		}
		return q.refuse(&acquirer.Error{Op: "terminal.dispatch", Code: acquirer.CodeMalfunction,
			Err: errors.New("too many messages of the terminal wait")})
	})
}

// guard runs work and answers for it when it panics.
func (q *session) guard(work func() []byte) []byte {
	if out, ok := q.try(work); ok {
		return out
	}
	if q.admitted {
		q.server.counters.unanswered.Add(1)
		return nil
	}
	out, _ := q.try(func() []byte { return q.seal(q.encodeRefusal(acquirer.CodeMalfunction)) })
	return out
}

func (q *session) try(work func() []byte) (out []byte, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			q.server.panicked(p, q.id)
		}
	}()
	return work(), true
}

// answer runs the request through its checks, in the order of what they touch: the frame, the sender, the MAC, and only
// then anything with a state. Errors carry the F39; one of kind ErrStore must not be answered.
func (q *session) answer(ctx context.Context, admitted func()) (*pos.Message, error) {
	terminal, err := q.identify(ctx)
	switch broken := q.malformed(); {
	case errors.Is(err, acquirer.ErrStore):
		return nil, err
	case broken != nil:
		return nil, broken
	case err != nil && !q.undoOfBlocked(terminal, err):
		q.dismiss(err)
		return nil, err
	}
	q.terminal = terminal
	switch q.mti() {
	case pos.MTISignOn, pos.MTINetwork:
		return q.manage(ctx)
	case pos.MTIInquiry, pos.MTIDebit, pos.MTIReversal:
		return q.pay(ctx, admitted)
	case pos.MTISettle, pos.MTIBatch:
		return q.batch(ctx)
	}
	return nil, refusal(acquirer.CodeNotSupported, nil)
}

// undoOfBlocked reports whether a refusal says only that the terminal is blocked, and the request is an undo that can be
// verified: an authentic 0400 is taken in every state, also from a terminal that was blocked after its debit (PROTOCOL
// 1.2).
func (q *session) undoOfBlocked(t *acquirer.Terminal, err error) bool {
	return q.mti() == pos.MTIReversal && acquirer.CodeOf(err) == acquirer.CodeBlocked && t.Session.Verifies(true, time.Now())
}

// dismiss ends the connection behind the 58 of a terminal that was blocked while it worked there, unless it carries
// others. One that was blocked before it came may stay and hear 58 again.
func (q *session) dismiss(err error) {
	if acquirer.CodeOf(err) != acquirer.CodeBlocked {
		return
	}
	if q.server.roster.dismiss(q.conn, q.id) {
		q.last = errBlocked
	}
}

// identify asks who sent the request. The terminal is remembered even if it is refused: the refusal is signed.
func (q *session) identify(ctx context.Context) (*acquirer.Terminal, error) {
	line, _ := q.envelope.ANI() // an LRI without a readable number shows no line
	t, err := q.server.Switch.Identify(ctx, acquirer.Caller{
		Terminal: q.id, Merchant: acquirer.MerchantID(q.head.MerchantID()), Line: line,
	})
	if t != nil && !t.Session.MAK.Zero() {
		q.mak, q.algorithm = t.Session.MAK, t.Profile.MAC
	}
	return t, err
}

// malformed returns the refusal of a frame that breaks the dialect or lacks what every message has. Digits are the
// one thing that can be wrong with an amount.
func (q *session) malformed() error {
	fault := q.head.Fault
	switch {
	case fault.Kind == spec.FaultDigit && fault.Field == 4 && q.payment():
		return refusal(acquirer.CodeBadAmount, fault)
	case q.faulty():
		return refusal(acquirer.CodeFormat, fault)
	case !q.head.Has(42) || q.head.Kind[0] == 0:
		return refusal(acquirer.CodeFormat, errors.New("F42 or F60 is missing"))
	}
	return nil
}

// payment reports whether the request is of a kind that carries F64 (PROTOCOL 1).
func (q *session) payment() bool {
	switch q.mti() {
	case pos.MTIInquiry, pos.MTIDebit, pos.MTIReversal:
		return true
	}
	return false
}

// verify checks F64 over the bytes as they came. A terminal that never signed on has no key to compute it with, so that
// it is told to sign on whether F64 is there or not.
func (q *session) verify(now time.Time) error {
	undo := q.mti() == pos.MTIReversal
	at := q.head.MACOffset
	switch {
	case !q.terminal.Session.Verifies(undo, now):
		return refusal(acquirer.CodeSignOn, nil)
	case at == 0:
		return refusal(acquirer.CodeFormat, errors.New("F64 is missing"))
	case !undo && q.server.roster.barred(q.conn, q.id, now):
		return refusal(acquirer.CodeMAC, nil) // an authentic undo is taken even now
	}
	data, mac := q.frame[q.head.MTIOffset:at], [8]byte(q.frame[at:])
	var mak acquirer.KeyBlock
	var err error
	if undo {
		mak, err = q.server.Switch.AuthenticateUndo(q.terminal, data, mac, now)
	} else {
		mak, err = q.server.Switch.Authenticate(q.terminal, data, mac, now)
	}
	if !mak.Zero() {
		q.mak = mak
	}
	q.judge(mak, err, now)
	return err
}

// judge draws the conclusion from F64 for the terminal on this connection.
func (q *session) judge(mak acquirer.KeyBlock, err error, now time.Time) {
	switch {
	case err == nil:
		q.server.roster.vouch(q.conn, q.terminal, mak)
	case acquirer.CodeOf(err) == acquirer.CodeMAC && q.server.roster.wrong(q.conn, q.id, now):
		q.last = errWrongMACs
	}
}

// unpack reads the fields and gives the buffer back, which a request that waits at the host has no use for.
func (q *session) unpack() error {
	m, err := pos.Unpack(q.frame)
	if err != nil {
		return refusal(acquirer.CodeFormat, err)
	}
	q.message = m
	q.release()
	if q.f60, err = pos.ParseField60(m.Get(60)); err != nil {
		return refusal(acquirer.CodeFormat, err)
	}
	return nil
}

// refusal makes the error of a request that goes no further.
func refusal(code acquirer.ResponseCode, cause error) error {
	return &acquirer.Error{Op: "terminal", Code: code, Err: cause}
}

// malformedField is a refusal with 30 that names what is wrong, and shows nothing of it.
func malformedField(what string) error { return refusal(acquirer.CodeFormat, errors.New(what)) }
