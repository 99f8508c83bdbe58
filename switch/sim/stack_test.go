package sim

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// simulateStack carries a run out in a bubble of its own.
func simulateStack(t *testing.T, o stackOptions) (r stackResult) {
	t.Helper()
	o.dir = t.TempDir()
	synctest.Test(t, func(*testing.T) { r = stackSimulate(o) })
	require.NoError(t, r.err, "seed %d", o.seed)
	return r
}

// stackSeed is the ordinary run of a seed.
func stackSeed(seed uint64) stackOptions {
	return stackOptions{seed: seed, terminals: 3, payments: 4, test: "TestStackSeeds"}
}

// stackNumber reads a number from the environment; n when there is none.
func stackNumber(t *testing.T, name string, n int) int {
	t.Helper()
	if s := os.Getenv(name); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err, name)
	}
	return n
}

// stackRange says which seeds to run: the one in SIMSEED alone; else from 1 as many as SIMSEEDS says, or a twentieth of
// SEEDS, which counts runs of the pure core; else n.
func stackRange(t *testing.T, n int) (first, last uint64) {
	t.Helper()
	if seed := stackNumber(t, "SIMSEED", 0); seed > 0 {
		return uint64(seed), uint64(seed)
	}
	return 1, uint64(stackNumber(t, "SIMSEEDS", stackNumber(t, "SEEDS", n*20)/20))
}

// requireStackSound fails with the line and the story of every broken invariant.
func requireStackSound(t *testing.T, r stackResult) {
	t.Helper()
	for _, v := range r.broken {
		t.Errorf("%s\n%s", v.line, v.story)
	}
}

// TestStackSeeds carries out seeds and holds the books of each against the invariants.
func TestStackSeeds(t *testing.T) {
	t.Parallel()
	var sum stackCount
	moves := make(map[string]int)
	first, last := stackRange(t, 8)
	for seed := first; seed <= last; seed++ {
		r := simulateStack(t, stackSeed(seed))
		requireStackSound(t, r)
		sum.add(r.stackCount)
		for m, n := range r.moves {
			moves[m] += n
		}
	}
	t.Logf("%d seeds: %v", last-first+1, sum)
	for _, m := range slices.Sorted(maps.Keys(moves)) {
		t.Logf("%6d  %s", moves[m], m)
	}
}

// TestStackRepeats runs seeds twice, on one processor and on two: the traces are equal line by line.
func TestStackRepeats(t *testing.T) {
	first, last := stackRange(t, 3)
	for seed := first; seed <= last; seed++ {
		var traces [2][]string
		for i := range traces {
			before := runtime.GOMAXPROCS(1 + i)
			traces[i] = simulateStack(t, stackSeed(seed)).trace
			runtime.GOMAXPROCS(before)
		}
		requireSameStackTrace(t, seed, traces[0], traces[1])
	}
}

// requireSameStackTrace shows the first lines that differ, with those around them.
func requireSameStackTrace(t *testing.T, seed uint64, a, b []string) {
	t.Helper()
	require.NotEmpty(t, a)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			lo, hi := max(0, i-2), min(i+4, len(a), len(b))
			t.Errorf("seed %d differs in line %d:\n%s\n--\n%s", seed, i, strings.Join(a[lo:hi], "\n"), strings.Join(b[lo:hi], "\n"))
			return
		}
	}
	require.Len(t, b, len(a), "seed %d", seed)
}

// TestStackEveryStep kills the switch at every durable step of a run, once before and once after the write: on a calm
// day, and, when more is asked for, on the days of some seeds.
func TestStackEveryStep(t *testing.T) {
	t.Parallel()
	o := stackOptions{terminals: 2, payments: 2, calm: true, test: "TestStackEveryStep"}
	runs := stackEveryStep(t, o)
	days := stackNumber(t, "SIMSEEDS", stackNumber(t, "SEEDS", 0)/20) / 20
	for o.calm, o.seed = false, 1; o.seed <= uint64(days); o.seed++ {
		runs += stackEveryStep(t, o)
	}
	t.Logf("%d runs", runs)
}

// stackEveryStep moves the crash forward, step by step, until it lies behind the end of the run.
func stackEveryStep(t *testing.T, o stackOptions) (runs int) {
	t.Helper()
	for _, o.crashAfter = range []bool{false, true} {
		for o.crashAt = 1; ; o.crashAt++ {
			r := simulateStack(t, o)
			requireStackSound(t, r)
			runs++
			if r.crashes == 0 {
				break
			}
		}
	}
	return runs
}

// stackWorlds are harder than the ordinary one, each by one fault.
func stackWorlds() map[string]func(*stackOptions) {
	return map[string]func(*stackOptions){
		// The clock is hours behind in every life of the switch but the first.
		"clock set back": func(o *stackOptions) { o.farBack = true },
		// Messages to the host arrive twice. When its 00 to the first is lost, there is 94 to the second.
		"doubled messages": func(o *stackOptions) { o.doubled = true },
		// The host forgets a reversal whose debit it has not seen. A debit that is overtaken on the way is made behind its
		// reversal then, which the host has answered 25: nothing here can know of it before the host's list is compared,
		// and nothing else may differ.
		"forgetful host": func(o *stackOptions) { o.forgetful = true },
	}
}

func TestStackWorlds(t *testing.T) {
	for name, world := range stackWorlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sum stackCount
			first, last := stackRange(t, 3)
			for seed := first; seed <= last; seed++ {
				o := stackSeed(seed)
				o.test = t.Name()
				world(&o)
				r := simulateStack(t, o)
				requireStackSound(t, r)
				sum.add(r.stackCount)
			}
			t.Logf("%d seeds, %d debits overtaken: %v", last-first+1, sum.overtaken, sum)
		})
	}
}
