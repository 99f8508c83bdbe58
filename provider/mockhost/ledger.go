package mockhost

import (
	"fmt"
	"sync"
	"time"
)

// Totals is what the ledger holds at one moment, as GET /ledger shows it. Cards
// are in full: they are invented.
type Totals struct {
	Accounts  []AccountTotals `json:"accounts"`
	Debits    int64           `json:"debits"`    // ever approved
	Reversals int64           `json:"reversals"` // of those, undone
	Payouts   int64           `json:"payouts"`   // credits of payees
	TotalFen  int64           `json:"total_fen"` // all balances and all held money
}

// AccountTotals is one account of Totals.
type AccountTotals struct {
	PAN        string `json:"pan"`
	BalanceFen int64  `json:"balance_fen"`
	HeldFen    int64  `json:"held_fen"`
}

// state is what became of a debit.
type state uint8

const (
	stateHeld     state = iota + 1 // approved, money is held
	stateRefused                   // declined, no money moved
	stateReversed                  // approved and undone
	stateUnknown                   // never seen, but its reversal was
	statePaid                      // the held money went to the payee
)

// entry is what the ledger knows of one host key.
type entry struct {
	state state
	key   string
	pan   string
	fen   int64
	detail
	reversed string  // settlement date of its reversal, YYYYMMDD
	payout   *payout // nil before its date was balanced
}

// account is an Account with its money and the count of wrong PINs. The count
// is in memory only: it begins anew with the day and with the process.
type account struct {
	Account
	heldFen int64
	tries   int
	day     string // of tries
}

// brokenLedger is what the ledger panics with when it finds money made or lost.
// It is never recovered.
type brokenLedger string

// ledger is the accounts and the debits. It changes only by records: what a
// request decides is written as a record, and the record is applied, now and at
// every replay, by the same code.
type ledger struct {
	journal *journal

	mu        sync.Mutex
	accounts  map[string]*account
	order     []*account
	issuers   map[string]bool // first six digits and length of every card
	entries   map[string]*entry
	debits    int64
	reversals int64
	payouts   int64 // credits of payees
	advices   int64 // of these, and of those that could not be: 0220 begun
	totalFen  int64

	date    string // settlement date that the last cut-off led to, YYYYMMDD; "" before the first
	reached string // the latest settlement date that anything was told
	books   map[bookKey]*book
	owed    map[string][]*entry // payouts to be told, by institution, the oldest in front

	wrongTotals  bool              // fault
	refusePayout func(string) bool // fault, by host key; nil: none
}

func newLedger() *ledger {
	return &ledger{
		accounts: make(map[string]*account),
		issuers:  make(map[string]bool),
		entries:  make(map[string]*entry),
		books:    make(map[bookKey]*book),
		owed:     make(map[string][]*entry),
	}
}

// adopt makes the configured accounts known. A card that the log has keeps its
// money and takes all else from the configuration.
func (l *ledger) adopt(accounts []Account) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range accounts {
		if l.accounts[a.PAN] == nil {
			r := record{Kind: kindAccount, PAN: a.PAN, Fen: a.BalanceFen}
			if err := l.apply(r); err != nil {
				return err
			}
			l.journal.append(r)
		}
		known := l.accounts[a.PAN]
		a.BalanceFen = known.BalanceFen
		known.Account = a
	}
	return nil
}

// commit applies and writes a record that a request led to. The caller holds mu.
func (l *ledger) commit(r record) *batch {
	if err := l.apply(r); err != nil {
		panic(brokenLedger(err.Error()))
	}
	return l.journal.append(r)
}

