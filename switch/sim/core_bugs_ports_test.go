package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
)

// noTombstones forgets the undo of a debit never seen.
type noTombstones struct{ *Memory }

func (j *noTombstones) Open(ctx context.Context, t *acquirer.Transaction, c acquirer.Change) error {
	if t.State == acquirer.Tombstone {
		return nil
	}
	return j.Memory.Open(ctx, t, c)
}

// forgetsUndo forgets an undo that meets a row in a state.
type forgetsUndo struct {
	*Memory
	in acquirer.State
}

func (j *forgetsUndo) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if c.Event == acquirer.EventUndo && old.State == j.in {
		return nil
	}
	return j.Memory.Move(ctx, old, next, c)
}

// lateWins lets an approval that came late cancel the reversal.
type lateWins struct{ *Memory }

func (j *lateWins) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if c.Event != acquirer.EventLateAnswer || next.State != acquirer.Reversing || next.HostCode != acquirer.CodeApproved {
		return j.Memory.Move(ctx, old, next, c)
	}
	j.mu.Lock()
	for id, r := range j.queue {
		if r.Transaction == old.ID {
			delete(j.queue, id)
		}
	}
	j.mu.Unlock()
	next.State, next.Code = acquirer.Approved, acquirer.CodeApproved
	c.Notices = []acquirer.Notice{{Transaction: old.ID, Kind: acquirer.NoticeDebited, Created: c.At}}
	return j.moveAnyway(old, next, c)
}

// neverQueued drops the reversal that a move makes owed.
type neverQueued struct{ *Memory }

func (j *neverQueued) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	c.Reversal = nil
	return j.Memory.Move(ctx, old, next, c)
}

// givesUp drops reversals that were tried three times.
type givesUp struct{ *Memory }

func (j *givesUp) Reschedule(ctx context.Context, r acquirer.Reversal) error {
	if r.Tries < 3 {
		return j.Memory.Reschedule(ctx, r)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.queue, r.ID)
	return nil
}

// neverFinished keeps answered reversals in the queue.
type neverFinished struct{ *Memory }

func (j *neverFinished) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	c.Finished = 0
	return j.Memory.Move(ctx, old, next, c)
}

// hasty owes the reversal of a debit as soon as an undo meets it at the host.
type hasty struct{ *Memory }

func (j *hasty) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if c.Event == acquirer.EventUndo && old.State == acquirer.Sent {
		id, err := j.NewID(c.At)
		if err != nil {
			return err
		}
		next.State = acquirer.Reversing
		c.Reversal = &acquirer.Reversal{ID: id, Transaction: old.ID, Reason: acquirer.CodeNoAnswer, Due: c.At,
			Host: acquirer.HostKey{Time: acquirer.HostTime(c.At), STAN: id.STAN()}}
	}
	return j.Memory.Move(ctx, old, next, c)
}

// beforeDeadline owes every reversal at once.
type beforeDeadline struct{ *Memory }

func (j *beforeDeadline) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if c.Reversal != nil {
		c.Reversal.Due = c.At
	}
	return j.Memory.Move(ctx, old, next, c)
}

// noNotices drops the outbox.
type noNotices struct{ *Memory }

func (j *noNotices) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	c.Notices = nil
	return j.Memory.Move(ctx, old, next, c)
}

// neverWithdraws leaves the notice of an undone debit to be sent.
type neverWithdraws struct{ *Memory }

func (j *neverWithdraws) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	c.Withdraw = 0
	return j.Memory.Move(ctx, old, next, c)
}

// neverTold says that nobody has heard of a debit.
type neverTold struct{ *Memory }

func (j *neverTold) Told(context.Context, acquirer.ID, acquirer.NoticeKind) (bool, error) {
	return false, nil
}

// toldWhenSent does not count what a device was given.
type toldWhenSent struct{ *Memory }

func (j *toldWhenSent) Told(_ context.Context, id acquirer.ID, kind acquirer.NoticeKind) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc(j.rows[id].notices, func(n acquirer.Notice) bool { return n.Kind == kind && !n.Sent.IsZero() }), nil
}

// noticeApart writes the notice a while after the move, if the process still lives.
type noticeApart struct {
	*Memory
	l *coreLife
}

