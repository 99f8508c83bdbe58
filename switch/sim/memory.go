package sim

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// Memory is a journal and a directory in memory. It keeps the contract of [acquirer.Journal] and of
// [acquirer.Directory] to the letter, also where a contract permits more than a database would do: after
// [Memory.Crash] it gives ids again that no durable row holds. What a method has written outlives the switch that
// wrote it, so that one Memory serves all lives of a run. All methods are safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	next    map[acquirer.Date]int64 // the last id given
	durable map[acquirer.Date]int64 // the greatest id that a row holds or held
	rows    map[acquirer.ID]*record
	order   []acquirer.ID // of rows, as opened
	byKey   map[acquirer.TerminalKey]acquirer.ID
	byHost  map[acquirer.HostKey]acquirer.ID
	byToken map[acquirer.TokenID][]acquirer.ID
	queue   map[acquirer.ID]acquirer.Reversal
	prints  map[content]uint64

	terminals map[acquirer.TerminalID]acquirer.Terminal
	payees    map[acquirer.PayeeRef]acquirer.Payee
	owners    map[acquirer.MSISDN]acquirer.PayeeRef
	zone      map[acquirer.KeyUsage]acquirer.KeyBlock
	books     books
}

// record is a row with what was written beside it.
type record struct {
	txn     acquirer.Transaction
	steps   []acquirer.Step
	notices []acquirer.Notice
}

// content is what a fingerprint covers.
type content struct {
	amount       acquirer.Fen
	payee, payer acquirer.MSISDN
	card         acquirer.PAN
}

// NewMemory returns an empty journal with both zone keys in force.
func NewMemory() *Memory {
	return &Memory{
		next: map[acquirer.Date]int64{}, durable: map[acquirer.Date]int64{},
		rows: map[acquirer.ID]*record{}, byKey: map[acquirer.TerminalKey]acquirer.ID{},
		byHost: map[acquirer.HostKey]acquirer.ID{}, byToken: map[acquirer.TokenID][]acquirer.ID{},
		queue: map[acquirer.ID]acquirer.Reversal{}, prints: map[content]uint64{},
		terminals: map[acquirer.TerminalID]acquirer.Terminal{}, books: newBooks(),
		payees: map[acquirer.PayeeRef]acquirer.Payee{}, owners: map[acquirer.MSISDN]acquirer.PayeeRef{},
		zone: map[acquirer.KeyUsage]acquirer.KeyBlock{
			acquirer.UsageZPK: {Usage: acquirer.UsageZPK, Blob: "zpk"}, acquirer.UsageZAK: {Usage: acquirer.UsageZAK, Blob: "zak"}},
	}
}

// Crash makes the journal forget what is not durable: ids that were given and that no row holds.
func (m *Memory) Crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.next)
	for d, seq := range m.durable {
		m.next[d] = seq
	}
}

// shiftTimes moves what the journal holds of the future: the due times of all reversals and the deadlines of all debits
// that wait.
func (m *Memory) shiftTimes(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.txn.State == acquirer.Sent {
			r.txn.Deadline = r.txn.Deadline.Add(d)
		}
	}
	for id, r := range m.queue {
		r.Due = r.Due.Add(d)
		m.queue[id] = r
	}
}

// NewID implements [acquirer.Journal].
func (m *Memory) NewID(now time.Time) (acquirer.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := acquirer.DateOf(now)
	if m.next[d] >= acquirer.MaxSequence {
		return 0, errors.New("the ids of the date are used up")
	}
	m.next[d]++
	return acquirer.NewID(d, m.next[d]), nil
}

