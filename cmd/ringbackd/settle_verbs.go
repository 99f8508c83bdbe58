package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
)

// settlePoll is how often a verb looks how far the serving switch is.
const settlePoll = 200 * time.Millisecond

// settleCmd settles a date.
type settleCmd struct {
	configFlag
	jsonFlag
	Date string        `help:"The settlement date, yyyymmdd; without it that of the last approved debit."`
	Wait time.Duration `default:"60s" help:"How long to wait for the host's list and its payouts (${default}); what has not come by then comes later."`
}

// Run asks the switch that serves and follows it.
func (s *settleCmd) Run(ctx context.Context, a act) error {
	if _, err := optionalDate(s.Date); err != nil {
		return err
	}
	return a.perform(ctx, s)
}

func (s *settleCmd) object() string {
	if s.Date == "" {
		return "the open settlement date"
	}
	return "settlement date " + s.Date
}

// optionalDate reads a date; empty is 0.
func optionalDate(s string) (acquirer.Date, error) {
	if s == "" {
		return 0, nil
	}
	d, err := parseDate(s)
	if err != nil {
		return 0, usage("%v", err)
	}
	return d, nil
}

func (s *settleCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	unlock, err := lockStore(i.config.Store.Path)
	if err == nil {
		return result{}, errors.Join(errors.New("no switch serves this store, and only one that does can settle: start it, then settle"), unlock())
	}
	date, err := optionalDate(s.Date)
	if err == nil && date == 0 {
		date, err = openDate(ctx, i)
	}
	if err != nil {
		return result{}, err
	}
	asked, err := acquirer.AskSettlement(ctx, i.db, date, time.Now())
	if err != nil {
		return result{}, err
	}
	rep, err := s.follow(ctx, i, asked)
	if err != nil {
		return result{}, err
	}
	out := showSettlement(rep)
	return result{json: out, text: out.text()}, nil
}

// follow waits until the run has ended and the host has said what became of the payouts, or the time is over.
func (s *settleCmd) follow(ctx context.Context, i *installation, asked *acquirer.SettlementDay) (*acquirer.SettlementReport, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Wait)
	defer cancel()
	shown := ""
	for {
		st, err := i.db.Settlement(context.WithoutCancel(ctx), asked.Date)
		if err != nil {
			return nil, err
		}
		if now := fmt.Sprintf("%d: %s, %d lines of the host's list", st.Date, st.Stage, st.Lines); now != shown {
			fmt.Fprintln(os.Stderr, now)
			shown = now
		}
		waits := st.Owed() || st.Note == acquirer.AwaitsFile
		if !waits || ctx.Err() != nil {
			rep, err := acquirer.ReportSettlement(context.WithoutCancel(ctx), i.db, asked.Date, i.db, acquirer.Witness(i.config.Settlement.Witness))
			if err != nil || rep.Paying.Count == 0 || ctx.Err() != nil {
				return rep, err
			}
		}
		select {
		case <-time.After(settlePoll):
		case <-ctx.Done():
		}
	}
}

// sumJSON is a number of payments and what they come to.
type sumJSON struct {
	Count     int64        `json:"count"`
	AmountFen acquirer.Fen `json:"amount_fen"`
}

func showSum(s acquirer.Sum) sumJSON { return sumJSON{s.Count, s.Fen} }

// waitingJSON is a payment whose payout waits.
type waitingJSON struct {
	RRN       string       `json:"rrn"`
	Terminal  string       `json:"terminal"`
	AmountFen acquirer.Fen `json:"amount_fen"`
	State     string       `json:"state"`
	Why       string       `json:"why"`
}

// settlementJSON is how a settlement date stands.
type settlementJSON struct {
	Date          string            `json:"date"`
	Stage         string            `json:"stage"`
	CutOff        string            `json:"cut_off,omitempty"`
	File          string            `json:"file,omitempty"`
	Balance       string            `json:"balance"`
	OurDebits     sumJSON           `json:"our_debits"`
	OurReversals  sumJSON           `json:"our_reversals"`
	HostDebits    sumJSON           `json:"host_debits"`
	HostReversals sumJSON           `json:"host_reversals"`
	Paid          sumJSON           `json:"paid"`
	Paying        sumJSON           `json:"paying"`
	Settled       sumJSON           `json:"settled"`
	Waiting       sumJSON           `json:"waiting"`
	Closed        sumJSON           `json:"closed"` // nobody is paid for them, as people decided
	Undone        sumJSON           `json:"undone"`
	Waits         []waitingJSON     `json:"waits"`
	Discrepancies []discrepancyJSON `json:"discrepancies"` // open
	Note          string            `json:"note"`
}

func showSettlement(r *acquirer.SettlementReport) settlementJSON {
	out := settlementJSON{Date: fmt.Sprint(r.Date), Stage: r.Stage.String(), CutOff: r.CutOff, File: r.File, Balance: r.Balance.Text(),
		OurDebits: showSum(r.Ours.Debits), OurReversals: showSum(r.Ours.DebitReversals),
		HostDebits: showSum(r.Theirs.Debits), HostReversals: showSum(r.Theirs.DebitReversals),
		Paid: showSum(r.Paid), Paying: showSum(r.Paying), Settled: showSum(r.Settled), Waiting: showSum(r.Wait), Closed: showSum(r.Closed),
		Undone: showSum(r.Undone), Waits: []waitingJSON{}, Discrepancies: showDiscrepancies(r.Open), Note: r.Note}
	for _, w := range r.Waits {
		out.Waits = append(out.Waits, waitingJSON{string(w.RRN), string(w.Terminal), w.Amount, w.State.String(), w.Why})
	}
	return out
}

// text is the report for people.
func (s settlementJSON) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "settlement date %s: %s, %s\n", s.Date, s.Stage, s.Balance)
	for _, row := range []struct {
		name string
		sum  sumJSON
	}{{"paid", s.Paid}, {"paying", s.Paying}, {"settled", s.Settled}, {"waiting", s.Waiting}, {"closed", s.Closed}, {"undone", s.Undone}} {
		if row.sum.Count > 0 {
			fmt.Fprintf(&b, "%-8s %6d %16s\n", row.name, row.sum.Count, row.sum.AmountFen)
		}
	}
	for _, w := range s.Waits {
		fmt.Fprintf(&b, "%s %12s waits: %s\n", w.RRN, w.AmountFen, w.Why)
	}
	for _, d := range s.Discrepancies {
		fmt.Fprintf(&b, "discrepancy %d, %s: %s\n", d.ID, d.Kind, d.Why)
	}
	fmt.Fprintln(&b, s.Note)
	return b.String()
}
