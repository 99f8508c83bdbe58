package acquirer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// desk is a registry and an outbox in memory that keep the contract of the ports: the flows are tested against it here,
// and the real store is tested against the same contract where it lives.
type desk struct {
	*memory // transactions
	mu      sync.Mutex
	seq     map[Date]int64
	all     map[EnrolmentID]Enrolment
	history map[EnrolmentID][]EnrolmentStep
	heard   map[string]Heard
	uses    map[string]*used
	people  map[PayeeID]Payee
	cards   map[PayeeRef]PAN
	contact map[PayeeID]Contact
	outbox  []Notice
	told    map[string][]NoticeStep           // by notice
	ends    error                             // when set, every write fails with it
	before  func(op string, e EnrolmentState) // called without the lock, in front of every write of an enrolment
}

type used struct {
	began, last time.Time
	window      time.Duration
	count       int
}

func newDesk() *desk {
	return &desk{memory: newMemory(), told: map[string][]NoticeStep{}, seq: map[Date]int64{}, all: map[EnrolmentID]Enrolment{}, history: map[EnrolmentID][]EnrolmentStep{},
		heard: map[string]Heard{}, uses: map[string]*used{}, people: map[PayeeID]Payee{}, cards: map[PayeeRef]PAN{}, contact: map[PayeeID]Contact{}}
}

func (d *desk) lock(op string, s EnrolmentState) (unlock func(), err error) {
	if d.before != nil {
		d.before(op, s)
	}
	d.mu.Lock()
	if d.ends != nil {
		d.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", ErrStore, d.ends)
	}
	return d.mu.Unlock, nil
}

func heardKey(c Channel, id string) string { return string(c) + "|" + id }

func (d *desk) OpenEnrolment(_ context.Context, e *Enrolment, c EnrolmentChange) error {
	unlock, err := d.lock("open", e.State)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := d.heard[heardKey(e.Channel, e.MessageID)]; ok {
		return ErrDuplicate
	}
	d.seq[DateOf(e.Opened)]++
	e.ID, e.Version = NewEnrolmentID(DateOf(e.Opened), d.seq[DateOf(e.Opened)]), 1
	d.put(0, e, c)
	return nil
}

func (d *desk) MoveEnrolment(_ context.Context, old, next *Enrolment, c EnrolmentChange) error {
	if !MayMoveEnrolment(old.State, next.State) {
		panic(fmt.Sprintf("no move from %s to %s", old.State, next.State))
	}
	unlock, err := d.lock("move", next.State)
	if err != nil {
		return err
	}
	defer unlock()
	if d.all[old.ID].Version != old.Version {
		return ErrStale
	}
	if c.Effect != nil {
		if next.Payee, err = d.effect(*c.Effect); err != nil {
			return err
		}
	}
	next.Version = old.Version + 1
	d.put(old.State, next, c)
	return nil
}

func (d *desk) put(from EnrolmentState, e *Enrolment, c EnrolmentChange) {
	d.all[e.ID] = *e
	d.history[e.ID] = append(d.history[e.ID], EnrolmentStep{Version: e.Version, At: c.At, From: from, To: e.State, Event: c.Event, Detail: c.Detail})
	if c.Message != nil {
		d.heard[heardKey(c.Message.Channel, c.Message.MessageID)] = *c.Message
	}
	for _, n := range c.Notices {
		d.addNotice(n)
	}
}

func (d *desk) addNotice(n Notice) {
	if !slices.ContainsFunc(d.outbox, func(x Notice) bool { return x.ID() == n.ID() }) {
		n.Due = n.Created
		d.outbox = append(d.outbox, n)
	}
}

// effect writes a payee as the store does: compare-and-set, one payee a number.
func (d *desk) effect(f Effect) (PayeeRef, error) {
	p := f.Payee
	for id, x := range d.people {
		if p.Number != (MSISDN{}) && x.Number == p.Number && id != p.Ref.ID {
			return PayeeRef{}, ErrDuplicate
		}
	}
	if p.Ref.ID == 0 {
		p.Ref = PayeeRef{PayeeID(len(d.people) + 1), 1}
	} else if d.people[p.Ref.ID].Revision != p.Revision {
		return PayeeRef{}, ErrStale
	}
	p.Revision++
	d.people[p.Ref.ID] = p
	d.cards[p.Ref] = p.Card
	if f.Contact != nil {
		d.contact[p.Ref.ID] = *f.Contact
	}
	return p.Ref, nil
}

func (d *desk) Enrolment(_ context.Context, id EnrolmentID) (*Enrolment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.all[id]; ok {
		return &e, nil
	}
	return nil, ErrNotFound
}

