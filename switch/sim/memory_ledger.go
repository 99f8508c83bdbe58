package sim

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
)

// books are what settlement keeps: of dates, of the worklist, of payouts and of terminals' batches.
type books struct {
	settlements map[acquirer.Date]acquirer.SettlementDay
	staged      map[acquirer.Date]map[int64]acquirer.StagedLine
	worklist    []acquirer.Discrepancy
	payouts     map[acquirer.ID]acquirer.PayoutRecord
	batches     map[acquirer.BatchKey]acquirer.Batch
	lines       map[acquirer.BatchKey][]acquirer.ListedLine
	said        map[acquirer.TerminalID]time.Time
}

func newBooks() books {
	return books{settlements: map[acquirer.Date]acquirer.SettlementDay{}, staged: map[acquirer.Date]map[int64]acquirer.StagedLine{},
		payouts: map[acquirer.ID]acquirer.PayoutRecord{}, batches: map[acquirer.BatchKey]acquirer.Batch{},
		lines: map[acquirer.BatchKey][]acquirer.ListedLine{}, said: map[acquirer.TerminalID]time.Time{}}
}

func (m *Memory) Settlement(_ context.Context, date acquirer.Date) (*acquirer.SettlementDay, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.books.settlements[date]; ok {
		return &s, nil
	}
	return nil, acquirer.ErrNotFound
}

func (m *Memory) saveSettlement(s *acquirer.SettlementDay, more func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.books.settlements[s.Date].Version != s.Version {
		return acquirer.ErrStale
	}
	s.Version++
	m.books.settlements[s.Date] = *s
	more()
	return nil
}

func (m *Memory) SaveSettlement(_ context.Context, s *acquirer.SettlementDay) error {
	return m.saveSettlement(s, func() {})
}

func (m *Memory) OwedSettlements(context.Context) (out []*acquirer.SettlementDay, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.books.settlements {
		if s.Owed() {
			out = append(out, &s)
		}
	}
	slices.SortFunc(out, func(a, b *acquirer.SettlementDay) int { return cmp.Compare(a.Date, b.Date) })
	return out, nil
}

func (m *Memory) StageLines(_ context.Context, s *acquirer.SettlementDay, lines []acquirer.StagedLine) error {
	return m.saveSettlement(s, func() {
		if m.books.staged[s.Date] == nil {
			m.books.staged[s.Date] = map[int64]acquirer.StagedLine{}
		}
		for _, l := range lines {
			m.books.staged[s.Date][l.Number] = l
		}
	})
}

func (m *Memory) DropLines(_ context.Context, s *acquirer.SettlementDay) error {
	return m.saveSettlement(s, func() { delete(m.books.staged, s.Date) })
}

func (m *Memory) LinesOf(_ context.Context, from, to acquirer.ID) (out []acquirer.StagedLine, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, lines := range m.books.staged {
		for _, l := range lines {
			if l.Transaction != 0 && l.Transaction >= from && l.Transaction <= to {
				out = append(out, l)
			}
		}
	}
	slices.SortFunc(out, func(a, b acquirer.StagedLine) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}

func (m *Memory) RowsOf(_ context.Context, date acquirer.Date, after acquirer.ID, limit int) (out []*acquirer.Transaction, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	named := map[acquirer.ID]bool{}
	for _, l := range m.books.staged[date] {
		named[l.Transaction] = true
	}
	for _, id := range m.order {
		t := m.rows[id].txn
		d, ok := acquirer.SettlementDate(t.SettleDate, t.ID.Date())
		if id > after && (named[id] || ok && d == date) {
			out = append(out, &t)
		}
	}
	slices.SortFunc(out, func(a, b *acquirer.Transaction) int { return cmp.Compare(a.ID, b.ID) })
	return out[:min(limit, len(out))], nil
}

// list puts a discrepancy on the worklist unless it is there. The caller holds mu.
func (l *books) list(d acquirer.Discrepancy) {
	for _, o := range l.worklist {
		if o.Kind == d.Kind && o.Date == d.Date && o.Subject == d.Subject {
			return
		}
	}
	d.ID = int64(len(l.worklist) + 1)
	l.worklist = append(l.worklist, d)
}

func (m *Memory) OpenDiscrepancy(_ context.Context, d *acquirer.Discrepancy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.books.list(*d)
	return nil
}

// close closes one. The caller holds mu.
func (l *books) close(r acquirer.Resolved) {
	l.worklist[r.Discrepancy-1].Closed = &r
}

func (m *Memory) Resolve(_ context.Context, r acquirer.Resolved) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.books.close(r)
	return nil
}

func (m *Memory) Discrepancy(_ context.Context, id int64) (*acquirer.Discrepancy, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id < 1 || id > int64(len(m.books.worklist)) {
		return nil, acquirer.ErrNotFound
	}
	d := m.books.worklist[id-1]
	return &d, nil
}

func (m *Memory) DiscrepanciesOf(_ context.Context, id acquirer.ID) (out []*acquirer.Discrepancy, err error) {
	return m.pick(func(d acquirer.Discrepancy) bool { return d.Transaction == id }), nil
}

func (m *Memory) Discrepancies(_ context.Context, date acquirer.Date, closed bool, after int64, limit int) ([]*acquirer.Discrepancy, error) {
	all := m.pick(func(d acquirer.Discrepancy) bool {
		return (date == 0 || d.Date == date) && (closed || d.Closed == nil) && d.ID > after
	})
	return all[:min(limit, len(all))], nil
}

func (m *Memory) pick(match func(acquirer.Discrepancy) bool) (out []*acquirer.Discrepancy) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.books.worklist {
		if match(d) {
			out = append(out, &d)
		}
	}
	return out
}

func (m *Memory) Payout(_ context.Context, id acquirer.ID) (*acquirer.PayoutRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p, ok := m.books.payouts[id]; ok {
		return &p, nil
	}
	return nil, acquirer.ErrNotFound
}

// FindHosts implements [acquirer.Ledger].
func (m *Memory) FindHosts(_ context.Context, keys []acquirer.HostKey) (map[acquirer.HostKey]*acquirer.Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[acquirer.HostKey]*acquirer.Transaction{}
	for _, k := range keys {
		if t, err := m.copyOf(m.byHost[k]); err == nil {
			found[k] = t
		}
	}
	return found, nil
}

// MoveAll implements [acquirer.Ledger].
func (m *Memory) MoveAll(ctx context.Context, moves []acquirer.Move) error {
	return moveAll(ctx, m, moves)
}

// moveAll moves row by row; nothing comes in between in one goroutine of virtual time.
func moveAll(ctx context.Context, j acquirer.Journal, moves []acquirer.Move) error {
	for _, v := range moves {
		if err := j.Move(ctx, v.Old, v.Next, v.Change); err != nil && !errors.Is(err, acquirer.ErrStale) {
			return err
		}
	}
	return nil
}