// Open implements [acquirer.Journal].
func (m *Memory) Open(_ context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	if !slices.Contains(acquirer.Openings, t.State) {
		return fmt.Errorf("no row begins as %s", t.State)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.rows[t.ID]; r != nil {
		if fixed(r.txn) != fixed(*t) {
			return fmt.Errorf("id %d belongs to another transaction", t.ID)
		}
		t.Version = 1
		return nil
	}
	if m.taken(t) {
		return acquirer.ErrDuplicate
	}
	t.Version = 1
	m.insert(*t, c)
	return nil
}

// taken reports whether another row holds a key of t.
func (m *Memory) taken(t *acquirer.Transaction) bool {
	if _, ok := m.find(t.Key); ok {
		return true
	}
	if _, ok := m.byHost[t.Host]; ok && t.Host != (acquirer.HostKey{}) {
		return true
	}
	return t.Token != (acquirer.TokenID{}) && m.user(t.Token, t.Key.Date) != 0
}

// user returns the row, not Declined, that holds a token on a date or the date before it; 0: none.
func (m *Memory) user(token acquirer.TokenID, d acquirer.Date) acquirer.ID {
	before := d.Before()
	for _, id := range m.byToken[token] {
		r := m.rows[id]
		if on := r.txn.Key.Date; r.txn.State != acquirer.Declined && (on == d || on == before) {
			return id
		}
	}
	return 0
}

// insert writes a row and its indexes; nothing is checked.
func (m *Memory) insert(t acquirer.Transaction, c acquirer.Change) {
	r := &record{txn: t, steps: make([]acquirer.Step, 0, 4)}
	m.rows[t.ID] = r
	m.order = append(m.order, t.ID)
	m.byKey[t.Key] = t.ID
	if t.Host != (acquirer.HostKey{}) {
		m.byHost[t.Host] = t.ID
	}
	if t.Token != (acquirer.TokenID{}) {
		m.byToken[t.Token] = append(m.byToken[t.Token], t.ID)
	}
	m.holds(t.ID)
	m.beside(r, 0, c)
}

// Move implements [acquirer.Journal].
func (m *Memory) Move(_ context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if !acquirer.MayMove(old.State, next.State) {
		panic(fmt.Sprintf("no move from %s to %s", old.State, next.State))
	}
	if fixed(*old) != fixed(*next) {
		return fmt.Errorf("a move of %d changes what the debit is", old.ID)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[old.ID]
	if r == nil || r.txn.Version != old.Version {
		return acquirer.ErrStale
	}
	next.Version = old.Version + 1
	m.replace(r, *next, c)
	return nil
}

// replace writes a move; nothing is checked.
func (m *Memory) replace(r *record, next acquirer.Transaction, c acquirer.Change) {
	from := r.txn.State
	r.txn = next
	m.beside(r, from, c)
}

// beside writes what goes with a row: its step, its notices and the reversal queue.
func (m *Memory) beside(r *record, from acquirer.State, c acquirer.Change) {
	r.steps = append(r.steps, acquirer.Step{Version: r.txn.Version, At: c.At, From: from, To: r.txn.State, Event: c.Event, Detail: c.Detail})
	for _, n := range c.Notices {
		if !slices.ContainsFunc(r.notices, func(o acquirer.Notice) bool { return o.Kind == n.Kind }) {
			r.notices = append(r.notices, n)
		}
	}
	for i := range r.notices {
		if n := &r.notices[i]; n.Kind == c.Withdraw && n.Sent.IsZero() {
			n.State = acquirer.NoticeWithdrawn
		}
	}
	if c.Reversal != nil {
		m.queue[c.Reversal.ID] = *c.Reversal
		m.holds(c.Reversal.ID)
	}
	delete(m.queue, c.Finished)
	if c.Payout != nil {
		m.books.payouts[r.txn.ID] = *c.Payout
	}
	if c.Discrepancy != nil {
		m.books.list(*c.Discrepancy)
	}
	if c.Resolved != nil {
		m.books.close(*c.Resolved)
	}
}

// holds notes that a durable row holds an id.
func (m *Memory) holds(id acquirer.ID) {
	m.durable[id.Date()] = max(m.durable[id.Date()], id.Sequence())
}

// fixed returns what of a row never changes.
func fixed(t acquirer.Transaction) acquirer.Transaction {
	return acquirer.Transaction{ID: t.ID, Key: t.Key, Amount: t.Amount, Payer: t.Payer, PayeeNumber: t.PayeeNumber,
		Payee: t.Payee, PayeeName: t.PayeeName, Card: t.Card, Expiry: t.Expiry, EntryMode: t.EntryMode, CardSeq: t.CardSeq,
		Memo: t.Memo, Token: t.Token, Host: t.Host, Deadline: t.Deadline, Opened: t.Opened}
}

// find returns the row of a terminal key on key.Date or the date before it; the lock is held.
func (m *Memory) find(key acquirer.TerminalKey) (acquirer.ID, bool) {
	if id, ok := m.byKey[key]; ok {
		return id, true
	}
	key.Date = key.Date.Before()
	id, ok := m.byKey[key]
	return id, ok
}

// Find implements [acquirer.Journal].
func (m *Memory) Find(_ context.Context, key acquirer.TerminalKey) (*acquirer.Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, _ := m.find(key)
	return m.copyOf(id)
}

// FindToken implements [acquirer.Journal]; the life of a token ends with the newest business date there is.
func (m *Memory) FindToken(_ context.Context, token acquirer.TokenID) (*acquirer.Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var newest acquirer.Date
	for d := range m.durable {
		newest = max(newest, d)
	}
	return m.copyOf(m.user(token, newest))
}

// FindHost implements [acquirer.Journal].
func (m *Memory) FindHost(_ context.Context, key acquirer.HostKey) (*acquirer.Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copyOf(m.byHost[key])
}

// Get implements [acquirer.Journal].
func (m *Memory) Get(_ context.Context, id acquirer.ID) (*acquirer.Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.copyOf(id)
}

// copyOf returns a copy of a row; the lock is held.
func (m *Memory) copyOf(id acquirer.ID) (*acquirer.Transaction, error) {
	r := m.rows[id]
	if r == nil {
		return nil, acquirer.ErrNotFound
	}
	t := r.txn
	return &t, nil
}

// InState implements [acquirer.Journal].
func (m *Memory) InState(_ context.Context, s acquirer.State, after acquirer.ID, limit int) ([]*acquirer.Transaction, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*acquirer.Transaction
	for _, id := range m.order {
		if r := m.rows[id]; r.txn.State == s && id > after {
			t := r.txn
			out = append(out, &t)
		}
	}
	slices.SortFunc(out, func(a, b *acquirer.Transaction) int { return cmp.Compare(a.ID, b.ID) })
	return out[:min(limit, len(out))], nil
}

// Due implements [acquirer.Journal].
func (m *Memory) Due(_ context.Context, now time.Time, limit int) ([]acquirer.Reversal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []acquirer.Reversal
	for _, r := range m.queue {
		if !r.Due.After(now) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b acquirer.Reversal) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return out[:min(limit, len(out))], nil
}

// NextDue implements [acquirer.Journal].
func (m *Memory) NextDue(context.Context) (at time.Time, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.queue {
		if !ok || r.Due.Before(at) {
			at, ok = r.Due, true
		}
	}
	return at, ok, nil
}

// Reschedule implements [acquirer.Journal].
func (m *Memory) Reschedule(_ context.Context, r acquirer.Reversal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.queue[r.ID]
	if !ok {
		return acquirer.ErrNotFound
	}
	stored.Tries, stored.Due, stored.HostCode = r.Tries, r.Due, r.HostCode
	m.queue[r.ID] = stored
	return nil
}

// Told implements [acquirer.Journal].
func (m *Memory) Told(_ context.Context, id acquirer.ID, kind acquirer.NoticeKind) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[id]
	return r != nil && slices.ContainsFunc(r.notices, func(n acquirer.Notice) bool { return n.Kind == kind && n.Tries > 0 }), nil
}

// Fingerprint implements [acquirer.Journal]: it numbers what it is asked for, so that two contents never share one.
func (m *Memory) Fingerprint(amount acquirer.Fen, payee, payer acquirer.MSISDN, card acquirer.PAN) (f acquirer.Fingerprint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := content{amount, payee, payer, card}
	n, ok := m.prints[c]
	if !ok {
		n = uint64(len(m.prints) + 1)
		m.prints[c] = n
	}
	binary.BigEndian.PutUint64(f[:], n)
	return f
}

// PutTerminal registers a terminal or replaces it.
func (m *Memory) PutTerminal(t acquirer.Terminal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.terminals[t.ID] = t
}

// PutPayee registers a payee, or a new card of one, and makes it the one that its number leads to.
func (m *Memory) PutPayee(p acquirer.Payee) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.payees[p.Ref] = p
	m.owners[p.Number] = p.Ref
}

