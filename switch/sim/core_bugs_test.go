package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
)

// seedsOfBug is in how many seeds a planted bug is looked for when nobody asks for more.
const seedsOfBug = 8

// plantedBugs lists every safeguard that is switched off in turn. Each must be found.
func plantedBugs() []coreBug {
	return slices.Concat(writingBugs(), keyBugs(), reversalBugs(), noticeBugs(), hostBugs(), payeeBugs())
}

// writingBugs break rule 1: write, then send; and rule 2: what matters is durable.
func writingBugs() []coreBug {
	return []coreBug{
		{name: "debit sent before its row is durable", story: "Open returns at once and writes later", ports: front(func(l *coreLife, j acquirer.Journal) acquirer.Journal {
			return &writesBehind{Journal: j, l: l, open: func(t *acquirer.Transaction) bool { return t.State == acquirer.Sent }}
		})},
		{name: "approval answered before it is durable", story: "Move to approved returns at once and writes later", worse: deadly, ports: front(func(l *coreLife, j acquirer.Journal) acquirer.Journal {
			return &writesBehind{Journal: j, l: l, move: func(t *acquirer.Transaction, _ acquirer.Change) bool { return t.State == acquirer.Approved }}
		})},
		{name: "undo answered before it is durable", story: "the write of an undo returns at once", worse: cancelAndDie, ports: front(func(l *coreLife, j acquirer.Journal) acquirer.Journal {
			return &writesBehind{Journal: j, l: l, open: func(t *acquirer.Transaction) bool { return t.State == acquirer.Tombstone },
				move: func(_ *acquirer.Transaction, c acquirer.Change) bool { return c.Event == acquirer.EventUndo }}
		})},
		{name: "last commit lost at a crash", story: "a commit is acknowledged without a sync", worse: deadly, journal: func(l *coreLife, m *Memory) acquirer.Journal { return &unsynced{Memory: m} }},
		{name: "store error taken for success", story: "the process goes on after a failed write", worse: fullDisk, ports: front(func(_ *coreLife, j acquirer.Journal) acquirer.Journal { return &deafToErrors{j} })},
		{name: "store error answered 96", story: "the terminal edge answers what may have been written", answers96: true, worse: fullDisk},
		{name: "no recovery", story: "debits found sent stay so", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &noRecovery{m} }},
		{name: "restart taken for a decline", story: "recovery declines what it finds sent", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &declinesAtRestart{m} }},
		{name: "reversal queue in memory only", story: "a crash empties the queue", worse: deadly, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &queueInMemory{m} }},
	}
}

// keyBugs break rule 6: same key, same answer; one token, one debit; and the compare of compare-and-set.
func keyBugs() []coreBug {
	return []coreBug{
		{name: "no duplicate detection", story: "a repeated 0200 is a new debit", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &noDuplicates{m} }},
		{name: "repeat answered 94", story: "a repeat is refused instead of answered", ports: front(func(_ *coreLife, j acquirer.Journal) acquirer.Journal { return &repeatRefused{j} })},
		{name: "no order and no unique key", story: "debit and undo of one terminal meet, and two rows hold its key", worse: disorder, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &notUnique{m} }},
		{name: "one business date only", story: "a key is looked up today only", worse: midnight, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &todayOnly{m} }},
		{name: "key without batch", story: "a trace number of an earlier batch is the same debit", journal: keyed(func(k acquirer.TerminalKey) acquirer.TerminalKey { k.Batch = 0; return k })},
		{name: "key without terminal", story: "a trace number of another terminal is the same debit", journal: keyed(func(k acquirer.TerminalKey) acquirer.TerminalKey { k.Terminal = ""; return k })},
		{name: "no fingerprint", story: "other content under a key is a repeat", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &printless{Memory: m} }},
		{name: "fingerprint without payee", story: "another payee under a key is a repeat", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &printless{Memory: m, amount: true} }},
		{name: "token used twice", story: "a confirmation makes any number of debits", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &tokensFree{m} }},
		{name: "last writer wins", story: "compare-and-set does not compare", worse: cancelling, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &lastWriterWins{m} }},
		{name: "trace numbers restart", story: "numbers begin again at a restart, and answers match on F11 alone", byTrace: true, worse: lateAndDead,
			journal: func(l *coreLife, m *Memory) acquirer.Journal { return &tracesRestart{Memory: m, life: l.n} }},
		{name: "ids restart", story: "the counter of ids begins again at a restart", journal: func(l *coreLife, m *Memory) acquirer.Journal { return &idsRestart{Memory: m} }},
	}
}

