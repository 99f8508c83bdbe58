package acquirer

import (
	"sync"
	"time"
)

// budgets keep names from being harvested (PROTOCOL 1.2): a bucket for every terminal, against a stolen or rogue one, and
// one for every payer's number, against somebody who goes from terminal to terminal. A look-up takes from both. They live
// in memory: a restart fills the buckets, and no terminal can cause one.
type budgets struct {
	terminals buckets[TerminalID]
	payers    buckets[MSISDN]
}

func (b *budgets) init(l Limits) {
	b.terminals.init(l.Budget)
	b.payers.init(l.PayerBudget)
}

// take pays for a look-up that may find a payee. False: one of the buckets is empty, and nothing was taken.
func (b *budgets) take(id TerminalID, payer MSISDN, now time.Time) bool {
	if !b.terminals.take(id, now) {
		return false
	}
	if !b.payers.take(payer, now) {
		b.terminals.charge(id, now, -b.terminals.limits.Hit)
		return false
	}
	return true
}

// missed pays what a look-up that found nobody costs more.
func (b *budgets) missed(id TerminalID, payer MSISDN, now time.Time) {
	b.terminals.charge(id, now, b.terminals.limits.Miss-b.terminals.limits.Hit)
	b.payers.charge(payer, now, b.payers.limits.Miss-b.payers.limits.Hit)
}

// giveBack returns what take took: the debit was approved, or nobody was looked for.
func (b *budgets) giveBack(id TerminalID, payer MSISDN, now time.Time) {
	b.terminals.charge(id, now, -b.terminals.limits.Hit)
	b.payers.charge(payer, now, -b.payers.limits.Hit)
}

// buckets are the buckets of one kind, by their owner. One that is full says no more than one that is not there, and is
// dropped: what is kept is bounded by what was looked up within the time that an empty bucket takes to fill, and by
// bucketLimit.
type buckets[K comparable] struct {
	limits BudgetLimits
	limit  int
	mu     sync.Mutex
	levels map[K]level
	swept  time.Time // when the full ones were last dropped
}

// level is a bucket as it stood at a moment. It may be negative: a look-up is allowed while at least a hit is left,
// and only then does it turn out to be a miss.
type level struct {
	left float64
	at   time.Time
}

func (b *buckets[K]) init(l BudgetLimits) {
	b.limits, b.limit = l, bucketLimit
	b.levels = make(map[K]level)
}

// take takes a hit from a bucket; false: less than that is left, or there is no room for another bucket. Buckets without
// a capacity are off: all is allowed.
func (b *buckets[K]) take(key K, now time.Time) bool {
	if b.limits.Capacity == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	left := b.left(key, now)
	if left < float64(b.limits.Hit) {
		return false
	}
	if _, known := b.levels[key]; !known && len(b.levels) >= b.limit {
		return false
	}
	b.put(key, now, left-float64(b.limits.Hit))
	return true
}

// charge takes a cost from a bucket, or gives it back when it is negative; the bucket never overflows.
func (b *buckets[K]) charge(key K, now time.Time, cost int) {
	if b.limits.Capacity == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(key, now, b.left(key, now)-float64(cost))
}

// left returns what is in a bucket after refilling; the lock is held.
func (b *buckets[K]) left(key K, now time.Time) float64 {
	l, ok := b.levels[key]
	if !ok {
		return float64(b.limits.Capacity)
	}
	refill := max(0, now.Sub(l.at).Hours()) * float64(b.limits.RefillPerHour)
	return min(l.left+refill, float64(b.limits.Capacity))
}

// put stores a level, or drops the bucket when it is full; the lock is held.
func (b *buckets[K]) put(key K, now time.Time, left float64) {
	if left >= float64(b.limits.Capacity) {
		delete(b.levels, key)
		return
	}
	b.levels[key] = level{left: left, at: now}
}

// sweep drops the buckets that have filled, once in sweepEvery; the lock is held.
func (b *buckets[K]) sweep(now time.Time) {
	if since := now.Sub(b.swept); since >= 0 && since < sweepEvery {
		return
	}
	b.swept = now
	for key := range b.levels {
		if b.left(key, now) >= float64(b.limits.Capacity) {
			delete(b.levels, key)
		}
	}
}
