package smpp

import (
	"math/big"
	"strings"

	"example.com/ringback/switch/channel/sms"
)

// The kinds of deliver_sm, bits 5 to 2 of esm_class (SMPP 3.4, section 5.2.12).
const (
	classMask         = 0x3C
	classMessage      = 0x00
	classReceipt      = 0x04
	classIntermediate = 0x20
)

// stateNames are the words of a receipt's text by message_state (SMPP 3.4, section 5.2.28 and appendix B).
var stateNames = []string{"", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD"}

// receipt is what a centre says of a message that it took.
type receipt struct {
	id    string
	state int    // index of stateNames; 0: none that is known
	err   string // the network's own number, of the text
}

// decodeReceipt reads a receipt: its parameters receipted_message_id and message_state, and where they are missing its
// text, "id:... sub:... dlvrd:... submit date:... done date:... stat:DELIVRD err:000 text:...". errPDU: it names no message.
func decodeReceipt(d deliver) (receipt, error) {
	text := string(d.text)
	if d.coding == codingUCS2 {
		if s, err := sms.DecodeUCS2(d.text); err == nil {
			text = s
		}
	}
	r := receipt{id: field(text, "id:"), err: field(text, "err:")}
	if _, ok := d.tlv[tagReceiptedID]; ok {
		r.id = d.ownName()
	}
	word := strings.ToUpper(field(text, "stat:"))
	for i, name := range stateNames {
		if i > 0 && word == name {
			r.state = i
		}
	}
	if v := d.tlv[tagMessageState]; len(v) == 1 {
		r.state = int(v[0])
	}
	if r.id == "" || len(r.id) > sms.MaxReference {
		return receipt{}, errPDU
	}
	if r.state >= len(stateNames) {
		r.state = 0
	}
	return r, nil
}

// field returns the word behind a key that begins a word of the text, whatever the case of the key.
func field(text, key string) string {
	if i := strings.Index(strings.ToLower(text), "text:"); i >= 0 {
		text = text[:i] // behind it is what the message said
	}
	for word := range strings.FieldsSeq(text) {
		if len(word) > len(key) && strings.EqualFold(word[:len(key)], key) {
			return word[len(key):]
		}
	}
	return ""
}

// final reports whether the state is an end, and which.
func (r receipt) final() (ended, delivered bool) {
	switch r.state {
	case 2:
		return true, true
	case 3, 4, 5, 8:
		return true, false
	}
	return false, false
}

// detail is the centre's word for the operator.
func (r receipt) detail() string {
	s := stateNames[r.state]
	if r.err != "" && len(r.err) <= 8 {
		s += " err:" + r.err
	}
	return s
}

// report is the receipt as the session wants it.
func (r receipt) report() *sms.Report {
	ended, delivered := r.final()
	return &sms.Report{ID: r.id, Ended: ended, Delivered: delivered, State: stateNames[r.state], Detail: r.detail()}
}

// receiptID turns the name in a submit_sm_resp into the one that receipts use.
func (p *protocol) receiptID(id string) string {
	if p.ReceiptIDs != HexIDs {
		return id
	}
	if n, ok := new(big.Int).SetString(id, 16); ok {
		return n.String()
	}
	return id
}
