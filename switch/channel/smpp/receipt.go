package smpp

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/linxGnu/gosmpp/data"
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
		if s, err := decodeUCS2(d.text); err == nil {
			text = s
		}
	}
	r := receipt{id: field(text, "id:"), err: field(text, "err:")}
	if v, ok := d.tlv[tagReceiptedID]; ok {
		r.id = strings.TrimRight(string(v), "\x00")
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
	if r.id == "" || len(r.id) > maxReference {
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

// receiptID turns the name in a submit_sm_resp into the one that receipts use.
func (s *SMS) receiptID(id string) string {
	if s.ReceiptIDs != HexIDs {
		return id
	}
	if n, ok := new(big.Int).SetString(id, 16); ok {
		return n.String()
	}
	return id
}

// offered is a receipt that is to be stored, and how often that was tried in vain.
type offered struct {
	receipt
	held  held
	tries int
	due   time.Time
}

// offer stores a receipt and acknowledges it. again: its message is not written down yet.
func (s *SMS) offer(ctx context.Context, o offered) (again bool) {
	status, again := s.store(ctx, o.receipt)
	if again && o.tries < receiptTries {
		return true
	}
	if again { // nobody waits for it: a receipt of another day, or of a message that was removed
		s.noisy.Info().Str("state", stateNames[o.state]).Msg("receipt for a message that is not known")
		status = statusOK
	}
	o.held.respond(status)
	return false
}

// store makes the outcome of a message durable.
func (s *SMS) store(ctx context.Context, r receipt) (status data.CommandStatusType, again bool) {
	ended, delivered := r.final()
	if !ended {
		return statusOK, false
	}
	out := acquirer.Receipt{Device: acquirer.DeviceSMS, Delivered: delivered, Detail: r.detail(), At: time.Now()}
	meaning, notice := s.outgoing.receipt(r.id, delivered)
	switch meaning {
	case outcomeOpen:
		return statusOK, false
	case outcomeUnknown:
		out.Reference = r.id
	default:
		out.Notice = notice
	}
	switch err := s.Receipts.Receipt(ctx, out); {
	case err == nil:
		s.outgoing.told(notice)
		return statusOK, false
	case errors.Is(err, acquirer.ErrNotFound):
		return statusLater, true
	case errors.Is(err, acquirer.ErrStore):
		s.fail(err)
		return statusLater, false
	default:
		s.log.Warn().Err(err).Msg("receipt could not be stored: the centre is asked to send it again")
		return statusLater, false
	}
}
