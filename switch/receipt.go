package acquirer

import (
	"context"
	"errors"
	"time"
)

// Receipt implements [Receipts]. One that names a digest is about each of its notices.
func (n *Notifier) Receipt(ctx context.Context, r Receipt) error {
	p := n.posts[r.Device]
	sending := p != nil && p.sending.Load() > 0
	digest := r.Notice == "" && p != nil && p.digester() != nil
	if digest && sending {
		return ErrNotFound // perhaps of a digest of which some notices are not durable yet
	}
	for {
		notice, err := n.noticeOf(ctx, r)
		switch {
		case errors.Is(err, ErrNotFound) && sending:
			return ErrNotFound // perhaps of a Send that has not returned
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return err
		case notice.State == NoticeQueued && notice.Device == r.Device && sending:
			return ErrNotFound
		case notice.State != NoticeHanded || notice.Device != r.Device:
			return nil
		}
		next := notice
		next.State, next.Detail = NoticeDelivered, clip(r.Detail, maxDetail)
		if !r.Delivered {
			next = n.passOn(notice, r.Detail, time.Now())
		}
		err = n.Outbox.MoveNotice(ctx, &notice, &next)
		if errors.Is(err, ErrStale) {
			continue
		}
		nudge(n.woken)
		if err != nil || !digest {
			return err
		}
	}
}

// noticeOf finds what a receipt is about.
func (n *Notifier) noticeOf(ctx context.Context, r Receipt) (Notice, error) {
	if r.Notice == "" {
		return n.Outbox.NoticeByReceipt(ctx, r.Device, r.Reference)
	}
	named, err := ParseNoticeID(r.Notice, time.Now())
	if err != nil {
		return Notice{}, ErrNotFound
	}
	return n.Outbox.NoticeOf(ctx, named)
}
