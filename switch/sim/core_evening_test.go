package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// evening are the options of a seed whose day is settled: a small day, so that whole dates come to be agreed.
func evening(seed uint64) coreOptions {
	o := coreOptions{seed: seed, terminals: 4, payments: 8, faults: coreFaults(), forgetful: seed%8 == 3, evening: true, oneBatch: seed%3 != 0}
	o.faults.crash = 150
	if seed%4 != 1 {
		o.faults.amount = 0
	}
	return o
}

// TestEveningSeeds carries out EVENINGS runs from seed FIRST on, or the one of seed SIMSEED, and wants no violation.
func TestEveningSeeds(t *testing.T) {
	first, seeds := fromEnvironment(t, "FIRST", 1), fromEnvironment(t, "EVENINGS", seedsByDefault)
	if one := fromEnvironment(t, "SIMSEED", 0); one > 0 {
		first, seeds = one, 1
	}
	began := time.Now()
	var sum coreCount
	failed := 0
	each(t, seeds, func(n int) coreOptions { return evening(uint64(first + n)) }, func(_ int, r coreResult) {
		sum.add(r.coreCount)
		for _, v := range r.violations {
			if failed++; failed <= 10 {
				t.Errorf("%s\n%s", v, tellStory(t, evening(v.seed), v))
			}
		}
	})
	took := time.Since(began).Seconds()
	t.Logf("%d seeds, %s; %d paid out, %d on the worklist; %.1f s, %.0f seeds/s, %d violations", seeds, sum.summary(), sum.paid, sum.listed, took,
		float64(seeds)/took, failed)
	require.Positive(t, sum.listed)
	require.Positive(t, sum.paid)
}

// TestEveningDeterminism runs evenings twice with a trace: the two are equal line by line.
func TestEveningDeterminism(t *testing.T) {
	const seeds = 20
	traces := make([][]coreEvent, 2*seeds)
	counts := make([]coreCount, 2*seeds)
	options := func(n int) coreOptions {
		o := evening(uint64(n%seeds + 1))
		o.trace = true
		return o
	}
	each(t, 2*seeds, options, func(n int, r coreResult) { traces[n], counts[n] = r.events, r.coreCount })
	for n := range seeds {
		first, second := traces[n], traces[n+seeds]
		for i := range min(len(first), len(second)) {
			require.Equal(t, first[i].String(), second[i].String(), "seed %d, line %d", n+1, i)
		}
		require.Len(t, second, len(first))
		require.Equal(t, counts[n], counts[n+seeds])
	}
}

// eveningBugs break the three-way match, the payout's key, and whom a payout goes to.
func eveningBugs() []coreBug {
	ledger := func(f func(acquirer.Ledger, *coreLife) acquirer.Ledger) func(*coreLife, *acquirer.Config) {
		return func(l *coreLife, c *acquirer.Config) { c.Settlement.Ledger = f(c.Settlement.Ledger, l) }
	}
	return []coreBug{
		{name: "payout at approval", story: "an approved debit counts as confirmed by its terminal", worse: forgetting, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &wordTaken{Memory: m} }},
		{name: "payout without a key", story: "a payout is ordered before its key is durable", worse: deadlier, ports: ledger(func(l acquirer.Ledger, life *coreLife) acquirer.Ledger { return &paysFirst{l, life} })},
		{name: "new key at each order", story: "the host is not told that an order is the one before", forgetsPayouts: true},
		{name: "list ignored", story: "what is approved here counts as listed", ports: ledger(func(l acquirer.Ledger, life *coreLife) acquirer.Ledger { return &listIgnored{l, life.w.mem} })},
		{name: "payout of an undone debit", story: "an undo is answered and forgotten, and the terminal's word is not waited for",
			journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &wordTaken{Memory: m, undone: true} }},
		{name: "new owner's card", story: "the number's card of the evening is credited", worse: restlessPayees, ports: directory(func(m *Memory) acquirer.Directory { return &eveningCard{m} })},
		{name: "Paid before it is durable", story: "the 0230 leaves before the row is Paid", worse: deadlier, ports: front(func(l *coreLife, j acquirer.Journal) acquirer.Journal {
			return &writesBehind{Journal: j, l: l, move: func(_ *acquirer.Transaction, c acquirer.Change) bool { return c.Event == acquirer.EventPaidOut }}
		})},
		{name: "notice at each 0220", story: "what was paid is told again", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &tellsAgain{m} }},
		{name: "totals told as whole", story: "F66 of the 0520 is 1 though something waits", ports: func(_ *coreLife, c *acquirer.Config) {
			c.Settlement.Centre = &alwaysWhole{c.Settlement.Centre}
		}},
	}
}

func forgetting(o *coreOptions) { o.faults.power, o.faults.forget = 2000, 5000 }
func deadlier(o *coreOptions)   { o.faults.crash = 500 }

// TestEveningBugs wants every planted bug found, and nothing in the same worlds without it.
func TestEveningBugs(t *testing.T) {
	bugs, seeds := append(eveningBugs(), coreBug{}), fromEnvironment(t, "PLANTED", 48)
	found, by := make([]int, len(bugs)), make([]map[string]int, len(bugs))
	each(t, len(bugs)*seeds, func(n int) coreOptions {
		o := evening(uint64(n%seeds + 1))
		if o.plant = bugs[n/seeds]; o.plant.worse != nil {
			o.plant.worse(&o)
		}
		return o
	}, func(n int, r coreResult) {
		if by[n/seeds] == nil {
			by[n/seeds] = map[string]int{}
		}
		if len(r.violations) > 0 {
			found[n/seeds]++
		}
		for _, name := range invariantsOf(r) {
			by[n/seeds][name]++
		}
	})
	for i, b := range bugs {
		t.Logf("| %s | %s | %d of %d | %s |", b.name, b.story, found[i], seeds, ranked(by[i]))
		if found[i] > 0 != (b.name != "") {
			t.Errorf("planted %q, found in %d of %d seeds", b.name, found[i], seeds)
		}
	}
}
