package acquirer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSettlementDate(t *testing.T) {
	for _, v := range []struct {
		f15  string
		near Date
		want Date
		ok   bool
	}{
		{"1124", 20261124, 20261124, true}, {"1125", 20261124, 20261125, true},
		{"0101", 20261231, 20270101, true}, {"1231", 20270101, 20261231, true},
		{"0229", 20240228, 20240229, true}, {"0229", 20260228, 0, false},
		{"1332", 20261124, 0, false}, {"", 20261124, 0, false}, {"11240", 20261124, 0, false}, {"ab12", 20261124, 0, false},
	} {
		d, ok := SettlementDate(v.f15, v.near)
		require.Equal(t, v.ok, ok, v.f15)
		require.Equal(t, v.want, d, v.f15)
	}
	require.Equal(t, "0101", Date(20261231).After().F15())
}

// Both sides of every border between agreeing, waiting and the worklist.
func TestAgainst(t *testing.T) {
	one := listed{debits: 1, amount: 100}
	undone := listed{debits: 1, amount: 100, reversals: 1}
	for _, v := range []struct {
		state State
		code  ResponseCode
		l     listed
		kind  DiscrepancyKind
		waits bool
	}{
		{Approved, "00", one, "", false},
		{Settled, "00", one, "", false},
		{Paid, "00", one, "", false},
		{Approved, "00", listed{}, OursOnly, false},
		{Approved, "00", listed{elsewhere: 1}, OursOnly, false},
		{Approved, "00", undone, StateDiffers, false},
		{Approved, "00", listed{debits: 1, amount: 101}, AmountDiffers, false},
		{Approved, "00", listed{debits: 1, amount: 99}, AmountDiffers, false},
		{Approved, "00", listed{debits: 2, amount: 100}, Duplicate, false},
		{Approved, "00", listed{debits: 1, elsewhere: 1, amount: 100}, Duplicate, false},
		{Reversed, "00", undone, "", false},
		{Reversed, "00", listed{}, "", false},
		{Reversed, "00", one, StateDiffers, false},
		{Reversed, "25", one, DebitAfter25, false},
		{Reversed, "25", undone, "", false},
		{Reversed, "25", listed{}, "", false},
		{Declined, "51", one, StateDiffers, false},
		{Declined, "51", listed{}, "", false},
		{Declined, "51", undone, "", false},
		{Sent, "", one, "", true},
		{Reversing, "", one, "", true},
		{Reversing, "", undone, "", true},
	} {
		got := (&Transaction{State: v.state, HostCode: v.code, Amount: 100}).against(v.l)
		require.Equal(t, v.kind, got.kind, "%s %+v", v.state, v.l)
		require.Equal(t, v.waits, got.waits != "", "%s %+v", v.state, v.l)
		require.Equal(t, v.kind != "", got.why != "", "%s %+v", v.state, v.l)
	}
}

func TestResolutionsAreOfKinds(t *testing.T) {
	for _, k := range Kinds() {
		require.NotEmpty(t, Resolutions[k], k)
		require.False(t, MayResolve(k, ""), k)
		require.Equal(t, k == PayoutRefused, MayResolve(k, PayAgain), "%s: only a payout is paid again", k)
	}
	require.False(t, MayResolve("no-kind", Refunded))
}

