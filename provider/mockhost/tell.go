package mockhost

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/ringback/spec/cups"
)

// notice is a 0820 of the host that a member has not answered yet.
type notice struct {
	institution string
	f7, f11     string
	bytes       []byte // as it goes out, the same at each repeat
	sent        time.Time
}

// poke makes the teller look at once for what is owed.
func (h *Host) poke() {
	select {
	case h.pokes <- struct{}{}:
	default: // it will
	}
}

// tell sends what is owed, and again after RepeatAfter, until the host ends.
func (h *Host) tell() {
	tick := time.NewTicker(RepeatAfter / 5)
	defer tick.Stop()
	last := ""
	for {
		if h.cfg.ClearingDir != "" {
			last = h.watchDate(last)
		}
		select {
		case <-h.stop:
			return
		case <-tick.C:
		case <-h.pokes:
		}
		now := time.Now()
		for _, n := range h.dueNotices(now) {
			h.sendTo(n.institution, n.bytes)
		}
		for _, id := range h.members() {
			h.tellPayouts(id, now)
		}
	}
}

// watchDate has detail files written when the date is not the last one any more; at the start too, for a crash may have
// come between a cut-off and its files.
func (h *Host) watchDate(last string) string {
	date := h.settlementDate()
	if date != last {
		h.goes(h.fileDue)
	}
	return date
}

// fileDue writes the detail files that are due because the calendar has moved on.
func (h *Host) fileDue() {
	h.filing <- struct{}{}
	defer h.release()
	ctx, cancel := context.WithTimeout(context.Background(), ResetTimeout)
	defer cancel()
	if _, err := h.fileClosed(ctx); err != nil {
		h.cfg.Log.Error().Err(err).Msg("detail file")
	}
}

// tellPayouts sends the 0220 that are due to a member which has a MAC key.
func (h *Host) tellPayouts(institution string, now time.Time) {
	key := h.keys.present(keySlot{institution, KeyMAC})
	if key == nil {
		return
	}
	for _, e := range h.ledger.due(institution, now) {
		h.sendTo(institution, packed(payoutAdvice(e, key), h.cfg.Log))
	}
}

// payoutAdvice is the 0220 about a payout. F39 is there only when the card could not be credited.
func payoutAdvice(e *entry, key zoneKey) *cups.Message {
	p := e.payout
	m := cups.New(cups.MTIAdvice)
	m.SetHeader(cups.NewHeader(e.institution, CentreID))
	stan, f7 := e.key[:6], e.key[6:16]
	for id, value := range map[int]string{
		3: cups.ProcPayout, 4: amountText(e.fen), 7: p.f7, 11: p.f11, 15: p.date[len("2006"):], 32: e.institution,
		33: e.institution, 37: e.reference, 41: e.terminal, 42: e.merchant, 49: country,
		90: cups.Original90(cups.MTIDebit, stan, f7, e.key[16:27], e.key[27:]), 100: e.institution, 103: p.payee,
	} {
		m.Set(id, value)
	}
	if p.code != codeApproved {
		m.Set(39, p.code)
	}
	m.SetBytes(128, mac(key, m, false))
	return m
}

// sendTo sends a message on the longest open link of a member, if there is one, once all that it tells of is durable.
func (h *Host) sendTo(institution string, bytes []byte) {
	if l := h.linkOf(institution, nil); l != nil {
		l.send(reply{batch: h.journal.latest(), bytes: bytes})
	}
}

// payoutTold takes a 0230. Only a right F128 and 00 end the repeats.
func (l *link) payoutTold(m *cups.Message) {
	institution := l.institution()
	if _, ok := l.host.keys.verify(institution, m); !ok || m.Get(39) != codeApproved {
		l.log.Warn().Str("code", m.Get(39)).Bool("mac", ok).Msg("payout is not taken")
		return
	}
	b, ok := l.host.ledger.told(institution, m.Get(7), m.Get(11), time.Now())
	l.log.Info().Str("stan", m.Get(11)).Bool("expected", ok).Msg("payout is told")
	if ok {
		l.send(reply{batch: b}) // nothing to say, but to be made durable
		l.host.poke()
	}
}

