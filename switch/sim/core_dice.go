package sim

import "time"

// dice is a seed. What it decides depends on the seed and on the keys alone, never on what was asked before: the
// first key is the hop, the kind of decision, the others name what it is about.
type dice uint64

// The hops.
const (
	hopStart uint64 = iota + 1
	hopMix
	hopDowntime
	hopLoss
	hopDouble
	hopLatency
	hopHold
	hopHeld
	hopCrashBefore
	hopCrashAfter
	hopCommit
	hopHeard
	hopRead
	hopFull
	hopFullWritten
	hopFullFor
	hopCut
	hopCutAfter
	hopLinkDown
	hopHostDown
	hopHostCode
	hopHostThinks
	hopHostSlow
	hopHostSilent
	hopHostAmount
	hopHostGarbled
	hopHostRefuses
	hopHostDone
	hopGraceful
	hopClock
	hopScene
	hopThink
	hopPayee
	hopPayer
	hopAmount
	hopSlowPayer
	hopRepeat
	hopCancel
	hopPower
	hopPowerAt
	hopPowerFor
	hopForget
	hopRegret
	hopProbe
	hopChange
	hopChangeAt
	hopRetry
	hopSignOn
	hopMail
	hopCutOff
	hopBatch
	hopList
	hopTotals
	hopAsk
	hopTellPayout
	hopPayout
)

// roll hashes the keys under the seed.
func (d dice) roll(keys ...uint64) uint64 {
	h := mix(uint64(d) + 0x9E3779B97F4A7C15)
	for _, k := range keys {
		h = mix(h ^ (k + 0x9E3779B97F4A7C15))
	}
	return h
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// chance is true in rate of 10,000 cases.
func (d dice) chance(rate int, keys ...uint64) bool {
	return rate > 0 && d.roll(keys...)%10_000 < uint64(rate)
}

// below returns a number from 0 to n-1.
func (d dice) below(n int, keys ...uint64) int { return int(d.roll(keys...) % uint64(n)) }

// between returns a time from lo to hi, to the nanosecond.
func (d dice) between(lo, hi time.Duration, keys ...uint64) time.Duration {
	return lo + time.Duration(d.roll(keys...)%uint64(hi-lo+1))
}

// coreLongestDelay is how long a message may be held up: longer than a terminal waits, so that an undo overtakes its
// debit and a debit comes after it was given up.
const coreLongestDelay = 85 * time.Second

// coreLineRates are the faults of a line, of 10,000 messages.
type coreLineRates struct {
	loss, double, hold int
	fastest, slowest   time.Duration
}

// coreRates are the faults of a run, of 10,000 cases each.
type coreRates struct {
	terminal, network coreLineRates

	crash    int // at each pass of each failpoint
	stop     int // of lives: stopped by an operator after a while
	clock    int // of lives: the clock is set after it
	full     int // a write finds the disk full
	linkDown int // of spans of 20 s
	hostDown int // of minutes
	cut      int // the link breaks between a request and its answer

	silent  int // the host works and does not answer
	slow    int // the host answers after 10 to 85 s
	odd     int // 96, 98, 68, A0
	amount  int // the host debits another amount and says so
	garbled int // an answer whose MAC is wrong
	refuses int // a 0420 is answered by anything but 00 and 25

	power  int // a terminal loses its power while it waits
	forget int // a terminal forgets what it owes
	change int // of minutes and numbers: another owner, or another card
}

// coreFaults are the rates of the simulation: far worse than life, so that faults meet.
func coreFaults() coreRates {
	return coreRates{
		terminal: coreLineRates{loss: 300, double: 250, hold: 250, fastest: 20 * time.Millisecond, slowest: 400 * time.Millisecond},
		network:  coreLineRates{loss: 300, double: 250, hold: 250, fastest: 5 * time.Millisecond, slowest: 120 * time.Millisecond},
		crash:    40, stop: 1000, clock: 1000, full: 8, linkDown: 250, hostDown: 250, cut: 150,
		silent: 200, slow: 300, odd: 250, amount: 100, garbled: 150, refuses: 400,
		power: 250, forget: 500, change: 100,
	}
}

// mixed varies the rates by seed: each kind of fault is off in some runs and frequent in others, so that rare
// combinations are not always drowned by the frequent ones.
func (r coreRates) mixed(d dice) coreRates {
	n := uint64(0)
	for _, rate := range []*int{&r.terminal.loss, &r.terminal.double, &r.terminal.hold, &r.network.loss, &r.network.double,
		&r.network.hold, &r.crash, &r.stop, &r.clock, &r.full, &r.linkDown, &r.hostDown, &r.cut, &r.silent, &r.slow, &r.odd, &r.amount,
		&r.garbled, &r.refuses, &r.power, &r.forget, &r.change} {
		n++
		*rate = *rate * []int{0, 1, 1, 1, 1, 1, 2, 3}[d.below(8, hopMix, n)]
	}
	return r
}