// A whole day: what all three agree on is paid on the host's own word, once, and the payee is told once.
func TestSettleADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		var all []*Transaction
		for i := range 3 {
			all = append(all, d.pay(t, STAN(i+1), Fen(100+i), true))
		}
		gone := d.pay(t, 9, 500, false)
		d.undo(t, gone)
		rep := d.run(t)
		require.Equal(t, 1, d.house.cuts)
		require.Equal(t, InBalance, rep.Balance, d.steps)
		require.True(t, rep.Whole)
		require.Equal(t, SettlementTotals{Debits: Sum{4, 803}, DebitReversals: Sum{1, 500}}, rep.Ours)
		require.Equal(t, rep.Ours, rep.Theirs)
		require.Equal(t, Sum{3, 303}, rep.Paying)
		require.Equal(t, Sum{1, 500}, rep.Undone)
		require.Empty(t, d.house.orders, "the host pays on its own word")
		require.NoError(t, d.tell(t))
		require.NoError(t, d.tell(t))
		for _, x := range all {
			require.Equal(t, Paid, d.now(t, x).State)
			require.Equal(t, 1, d.notices(x, NoticePaidOut))
			require.Equal(t, 1, d.house.times[x.RRN()])
		}
		require.Zero(t, d.house.times[gone.RRN()])
		rep = d.run(t)
		require.Equal(t, Sum{3, 303}, rep.Paid)
		require.True(t, rep.Done())
		require.Len(t, d.house.reconciled, 1, "a word that was given is not asked for again")
		require.Empty(t, d.mem.pick(func(Discrepancy) bool { return true }))
	})
}

// What waits keeps the host from paying on its own word; the rest is ordered one by one.
func TestSettleWhatCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		good, waits := d.pay(t, 1, 100, true), d.pay(t, 2, 200, false)
		rep := d.run(t)
		require.False(t, rep.Whole)
		require.Equal(t, InBalance, rep.Balance)
		require.Equal(t, []bool{false}, d.house.reconciled)
		require.Equal(t, []Waiting{{waits.RRN(), waits.Key.Terminal, 200, Approved, "the terminal has not been heard since"}}, rep.Waits)
		require.NoError(t, d.tell(t))
		require.Equal(t, Paid, d.now(t, good).State)
		require.Equal(t, Approved, d.now(t, waits).State)

		waits = d.now(t, waits)
		next := waits.copied()
		next.Confirmed = true
		require.NoError(t, d.mem.Move(t.Context(), waits, next, Change{}))
		rep = d.run(t)
		require.True(t, rep.Whole)
		require.Equal(t, []bool{false, true}, d.house.reconciled)
		require.NoError(t, d.tell(t))
		require.Equal(t, Paid, d.now(t, waits).State)
		require.Equal(t, 1, d.house.times[good.RRN()])
	})
}

// Every way in which the list can be wrong: found though the totals may agree, on the worklist, and paid to nobody.
func TestSpoiltLists(t *testing.T) {
	for name, v := range map[string]struct {
		spoil func([]ClearingLine) []ClearingLine
		kind  DiscrepancyKind
		stuck int // debits that are not paid
	}{
		"missing line":  {func(l []ClearingLine) []ClearingLine { return l[1:] }, OursOnly, 1},
		"extra line":    {func(l []ClearingLine) []ClearingLine { x := l[0]; x.Host.STAN = 99; return append(l, x) }, TheirsOnly, 0},
		"other amount":  {func(l []ClearingLine) []ClearingLine { l[0].Amount++; return l }, AmountDiffers, 1},
		"amounts moved": {func(l []ClearingLine) []ClearingLine { l[0].Amount++; l[1].Amount--; return l }, AmountDiffers, 2},
		"twice":         {func(l []ClearingLine) []ClearingLine { return append(l, l[0]) }, Duplicate, 1},
		"other card":    {func(l []ClearingLine) []ClearingLine { l[0].Card = PAN{s: "6222020000000000026"}; return l }, TheirsOnly, 1},
		"undone there": {func(l []ClearingLine) []ClearingLine {
			return append(l, ClearingLine{MTI: "0420", Reversal: true, Host: HostKey{"0101000000", 98}, Original: l[0].Host, Card: l[0].Card, Amount: l[0].Amount})
		}, StateDiffers, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDay(t)
				d.house.spoil = v.spoil
				for i := range 3 {
					d.pay(t, STAN(i+1), Fen(100*(i+1)), true)
				}
				rep := d.run(t)
				require.NotEmpty(t, rep.Open)
				require.Equal(t, v.kind, rep.Open[0].Kind)
				require.Equal(t, int64(v.stuck), rep.Wait.Count, "%+v", rep.Waits)
				require.NoError(t, d.tell(t))
				again := d.run(t)
				require.Len(t, again.Open, len(rep.Open), "found once")
				require.Equal(t, int64(3-v.stuck), again.Paid.Count)

				d.house.spoil = nil // the host corrects its list
				d.run(t)
				require.NoError(t, d.tell(t))
				again = d.run(t)
				require.Equal(t, int64(3), again.Paid.Count, "%+v %v", again.Waits, d.steps)
				for rrn, n := range d.house.times {
					require.Equal(t, 1, n, rrn)
				}
			})
		})
	}
}

