package main

import (
	"cmp"
	"fmt"
	"slices"
)

// wrong is a kind of difference between books.
type wrong string

// The kinds of differences. Each is a way in which money or its trace could be lost.
const (
	wrongOwing      wrong = "undo-owed"        // a terminal could not deliver its undo
	wrongUnfinished wrong = "unfinished"       // a row is still Sent or Reversing
	wrongDuplicate  wrong = "duplicate"        // a number that names one thing names two
	wrongNoRow      wrong = "no-row"           // a receipt or a debit that the journal does not know
	wrongState      wrong = "state-differs"    // receipt and row disagree on whether the payment stands
	wrongAmount     wrong = "amount-differs"   // between any two books
	wrongTerminal   wrong = "terminal-differs" // between any two books
	wrongNoReceipt  wrong = "no-receipt"       // approved, and no terminal holds a receipt
	wrongNoDebit    wrong = "no-debit"         // approved, and the host has no standing debit
	wrongDebit      wrong = "debit-stands"     // not approved, and the host holds the payer's money
	wrongNoNotice   wrong = "no-notice"        // approved, and nobody will tell the payer
	wrongNotice     wrong = "notice-differs"   // more than one, or one for a payment that does not stand
	wrongMoney      wrong = "money-differs"    // sums
)

// difference is one thing that the books do not agree on.
type difference struct {
	Kind wrong  `json:"kind"`
	RRN  string `json:"rrn,omitempty"`
	Text string `json:"text"`
}

// comparison is the books with their indexes, and what was found.
type comparison struct {
	*books
	rows   map[string]*journalRow // by reference number
	slips  map[string]*slip       // that stand, by reference number
	debits map[string]*hostDebit  // that stand, by reference number
	found  []difference
}

// compare holds the three books against each other and returns every difference.
//
// A payment stands if its row is Approved. It stands everywhere or nowhere: with a receipt that the terminal was not told
// to undo, with a debit of the same amount at the host, and with one notice to its payer.
func compare(b *books) []difference {
	c := &comparison{books: b, rows: make(map[string]*journalRow), slips: make(map[string]*slip), debits: make(map[string]*hostDebit)}
	c.index()
	for _, terminal := range b.Owing {
		c.differ(wrongOwing, "", "terminal %s", terminal)
	}
	for _, look := range []func(){c.duplicates, c.receipts, c.payments, c.hostDebits, c.notices, c.sums} {
		look()
	}
	return c.found
}

func (c *comparison) index() {
	for i := range c.Journal {
		c.rows[c.Journal[i].RRN] = &c.Journal[i]
	}
	for i := range c.Slips {
		if s := &c.Slips[i]; !s.Undone {
			c.slips[s.RRN] = s
		}
	}
	for i := range c.Debits {
		if d := &c.Debits[i]; !d.Undone {
			c.debits[d.RRN] = d
		}
	}
}

func (c *comparison) differ(kind wrong, rrn, format string, args ...any) {
	c.found = append(c.found, difference{Kind: kind, RRN: rrn, Text: fmt.Sprintf(format, args...)})
}

// duplicates wants every number to name one thing.
func (c *comparison) duplicates() {
	seen := make(map[string]bool)
	once := func(rrn, what, number string) {
		if key := what + " " + number; seen[key] {
			c.differ(wrongDuplicate, rrn, "%s is there twice", key)
		} else {
			seen[key] = true
		}
	}
	for _, r := range c.Journal {
		once(r.RRN, "journal: reference number", r.RRN)
		once(r.RRN, "journal: terminal, batch and trace number", r.Merchant+" "+r.Terminal+" "+r.Batch+" "+r.STAN)
		if r.HostTime != "" {
			once(r.RRN, "journal: host time and trace number", r.HostTime+" "+r.HostSTAN)
		}
	}
	for _, d := range c.Debits {
		once(d.RRN, "host: reference number", d.RRN)
		once(d.RRN, "host: key", d.Key)
	}
	for _, s := range c.Slips {
		once(s.RRN, "receipts: reference number", s.RRN)
	}
}

