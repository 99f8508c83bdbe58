package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	acquirer "example.com/ringback/switch"
)

// sealedNotice is a row of outbox as it is read, its address not opened yet.
type sealedNotice struct {
	acquirer.Notice
	key    acquirer.Date
	sealed []byte
}

func (s *sealedNotice) scan(row scanner) error {
	var subject, created, due, sent int64
	var kind, copied int
	var lane, mac []byte
	n := &s.Notice
	err := row.Scan(&subject, &kind, &copied, &created, &n.State, &n.Fixed, &n.Turn, &n.Device, &lane, &n.Tries, &n.Start, &due, &sent, &n.Receipt,
		&n.Detail, &n.Revision, &s.key, &s.sealed, &mac)
	about := acquirer.About(subject)
	n.Transaction, n.Enrolment, n.Payee = about.Transaction, about.Enrolment, about.Payee
	n.Kind, n.Copy, n.Created, n.Due, n.Sent = acquirer.NoticeKind(kind), copied, timeOf(created), timeOf(due), timeOf(sent)
	return err
}

// noticeBound is what the sealed address of a notice is tied to.
func noticeBound(n acquirer.Notice) string { return fmt.Sprintf("outbox %d %d", n.Kind, n.Copy) }

// noticeCells are the cells of noticeColumns. A row that is as it was put into the outbox by a move is proved by that
// move; any other says under a keyed hash how it stands.
func (db *DB) noticeCells(ctx context.Context, n acquirer.Notice) ([]any, error) {
	var lane, sealed any
	var key acquirer.Date
	if address := n.Address.Reveal(); address != "" {
		key = acquirer.DateOf(time.Now())
		hash := db.laneOf(n, n.Kind == acquirer.NoticeCode)
		blob, err := db.keys.seal(ctx, key, noticeBound(n), n.Subject(), []byte(address))
		if err != nil {
			return nil, err
		}
		lane, sealed = hash[:], blob
	}
	cells := []any{n.Subject(), int64(n.Kind), int64(n.Copy), micros(n.Created), int64(n.State), flag(n.Fixed), int64(n.Turn),
		string(n.Device), lane, int64(n.Tries), int64(n.Start), micros(n.Due), micros(n.Sent), n.Receipt, n.Detail, n.Revision, int64(key), sealed}
	if pristine(cells) {
		return append(cells, nil), nil
	}
	mac := db.sums.noticeSum(cells)
	return append(cells, mac[:]), nil
}

// laneOf hashes device and address of a notice: what goes there goes in order, codes by themselves.
func (db *DB) laneOf(n acquirer.Notice, code bool) sum {
	lane := []string{string(n.Device), n.Address.Reveal(), fmt.Sprint(code)}
	if n.Fixed && n.Device == acquirer.DevicePC && !code {
		lane = append(lane, "fixed") // one that waits for a closed page must not hold up what has another way
	}
	return db.labelled("lane", lane...)
}

// newNoticeCells are those of a notice as a move of a transaction puts it into the outbox.
func newNoticeCells(n acquirer.Notice) []any {
	return []any{int64(n.Transaction), int64(n.Kind), int64(n.Copy), micros(n.Created), int64(0), int64(0), int64(0), "", nil, int64(0), int64(0),
		int64(0), int64(0), "", "", int64(0), int64(0), nil, nil}
}

// pristine reports whether the cells of a notice, but for its mac, are those with which it was put into the outbox.
func pristine(cells []any) bool {
	about := acquirer.Notice{Transaction: acquirer.ID(number(cells[0])), Kind: acquirer.NoticeKind(number(cells[1])), Created: timeOf(number(cells[3]))}
	made := newNoticeCells(about)
	return reflect.DeepEqual(cells[3:], made[3:len(made)-1])
}

// noticeCalls put notices into the outbox.
func (db *DB) noticeCalls(ctx context.Context, notices []acquirer.Notice) ([]call, error) {
	calls := make([]call, len(notices))
	for i, n := range notices {
		cells, err := db.noticeCells(ctx, n)
		if err != nil {
			return nil, err
		}
		calls[i] = call{writeNotice, cells}
	}
	return calls, nil
}

// Remind implements [acquirer.Registry].
func (db *DB) Remind(ctx context.Context, n acquirer.Notice) error {
	calls, err := db.noticeCalls(ctx, []acquirer.Notice{n})
	if err != nil {
		return err
	}
	err = db.insert(ctx, calls...)
	if errors.Is(err, acquirer.ErrDuplicate) {
		return nil
	}
	return err
}