// Terminal implements [acquirer.Directory].
func (m *Memory) Terminal(_ context.Context, id acquirer.TerminalID) (*acquirer.Terminal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.terminals[id]
	if !ok {
		return nil, acquirer.ErrNotFound
	}
	return &t, nil
}

// SaveSession implements [acquirer.Directory].
func (m *Memory) SaveSession(_ context.Context, id acquirer.TerminalID, s acquirer.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.terminals[id]
	if !ok || t.Blocked {
		return acquirer.ErrNotFound
	}
	t.Session = s
	m.terminals[id] = t
	return nil
}

// RaiseAlarm implements [acquirer.Directory]: nobody looks, but the block holds.
func (m *Memory) RaiseAlarm(_ context.Context, a acquirer.Alarm) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.terminals[a.Terminal]
	if !ok {
		return acquirer.ErrNotFound
	}
	t.Blocked = t.Blocked || a.Block
	m.terminals[a.Terminal] = t
	return nil
}

// PayeeByNumber implements [acquirer.Directory].
func (m *Memory) PayeeByNumber(ctx context.Context, number acquirer.MSISDN) (*acquirer.Payee, error) {
	m.mu.Lock()
	ref := m.owners[number]
	m.mu.Unlock()
	return m.PayeeByRef(ctx, ref)
}

// PayeeByRef implements [acquirer.Directory].
func (m *Memory) PayeeByRef(_ context.Context, ref acquirer.PayeeRef) (*acquirer.Payee, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.payees[ref]
	if !ok {
		return nil, acquirer.ErrNotFound
	}
	return &p, nil
}

// ZoneKey implements [acquirer.Directory].
func (m *Memory) ZoneKey(_ context.Context, u acquirer.KeyUsage) (acquirer.KeyBlock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.zone[u]
	if !ok {
		return acquirer.KeyBlock{}, acquirer.ErrNotFound
	}
	return k, nil
}

// SaveZoneKey implements [acquirer.Directory].
func (m *Memory) SaveZoneKey(_ context.Context, k acquirer.KeyBlock) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.zone[k.Usage] = k
	return nil
}
