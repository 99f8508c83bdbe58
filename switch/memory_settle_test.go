package acquirer

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// ledger is the settlement's part of a memory.
type ledger struct {
	settlements map[Date]SettlementDay
	lines       map[Date]map[int64]StagedLine
	worklist    []Discrepancy
	payouts     map[ID]PayoutRecord
}

func newLedger() ledger {
	return ledger{settlements: map[Date]SettlementDay{}, lines: map[Date]map[int64]StagedLine{}, payouts: map[ID]PayoutRecord{}}
}

func (m *memory) Settlement(_ context.Context, date Date) (*SettlementDay, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.ledger.settlements[date]; ok {
		return &s, nil
	}
	return nil, ErrNotFound
}

func (m *memory) saveSettlement(s *SettlementDay, more func()) error {
	unlock, err := m.write("settlement", State(s.Stage))
	if err != nil {
		return err
	}
	defer unlock()
	if m.ledger.settlements[s.Date].Version != s.Version {
		return ErrStale
	}
	s.Version++
	m.ledger.settlements[s.Date] = *s
	more()
	return nil
}

func (m *memory) SaveSettlement(_ context.Context, s *SettlementDay) error {
	return m.saveSettlement(s, func() {})
}

func (m *memory) OwedSettlements(context.Context) (out []*SettlementDay, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.ledger.settlements {
		if s.Owed() {
			out = append(out, &s)
		}
	}
	slices.SortFunc(out, func(a, b *SettlementDay) int { return cmp.Compare(a.Date, b.Date) })
	return out, nil
}

func (m *memory) StageLines(_ context.Context, s *SettlementDay, lines []StagedLine) error {
	return m.saveSettlement(s, func() {
		if m.ledger.lines[s.Date] == nil {
			m.ledger.lines[s.Date] = map[int64]StagedLine{}
		}
		for _, l := range lines {
			m.ledger.lines[s.Date][l.Number] = l
		}
	})
}

func (m *memory) DropLines(_ context.Context, s *SettlementDay) error {
	return m.saveSettlement(s, func() { delete(m.ledger.lines, s.Date) })
}

func (m *memory) LinesOf(_ context.Context, from, to ID) (out []StagedLine, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, lines := range m.ledger.lines {
		for _, l := range lines {
			if l.Transaction != 0 && l.Transaction >= from && l.Transaction <= to {
				out = append(out, l)
			}
		}
	}
	slices.SortFunc(out, func(a, b StagedLine) int { return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Number, b.Number)) })
	return out, nil
}

func (m *memory) RowsOf(_ context.Context, date Date, after ID, limit int) (out []*Transaction, err error) {
	rows := m.all()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range rows {
		d, ok := SettlementDate(t.SettleDate, t.ID.Date())
		in := ok && d == date
		for _, l := range m.ledger.lines[date] {
			in = in || l.Transaction == t.ID
		}
		if in && t.ID > after && len(out) < limit {
			out = append(out, &t)
		}
	}
	return out, nil
}

// list puts a discrepancy on the worklist unless it is there. The caller holds mu.
func (l *ledger) list(d Discrepancy) {
	for _, o := range l.worklist {
		if o.Kind == d.Kind && o.Date == d.Date && o.Subject == d.Subject {
			return
		}
	}
	d.ID = int64(len(l.worklist) + 1)
	l.worklist = append(l.worklist, d)
}

func (m *memory) OpenDiscrepancy(_ context.Context, d *Discrepancy) error {
	unlock, err := m.write("discrepancy", 0)
	if err != nil {
		return err
	}
	defer unlock()
	m.ledger.list(*d)
	return nil
}

// shut closes one. The caller holds mu.
func (l *ledger) shut(r Resolved) error {
	d := &l.worklist[r.Discrepancy-1]
	if d.Closed != nil || d.Subject != r.Subject {
		return ErrStale
	}
	d.Closed = &r
	return nil
}

func (m *memory) Resolve(_ context.Context, r Resolved) error {
	unlock, err := m.write("resolve", 0)
	if err != nil {
		return err
	}
	defer unlock()
	return m.ledger.shut(r)
}

func (m *memory) Discrepancy(_ context.Context, id int64) (*Discrepancy, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id < 1 || id > int64(len(m.ledger.worklist)) {
		return nil, ErrNotFound
	}
	d := m.ledger.worklist[id-1]
	return &d, nil
}

func (m *memory) DiscrepanciesOf(_ context.Context, id ID) (out []*Discrepancy, err error) {
	return m.pick(func(d Discrepancy) bool { return d.Transaction == id }), nil
}

func (m *memory) Discrepancies(_ context.Context, date Date, closed bool, after int64, limit int) ([]*Discrepancy, error) {
	all := m.pick(func(d Discrepancy) bool {
		return (date == 0 || d.Date == date) && (closed || d.Closed == nil) && d.ID > after
	})
	return all[:min(limit, len(all))], nil
}

func (m *memory) pick(match func(Discrepancy) bool) (out []*Discrepancy) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.ledger.worklist {
		if match(d) {
			out = append(out, &d)
		}
	}
	return out
}

func (m *memory) Payout(_ context.Context, id ID) (*PayoutRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p, ok := m.ledger.payouts[id]; ok {
		return &p, nil
	}
	return nil, ErrNotFound
}

func (m *memory) Payee(_ context.Context, id PayeeID) (*Payee, error) {
	var found *Payee
	for _, p := range m.payees {
		if p.Ref.ID == id && (found == nil || p.Ref.CardVersion > found.Ref.CardVersion) {
			found = &p
		}
	}
	if found == nil {
		return nil, ErrNotFound
	}
	return found, nil
}

func (m *memory) FindHosts(ctx context.Context, keys []HostKey) (map[HostKey]*Transaction, error) {
	found := map[HostKey]*Transaction{}
	for _, k := range keys {
		t, err := m.FindHost(ctx, k)
		if err == nil {
			found[k] = t
		} else if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return found, nil
}

// MoveAll may end between two rows, where a store's may not.
func (m *memory) MoveAll(ctx context.Context, moves []Move) error {
	for _, v := range moves {
		if err := m.Move(ctx, v.Old, v.Next, v.Change); err != nil && !errors.Is(err, ErrStale) {
			return err
		}
	}
	return nil
}
