package terminal

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// refuse answers an error of a flow or of a check; nil for one of kind ErrStore: nothing may be said about what may or
// may not have been written (DESIGN section 4, rule 1).
func (q *session) refuse(err error) []byte {
	if errors.Is(err, acquirer.ErrStore) {
		q.server.counters.unanswered.Add(1)
		q.server.noisy.Error().Str("terminal", string(q.id)).Msg("request not answered: the store failed")
		return nil
	}
	code := acquirer.CodeOf(err)
	q.report(code, err)
	return q.seal(q.encodeRefusal(code))
}

// report logs a refusal that an operator may have to look into. The cause is told only where it cannot hold a piece of
// a number: a fault names a field, and a malfunction is the switch's own.
func (q *session) report(code acquirer.ResponseCode, err error) {
	switch code {
	case acquirer.CodeMalfunction, acquirer.CodeFormat:
	case acquirer.CodeUnknownTerminal, acquirer.CodeBadMerchant, acquirer.CodeLine, acquirer.CodeBlocked,
		acquirer.CodeMAC, acquirer.CodeNotSupported:
		err = nil
	default:
		return // everyday: the journal or the counters have it
	}
	q.server.noisy.Info().Str("terminal", string(q.id)).Str("mti", q.mti()).Str("code", string(code)).Err(err).Msg("refused")
}

// seal packs a response, signs it where there is a key and the message is of a kind that is signed, and puts its length
// in front: one slice for one write.
func (q *session) seal(m *pos.Message) []byte {
	frame, err := q.pack(m)
	if err != nil {
		// A response that cannot be written is a fault in this package; the terminal asks again or undoes.
		q.server.Log.Error().Str("terminal", string(q.id)).Str("mti", q.mti()).Err(err).Msg("answer cannot be packed")
		q.server.counters.unanswered.Add(1)
		return nil
	}
	code := acquirer.ResponseCode(m.Get(39))
	if code == "" {
		code = acquirer.CodeApproved // a 0510, which has none when it was compared
	}
	q.server.counters.answer(code)
	return pos.AppendFrame(make([]byte, 0, 2+len(frame)), frame)
}

func (q *session) pack(m *pos.Message) ([]byte, error) {
	if q.mak.Zero() || !q.signs() {
		return m.Pack()
	}
	m.SetBytes(64, make([]byte, pos.MACLen))
	frame, err := m.Pack()
	if err != nil {
		return nil, err
	}
	var failed error
	err = pos.SignFrame(frame, func(data []byte) [8]byte {
		mac, err := q.server.Switch.HSM.MAC(q.mak, q.algorithm, data)
		failed = err
		return mac
	})
	if failed == nil {
		return frame, err
	}
	// Without F64 a terminal believes no approval, and undoes; a refusal it may show.
	q.server.noisy.Error().Str("terminal", string(q.id)).Err(failed).Msg("answer goes unsigned")
	m.Unset(64)
	return m.Pack()
}

// signs reports whether the response carries F64: to a payment always, to sign-on, sign-off and echo never, to what is
// not known here if the request did.
func (q *session) signs() bool {
	return q.payment() || !q.management() && q.head.Has(64)
}

// panicked logs a panic by its kind and place: its text might hold a piece of a message.
func (s *Server) panicked(p any, id acquirer.TerminalID) {
	s.counters.panics.Add(1)
	kind := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		kind = e.Error()
	}
	s.Log.Error().Str("terminal", string(id)).Str("panic", kind).Str("at", callers()).Msg("panic")
}

// callers lists the functions on the stack, innermost first, without arguments.
func callers() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var out strings.Builder
	for {
		f, more := frames.Next()
		fmt.Fprintf(&out, "%s:%d ", f.Function, f.Line)
		if !more {
			return out.String()
		}
	}
}
