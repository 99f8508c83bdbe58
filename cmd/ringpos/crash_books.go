package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// books are the same payments as terminals, journal and host have them, each told by its owner.
type books struct {
	Slips   []slip         `json:"slips"`   // every receipt that a terminal ever kept
	Owing   []string       `json:"owing"`   // terminals that still owe an undo, and why
	Journal []journalRow   `json:"journal"` // every payment of the switch
	Notices []bookedNotice `json:"notices"` // its outbox
	Debits  []hostDebit    `json:"debits"`  // every debit that the host ever approved
	Before  ledger         `json:"before"`  // the host's accounts when all began
	After   ledger         `json:"after"`   // and in the end

	Cards map[string]string `json:"cards"` // by terminal
}

// journalRow is a payment as payment list prints it.
type journalRow struct {
	RRN       string    `json:"rrn"`
	State     string    `json:"state"`
	AmountFen int64     `json:"amount_fen"`
	Terminal  string    `json:"terminal"`
	Merchant  string    `json:"merchant"`
	Batch     string    `json:"batch"`
	STAN      string    `json:"stan"`
	Opened    time.Time `json:"opened"`
	Answered  time.Time `json:"answered,omitzero"`
	Undo      bool      `json:"undo_wanted,omitempty"` // while it was at the host
	HostTime  string    `json:"host_time,omitempty"`
	HostSTAN  string    `json:"host_stan,omitempty"`
	Exception string    `json:"exception,omitempty"`

	// Left is when the payment stopped being Sent. It is known only if a kill may have found it so.
	Left time.Time `json:"left,omitzero"`
}

// Stored states, as payment list prints them, that the comparison knows.
const (
	rowSent      = "sent"
	rowApproved  = "approved"
	rowDeclined  = "declined"
	rowReversing = "reversing"
	rowReversed  = "reversed"
	rowTombstone = "tombstone"
)

// bookedNotice is a notice as notice list prints it.
type bookedNotice struct {
	RRN  string `json:"rrn"`
	Kind string `json:"kind"`
}

// hostDebit is a debit as the host's log has it.
type hostDebit struct {
	Key       string `json:"key"` // F11, F7, F32, F33
	RRN       string `json:"rrn"`
	Terminal  string `json:"terminal"`
	AmountFen int64  `json:"amount_fen"`
	Undone    bool   `json:"undone"`
}

// allRows is more than any list has.
const allRows = "10000000"

// gather reads all books. The programs have ended.
func (c *crash) gather(after ledger) (*books, error) {
	b := &books{Before: c.before, After: after, Cards: make(map[string]string)}
	for _, t := range c.tills {
		b.Cards[t.config.TerminalID] = t.card
		for _, key := range slices.Sorted(maps.Keys(t.slips)) {
			b.Slips = append(b.Slips, t.slips[key])
		}
		if t.owes != "" {
			b.Owing = append(b.Owing, t.config.TerminalID+": "+t.owes)
		}
		c.report.Tills.add(t.tally)
	}
	err := c.desk.askJSON(&b.Journal, "payment", "list", "--limit", allRows)
	err = errors.Join(err, c.desk.askJSON(&b.Notices, "notice", "list", "--limit", allRows))
	if err != nil {
		return nil, err
	}
	for i := range b.Journal {
		b.Journal[i].State = strings.ToLower(b.Journal[i].State)
	}
	b.Debits, err = readHostLog(filepath.Join(c.dir, "host", "ledger.log"))
	return b, errors.Join(err, c.readSteps(b.Journal))
}

// readSteps reads when a payment left Sent, for each that may have been Sent when the switch was killed: those answered
// in a later life than they were opened in, and those whose answer an undo has fixed before.
func (c *crash) readSteps(rows []journalRow) error {
	for i := range rows {
		r := &rows[i]
		if !r.Undo && lifeAt(c.lives, r.Opened) >= lifeAt(c.lives, r.Answered) {
			continue
		}
		var payment struct {
			Steps []struct {
				At time.Time `json:"at"`
				To string    `json:"to"`
			} `json:"steps"`
		}
		if err := c.desk.askJSON(&payment, "payment", "show", r.RRN); err != nil {
			return err
		}
		for _, s := range payment.Steps {
			if strings.ToLower(s.To) != rowSent {
				r.Left = s.At
				break
			}
		}
	}
	return nil
}

// readHostLog reads the debits out of the host's log: a check sum, a blank and a JSON object on each line. A host that
// took the log up has checked the sums.
func readHostLog(path string) (debits []hostDebit, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	debits, err = parseHostLog(f)
	return debits, errors.Join(err, f.Close())
}

func parseHostLog(r io.Reader) (debits []hostDebit, err error) {
	at := make(map[string]int)
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		_, text, _ := strings.Cut(lines.Text(), " ")
		var rec struct {
			Kind      string `json:"t"`
			Key       string `json:"key"`
			Fen       int64  `json:"fen"`
			Reference string `json:"rrn"`
			Terminal  string `json:"terminal"`
		}
		if err := json.Unmarshal([]byte(text), &rec); err != nil {
			return nil, fmt.Errorf("host's log, line %d: %w", n, err)
		}
		switch rec.Kind {
		case "debit":
			at[rec.Key] = len(debits)
			debits = append(debits, hostDebit{rec.Key, rec.Reference, strings.TrimSpace(rec.Terminal), rec.Fen, false})
		case "reversal":
			i, known := at[rec.Key]
			if !known {
				return nil, fmt.Errorf("host's log, line %d: a reversal of no debit", n)
			}
			debits[i].Undone = true
		}
	}
	return debits, lines.Err()
}

// booksFile is where the books that were compared are kept.
const booksFile = "books.json"

// keep writes the books beside the files they were read from, if those will be looked at.
func (c *crash) keep(b *books) error {
	if c.cmd.Dir == "" && c.report.verdict() == nil {
		return nil
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, booksFile), text, 0o600)
}
