package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	acquirer "example.com/ringback/switch"
)

// front plants a journal in front of the gate.
func front(wrap func(*coreLife, acquirer.Journal) acquirer.Journal) func(*coreLife, *acquirer.Config) {
	return func(l *coreLife, c *acquirer.Config) { c.Journal = wrap(l, c.Journal) }
}

// writesBehind acknowledges some writes at once and carries them out later, in their order.
type writesBehind struct {
	acquirer.Journal
	l    *coreLife
	open func(*acquirer.Transaction) bool
	move func(*acquirer.Transaction, acquirer.Change) bool
	mu   sync.Mutex
	last map[acquirer.ID]chan struct{}
}

func (j *writesBehind) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	if j.open == nil || !j.open(t) {
		return j.Journal.Open(ctx, t, c)
	}
	row := *t
	t.Version = 1
	j.later(t.ID, func() { _ = j.Journal.Open(ctx, &row, c) })
	return nil
}

func (j *writesBehind) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if j.move == nil || !j.move(next, c) {
		j.wait(old.ID)
		return j.Journal.Move(ctx, old, next, c)
	}
	from, to := *old, *next
	next.Version = old.Version + 1
	j.later(old.ID, func() { _ = j.Journal.Move(ctx, &from, &to, c) })
	return nil
}

// later carries a write out after a while, behind the one before it of the same row.
func (j *writesBehind) later(id acquirer.ID, write func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.last == nil {
		j.last = map[acquirer.ID]chan struct{}{}
	}
	before, done := j.last[id], make(chan struct{})
	j.last[id] = done
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		if j.l.wait(j.l.w.dice.between(100*time.Millisecond, time.Second, 1, uint64(id))) {
			write()
		}
	}()
}

func (j *writesBehind) wait(id acquirer.ID) {
	j.mu.Lock()
	done := j.last[id]
	j.mu.Unlock()
	if done != nil {
		<-done
	}
}

// unsynced loses the last commit when the process dies within a second of it.
type unsynced struct {
	*Memory
	at   time.Time
	undo func(*Memory)
}

func (j *unsynced) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	err := j.Memory.Open(ctx, t, c)
	if err == nil {
		id, key, host := t.ID, t.Key, t.Host
		j.at, j.undo = time.Now(), func(m *Memory) {
			m.rows[id].txn.State = acquirer.Declined // what holds no key holds nothing
			delete(m.byKey, key)
			delete(m.byHost, host)
			delete(m.rows, id)
			m.order = m.order[:0]
			for id := range m.rows {
				m.order = append(m.order, id)
			}
			clear(m.byToken)
			for id, r := range m.rows {
				m.byToken[r.txn.Token] = append(m.byToken[r.txn.Token], id)
			}
			delete(m.byToken, acquirer.TokenID{})
		}
	}
	return err
}

func (j *unsynced) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	j.mu.Lock()
	before, queued := *j.rows[old.ID], j.queue[c.Finished]
	j.mu.Unlock()
	err := j.Memory.Move(ctx, old, next, c)
	if err == nil {
		j.at, j.undo = time.Now(), func(m *Memory) {
			*m.rows[before.txn.ID] = before
			if c.Reversal != nil {
				delete(m.queue, c.Reversal.ID)
			}
			if queued.ID != 0 {
				m.queue[queued.ID] = queued
			}
		}
	}
	return err
}

func (j *unsynced) crash() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.undo != nil && time.Since(j.at) < time.Second {
		j.undo(j.Memory)
	}
}

// deafToErrors takes a failed write for a good one.
type deafToErrors struct{ acquirer.Journal }

func (j *deafToErrors) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	err := j.Journal.Open(ctx, t, c)
	if errors.Is(err, acquirer.ErrStore) && !errors.Is(err, errDead) {
		t.Version = 1
		return nil
	}
	return err
}

func (j *deafToErrors) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	err := j.Journal.Move(ctx, old, next, c)
	if errors.Is(err, acquirer.ErrStore) && !errors.Is(err, errDead) {
		next.Version = old.Version + 1
		return nil
	}
	return err
}

// repeatRefused shows the debit of a repeat as refused with 94.
type repeatRefused struct{ acquirer.Journal }

func (j *repeatRefused) Find(ctx context.Context, key acquirer.TerminalKey) (*acquirer.Transaction, error) {
	t, err := j.Journal.Find(ctx, key)
	if err == nil && ctx.Value(coreKindKey{}) == coreSale {
		t.Code = acquirer.CodeDuplicate
	}
	return t, err
}

// noRecovery finds nothing to recover.
type noRecovery struct{ *Memory }

