package acquirer

import (
	"sync"
	"time"
)

// budgets keeps the look-up bucket of every terminal that asked, so that nobody harvests names with a stolen or rogue
// terminal (PROTOCOL 1.2). It lives in memory: a restart fills the buckets, and no terminal can cause one.
type budgets struct {
	limits BudgetLimits
	mu     sync.Mutex
	levels map[TerminalID]level
}

// level is a bucket as it stood at a moment. It may be negative: a look-up is allowed while at least a hit is left,
// and only then does it turn out to be a miss.
type level struct {
	left float64
	at   time.Time
}

func (b *budgets) init(l BudgetLimits) {
	b.limits = l
	b.levels = make(map[TerminalID]level)
}

// allow reports whether the terminal may look a number up now.
func (b *budgets) allow(id TerminalID, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current(id, now) >= float64(b.limits.Hit)
}

// charge takes the cost of a look-up, or gives it back when cost is negative; the bucket never overflows.
func (b *budgets) charge(id TerminalID, now time.Time, cost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := min(b.current(id, now)-float64(cost), float64(b.limits.Capacity))
	b.levels[id] = level{left: left, at: now}
}

// current returns what is in the bucket after refilling; the lock is held.
func (b *budgets) current(id TerminalID, now time.Time) float64 {
	l, ok := b.levels[id]
	if !ok {
		return float64(b.limits.Capacity)
	}
	refill := max(0, now.Sub(l.at).Hours()) * float64(b.limits.RefillPerHour)
	return min(l.left+refill, float64(b.limits.Capacity))
}
