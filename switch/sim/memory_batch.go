package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
)

func (m *Memory) Batch(_ context.Context, key acquirer.BatchKey, since acquirer.Date) (*acquirer.Batch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.books.batches[key]; ok && b.Date >= since {
		return &b, nil
	}
	return nil, acquirer.ErrNotFound
}

func (m *Memory) SaveBatch(_ context.Context, b *acquirer.Batch, anew bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.books.batches[b.Key].Version != b.Version {
		return acquirer.ErrStale
	}
	b.Version++
	m.books.batches[b.Key] = *b
	if anew {
		delete(m.books.lines, b.Key)
	}
	if t := m.terminals[b.Key.Terminal]; b.State != acquirer.BatchUploading && t.Session.Batch == b.Key.Batch {
		t.Session.Closed = true
		m.terminals[t.ID] = t
	}
	return nil
}

func (m *Memory) AddLines(_ context.Context, b *acquirer.Batch, lines []acquirer.ListedLine) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range lines {
		if !slices.ContainsFunc(m.books.lines[b.Key], func(o acquirer.ListedLine) bool { return o.STAN == l.STAN }) {
			m.books.lines[b.Key] = append(m.books.lines[b.Key], l)
		}
	}
	return nil
}

func (m *Memory) CountLines(_ context.Context, b *acquirer.Batch) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.books.lines[b.Key]), nil
}

func (m *Memory) Lines(_ context.Context, b *acquirer.Batch) ([]acquirer.ListedLine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.books.lines[b.Key]), nil
}

func (m *Memory) Strays(_ context.Context, on acquirer.Date, limit int) (out []acquirer.Stray, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, b := range m.books.batches {
		for _, l := range m.books.lines[key] {
			if b.Date == on && b.State == acquirer.BatchClosed && l.Verdict == acquirer.LineUnknown {
				out = append(out, acquirer.Stray{Batch: key, STAN: l.STAN, Amount: l.Amount})
			}
		}
	}
	slices.SortFunc(out, func(a, b acquirer.Stray) int {
		return cmp.Or(cmp.Compare(a.Batch.Terminal, b.Batch.Terminal), cmp.Compare(a.Batch.Batch, b.Batch.Batch), cmp.Compare(a.STAN, b.STAN))
	})
	return out[:min(limit, len(out))], nil
}

func (m *Memory) Unfinished(context.Context) (out []*acquirer.Batch, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.books.batches {
		if b.State == acquirer.BatchSettling {
			out = append(out, &b)
		}
	}
	return out, nil
}

func (m *Memory) LastClosed(_ context.Context, key acquirer.BatchKey) (last time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, b := range m.books.batches {
		if k.Terminal == key.Terminal && k.Merchant == key.Merchant && k.Batch != key.Batch && b.Closed.After(last) {
			last = b.Closed
		}
	}
	return last, nil
}

// debits returns a terminal's rows of a date that match, in the order of their ids. The caller holds mu.
func (m *Memory) debits(key acquirer.BatchKey, on acquirer.Date, match func(acquirer.Transaction) bool) (out []acquirer.Transaction) {
	for _, id := range m.order {
		t := m.rows[id].txn
		if k := t.Key; k.Date == on && k.Merchant == key.Merchant && k.Terminal == key.Terminal && match(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b acquirer.Transaction) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func stands(t acquirer.Transaction) bool {
	return slices.Contains([]acquirer.State{acquirer.Approved, acquirer.Settled, acquirer.Paying, acquirer.Paid}, t.State)
}

func (m *Memory) SumDebits(_ context.Context, key acquirer.BatchKey, on acquirer.Date, since time.Time) (own, all acquirer.BatchSum, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.debits(key, on, stands) {

		if t.Key.Batch == key.Batch {
			own = plus(own, t.Amount)
		}
		if t.Opened.After(since) {
			all = plus(all, t.Amount)
		}
	}
	return own, all, nil
}

func (m *Memory) Debits(_ context.Context, key acquirer.BatchKey, on acquirer.Date, since time.Time) (ids []acquirer.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.debits(key, on, func(t acquirer.Transaction) bool {
		of := t.Key.Batch == key.Batch || !since.IsZero() && t.Opened.After(since)
		return of && (t.State == acquirer.Sent || stands(t))
	}) {
		ids = append(ids, t.ID)
	}
	return ids, nil
}

func (m *Memory) DebitsByTrace(_ context.Context, key acquirer.BatchKey, on acquirer.Date, stan acquirer.STAN) (ids []acquirer.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.debits(key, on, func(t acquirer.Transaction) bool { return t.Key.STAN == stan }) {
		ids = append(ids, t.ID)
	}
	return ids, nil
}

func (m *Memory) SaveHeard(_ context.Context, at map[acquirer.TerminalID]time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.books.said, at)
	return nil
}

func (m *Memory) Heard(_ context.Context, id acquirer.TerminalID) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.books.said[id], nil
}

func plus(s acquirer.BatchSum, amount acquirer.Fen) acquirer.BatchSum {
	return acquirer.BatchSum{Count: s.Count + 1, Amount: s.Amount + amount}
}