// A process that dies anywhere, before or right behind any write or any message, and is begun again: each agreed debit is
// paid once, none that is not agreed, and each payee is told once.
func TestSettleThroughEveryCrash(t *testing.T) {
	for _, after := range []bool{false, true} {
		passed := 0
		for at := 1; passed == 0 || at <= passed; at++ {
			synctest.Test(t, func(t *testing.T) {
				d := newDay(t)
				d.house.spoil = func(l []ClearingLine) []ClearingLine { l[2].Amount++; return l }
				x := []*Transaction{d.pay(t, 1, 100, true), d.pay(t, 2, 200, true), d.pay(t, 3, 300, true), d.pay(t, 4, 400, false)}
				d.house.fuse.n, d.house.fuse.at, d.house.fuse.after = 0, at, after
				lives := 0
				for ; lives < 6; lives++ {
					err := d.try(t)
					if err == nil {
						err = d.tell(t)
					}
					if err == nil && !d.house.fuse.dead {
						break
					}
					d.house.fuse.dead, d.house.fuse.at = false, 0
					d.live()
				}
				if passed == 0 && lives == 0 {
					passed = d.house.fuse.n
				}
				d.house.fuse.at = 0
				require.NoError(t, d.try(t))
				require.NoError(t, d.tell(t))
				name := fmt.Sprintf("at %d, after %v", at, after)
				for i, want := range []State{Paid, Paid, Approved, Approved} {
					require.Equal(t, want, d.now(t, x[i]).State, "%s: debit %d", name, i)
					n := 0
					if want == Paid {
						n = 1
					}
					require.Equal(t, n, d.house.times[x[i].RRN()], "%s: money of debit %d", name, i)
					require.Equal(t, n, d.notices(d.now(t, x[i]), NoticePaidOut), "%s: notice of debit %d", name, i)
				}
				require.Len(t, d.mem.ledger.worklist, 1, name)
			})
			if at > 500 {
				t.Fatal("no end")
			}
		}
		require.Greater(t, passed, 10)
	}
}

// A card that cannot be credited: worklist, the payee is asked for another, and that one is paid, once.
func TestRefusedPayout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		old := mustPAN(t, "6217000000000000012")
		d.house.close[old] = "14"
		d.pay(t, 2, 50, false) // keeps the date from being whole
		x := d.pay(t, 1, 100, true)
		rep := d.run(t)
		require.Len(t, rep.Open, 1)
		require.Equal(t, PayoutRefused, rep.Open[0].Kind)
		require.NoError(t, d.tell(t))
		require.Equal(t, Paying, d.now(t, x).State)
		require.Equal(t, 1, d.notices(x, NoticeNewCard))
		d.run(t)
		require.Len(t, d.house.orders, 1, "not tried again by itself")

		w := Worklist{d.mem, d.mem, d.mem}
		for _, v := range []struct {
			r    Resolved
			want error
		}{
			{Resolved{Discrepancy: 2, As: PayAgain, Why: "x"}, ErrNotFound},
			{Resolved{Discrepancy: 1, As: Stands, Why: "x"}, ErrResolution},
			{Resolved{Discrepancy: 1, As: PayAgain}, ErrUnexplained},
		} {
			require.ErrorIs(t, w.Resolve(t.Context(), v.r), v.want)
		}
		p := d.mem.payees[0]
		p.Ref.CardVersion, p.Card = 2, mustPAN(t, "6228480000000000018")
		d.mem.payees = append(d.mem.payees, p)
		require.NoError(t, w.Resolve(t.Context(), Resolved{Discrepancy: 1, As: PayAgain, Why: "new card", Who: "a"}))
		require.ErrorIs(t, w.Resolve(t.Context(), Resolved{Discrepancy: 1, As: Refunded, Why: "x"}), ErrResolved)
		d.run(t)
		require.Equal(t, p.Card, d.house.orders[1].Card)
		require.NotEqual(t, d.house.orders[0].Host, d.house.orders[1].Host)
		require.NoError(t, d.tell(t))
		require.Equal(t, Paid, d.now(t, x).State)
		require.Equal(t, 1, d.house.times[x.RRN()])
		require.Equal(t, 1, d.notices(x, NoticePaidOut))
	})
}

