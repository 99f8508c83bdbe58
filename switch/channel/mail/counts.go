package mail

import (
	"maps"
	"sync"
)

// counts are figures by word: what was sent, answered, taken, dropped and refused, and why.
type counts struct {
	mu sync.Mutex
	by map[string]int64
}

func (c *counts) add(word string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]int64{}
	}
	c.by[word]++
}

// Counts returns how often each thing happened since the start, by word; the words are in docs/channels/email.md. The
// map is the caller's.
func (m *Mail) Counts() map[string]int64 {
	m.counts.mu.Lock()
	defer m.counts.mu.Unlock()
	return maps.Clone(m.counts.by)
}