func (j *noticeApart) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	notices := c.Notices
	c.Notices = nil
	err := j.Memory.Move(ctx, old, next, c)
	if err == nil && len(notices) > 0 {
		go func() {
			if j.l.wait(time.Second) {
				j.mu.Lock()
				defer j.mu.Unlock()
				r := j.rows[old.ID]
				r.notices = append(r.notices, notices...)
			}
		}()
	}
	return err
}

// tooManyNotices tells the payer of a debit that is being undone.
type tooManyNotices struct{ *Memory }

func (j *tooManyNotices) Move(ctx context.Context, old, next *acquirer.Transaction, c acquirer.Change) error {
	if old.State == acquirer.Sent && next.State == acquirer.Reversing {
		c.Notices = []acquirer.Notice{{Transaction: old.ID, Kind: acquirer.NoticeDebited, Created: c.At}}
	}
	return j.Memory.Move(ctx, old, next, c)
}

// line plants a network in front of the link.
func line(wrap func(acquirer.Network) acquirer.Network) func(*coreLife, *acquirer.Config) {
	return func(_ *coreLife, c *acquirer.Config) { c.Network = wrap(c.Network) }
}

// timeoutDeclines takes an unknown outcome for a decline.
type timeoutDeclines struct{ acquirer.Network }

func (n *timeoutDeclines) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	a, err := n.Network.Authorize(ctx, r)
	if errors.Is(err, acquirer.ErrUnknown) {
		return acquirer.Authorization{Code: "05"}, nil
	}
	return a, err
}

// unknownNotSent takes an unknown outcome for a debit that never left.
type unknownNotSent struct{ acquirer.Network }

func (n *unknownNotSent) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	a, err := n.Network.Authorize(ctx, r)
	if errors.Is(err, acquirer.ErrUnknown) {
		return a, acquirer.ErrNotSent
	}
	return a, err
}

// oddDeclines takes 96, 98, 68 and A0 for declines.
type oddDeclines struct{ acquirer.Network }

func (n *oddDeclines) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	a, err := n.Network.Authorize(ctx, r)
	if a.Code.Unknown() {
		a.Code = "05"
	}
	return a, err
}

// anyCodeReverses takes any answer to a 0420 for the end of it.
type anyCodeReverses struct{ acquirer.Network }

func (n *anyCodeReverses) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	_, err := n.Network.Reverse(ctx, r, t)
	return acquirer.CodeApproved, err
}

// silenceReverses takes no answer to a 0420 for the end of it.
type silenceReverses struct{ acquirer.Network }

func (n *silenceReverses) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	code, err := n.Network.Reverse(ctx, r, t)
	if errors.Is(err, acquirer.ErrUnknown) {
		return acquirer.CodeApproved, nil
	}
	return code, err
}

// directory plants a directory.
func directory(wrap func(*Memory) acquirer.Directory) func(*coreLife, *acquirer.Config) {
	return func(l *coreLife, c *acquirer.Config) { c.Directory = wrap(l.w.mem) }
}

// byNumberAgain returns the number's owner of now for the payee that was confirmed.
type byNumberAgain struct{ *Memory }

func (d *byNumberAgain) PayeeByRef(ctx context.Context, ref acquirer.PayeeRef) (*acquirer.Payee, error) {
	p, err := d.Memory.PayeeByRef(ctx, ref)
	if err != nil {
		return nil, err
	}
	return d.PayeeByNumber(ctx, p.Number)
}

// newestCard returns the newest card of the payee that was confirmed.
type newestCard struct{ *Memory }

func (d *newestCard) PayeeByRef(ctx context.Context, ref acquirer.PayeeRef) (*acquirer.Payee, error) {
	p, err := d.Memory.PayeeByRef(ctx, ref)
	for err == nil {
		ref.CardVersion++
		newer, none := d.Memory.PayeeByRef(ctx, ref)
		if none != nil {
			break
		}
		p = newer
	}
	return p, err
}

// unboundTokens makes tokens that are good for any terminal, number and amount.
type unboundTokens struct{ coreHSM }

func (h unboundTokens) SealConfirmation(at time.Time, nonce, plain, _ []byte) ([]byte, error) {
	return h.coreHSM.SealConfirmation(at, nonce, plain, nil)
}

func (h unboundTokens) OpenConfirmation(now time.Time, nonce, sealed, _ []byte) ([]byte, error) {
	return h.coreHSM.OpenConfirmation(now, nonce, sealed, nil)
}
