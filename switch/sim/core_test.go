package sim

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The size of a run, and how many there are when nobody asks for more.
const (
	terminalsOfSeed = 10
	paymentsOfSeed  = 20 // of each terminal
	seedsByDefault  = 20
)

// ordinary are the options of a seed. Every fourth seed has a host that does not remember overtaken reversals.
func ordinary(seed uint64) coreOptions {
	return coreOptions{seed: seed, terminals: terminalsOfSeed, payments: paymentsOfSeed, faults: coreFaults(), forgetful: seed%4 == 3}
}

// simulate carries a run out in a bubble of its own.
func simulate(t *testing.T, cast *coreCast, o coreOptions) (r coreResult) {
	synctest.Test(t, func(*testing.T) { r = coreSimulate(cast, o) })
	return r
}

// fromEnvironment reads a number, or returns what is used without one.
func fromEnvironment(t *testing.T, name string, without int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return without
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, name)
	return n
}

// newCast loads what all runs share.
func newCast(t *testing.T) *coreCast {
	t.Helper()
	cast, err := newCoreCast()
	require.NoError(t, err)
	return cast
}

// each carries out runs on all processors and hands over their results, in no order, one at a time.
func each(t *testing.T, runs int, options func(n int) coreOptions, done func(n int, r coreResult)) {
	cast := newCast(t)
	var next atomic.Int64
	var mu sync.Mutex
	t.Run("workers", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for n := int(next.Add(1)) - 1; n < runs; n = int(next.Add(1)) - 1 {
					r := simulate(t, cast, options(n))
					mu.Lock()
					done(n, r)
					mu.Unlock()
				}
			})
		}
	})
}

// TestCoreSeeds carries out SEEDS runs from seed FIRST on, or the one run of seed SIMSEED, and wants no violation.
func TestCoreSeeds(t *testing.T) {
	first, seeds := fromEnvironment(t, "FIRST", 1), fromEnvironment(t, "SEEDS", seedsByDefault)
	if one := fromEnvironment(t, "SIMSEED", 0); one > 0 {
		first, seeds = one, 1
	}
	began := time.Now()
	var sum coreCount
	failed := 0
	each(t, seeds, func(n int) coreOptions { return ordinary(uint64(first + n)) }, func(_ int, r coreResult) {
		sum.add(r.coreCount)
		for _, v := range r.violations {
			if failed++; failed <= 10 {
				t.Errorf("%s\n%s", v, tellStory(t, ordinary(v.seed), v))
			}
		}
	})
	took := time.Since(began)
	t.Logf("%d seeds, %s; %.1f s, %.0f payments/s, %d violations", seeds, sum.summary(), took.Seconds(), float64(sum.payments)/took.Seconds(), failed)
}

// TestCoreDeterminism runs seeds twice with a trace: the two are equal line by line.
func TestCoreDeterminism(t *testing.T) {
	const seeds = 6
	traces := make([][]coreEvent, 2*seeds)
	counts := make([]coreCount, 2*seeds)
	options := func(n int) coreOptions {
		o := ordinary(uint64(n%seeds + 1))
		o.trace = true
		return o
	}
	each(t, 2*seeds, options, func(n int, r coreResult) { traces[n], counts[n] = r.events, r.coreCount })
	for n := range seeds {
		first, second := traces[n], traces[n+seeds]
		require.Greater(t, len(first), 1000)
		for i := range min(len(first), len(second)) {
			require.Equal(t, first[i].String(), second[i].String(), "seed %d, line %d", n+1, i)
		}
		require.Len(t, second, len(first))
		require.Equal(t, counts[n], counts[n+seeds])
	}
}

// TestCoreLaneAlone switches the order of a terminal's messages off: alone it breaks nothing, for the unique key of the
// journal is a second wall. Without both walls it does: see [TestPlantedBugs].
func TestCoreLaneAlone(t *testing.T) {
	each(t, 8, func(n int) coreOptions {
		o := ordinary(uint64(n + 1))
		disorder(&o)
		return o
	}, wantNone(t))
}

// TestCoreClockSetBack lets the clock be set back by up to two hours while the switch is down: a reversal that was put off
// does not wait until the clock has caught up.
func TestCoreClockSetBack(t *testing.T) {
	each(t, 8, func(n int) coreOptions {
		o := ordinary(uint64(n + 1))
		o.setBack, o.faults.clock = true, 5000
		return o
	}, wantNone(t))
}

// wantNone complains about every violation.
func wantNone(t *testing.T) func(int, coreResult) {
	return func(_ int, r coreResult) {
		for _, v := range r.violations {
			t.Error(v)
		}
	}
}

// tellStory repeats a run with a trace and tells what happened to the payment of a violation.
func tellStory(t *testing.T, o coreOptions, v coreViolation) string {
	o.trace = true
	return coreStory(simulate(t, newCast(t), o).events, v.key)
}

// summary is a count in words.
func (c coreCount) summary() string {
	return fmt.Sprintf("%d payments (%d approved, %d undone, %d declined, %d forgotten by the terminal of which %d wait for its batch, %d overtaken at a forgetful host, %d of them because the clock was set forward), %d messages, %d crashes, %d lives, %.1f virtual days",
		c.payments, c.approved, c.undone, c.declined, c.unanswered, c.unconfirmed, c.overtaken, c.hasty, c.messages, c.crashes, c.lives, c.virtual.Hours()/24)
}
