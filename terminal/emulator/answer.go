package emulator

import (
	"errors"
	"slices"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// ErrBadAnswer is the cause of a failure when an answer came that cannot be believed: its F64 is wrong or missing, or
// what it says does not fit what was asked.
var ErrBadAnswer = errors.New("answer cannot be believed")

// answer is a response that belongs to a request.
type answer struct {
	msg      *pos.Message
	code     string // F39
	verified bool   // F64 is right, or the request had none
}

// readAnswer takes a frame for the answer to req, or not: type, TPDU with exchanged addresses, F11 and F41 must be its
// own. mac is nil for messages without F64.
func readAnswer(frame []byte, req *pos.Message, mac func([]byte) [8]byte) (answer, bool) {
	m, err := pos.Unpack(frame)
	if err != nil {
		return answer{}, false
	}
	same := m.MTI() == req.ResponseMTI() && m.Get(41) == req.Get(41) &&
		m.Envelope().TPDU == req.Envelope().Answer(pos.ProcessingNone).TPDU
	if req.Has(11) {
		same = same && m.Get(11) == req.Get(11)
	}
	// A 0510 says what it has to say in F48; only a refusal of one has F39.
	if !same || !m.Has(39) && m.MTI() != pos.MTISettleResponse {
		return answer{}, false
	}
	return answer{msg: m, code: m.Get(39), verified: mac == nil || goodMAC(frame, m, mac)}, true
}

func goodMAC(frame []byte, m *pos.Message, mac func([]byte) [8]byte) bool {
	input, err := pos.MACInput(frame)
	if err != nil {
		return false
	}
	want := mac(input)
	return slices.Equal(want[:], m.Bytes(64))
}

// refusesForSession reports whether the switch refused for want of a session: nothing happened, and the same thing may
// be sent again, as a new message, after a sign-on.
func (a answer) refusesForSession() bool { return a.code == "77" || a.code == "99" || a.code == "A0" }

// wantsSignOn reports whether the terminal must sign on before its next message. No MAC covers the header, so this is
// a hint, and harmless.
func (a answer) wantsSignOn() bool {
	return a.refusesForSession() || a.msg.Envelope().Processing() == pos.ProcessingSignOn
}

// echoes reports whether the fields that an answer repeats are those of the request. An answer may leave one out.
func (a answer) echoes(req *pos.Message, fields ...int) bool {
	return !slices.ContainsFunc(fields, func(id int) bool {
		return a.msg.Has(id) && a.msg.Get(id) != req.Get(id)
	})
}

// element returns the text of one element of F62.
func (a answer) element(tag string) (string, bool) {
	els, err := spec.ParseElements(a.msg.Bytes(62))
	if err != nil {
		return "", false
	}
	value, ok := spec.Find(els, tag)
	if !ok {
		return "", false
	}
	text, err := spec.DecodeGBK(value)
	return text, err == nil
}

// text is what the terminal displays: the switch's words, or else the table's.
func (a answer) text() string {
	if text, ok := a.element(pos.TagText); ok && text != "" {
		return text
	}
	return pos.Text(a.code)
}