func (j *noRecovery) InState(context.Context, acquirer.State, acquirer.ID, int) ([]*acquirer.Transaction, error) {
	return nil, nil
}

// declinesAtRestart declines what recovery would undo.
type declinesAtRestart struct{ *Memory }

func (j *declinesAtRestart) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if c.Event == acquirer.EventRestart {
		next.State, c.Reversal = acquirer.Declined, nil
	}
	return j.Memory.Move(ctx, old, next, c)
}

// queueInMemory loses the reversal queue at a crash.
type queueInMemory struct{ *Memory }

func (j *queueInMemory) crash() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.queue)
}

// noDuplicates never finds the debit of a repeat, and nothing else stops it.
type noDuplicates struct{ *Memory }

func (j *noDuplicates) Find(ctx context.Context, key acquirer.TerminalKey) (*acquirer.Transaction, error) {
	t, err := j.Memory.Find(ctx, key)
	if err == nil && ctx.Value(coreKindKey{}) == coreSale && t.State != acquirer.Tombstone {
		return nil, acquirer.ErrNotFound
	}
	return t, err
}

func (j *noDuplicates) Open(_ context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	return j.openAnyway(t, c)
}

// openAnyway opens a row without a look at the keys of others.
func (m *Memory) openAnyway(t *acquirer.Transaction, c acquirer.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Version = 1
	m.insert(*t, c)
	return nil
}

// notUnique looks at the token only, not at the terminal key.
type notUnique struct{ *Memory }

func (j *notUnique) Open(_ context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	j.mu.Lock()
	used := t.Token != acquirer.TokenID{} && j.user(t.Token, t.Key.Date) != 0
	j.mu.Unlock()
	if used {
		return acquirer.ErrDuplicate
	}
	return j.openAnyway(t, c)
}

// todayOnly looks a key up on its own date only.
type todayOnly struct{ *Memory }

func (j *todayOnly) Find(_ context.Context, key acquirer.TerminalKey) (*acquirer.Transaction, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.copyOf(j.byKey[key])
}

func (j *todayOnly) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	if _, err := j.Find(ctx, t.Key); err == nil {
		return acquirer.ErrDuplicate
	}
	return j.openAnyway(t, c)
}

// looseKey looks a key up by a part of it.
type looseKey struct {
	*Memory
	part func(acquirer.TerminalKey) acquirer.TerminalKey
}

func keyed(part func(acquirer.TerminalKey) acquirer.TerminalKey) func(*coreLife, *Memory) acquirer.Journal {
	return func(_ *coreLife, m *Memory) acquirer.Journal { return &looseKey{m, part} }
}

func (j *looseKey) Find(_ context.Context, key acquirer.TerminalKey) (*acquirer.Transaction, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := len(j.order) - 1; i >= 0; i-- {
		if r := j.rows[j.order[i]]; j.part(dateless(r.txn.Key)) == j.part(dateless(key)) {
			return j.copyOf(r.txn.ID)
		}
	}
	return nil, acquirer.ErrNotFound
}

// printless leaves out of the fingerprint all, or all but the amount.
type printless struct {
	*Memory
	amount bool
}

func (j *printless) Fingerprint(amount acquirer.Fen, _, _ acquirer.MSISDN, _ acquirer.PAN) (f acquirer.Fingerprint) {
	if j.amount {
		return j.Memory.Fingerprint(amount, acquirer.MSISDN{}, acquirer.MSISDN{}, acquirer.PAN{})
	}
	return f
}

// tokensFree does not look at tokens.
type tokensFree struct{ *Memory }

func (j *tokensFree) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	j.mu.Lock()
	_, taken := j.find(t.Key)
	j.mu.Unlock()
	if taken {
		return acquirer.ErrDuplicate
	}
	return j.openAnyway(t, c)
}

// lastWriterWins writes a move whatever happened to the row meanwhile.
type lastWriterWins struct{ *Memory }

func (j *lastWriterWins) Move(_ context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	return j.moveAnyway(old, next, c)
}

// moveAnyway writes a move without a look at the row.
func (m *Memory) moveAnyway(old, next *acquirer.Transaction, c acquirer.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[old.ID]
	next.Version = r.txn.Version + 1
	m.replace(r, *next, c)
	return nil
}

// tracesRestart gives ids that are new and whose trace numbers begin again with each life.
type tracesRestart struct {
	*Memory
	life uint64
	mu   sync.Mutex
	n    int64
}

func (j *tracesRestart) NewID(now time.Time) (acquirer.ID, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n++
	return acquirer.NewID(acquirer.DateOf(now), int64(j.life)*999_999+j.n), nil
}

// idsRestart begins to count again after a crash.
type idsRestart struct{ *Memory }

func (j *idsRestart) crash() {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.next)
}
