package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"text/tabwriter"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/hsm"
)

// auditCmd proves the journal.
type auditCmd struct {
	configFlag
	jsonFlag
}

// auditJSON is what an audit found.
type auditJSON struct {
	OK    bool                    `json:"ok"`
	Rows  int                     `json:"rows"`
	Steps int                     `json:"steps"`
	Head  string                  `json:"head"`
	Sums  map[string]subtotalJSON `json:"sums"`
	Open  int                     `json:"open"`

	Shredded int `json:"shredded,omitempty"` // payments whose personal part nobody can open any more, by intent

	Books []booksJSON `json:"books"` // of each settlement date

	Breaks []breakJSON `json:"breaks"`
	More   int         `json:"more,omitempty"` // breaks that are not listed

	Operations    int    `json:"operations"`     // lines of the operators' journal
	OperationHead string `json:"operation_head"` // hash of its last line
}

// subtotalJSON is what is in one state.
type subtotalJSON struct {
	Count int   `json:"count"`
	Fen   int64 `json:"fen"`
}

// booksJSON is a settlement date in books; a balance is debits less credits.
type booksJSON struct {
	Date       int          `json:"date"`
	Agreed     subtotalJSON `json:"agreed"`
	PaidOut    subtotalJSON `json:"paid_out"`
	Worklist   subtotalJSON `json:"worklist"`
	Receivable int64        `json:"provider_receivable_fen"`
	Clearing   int64        `json:"payer_clearing_fen"`
	Payable    int64        `json:"payee_payable_fen"`
	Disputes   int64        `json:"disputes_fen"`
}

func showBooks(d *acquirer.DayBooks) booksJSON {
	sum := func(s acquirer.Sum) subtotalJSON { return subtotalJSON{int(s.Count), int64(s.Fen)} }
	balance := func(a acquirer.Account) int64 { return int64(d.Books[a].Balance()) }
	return booksJSON{Date: int(d.Date), Agreed: sum(d.Agreed), PaidOut: sum(d.Payouts), Worklist: sum(d.Differ),
		Receivable: balance(acquirer.ProviderReceivable), Clearing: balance(acquirer.PayerClearing),
		Payable: balance(acquirer.PayeePayable), Disputes: balance(acquirer.Disputes)}
}

// printBooks writes a line for each settlement date, amounts in yuan.
func printBooks(w io.Writer, days []booksJSON) {
	if len(days) == 0 {
		return
	}
	fmt.Fprint(w, "\nSETTLEMENT\tAGREED\tPAID OUT\tRECEIVABLE\tCLEARING\tPAYABLE\tDISPUTES\n")
	for _, d := range days {
		fmt.Fprintf(w, "%d\t%d: %s\t%d: %s\t%s\t%s\t%s\t%s\n", d.Date, d.Agreed.Count, acquirer.Fen(d.Agreed.Fen), d.PaidOut.Count,
			acquirer.Fen(d.PaidOut.Fen), acquirer.Fen(d.Receivable), acquirer.Fen(d.Clearing), acquirer.Fen(d.Payable), acquirer.Fen(d.Disputes))
	}
}

// breakJSON is one thing that is not as the switch wrote it.
type breakJSON struct {
	RRN  string `json:"rrn"`
	Seq  int64  `json:"seq"`            // number of the step in the chain; 0: of none
	Line int64  `json:"line,omitempty"` // of the operators' journal
	What string `json:"what"`
}

// Run prints what the audit found; breaks are an error.
func (c *auditCmd) Run(ctx context.Context) error {
	report, err := auditJournal(ctx, c.Config)
	if err != nil {
		return err
	}
	out := showAudit(report)
	if c.JSON {
		err = printJSON(out)
	} else {
		err = printAudit(os.Stdout, out)
	}
	if err == nil && !out.OK {
		err = fmt.Errorf("the journal is broken in %d places", len(out.Breaks)+out.More)
	}
	return err
}

// auditJournal audits the store that a configuration names. The store is not opened as the other verbs do it: a broken
// one would be refused.
func auditJournal(ctx context.Context, path string) (*store.Report, error) {
	c, err := loadConfig(path)
	if err != nil {
		return nil, err
	}
	master, err := hsm.LoadMasterKey(c.Keys.MasterFile)
	if err != nil {
		return nil, err
	}
	return store.Audit(ctx, store.AuditConfig{Config: store.Config{Path: c.Store.Path, Vault: hsm.New(master)},
		Running: func() (bool, error) { return switchRuns(c.Store.Path) }})
}

// switchRuns reports whether a switch holds the lock beside the store.
func switchRuns(path string) (bool, error) {
	f, err := os.Open(path + ".lock")
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	held := errors.Is(err, syscall.EWOULDBLOCK)
	if held {
		err = nil
	}
	return held, errors.Join(err, f.Close())
}

func showAudit(r *store.Report) auditJSON {
	out := auditJSON{OK: len(r.Breaks) == 0, Rows: r.Rows, Steps: r.Steps, Head: r.Head, Sums: map[string]subtotalJSON{},
		Open: r.Open, Shredded: r.Shredded, Books: []booksJSON{}, Breaks: make([]breakJSON, 0, len(r.Breaks)), More: r.More, Operations: r.Operations, OperationHead: r.OperationHead}
	for state, s := range r.Sums {
		out.Sums[state.String()] = subtotalJSON{s.Count, int64(s.Sum)}
	}
	for _, d := range r.Books {
		out.Books = append(out.Books, showBooks(d))
	}
	for _, b := range r.Breaks {
		out.Breaks = append(out.Breaks, breakJSON{string(b.RRN), b.Seq, b.Line, b.What})
	}
	return out
}

// printAudit writes an audit for a person.
func printAudit(to io.Writer, a auditJSON) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "payments\t%d\t%d of them open\n", a.Rows, a.Open)
	if a.Shredded > 0 {
		fmt.Fprintf(w, "\t%d\twithout personal data by now\n", a.Shredded)
	}
	fmt.Fprintf(w, "steps\t%d\t\n", a.Steps)
	fmt.Fprintf(w, "head\t%s\t\n", a.Head)
	fmt.Fprintf(w, "operations\t%d\t\n", a.Operations)
	fmt.Fprintf(w, "their head\t%s\t\n\n", a.OperationHead)
	for state := acquirer.Declined; state <= acquirer.Paid; state++ {
		if s, ok := a.Sums[state.String()]; ok {
			fmt.Fprintf(w, "%s\t%d\t%s yuan\n", state, s.Count, acquirer.Fen(s.Fen))
		}
	}
	printBooks(w, a.Books)
	if a.OK {
		fmt.Fprintf(w, "\nsound: every row and every step is as the switch wrote it\n")
		return w.Flush()
	}
	fmt.Fprintf(w, "\nPAYMENT\tSEQ\tBREAK\n")
	for _, b := range a.Breaks {
		fmt.Fprintf(w, "%s\t%d\t%s\n", b.RRN, b.Seq, b.What)
	}
	if a.More > 0 {
		fmt.Fprintf(w, "and %d more\n", a.More)
	}
	return w.Flush()
}
