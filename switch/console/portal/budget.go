package portal

import (
	"math"
	"sync"
	"time"
)

// budget bounds how often somebody may do something: each key has a bucket of so many, which fills again. When too many
// keys are about, those that come later share one bucket, so that the table stays small and who is known keeps its own.
type budget struct {
	burst  float64
	refill float64 // a second

	mu     sync.Mutex
	known  map[string]*bucket
	others *bucket // nil: those that come later are not bounded
}

// bucket is what is left, and since when.
type bucket struct {
	left float64
	at   time.Time
}

func newBudget(burst int, refillPerSecond float64) *budget {
	return &budget{burst: float64(burst), refill: refillPerSecond, known: make(map[string]*bucket),
		others: &bucket{left: float64(burst), at: time.Now()}}
}

// newOwnBudget is a budget whose latecomers are not bounded. It is for keys that anybody makes as many of as he likes,
// such as sessions: a shared bucket would only hurt who has one.
func newOwnBudget(burst int, refillPerSecond float64) *budget {
	b := newBudget(burst, refillPerSecond)
	b.others = nil
	return b
}

// take takes one from a bucket. When it is empty, wait says after how long there will be one.
func (b *budget) take(key string) (wait time.Duration, ok bool) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.find(key, now)
	if k == nil {
		return 0, true
	}
	b.fill(k, now)
	if k.left < 1 {
		return time.Duration(math.Ceil((1 - k.left) / b.refill * float64(time.Second))), false
	}
	k.left--
	return 0, true
}

// find returns the bucket of a key, or the one of all others, if there is one.
func (b *budget) find(key string, now time.Time) *bucket {
	if k, ok := b.known[key]; ok {
		return k
	}
	if len(b.known) >= maxCounted {
		b.forget(now)
	}
	if len(b.known) >= maxCounted {
		return b.others
	}
	k := &bucket{left: b.burst, at: now}
	b.known[key] = k
	return k
}

// forget drops the keys whose buckets are full again: they are as if they had never come.
func (b *budget) forget(now time.Time) {
	for key, k := range b.known {
		if b.fill(k, now); k.left >= b.burst {
			delete(b.known, key)
		}
	}
}

// fill puts in what has come since the last time. A clock that goes back puts nothing in and takes nothing out.
func (b *budget) fill(k *bucket, now time.Time) {
	if d := now.Sub(k.at); d > 0 {
		k.left = min(b.burst, k.left+d.Seconds()*b.refill)
	}
	k.at = now
}