// announce owes every linked member a 0820 of the host with a settlement date in F15. Of one member the oldest goes when
// there are more than MaxNotices.
func (h *Host) announce(function, date string) {
	for _, id := range h.members() {
		m := h.ownMessage(cups.MTINetwork, id)
		m.Set(15, date[len("2006"):])
		m.Set(70, function)
		n := &notice{institution: id, f7: m.Get(7), f11: m.Get(11), bytes: packed(m, h.cfg.Log)}
		h.mu.Lock()
		h.notices = append(h.notices, n)
		if mine := h.noticesOf(id); len(mine) > MaxNotices {
			h.dropNotice(mine[0])
		}
		h.mu.Unlock()
	}
	h.poke()
}

func (h *Host) noticesOf(institution string) (mine []*notice) {
	for _, n := range h.notices {
		if n.institution == institution {
			mine = append(mine, n)
		}
	}
	return mine
}

func (h *Host) dropNotice(gone *notice) {
	h.notices = slices.DeleteFunc(h.notices, func(n *notice) bool { return n == gone })
}

// dueNotices are those never sent, or not within RepeatAfter, in order; they count as sent now.
func (h *Host) dueNotices(now time.Time) (due []*notice) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.notices {
		if n.sent.IsZero() || now.Sub(n.sent) >= RepeatAfter {
			n.sent = now
			due = append(due, n)
		}
	}
	return due
}

// noticeAnswered takes a 0830. Only 00 ends the repeats.
func (l *link) noticeAnswered(m *cups.Message) {
	h := l.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.Get(39) != codeApproved {
		return // again, when it is due
	}
	for _, n := range h.noticesOf(l.institution()) {
		if n.f7 == m.Get(7) && n.f11 == m.Get(11) {
			h.dropNotice(n)
		}
	}
}

// CutOff ends the settlement date: members are told 201, the date moves on by one day, members are told 202, and the
// detail files of what has ended are written. It returns the new date, YYYYMMDD, and the names of the files. The error
// is that of the log or of the file system; the date has moved when files could not be written.
func (h *Host) CutOff(ctx context.Context) (date string, files []string, err error) {
	h.BeginCutOff()
	return h.EndCutOff(ctx)
}

// BeginCutOff tells members 201: the date is about to end. Debits go on and still belong to it.
func (h *Host) BeginCutOff() (next string) {
	next = dayAfter(h.settlementDate())
	h.announce(cups.NetCutoffStart, next)
	return next
}

// EndCutOff is [Host.CutOff] without its beginning.
func (h *Host) EndCutOff(ctx context.Context) (date string, files []string, err error) {
	l := h.ledger
	today := h.cfg.settlement(time.Now()).Format(settlementLayout)
	h.filing <- struct{}{}
	defer h.release()
	l.mu.Lock()
	date = dayAfter(l.settlementDate(today))
	b := l.commit(record{Kind: kindCutoff, At: millis(time.Now()), Date: date})
	l.mu.Unlock()
	if err := h.journal.wait(b); err != nil {
		return "", nil, err
	}
	h.cfg.Log.Info().Str("settles", date).Msg("cut-off")
	h.announce(cups.NetCutoffEnd, date)
	files, err = h.fileClosed(ctx)
	return date, files, err
}

// dayAfter is the calendar day behind a date, YYYYMMDD.
func dayAfter(date string) string {
	at, err := time.Parse(settlementLayout, date)
	if err != nil {
		panic(err) // dates come from Format, and out of the log only after they were parsed
	}
	return at.AddDate(0, 0, 1).Format(settlementLayout)
}

// runClock commands a cut-off every day at a time of Beijing, until the host ends.
func (h *Host) runClock(at time.Duration) {
	for {
		now := beijing(time.Now())
		midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		next := midnight.Add(at)
		if !next.After(now) {
			next = next.AddDate(0, 0, 1)
		}
		if !h.pause(next.Sub(now)) {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), ResetTimeout)
		if _, _, err := h.CutOff(ctx); err != nil {
			h.cfg.Log.Error().Err(err).Msg("cut-off")
		}
		cancel()
	}
}

// amountText is F4.
func amountText(fen int64) string { return fmt.Sprintf("%012d", fen) }
