package terminal

import (
	"fmt"
	"strings"
	"time"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// encodeInquiryResponse makes the 0110 with the payee's masked name and the confirmation token.
func (q *session) encodeInquiryResponse(i acquirer.Inquiry) *pos.Message {
	m := q.reply(acquirer.CodeApproved, i.At, i.RRN)
	name := spec.AppendElement(nil, pos.TagName, spec.EncodeGBK(i.Name))
	m.SetBytes(62, spec.AppendElement(name, pos.TagToken, []byte(i.Token)))
	return m
}

// encodeDebitResponse makes the 0210 from the journal row and the request alone, so that a repeat gets the same.
func (q *session) encodeDebitResponse(t *acquirer.Transaction) *pos.Message {
	m := q.reply(t.Code, t.Answered, t.RRN())
	setFitting(m, 15, t.SettleDate)
	setFitting(m, 38, t.AuthCode)
	setFitting(m, 44, t.HostText)
	q.explainCode(m, t.Code)
	return m
}

// encodeUndoResponse makes the 0410: always 00 (PROTOCOL 1.2).
func (q *session) encodeUndoResponse(t *acquirer.Transaction, at time.Time) *pos.Message {
	return q.reply(acquirer.CodeApproved, at, t.RRN())
}

// encodeRefusal makes the answer to a request that no flow answered. It says what could be read of the request.
func (q *session) encodeRefusal(code acquirer.ResponseCode) *pos.Message {
	now := time.Now()
	if q.message == nil && !q.faulty() {
		// An error leaves message nil: then reply takes what it can from the frame.
		q.message, _ = pos.Unpack(q.frame)
	}
	m := q.reply(code, now, q.server.Switch.Reference(now))
	q.explainCode(m, code)
	q.explainTotals(m)
	return m
}

// encodeSignOnResponse makes the 0810: 60.2 is the new batch, F62 the key block (dialect page, section 3.3).
func (q *session) encodeSignOnResponse(a acquirer.SignOnAnswer, at time.Time) (*pos.Message, error) {
	sealed := func(k acquirer.WrappedKey) pos.Sealed { return pos.Sealed{Key: k.Enciphered, CV: k.Check} }
	block, err := pos.BuildWorkKeys(pos.WorkKeys{PIK: sealed(a.PIK), MAK: sealed(a.MAK), TDK: sealed(a.TDK)})
	if err != nil {
		return nil, err
	}
	q.f60.Batch = fmt.Sprintf("%06d", a.Batch)
	m := q.reply(acquirer.CodeApproved, at, q.server.Switch.Reference(at))
	m.Set(60, q.f60.String())
	m.SetBytes(62, block)
	return m, nil
}

// encodeSignOffResponse makes the 0830 to 60.3 = 002.
func (q *session) encodeSignOffResponse(at time.Time) *pos.Message {
	return q.reply(acquirer.CodeApproved, at, q.server.Switch.Reference(at))
}

// encodeEchoResponse makes the 0830 to 60.3 = 301, which has neither F32 nor F37.
func (q *session) encodeEchoResponse(at time.Time) *pos.Message {
	return q.reply(acquirer.CodeApproved, at, "")
}

// reply starts a response: what it repeats of the request, and what every one of its kind has. F64 comes with seal.
func (q *session) reply(code acquirer.ResponseCode, at time.Time, ref acquirer.RRN) *pos.Message {
	m := pos.New(q.head.ResponseMTI())
	m.SetEnvelope(q.envelope.Answer(processing(code)))
	repeated := [...]int{11, 41, 42, 60, 3, 4, 25, 49}
	for i, id := range repeated {
		if q.management() && i >= 4 {
			break
		}
		if v := q.value(id); v != "" {
			m.Set(id, v)
		}
	}
	clock := at.In(acquirer.Beijing).Format("0102150405")
	m.Set(12, clock[4:])
	m.Set(13, clock[:4])
	m.Set(39, string(code))
	if !q.echo() {
		m.Set(32, q.server.Institution)
		m.Set(37, string(ref))
	}
	if q.mti() == pos.MTIDebit {
		setFitting(m, 2, q.pan())
	}
	return m
}

// processing is digit 6 of the header: the codes that only a new sign-on cures ask for one (PROTOCOL 1).
func processing(code acquirer.ResponseCode) byte {
	switch code {
	case acquirer.CodeSignOn, acquirer.CodePINFormat, acquirer.CodeMAC:
		return pos.ProcessingSignOn
	}
	return pos.ProcessingNone
}

// explainCode adds the text for the display to a 0110 or 0210 that is not an approval.
func (q *session) explainCode(m *pos.Message, code acquirer.ResponseCode) {
	if mti := q.mti(); code == acquirer.CodeApproved || mti != pos.MTIInquiry && mti != pos.MTIDebit {
		return
	}
	m.SetBytes(62, spec.AppendElement(nil, pos.TagText, spec.EncodeGBK(pos.Text(string(code)))))
}

// management reports whether the request is of the 08xx kind.
func (q *session) management() bool { return q.head.MTI[1] == '8' }

// value returns a field of the request that a response repeats; "" when it is absent or cannot be read. All of them but
// F60 have a fixed length.
func (q *session) value(id int) string {
	switch {
	case q.message != nil:
		return q.message.Get(id)
	case id == 60:
		return strings.TrimRight(string(q.head.Kind[:])+string(q.head.Batch[:])+string(q.head.NetCode[:]), "\x00")
	}
	raw := q.head.Raw(q.frame, id)
	f, ok := pos.Table().Format(id)
	if raw == nil || !ok {
		return ""
	}
	v, _, err := f.Code.Decode(raw, f.Max)
	if err != nil {
		return ""
	}
	return string(v)
}

// pan returns the card number of a debit as the request has it; "" when it cannot be read.
func (q *session) pan() string {
	if q.message == nil {
		return ""
	}
	if pan := q.message.Get(2); pan != "" {
		return pan
	}
	pan, _, ok := strings.Cut(q.message.Get(35), "=")
	if !ok {
		return ""
	}
	return pan
}

// setFitting sets a field that is worth less than the answer: a value that cannot be written is left out.
func setFitting(m *pos.Message, id int, value string) {
	f, ok := pos.Table().Format(id)
	if !ok || value == "" || len(value) > f.Max || f.Prefix == spec.Fixed && len(value) != f.Max {
		return
	}
	if _, err := f.Code.Encode([]byte(value)); err == nil {
		m.Set(id, value)
	}
}
