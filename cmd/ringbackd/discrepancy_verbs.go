package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	acquirer "example.com/ringback/switch"
)

// discrepancyCmd groups the verbs on the worklist.
type discrepancyCmd struct {
	List    discrepancyListCmd    `cmd:"" help:"List where we and the host, or a terminal, disagree."`
	Show    discrepancyShowCmd    `cmd:"" help:"Show one, with what may be done about it."`
	Resolve discrepancyResolveCmd `cmd:"" help:"Close one. What was done about it is done outside; this says what came of it."`
}

// discrepancyListCmd lists the worklist.
type discrepancyListCmd struct {
	configFlag
	jsonFlag
	Date  string `help:"Only of this settlement date, yyyymmdd."`
	All   bool   `help:"The closed ones, too."`
	After int64  `help:"Only those with a number greater than this."`
	Limit int    `default:"1000" help:"At most so many (${default})."`
}

// discrepancyJSON is one entry of the worklist.
type discrepancyJSON struct {
	ID        int64        `json:"id"`
	Kind      string       `json:"kind"`
	Date      string       `json:"date"`
	RRN       string       `json:"rrn,omitempty"`
	OursFen   acquirer.Fen `json:"ours_fen"`
	TheirsFen acquirer.Fen `json:"theirs_fen"`
	Opened    string       `json:"opened"`
	Why       string       `json:"why"`
	State     string       `json:"state"` // open or resolved
	May       []string     `json:"may,omitempty"`

	Resolution string `json:"resolution,omitempty"`
	Because    string `json:"because,omitempty"`
	Who        string `json:"who,omitempty"`
	At         string `json:"at,omitempty"`
}

func showDiscrepancy(d *acquirer.Discrepancy) discrepancyJSON {
	out := discrepancyJSON{ID: d.ID, Kind: string(d.Kind), Date: fmt.Sprint(d.Date), RRN: string(d.RRN), OursFen: d.Ours, TheirsFen: d.Theirs,
		Opened: clockText(d.Opened), Why: d.Why, State: "open"}
	if c := d.Closed; c != nil {
		out.State, out.Resolution, out.Because, out.Who, out.At = "resolved", string(c.As), c.Why, c.Who, clockText(c.At)
		return out
	}
	for _, r := range acquirer.Resolutions[d.Kind] {
		out.May = append(out.May, string(r))
	}
	return out
}

func showDiscrepancies(all []*acquirer.Discrepancy) []discrepancyJSON {
	out := make([]discrepancyJSON, 0, len(all))
	for _, d := range all {
		out = append(out, showDiscrepancy(d))
	}
	return out
}

// Run prints the list.
func (l *discrepancyListCmd) Run(ctx context.Context) error {
	date, err := optionalDate(l.Date)
	if err != nil {
		return err
	}
	if l.Limit < 1 {
		return usage("limit is not 1 or more")
	}
	return with(ctx, l.Config, func(i *installation) error {
		all, err := i.db.Discrepancies(ctx, date, l.All, l.After, l.Limit)
		if err != nil {
			return err
		}
		out := showDiscrepancies(all)
		if l.JSON {
			return printJSON(out)
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tDATE\tKIND\tRRN\tOURS\tTHEIRS\tSTATE\tWHY")
		for _, d := range out {
			state := d.State
			if d.Resolution != "" {
				state = d.Resolution
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Date, d.Kind, d.RRN, d.OursFen, d.TheirsFen, state, d.Why)
		}
		return w.Flush()
	})
}

// discrepancyShowCmd shows one entry.
type discrepancyShowCmd struct {
	configFlag
	jsonFlag
	ID int64 `arg:"" help:"Its number."`
}

func (s *discrepancyShowCmd) object() string { return fmt.Sprintf("discrepancy %d", s.ID) }

// Run prints it.
func (s *discrepancyShowCmd) Run(ctx context.Context) error {
	return with(ctx, s.Config, func(i *installation) error {
		d, err := i.db.Discrepancy(ctx, s.ID)
		if errors.Is(err, acquirer.ErrNotFound) {
			return fmt.Errorf("there is no discrepancy %d", s.ID)
		} else if err != nil {
			return err
		}
		out := showDiscrepancy(d)
		if s.JSON {
			return printJSON(out)
		}
		fmt.Printf("discrepancy %d, %s, of %s, opened %s\n%s\nours %s, theirs %s, reference %s\n", out.ID, out.Kind, out.Date, out.Opened,
			out.Why, out.OursFen, out.TheirsFen, out.RRN)
		if out.Resolution != "" {
			fmt.Printf("%s by %s at %s: %s\n", out.Resolution, out.Who, out.At, out.Because)
			return nil
		}
		fmt.Printf("may be resolved as %s\n", strings.Join(out.May, ", "))
		return nil
	})
}

// discrepancyResolveCmd closes one entry.
type discrepancyResolveCmd struct {
	configFlag
	ID  int64  `arg:"" help:"Its number."`
	As  string `required:"" help:"What came of it; show names what is permitted."`
	Why string `required:"" help:"In your words; no name, no whole number, no whole card."`
}

// Run closes it.
func (r *discrepancyResolveCmd) Run(ctx context.Context, a act) error {
	if !r.known() {
		return usage("%q is no resolution", r.As)
	}
	return a.perform(ctx, r)
}

// known reports whether some kind may be resolved so.
func (r *discrepancyResolveCmd) known() bool {
	return slices.ContainsFunc(acquirer.Kinds(), func(k acquirer.DiscrepancyKind) bool {
		return acquirer.MayResolve(k, acquirer.Resolution(r.As))
	})
}

func (r *discrepancyResolveCmd) object() string {
	return fmt.Sprintf("discrepancy %d, as %s: %s", r.ID, r.As, maskDigits(r.Why))
}

func (r *discrepancyResolveCmd) carryOut(ctx context.Context, i *installation) (result, error) {
	w := acquirer.Worklist{Journal: i.db, Ledger: i.db, Payees: i.db}
	err := w.Resolve(ctx, acquirer.Resolved{Discrepancy: r.ID, As: acquirer.Resolution(r.As), Why: maskDigits(r.Why), Who: i.acting})
	switch {
	case errors.Is(err, acquirer.ErrNotFound):
		return result{}, fmt.Errorf("there is no discrepancy %d", r.ID)
	case err != nil:
		return result{}, err
	}
	return result{text: fmt.Sprintf("discrepancy %d is resolved as %s; the next run of its date goes on from there\n", r.ID, r.As)}, nil
}
