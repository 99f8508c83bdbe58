package sim

import (
	"time"

	"example.com/ringback/provider/mockhost"
)

// stackMood is which faults a run has, and how many: some runs have all of them, some few, so that rare meetings of two
// are not always drowned by the rest.
type stackMood struct {
	links    int // to the host
	terminal netWeather
	line     netWeather
	host     []mockhost.Fault

	crash, full, graceful            float64 // of durable steps; of durable steps; of lives
	hostCrash                        bool
	powerCut, replay, void, wrongPIN float64
	jump                             time.Duration // of the clock between two lives, at most, either way
	keyReset                         bool
}

// stackMoodOf is the mood of a seed.
func stackMoodOf(f fate, o stackOptions) stackMood {
	m := stackMood{links: 1 + int(f.of("links", 0).below(2)), void: 0.1, wrongPIN: 0.05}
	if o.calm {
		return m
	}
	pick := func(name string, few, many float64) float64 {
		return []float64{0, few, many}[f.of(name, 0).below(3)]
	}
	m.terminal = netWeather{split: 0.3, slow: pick("slow", 0.01, 0.04), held: 90 * time.Second,
		reset: pick("reset", 0.05, 0.2), hole: pick("hole", 0.02, 0.08)}
	m.line = netWeather{split: 0.3, slow: pick("line slow", 0.01, 0.03), held: 40 * time.Second, reset: pick("line reset", 0.1, 0.4)}
	if o.doubled {
		m.line.double = 0.1
	}
	m.crash, m.full = pick("crash", 0.01, 0.04), pick("full", 0.001, 0.005)
	m.graceful = pick("graceful", 0.1, 0.3)
	m.hostCrash = f.of("host crash", 0).chance(0.5)
	m.powerCut, m.replay = pick("power", 0.1, 0.3), pick("replay", 0.1, 0.4)
	m.jump = time.Duration(f.of("jump", 0).below(2)) * 3 * time.Minute
	m.host = stackHostFaults(f.of("host", 0), m.links)
	m.line.hole = pick("line hole", 0.05, 0.2)
	m.keyReset = f.of("key reset", 0).chance(0.5)
	return m
}

// stackHostFaults are those of a host with one link or with two.
func stackHostFaults(f fate, links int) []mockhost.Fault {
	much := []float64{0, 0.5, 1, 1.8}[f.below(4)]
	slow := []float64{0.06, 0.25}[f.of("slow", 0).below(2)]
	other := 0.0
	if links > 1 {
		slow, other = min(slow, 0.15), 0.1
	}
	faults := []mockhost.Fault{
		{Kind: mockhost.FaultSilent, Share: 0.03}, {Kind: mockhost.FaultTwice, Share: 0.03},
		{Kind: mockhost.FaultBadMAC, Share: 0.02}, {Kind: mockhost.FaultClose, Share: 0.03},
		{Kind: mockhost.FaultAmount, Share: 0.02}, {Kind: mockhost.FaultLost, Share: 0.03},
		{Kind: mockhost.Fault96, Share: 0.02}, {Kind: mockhost.Fault98, Share: 0.02},
		{Kind: mockhost.FaultTruncated, Share: 0.02}, {Kind: mockhost.FaultLate, Share: 0.06, Delay: 35*time.Second + 1},
		{Kind: mockhost.FaultDelay, Share: slow, Delay: 18*time.Second + 1}, {Kind: mockhost.FaultOtherLink, Share: other},
	}
	for _, b := range faults {
		b.Reversal = true
		faults = append(faults, b)
	}
	for i := range faults {
		faults[i].Share *= much
	}
	return faults
}

// weather implements what simNet asks for: none once the faults are over.
func (s *stack) weather(from string) netWeather {
	switch {
	case s.healed.Load():
		return netWeather{}
	case from[0] == 't':
		return s.mood.terminal
	}
	return s.mood.line
}
