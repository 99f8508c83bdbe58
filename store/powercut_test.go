package store

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/store/faultvfs"
	acquirer "example.com/ringback/switch"
)

// The tests of this file and of fault_test.go run payments on a machine whose disk fails, note what the store promised
// and when, and compare that with what is there afterwards. docs/storage.md has the figures.

// allCuts names the variable that, set to "all", makes these tests longer: more payments, no position left out.
const allCuts = "POWERCUTS"

func everything() bool { return os.Getenv(allCuts) == "all" }

// account is all that the journal holds of one payment.
type account struct {
	txn       acquirer.Transaction
	steps     []acquirer.Step
	notices   []acquirer.Notice
	reversals []acquirer.Reversal
}

func (a account) equal(b account) bool {
	return a.txn == b.txn && slices.Equal(a.steps, b.steps) && slices.Equal(a.notices, b.notices) &&
		slices.Equal(a.reversals, b.reversals)
}

// tale is what one payment was promised.
type tale struct {
	id     acquirer.ID
	states []account // states[i] is the account after i writes; the first is empty
	begun  []int     // operations of the machine when write i+1 began
	acked  []int     // and when the store had said that it is durable
}

// last returns the greatest id that so many writes have made durable.
func (l *tale) last(writes int) (id acquirer.ID) {
	for _, a := range l.states[:writes+1] {
		id = max(id, a.txn.ID)
		for _, r := range a.reversals {
			id = max(id, r.ID)
		}
	}
	return id
}

// world is a machine with a store on it, and the payments that were made there.
type world struct {
	machine *faultvfs.Machine
	path    string
	pragmas string // run on the writer's connection after each boot
	db      *DB
	draft   acquirer.Transaction

	mu    sync.Mutex
	tales []*tale
	ids   map[acquirer.ID]bool // that this process was given
	top   acquirer.ID          // no durable row holds a greater one
}

// soon makes SQLite checkpoint often: the workload would not reach the product's figure.
const soon = "PRAGMA wal_autocheckpoint = 20"

// newWorld makes a folder a machine's disk; what lies there is durable.
func newWorld(folder string) (*world, error) {
	w := &world{path: filepath.Join(folder, "switch.db"), pragmas: soon}
	payer, err := acquirer.ParseMSISDN("13900139001")
	payee, err2 := acquirer.ParseMSISDN("13800138001")
	card, err3 := acquirer.ParsePAN("6225880000000000019")
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, err
	}
	w.draft = acquirer.Transaction{State: acquirer.Sent, Amount: 12345, Payer: payer, PayeeNumber: payee,
		Payee: acquirer.PayeeRef{ID: 7, CardVersion: 2}, PayeeName: "王*明", Card: card, Expiry: "3012",
		EntryMode: "021", CardSeq: "001", Memo: "房租 November", Opened: timeOf(micros(noon))}
	w.machine, err = faultvfs.New(folder)
	return w, err
}

// boot starts a process. A payment whose first write failed and left no row is forgotten: its id may be given again.
func (w *world) boot(ctx context.Context) (err error) {
	if w.db, err = Open(ctx, Config{Path: w.path, Vault: testVault{}}); err != nil {
		return err
	}
	w.ids = map[acquirer.ID]bool{}
	w.tales = slices.DeleteFunc(w.tales, func(l *tale) bool {
		_, err := w.db.Get(ctx, l.id)
		return len(l.acked) == 0 && errors.Is(err, acquirer.ErrNotFound)
	})
	_, err = w.db.conn.ExecContext(ctx, w.pragmas)
	return err
}

// halt kills the process; it may be dead already. The next boot finds what the kernel has in its cache.
func (w *world) halt() {
	w.machine.Kill()
	if w.db != nil {
		_ = w.db.Close() // a dead process cannot tell
		w.db = nil
	}
	w.machine.Restart()
}

func (w *world) close() error {
	w.halt()
	return w.machine.Close()
}

// newID takes an id and wants it to be a new one.
func (w *world) newID() (acquirer.ID, error) {
	id, err := w.db.NewID(noon)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ids[id] || id <= w.top {
		return 0, fmt.Errorf("id %d was given twice", id)
	}
	w.ids[id] = true
	return id, nil
}

