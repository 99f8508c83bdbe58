package webhook

import "time"

// Limits are the times and sizes of a call. The zero value of a field means the default given beside it; use
// [Limits.WithDefaults].
type Limits struct {
	Resolve time.Duration // to look the receiver's name up: 5 s
	Connect time.Duration // for the connection, and again for TLS: 5 s each
	Answer  time.Duration // for the whole call: 15 s, below what a device has
	Drain   time.Duration // for the body of an answer that said yes: 1 s
	// RetryMax is the longest pause that a receiver may ask for: 1 h.
	RetryMax time.Duration
}

// WithDefaults fills every field that is zero.
func (l Limits) WithDefaults() Limits {
	l.Resolve = fallback(l.Resolve, 5*time.Second)
	l.Connect = fallback(l.Connect, 5*time.Second)
	l.Answer = fallback(l.Answer, 15*time.Second)
	l.Drain = fallback(l.Drain, time.Second)
	l.RetryMax = fallback(l.RetryMax, time.Hour)
	return l
}

func fallback[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Figures that are not for an operator to set.
const (
	// MinSecret and MaxSecret bound a receiver's secret, in bytes.
	MinSecret = 16
	MaxSecret = 128

	// maxHeader and maxBody are how much of an answer is read, in bytes: only its status counts.
	maxHeader = 16 << 10
	maxBody   = 4 << 10

	// maxAddresses is how many addresses of a name are looked at.
	maxAddresses = 16
)
