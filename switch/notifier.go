package acquirer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// NotifierConfig is what a [Notifier] is made of. All fields but Payouts, NumberDevices, Language and Limits must be set.
type NotifierConfig struct {
	Outbox   Outbox
	Journal  Journal
	Registry Registry
	// Payouts tells to which card of a payee a payment was paid out, or could not be. Nil: to the one of its confirmation.
	Payouts interface {
		Payout(ctx context.Context, id ID) (*PayoutRecord, error)
	}
	Templates *Templates
	Codes     Key // that of the [Enrolments]
	// NumberDevices are the devices that reach a mobile number, in the order in which they are tried.
	NumberDevices []DeviceKind
	Language      Language // of notices to payers, of whom nothing else is known; empty: Chinese
	Limits        EnrolmentLimits
}

// Notifier sends what the outbox holds, by the devices that it was given, each with a worker of its own. It implements
// [Receipts]. A notice is sent at least once, under an ID that never changes; those of one address go in their order.
type Notifier struct {
	NotifierConfig
	posts  map[DeviceKind]*post
	woken  chan struct{} // of the router
	counts struct{ handed, failed, dead atomic.Uint64 }
}

// NotifierStats counts from the start of the process.
type NotifierStats struct {
	Handed uint64 // messages that a device's peer took over
	Failed uint64 // tries that failed, but for those of devices that are down
	Dead   uint64 // notices that every device failed for
}

// Stats returns what was sent.
func (n *Notifier) Stats() NotifierStats {
	return NotifierStats{n.counts.handed.Load(), n.counts.failed.Load(), n.counts.dead.Load()}
}

// post is one device with what its worker needs.
type post struct {
	device  Device
	woken   chan struct{}
	sending atomic.Int32 // Sends that have not returned or are not durable yet
}

var _ Receipts = (*Notifier)(nil)

// NewNotifier returns a notifier without devices that has started nothing: call [Notifier.Use] for each device, then
// [Notifier.Run] for the life of the process.
func NewNotifier(c NotifierConfig) *Notifier {
	c.Limits = c.Limits.WithDefaults()
	return &Notifier{NotifierConfig: c, posts: map[DeviceKind]*post{}, woken: make(chan struct{}, 1)}
}

// Use adds a device. It must not be called once Run has begun; there is one device of a kind.
func (n *Notifier) Use(d Device) {
	n.posts[d.Kind()] = &post{device: d, woken: make(chan struct{}, 1)}
}

// Devices returns the kinds of the devices that were added, in the order of their names.
func (n *Notifier) Devices() []DeviceKind { return slices.Sorted(maps.Keys(n.posts)) }

// Wake makes router and workers look at the outbox at once; else they do so every second.
func (n *Notifier) Wake() {
	nudge(n.woken)
	for _, p := range n.posts {
		nudge(p.woken)
	}
}