// pick returns the enrolments that match, the newest first.
func (d *desk) pick(limit int, match func(Enrolment) bool) (out []*Enrolment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(d.all))) {
		if e := d.all[id]; match(e) && len(out) < limit {
			out = append(out, &e)
		}
	}
	return out
}

func (d *desk) EnrolmentsOf(_ context.Context, n MSISDN, s EnrolmentState, limit int) ([]*Enrolment, error) {
	return d.pick(limit, func(e Enrolment) bool { return e.State == s && (e.Number == n || e.NewNumber == n) }), nil
}
func (d *desk) EnrolmentsBy(_ context.Context, c Channel, sender string, limit int) ([]*Enrolment, error) {
	return d.pick(limit, func(e Enrolment) bool { return e.Channel == c && e.Sender == sender }), nil
}
func (d *desk) EnrolmentsOfPayee(_ context.Context, id PayeeID, limit int) ([]*Enrolment, error) {
	return d.pick(limit, func(e Enrolment) bool { return e.Payee.ID == id }), nil
}
func (d *desk) DueEnrolments(_ context.Context, now time.Time, limit int) (due []DueEnrolment, err error) {
	out := d.pick(1000, func(e Enrolment) bool { return !e.State.Ended() && !e.Due.After(now) })
	slices.SortFunc(out, func(a, b *Enrolment) int { return a.Due.Compare(b.Due) })
	for _, e := range out[:min(limit, len(out))] {
		due = append(due, DueEnrolment{e.ID, e.Version})
	}
	return due, nil
}

func (d *desk) PutOff(_ context.Context, due DueEnrolment, at time.Time) error {
	unlock, err := d.lock("put off", 0)
	if err != nil {
		return err
	}
	defer unlock()
	e := d.all[due.ID]
	if e.Version != due.Version || e.State.Ended() {
		return ErrNotFound
	}
	e.Due = at
	d.all[due.ID] = e
	return nil
}

func (d *desk) NoteMessage(_ context.Context, h Heard) error {
	unlock, err := d.lock("note", 0)
	if err != nil {
		return err
	}
	defer unlock()
	key := heardKey(h.Channel, h.MessageID)
	if _, ok := d.heard[key]; ok {
		return ErrDuplicate
	}
	d.heard[key] = h
	return nil
}

func (d *desk) Message(_ context.Context, c Channel, id string) (Heard, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h, ok := d.heard[heardKey(c, id)]; ok {
		return h, nil
	}
	return Heard{}, ErrNotFound
}

func (d *desk) Take(_ context.Context, u Use) (bool, error) {
	unlock, err := d.lock("take", 0)
	if err != nil {
		return false, err
	}
	defer unlock()
	key := u.Scope + "|" + u.Subject
	c := d.uses[key]
	if c == nil || !u.At.Before(c.began.Add(c.window)) {
		c = &used{began: u.At, window: u.Window}
	} else if c.count >= u.Most || u.At.Before(c.last.Add(u.Gap)) {
		return false, nil
	}
	c.count, c.last = c.count+1, u.At
	d.uses[key] = c
	return true, nil
}

func (d *desk) Forgive(_ context.Context, scope, subject string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.uses, scope+"|"+subject)
	return nil
}

func (d *desk) PayeeByNumber(_ context.Context, n MSISDN) (*Payee, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.people {
		if p.Number == n && n != (MSISDN{}) {
			return &p, nil
		}
	}
	return nil, ErrNotFound
}

func (d *desk) Payee(_ context.Context, id PayeeID) (*Payee, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.people[id]; ok {
		return &p, nil
	}
	return nil, ErrNotFound
}

func (d *desk) PayeeByRef(ctx context.Context, ref PayeeRef) (*Payee, error) {
	p, err := d.Payee(ctx, ref.ID)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p.Ref, p.Card = ref, d.cards[ref]
	return p, nil
}

func (d *desk) ChangePayee(_ context.Context, f Effect) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.effect(f)
	return err
}

func (d *desk) Contact(_ context.Context, id PayeeID) (Contact, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.contact[id], nil
}

func (d *desk) PaymentsTo(_ context.Context, id PayeeID, from, to Date, limit int) (out []*Transaction, err error) {
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(d.rows)) {
		t := d.rows[key]
		if t.Payee.ID == id && t.Key.Date >= from && t.Key.Date <= to && slices.Contains(approvedOrBeyond, t.State) && len(out) < limit {
			out = append(out, &t)
		}
	}
	return out, nil
}

