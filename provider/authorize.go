package provider

import (
	"context"
	"errors"
	"fmt"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// Authorize implements [acquirer.Network] with a 0200. It may return up to Limits.Write after ctx ended.
func (n *Network) Authorize(ctx context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	m, err := n.encodeDebit(r)
	if err != nil {
		return acquirer.Authorization{}, notSent(err)
	}
	w, sent, err := n.launch(ctx, m, 0)
	if err != nil {
		return acquirer.Authorization{}, err
	}
	n.routes.remember(r.Transaction.Host, sent)
	answer, err := n.await(ctx, w)
	if err != nil {
		return acquirer.Authorization{}, err
	}
	if err := n.believe(m, answer, true); err != nil {
		return acquirer.Authorization{}, err
	}
	return decodeAuthorization(answer), nil
}

// Reverse implements [acquirer.Network] with a 0420. It may return up to Limits.Write after ctx ended.
func (n *Network) Reverse(ctx context.Context, r acquirer.Reversal, t *acquirer.Transaction) (acquirer.ResponseCode, error) {
	m := n.encodeReversal(r, t)
	w, _, err := n.launch(ctx, m, n.routes.find(t.Host))
	if err != nil {
		return "", err
	}
	answer, err := n.await(ctx, w)
	if err != nil {
		return "", err
	}
	if err := n.believe(m, answer, false); err != nil {
		return "", err
	}
	return acquirer.ResponseCode(answer.Get(39)), nil
}

// launch signs a request, registers it and writes it to a link. Any error it returns is of kind ErrNotSent or
// ErrUnknown.
func (n *Network) launch(ctx context.Context, m *cups.Message, prefer linkID) (*waiter, linkID, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, notSent(err)
	}
	if err := n.keys.sign(m); err != nil {
		return nil, 0, notSent(err)
	}
	wire, err := encodeWire(m)
	if err != nil {
		return nil, 0, notSent(err)
	}
	w, err := n.pending.register(keyOf(m))
	if err != nil {
		return nil, 0, notSent(err)
	}
	sent, err := n.transmit(ctx, wire, prefer)
	if err != nil {
		n.pending.forget(w)
		return nil, 0, err
	}
	n.counts.sent.Add(1)
	return w, sent, nil
}

// transmit writes to the first link that takes the frame. Another link is tried only while no byte has left and ctx
// has not ended.
func (n *Network) transmit(ctx context.Context, wire []byte, prefer linkID) (linkID, error) {
	cause := errNoLink
	for _, l := range n.candidates(prefer) {
		err := l.write(wire)
		switch {
		case err == nil:
			return l.id, nil
		case !errors.Is(err, acquirer.ErrNotSent):
			return 0, unknown(err)
		}
		if cause = err; ctx.Err() != nil {
			break
		}
	}
	return 0, notSent(cause)
}

// await waits for the reply to a request that has left. A cut link is no reason to stop: the answer may come on
// another. A reply that is there when ctx ends counts.
func (n *Network) await(ctx context.Context, w *waiter) (*cups.Message, error) {
	var r reply
	var cause error
	select {
	case r = <-w.reply:
	case <-ctx.Done():
		cause = ctx.Err()
	case <-n.ended:
		cause = errClosing
	}
	if cause != nil {
		if n.pending.forget(w) {
			n.counts.unanswered.Add(1)
			return nil, unknown(cause)
		}
		r = <-w.reply
	}
	n.counts.answered.Add(1)
	if r.message == nil {
		return nil, disbelieved(fmt.Errorf("rejected by the centre with %s", r.reject))
	}
	return r.message, nil
}

// believe checks an answer: F128, F39, and that F4, F37 and F41 are the request's. Fields that an answer does not carry
// are wrong when strict is set; a 0430 may leave them out. An error is of kind ErrDisbelieved.
func (n *Network) believe(request, answer *cups.Message, strict bool) error {
	if err := n.keys.verify(answer); err != nil {
		n.counts.badMAC.Add(1)
		n.zone.noteDoubt()
		return disbelieved(err)
	}
	if !answer.Has(39) {
		return disbelieved(errors.New("answer without F39"))
	}
	if acquirer.ResponseCode(answer.Get(39)) == acquirer.CodeMAC {
		n.zone.noteDoubt()
	}
	for _, id := range []int{4, 37, 41} {
		if (strict || answer.Has(id)) && answer.Get(id) != request.Get(id) {
			n.counts.mismatched.Add(1)
			return disbelieved(fmt.Errorf("answer with another F%d", id))
		}
	}
	return nil
}

// notSent marks an error as one before which no byte left.
func notSent(err error) error {
	if errors.Is(err, acquirer.ErrNotSent) {
		return err
	}
	return fmt.Errorf("%w: %w", acquirer.ErrNotSent, err)
}

// unknown marks an error as one that leaves open what the host did.
func unknown(err error) error { return fmt.Errorf("%w: %w", acquirer.ErrUnknown, err) }

// disbelieved marks an error as unknown, though an answer came.
func disbelieved(err error) error { return fmt.Errorf("%w: %w", acquirer.ErrDisbelieved, err) }
