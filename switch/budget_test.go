package acquirer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// production are the limits that an installation begins with.
func production(c *Config) {
	c.Limits.PayerBudget.Capacity = 20
	c.Limits.SuspendOnMisses = true
}

// ask looks a number up at a terminal, as its edge would: a blocked terminal is refused first.
func (w *world) ask(t *testing.T, id TerminalID, payee, payer string) ResponseCode {
	t.Helper()
	term, err := w.Identify(t.Context(), Caller{Terminal: id, Merchant: w.term.Merchant})
	if err != nil {
		return CodeOf(err)
	}
	_, err = w.Inquire(t.Context(), InquiryRequest{Terminal: term, Amount: 1, Payee: payee, Payer: payer})
	return CodeOf(err)
}

// enrol registers terminals beside the first.
func (w *world) enrol(n int) (ids []TerminalID) {
	for i := range n {
		term := *w.term
		term.ID = TerminalID(fmt.Sprintf("%08d", 20_000_000+i))
		w.mem.terminals[term.ID] = term
		ids = append(ids, term.ID)
	}
	return ids
}

// failingDirectory finds nobody for a fault.
type failingDirectory struct{ *memory }

func (failingDirectory) PayeeByNumber(context.Context, MSISDN) (*Payee, error) {
	return nil, errors.New("the disk stutters")
}

const nobody = "13800139999" // a good number that no payee has

func TestPayerBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, production)
		terminals := w.enrol(30)
		for i := range 20 {
			require.Equal(t, CodeApproved, w.ask(t, terminals[i], payeeNumber, payerNumber))
		}
		require.Equal(t, CodeBudget, w.ask(t, terminals[20], payeeNumber, payerNumber), "at whatever terminal")
		require.Equal(t, CodeApproved, w.ask(t, terminals[20], payeeNumber, "13900139002"), "others are not affected")
		for range 19 { // the refusal has cost the terminal nothing
			require.Equal(t, CodeApproved, w.ask(t, terminals[20], payeeNumber, "13900139003"))
		}
		require.Equal(t, CodeBudget, w.ask(t, terminals[20], payeeNumber, "13900139004"))
		time.Sleep(5*time.Minute - time.Second)
		require.Equal(t, CodeBudget, w.ask(t, terminals[21], payeeNumber, payerNumber), "12 an hour is one in 5 minutes")
		time.Sleep(time.Second)
		require.Equal(t, CodePayeeUnavailable, w.ask(t, terminals[21], nobody, payerNumber))
		time.Sleep(20 * time.Minute)
		require.Equal(t, CodeBudget, w.ask(t, terminals[22], payeeNumber, payerNumber), "a miss costs 5: the bucket owed 4")
		time.Sleep(5 * time.Minute)
		require.Equal(t, CodeApproved, w.ask(t, terminals[22], payeeNumber, payerNumber))
	})
}

// Without a capacity there is no budget of a payer's number: one may ask at any number of terminals.
func TestPayerBudgetOff(t *testing.T) {
	w := newWorld(t)
	for _, id := range w.enrol(100) {
		require.Equal(t, CodeApproved, w.ask(t, id, payeeNumber, payerNumber))
	}
	require.Empty(t, w.budgets.payers.levels)
}

// An approved debit gives the look-up back to both buckets, and a look-up that failed for a fault costs nothing.
func TestPayerBudgetIsGivenBack(t *testing.T) {
	w := newWorld(t, production)
	for i := range STAN(50) {
		tx, err := w.Debit(t.Context(), w.request(t, i+1, 100), nothing)
		require.NoError(t, err)
		require.Equal(t, CodeApproved, tx.Code)
	}
	require.Empty(t, w.budgets.payers.levels)
	require.Empty(t, w.budgets.terminals.levels)
	w.Directory = failingDirectory{w.mem}
	for range 50 {
		_, err := w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: 1, Payee: payeeNumber, Payer: payerNumber})
		require.Equal(t, CodeMalfunction, CodeOf(err))
	}
}

