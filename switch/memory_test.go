package acquirer

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

// memory is a journal and directory in memory that keeps the contract of the ports: the flows are tested against it
// here, and the real store is tested against the same contract where it lives.
type memory struct {
	mu        sync.Mutex
	seq       map[Date]int64
	rows      map[ID]Transaction
	steps     map[ID][]Step
	notices   []Notice
	queue     map[ID]Reversal
	terminals map[TerminalID]Terminal
	alarms    []Alarm
	payees    []Payee
	zone      map[KeyUsage]KeyBlock
	broken    error // when set, every write fails with it
	ledger    ledger
	before    func(op string, t State) // called without the lock, in front of every write
	book      book
}

func newMemory() *memory {
	return &memory{book: newBook(), ledger: newLedger(), seq: map[Date]int64{}, rows: map[ID]Transaction{}, steps: map[ID][]Step{},
		queue: map[ID]Reversal{}, terminals: map[TerminalID]Terminal{},
		zone: map[KeyUsage]KeyBlock{UsageZPK: {Usage: UsageZPK, Blob: "zpk"}, UsageZAK: {Usage: UsageZAK, Blob: "zak"}}}
}

func (m *memory) write(op string, st State) (unlock func(), err error) {
	if m.before != nil {
		m.before(op, st)
	}
	m.mu.Lock()
	if broken := m.broken; broken != nil {
		m.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", ErrStore, broken)
	}
	return m.mu.Unlock, nil
}

func (m *memory) NewID(now time.Time) (ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq[DateOf(now)]++
	return NewID(DateOf(now), m.seq[DateOf(now)]), nil
}

func (m *memory) Open(_ context.Context, t *Transaction, c Change) error {
	unlock, err := m.write("open", t.State)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := m.find(t.Key); err == nil {
		return ErrDuplicate
	}
	for _, r := range m.rows {
		if t.Token != (TokenID{}) && r.Token == t.Token && r.State != Declined {
			return ErrDuplicate
		}
	}
	t.Version = 1
	m.put(0, *t, c)
	return nil
}

func (m *memory) Move(_ context.Context, old, next *Transaction, c Change) error {
	if !MayMove(old.State, next.State) {
		panic(fmt.Sprintf("no move from %s to %s", old.State, next.State))
	}
	unlock, err := m.write("move", next.State)
	if err != nil {
		return err
	}
	defer unlock()
	if m.rows[old.ID].Version != old.Version {
		return ErrStale
	}
	next.Version = old.Version + 1
	m.put(old.State, *next, c)
	return nil
}

func (m *memory) put(from State, t Transaction, c Change) {
	m.rows[t.ID] = t
	m.steps[t.ID] = append(m.steps[t.ID], Step{Version: t.Version, At: c.At, From: from, To: t.State, Event: c.Event, Detail: c.Detail})
	if c.Payout != nil {
		m.ledger.payouts[t.ID] = *c.Payout
	}
	if c.Discrepancy != nil {
		m.ledger.list(*c.Discrepancy)
	}
	if c.Resolved != nil {
		_ = m.ledger.shut(*c.Resolved)
	}
	m.notices = append(m.notices, c.Notices...)
	for i := range m.notices {
		if n := &m.notices[i]; n.Transaction == t.ID && n.Kind == c.Withdraw && n.Sent.IsZero() {
			n.State = NoticeWithdrawn
		}
	}
	if c.Reversal != nil {
		m.queue[c.Reversal.ID] = *c.Reversal
	}
	delete(m.queue, c.Finished)
}

func (m *memory) find(key TerminalKey) (*Transaction, error) {
	for _, d := range []Date{key.Date, key.Date.Before()} {
		for _, r := range m.rows {
			k := key
			k.Date = d
			if r.Key == k {
				return &r, nil
			}
		}
	}
	return nil, ErrNotFound
}

func (m *memory) Find(_ context.Context, key TerminalKey) (*Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(key)
}

func (m *memory) one(match func(Transaction) bool) (*Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if match(r) {
			return &r, nil
		}
	}
	return nil, ErrNotFound
}