func (d *desk) NoticesAbout(_ context.Context, subject int64) ([]Notice, error) {
	return d.notes(1000, func(n Notice) bool { return n.Subject() == subject }), nil
}

func (d *desk) Silent(_ context.Context, before time.Time, after PayeeID, limit int) (out []SilentPayee, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(d.people)) {
		p := d.people[id]
		if id > after && p.Status == PayeeActive && p.Alive.Before(before) && len(out) < limit {
			out = append(out, SilentPayee{id, p.Alive})
		}
	}
	return out, nil
}

func (d *desk) Remind(_ context.Context, n Notice) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addNotice(n)
	return nil
}

func (d *desk) Purge(context.Context, time.Time, EnrolmentLimits) (Purged, error) {
	return Purged{}, nil
}

// notes returns the notices that match, the oldest first.
func (d *desk) notes(limit int, match func(Notice) bool) (out []Notice) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.outbox {
		if match(n) && len(out) < limit {
			out = append(out, n)
		}
	}
	return out
}

func (d *desk) UnroutedNotices(_ context.Context, now time.Time, limit int) ([]Notice, error) {
	return d.notes(limit, func(n Notice) bool { return n.State == NoticeQueued && n.Device == "" && !n.Due.After(now) }), nil
}

func (d *desk) DueNotices(_ context.Context, k DeviceKind, now time.Time, limit int) ([]Notice, error) {
	queued := d.notes(1000, func(n Notice) bool { return n.State == NoticeQueued && n.Device == k })
	ahead := map[string]bool{}
	var out []Notice
	for _, n := range queued {
		lane := fmt.Sprint(n.Address.s, n.Kind == NoticeCode, n.Fixed && n.Device == DevicePC)
		if !ahead[lane] && !n.Due.After(now) && len(out) < limit {
			out = append(out, n)
		}
		ahead[lane] = true
	}
	return out, nil
}

func (d *desk) NoticesBeside(_ context.Context, n Notice, now time.Time, limit int) ([]Notice, error) {
	return d.notes(limit, func(x Notice) bool {
		return x.State == NoticeQueued && x.Device == n.Device && x.Address == n.Address && x.Kind != NoticeCode && !x.Due.After(now)
	}), nil
}

func (d *desk) NoticesIn(_ context.Context, s NoticeState, limit int) ([]Notice, error) {
	return d.notes(limit, func(n Notice) bool { return n.State == s }), nil
}

func (d *desk) MoveNotice(_ context.Context, old, next *Notice) error {
	if !MayMoveNotice(old.State, next.State) {
		panic(fmt.Sprintf("no move from %s to %s", old.State, next.State))
	}
	unlock, err := d.lock("notice", 0)
	if err != nil {
		return err
	}
	defer unlock()
	i := slices.IndexFunc(d.outbox, func(n Notice) bool { return n.ID() == old.ID() })
	if i < 0 || d.outbox[i].Revision != old.Revision || d.outbox[i].State != old.State {
		return ErrStale
	}
	if s, ok := old.StepTo(*next, time.Now()); ok {
		d.told[old.ID()] = append(d.told[old.ID()], s)
	}
	next.Revision = old.Revision + 1
	d.outbox[i] = *next
	return nil
}

func (d *desk) NoticeSteps(_ context.Context, n Notice) ([]NoticeStep, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.told[n.ID()]), nil
}

func (d *desk) NoticeByReceipt(_ context.Context, k DeviceKind, ref string) (Notice, error) {
	found := d.notes(1000, func(n Notice) bool { return n.Device == k && n.Receipt == ref && ref != "" })
	if len(found) == 0 {
		return Notice{}, ErrNotFound
	}
	return slices.MaxFunc(found, func(a, b Notice) int {
		if a, b := a.State == NoticeHanded, b.State == NoticeHanded; a != b {
			return map[bool]int{false: -1, true: 1}[a]
		}
		return a.Sent.Compare(b.Sent)
	}), nil
}

func (d *desk) NoticeOf(_ context.Context, n Notice) (Notice, error) {
	found := d.notes(1, func(x Notice) bool { return x.ID() == n.ID() })
	if len(found) == 0 {
		return Notice{}, ErrNotFound
	}
	return found[0], nil
}

// events lists what happened to an enrolment, for a test to compare.
func (d *desk) events(id EnrolmentID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, s := range d.history[id] {
		out = append(out, string(s.Event)+">"+s.To.String())
	}
	return strings.Join(out, " ")
}

// last returns the newest enrolment.
func (d *desk) last() Enrolment {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all[slices.MaxFunc(slices.Collect(maps.Keys(d.all)), func(a, b EnrolmentID) int { return cmp.Compare(a, b) })]
}