// reversalBugs break rules 3, 4 and 5: a deadline is final, a reversal is owed for ever, an undo leaves a mark.
func reversalBugs() []coreBug {
	return []coreBug{
		{name: "no tombstone", story: "an undo of a debit never seen is answered and forgotten", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &noTombstones{m} }},
		{name: "undo forgotten while the host works", story: "an undo that meets sent is answered and forgotten", worse: cancelling,
			journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &forgetsUndo{Memory: m, in: acquirer.Sent} }},
		{name: "undo of an approval forgotten", story: "an undo that meets approved is answered and forgotten",
			journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &forgetsUndo{Memory: m, in: acquirer.Approved} }},
		{name: "late approval wins", story: "an approval after the deadline cancels the reversal", worse: lateHost, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &lateWins{m} }},
		{name: "reversal not queued", story: "the row is reversing and nothing is owed", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &neverQueued{m} }},
		{name: "reversal given up after 3 tries", story: "the queue drops what was tried three times", worse: stubbornHost, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &givesUp{m} }},
		{name: "reversal never finished", story: "an answered reversal stays in the queue", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &neverFinished{m} }},
		{name: "reversal before the debit is answered", story: "an undo sends the 0420 while the debit is at the host", worse: forgetfulHost,
			journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &hasty{m} }},
		{name: "reversal before the deadline", story: "a restart or a cut link sends the 0420 at once", worse: cutAndForget,
			journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &beforeDeadline{m} }},
	}
}

// noticeBugs take the notice out of the move's transaction.
func noticeBugs() []coreBug {
	return []coreBug{
		{name: "no notice", story: "the payer is not told", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &noNotices{m} }},
		{name: "notice outside the transaction", story: "the notice is written after the move, unless the process dies", worse: deadly, journal: func(l *coreLife, m *Memory) acquirer.Journal { return &noticeApart{Memory: m, l: l} }},
		{name: "notice not withdrawn", story: "the notice of a debit that was undone stays in the outbox", worse: rareMail, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &neverWithdraws{m} }},
		{name: "undo not told", story: "who was told of a debit is not told of its undo", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &neverTold{m} }},
		{name: "told only when sent", story: "a notice that a device has at the moment of the undo counts as not told", worse: slowMail, journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &toldWhenSent{m} }},
		{name: "notice of a reversed debit", story: "an unknown outcome tells the payer of a debit", journal: func(_ *coreLife, m *Memory) acquirer.Journal { return &tooManyNotices{m} }},
	}
}

// hostBugs misread the host.
func hostBugs() []coreBug {
	return []coreBug{
		{name: "timeout taken for a decline", story: "an unknown outcome declines", ports: line(func(n acquirer.Network) acquirer.Network { return &timeoutDeclines{n} })},
		{name: "unknown taken for not sent", story: "a cut link means that nothing was sent", ports: line(func(n acquirer.Network) acquirer.Network { return &unknownNotSent{n} })},
		{name: "96 taken for a decline", story: "an answer that leaves it open declines", ports: line(func(n acquirer.Network) acquirer.Network { return &oddDeclines{n} })},
		{name: "late 0210 taken for the 0430", story: "the answer to a debit ends its reversal", confuses: true, worse: lateHost},
		{name: "any 0430 ends the reversal", story: "a refused reversal is done", worse: stubbornHost, ports: line(func(n acquirer.Network) acquirer.Network { return &anyCodeReverses{n} })},
		{name: "silence ends the reversal", story: "an unanswered reversal is done", ports: line(func(n acquirer.Network) acquirer.Network { return &silenceReverses{n} })},
		{name: "answer not verified", story: "an answer with a wrong MAC or amount counts", trusts: true},
		{name: "host gives back at every repeat", story: "the host forgets that it undid a debit", forgets: true},
	}
}