// apply is the only code that changes the ledger. The error is ErrLog for a
// record that does not follow from those before it. The caller holds mu, or
// nobody else has the ledger yet.
func (l *ledger) apply(r record) error {
	switch r.Kind {
	case kindAccount:
		return l.applyAccount(r)
	case kindDebit:
		return l.applyDebit(r)
	case kindReversal:
		return l.applyReversal(r)
	case kindRefused:
		return l.applyNew(r, stateRefused)
	case kindUnknown:
		return l.applyNew(r, stateUnknown)
	case kindCutoff:
		return l.applyCutoff(r)
	case kindBalanced:
		return l.applyBalanced(r)
	case kindPayout:
		return l.applyPayout(r)
	case kindTold:
		return l.applyTold(r)
	case kindFiled:
		return l.applyFiled(r)
	}
	return fmt.Errorf("%w: unknown record %q", ErrLog, r.Kind)
}

func (l *ledger) applyAccount(r record) error {
	bad := !digits(r.PAN, 13, 19) || r.Fen < 0 || r.Fen > MaxBalanceFen || l.totalFen > MaxTotalFen-r.Fen
	if bad || l.accounts[r.PAN] != nil {
		return fmt.Errorf("%w: account cannot be opened", ErrLog)
	}
	// A card that no configuration has any more cannot pay, but its money counts.
	a := &account{Account: Account{PAN: r.PAN, Status: StatusInactive, BalanceFen: r.Fen}}
	l.accounts[r.PAN] = a
	l.order = append(l.order, a)
	l.issuers[issuerOf(r.PAN)] = true
	l.totalFen += r.Fen
	return nil
}

func (l *ledger) applyDebit(r record) error {
	a := l.accounts[r.PAN]
	if a == nil || r.Fen <= 0 || a.BalanceFen < r.Fen {
		return fmt.Errorf("%w: debit is not covered", ErrLog)
	}
	if err := l.applyNew(r, stateHeld); err != nil {
		return err
	}
	a.hold(r.Fen)
	l.debits++
	l.enterDebit(l.entries[r.Key])
	return nil
}

func (l *ledger) applyReversal(r record) error {
	e := l.entries[r.Key]
	if e == nil || e.state != stateHeld {
		return fmt.Errorf("%w: reversal of no debit", ErrLog)
	}
	e.state = stateReversed
	l.accounts[e.pan].hold(-e.fen)
	l.reversals++
	l.enterReversal(e, r)
	return nil
}

func (l *ledger) applyNew(r record, s state) error {
	if r.Key == "" || l.entries[r.Key] != nil {
		return fmt.Errorf("%w: host key is missing or there twice", ErrLog)
	}
	l.entries[r.Key] = &entry{state: s, key: r.Key, pan: r.PAN, fen: r.Fen, detail: detailOf(r)}
	return nil
}

// hold moves money from the balance into the held money, or back if fen is
// negative, and makes sure that none is made or lost.
func (a *account) hold(fen int64) {
	before := a.BalanceFen + a.heldFen
	a.BalanceFen -= fen
	a.heldFen += fen
	if a.BalanceFen < 0 || a.heldFen < 0 || a.BalanceFen+a.heldFen != before {
		panic(brokenLedger("money of card " + mask(a.PAN) + " does not add up"))
	}
}

// totals is the ledger as it is, and the batch that makes it durable.
func (l *ledger) totals() (Totals, *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := Totals{Accounts: make([]AccountTotals, 0, len(l.order)), Debits: l.debits, Reversals: l.reversals, Payouts: l.payouts}
	for _, a := range l.order {
		t.Accounts = append(t.Accounts, AccountTotals{a.PAN, a.BalanceFen, a.heldFen})
		t.TotalFen += a.BalanceFen + a.heldFen
	}
	if t.TotalFen != l.totalFen {
		panic(brokenLedger("sum of all accounts has changed"))
	}
	return t, l.journal.latest()
}

// issuerOf is what tells an issuer: the first six digits and the length.
func issuerOf(pan string) string { return fmt.Sprintf("%.6s/%d", pan, len(pan)) }

// millis is a time as records have it.
func millis(t time.Time) int64 { return t.UnixMilli() }
