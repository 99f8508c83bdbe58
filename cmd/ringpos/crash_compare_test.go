package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// plant is a loss that is put into books that agree. row is one of a payment that stands.
type plant struct {
	name  string
	want  wrong
	plant func(b *books, row *journalRow)
}

// plants are all losses, at least one of each kind.
func plants() []plant {
	return slices.Concat(plantsAtHost(), plantsInJournal(), plantsAtTerminal(), plantsOfNotices())
}

func plantsAtHost() []plant {
	debit := func(b *books, r *journalRow) *hostDebit {
		return &b.Debits[slices.IndexFunc(b.Debits, func(d hostDebit) bool { return d.RRN == r.RRN && !d.Undone })]
	}
	return []plant{
		{"debit is gone", wrongNoDebit, func(b *books, r *journalRow) {
			b.Debits = slices.DeleteFunc(b.Debits, func(d hostDebit) bool { return d.RRN == r.RRN })
		}},
		{"debit was undone", wrongNoDebit, func(b *books, r *journalRow) { debit(b, r).Undone = true }},
		{"debit of another amount", wrongAmount, func(b *books, r *journalRow) { debit(b, r).AmountFen++ }},
		{"debit of another terminal", wrongTerminal, func(b *books, r *journalRow) { debit(b, r).Terminal = "20009999" }},
		{"debited twice, two keys", wrongDuplicate, func(b *books, r *journalRow) {
			again := *debit(b, r)
			again.Key += "9"
			b.Debits = append(b.Debits, again)
		}},
		{"two debits of one key", wrongDuplicate, func(b *books, r *journalRow) {
			again := *debit(b, r)
			again.RRN = "999999999999"
			b.Debits = append(b.Debits, again)
		}},
		{"debit that nobody ordered", wrongNoRow, func(b *books, r *journalRow) {
			b.Debits = append(b.Debits, hostDebit{Key: "none", RRN: "999999999999", Terminal: r.Terminal, AmountFen: 1})
		}},
		{"more is held than stands", wrongMoney, func(b *books, r *journalRow) { b.After.Accounts[0].HeldFen++ }},
		{"money was made", wrongMoney, func(b *books, r *journalRow) { b.After.TotalFen++ }},
		{"held on another card", wrongMoney, func(b *books, r *journalRow) {
			for i := range b.After.Accounts {
				switch a := &b.After.Accounts[i]; {
				case a.PAN == b.Cards[r.Terminal]:
					a.HeldFen -= r.AmountFen
				case a.PAN == loadPoorCard:
					a.HeldFen += r.AmountFen
				}
			}
		}},
	}
}

func plantsInJournal() []plant {
	return []plant{
		{"row is gone: receipt", wrongNoRow, func(b *books, r *journalRow) { *r = b.Journal[0]; b.Journal = b.Journal[1:] }},
		{"row of another amount", wrongAmount, func(b *books, r *journalRow) { r.AmountFen-- }},
		{"row still sent", wrongUnfinished, func(b *books, r *journalRow) { r.State = rowSent }},
		{"row still reversing", wrongUnfinished, func(b *books, r *journalRow) { r.State = rowReversing }},
		{"declined, and the money is held", wrongDebit, func(b *books, r *journalRow) { r.State = rowDeclined }},
		{"undone, and the receipt stands", wrongState, func(b *books, r *journalRow) { r.State = rowReversed }},
		{"reference number twice", wrongDuplicate, func(b *books, r *journalRow) { b.Journal = append(b.Journal, *r) }},
		{"trace number twice", wrongDuplicate, func(b *books, r *journalRow) {
			again := *r
			again.RRN, again.HostTime = "999999999999", ""
			b.Journal = append(b.Journal, again)
		}},
		{"host trace number twice", wrongDuplicate, func(b *books, r *journalRow) {
			again := *r
			again.RRN, again.STAN = "999999999999", "999999"
			b.Journal = append(b.Journal, again)
		}},
	}
}

func plantsAtTerminal() []plant {
	receipt := func(b *books, r *journalRow) *slip {
		return &b.Slips[slices.IndexFunc(b.Slips, func(s slip) bool { return s.RRN == r.RRN })]
	}
	return []plant{
		{"receipt is gone", wrongNoReceipt, func(b *books, r *journalRow) {
			b.Slips = slices.DeleteFunc(b.Slips, func(s slip) bool { return s.RRN == r.RRN })
		}},
		{"receipt undone, row stands", wrongState, func(b *books, r *journalRow) { receipt(b, r).Undone = true }},
		{"receipt over another amount", wrongAmount, func(b *books, r *journalRow) { receipt(b, r).AmountFen++ }},
		{"receipt of another payment", wrongTerminal, func(b *books, r *journalRow) { receipt(b, r).STAN = "999999" }},
		{"receipt without a payment", wrongNoRow, func(b *books, r *journalRow) { receipt(b, r).RRN = "999999999999" }},
		{"receipt twice", wrongDuplicate, func(b *books, r *journalRow) { b.Slips = append(b.Slips, *receipt(b, r)) }},
		{"undo is owed", wrongOwing, func(b *books, r *journalRow) { b.Owing = append(b.Owing, r.Terminal) }},
	}
}

