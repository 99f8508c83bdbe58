package terminal

import (
	"strconv"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// Bits of the fields that a request must have, as in a bitmap: field 1 is the highest. F41, F42 and F64 have been seen to
// already.
const (
	always uint64 = 1<<(64-3) | 1<<(64-4) | 1<<(64-11) | 1<<(64-22) | 1<<(64-25) | 1<<(64-49) | 1<<(64-60)

	inquiryFields = always | 1<<(64-62)
	debitFields   = always | 1<<(64-26) | 1<<(64-52) | 1<<(64-53) | 1<<(64-62)
	undoFields    = always | 1<<(64-39)
)

const (
	currencyYuan = "156" // F49
	maxMemo      = 60    // bytes of MO
	pinSM4       = 16    // bytes of SM
)

// decodeInquiry reads phase 1 (PROTOCOL 1.2). Whether the numbers are any is for the flow to say.
func (q *session) decodeInquiry() (r acquirer.InquiryRequest, err error) {
	if err := q.checkFields(inquiryFields, pos.KindInquiry); err != nil {
		return r, err
	}
	els, err := q.elements()
	if err != nil {
		return r, err
	}
	r = acquirer.InquiryRequest{Terminal: q.terminal, Payee: els.payee, Payer: els.payer, Received: q.received}
	r.Amount, err = q.amount()
	return r, err
}

// decodeDebit reads phase 2. A missing CT is no fault of form: the flow refuses it with P4.
func (q *session) decodeDebit() (r acquirer.DebitRequest, err error) {
	if err := q.checkFields(debitFields, pos.KindDebit); err != nil {
		return r, err
	}
	els, err := q.elements()
	if err != nil {
		return r, err
	}
	m := q.message
	r = acquirer.DebitRequest{
		Terminal: q.terminal, Batch: batchOf(q.f60),
		Payee: els.payee, Payer: els.payer, Memo: els.memo, Token: els.token,
		EntryMode: m.Get(22), CardSeq: m.Get(23), ICData: m.Bytes(55), Received: q.received,
	}
	if err := q.decodeCard(&r); err != nil {
		return r, err
	}
	if r.PIN, err = q.decodePIN(els); err != nil {
		return r, err
	}
	if r.STAN, err = q.stan(); err != nil {
		return r, err
	}
	r.Amount, err = q.amount()
	return r, err
}

// decodePIN takes the PIN block from F52, or of a terminal with SM4 keys, whose block F52 is too short for, from the
// element SM.
func (q *session) decodePIN(els elements) (acquirer.PINBlock, error) {
	security, block := pos.SecurityDES, q.message.Bytes(52)
	if q.terminal.Profile.SM4 {
		security = pos.SecuritySM4
	}
	if q.message.Get(53) != security {
		return acquirer.PINBlock{}, refusal(acquirer.CodePINFormat, nil)
	}
	if q.terminal.Profile.SM4 {
		if [8]byte(block) != [8]byte{} || len(els.pin) != pinSM4 {
			return acquirer.PINBlock{}, malformedField("F52 is not zeros, or SM is not 16 bytes")
		}
		block = els.pin
	}
	pin, err := acquirer.NewPINBlock(block)
	if err != nil {
		return pin, refusal(acquirer.CodeFormat, err)
	}
	return pin, nil
}

// decodeCard reads the card: from track 2, or keyed in F2 and F14 where the terminal's profile allows it.
func (q *session) decodeCard(r *acquirer.DebitRequest) (err error) {
	m := q.message
	if m.Has(36) {
		if r.Track3, err = acquirer.ParseTrack3(m.Get(36)); err != nil {
			return refusal(acquirer.CodeFormat, err)
		}
	}
	if !m.Has(35) {
		return q.decodeKeyedCard(r)
	}
	if r.Track2, err = acquirer.ParseTrack2(m.Get(35)); err != nil {
		return refusal(acquirer.CodeFormat, err)
	}
	r.Card, r.Expiry = r.Track2.PAN(), r.Track2.Expiry()
	if m.Has(2) && m.Get(2) != r.Card.Reveal() {
		return malformedField("F2 is not the card of F35")
	}
	return nil
}

func (q *session) decodeKeyedCard(r *acquirer.DebitRequest) (err error) {
	m := q.message
	switch {
	case !m.Has(2) || !m.Has(14):
		return malformedField("no card: F35 is missing, and so is F2 or F14")
	case !q.terminal.Profile.KeyedEntry:
		return refusal(acquirer.CodeBlocked, nil)
	}
	if r.Card, err = acquirer.ParsePAN(m.Get(2)); err != nil {
		return refusal(acquirer.CodeFormat, err)
	}
	r.Expiry = m.Get(14)
	return nil
}

// decodeUndo reads a 0400. The amount plays no part in finding the debit, so that none is wrong.
func (q *session) decodeUndo() (r acquirer.UndoRequest, err error) {
	if err := q.checkFields(undoFields, pos.KindDebit); err != nil {
		return r, err
	}
	r = acquirer.UndoRequest{Terminal: q.terminal, Batch: batchOf(q.f60), Reason: undoReason(q.message.Get(39))}
	if r.STAN, err = q.stan(); err != nil {
		return r, err
	}
	r.Amount, err = q.amount()
	return r, err
}

// undoReason keeps the reasons of the dialect (page, section 4.1) and makes 06, other, of any else: why a terminal wants a
// debit undone never decides whether it is.
func undoReason(f39 string) acquirer.ResponseCode {
	switch f39 {
	case "98", "96", "A0":
		return acquirer.ResponseCode(f39)
	}
	return "06"
}

// checkFields tells a request that is not ours (40) from one of ours that is malformed (30).
func (q *session) checkFields(required uint64, kind string) error {
	m := q.message
	switch {
	case m.Has(3) && m.Get(3) != pos.ProcPhonePay, m.Has(25) && m.Get(25) != pos.CondPhonePay:
		return refusal(acquirer.CodeNotSupported, nil)
	case q.head.Bits&required != required:
		return malformedField("a required field is missing")
	case q.f60.Kind != kind:
		return malformedField("60.1 is not that of the message")
	case m.Get(49) != currencyYuan:
		return malformedField("F49 is not 156")
	}
	return nil
}

// elements is what F62 of a request may say.
type elements struct {
	payee, payer, token, memo string
	pin                       []byte // enciphered; nil: none
}

func (q *session) elements() (e elements, err error) {
	list, err := spec.ParseElements(q.message.Bytes(62))
	if err != nil {
		return e, refusal(acquirer.CodeFormat, err)
	}
	payee, ok := spec.Find(list, pos.TagPayee)
	payer, also := spec.Find(list, pos.TagPayer)
	if !ok || !also {
		return e, malformedField("PE or PR is missing")
	}
	token, _ := spec.Find(list, pos.TagToken)
	pin, _ := spec.Find(list, pos.TagPIN)
	e = elements{payee: string(payee), payer: string(payer), token: string(token), pin: pin}
	e.memo, err = decodeMemo(list)
	return e, err
}

// decodeMemo reads MO, which may be absent but not empty.
func decodeMemo(list []spec.Element) (string, error) {
	memo, ok := spec.Find(list, pos.TagMemo)
	if !ok {
		return "", nil
	}
	if len(memo) == 0 || len(memo) > maxMemo {
		return "", malformedField("MO is not 1 to 60 bytes")
	}
	text, err := spec.DecodeGBK(memo)
	if err != nil {
		return "", refusal(acquirer.CodeFormat, err)
	}
	return text, nil
}

func (q *session) amount() (acquirer.Fen, error) {
	f, err := acquirer.ParseFen(q.message.Get(4))
	if err != nil {
		return 0, refusal(acquirer.CodeBadAmount, err)
	}
	return f, nil
}

func (q *session) stan() (acquirer.STAN, error) {
	s, err := acquirer.ParseSTAN(q.message.Get(11))
	if err != nil {
		return 0, refusal(acquirer.CodeFormat, err)
	}
	return s, nil
}

// batchOf returns 60.2, whose six digits ParseField60 has checked.
func batchOf(f pos.Field60) int {
	n, err := strconv.Atoi(f.Batch)
	if err != nil {
		return -1 // the batch of no session
	}
	return n
}