// Each card that its bank does not credit is a notice of its own; what no card mends leaves the payee alone.
func TestRefusedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		first, second := mustPAN(t, "6217000000000000012"), mustPAN(t, "6228480000000000018")
		d.house.close[first], d.house.close[second] = "42", "05"
		d.pay(t, 2, 50, false)
		x := d.pay(t, 1, 100, true)
		d.run(t)
		p := d.mem.payees[0]
		p.Ref.CardVersion, p.Card = 2, second
		d.mem.payees = append(d.mem.payees, p)
		w := Worklist{d.mem, d.mem, d.mem}
		require.NoError(t, w.Resolve(t.Context(), Resolved{Discrepancy: 1, As: PayAgain, Why: "new card", Who: "a"}))
		d.run(t)
		require.Equal(t, 2, d.notices(x, NoticeNewCard))
		d.house.close[second] = CodeOriginal
		require.NoError(t, w.Resolve(t.Context(), Resolved{Discrepancy: 2, As: PayAgain, Why: "it is open now", Who: "a"}))
		rep := d.run(t)
		require.Equal(t, 2, d.notices(x, NoticeNewCard), "the host disputes the debit, not the card")
		require.Len(t, rep.Open, 1)
		require.Equal(t, PayoutRefused, rep.Open[0].Kind)
		d.house.close[second] = ""
		require.NoError(t, w.Resolve(t.Context(), Resolved{Discrepancy: 3, As: PayAgain, Why: "corrected", Who: "a"}))
		d.run(t)
		require.NoError(t, d.tell(t))
		require.Equal(t, Paid, d.now(t, x).State)
		require.Equal(t, 1, d.house.times[x.RRN()])
	})
}

// What a terminal lists and nobody knows is on the worklist once, however often the date is settled, and keeps nobody from being
// paid. A row that a batch disputes is there too, and waits.
func TestStraysAreOnTheWorklist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		r := d.request(t, 1, 100)
		known, other := d.pay(t, 1, 100, false), d.pay(t, 2, 50, false)
		d.upload(t, BatchLine{STAN: 1, Card: r.Card, Amount: 100}, BatchLine{STAN: 2, Card: r.Card, Amount: 51}, BatchLine{STAN: 77, Card: r.Card, Amount: 7})
		for range 3 {
			rep := d.run(t)
			require.Len(t, rep.Open, 2)
			for _, o := range rep.Open {
				require.Equal(t, BatchDiffers, o.Kind)
			}
		}
		stray := d.mem.ledger.worklist[0]
		if stray.Transaction != 0 {
			stray = d.mem.ledger.worklist[1]
		}
		require.Equal(t, [3]any{ID(0), Fen(0), Fen(7)}, [3]any{stray.Transaction, stray.Ours, stray.Theirs})
		require.Contains(t, stray.Why, "lists number 000077 in batch 7")
		require.NoError(t, d.tell(t))
		require.Equal(t, Paid, d.now(t, known).State)
		require.Equal(t, Approved, d.now(t, other).State)
		w := Worklist{d.mem, d.mem, d.mem}
		require.NoError(t, w.Resolve(t.Context(), Resolved{Discrepancy: stray.ID, As: Refunded, Why: "at the counter"}))
		require.Len(t, d.run(t).Open, 1)
	})
}

func TestRefusedPayoutIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		d.house.close[mustPAN(t, "6217000000000000012")] = "14"
		d.pay(t, 2, 50, false)
		x := d.pay(t, 1, 100, true)
		d.run(t)
		w := Worklist{d.mem, d.mem, d.mem}
		require.NoError(t, w.Resolve(t.Context(), Resolved{Discrepancy: 1, As: Refunded, Why: "at the counter"}))
		rep := d.run(t)
		require.Len(t, d.house.orders, 1)
		require.Equal(t, Sum{1, 100}, rep.Closed)
		require.Equal(t, Paying, d.now(t, x).State)
		a := d.house.paid[x.RRN()]
		a.Code = ""
		d.advice(t, a) // the host paid all the same: evidence
		require.Equal(t, Paying, d.now(t, x).State)
		require.Equal(t, PayoutUnknown, d.mem.ledger.worklist[1].Kind)
	})
}

// Words of the host on payouts that do not fit are answered, kept, and move no money.
func TestStrangeAdvices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		open, paying := d.pay(t, 1, 100, false), d.pay(t, 2, 200, true)
		d.run(t)
		good := d.house.paid[paying.RRN()]
		change := func(f func(*Payout)) Payout { a := good; f(&a); return a }
		for i, a := range []Payout{
			{RRN: open.RRN(), Amount: 100, Date: d.date},
			{RRN: "999999999999", Amount: 100, Date: d.date},
			{RRN: "garbage", Amount: 100},
			change(func(a *Payout) { a.Amount++ }),
		} {
			for range 2 {
				d.advice(t, a)
				require.Len(t, d.mem.ledger.worklist, i+1, "%+v", a)
				require.Equal(t, PayoutUnknown, d.mem.ledger.worklist[i].Kind)
			}
		}
		require.Equal(t, Approved, d.now(t, open).State)
		require.Equal(t, Paying, d.now(t, paying).State)
		for _, a := range []Payout{change(func(a *Payout) { a.Debit.STAN++ }),
			change(func(a *Payout) { a.Card = mustPAN(t, payerCard) })} {
			d.advice(t, a)
			require.Equal(t, Paying, d.now(t, paying).State)
		}
		d.advice(t, good)
		require.Equal(t, Paid, d.now(t, paying).State)
		d.mem.broken = errors.New("disk")
		_, err := d.PaidOut(t.Context(), Payout{RRN: "999999999999", Debit: HostKey{"x", 1}})
		require.ErrorIs(t, err, ErrStore, "no answer for what is not written")
	})
}

// advice wants a word of the host answered with 00.
func (d *settleDay) advice(t testing.TB, a Payout) {
	t.Helper()
	code, err := d.PaidOut(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, CodeApproved, code)
}

// An undo after settlement moves nothing, and people decide.
func TestUndoOfASettledDebit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		d.pay(t, 2, 50, false)
		x := d.pay(t, 1, 100, true)
		d.run(t)
		d.undo(t, x)
		d.undo(t, x)
		require.Equal(t, Paying, d.now(t, x).State)
		require.Len(t, d.mem.ledger.worklist, 1)
		require.Equal(t, UndoTooLate, d.mem.ledger.worklist[0].Kind)
		require.NoError(t, Worklist{d.mem, d.mem, d.mem}.Resolve(t.Context(), Resolved{Discrepancy: 1, As: Stands, Why: "agreed by phone"}))
		require.Empty(t, d.now(t, x).Exception)
	})
}