func plantsOfNotices() []plant {
	return []plant{
		{"no notice", wrongNoNotice, func(b *books, r *journalRow) {
			b.Notices = slices.DeleteFunc(b.Notices, func(n bookedNotice) bool { return n.RRN == r.RRN })
		}},
		{"two notices", wrongNotice, func(b *books, r *journalRow) { b.Notices = append(b.Notices, bookedNotice{r.RRN, "debited"}) }},
		{"notice of what was declined", wrongNotice, func(b *books, r *journalRow) { r.State = rowDeclined }},
		{"notice of what was undone", wrongNotice, func(b *books, r *journalRow) { r.State = rowReversed }},
		{"notice of no payment", wrongNotice, func(b *books, r *journalRow) { b.Notices = append(b.Notices, bookedNotice{"999999999999", "debited"}) }},
	}
}

// sound returns books of four payments that agree: one that stands, one declined, one undone after it stood, one undone
// that the host never saw.
func sound(t *testing.T) *books {
	t.Helper()
	card := crashCard(0)
	b := &books{Cards: map[string]string{"20000000": card}}
	for i, state := range []string{rowApproved, rowDeclined, rowReversed, rowReversed, rowTombstone} {
		b.Journal = append(b.Journal, journalRow{RRN: fmt.Sprintf("63280000000%d", i), State: state, AmountFen: 100, Terminal: "20000000",
			Merchant: crashMerchant, Batch: "000001", STAN: fmt.Sprintf("00000%d", i), HostTime: "1124120000", HostSTAN: fmt.Sprintf("10000%d", i)})
	}
	b.Journal[4].HostTime = ""
	for _, i := range []int{0, 2} {
		r, undone := b.Journal[i], i == 2
		b.Slips = append(b.Slips, slip{r.Terminal, r.Batch, r.STAN, r.RRN, r.AmountFen, undone})
		b.Debits = append(b.Debits, hostDebit{r.HostSTAN, r.RRN, r.Terminal, r.AmountFen, undone})
	}
	b.Notices = []bookedNotice{{b.Journal[0].RRN, "debited"}}
	accounts := fmt.Sprintf(`{"accounts":[{"pan":"%s","balance_fen":900,"held_fen":100},{"pan":"%s","balance_fen":100}],"total_fen":1100}`, card, loadPoorCard)
	require.NoError(t, json.Unmarshal([]byte(accounts), &b.After))
	b.Before.TotalFen = b.After.TotalFen
	return b
}

// Books that agree give no difference, and each loss planted into them is found by its kind.
func TestCompare(t *testing.T) {
	require.Empty(t, compare(sound(t)))
	require.Empty(t, compare(&books{Before: ledger{TotalFen: 1}, After: ledger{TotalFen: 1}}))
	requireBites(t, func() *books { return sound(t) })

	planted := map[wrong]bool{}
	for _, p := range plants() {
		planted[p.want] = true
	}
	for _, kind := range []wrong{wrongOwing, wrongUnfinished, wrongDuplicate, wrongNoRow, wrongState, wrongAmount, wrongTerminal,
		wrongNoReceipt, wrongNoDebit, wrongDebit, wrongNoNotice, wrongNotice, wrongMoney} {
		require.True(t, planted[kind], "nothing is planted for %s", kind)
	}
}

// Each loss is named with the payment that it hit, and payments are told of before sums.
func TestFirstOf(t *testing.T) {
	b := sound(t)
	b.Debits[0].Undone = true
	found := compare(b)
	require.Equal(t, []wrong{wrongNoDebit}, kindsOf(found))
	require.Equal(t, b.Journal[0].RRN, found[0].RRN)

	all := []difference{{Kind: wrongMoney}, {Kind: wrongNoDebit, RRN: "1"}, {Kind: wrongOwing}, {Kind: wrongNoRow, RRN: "2"}}
	require.Equal(t, []wrong{wrongNoDebit, wrongNoRow, wrongMoney}, kindsOf(firstOf(all, 3)))
	require.Len(t, firstOf(all, 20), 4)
}

// Every card has the right check digit and no two are the same.
func TestCrashCard(t *testing.T) {
	seen := map[string]bool{}
	for n := range 100 {
		card := crashCard(n)
		require.Len(t, card, 19)
		sum := 0
		for i := range card {
			d := int(card[len(card)-1-i] - '0')
			if i%2 == 1 {
				d *= 2
			}
			sum += d/10 + d%10
		}
		require.Zero(t, sum%10, card)
		require.False(t, seen[card])
		seen[card] = true
	}
}
