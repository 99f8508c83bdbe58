package sim

import (
	"context"
	"hash/fnv"
	"time"
)

// fate decides what chance would: it is a hash, and whoever asks it the same question gets the same answer, in whatever
// order goroutines ask.
type fate uint64

// of derives the fate of something within f: a name and a number tell it from all else.
func (f fate) of(name string, n int64) fate {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes every write
	return fate(netMix(netMix(uint64(f)^h.Sum64()) + uint64(n)*0x9E3779B97F4A7C15))
}

// netMix spreads the bits of x (the finalizer of splitmix64).
func netMix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// chance is true in the given share of all fates.
func (f fate) chance(share float64) bool { return float64(netMix(uint64(f))>>11)/(1<<53) < share }

// below is a number from 0 to n-1.
func (f fate) below(n int64) int64 { return int64(netMix(uint64(f)+1) % uint64(n)) }

// between is an odd count of nanoseconds from lo to hi.
func (f fate) between(lo, hi time.Duration) time.Duration {
	return (lo + time.Duration(f.below(int64(hi-lo)+1))) | 1
}

// rest waits for d; false: ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// idle waits for d.
func idle(d time.Duration) { rest(context.Background(), d) }
