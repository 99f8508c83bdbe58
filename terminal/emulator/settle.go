package emulator

import (
	"context"
	"fmt"

	"example.com/ringback/spec/pos"
)

// Settlement is what a terminal knows of the settlement of its batch.
type Settlement struct {
	Batch     string `json:"batch"`
	Debits    int    `json:"debits"` // as the terminal said
	AmountFen int64  `json:"amount_fen"`
	Agreed    bool   `json:"agreed"`   // the switch counts the same
	Uploaded  int    `json:"uploaded"` // details sent because it does not
	Done      bool   `json:"done"`     // the switch has closed the batch
}

// BatchFaults make a terminal settle as a bad one does. The zero value is a good one.
type BatchFaults struct {
	WrongFen    int64 // added to the total
	ForgetSlip  bool  // the first slip is neither counted nor listed
	UnknownSlip bool  // one that never was is counted and listed
	NoEnd       bool  // the end is never sent, and the slips stay
	Unsigned    bool  // no F64, as the dialect has it
}

// unknownSTAN is the trace number of the slip that never was.
const unknownSTAN = "999998"

// Settle closes the batch: it sends the totals of all slips that are kept (0500), uploads each of them if the switch does not
// count the same (0320), and says that this was all. An undo that is owed goes first. Then the slips are forgotten and the
// working keys with them: what comes next begins with a sign-on, which brings the next batch. After an error the slips stay, and Settle may be called
// again: the switch tells a repeat.
func (t *Terminal) Settle(ctx context.Context) (Settlement, error) {
	release, err := t.take(ctx)
	if err != nil {
		return Settlement{}, failure(PhaseSettle, err)
	}
	defer release()
	s, e := t.settleBatch(ctx)
	return s, plain(e)
}

func (t *Terminal) settleBatch(ctx context.Context) (s Settlement, e *Error) {
	details, err := t.details()
	if err != nil {
		return s, failure(PhaseSettle, err)
	}
	a, e := t.sendTotals(ctx, details.all())
	if e != nil {
		return s, e
	}
	s, e = t.settlement(a)
	if e != nil {
		return s, e
	}
	if !s.Agreed {
		if e := t.upload(ctx, pos.NetSettle, details.stripe); e != nil {
			return s, e
		}
		s.Uploaded = len(details.all())
	}
	if e := t.uploadChips(ctx, s.Agreed, details.chip); e != nil || t.cfg.Faults.NoEnd {
		return s, e
	}
	if e := t.endBatch(ctx, s); e != nil {
		return s, e
	}
	if err := t.commit(func(s *state) { s.Slips, s.Keys = nil, nil }); err != nil {
		return s, failure(PhaseSettle, err)
	}
	t.keys, s.Done = nil, true
	return s, nil
}

// details are the slips, opened, by how they are uploaded.
type details struct{ stripe, chip []pos.Detail }

func (d details) all() []pos.Detail { return append(d.stripe[:len(d.stripe):len(d.stripe)], d.chip...) }

func (t *Terminal) details() (d details, err error) {
	slips := t.state.Slips
	if t.cfg.Faults.ForgetSlip && len(slips) > 0 {
		slips = slips[1:]
	}
	for _, s := range slips {
		detail, err := t.cfg.detail(s)
		if err != nil {
			return d, err
		}
		if s.Chip {
			d.chip = append(d.chip, detail)
		} else {
			d.stripe = append(d.stripe, detail)
		}
	}
	if t.cfg.Faults.UnknownSlip {
		d.stripe = append(d.stripe, pos.Detail{STAN: unknownSTAN, PAN: "6222020000000000018", AmountFen: 1})
	}
	return d, nil
}

// sendTotals sends the 0500. Refused for want of a session, or because the batch is closed, it is sent again after a
// sign-on, once.
func (t *Terminal) sendTotals(ctx context.Context, all []pos.Detail) (answer, *Error) {
	for again := false; ; again = true {
		if e := t.ready(ctx); e != nil {
			return answer{}, e
		}
		m := t.networkMessage(pos.MTISettle, pos.NetSettle)
		totals := pos.Totals{Domestic: pos.Block{Debits: len(all), DebitFen: t.cfg.Faults.WrongFen}}
		for _, d := range all {
			totals.Domestic.DebitFen += d.AmountFen
		}
		text, err := totals.Encode()
		if err != nil {
			return answer{}, failure(PhaseSettle, err)
		}
		m.Set(48, text)
		m.Set(49, "156")
		m.Set(63, fmt.Sprintf("%-3s", t.cfg.Operator))
		a, e := t.sendBatch(ctx, m)
		if e == nil || again || !a.refusesForSession() {
			return a, e
		}
	}
}