// receipts wants the row of every receipt to say what the receipt says.
func (c *comparison) receipts() {
	for _, s := range c.Slips {
		r := c.rows[s.RRN]
		switch {
		case r == nil:
			c.differ(wrongNoRow, s.RRN, "receipt of terminal %s, batch %s, trace %s, %d fen", s.Terminal, s.Batch, s.STAN, s.AmountFen)
			continue
		case s.Undone == (r.State == rowApproved):
			c.differ(wrongState, s.RRN, "row is %s, receipt undone: %t", r.State, s.Undone)
		}
		c.sameAmount(s.RRN, "receipt", s.AmountFen, r.AmountFen)
		if s.Terminal != r.Terminal || s.Batch != r.Batch || s.STAN != r.STAN {
			c.differ(wrongTerminal, s.RRN, "receipt is of %s %s %s, row of %s %s %s", s.Terminal, s.Batch, s.STAN, r.Terminal, r.Batch, r.STAN)
		}
	}
}

func (c *comparison) sameAmount(rrn, what string, fen, row int64) {
	if fen != row {
		c.differ(wrongAmount, rrn, "%s over %d fen, row over %d fen", what, fen, row)
	}
}

// payments wants every row to be finished, and to have everywhere else what belongs to its state.
func (c *comparison) payments() {
	for _, r := range c.Journal {
		switch debit := c.debits[r.RRN]; {
		case r.State == rowSent || r.State == rowReversing:
			c.differ(wrongUnfinished, r.RRN, "row is %s", r.State)
		case r.State != rowApproved && debit != nil:
			c.differ(wrongDebit, r.RRN, "row is %s, the host holds %d fen", r.State, debit.AmountFen)
		case r.State == rowApproved && debit == nil:
			c.differ(wrongNoDebit, r.RRN, "%d fen", r.AmountFen)
		}
		if r.State == rowApproved && c.slips[r.RRN] == nil {
			c.differ(wrongNoReceipt, r.RRN, "terminal %s, batch %s, trace %s", r.Terminal, r.Batch, r.STAN)
		}
	}
}

// hostDebits wants every debit that stands to be the row's.
func (c *comparison) hostDebits() {
	for _, d := range c.Debits {
		r := c.rows[d.RRN]
		switch {
		case r == nil:
			c.differ(wrongNoRow, d.RRN, "host debited %d fen for terminal %s, undone: %t", d.AmountFen, d.Terminal, d.Undone)
		case d.Terminal != r.Terminal:
			c.differ(wrongTerminal, d.RRN, "debit is of %s, row of %s", d.Terminal, r.Terminal)
		default:
			c.sameAmount(d.RRN, "debit", d.AmountFen, r.AmountFen)
		}
	}
}

// notices wants one to wait for every payment that stands, and none for any other: no device is at work, so that the
// notice of a payment that was undone was withdrawn before anybody was told.
func (c *comparison) notices() {
	count := make(map[string]int)
	for _, n := range c.Notices {
		count[n.RRN]++
		if r := c.rows[n.RRN]; r == nil || r.State != rowApproved {
			c.differ(wrongNotice, n.RRN, "a notice for a payment that does not stand")
		}
	}
	for _, r := range c.Journal {
		switch n := count[r.RRN]; {
		case n == 0 && r.State == rowApproved:
			c.differ(wrongNoNotice, r.RRN, "terminal %s, %d fen", r.Terminal, r.AmountFen)
		case n > 1:
			c.differ(wrongNotice, r.RRN, "%d notices", n)
		}
	}
}

// sums wants the host's accounts to hold what stands, card by card and together, and no money to be made or lost.
func (c *comparison) sums() {
	stands := make(map[string]int64) // by terminal
	var all, held int64
	for _, r := range c.Journal {
		if r.State == rowApproved {
			stands[r.Terminal] += r.AmountFen
			all += r.AmountFen
		}
	}
	for terminal, card := range c.Cards {
		if _, fen := c.After.account(card); fen != stands[terminal] {
			c.differ(wrongMoney, "", "the card of terminal %s has %d fen held, its payments that stand come to %d", terminal, fen, stands[terminal])
		}
	}
	for _, a := range c.After.Accounts {
		held += a.HeldFen
	}
	if held != all {
		c.differ(wrongMoney, "", "the host holds %d fen, the payments that stand come to %d", held, all)
	}
	if c.Before.TotalFen != c.After.TotalFen || c.After.TotalFen == 0 {
		c.differ(wrongMoney, "", "all money came to %d fen, and to %d in the end", c.Before.TotalFen, c.After.TotalFen)
	}
}

// firstOf returns up to n differences, those about single payments in front: they have a story.
func firstOf(all []difference, n int) []difference {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b difference) int { return -cmp.Compare(min(len(a.RRN), 1), min(len(b.RRN), 1)) })
	return sorted[:min(n, len(sorted))]
}
