package acquirer

import (
	"context"
	"fmt"
	"slices"
)

// Account is one of the accounts that the journal is told in as double-entry books.
type Account byte

// The accounts. A balance is debits less credits.
const (
	ProviderReceivable Account = iota // the host holds the money: it owes it to a payee, or back to a payer
	PayerClearing                     // credit: debited of a payer's card, and not agreed yet
	PayeePayable                      // credit: agreed by terminal, switch and host, and not paid out yet
	Disputes                          // credit: on the worklist
	Accounts                          // how many there are
)

var accountNames = [Accounts]string{"provider receivable", "payer clearing", "payee payable", "disputes"}

func (a Account) String() string { return accountNames[a] }

// Entry moves an amount from the credit of one account to the debit of another.
type Entry struct {
	Debit, Credit Account
	Amount        Fen
}

// Entries tells a payment in double entries, as the row, its payout (nil: none) and its discrepancies have it. A payment that the host
// never debited has none. What was paid has the payout's own amount: another than the debit's would stay on [PayeePayable].
func Entries(t *Transaction, p *PayoutRecord, worklist []*Discrepancy) []Entry {
	if !t.hostDebited() {
		return nil
	}
	debited := Entry{ProviderReceivable, PayerClearing, t.Amount}
	agreed := Entry{PayerClearing, PayeePayable, t.Amount}
	disputed := Entry{PayerClearing, Disputes, t.Amount}
	switch {
	case t.State == Reversed && slices.ContainsFunc(worklist, (*Discrepancy).open):
		return []Entry{debited, disputed}
	case t.State == Reversed:
		return []Entry{debited, {PayerClearing, ProviderReceivable, t.Amount}}
	case isClosed(t):
		return []Entry{debited, disputed, {Disputes, ProviderReceivable, t.Amount}}
	case t.State == Paid && p != nil:
		return []Entry{debited, agreed, {PayeePayable, ProviderReceivable, p.Amount}}
	case t.Exception != "":
		return []Entry{debited, disputed}
	case t.State == Settled || t.State == Paying || t.State == Paid:
		return []Entry{debited, agreed}
	}
	return []Entry{debited}
}

// open reports whether nobody has resolved it.
func (d *Discrepancy) open() bool { return d.Closed == nil }

// Turnover is what went through an account.
type Turnover struct{ Debit, Credit Fen }

// Balance is debits less credits.
func (v Turnover) Balance() Fen { return v.Debit - v.Credit }

// Books are the turnovers of all accounts.
type Books [Accounts]Turnover

// Post adds entries.
func (b *Books) Post(entries ...Entry) {
	for _, e := range entries {
		b[e.Debit].Debit += e.Amount
		b[e.Credit].Credit += e.Amount
	}
}

// Balanced reports whether debits and credits of all accounts have one sum.
func (b *Books) Balanced() bool {
	var sum Fen
	for _, v := range b {
		sum += v.Balance()
	}
	return sum == 0
}

// BookRows are what books are derived from. Errors as those of [Ledger].
type BookRows interface {
	// RowsOf and LinesOf are [Ledger]'s.
	RowsOf(ctx context.Context, date Date, after ID, limit int) ([]*Transaction, error)
	LinesOf(ctx context.Context, from, to ID) ([]StagedLine, error)
	// PayoutsOf and WorklistOf return what is about transactions of a range of ids, both ends included.
	PayoutsOf(ctx context.Context, from, to ID) (map[ID]*PayoutRecord, error)
	WorklistOf(ctx context.Context, from, to ID) (map[ID][]*Discrepancy, error)
}

// BookFault is a payment that the books, the host's list and the worklist do not agree on.
type BookFault struct {
	Transaction ID
	What        string
}

// DayBooks is a settlement date in books, and how they stand to the host's list.
type DayBooks struct {
	Date    Date
	Books   Books
	Agreed  Sum // debits that terminal, switch and host agree on, paid out or not
	Payouts Sum // of them that were paid out
	Listed  Sum // debits in the host's list that are about a payment here, and that it does not list as undone
	Differ  Sum // payments on the worklist
	Faults  []BookFault
}

// bookDay is a settlement date that is being booked.
type bookDay struct {
	DayBooks
	look *settling
}

// CloseBooks derives the books of a settlement date page by page. It proves against the host's list, when all of it is staged, that each
// agreed debit is listed once with its amount, that each is paid out at most once and with its amount, and that whatever stands
// otherwise is on the worklist. Payments that were undone are not proved: their reversal may be listed on the date that follows.
func CloseBooks(ctx context.Context, l BookRows, st *SettlementDay) (*DayBooks, error) {
	day := &bookDay{DayBooks: DayBooks{Date: st.Date}, look: &settling{st: st}}
	for after := ID(0); ; {
		rows, err := l.RowsOf(ctx, st.Date, after, settlePage)
		if err == nil && len(rows) > 0 {
			after = rows[len(rows)-1].ID
			err = day.page(ctx, l, rows)
		}
		if err != nil {
			return nil, fmt.Errorf("booking %d: %w", st.Date, err)
		}
		if len(rows) < settlePage {
			return &day.DayBooks, nil
		}
	}
}

func (b *bookDay) page(ctx context.Context, l BookRows, rows []*Transaction) error {
	from, to := rows[0].ID, rows[len(rows)-1].ID
	lines, err := l.LinesOf(ctx, from, to)
	if err != nil {
		return err
	}
	payouts, err := l.PayoutsOf(ctx, from, to)
	if err != nil {
		return err
	}
	worklist, err := l.WorklistOf(ctx, from, to)
	if err != nil {
		return err
	}
	lists := b.look.gather(lines)
	for _, t := range rows {
		if b.look.ownDate(t) || !t.State.stands() {
			b.book(t, payouts[t.ID], worklist[t.ID])
		}
		if l := lists[t.ID]; l.debits > 0 && l.reversals == 0 {
			b.Listed = b.Listed.plus(l.amount)
		}
		if b.look.st.Staged {
			b.prove(t, lists[t.ID], worklist[t.ID])
		}
	}
	return nil
}

// book posts one payment.
func (b *bookDay) book(t *Transaction, p *PayoutRecord, worklist []*Discrepancy) {
	b.Books.Post(Entries(t, p, worklist)...)
	if len(worklist) > 0 || t.Exception != "" {
		b.Differ = b.Differ.plus(t.Amount)
	}
	if t.State != Settled && t.State != Paying && t.State != Paid || isClosed(t) {
		return
	}
	b.Agreed = b.Agreed.plus(t.Amount)
	switch {
	case t.State == Paid && p == nil:
		b.fault(t, "paid, and has no payout")
	case t.State == Paid:
		b.Payouts = b.Payouts.plus(p.Amount)
		if p.Amount != t.Amount {
			b.fault(t, "%s was paid out for %s", p.Amount, t.Amount)
		}
	}
}

// prove looks for what stands otherwise in the host's list than here, and not on the worklist.
func (b *bookDay) prove(t *Transaction, l listed, worklist []*Discrepancy) {
	if v := t.against(l); t.State.stands() && v.kind != "" && len(worklist) == 0 {
		b.fault(t, "%s, and it is not on the worklist", v.why)
	}
}

func (b *bookDay) fault(t *Transaction, format string, args ...any) {
	if len(b.Faults) < MaxWaits {
		b.Faults = append(b.Faults, BookFault{t.ID, fmt.Sprintf(format, args...)})
	}
}