// nudge leaves a mark for who waits on a channel of one place.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends; then it waits for what is being handed over and returns nil. Without a device it only waits:
// what the outbox holds stays there. It returns an error of kind [ErrStore] as soon as one is met.
func (n *Notifier) Run(ctx context.Context) error {
	if len(n.posts) == 0 {
		<-ctx.Done()
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func(context.Context) error{n.runRouter}
	for _, p := range n.posts {
		parts = append(parts, func(ctx context.Context) error { return n.runPost(ctx, p) })
	}
	done := make(chan error, len(parts))
	for _, part := range parts {
		go func() { done <- part(ctx) }()
	}
	err := <-done
	cancel()
	for range len(parts) - 1 {
		err = errors.Join(err, <-done)
	}
	return err
}

// runRouter chooses the devices of notices that have none.
func (n *Notifier) runRouter(ctx context.Context) error {
	poll := time.NewTicker(outboxPoll)
	defer poll.Stop()
	for {
		if err := n.routeAll(ctx); err != nil {
			return endOf(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.woken:
		case <-poll.C:
		}
	}
}

func (n *Notifier) routeAll(ctx context.Context) error {
	for ctx.Err() == nil {
		page, err := n.Outbox.UnroutedNotices(ctx, time.Now(), pageSize)
		if err != nil {
			return fmt.Errorf("reading the outbox: %w", err)
		}
		for _, notice := range page {
			if err := n.route(ctx, notice); err != nil && !errors.Is(err, ErrStale) {
				return fmt.Errorf("notice %s: %w", notice.ID(), err)
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	for _, p := range n.posts {
		nudge(p.woken)
	}
	return nil
}

// route chooses the device of one notice: the receiver's next one that is configured.
func (n *Notifier) route(ctx context.Context, notice Notice) error {
	now := time.Now()
	l, err := n.compose(ctx, notice)
	if err != nil {
		return err
	}
	next := notice
	switch ways := n.ways(notice.Kind, l); {
	case l.obsolete != "":
		next.State, next.Detail = NoticeWithdrawn, l.obsolete
	case l.broken != "":
		next.State, next.Detail = NoticeDead, l.broken
		n.counts.dead.Add(1)
	case now.Sub(notice.Created) > NoticeLife:
		next.State, next.Detail = NoticeWithdrawn, "too old"
	case notice.Turn < len(ways):
		way := ways[notice.Turn]
		next.Device, next.Address, next.Due, next.Start = way.Kind, way.Address, n.posts[way.Kind].start(now), notice.Tries
	case notice.Turn == 0:
		next.Due, next.Detail = now.Add(noDevicePause), "no device"
	default:
		next.State = NoticeDead
		n.counts.dead.Add(1)
	}
	if next.Device != "" && notice.Turn == 0 && notice.Kind == NoticeDebited {
		free, err := n.Registry.Take(ctx, Use{Scope: "payer", Subject: l.number.Reveal(), At: now, Most: n.Limits.NoticesPerDay, Window: day})
		if err != nil {
			return err
		}
		if !free {
			next = notice
			next.State, next.Detail = NoticeWithdrawn, "too many notices to this number today"
		}
	}
	return n.Outbox.MoveNotice(ctx, &notice, &next)
}

// ways are the configured devices by which the receiver of a letter can be reached with a notice of a kind, in order.
func (n *Notifier) ways(k NoticeKind, l letter) []Route {
	var ways []Route
	for _, r := range l.routes {
		if p := n.posts[r.Kind]; p == nil || !p.takes(k) {
			continue
		}
		if r.Address == (Address{}) {
			r.Address = Address{r.Kind, l.number.Reveal()}
		}
		if !slices.Contains(ways, r) {
			ways = append(ways, r)
		}
	}
	return ways
}

// result is how one Send ended.
type result struct {
	flight string
	down   bool
	err    error // of the store
}

// runPost sends by one device.
func (n *Notifier) runPost(ctx context.Context, p *post) (err error) {
	poll := time.NewTicker(outboxPoll)
	defer poll.Stop()
	results := make(chan result)
	flying := map[string]bool{}
	var rest time.Time // until when the device, which is down, is left alone
	defer func() {
		for range flying {
			err = errors.Join(err, (<-results).err)
		}
	}()
	for {
		if time.Now().After(rest) {
			if err := n.sendDue(ctx, p, flying, results); err != nil {
				return endOf(ctx, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case r := <-results:
			delete(flying, r.flight)
			if r.err != nil {
				return r.err
			}
			if r.down {
				rest = time.Now().Add(devicePause)
			}
		case <-p.woken:
		case <-poll.C:
		}
	}
}

// sendDue starts sending what is due, as far as there is room.
func (n *Notifier) sendDue(ctx context.Context, p *post, flying map[string]bool, results chan result) error {
	page, err := n.Outbox.DueNotices(ctx, p.device.Kind(), time.Now(), 2*SendsAtOnce)
	if err != nil {
		return fmt.Errorf("reading the outbox: %w", err)
	}
	for _, notice := range page {
		if len(flying) >= SendsAtOnce {
			return nil
		}
		if flight := p.flight(notice); !flying[flight] {
			flying[flight] = true
			p.sending.Add(1)
			go func() {
				down, err := n.send(ctx, p, notice)
				p.sending.Add(-1)
				results <- result{flight, down, err}
			}()
		}
	}
	return nil
}

// send sends one notice, with a [Digester] what waits beside it too, and makes the outcome durable. A notice that was moved
// meanwhile is somebody else's.
func (n *Notifier) send(ctx context.Context, p *post, notice Notice) (down bool, err error) {
	if d := p.digester(); d != nil {
		return n.sendDigest(ctx, p, d, notice)
	}
	next, l, ok, err := n.take(ctx, p, notice)
	if err != nil || !ok {
		return false, endOf(ctx, err)
	}
	return n.hand(ctx, p, next, l)
}

// take writes a notice and counts its try, durably, before the device has it. ok is false for one that is not to be sent,
// of which it makes durable why, and for one that somebody else moved meanwhile.
func (n *Notifier) take(ctx context.Context, p *post, notice Notice) (next Notice, l letter, ok bool, err error) {
	l, err = n.compose(ctx, notice)
	if err != nil {
		return notice, l, false, fmt.Errorf("notice %s: %w", notice.ID(), err)
	}
	next = notice
	now := time.Now()
	if !l.expires.IsZero() && now.After(l.expires) {
		l.obsolete = "its time is over"
	}
	switch {
	case l.obsolete != "":
		next.State, next.Detail = NoticeWithdrawn, l.obsolete
	case l.broken != "":
		next.State, next.Detail = NoticeDead, l.broken
		n.counts.dead.Add(1)
	case !p.takes(notice.Kind):
		next = n.passOn(notice, "not for such a notice", now)
	default:
		next.Tries++
		ok = true
	}
	err = n.Outbox.MoveNotice(ctx, &notice, &next)
	return next, l, ok && err == nil, fresh(err)
}

// passOn is a notice behind a device that will never send it.
func (n *Notifier) passOn(notice Notice, why string, now time.Time) Notice {
	next := notice.pass(why, now)
	if next.State == NoticeDead {
		n.counts.dead.Add(1)
	}
	return next
}

// hand gives a notice, whose try is counted, to its device. Whoever undoes a debit from here on knows that the payer may
// have been told of it.
func (n *Notifier) hand(ctx context.Context, p *post, notice Notice, l letter) (down bool, err error) {
	wait, cancel := context.WithTimeout(ctx, sendTime(p.device))
	defer cancel()
	handed, failed := p.device.Send(wait, l.message(notice))
	if failed != nil && ctx.Err() != nil {
		return false, nil // it is sent again by the next process
	}
	return errors.Is(failed, ErrDeviceDown), n.settle(ctx, notice, handed, failed)
}

// settle makes durable what a device did with a notice.
func (n *Notifier) settle(ctx context.Context, notice Notice, handed Handed, failed error) error {
	next := after(notice, handed, failed, time.Now())
	switch {
	case failed == nil:
		n.counts.handed.Add(1)
	case !errors.Is(failed, ErrDeviceDown) && !awaited(notice, failed):
		n.counts.failed.Add(1)
	}
	if next.State == NoticeDead {
		n.counts.dead.Add(1)
	}
	err := fresh(n.Outbox.MoveNotice(context.WithoutCancel(ctx), &notice, &next))
	if next.Device == "" {
		nudge(n.woken)
	}
	return err
}

// fresh forgives that somebody else moved a notice meanwhile: what he wrote stands.
func fresh(err error) error {
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// after is the notice behind a Send.
func after(n Notice, h Handed, failed error, now time.Time) Notice {
	switch {
	case errors.Is(failed, ErrDeviceDown): // it was given to nobody
		n.Tries--
		n.Detail = clip(failed.Error(), maxDetail)
		return n
	case awaited(n, failed):
		n.Tries--
		n.Detail, n.Due = clip(failed.Error(), maxDetail), now.Add(awayPause)
		if now.Sub(n.Created) > NoticeLife {
			n.State, n.Detail = NoticeWithdrawn, clip("too old: "+failed.Error(), maxDetail)
		}
		return n
	case failed == nil:
		n.State, n.Sent, n.Receipt, n.Detail = NoticeHanded, now, h.Reference, ""
		if h.Delivered {
			n.State = NoticeDelivered
		}
		return n
	case errors.Is(failed, ErrUndeliverable) || n.Tries-n.Start >= DeviceTries:
		return n.pass(failed.Error(), now)
	}
	wait := pause(sendFirst, sendMax, n.Tries-n.Start)
	if later := (*RetryLater)(nil); errors.As(failed, &later) {
		wait = max(wait, later.After)
	}
	n.Detail, n.Due = clip(failed.Error(), maxDetail), now.Add(wait)
	return n
}

// awaited reports whether a notice waits for its receiver, for there is no other way to him.
func awaited(n Notice, failed error) bool { return n.Fixed && errors.Is(failed, ErrAway) }

// pass gives a notice on to the receiver's next device. One with an address of its own has no other.
func (n Notice) pass(detail string, now time.Time) Notice {
	n.Detail = clip(string(n.Device)+": "+detail, maxDetail)
	if n.Fixed {
		n.State = NoticeDead
		return n
	}
	n.State, n.Device, n.Address, n.Receipt = NoticeQueued, "", Address{}, ""
	n.Turn++
	n.Start, n.Due = n.Tries, now
	return n
}

// clip cuts a text to at most so many bytes, between characters.
func clip(s string, most int) string {
	for len(s) > most {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	return s
}

// Retry is an operator's word that a dead notice shall be tried again, from the receiver's first device on.
// [ErrNotWaiting]: it is not dead.
func (n *Notifier) Retry(ctx context.Context, id string) error {
	named, err := ParseNoticeID(id, time.Now())
	if err != nil {
		return fmt.Errorf("notice %q: %w", id, ErrNotFound)
	}
	notice, err := n.Outbox.NoticeOf(ctx, named)
	if err != nil {
		return err
	}
	if notice.State != NoticeDead {
		return fmt.Errorf("notice %s is %s: %w", id, notice.State, ErrNotWaiting)
	}
	next := notice
	next.State, next.Turn, next.Start, next.Due, next.Detail = NoticeQueued, 0, next.Tries, time.Now(), "tried again at an operator's word"
	if !next.Fixed {
		next.Device, next.Address = "", Address{}
	}
	defer n.Wake()
	return n.Outbox.MoveNotice(ctx, &notice, &next)
}
