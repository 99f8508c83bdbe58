package acquirer

import (
	"context"
	"maps"
	"slices"
	"time"
)

// book is the batches and witnesses of a memory.
type book struct {
	batches map[BatchKey]Batch
	lines   map[BatchKey][]ListedLine
	said    map[TerminalID]time.Time
	saves   int // how often SaveHeard was called
}

func newBook() book {
	return book{batches: map[BatchKey]Batch{}, lines: map[BatchKey][]ListedLine{}, said: map[TerminalID]time.Time{}}
}

func (m *memory) Batch(_ context.Context, key BatchKey, since Date) (*Batch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.book.batches[key]; ok && b.Date >= since {
		return &b, nil
	}
	return nil, ErrNotFound
}

func (m *memory) SaveBatch(_ context.Context, b *Batch, anew bool) error {
	unlock, err := m.write("batch", State(b.State))
	if err != nil {
		return err
	}
	defer unlock()
	if m.book.batches[b.Key].Version != b.Version {
		return ErrStale
	}
	b.Version++
	m.book.batches[b.Key] = *b
	if anew {
		delete(m.book.lines, b.Key)
	}
	if t := m.terminals[b.Key.Terminal]; b.State != BatchUploading && t.Session.Batch == b.Key.Batch {
		t.Session.Closed = true
		m.terminals[t.ID] = t
	}
	return nil
}

func (m *memory) AddLines(_ context.Context, b *Batch, lines []ListedLine) error {
	unlock, err := m.write("lines", 0)
	if err != nil {
		return err
	}
	defer unlock()
	for _, l := range lines {
		if !slices.ContainsFunc(m.book.lines[b.Key], func(o ListedLine) bool { return o.STAN == l.STAN }) {
			m.book.lines[b.Key] = append(m.book.lines[b.Key], l)
		}
	}
	return nil
}

func (m *memory) CountLines(_ context.Context, b *Batch) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.book.lines[b.Key]), nil
}

func (m *memory) Lines(_ context.Context, b *Batch) ([]ListedLine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.book.lines[b.Key]), nil
}

func (m *memory) Strays(_ context.Context, on Date, limit int) (out []Stray, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, b := range m.book.batches {
		for _, l := range m.book.lines[key] {
			if b.Date == on && b.State == BatchClosed && l.Verdict == LineUnknown && len(out) < limit {
				out = append(out, Stray{key, l.STAN, l.Amount})
			}
		}
	}
	return out, nil
}

func (m *memory) Unfinished(context.Context) (out []*Batch, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.book.batches {
		if b.State == BatchSettling {
			out = append(out, &b)
		}
	}
	return out, nil
}

func (m *memory) LastClosed(_ context.Context, key BatchKey) (last time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, b := range m.book.batches {
		if k.Terminal == key.Terminal && k.Merchant == key.Merchant && k.Batch != key.Batch && b.Closed.After(last) {
			last = b.Closed
		}
	}
	return last, nil
}

// debits returns a terminal's rows of a date that match.
func (m *memory) debits(key BatchKey, on Date, match func(Transaction) bool) (out []Transaction) {
	for _, t := range m.all() {
		k := t.Key
		if k.Date == on && k.Merchant == key.Merchant && k.Terminal == key.Terminal && match(t) {
			out = append(out, t)
		}
	}
	return out
}

func stands(t Transaction) bool {
	return slices.Contains([]State{Approved, Settled, Paying, Paid}, t.State)
}

func (m *memory) SumDebits(_ context.Context, key BatchKey, on Date, since time.Time) (own, all BatchSum, err error) {
	for _, t := range m.debits(key, on, stands) {
		one := BatchSum{1, t.Amount}
		if t.Key.Batch == key.Batch {
			own = own.plus(one)
		}
		if t.Opened.After(since) {
			all = all.plus(one)
		}
	}
	return own, all, nil
}

func (m *memory) Debits(_ context.Context, key BatchKey, on Date, since time.Time) (ids []ID, err error) {
	for _, t := range m.debits(key, on, func(t Transaction) bool {
		of := t.Key.Batch == key.Batch || !since.IsZero() && t.Opened.After(since)
		return of && (t.State == Sent || stands(t))
	}) {
		ids = append(ids, t.ID)
	}
	return ids, nil
}

func (m *memory) DebitsByTrace(_ context.Context, key BatchKey, on Date, stan STAN) (ids []ID, err error) {
	for _, t := range m.debits(key, on, func(t Transaction) bool { return t.Key.STAN == stan }) {
		ids = append(ids, t.ID)
	}
	return ids, nil
}

func (m *memory) SaveHeard(_ context.Context, at map[TerminalID]time.Time) error {
	unlock, err := m.write("heard", 0)
	if err != nil {
		return err
	}
	defer unlock()
	m.book.saves++
	maps.Copy(m.book.said, at)
	return nil
}

func (m *memory) Heard(_ context.Context, id TerminalID) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.book.said[id], nil
}