// meanwhile is a ledger beside whose moves of an event something else happens.
type meanwhile struct {
	Ledger
	event         Event
	before, after func()
}

func (m *meanwhile) MoveAll(ctx context.Context, moves []Move) error {
	meant := moves[0].Change.Event == m.event
	if meant {
		m.before()
	}
	err := m.Ledger.MoveAll(ctx, moves)
	if meant {
		m.after()
	}
	return err
}

// An undo that comes between comparison and totals: the host is not told that it may pay all, for it would pay what has no payout here.
func TestUndoBeforeTheTotals(t *testing.T) {
	for name, at := range map[string]*meanwhile{
		"behind the comparison": {event: EventAgreed},
		"before its payout":     {event: EventPay},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDay(t)
				x, other := d.pay(t, 1, 100, true), d.pay(t, 2, 50, true)
				once := sync.OnceFunc(func() { d.undo(t, x) })
				at.Ledger, at.before, at.after = d.mem, func() {}, func() {}
				if at.event == EventPay {
					at.before = once
				} else {
					at.after = once
				}
				d.Settlement.Ledger = at
				d.run(t)
				require.Equal(t, []bool{false}, d.house.reconciled)
				require.Equal(t, Settled, d.now(t, x).State)
				require.NoError(t, d.tell(t))
				require.Zero(t, d.house.times[x.RRN()], "no money without a payout")
				require.Equal(t, Paid, d.now(t, other).State, "the other is paid by an order of its own")
				require.Equal(t, UndoTooLate, d.mem.ledger.worklist[0].Kind)
			})
		})
	}
}

// What the host lacks is a note, and the next run goes on from there.
func TestSettleWaitsForTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		d.house.late, d.house.cutOff = true, ErrUnknown
		x := d.pay(t, 1, 100, true)
		rep := d.run(t)
		require.Equal(t, SettlementClosed, rep.Stage)
		require.Contains(t, rep.CutOff, "here")
		require.Equal(t, "the host's detail file is awaited", rep.Note)
		require.Equal(t, "the host's detail file is awaited", rep.Waits[0].Why)
		d.house.late, d.house.silent = false, true
		rep = d.run(t)
		require.Contains(t, rep.Note, "sending the totals")
		require.Equal(t, Paying, d.now(t, x).State, "its key stands before the host can pay")
		d.house.silent = false
		d.run(t)
		require.Equal(t, []bool{true, true}, d.house.reconciled)
		require.Equal(t, 1, d.house.cuts)
		require.NoError(t, d.tell(t))
		require.Equal(t, Paid, d.now(t, x).State)
	})
}

// The switch that serves takes up what was asked for; a date without payments is done at once.
func TestServingTakesUpSettlements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		d.start(t)
		_, err := AskSettlement(t.Context(), d.mem, d.date, time.Now())
		require.NoError(t, err)
		time.Sleep(3 * settleEvery)
		st, err := d.mem.Settlement(t.Context(), d.date)
		require.NoError(t, err)
		require.False(t, st.Owed())
		require.Equal(t, InBalance, st.Balance, st.Note)
	})
}

// Reading goes on where it stopped, over more than one page.
func TestLoadIsPaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t)
		for i := range 2*settlePage + 1 {
			d.house.lines[d.date] = append(d.house.lines[d.date], ClearingLine{MTI: "0100", Host: HostKey{strconv.Itoa(i), 1}, Amount: 1})
		}
		d.house.fuse.n, d.house.fuse.at = 0, 4
		require.ErrorIs(t, d.try(t), ErrStore)
		st, err := d.mem.Settlement(t.Context(), d.date)
		require.NoError(t, err)
		require.Equal(t, int64(settlePage), st.Lines)
		d.house.fuse.dead = false
		d.live()
		require.NoError(t, d.try(t))
		require.Len(t, d.mem.ledger.lines[d.date], 2*settlePage+1)
	})
}