func (m *memory) FindToken(_ context.Context, token TokenID) (*Transaction, error) {
	return m.one(func(t Transaction) bool { return t.Token == token && t.State != Declined })
}

func (m *memory) FindHost(_ context.Context, key HostKey) (*Transaction, error) {
	return m.one(func(t Transaction) bool { return t.Host == key })
}

func (m *memory) Get(_ context.Context, id ID) (*Transaction, error) {
	return m.one(func(t Transaction) bool { return t.ID == id })
}

func (m *memory) InState(_ context.Context, s State, after ID, limit int) ([]*Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*Transaction
	for _, r := range m.rows {
		if r.State == s && r.ID > after {
			out = append(out, &r)
		}
	}
	slices.SortFunc(out, func(a, b *Transaction) int { return cmp.Compare(a.ID, b.ID) })
	return out[:min(limit, len(out))], nil
}

func (m *memory) Due(_ context.Context, now time.Time, limit int) ([]Reversal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Reversal
	for _, r := range m.queue {
		if !r.Due.After(now) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Reversal) int { return a.Due.Compare(b.Due) })
	return out[:min(limit, len(out))], nil
}

func (m *memory) Told(_ context.Context, id ID, kind NoticeKind) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.notices, func(n Notice) bool { return n.Transaction == id && n.Kind == kind && n.Tries > 0 }), nil
}

func (m *memory) NextDue(context.Context) (at time.Time, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.queue {
		if !ok || r.Due.Before(at) {
			at, ok = r.Due, true
		}
	}
	return at, ok, nil
}

func (m *memory) Reschedule(_ context.Context, r Reversal) error {
	unlock, err := m.write("reschedule", 0)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := m.queue[r.ID]; !ok {
		return ErrNotFound
	}
	m.queue[r.ID] = r
	return nil
}

func (m *memory) Fingerprint(amount Fen, payee, payer MSISDN, card PAN) Fingerprint {
	h := hmac.New(sha256.New, []byte("test"))
	_, _ = fmt.Fprintf(h, "%d|%s|%s|%s", int64(amount), payee.Reveal(), payer.Reveal(), card.Reveal())
	return Fingerprint(h.Sum(nil)[:16])
}

func (m *memory) Terminal(_ context.Context, id TerminalID) (*Terminal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, ok := m.terminals[id]; ok {
		return &t, nil
	}
	return nil, ErrNotFound
}

func (m *memory) SaveSession(_ context.Context, id TerminalID, s Session) error {
	unlock, err := m.write("session", 0)
	if err != nil {
		return err
	}
	defer unlock()
	t := m.terminals[id]
	if t.Blocked {
		return ErrNotFound
	}
	t.Session = s
	m.terminals[id] = t
	return nil
}

func (m *memory) RaiseAlarm(_ context.Context, a Alarm) error {
	unlock, err := m.write("alarm", 0)
	if err != nil {
		return err
	}
	defer unlock()
	m.alarms = append(m.alarms, a)
	t := m.terminals[a.Terminal]
	t.Blocked = t.Blocked || a.Block
	m.terminals[a.Terminal] = t
	return nil
}

func (m *memory) PayeeByNumber(_ context.Context, number MSISDN) (*Payee, error) {
	for i := len(m.payees) - 1; i >= 0; i-- {
		if m.payees[i].Number == number {
			return &m.payees[i], nil
		}
	}
	return nil, ErrNotFound
}

func (m *memory) PayeeByRef(_ context.Context, ref PayeeRef) (*Payee, error) {
	for _, p := range m.payees {
		if p.Ref == ref {
			return &p, nil
		}
	}
	return nil, ErrNotFound
}

func (m *memory) ZoneKey(_ context.Context, u KeyUsage) (KeyBlock, error) {
	if k, ok := m.zone[u]; ok {
		return k, nil
	}
	return KeyBlock{}, ErrNotFound
}

func (m *memory) SaveZoneKey(_ context.Context, k KeyBlock) error {
	m.zone[k.Usage] = k
	return nil
}

// row returns the only row of a state, or fails.
func (m *memory) all() []Transaction {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Transaction
	for _, r := range m.rows {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Transaction) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