// payeeBugs break rule 8: whom the payer was shown is who is paid.
func payeeBugs() []coreBug {
	return []coreBug{
		{name: "payee looked up again by number", story: "the number's owner of now is paid", worse: restlessPayees, ports: directory(func(m *Memory) acquirer.Directory { return &byNumberAgain{m} })},
		{name: "newest card of the payee", story: "the card version is not fixed", worse: restlessPayees, ports: directory(func(m *Memory) acquirer.Directory { return &newestCard{m} })},
		{name: "token not bound", story: "a token is good for any amount", ports: func(_ *coreLife, c *acquirer.Config) { c.HSM = unboundTokens{} }},
		{name: "token never expires", story: "a token is good for an hour", worse: slowPayers, ports: func(_ *coreLife, c *acquirer.Config) { c.Limits.TokenLife = 3600e9 }},
	}
}

// TestPlantedBugs runs every planted bug over PLANTED seeds and wants each found.
func TestPlantedBugs(t *testing.T) {
	bugs, seeds := plantedBugs(), fromEnvironment(t, "PLANTED", seedsOfBug)
	found := make([]int, len(bugs))
	by := make([]map[string]int, len(bugs))
	options := func(n int) coreOptions {
		o := ordinary(uint64(n%seeds + 1))
		o.terminals, o.payments, o.plant = 6, 12, bugs[n/seeds]
		if o.plant.worse != nil {
			o.plant.worse(&o)
		}
		return o
	}
	each(t, len(bugs)*seeds, options, func(n int, r coreResult) {
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
		if found[i] == 0 {
			t.Errorf("planted and not found in %d seeds: %s", seeds, b.name)
		}
	}
}

// TestPlantedControls runs the same worlds without a bug: none of what makes faults frequent breaks an invariant itself.
func TestPlantedControls(t *testing.T) {
	const seeds = 4
	bugs := slices.DeleteFunc(plantedBugs(), func(b coreBug) bool { return b.worse == nil })
	each(t, len(bugs)*seeds, func(n int) coreOptions {
		o := ordinary(uint64(n%seeds + 1))
		o.terminals, o.payments = 6, 12
		bugs[n/seeds].worse(&o)
		return o
	}, wantNone(t))
}

// invariantsOf lists the invariants that a run broke, each once.
func invariantsOf(r coreResult) []string {
	names := map[string]bool{}
	for _, v := range r.violations {
		names[v.invariant] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// ranked lists invariants with the seeds in which they were broken, the most frequent first.
func ranked(by map[string]int) string {
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		if by[a] != by[b] {
			return by[b] - by[a]
		}
		return strings.Compare(a, b)
	})
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, by[n])
	}
	return strings.Join(names, ", ")
}

// What makes the faults that a bug needs more frequent.
func fullDisk(o *coreOptions)       { o.faults.full = 300 }
func lateHost(o *coreOptions)       { o.faults.slow = 2000 }
func deadly(o *coreOptions)         { o.faults.crash = 150 }
func stubbornHost(o *coreOptions)   { o.faults.refuses = 4000 }
func restlessPayees(o *coreOptions) { o.faults.change = 4000 }
func slowPayers(o *coreOptions)     { o.slowPayers = true }
func midnight(o *coreOptions)       { o.midnight = true }
func cancelling(o *coreOptions)     { o.cancels = true }
func disorder(o *coreOptions)       { o.cancels, o.unordered, o.slowDisk = true, true, true }
func lateAndDead(o *coreOptions)    { o.faults.slow, o.faults.crash = 5000, 250 }
func cancelAndDie(o *coreOptions)   { o.cancels, o.faults.crash = true, 200 }
func cutAndForget(o *coreOptions) {
	o.forgetful, o.faults.cut, o.faults.crash = true, 1000, 120
	o.faults.network.hold = 3000
}
func rareMail(o *coreOptions) { o.rareMail = true }
func slowMail(o *coreOptions) { o.slowMail, o.faults.crash = true, 100 }
func forgetfulHost(o *coreOptions) {
	o.forgetful, o.cancels = true, true
	o.faults.network.hold = 3000
}