// UnroutedNotices implements [acquirer.Outbox].
func (db *DB) UnroutedNotices(ctx context.Context, now time.Time, limit int) ([]acquirer.Notice, error) {
	return db.notices(ctx, readUnrouted, micros(now), int64(limit))
}

// DueNotices implements [acquirer.Outbox].
func (db *DB) DueNotices(ctx context.Context, device acquirer.DeviceKind, now time.Time, limit int) ([]acquirer.Notice, error) {
	return db.notices(ctx, readDueNotices, string(device), micros(now), int64(limit))
}

// NoticesBeside implements [acquirer.Outbox].
func (db *DB) NoticesBeside(ctx context.Context, n acquirer.Notice, now time.Time, limit int) ([]acquirer.Notice, error) {
	lane := db.laneOf(n, false)
	return db.notices(ctx, readNoticesBeside, lane[:], micros(now), int64(limit))
}

// NoticesIn implements [acquirer.Outbox].
func (db *DB) NoticesIn(ctx context.Context, s acquirer.NoticeState, limit int) ([]acquirer.Notice, error) {
	return db.notices(ctx, readNoticesIn, int64(s), int64(limit))
}

// NoticesAbout implements [acquirer.Registry].
func (db *DB) NoticesAbout(ctx context.Context, subject int64) ([]acquirer.Notice, error) {
	return db.notices(ctx, readNotices, subject)
}

// NoticeOf implements [acquirer.Outbox].
func (db *DB) NoticeOf(ctx context.Context, n acquirer.Notice) (acquirer.Notice, error) {
	return db.notice(ctx, readNotice, n.Subject(), int64(n.Kind), int64(n.Copy))
}

// NoticeByReceipt implements [acquirer.Outbox].
func (db *DB) NoticeByReceipt(ctx context.Context, device acquirer.DeviceKind, reference string) (acquirer.Notice, error) {
	return db.notice(ctx, readNoticeByReceipt, string(device), reference)
}

// MoveNotice implements [acquirer.Outbox].
func (db *DB) MoveNotice(ctx context.Context, old, next *acquirer.Notice) error {
	if !acquirer.MayMoveNotice(old.State, next.State) {
		panic(fmt.Sprintf("store: no move of a notice from %s to %s", old.State, next.State))
	}
	return db.replaceNotice(ctx, old, next, noticeStepCalls(old, next, old.Revision+1)...)
}

// replaceNotice writes next in old's place, if that is as it was read, and what goes with it.
func (db *DB) replaceNotice(ctx context.Context, old, next *acquirer.Notice, with ...call) error {
	moved := *next
	moved.Revision = old.Revision + 1
	cells, err := db.noticeCells(ctx, moved)
	if err != nil {
		return err
	}
	args := append(cells[3:], old.Subject(), int64(old.Kind), int64(old.Copy), old.Revision, int64(old.State))
	err = db.update(ctx, append([]call{{writeNoticeMove, args}}, with...)...)
	if errors.Is(err, acquirer.ErrNotFound) {
		return acquirer.ErrStale
	}
	if err == nil {
		*next = moved
	}
	return err
}

// notice reads one notice.
func (db *DB) notice(ctx context.Context, q query, args ...any) (acquirer.Notice, error) {
	all, err := db.notices(ctx, q, args...)
	if err == nil && len(all) == 0 {
		err = acquirer.ErrNotFound
	}
	if err != nil {
		return acquirer.Notice{}, err
	}
	return all[0], nil
}

// notices reads all rows before it opens any address.
func (db *DB) notices(ctx context.Context, q query, args ...any) ([]acquirer.Notice, error) {
	var all []*sealedNotice
	err := db.many(ctx, func(row scanner) error {
		s := &sealedNotice{}
		all = append(all, s)
		return s.scan(row)
	}, q, args...)
	if err != nil {
		return nil, err
	}
	out := make([]acquirer.Notice, len(all))
	for i, s := range all {
		if out[i], err = db.unsealNotice(ctx, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (db *DB) unsealNotice(ctx context.Context, s *sealedNotice) (acquirer.Notice, error) {
	if len(s.sealed) == 0 {
		return s.Notice, nil
	}
	address, err := db.keys.unseal(ctx, s.key, noticeBound(s.Notice), s.Subject(), s.sealed)
	if err != nil {
		return acquirer.Notice{}, err
	}
	s.Address, err = acquirer.NewAddress(s.Device, string(address))
	if err != nil {
		err = fmt.Errorf("notice %s: %w", s.ID(), errRecord)
	}
	return s.Notice, err
}