// write makes one write and notes when it began and when it was durable.
func (w *world) write(l *tale, next account, do func() error) error {
	l.states = append(l.states, next)
	l.begun = append(l.begun, w.machine.Ops())
	if err := do(); err != nil {
		return err
	}
	l.acked = append(l.acked, w.machine.Ops())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.top = max(w.top, l.last(len(l.acked)))
	return nil
}

// open begins a payment.
func (w *world) open(ctx context.Context) (*tale, error) {
	id, err := w.newID()
	if err != nil {
		return nil, err
	}
	l := &tale{id: id, states: make([]account, 1)}
	w.mu.Lock()
	w.tales = append(w.tales, l)
	w.mu.Unlock()
	tx := w.draft
	tx.ID, tx.Host = id, acquirer.HostKey{Time: acquirer.HostTime(noon), STAN: id.STAN()}
	tx.Key = acquirer.TerminalKey{Date: id.Date(), Merchant: "898110000000001", Terminal: "10000001", Batch: 1, STAN: id.STAN()}
	tx.Token = acquirer.TokenID{0: 1, 8: byte(id >> 16), 9: byte(id >> 8), 10: byte(id)}
	stored := tx
	stored.Version = 1
	c := change(acquirer.EventSend)
	c.At = w.draft.Opened
	next := account{txn: stored, steps: []acquirer.Step{{Version: 1, At: c.At, To: tx.State, Event: c.Event, Detail: c.Detail}}}
	return l, w.write(l, next, func() error { return w.db.Open(ctx, &tx, c) })
}

// move makes the next move of a payment, with what goes with it.
func (w *world) move(ctx context.Context, l *tale, to acquirer.State, c acquirer.Change) error {
	last := l.states[len(l.states)-1]
	old, next := last.txn, last.txn
	next.State, next.Code, next.Answered = to, "00", w.draft.Opened
	c.At = w.draft.Opened
	stored := next
	stored.Version++
	after := account{txn: stored, notices: slices.Concat(last.notices, c.Notices), reversals: last.reversals}
	for i := range after.notices {
		if after.notices[i].Kind == c.Withdraw {
			after.notices[i].State = acquirer.NoticeWithdrawn
		}
	}
	after.steps = append(slices.Clone(last.steps), acquirer.Step{Version: stored.Version, At: c.At, From: old.State, To: to,
		Event: c.Event, Detail: c.Detail})
	if c.Reversal != nil {
		after.reversals = []acquirer.Reversal{*c.Reversal}
	}
	if c.Finished != 0 {
		after.reversals = nil
	}
	return w.write(l, after, func() error { return w.db.Move(ctx, &old, &next, c) })
}

// undo makes a payment one that is to be reversed, and tries once.
func (w *world) undo(ctx context.Context, l *tale, e acquirer.Event) (acquirer.ID, error) {
	id, err := w.newID()
	if err != nil {
		return 0, err
	}
	c := change(e)
	c.Reversal = &acquirer.Reversal{ID: id, Transaction: l.id, Reason: "98", Due: w.draft.Opened,
		Host: acquirer.HostKey{Time: acquirer.HostTime(noon), STAN: id.STAN()}}
	if l.states[len(l.states)-1].txn.State == acquirer.Approved {
		c.Withdraw = acquirer.NoticeDebited
	}
	if err := w.move(ctx, l, acquirer.Reversing, c); err != nil {
		return 0, err
	}
	r := *c.Reversal
	r.Tries, r.HostCode = 1, "96"
	after := l.states[len(l.states)-1]
	after.reversals = []acquirer.Reversal{r}
	return id, w.write(l, after, func() error { return w.db.Reschedule(ctx, r) })
}

// pay makes one payment; there are four kinds: approved, undone in the end, declined, and one whose undo is owed.
func (w *world) pay(ctx context.Context, kind int) error {
	l, err := w.open(ctx)
	if err != nil {
		return err
	}
	approve := change(acquirer.EventApprove)
	approve.Notices = []acquirer.Notice{{Transaction: l.id, Kind: acquirer.NoticeDebited, Created: w.draft.Opened}}
	switch kind % 4 {
	case 0:
		return w.move(ctx, l, acquirer.Approved, approve)
	case 1:
		if err := w.move(ctx, l, acquirer.Approved, approve); err != nil {
			return err
		}
		id, err := w.undo(ctx, l, acquirer.EventUndo)
		if err != nil {
			return err
		}
		finish := change(acquirer.EventReversed)
		finish.Finished = id
		return w.move(ctx, l, acquirer.Reversed, finish)
	case 2:
		return w.move(ctx, l, acquirer.Declined, change(acquirer.EventDecline))
	default:
		_, err := w.undo(ctx, l, acquirer.EventUnknown)
		return err
	}
}