// Buckets that have filled are dropped, and there is an end to how many there are.
func TestBucketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b buckets[int]
		b.init(BudgetLimits{Capacity: 20}.withDefaults())
		b.limit = 1000
		begin := time.Now()
		for i := range 2000 {
			require.Equal(t, i < 1000, b.take(i, time.Now()), "%d", i)
		}
		b.charge(7, time.Now(), 4)
		require.Len(t, b.levels, 1000)
		require.True(t, b.take(5, time.Now()), "who has a bucket is served")
		b.charge(5, time.Now(), -2)
		require.True(t, b.take(1000, time.Now()), "a bucket that is full again makes room at once")
		time.Sleep(5 * time.Minute)
		require.True(t, b.take(3000, time.Now()))
		require.Len(t, b.levels, 2, "the others have filled: one is new, one owed 5")
		for i := range 10 * 24 * 60 { // a number a minute for ten days
			require.True(t, b.take(10_000+i, time.Now()))
			require.LessOrEqual(t, len(b.levels), 8)
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Hour)
		require.True(t, b.take(-1, time.Now()))
		require.Len(t, b.levels, 1)
		b.take(-1, begin) // a clock that is set back fills no bucket and drops none
		require.Len(t, b.levels, 1)
	})
}

// Row 1 of docs/security.md, under the limits of a new installation. An attacker has a terminal, or a number of them, and
// asks as often as he is let for 24 hours.
func TestHarvest(t *testing.T) {
	const day = 24 * time.Hour
	const most = 20 + 24*12
	for _, c := range []struct {
		name      string
		terminals int
		hitEvery  int // one look-up in so many finds somebody; 0: none does
		onePayer  bool
		names     int // at most
		lookUps   int // exactly; 0: as they come
		blocked   int
	}{
		{"one terminal, every number is registered", 1, 1, false, most, most, 0},
		{"one terminal, one payer", 1, 1, true, most, most, 0},
		{"one terminal, four in five are", 1, 5, false, 50, 0, 1},
		{"one terminal, one in a hundred", 1, 100, false, 1, 12, 1},
		{"one terminal, none", 1, 0, false, 0, 11, 1},
		{"thirty terminals, one payer", 30, 1, true, most, most, 0},
		{"thirty terminals, one in a hundred", 30, 100, false, 4, 30*11 + 4, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, production)
				terminals := w.enrol(c.terminals)
				names, lookUps, refused := 0, 0, 0
				for begin := time.Now(); time.Since(begin) <= day; time.Sleep(time.Minute) {
					for _, id := range terminals {
						for code := CodeApproved; code == CodeApproved || code == CodePayeeUnavailable; {
							payee, payer := nobody, payerNumber
							if c.hitEvery > 0 && lookUps%c.hitEvery == 0 {
								payee = payeeNumber
							}
							if !c.onePayer {
								payer = fmt.Sprintf("139%08d", lookUps)
							}
							switch code = w.ask(t, id, payee, payer); code {
							case CodeApproved:
								names++
								lookUps++
							case CodePayeeUnavailable:
								lookUps++
							default:
								require.Contains(t, []ResponseCode{CodeBudget, CodeBlocked}, code)
								refused++
							}
						}
					}
				}
				require.LessOrEqual(t, names, c.names)
				require.Positive(t, refused, "the attack was one")
				if c.lookUps > 0 {
					require.Equal(t, c.lookUps, lookUps)
				}
				require.Len(t, w.mem.alarms, c.blocked)
				require.Equal(t, uint64(c.blocked), w.Alarms()[AlarmLookUps])
			})
		})
	}
}

