package terminal

import "time"

// rate is how often something may be done: once in every, and as often as fits into depth at once.
type rate struct {
	every time.Duration
	depth time.Duration
}

// perSecond makes a rate of n a second that allows the work of some seconds at once.
func perSecond(n, seconds int) rate {
	return rate{every: time.Second / time.Duration(n), depth: time.Duration(seconds) * time.Second}
}

// bucket keeps count under a rate. Its clock is that of [Server.age]; the zero value is full.
type bucket struct{ full time.Duration } // when it is full again

// wait returns how long it takes until the bucket holds one; 0: it does.
func (b *bucket) wait(now time.Duration, r rate) time.Duration {
	return max(0, max(0, b.full-now)+r.every-r.depth)
}

// take takes one, also when there is none: then the next has to wait longer.
func (b *bucket) take(now time.Duration, r rate) { b.full = max(b.full, now) + r.every }
