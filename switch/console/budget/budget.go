// Package budget bounds how often each of many may do something, in a table of bounded size. The operator's listener and the
// payees' pages count with it.
package budget

import (
	"math"
	"sync"
	"time"
)

// Budget has a bucket of so many for each key, which fills again. When too many keys are about, those that come later share
// one bucket, so that the table stays small and who is known keeps its own. It is safe for concurrent use.
type Budget[K comparable] struct {
	burst  float64
	refill float64 // a second
	most   int

	mu     sync.Mutex
	known  map[K]*bucket
	others *bucket // nil: those that come later are not bounded
}

// bucket is what is left, and since when.
type bucket struct {
	left float64
	at   time.Time
}

// New makes a budget of burst at once and refill a second for each of at most most keys; all others share one bucket.
func New[K comparable](most, burst int, refill float64) *Budget[K] {
	b := NewOwn[K](most, burst, refill)
	b.others = &bucket{left: b.burst, at: time.Now()}
	return b
}

// NewOwn is New, but that latecomers are not bounded. It is for keys that anybody makes as many of as he likes, such as
// sessions: a shared bucket would only hurt who has one.
func NewOwn[K comparable](most, burst int, refill float64) *Budget[K] {
	return &Budget[K]{burst: float64(burst), refill: refill, most: most, known: make(map[K]*bucket)}
}

// Take takes one from the bucket of a key. When it is empty, wait says after how long there will be one.
func (b *Budget[K]) Take(key K) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.find(key, time.Now())
	if k == nil {
		return 0, true
	}
	if k.left < 1 {
		return time.Duration(math.Ceil((1 - k.left) / b.refill * float64(time.Second))), false
	}
	k.left--
	return 0, true
}

// Empty reports whether the bucket of a key is empty, and takes nothing.
func (b *Budget[K]) Empty(key K) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.find(key, time.Now())
	return k != nil && k.left < 1
}

// Len is how many keys have a bucket of their own.
func (b *Budget[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.known)
}

// find returns the bucket of a key, filled, or the one of all others, if there is one.
func (b *Budget[K]) find(key K, now time.Time) *bucket {
	k, ok := b.known[key]
	if !ok && len(b.known) >= b.most {
		b.forget(now)
	}
	switch {
	case ok:
	case len(b.known) < b.most:
		k = &bucket{left: b.burst, at: now}
		b.known[key] = k
	default:
		k = b.others
	}
	if k != nil {
		b.fill(k, now)
	}
	return k
}

// forget drops the keys whose buckets are full again: they are as if they had never come.
func (b *Budget[K]) forget(now time.Time) {
	for key, k := range b.known {
		if b.fill(k, now); k.left >= b.burst {
			delete(b.known, key)
		}
	}
}

// fill puts in what has come since the last time. A clock that goes back puts nothing in and takes nothing out.
func (b *Budget[K]) fill(k *bucket, now time.Time) {
	if d := now.Sub(k.at); d > 0 {
		k.left = min(b.burst, k.left+d.Seconds()*b.refill)
	}
	k.at = now
}