// sendBatch sends one message of a settlement, signed or as the dialect has it.
func (t *Terminal) sendBatch(ctx context.Context, m *pos.Message) (answer, *Error) {
	t.number(m)
	return t.sendNumbered(ctx, m, takeNumber)
}

func (t *Terminal) sendNumbered(ctx context.Context, m *pos.Message, change func(*state)) (answer, *Error) {
	var mac func([]byte) [8]byte
	if !t.cfg.Faults.Unsigned {
		mac = t.mac()
	}
	a, err := t.transmit(ctx, m, mac, change)
	switch {
	case err != nil:
		return a, failure(PhaseSettle, err)
	case !a.verified:
		return a, failure(PhaseSettle, fmt.Errorf("%w: F64", ErrBadAnswer))
	case a.code != "" && a.code != "00":
		return a, refusal(PhaseSettle, a)
	}
	return a, nil
}

// settlement reads the 0510: what is said of the totals, which must be those that were sent.
func (t *Terminal) settlement(a answer) (Settlement, *Error) {
	f60, err := pos.ParseField60(a.msg.Get(60))
	if err != nil {
		return Settlement{}, failure(PhaseSettle, fmt.Errorf("%w: F60", ErrBadAnswer))
	}
	totals, err := pos.ParseTotals(a.msg.Get(48))
	if err != nil {
		return Settlement{}, failure(PhaseSettle, fmt.Errorf("%w: %w", ErrBadAnswer, err))
	}
	d := totals.Domestic
	if d.Match == pos.MatchAsked || d.Match == pos.MatchError {
		return Settlement{}, failure(PhaseSettle, fmt.Errorf("%w: the totals were not compared", ErrBadAnswer))
	}
	return Settlement{Batch: f60.Batch, Debits: d.Debits, AmountFen: d.DebitFen,
		Agreed: d.Match == pos.MatchEven && totals.Foreign.Match == pos.MatchEven}, nil
}

// upload sends stripe details, as many in a message as it holds.
func (t *Terminal) upload(ctx context.Context, code string, list []pos.Detail) *Error {
	for len(list) > 0 {
		n := min(len(list), pos.MaxDetails)
		text, err := pos.EncodeDetails(list[:n])
		if err != nil {
			return failure(PhaseSettle, err)
		}
		m := t.networkMessage(pos.MTIBatch, code)
		m.Set(48, text)
		if _, e := t.sendBatch(ctx, m); e != nil {
			return e
		}
		list = list[n:]
	}
	return nil
}

// uploadChips sends the detail of each chip payment, which the switch wants whether it agreed or not. It carries the trace
// number of its payment.
func (t *Terminal) uploadChips(ctx context.Context, agreed bool, list []pos.Detail) *Error {
	code := pos.NetChipUneven
	if agreed {
		code = pos.NetChipEven
	}
	for _, d := range list {
		m := t.networkMessage(pos.MTIBatch, code)
		m.Set(2, d.PAN)
		m.Set(4, fmt.Sprintf("%012d", d.AmountFen))
		m.Set(11, d.STAN)
		m.Set(22, "051")
		m.SetBytes(62, fmt.Appendf(nil, "610000%012d156", d.AmountFen)) // F55 is not kept
		if _, e := t.sendNumbered(ctx, m, func(*state) {}); e != nil {
			return e
		}
	}
	return nil
}

func (t *Terminal) endBatch(ctx context.Context, s Settlement) *Error {
	code := pos.NetBatchUneven
	if s.Agreed {
		code = pos.NetBatchEven
	}
	text, err := pos.EncodeEndOfBatch(s.Uploaded)
	if err != nil {
		return failure(PhaseSettle, err)
	}
	m := t.networkMessage(pos.MTIBatch, code)
	m.Set(48, text)
	_, e := t.sendBatch(ctx, m)
	return e
}
