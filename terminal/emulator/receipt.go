package emulator

import (
	"fmt"
	"time"

	"example.com/ringback/spec"
)

// Outcome is how a payment ended.
type Outcome string

// The outcomes of a payment.
const (
	Approved Outcome = "approved"
	Refused  Outcome = "refused" // no money moved
	Unknown  Outcome = "unknown" // the debit was sent and nothing settled it: it is undone, or owed to be
)

// Receipt is what a terminal knows about one payment, in a form that may be printed and kept: card and numbers masked,
// no PIN, no token.
type Receipt struct {
	Terminal   string  `json:"terminal"`
	Merchant   string  `json:"merchant"`
	Operator   string  `json:"operator"`
	Batch      string  `json:"batch"`
	STAN       string  `json:"stan"` // of the last message that belongs to the payment; "" if none was sent
	Outcome    Outcome `json:"result"`
	Phase      Phase   `json:"phase"` // where it ended
	Code       string  `json:"code"`  // F39; "" without an answer that can be believed
	Text       string  `json:"text"`
	PayeeName  string  `json:"payee_name"` // second character hidden
	Payee      string  `json:"payee"`
	Payer      string  `json:"payer"`
	AmountFen  int64   `json:"amount_fen"`
	Memo       string  `json:"memo,omitempty"`
	Card       string  `json:"card"`
	EntryMode  string  `json:"entry_mode"`
	RRN        string  `json:"rrn"`
	AuthCode   string  `json:"auth_code"`
	SettleDate string  `json:"settle_date"` // MMDD
	Time       string  `json:"time"`        // the switch's, 2006-01-02T15:04:05
	Undone     bool    `json:"undone"`      // the switch has taken over the undo
}

// blankReceipt is a receipt before there is an answer.
func (t *Terminal) blankReceipt(q Inquiry) Receipt {
	return Receipt{
		Terminal: t.cfg.TerminalID, Merchant: t.cfg.MerchantID, Operator: t.cfg.Operator,
		Batch: t.batch(), STAN: q.STAN, Outcome: Refused, Phase: PhaseDebit,
		PayeeName: q.Name, Payee: spec.MaskMobile(q.Payee), Payer: spec.MaskMobile(q.Payer),
		AmountFen: q.AmountFen, Memo: spec.Scrub(q.Memo), Card: q.Card.String(), EntryMode: q.Card.entryMode(),
	}
}

// failed returns the receipt of a payment that ended with an error; what the answer said stays.
func (r Receipt) failed(e *Error) Receipt {
	r.Phase, r.Code, r.Text = e.Phase, e.Code, e.Text
	if r.Text == "" && e.Err != nil {
		r.Text = e.Err.Error()
	}
	return r
}

// take fills in what the answer to a debit tells, if it can be believed.
func (r *Receipt) take(a answer) {
	if !a.verified {
		r.Text = ErrBadAnswer.Error()
		return
	}
	r.Code, r.Text = a.code, a.text()
	r.RRN, r.AuthCode, r.SettleDate = a.msg.Get(37), a.msg.Get(38), a.msg.Get(15)
	if at, ok := switchTime(a.msg.Get(13), a.msg.Get(12), time.Now()); ok {
		r.Time = at.Format("2006-01-02T15:04:05")
	}
}

// switchTime reads F13 and F12. The line carries no year: it is the one that brings the date nearest to now.
func switchTime(date, clock string, now time.Time) (best time.Time, ok bool) {
	for year := now.Year() - 1; year <= now.Year()+1; year++ {
		at, err := time.ParseInLocation("20060102150405", fmt.Sprintf("%04d%s%s", year, date, clock), now.Location())
		if err == nil && (!ok || at.Sub(now).Abs() < best.Sub(now).Abs()) {
			best, ok = at, true
		}
	}
	return best, ok
}