// pays makes payments of every kind, one after the other, and returns the first error.
func (w *world) pays(ctx context.Context, n int) error {
	for kind := range n {
		if err := w.pay(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

// found is what a store has when it is opened after a fault.
type found struct {
	err      error // it cannot be opened, read or written, or SQLite finds it damaged
	accounts map[acquirer.ID]account
	next     acquirer.ID // the first new id
}

// read collects what the store of a world holds.
func (w *world) read(ctx context.Context) (f found) {
	f.accounts = map[acquirer.ID]account{}
	rows, err := w.db.List(ctx, Filter{Limit: 1 << 20})
	reversals, err2 := w.db.Reversals(ctx)
	if f.err = errors.Join(err, err2); f.err != nil {
		return f
	}
	for _, tx := range rows {
		steps, err := w.db.Steps(ctx, tx.ID)
		if err != nil {
			f.err = err
			return f
		}
		notices, err := w.db.Notices(ctx, tx.ID)
		if err != nil {
			f.err = err
			return f
		}
		f.accounts[tx.ID] = account{txn: *tx, steps: steps, notices: notices}
	}
	for _, r := range reversals {
		a := f.accounts[r.Transaction]
		a.reversals = append(a.reversals, r)
		f.accounts[r.Transaction] = a
	}
	var verdict string
	if f.err = w.db.read.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); f.err == nil && verdict != "ok" {
		f.err = errors.New(verdict)
	}
	return f
}

// inspect opens a store on a disk image in an empty folder, reads it, makes one payment more, and empties the folder.
func inspect(ctx context.Context, folder string, image map[string][]byte) (f found) {
	for name, bytes := range image {
		if err := os.WriteFile(filepath.Join(folder, name), bytes, 0o600); err != nil {
			return found{err: err}
		}
	}
	w, err := newWorld(folder) // it passes no sync on, so that thousands of images take no time
	if err != nil {
		return found{err: err}
	}
	defer func() { f.err = errors.Join(f.err, w.close(), empty(folder)) }()
	if err := w.boot(ctx); err != nil {
		return found{err: err}
	}
	if f = w.read(ctx); f.err == nil {
		f.err = w.pay(ctx, 0)
		f.next = w.tales[0].id
	}
	return f
}

func empty(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	for _, name := range files {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// outcome counts what images held.
type outcome struct {
	images, distinct int
	steps            int // acknowledged steps looked for, over all images
	lost             int // of these, not there
	wrong            []string
}

// compare holds what is found against the promises that were made before a power cut during operation cut.
func (o *outcome) compare(tales []*tale, cut int, f found) {
	o.images++
	if f.err != nil {
		o.wrong = append(o.wrong, fmt.Sprintf("cut at %d: %v", cut, f.err))
		return
	}
	known := map[acquirer.ID]bool{}
	for _, l := range tales {
		known[l.id] = true
		acked, begun := before(l.acked, cut), before(l.begun, cut)
		o.steps += acked
		at := begun
		for at >= 0 && !l.states[at].equal(f.accounts[l.id]) {
			at--
		}
		switch {
		case at < 0:
			o.wrong = append(o.wrong, fmt.Sprintf("cut at %d: payment %d is in no state it was ever in: %+v", cut, l.id, f.accounts[l.id]))
		case at < acked:
			o.lost += acked - at
		}
		if last := l.last(acked); f.next <= last && at >= acked {
			o.wrong = append(o.wrong, fmt.Sprintf("cut at %d: id %d is given, %d was durable", cut, f.next, last))
		}
	}
	for id := range f.accounts {
		if !known[id] {
			o.wrong = append(o.wrong, fmt.Sprintf("cut at %d: payment %d was never made", cut, id))
		}
	}
}

// before counts the marks that were set before an operation.
func before(marks []int, op int) int {
	n, _ := slices.BinarySearch(marks, op)
	return n
}

// cutImage is a disk image of a power cut.
type cutImage struct {
	cut   int
	print uint64
}

// examiner inspects images, each different one once, on all processors.
type examiner struct {
	seed   maphash.Seed
	work   chan map[string][]byte
	group  sync.WaitGroup
	mu     sync.Mutex
	known  map[uint64]bool
	result map[uint64]found
	cuts   []cutImage
}

func newExaminer(t testing.TB) *examiner {
	e := &examiner{seed: maphash.MakeSeed(), work: make(chan map[string][]byte), known: map[uint64]bool{}, result: map[uint64]found{}}
	for range runtime.GOMAXPROCS(0) {
		folder := t.TempDir()
		e.group.Go(func() {
			for image := range e.work {
				f := inspect(t.Context(), folder, image)
				e.mu.Lock()
				e.result[e.print(image)] = f
				e.mu.Unlock()
			}
		})
	}
	return e
}

func (e *examiner) print(image map[string][]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	for _, name := range slices.Sorted(maps.Keys(image)) {
		maphash.WriteComparable(&h, name)
		maphash.WriteComparable(&h, len(image[name]))
		_, _ = h.Write(image[name]) // a hash takes every write
	}
	return h.Sum64()
}

// add has an image inspected that a power cut during operation cut may have left.
func (e *examiner) add(cut int, image map[string][]byte) {
	c := cutImage{cut, e.print(image)}
	e.cuts = append(e.cuts, c)
	if !e.known[c.print] {
		e.known[c.print] = true
		e.work <- image
	}
}

// end waits for the inspections and compares them with what was promised.
func (e *examiner) end(tales []*tale) (o outcome) {
	close(e.work)
	e.group.Wait()
	for _, c := range e.cuts {
		o.compare(tales, c.cut, e.result[c.print])
	}
	o.distinct = len(e.result)
	return o
}

// cuts says where the power is cut and how often.
type cuts struct {
	from, every int // operations; the zero value is at each one
	scattered   int // images of this fate at each cut; of the others there is one
}

// examine cuts the power in a history and has what the disk may hold then compared with what was promised.
func examine(t testing.TB, d *faultvfs.Disk, history []faultvfs.Op, tales []*tale, c cuts) outcome {
	t.Helper()
	for _, op := range history {
		if op.Kind == faultvfs.Found { // durable before it was opened
			d.Apply(op)
		}
	}
	e := newExaminer(t)
	for i := range len(history) + 1 {
		var under faultvfs.Op
		if i < len(history) {
			under = history[i]
		}
		if i >= c.from && (i-c.from)%max(c.every, 1) == 0 {
			e.cut(d, i+1, under, c.scattered)
		}
		d.Apply(under)
	}
	return e.end(tales)
}

// cut has images of every fate inspected.
func (e *examiner) cut(d *faultvfs.Disk, at int, under faultvfs.Op, scattered int) {
	for _, fate := range faultvfs.Fates {
		times := 1
		if fate == faultvfs.Scattered {
			times = scattered
		}
		for range times {
			e.add(at, d.Image(under, fate))
		}
	}
}

// lives runs a machine through three processes, each making some payments: one that is killed, one that ends in order,
// and one that the power cut hits.
func (w *world) lives(ctx context.Context, first, second, third int) error {
	if err := errors.Join(w.boot(ctx), w.pays(ctx, first)); err != nil {
		return err
	}
	w.halt()
	if err := errors.Join(w.boot(ctx), w.pays(ctx, second), w.db.Close()); err != nil {
		return err
	}
	return errors.Join(w.boot(ctx), w.pays(ctx, third))
}

func (o *outcome) add(other outcome) {
	o.images += other.images
	o.distinct += other.distinct
	o.steps += other.steps
	o.lost += other.lost
	o.wrong = append(o.wrong, other.wrong...)
}

func (o outcome) report(t testing.TB, what string, cuts int) {
	t.Helper()
	t.Logf("%s: %d positions, %d disk images (%d different), %d acknowledged steps looked for, %d lost, %d wrong",
		what, cuts, o.images, o.distinct, o.steps, o.lost, len(o.wrong))
}

func (o outcome) requireNothingLost(t testing.TB) {
	t.Helper()
	require.Empty(t, o.wrong)
	require.Zero(t, o.lost)
	require.NotZero(t, o.steps)
}

func startWorld(t testing.TB) *world {
	t.Helper()
	w, err := newWorld(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.close()) })
	return w
}

// No acknowledged step is lost, no transaction is half there and no id is given twice, wherever the power goes.
func TestPowerCut(t *testing.T) {
	payments, scattered := 1, 1
	if everything() {
		payments, scattered = 6, 8
	}
	w := startWorld(t)
	require.NoError(t, w.lives(t.Context(), 4*payments, payments, 2*payments))
	history := w.machine.History()
	o := examine(t, faultvfs.NewDisk(1), history, w.tales, cuts{scattered: scattered})
	o.report(t, "one payer", len(history))
	o.requireNothingLost(t)
}

// The same with payers at once, whose steps share transactions.
func TestPowerCutUnderLoad(t *testing.T) {
	payers, scattered := 8, 1
	if everything() {
		payers, scattered = 64, 8
	}
	w := startWorld(t)
	require.NoError(t, w.boot(t.Context()))
	booted := w.machine.Ops()
	var group sync.WaitGroup
	for kind := range payers {
		group.Go(func() {
			if err := w.pay(t.Context(), kind); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	history := w.machine.History()
	o := examine(t, faultvfs.NewDisk(2), history, w.tales, cuts{from: booted, scattered: scattered})
	o.report(t, fmt.Sprint(payers, " payers"), len(history)-booted)
	o.requireNothingLost(t)
}

// A power cut while the store recovers from a power cut, and ends in order after one, loses nothing either.
func TestPowerCutDuringRecovery(t *testing.T) {
	w := startWorld(t)
	require.NoError(t, errors.Join(w.boot(t.Context()), w.pays(t.Context(), 4)))
	d := faultvfs.NewDisk(3)
	for _, op := range w.machine.History() {
		d.Apply(op)
	}
	var sum outcome
	positions := 0
	for _, fate := range []faultvfs.Fate{faultvfs.Lost, faultvfs.Kept} {
		folder := t.TempDir()
		for name, bytes := range d.Image(faultvfs.Op{}, fate) {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), bytes, 0o600))
		}
		again, err := newWorld(folder)
		require.NoError(t, err)
		require.NoError(t, again.boot(t.Context()))
		again.inherit(w.tales)
		require.NoError(t, errors.Join(again.pay(t.Context(), 0), again.db.Close()))
		history := again.machine.History()
		require.NoError(t, again.close())
		positions += len(history)
		sum.add(examine(t, faultvfs.NewDisk(4), history, again.tales, cuts{scattered: 1}))
	}
	sum.report(t, "second power cut", positions)
	sum.requireNothingLost(t)
}

// inherit takes over what another machine promised, all before the first operation.
func (w *world) inherit(tales []*tale) {
	for _, l := range tales {
		earlier := make([]int, len(l.acked))
		w.tales = append(w.tales, &tale{id: l.id, states: l.states, begun: earlier, acked: earlier})
	}
}

// The harness bites: at NORMAL, which Open refuses, and on a disk that lies, the same power cuts take acknowledged
// steps. At NORMAL all else is sound, so that a test which looked for damage would see nothing.
func TestPowerCutControl(t *testing.T) {
	_, err := open(t.Context(), Config{Path: newPath(t), Vault: testVault{}}, writerOptions("NORMAL"))
	require.ErrorContains(t, err, "not FULL")
	every, scattered := 8, 1
	if everything() {
		every, scattered = 1, 8
	}
	for _, v := range []struct {
		name, pragma string
		lies         bool
	}{
		{"synchronous=NORMAL", "PRAGMA synchronous = NORMAL", false},
		{"a disk that lies", "PRAGMA synchronous = FULL", true},
	} {
		w := startWorld(t)
		require.NoError(t, w.boot(t.Context()))
		booted := w.machine.Ops()
		_, err := w.db.conn.ExecContext(t.Context(), v.pragma)
		require.NoError(t, err)
		require.NoError(t, w.pays(t.Context(), 8))
		history := w.machine.History()
		d := faultvfs.NewDisk(5)
		d.Lies = v.lies
		o := examine(t, d, history, w.tales, cuts{from: booted, every: every, scattered: scattered})
		o.report(t, v.name, (len(history)-booted)/every)
		require.NotZero(t, o.lost)
		require.Equal(t, v.lies, len(o.wrong) > 0, "damage comes with a disk that lies only")
	}
}
