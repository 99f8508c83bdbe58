package acquirer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEntries(t *testing.T) {
	open, closed := &Discrepancy{}, &Discrepancy{Closed: &Resolved{}}
	for _, c := range []struct {
		name     string
		row      Transaction
		payout   *PayoutRecord
		worklist []*Discrepancy
		// balances
		receivable, clearing, payable, disputes Fen
	}{
		{name: "declined", row: Transaction{State: Declined}},
		{name: "tombstone", row: Transaction{State: Tombstone}},
		{name: "sent", row: Transaction{State: Sent}},
		{name: "reversing, never approved", row: Transaction{State: Reversing}},
		{name: "approved", row: Transaction{State: Approved}, receivable: 700, clearing: -700},
		{name: "approved, disputed", row: Transaction{State: Approved, Exception: "amount"}, worklist: []*Discrepancy{open}, receivable: 700, disputes: -700},
		{name: "undo under way", row: Transaction{State: Reversing, AuthCode: "A"}, receivable: 700, clearing: -700},
		{name: "undone", row: Transaction{State: Reversed, AuthCode: "A"}},
		{name: "undone, and stands at the host", row: Transaction{State: Reversed, AuthCode: "A"}, worklist: []*Discrepancy{closed, open}, receivable: 700, disputes: -700},
		{name: "undone, and the host has corrected", row: Transaction{State: Reversed, AuthCode: "A"}, worklist: []*Discrepancy{closed}},
		{name: "settled", row: Transaction{State: Settled}, receivable: 700, payable: -700},
		{name: "settled, undo too late", row: Transaction{State: Settled, Exception: "undo"}, worklist: []*Discrepancy{open}, receivable: 700, disputes: -700},
		{name: "paying", row: Transaction{State: Paying}, payout: &PayoutRecord{Amount: 700}, receivable: 700, payable: -700},
		{name: "payout refused", row: Transaction{State: Paying, Exception: "payout-refused"}, payout: &PayoutRecord{Amount: 700}, receivable: 700, disputes: -700},
		{name: "nobody is paid", row: Transaction{State: Paying, Exception: "closed: no-payout"}, payout: &PayoutRecord{Amount: 700}},
		{name: "refunded", row: Transaction{State: Approved, Exception: "closed: refunded"}},
		{name: "paid", row: Transaction{State: Paid}, payout: &PayoutRecord{Amount: 700}},
		{name: "paid, undo too late", row: Transaction{State: Paid, Exception: "undo"}, payout: &PayoutRecord{Amount: 700}, worklist: []*Discrepancy{open}},
		{name: "paid too much", row: Transaction{State: Paid}, payout: &PayoutRecord{Amount: 701}, receivable: -1, payable: 1},
		{name: "paid without a payout", row: Transaction{State: Paid}, receivable: 700, payable: -700},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.row.Amount = 700
			var b Books
			b.Post(Entries(&c.row, c.payout, c.worklist)...)
			require.True(t, b.Balanced())
			require.Equal(t, [Accounts]Fen{c.receivable, c.clearing, c.payable, c.disputes},
				[Accounts]Fen{b[ProviderReceivable].Balance(), b[PayerClearing].Balance(), b[PayeePayable].Balance(), b[Disputes].Balance()})
		})
	}
	unbalanced := Books{{Debit: 1}}
	require.False(t, unbalanced.Balanced())
}

func TestBooksAgainstTheHostsList(t *testing.T) {
	const date = Date(20261122)
	row := func(state State, change func(*Transaction)) *Transaction {
		x := &Transaction{ID: NewID(date, 1), State: state, Amount: 700, SettleDate: "1122"}
		if change != nil {
			change(x)
		}
		return x
	}
	once := listed{debits: 1, amount: 700}
	for _, c := range []struct {
		name     string
		row      *Transaction
		list     listed
		payout   *PayoutRecord
		worklist []*Discrepancy
		fault    bool
	}{
		{"settled and listed", row(Settled, nil), once, nil, nil, false},
		{"settled and not listed", row(Settled, nil), listed{}, nil, nil, true},
		{"the same on the worklist", row(Settled, nil), listed{}, nil, []*Discrepancy{{}}, false},
		{"listed twice", row(Settled, nil), listed{debits: 2, amount: 700}, nil, nil, true},
		{"a fen more", row(Settled, nil), listed{debits: 1, amount: 701}, nil, nil, true},
		{"undone there", row(Paid, nil), listed{debits: 1, amount: 700, reversals: 1}, &PayoutRecord{Amount: 700}, nil, true},
		{"paid", row(Paid, nil), once, &PayoutRecord{Amount: 700}, nil, false},
		{"paid too little", row(Paid, nil), once, &PayoutRecord{Amount: 699}, nil, true},
		{"paid without a payout", row(Paid, nil), once, nil, nil, true},
		{"waits for its terminal", row(Approved, nil), once, nil, nil, false},
		{"approved and not listed", row(Approved, nil), listed{}, nil, nil, true},
		{"undone here, its reversal listed tomorrow", row(Reversed, func(x *Transaction) { x.AuthCode = "A" }), once, nil, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bookDay{look: &settling{st: &SettlementDay{Date: date, Staged: true}}}
			b.book(c.row, c.payout, c.worklist)
			b.prove(c.row, c.list, c.worklist)
			require.Equal(t, c.fault, len(b.Faults) > 0, "%v", b.Faults)
		})
	}
}
