package mockhost

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind is one way to misbehave. A fault strikes a request that would
// otherwise be approved; what is declined is declined as ever.
type FaultKind string

// The faults. "Acts" means: the money moves (back, for a reversal).
const (
	FaultSilent    FaultKind = "silent"    // acts, never answers
	FaultLate      FaultKind = "late"      // acts, answers after Delay, 40 s by default
	FaultTwice     FaultKind = "twice"     // acts, answers twice
	FaultBadMAC    FaultKind = "badmac"    // acts, F128 of the answer is wrong
	FaultClose     FaultKind = "close"     // acts, closes the link, does not answer
	FaultAmount    FaultKind = "amount"    // acts, answers with another F4
	FaultLost      FaultKind = "lost"      // does not act, does not answer
	Fault96        FaultKind = "96"        // does not act, answers 96
	Fault98        FaultKind = "98"        // acts, answers 98
	FaultOtherLink FaultKind = "otherlink" // acts, answers on another link of the member
	FaultDelay     FaultKind = "delay"     // acts, answers after Delay, 1 s by default
	FaultTruncated FaultKind = "truncated" // acts, sends half the answer, closes the link
)

// reversalPrefix and payoutPrefix mark a fault of reversals and of orders to pay out in text.
const (
	reversalPrefix = "reversal-"
	payoutPrefix   = "payout-"
)

// Fault makes a share of the debits, of the reversals, or of the orders to pay out go wrong.
type Fault struct {
	Kind     FaultKind
	Reversal bool          // strikes 0420 instead of 0200
	Payout   bool          // strikes 0200 with F3 = 290000 instead
	Share    float64       // 0 to 1
	Delay    time.Duration // of FaultLate and FaultDelay; 0 is the default of the kind
}

// ParseFault reads KIND=SHARE or KIND=SHARE@DELAY, as in "silent=0.01" and
// "late=0.02@35s"; with "reversal-" in front it is a fault of reversals, with "payout-" one of orders to pay out. The
// error is ErrConfig.
func ParseFault(text string) (Fault, error) {
	name, value, ok := strings.Cut(text, "=")
	share, delay, timed := strings.Cut(value, "@")
	name, isReversal := strings.CutPrefix(name, reversalPrefix)
	name, isPayout := strings.CutPrefix(name, payoutPrefix)
	f := Fault{Kind: FaultKind(name), Reversal: isReversal, Payout: isPayout}
	var err error
	if f.Share, err = strconv.ParseFloat(share, 64); err != nil || !ok {
		return Fault{}, fmt.Errorf("%w: fault %q is not KIND=SHARE", ErrConfig, text)
	}
	if timed {
		if f.Delay, err = time.ParseDuration(delay); err != nil {
			return Fault{}, fmt.Errorf("%w: fault %q: delay is no duration", ErrConfig, text)
		}
	}
	return f, checkFaults([]Fault{f})
}

// String is the form that ParseFault reads.
func (f Fault) String() string {
	text := string(f.Kind) + "=" + strconv.FormatFloat(f.Share, 'g', -1, 64)
	text = f.strikes() + text
	if f.Delay != 0 {
		text += "@" + f.Delay.String()
	}
	return text
}

// strikes is the prefix of what a fault is of; "" is debits.
func (f Fault) strikes() string {
	switch {
	case f.Reversal:
		return reversalPrefix
	case f.Payout:
		return payoutPrefix
	}
	return ""
}

// FaultKinds lists every kind.
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultSilent, FaultLate, FaultTwice, FaultBadMAC, FaultClose, FaultAmount, FaultLost,
		Fault96, Fault98, FaultOtherLink, FaultDelay, FaultTruncated,
	}
}

// checkFaults refuses unknown kinds, and shares that are more than everything.
func checkFaults(faults []Fault) error {
	sum := map[string]float64{}
	for _, f := range faults {
		if !slices.Contains(FaultKinds(), f.Kind) || f.Reversal && f.Payout {
			return fmt.Errorf("%w: no fault %q", ErrConfig, f.Kind)
		}
		if !(f.Share >= 0 && f.Share <= 1) || f.Delay < 0 { // the form also refuses NaN
			return fmt.Errorf("%w: fault %q: share or delay out of range", ErrConfig, f.Kind)
		}
		if sum[f.strikes()] += f.Share; sum[f.strikes()] > 1 {
			return fmt.Errorf("%w: faults are more than all traffic", ErrConfig)
		}
	}
	return nil
}

