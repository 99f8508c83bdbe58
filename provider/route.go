package provider

import (
	"sync"

	acquirer "example.com/ringback/switch"
)

// routes remembers which link carried a debit, so that its reversal takes the same one while it lives and cannot
// overtake it (DESIGN section 4, rule 4). There are two generations of at most limit entries: when the younger is full
// the older is forgotten.
type routes struct {
	limit int
	mu    sync.Mutex
	young map[acquirer.HostKey]linkID
	old   map[acquirer.HostKey]linkID
}

func (r *routes) init(limit int) {
	r.limit = limit
	r.young = make(map[acquirer.HostKey]linkID)
}

func (r *routes) remember(key acquirer.HostKey, id linkID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= r.limit {
		r.old, r.young = r.young, make(map[acquirer.HostKey]linkID)
	}
	r.young[key] = id
}

// find returns the link of a debit, or 0.
func (r *routes) find(key acquirer.HostKey) linkID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, ok := r.young[key]; ok {
		return id
	}
	return r.old[key]
}
