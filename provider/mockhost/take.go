package mockhost

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// take handles one frame.
func (l *link) take(frame []byte) {
	if reject := headerFault(frame, l.host.cfg); reject != "" {
		l.log.Debug().Str("reject", reject).Msg("header is not as prescribed")
		if l.host.cfg.Strict {
			l.reject(frame, reject)
			return
		}
	}
	m, err := cups.Unpack(frame)
	if errors.Is(err, cups.ErrRejected) {
		l.log.Warn().Msg("member rejected a message")
		return
	}
	if err != nil {
		l.bad++
		l.log.Warn().Err(err).Msg("unreadable message dropped")
		return
	}
	l.bad = 0
	l.dispatch(m)
}

func (l *link) dispatch(m *cups.Message) {
	switch m.MTI() {
	case cups.MTIVerify:
		l.verify(m)
	case cups.MTIDebit:
		if m.Get(3) == cups.ProcPayout {
			l.payOut(m)
			return
		}
		l.debit(m)
	case cups.MTIReversal, mtiReversalRepeat:
		l.reverse(m)
	case cups.MTINetwork:
		l.network(m)
	case cups.MTIKeyResetResponse:
		l.keyTaken(m)
	case cups.MTINetworkResponse:
		l.log.Debug().Str("function", m.Get(70)).Str("code", m.Get(39)).Msg("network management answered")
		l.noticeAnswered(m)
	case cups.MTIReconcile:
		l.reconcile(m)
	case cups.MTIAdviceResponse:
		l.payoutTold(m)
	default:
		l.unsupported(m)
	}
}

// unsupported answers a request that this host does not know with 40, and drops
// what is no request.
func (l *link) unsupported(m *cups.Message) {
	mti, ok := answerMTI(m.MTI())
	if !ok {
		l.log.Warn().Str("mti", m.MTI()).Msg("message dropped: neither request nor expected answer")
		return
	}
	a := answerTo(m, mti, []int{2, 3, 4, 7, 11, 12, 13, 15, 18, 25, 32, 33, 37, 41, 42, 49, 60, 70, 100})
	a.Set(39, codeUnsupported)
	l.send(reply{bytes: l.pack(a)})
}

// headerFault is the reject code for a header; "" if it is as prescribed.
func headerFault(frame []byte, cfg Config) string {
	h, err := cups.ParseHeader(frame)
	switch {
	case err != nil:
		return cups.RejectHeader
	case h.Version&^testFlag != version1 && h.Version&^testFlag != version2:
		return rejectVersion
	case h.Total != len(frame):
		return cups.RejectLength
	case h.Dest != CentreID:
		return cups.RejectDest
	case !digits(h.Source, 8, 11) || !cfg.member(h.Source):
		return cups.RejectSource
	}
	return ""
}

// What headers may say, and what package cups has no name for.
const (
	testFlag          = 0x80 // in the version
	version1          = 0x01
	version2          = 0x02
	rejectVersion     = "00025"
	mtiReversalRepeat = "0421"
	offsetSource      = 17
)

// reject sends a message back behind a header with the reject code. The message
// stands there as it came, its own header included. One that does not fit in a
// frame with a second header is dropped.
func (l *link) reject(frame []byte, code string) {
	if len(frame)+cups.HeaderLen > cups.MaxMessage {
		l.log.Warn().Msg("message is too long to be sent back")
		return
	}
	source := strings.TrimSpace(string(frame[offsetSource : offsetSource+11]))
	if !spec.Printable(source) {
		source = ""
	}
	h := cups.NewHeader(source, CentreID)
	h.Reject, h.Total = code, len(frame)+cups.HeaderLen
	out, err := h.Append(make([]byte, 0, h.Total))
	if err != nil {
		l.log.Error().Err(err).Msg("reject header")
		return
	}
	l.send(reply{bytes: cups.AppendFrame(nil, append(out, frame...))})
}

// answerMTI is the type of the answer to a request or advice.
func answerMTI(mti string) (string, bool) {
	n, err := strconv.Atoi(mti)
	if err != nil || n/10%10 != 0 && n/10%10 != 2 {
		return "", false
	}
	n = n - n%2 + 10 // a repeat is answered like the first
	text := "000" + strconv.Itoa(n)
	return text[len(text)-4:], true
}

// answerTo begins an answer: header exchanged, and the listed fields of the
// request that are there.
func answerTo(m *cups.Message, mti string, echo []int) *cups.Message {
	a := cups.New(mti)
	a.SetHeader(m.Header().Answer())
	for _, id := range echo {
		if m.Has(id) {
			a.SetBytes(id, m.Bytes(id))
		}
	}
	return a
}

// missing is the first of the fields that a message lacks; 0 if it has all.
func missing(m *cups.Message, fields []int) int {
	for _, id := range fields {
		if !m.Has(id) {
			return id
		}
	}
	return 0
}

// pack writes a message with its length prefix. A message that cannot be written
// is a mistake of this package; it is logged and nothing is sent.
func (l *link) pack(m *cups.Message) []byte { return packed(m, l.log) }

func packed(m *cups.Message, log zerolog.Logger) []byte {
	frame, err := m.Pack()
	if err != nil {
		log.Error().Err(err).Str("mti", m.MTI()).Msg("answer cannot be written")
		return nil
	}
	return cups.AppendFrame(nil, frame)
}
