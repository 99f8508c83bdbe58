package acquirer

import (
	"context"
	"fmt"
)

// Waiting is a debit that keeps its payout waiting, and why.
type Waiting struct {
	RRN      RRN
	Terminal TerminalID
	Amount   Fen
	State    State
	Why      string
}

// SettlementReport says how a settlement date stands.
type SettlementReport struct {
	SettlementDay
	Paid, Paying, Settled Sum // standing debits of the date
	Wait                  Sum // standing debits that are not agreed, or are on the worklist
	Closed                Sum // for which nobody is paid, as people decided
	Undone                Sum
	Waits                 []Waiting // at most [MaxWaits]
	Open                  []*Discrepancy
}

// ReportSettlement looks at every row of a date; heard and w say what counts as a terminal's word. It changes nothing. [ErrNotFound]: the date
// was never settled.
func ReportSettlement(ctx context.Context, l Ledger, date Date, heard Witnesses, w Witness) (*SettlementReport, error) {
	st, err := l.Settlement(ctx, date)
	if err != nil {
		return nil, err
	}
	rep := &SettlementReport{SettlementDay: *st}
	look := &settling{Switch: New(Config{Witnesses: heard, Limits: Limits{Witness: w}}), ledger: l, st: st}
	err = look.eachRow(ctx, func(page []*Transaction) error {
		lines, err := l.LinesOf(ctx, page[0].ID, page[len(page)-1].ID)
		if err != nil {
			return err
		}
		lists := look.gather(lines)
		for _, t := range page {
			if err := rep.add(ctx, look, t, lists[t.ID]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the debits of %d: %w", date, err)
	}
	rep.Open, err = l.Discrepancies(ctx, date, false, 0, MaxWaits)
	return rep, err
}

// add counts one row.
func (rep *SettlementReport) add(ctx context.Context, look *settling, t *Transaction, l listed) error {
	why, err := look.why(ctx, t, l)
	if err != nil {
		return err
	}
	into := &rep.Wait
	switch {
	case t.State == Paid:
		into = &rep.Paid
	case isClosed(t):
		into = &rep.Closed
	case why != "":
	case t.State == Paying:
		into = &rep.Paying
	case t.State == Settled:
		into = &rep.Settled
	case !t.State.stands():
		into = &rep.Undone
	}
	*into = into.plus(t.Amount)
	if into == &rep.Wait && len(rep.Waits) < MaxWaits {
		rep.Waits = append(rep.Waits, Waiting{t.RRN(), t.Key.Terminal, t.Amount, t.State, why})
	}
	return nil
}

// why says what a row waits for; empty: nothing.
func (r *settling) why(ctx context.Context, t *Transaction, l listed) (string, error) {
	if t.Exception != "" && t.State.stands() {
		return t.Exception, nil
	}
	v := t.against(l)
	switch {
	case v.waits != "":
		return v.waits, nil
	case t.State != Approved:
		if t.State.stands() || v.kind == "" {
			return "", nil
		}
		return v.why, nil
	case !r.st.Staged:
		return AwaitsFile, nil
	case v.kind != "":
		return v.why, nil
	}
	word, err := r.word(ctx, t)
	if err == nil && word == "" {
		word = "the next run of the settlement"
	}
	return word, err
}

// isClosed reports whether people have decided that nobody is paid for a debit.
func isClosed(t *Transaction) bool {
	for _, as := range [...]Resolution{NoPayout, Refunded} {
		if t.Exception == "closed: "+string(as) {
			return true
		}
	}
	return false
}

// Done reports whether nothing of the date waits for anything but the host's word on payouts that were ordered.
func (rep *SettlementReport) Done() bool {
	return rep.Wait.Count == 0 && rep.Settled.Count == 0 && len(rep.Open) == 0
}
