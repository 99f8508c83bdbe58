package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// reportCmd says what became of a settlement date's payments.
type reportCmd struct {
	configFlag
	jsonFlag
	Date string `arg:"" help:"The settlement date, yyyymmdd."`
	By   string `default:"payee,merchant,terminal" help:"The groups, of payee, merchant and terminal (${default})."`
	CSV  bool   `name:"csv" help:"Print comma-separated values, amounts in fen."`
}

// reportRowJSON is a group of a date's payments.
type reportRowJSON struct {
	By     string  `json:"by"`
	Key    string  `json:"key"` // merchant, terminal, or a payee's masked number; empty: the payee is gone
	Debits sumJSON `json:"debits"`
	Paid   sumJSON `json:"paid"`
	Agreed sumJSON `json:"agreed"` // and not paid out yet
	Waits  sumJSON `json:"waiting"`
	Closed sumJSON `json:"closed"` // nobody is ever paid
	Undone sumJSON `json:"undone"`
}

// Run prints the report, group by group as it is read.
func (c *reportCmd) Run(ctx context.Context) error {
	date, err := parseDate(c.Date)
	if err != nil {
		return usage("%v", err)
	}
	groups := strings.Split(c.By, ",")
	for _, by := range groups {
		if !store.ReportBy(by).Known() {
			return usage("no report by %q", by)
		}
	}
	if c.CSV && c.JSON {
		return usage("either --csv or --json")
	}
	return with(ctx, c.Config, func(i *installation) error {
		buffered := bufio.NewWriter(os.Stdout)
		out := c.printer(buffered)
		for _, by := range groups {
			err := i.db.Report(ctx, date, store.ReportBy(by), func(r store.ReportRow) error {
				row, err := i.showReport(ctx, by, r)
				if err != nil {
					return err
				}
				return out.row(row)
			})
			if err != nil {
				return fmt.Errorf("reporting by %s: %w", by, err)
			}
		}
		return errors.Join(out.end(), buffered.Flush())
	})
}

// showReport gives a payee the number by which people know him, masked.
func (i *installation) showReport(ctx context.Context, by string, r store.ReportRow) (reportRowJSON, error) {
	sum := func(s acquirer.Sum) sumJSON { return sumJSON{s.Count, s.Fen} }
	out := reportRowJSON{By: by, Key: r.Key, Debits: sum(r.Debits), Paid: sum(r.Paid), Agreed: sum(r.Agreed), Waits: sum(r.Waits),
		Closed: sum(r.Closed), Undone: sum(r.Undone)}
	if r.Payee.ID == 0 {
		return out, nil
	}
	p, err := i.db.PayeeByRef(ctx, r.Payee)
	if errors.Is(err, acquirer.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("reading payee %d: %w", r.Payee.ID, err)
	}
	out.Key = p.Number.Masked()
	return out, nil
}

// reportPrinter writes rows as they come.
type reportPrinter interface {
	row(r reportRowJSON) error
	end() error
}

func (c *reportCmd) printer(w io.Writer) reportPrinter {
	switch {
	case c.JSON:
		return &jsonReport{w: w, between: "["}
	case c.CSV:
		return &csvReport{w: csv.NewWriter(w)}
	}
	return &textReport{w: w}
}

// sums are the columns behind the key, in their order.
func (r *reportRowJSON) sums() [6]sumJSON {
	return [...]sumJSON{r.Debits, r.Paid, r.Agreed, r.Waits, r.Closed, r.Undone}
}

var reportColumns = [6]string{"debits", "paid", "agreed", "waiting", "closed", "undone"}

// jsonReport writes one array.
type jsonReport struct {
	w       io.Writer
	between string
}

func (j *jsonReport) row(r reportRowJSON) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(j.w, "%s\n%s", j.between, text)
	j.between = ","
	return err
}

func (j *jsonReport) end() error {
	empty := map[bool]string{true: "[]\n", false: "\n]\n"}[j.between == "["]
	_, err := io.WriteString(j.w, empty)
	return err
}

// csvReport writes a line of names, then the rows.
type csvReport struct {
	w     *csv.Writer
	begun bool
}

func (c *csvReport) begin() error {
	c.begun = true
	names := []string{"by", "key"}
	for _, name := range reportColumns {
		names = append(names, name, name+"_fen")
	}
	return c.w.Write(names)
}

func (c *csvReport) row(r reportRowJSON) error {
	if !c.begun {
		if err := c.begin(); err != nil {
			return err
		}
	}
	cells := []string{r.By, harmless(r.Key)}
	for _, s := range r.sums() {
		cells = append(cells, strconv.FormatInt(s.Count, 10), strconv.FormatInt(int64(s.AmountFen), 10))
	}
	return c.w.Write(cells)
}

func (c *csvReport) end() error {
	if !c.begun {
		if err := c.begin(); err != nil {
			return err
		}
	}
	c.w.Flush()
	return c.w.Error()
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// textReport writes for people, amounts in yuan. Its columns have a fixed width: nothing is kept to be measured.
type textReport struct {
	w  io.Writer
	by string
}

func (x *textReport) row(r reportRowJSON) error {
	if r.By != x.by {
		x.by = r.By
		if _, err := fmt.Fprintf(x.w, "\n%-16s", strings.ToUpper(r.By)); err != nil {
			return err
		}
		for _, name := range reportColumns {
			if _, err := fmt.Fprintf(x.w, "  %20s", strings.ToUpper(name)); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(x.w); err != nil {
			return err
		}
	}
	line := fmt.Sprintf("%-16s", r.Key)
	for _, s := range r.sums() {
		line += fmt.Sprintf("  %6d %13s", s.Count, s.AmountFen)
	}
	_, err := fmt.Fprintln(x.w, line)
	return err
}

func (x *textReport) end() error { return nil }
