package store

import (
	"bytes"
	"slices"

	acquirer "example.com/ringback/switch"
)

// Where cells of noticeColumns stand.
const (
	noticeKind    = 1
	noticeCopy    = 2
	noticeCreated = 3
	noticeState   = 4
	noticeMAC     = 18
)

// judgeOutbox compares the notices with what the steps made. What became of each since is its own row's word, under a keyed
// hash; and the notice of a debit that is undone is none that could still be sent.
func (a *auditor) judgeOutbox(d *dossier, made effects) {
	payerTold := false
	for _, n := range made.notices {
		payerTold = payerTold || n.Kind == acquirer.NoticeDebited
		i := slices.IndexFunc(d.notices, func(cells []any) bool {
			return number(cells[noticeKind]) == int64(n.Kind) && number(cells[noticeCopy]) == int64(n.Copy)
		})
		if i < 0 {
			a.broken(d.id, 0, "notice %d is missing", n.Kind)
			continue
		}
		a.judgeNotice(d, n, d.notices[i])
	}
	for _, cells := range d.notices {
		kind, copied := acquirer.NoticeKind(number(cells[noticeKind])), number(cells[noticeCopy])
		if !slices.ContainsFunc(made.notices, func(n acquirer.Notice) bool { return n.Kind == kind && int64(n.Copy) == copied }) {
			a.broken(d.id, 0, "notice %d was put in", kind)
		}
	}
	switch d.state() {
	case acquirer.Approved, acquirer.Settled, acquirer.Paying, acquirer.Paid:
		if !payerTold {
			a.broken(d.id, 0, "%s without a notice to the payer", d.state())
		}
	}
}

// judgeNotice proves one notice, which a step made as n.
func (a *auditor) judgeNotice(d *dossier, n acquirer.Notice, cells []any) {
	undone := n.Kind == acquirer.NoticeDebited && (d.state() == acquirer.Reversing || d.state() == acquirer.Reversed)
	state := acquirer.NoticeState(number(cells[noticeState]))
	holds := a.noticeHolds(cells)
	if undone && state == acquirer.NoticeWithdrawn && !holds {
		// The move that undid the debit withdrew it, and left all else as it was.
		before := slices.Clone(cells)
		before[noticeState] = int64(acquirer.NoticeQueued)
		holds = a.noticeHolds(before)
	}
	if number(cells[noticeCreated]) != micros(n.Created) || !holds {
		a.broken(d.id, 0, "notice %d is not as it was written", n.Kind)
	}
	if undone && state == acquirer.NoticeQueued {
		a.broken(d.id, 0, "%s, and notice %d is %s", d.state(), n.Kind, state)
	}
}

// noticeHolds reports whether a notice is as it was put into the outbox, or as whoever worked on it left it.
func (a *auditor) noticeHolds(cells []any) bool {
	mac := blob(cells[noticeMAC])
	if mac == nil {
		return cells[noticeMAC] == nil && pristine(cells[:noticeMAC])
	}
	want := a.db.sums.noticeSum(cells[:noticeMAC])
	return bytes.Equal(want[:], mac)
}