// amountFault is the fault of an amount in the demo world.
func amountFault(fen int64) (Fault, bool) {
	byAmount := [...]FaultKind{
		FaultSilent, FaultLate, FaultTwice, FaultBadMAC, FaultClose, FaultAmount, FaultLost, Fault96,
	}
	n := fen - 9801
	if n < 0 || n >= int64(len(byAmount)) {
		return Fault{}, false
	}
	return Fault{Kind: byAmount[n]}, true
}

// chance decides faults by shares. It draws nothing: the decision is a hash of
// the seed and the message's own key, so the order of goroutines has no part in
// it. Each repeat of a reversal is decided anew, or a reversal that met "silent"
// once would never end. So attempts are counted, in the log too: a host that comes
// back goes on where it stopped and does not begin with the first attempt again.
type chance struct {
	faults  []Fault
	seed    uint64
	journal *journal // nil: nothing is kept

	mu       sync.Mutex
	attempts map[string]uint32 // of reversals and orders, by their host key
}

func newChance(faults []Fault, seed uint64) *chance {
	return &chance{faults: slices.Clone(faults), seed: seed, attempts: make(map[string]uint32)}
}

// debit is the fault of a 0200; the zero Fault if there is none.
func (c *chance) debit(key string) Fault { return c.pick("", key, 0) }

// reversal is the fault of the next attempt of a 0420.
func (c *chance) reversal(key string) Fault { return c.attempt(reversalPrefix, key) }

// payout is the fault of the next attempt of an order to pay out.
func (c *chance) payout(key string) Fault { return c.attempt(payoutPrefix, key) }

// attempt is the fault of the next attempt of what is repeated. That it came is in the batch of any record that is appended
// later.
func (c *chance) attempt(what, key string) Fault {
	if !slices.ContainsFunc(c.faults, func(f Fault) bool { return f.strikes() == what }) {
		return Fault{}
	}
	c.mu.Lock()
	attempt := c.attempts[key]
	c.attempts[key]++
	if c.journal != nil {
		c.journal.append(record{Kind: kindAttempt, Key: key})
	}
	c.mu.Unlock()
	return c.pick(what, key, attempt)
}

// apply counts an attempt out of the log.
func (c *chance) apply(r record) error {
	if r.Key == "" {
		return fmt.Errorf("%w: attempt of no reversal", ErrLog)
	}
	c.attempts[r.Key]++
	return nil
}

func (c *chance) pick(what, key string, attempt uint32) Fault {
	if len(c.faults) == 0 {
		return Fault{}
	}
	at := fraction(fmt.Appendf(nil, "%d/%s/%s/%d", c.seed, seeded(what), key, attempt))
	for _, f := range c.faults {
		if f.strikes() != what {
			continue
		}
		if at -= f.Share; at < 0 {
			return f
		}
	}
	return Fault{}
}

// seeded is what a kind of request adds to the seed. Debits and reversals keep the words that they always had, so that a seed
// means what it meant.
func seeded(what string) string {
	switch what {
	case "":
		return "false"
	case reversalPrefix:
		return "true"
	}
	return what
}

// fraction spreads text evenly over 0 to 1. FNV alone leaves the high bits of
// similar texts alike, so its sum is mixed once more.
func fraction(text []byte) float64 {
	h := fnv.New64a()
	_, _ = h.Write(text) // never fails
	x := h.Sum64()
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// delay is how long the answer is held back; 0 for every other kind.
func (f Fault) delay() time.Duration {
	switch {
	case f.Kind != FaultLate && f.Kind != FaultDelay:
		return 0
	case f.Delay != 0:
		return f.Delay
	case f.Kind == FaultLate:
		return LateDelay
	}
	return ShortDelay
}

// instead is F39 of a fault that answers without acting; "" for the others.
func (f Fault) instead() string {
	if f.Kind == Fault96 {
		return codeSystem
	}
	return ""
}
