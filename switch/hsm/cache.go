package hsm

import (
	"sync"

	acquirer "example.com/ringback/switch"
)

// blockTail is 64 bits of a MAC, in hexadecimal digits.
const blockTail = 16

// cache keeps the schedules of the blocks used last, since opening a block and making its schedule costs more than
// the MAC of a message. Only blocks that opened are in it, and a look-up compares usage and bytes in full: a block
// that was altered is never found.
type cache struct {
	shards [cacheShards]shard
}

// shard is a bounded map with the clock rule: the hand passes over slots that were used since it last came by.
type shard struct {
	mu    sync.Mutex     // held for a look-up or a replacement, never while a schedule is made
	index map[string]int // by tailOf
	slots []slot         // grows to shardKeys
	hand  int
}

type slot struct {
	block acquirer.KeyBlock
	key   *schedule
	used  bool
}

func (c *cache) init() {
	for i := range c.shards {
		c.shards[i].index = make(map[string]int)
	}
}

// shard spreads blocks by the last byte of their MAC, in two hexadecimal digits, which is as good as random.
func (c *cache) shard(block acquirer.KeyBlock) *shard {
	n := len(block.Blob)
	if n < 2 {
		return &c.shards[0]
	}
	high, _ := hexDigit(block.Blob[n-2])
	low, _ := hexDigit(block.Blob[n-1])
	return &c.shards[(high<<4|low)%cacheShards]
}

// tailOf is what the blocks of a shard are told apart by before they are compared in full: the end of their MAC. No two
// that open have it in common, and less of it takes less time to hash.
func tailOf(block acquirer.KeyBlock) string { return block.Blob[max(0, len(block.Blob)-blockTail):] }

// get returns the schedule of a block, or nil.
func (c *cache) get(block acquirer.KeyBlock) *schedule {
	s := c.shard(block)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[tailOf(block)]
	if !ok || s.slots[i].block != block {
		return nil
	}
	s.slots[i].used = true
	return s.slots[i].key
}

// put keeps the schedule of a block that opened, in place of one not used for a while when the shard is full. Two
// callers may have made the same schedule at once; either serves.
func (c *cache) put(block acquirer.KeyBlock, key *schedule) {
	s := c.shard(block)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.index[tailOf(block)]; ok {
		return
	}
	i := s.free()
	s.slots[i] = slot{block: block, key: key}
	s.index[tailOf(block)] = i
}

// free returns the number of an empty slot, emptying one if it must.
func (s *shard) free() int {
	if len(s.slots) < shardKeys {
		s.slots = append(s.slots, slot{})
		return len(s.slots) - 1
	}
	for s.slots[s.hand].used {
		s.slots[s.hand].used = false
		s.hand = (s.hand + 1) % shardKeys
	}
	i := s.hand
	s.hand = (s.hand + 1) % shardKeys
	delete(s.index, tailOf(s.slots[i].block))
	return i
}