// Row 1, the other side: a shop that takes 30 payments an hour around the clock is never refused a look-up, though two
// numbers an hour are mistyped.
func TestBusyShop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, production)
		for i := range 24 * 30 {
			payer := fmt.Sprintf("139001390%02d", i%100)
			if i%15 == 3 {
				require.Equal(t, CodePayeeUnavailable, w.ask(t, w.term.ID, nobody, payer), "payment %d", i)
			}
			r := w.request(t, STAN(i+1), 100)
			tx, err := w.Debit(t.Context(), r, nothing)
			require.NoError(t, err)
			require.Equal(t, CodeApproved, tx.Code)
			time.Sleep(2 * time.Minute)
		}
		require.Empty(t, w.mem.alarms)
	})
}

// The alarm: more than 10 misses in the last 50 look-ups, wherever they stand; then it takes as many again.
func TestMissAlarm(t *testing.T) {
	for _, c := range []struct {
		name   string
		look   func(i int) bool // found
		n      int
		alarms []int // after which look-ups
	}{
		{"ten misses and no more", func(i int) bool { return i >= 10 }, 1000, nil},
		{"eleven misses", func(i int) bool { return i >= 11 }, 1000, []int{10}},
		{"one in five", func(i int) bool { return i%5 != 0 }, 1000, nil},
		{"a little more than one in five", func(i int) bool { return i%5 != 0 && i != 101 }, 1000, []int{101}},
		{"eleven over 50", func(i int) bool { return i != 0 && (i < 40 || i > 49) }, 100, []int{49}},
		{"eleven over 51", func(i int) bool { return i != 0 && (i < 41 || i > 50) }, 100, nil},
		{"only misses", func(int) bool { return false }, 33, []int{10, 21, 32}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m misses
			m.init()
			var alarms []int
			for i := range c.n {
				if m.note("10000001", c.look(i)) {
					alarms = append(alarms, i)
				}
				require.False(t, m.note("10000002", true))
			}
			require.Equal(t, c.alarms, alarms)
			require.LessOrEqual(t, len(m.last), 1, "who misses nothing is not remembered")
		})
	}
}

// An alarm is durable before it is told, and blocks only where that is wanted; one that cannot be written ends the
// process, and the look-up is not answered.
func TestAlarmIsRaised(t *testing.T) {
	for _, suspend := range []bool{false, true} {
		w := newWorld(t, func(c *Config) {
			c.Limits.SuspendOnMisses = suspend
			c.Limits.Budget.Capacity = 1000
		})
		var told []Alarm
		w.OnAlarm = func(a Alarm) {
			require.Equal(t, a, w.mem.alarms[len(w.mem.alarms)-1])
			told = append(told, a)
		}
		require.Equal(t, map[AlarmKind]uint64{AlarmLookUps: 0, AlarmSecondSignOn: 0, AlarmTraceBack: 0}, w.Alarms())
		for range 11 {
			require.Equal(t, CodePayeeUnavailable, w.ask(t, w.term.ID, nobody, payerNumber), "the refusal is as ever")
		}
		require.Len(t, told, 1)
		require.Equal(t, []any{w.term.ID, AlarmLookUps, suspend}, []any{told[0].Terminal, told[0].Kind, told[0].Block})
		want := CodeApproved
		if suspend {
			want = CodeBlocked
		}
		require.Equal(t, want, w.ask(t, w.term.ID, payeeNumber, payerNumber))
	}
	w := newWorld(t, func(c *Config) { c.Limits.Budget.Capacity = 1000 })
	w.mem.before = func(op string, _ State) {
		if op == "alarm" {
			w.mem.broken = errors.New("disk full")
		}
	}
	for range 10 {
		require.Equal(t, CodePayeeUnavailable, w.ask(t, w.term.ID, nobody, payerNumber))
	}
	_, err := w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: 1, Payee: nobody, Payer: payerNumber})
	require.ErrorIs(t, err, ErrStore)
	require.ErrorIs(t, w.Run(t.Context()), ErrStore)
	require.Zero(t, w.Alarms()[AlarmLookUps])
}
