package terminal

import (
	"context"
	"time"

	acquirer "example.com/ringback/switch"
)

// book is the batches of a memory, as far as the edge's tests need them: one business date.
type book struct {
	*memory
	batches map[acquirer.BatchKey]acquirer.Batch
	lines   map[acquirer.BatchKey][]acquirer.ListedLine
	heard   map[acquirer.TerminalID]time.Time
}

func newBook(m *memory) *book {
	return &book{memory: m, batches: map[acquirer.BatchKey]acquirer.Batch{}, lines: map[acquirer.BatchKey][]acquirer.ListedLine{},
		heard: map[acquirer.TerminalID]time.Time{}}
}

func (b *book) Batch(_ context.Context, key acquirer.BatchKey, _ acquirer.Date) (*acquirer.Batch, error) {
	defer b.lock()()
	if r, ok := b.batches[key]; ok {
		return &r, nil
	}
	return nil, acquirer.ErrNotFound
}

func (b *book) SaveBatch(_ context.Context, r *acquirer.Batch, anew bool) error {
	defer b.lock()()
	if err := b.writable(); err != nil {
		return err
	}
	r.Version++
	b.batches[r.Key] = *r
	if anew {
		delete(b.lines, r.Key)
	}
	if t := b.terminals[r.Key.Terminal]; r.State != acquirer.BatchUploading && t.Session.Batch == r.Key.Batch {
		t.Session.Closed = true
		b.terminals[t.ID] = t
	}
	return nil
}

func (b *book) AddLines(_ context.Context, r *acquirer.Batch, lines []acquirer.ListedLine) error {
	defer b.lock()()
	b.lines[r.Key] = append(b.lines[r.Key], lines...)
	return nil
}

func (b *book) CountLines(_ context.Context, r *acquirer.Batch) (int, error) {
	defer b.lock()()
	return len(b.lines[r.Key]), nil
}

func (b *book) Lines(_ context.Context, r *acquirer.Batch) ([]acquirer.ListedLine, error) {
	defer b.lock()()
	return b.lines[r.Key], nil
}

func (b *book) Strays(context.Context, acquirer.Date, int) ([]acquirer.Stray, error) { return nil, nil }

func (b *book) Unfinished(context.Context) ([]*acquirer.Batch, error) { return nil, nil }

func (b *book) LastClosed(context.Context, acquirer.BatchKey) (at time.Time, err error) { return }

func (b *book) SumDebits(_ context.Context, key acquirer.BatchKey, on acquirer.Date, _ time.Time) (own, all acquirer.BatchSum, err error) {
	for _, t := range b.all() {
		if k := t.Key; k.Date == on && k.Terminal == key.Terminal && k.Batch == key.Batch && t.State == acquirer.Approved {
			own.Count++
			own.Amount += t.Amount
		}
	}
	return own, own, nil
}

func (b *book) Debits(_ context.Context, key acquirer.BatchKey, on acquirer.Date, _ time.Time) (ids []acquirer.ID, err error) {
	for _, t := range b.all() {
		if k := t.Key; k.Date == on && k.Terminal == key.Terminal && k.Batch == key.Batch {
			ids = append(ids, t.ID)
		}
	}
	return ids, nil
}

func (b *book) DebitsByTrace(_ context.Context, key acquirer.BatchKey, on acquirer.Date, stan acquirer.STAN) (ids []acquirer.ID, err error) {
	for _, t := range b.all() {
		if k := t.Key; k.Date == on && k.Terminal == key.Terminal && k.STAN == stan {
			ids = append(ids, t.ID)
		}
	}
	return ids, nil
}

func (b *book) SaveHeard(context.Context, map[acquirer.TerminalID]time.Time) error { return nil }

func (b *book) Heard(context.Context, acquirer.TerminalID) (at time.Time, err error) { return }
