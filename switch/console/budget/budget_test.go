package budget

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// took takes one and reports whether there was one.
func took(b *Budget[int], key int) bool {
	_, ok := b.Take(key)
	return ok
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New[int](10, 3, 2)
		for range 3 {
			require.True(t, took(b, 1))
		}
		wait, ok := b.Take(1)
		require.False(t, ok)
		require.Equal(t, 500*time.Millisecond, wait)
		require.True(t, b.Empty(1))
		require.True(t, took(b, 2), "each has its own")
		require.False(t, b.Empty(2))
		time.Sleep(wait - time.Nanosecond)
		require.False(t, took(b, 1))
		time.Sleep(time.Nanosecond)
		require.True(t, took(b, 1), "two a second")
		require.False(t, took(b, 1))
		time.Sleep(time.Hour)
		for range 3 {
			require.True(t, took(b, 1), "it holds no more than three")
		}
		require.False(t, took(b, 1))
	})
}

// However many come, the table is bounded; who is known keeps its bucket, the others share one.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 100
		b := New[int](most, 2, 1)
		for i := range most {
			require.True(t, took(b, i))
		}
		require.True(t, took(b, most))
		require.True(t, took(b, most+1))
		require.False(t, took(b, most+2), "the bucket of all others is empty")
		require.True(t, took(b, 0), "who is known has its own")
		require.Equal(t, most, b.Len())
		time.Sleep(time.Second)
		require.True(t, took(b, most+3), "those whose buckets are full are forgotten")
		require.LessOrEqual(t, b.Len(), 2)
	})
}

// A crowd of keys of one's own making takes nothing from who has one.
func TestCrowdOfOwn(t *testing.T) {
	const most = 100
	b := NewOwn[int](most, 1, 0.001)
	for i := range most + 10 {
		require.True(t, took(b, i))
	}
	require.False(t, took(b, 0), "who is known is bounded")
	require.True(t, took(b, most+1))
	require.False(t, b.Empty(most+2))
	require.Equal(t, most, b.Len())
}
