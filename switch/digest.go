package acquirer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Digester is a device that hands on what waits for one address together, at times of its own: a letter a day instead of a
// letter a payment. Until then the notices wait in the outbox. Of such a device the worker calls Ready and SendAll, never
// Send, for one address at a time and up to [SendsAtOnce] addresses at once.
type Digester interface {
	Device
	// Takes reports whether the device is for notices of a kind at all; others go by the receiver's next device. The answer
	// for a kind never changes.
	Takes(k NoticeKind) bool
	// Next returns the first moment, not before t, at which the device hands on. Next(Next(t)) is Next(t).
	Next(t time.Time) time.Time
	// Ready returns nil when SendAll could hand on now, else an error of kind [ErrDeviceDown], which costs no try.
	Ready(ctx context.Context) error
	// SendAll is Send for 1 to [DigestSize] messages of one address to one payee, in the order of their making: all are
	// handed on, or none is. What it returns holds for each of them. When the process dies behind it the same messages may come again,
	// alone or with others, so that their IDs must be seen by the receiver.
	SendAll(ctx context.Context, all []Message) (Handed, error)
}

// digester returns the device when it is one that hands on together, else nil.
func (p *post) digester() Digester {
	d, _ := p.device.(Digester)
	return d
}

// takes reports whether a notice of a kind may go by the device.
func (p *post) takes(k NoticeKind) bool {
	d := p.digester()
	return d == nil || d.Takes(k)
}

// start returns when a notice that was given to the device at now is to be sent first.
func (p *post) start(now time.Time) time.Time {
	if d := p.digester(); d != nil {
		return behind(d, now)
	}
	return now
}

// behind is when a digest takes what comes at a moment: one that goes at this very moment does not.
func behind(d Digester, now time.Time) time.Time { return d.Next(now.Add(time.Microsecond)) }

// flight names what a Send of a notice keeps others from: itself, or all of its address.
func (p *post) flight(n Notice) string {
	if p.digester() != nil {
		return n.Address.Reveal()
	}
	return n.ID()
}

// ripe returns when a digest may take a notice. One that came with its device was given no time by the router.
func ripe(d Digester, n Notice) time.Time {
	if n.Tries > n.Start {
		return n.Due // its pause after a try
	}
	if n.Due.Before(n.Created) {
		return behind(d, n.Created)
	}
	return d.Next(n.Due)
}

// draft is a notice whose try is counted, and what it says.
type draft struct {
	notice Notice
	letter letter
}

// sendDigest sends what waits for the address of first, and makes the outcome durable.
func (n *Notifier) sendDigest(ctx context.Context, p *post, d Digester, first Notice) (down bool, err error) {
	batch, err := n.gather(ctx, d, first)
	if err != nil || len(batch) == 0 {
		return false, endOf(ctx, err)
	}
	if down, err := n.waitsForDevice(ctx, d, batch[0]); down || err != nil {
		return down, endOf(ctx, err)
	}
	var drafts []draft
	for _, notice := range batch {
		next, l, ok, err := n.take(ctx, p, notice)
		if err != nil {
			return false, endOf(ctx, err)
		}
		if ok {
			drafts = append(drafts, draft{next, l})
		}
	}
	for _, one := range byPayee(drafts) {
		failed, failure := n.handAll(ctx, d, one)
		down, err = down || failed, errors.Join(err, failure)
	}
	return down, err
}

// byPayee parts what goes to one address by who is written to: two who live together read each other's nothing.
func byPayee(drafts []draft) (all [][]draft) {
	place := map[PayeeID]int{}
	for _, d := range drafts {
		i, ok := place[d.letter.payee]
		if !ok {
			i = len(all)
			place[d.letter.payee], all = i, append(all, nil)
		}
		all[i] = append(all[i], d)
	}
	return all
}

// gather returns what a digest takes along with first: all of its address that is ripe, first among it. A first that is not
// ripe is put off until it is: then there is nothing.
func (n *Notifier) gather(ctx context.Context, d Digester, first Notice) ([]Notice, error) {
	now := time.Now()
	if at := ripe(d, first); at.After(now) {
		next := first
		next.Due = at
		return nil, fresh(n.Outbox.MoveNotice(ctx, &first, &next))
	}
	all, err := n.Outbox.NoticesBeside(ctx, first, now, DigestSize)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	batch := all[:0]
	for _, notice := range all {
		if !ripe(d, notice).After(now) {
			batch = append(batch, notice)
		}
	}
	return batch, nil
}

// waitsForDevice asks a device before anything is counted, and notes for the operator why it cannot.
func (n *Notifier) waitsForDevice(ctx context.Context, d Digester, first Notice) (bool, error) {
	wait, cancel := context.WithTimeout(ctx, SendTimeout)
	defer cancel()
	failed := d.Ready(wait)
	if failed == nil {
		return false, nil
	}
	next := first
	if next.Detail = clip(failed.Error(), maxDetail); next.Detail == first.Detail || ctx.Err() != nil {
		return true, nil
	}
	return true, fresh(n.Outbox.MoveNotice(ctx, &first, &next))
}

// handAll gives drafts to their device as one. That a try was counted for each and is durable is what a crash leaves: the
// next process sends them again.
func (n *Notifier) handAll(ctx context.Context, d Digester, drafts []draft) (down bool, err error) {
	messages := make([]Message, len(drafts))
	for i, s := range drafts {
		messages[i] = s.letter.message(s.notice)
	}
	wait, cancel := context.WithTimeout(ctx, SendTimeout)
	defer cancel()
	handed, failed := d.SendAll(wait, messages)
	if failed != nil && ctx.Err() != nil {
		return false, nil
	}
	for _, s := range drafts {
		err = errors.Join(err, n.settle(ctx, s.notice, handed, failed))
	}
	return errors.Is(failed, ErrDeviceDown), err
}
