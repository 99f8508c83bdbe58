package terminal

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// memory is a journal and a directory in memory that keep the contract of the ports, as far as the flows behind this
// edge use them.
type memory struct {
	mu        sync.Mutex
	seq       map[acquirer.Date]int64
	rows      map[acquirer.ID]*acquirer.Transaction
	byKey     map[acquirer.TerminalKey]acquirer.ID
	tokens    map[acquirer.TokenID]acquirer.ID
	queue     map[acquirer.ID]acquirer.Reversal
	terminals map[acquirer.TerminalID]acquirer.Terminal
	payees    []acquirer.Payee

	broken  error                     // every write fails with it, of kind ErrStore
	lookUp  func(acquirer.TerminalID) // called without the lock in front of Terminal
	payeeOf func()                    // called without the lock in front of PayeeByNumber
}

func newMemory() *memory {
	return &memory{
		seq: map[acquirer.Date]int64{}, rows: map[acquirer.ID]*acquirer.Transaction{},
		byKey: map[acquirer.TerminalKey]acquirer.ID{}, tokens: map[acquirer.TokenID]acquirer.ID{},
		queue: map[acquirer.ID]acquirer.Reversal{}, terminals: map[acquirer.TerminalID]acquirer.Terminal{},
	}
}

func (m *memory) lock() func() {
	m.mu.Lock()
	return m.mu.Unlock
}

// writable is the error of a write; the lock is held.
func (m *memory) writable() error {
	if m.broken != nil {
		return fmt.Errorf("%w: %w", acquirer.ErrStore, m.broken)
	}
	return nil
}

func (m *memory) NewID(now time.Time) (acquirer.ID, error) {
	defer m.lock()()
	d := acquirer.DateOf(now)
	m.seq[d]++
	return acquirer.NewID(d, m.seq[d]), nil
}

func (m *memory) Open(_ context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	defer m.lock()()
	if err := m.writable(); err != nil {
		return err
	}
	if _, taken := m.find(t.Key); taken {
		return acquirer.ErrDuplicate
	}
	if t.Token != (acquirer.TokenID{}) {
		if r := m.rows[m.tokens[t.Token]]; r != nil && r.State != acquirer.Declined {
			return acquirer.ErrDuplicate
		}
		m.tokens[t.Token] = t.ID
	}
	t.Version = 1
	m.byKey[t.Key] = t.ID
	m.put(*t, c)
	return nil
}

func (m *memory) Move(_ context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if !acquirer.MayMove(old.State, next.State) {
		panic(fmt.Sprintf("no move from %s to %s", old.State, next.State))
	}
	defer m.lock()()
	if err := m.writable(); err != nil {
		return err
	}
	if m.rows[old.ID].Version != old.Version {
		return acquirer.ErrStale
	}
	next.Version = old.Version + 1
	m.put(*next, c)
	return nil
}

func (m *memory) put(t acquirer.Transaction, c acquirer.Change) {
	m.rows[t.ID] = &t
	if c.Reversal != nil {
		m.queue[c.Reversal.ID] = *c.Reversal
	}
	delete(m.queue, c.Finished)
}

func (m *memory) find(key acquirer.TerminalKey) (acquirer.ID, bool) {
	for _, d := range []acquirer.Date{key.Date, key.Date.Before()} {
		key.Date = d
		if id, ok := m.byKey[key]; ok {
			return id, true
		}
	}
	return 0, false
}

func (m *memory) get(id acquirer.ID) (*acquirer.Transaction, error) {
	if r := m.rows[id]; r != nil {
		t := *r
		return &t, nil
	}
	return nil, acquirer.ErrNotFound
}

func (m *memory) Find(_ context.Context, key acquirer.TerminalKey) (*acquirer.Transaction, error) {
	defer m.lock()()
	id, _ := m.find(key)
	return m.get(id)
}

func (m *memory) FindToken(_ context.Context, token acquirer.TokenID) (*acquirer.Transaction, error) {
	defer m.lock()()
	return m.get(m.tokens[token])
}

func (m *memory) FindHost(_ context.Context, key acquirer.HostKey) (*acquirer.Transaction, error) {
	for _, r := range m.all() {
		if r.Host == key {
			return &r, nil
		}
	}
	return nil, acquirer.ErrNotFound
}

func (m *memory) Get(_ context.Context, id acquirer.ID) (*acquirer.Transaction, error) {
	defer m.lock()()
	return m.get(id)
}

func (m *memory) InState(context.Context, acquirer.State, acquirer.ID, int) ([]*acquirer.Transaction, error) {
	return nil, nil
}

func (m *memory) Due(context.Context, time.Time, int) ([]acquirer.Reversal, error) { return nil, nil }

func (m *memory) NextDue(context.Context) (at time.Time, ok bool, err error) { return }

func (m *memory) Reschedule(context.Context, acquirer.Reversal) error { return nil }

// Told is never: no device is part of these tests.
func (m *memory) Told(context.Context, acquirer.ID, acquirer.NoticeKind) (bool, error) {
	return false, nil
}

func (m *memory) Fingerprint(amount acquirer.Fen, payee, payer acquirer.MSISDN, card acquirer.PAN) acquirer.Fingerprint {
	h := hmac.New(sha256.New, []byte("test"))
	_, _ = fmt.Fprintf(h, "%d|%s|%s|%s", int64(amount), payee.Reveal(), payer.Reveal(), card.Reveal())
	return acquirer.Fingerprint(h.Sum(nil)[:16])
}

func (m *memory) Terminal(_ context.Context, id acquirer.TerminalID) (*acquirer.Terminal, error) {
	if m.lookUp != nil {
		m.lookUp(id)
	}
	defer m.lock()()
	if t, ok := m.terminals[id]; ok {
		return &t, nil
	}
	return nil, acquirer.ErrNotFound
}

func (m *memory) SaveSession(_ context.Context, id acquirer.TerminalID, s acquirer.Session) error {
	defer m.lock()()
	if err := m.writable(); err != nil {
		return err
	}
	t := m.terminals[id]
	if t.Blocked {
		return acquirer.ErrNotFound
	}
	t.Session = s
	m.terminals[id] = t
	return nil
}

func (m *memory) RaiseAlarm(_ context.Context, a acquirer.Alarm) error {
	defer m.lock()()
	if err := m.writable(); err != nil {
		return err
	}
	t := m.terminals[a.Terminal]
	t.Blocked = t.Blocked || a.Block
	m.terminals[a.Terminal] = t
	return nil
}

func (m *memory) PayeeByNumber(_ context.Context, number acquirer.MSISDN) (*acquirer.Payee, error) {
	if m.payeeOf != nil {
		m.payeeOf()
	}
	for _, p := range m.payees {
		if p.Number == number {
			return &p, nil
		}
	}
	return nil, acquirer.ErrNotFound
}

func (m *memory) PayeeByRef(_ context.Context, ref acquirer.PayeeRef) (*acquirer.Payee, error) {
	for _, p := range m.payees {
		if p.Ref == ref {
			return &p, nil
		}
	}
	return nil, acquirer.ErrNotFound
}

func (m *memory) ZoneKey(_ context.Context, u acquirer.KeyUsage) (acquirer.KeyBlock, error) {
	return acquirer.KeyBlock{Usage: u, Blob: "ABCDEFGHIJKLMNOP"}, nil
}

func (m *memory) SaveZoneKey(context.Context, acquirer.KeyBlock) error { return nil }

// all returns every row in the order of the ids.
func (m *memory) all() []acquirer.Transaction {
	defer m.lock()()
	var out []acquirer.Transaction
	for _, r := range m.rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b acquirer.Transaction) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
