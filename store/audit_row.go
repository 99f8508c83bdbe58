package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	acquirer "example.com/ringback/switch"
)

// judge proves what holds within one transaction.
func (a *auditor) judge(ctx context.Context, d *dossier) error {
	a.report.Steps += len(d.steps)
	if d.row == nil {
		a.judgeOrphan(d)
		return nil
	}
	a.add(d)
	a.judgePath(d)
	made := a.made(d)
	a.judgeOutbox(d, made)
	a.judgeQueue(d, made)
	return a.judgeContent(ctx, d)
}

// judgeOrphan says what stands there without a row.
func (a *auditor) judgeOrphan(d *dossier) {
	switch {
	case len(d.steps) > 0:
		a.broken(d.id, number(d.steps[0][stepSeq]), "the row is missing, its history stands")
	case len(d.notices) > 0:
		a.broken(d.id, 0, "a notice stands without a payment")
	case len(d.reversals) > 0:
		a.broken(d.id, 0, "a reversal stands without a payment")
	}
}

// moneyless are the states in which nothing was sent.
var moneyless = [...]acquirer.State{acquirer.Declined, acquirer.Tombstone}

// add counts a row and looks at what its state says about amount and deadline.
func (a *auditor) add(d *dossier) {
	a.report.Rows++
	state, amount := d.state(), acquirer.Fen(number(d.row[rowAmount]))
	total := a.report.Sums[state]
	a.report.Sums[state] = Subtotal{total.Count + 1, total.Sum + amount}
	if !slices.Contains(moneyless[:], state) && (amount <= 0 || amount > acquirer.MaxFen) {
		a.broken(d.id, 0, "%s with an amount of %d fen", state, int64(amount))
	}
	if state == acquirer.Sent || state == acquirer.Reversing {
		a.report.Open++
	}
	deadline := timeOf(number(d.moved()[movedDeadline]))
	if state == acquirer.Sent && deadline.Add(auditMargin).Before(a.now) && len(a.overdue) < auditBreaks {
		a.overdue = append(a.overdue, newBreak(d.id, 0, "waits for the host since "+deadline.In(acquirer.Beijing).Format(time.DateTime)+", and no switch runs"))
	}
}

// judgePath follows the steps through the table of moves.
func (a *auditor) judgePath(d *dossier) {
	if len(d.steps) == 0 {
		a.broken(d.id, 0, "the row has no history")
		return
	}
	var at acquirer.State
	for i, s := range d.steps {
		seq, from, to := number(s[stepSeq]), acquirer.State(number(s[stepFrom])), acquirer.State(number(s[stepTo]))
		switch {
		case number(s[stepVersion]) != int64(i+1):
			a.broken(d.id, seq, "step %d stands where step %d belongs", number(s[stepVersion]), i+1)
			return
		case from != at:
			a.broken(d.id, seq, "step %d begins as %s, the one in front of it ended as %s", i+1, from, at)
		case i == 0 && !slices.Contains(acquirer.Openings, to), i > 0 && !acquirer.MayMove(from, to):
			a.broken(d.id, seq, "step %d goes from %s to %s, which no payment may", i+1, from, to)
		}
		at = to
	}
	if version := number(d.moved()[movedVersion]); version != int64(len(d.steps)) || d.state() != at {
		a.broken(d.id, 0, "the row is %s at version %d, its %d steps end as %s", d.state(), version, len(d.steps), at)
	}
}

// judgeContent compares the row with what its steps say it is, and opens its sealed record.
func (a *auditor) judgeContent(ctx context.Context, d *dossier) error {
	if len(d.steps) == 0 {
		return nil
	}
	last := d.steps[len(d.steps)-1]
	fixed, moved := a.db.sums.fixedSum(d.fixed()), a.db.sums.movedSum(d.id, d.moved())
	if !bytes.Equal(moved[:], blob(last[stepMoved])) {
		a.broken(d.id, number(last[stepSeq]), "the row is not as its last step left it")
	}
	if !bytes.Equal(fixed[:], blob(d.steps[0][stepFixed])) {
		a.broken(d.id, number(d.steps[0][stepSeq]), "the row is not as its first step made it")
		return nil
	}
	record, err := a.db.keys.unseal(ctx, acquirer.Date(number(d.row[rowKey])), "txn", int64(d.id), blob(d.row[rowSealed]))
	if err == nil {
		_, err = decodeSecrets(record)
	}
	if errors.Is(err, errShredded) && !errors.Is(err, acquirer.ErrKey) {
		a.report.Shredded++
		return nil
	}
	if errors.Is(err, acquirer.ErrKey) || errors.Is(err, errRecord) {
		a.broken(d.id, 0, "the sealed record does not open")
		return nil
	}
	return err
}

// effects are what the steps of a transaction made, taken together.
type effects struct {
	notices []acquirer.Notice
	queue   []acquirer.Reversal // what has not left it
}

// made gathers what the steps made. A notice that is made again is the one that is there.
func (a *auditor) made(d *dossier) (e effects) {
	for _, s := range d.steps {
		m, err := decodeMade(d.id, timeOf(number(s[stepAt])), blob(s[stepMade]))
		if err != nil {
			a.broken(d.id, number(s[stepSeq]), "step %d: %s", number(s[stepVersion]), err)
			continue
		}
		for _, n := range m.Notices {
			if !slices.ContainsFunc(e.notices, func(x acquirer.Notice) bool { return x.Kind == n.Kind && x.Copy == n.Copy }) {
				e.notices = append(e.notices, n)
			}
		}
		if m.Reversal != nil {
			e.queue = append(e.queue, *m.Reversal)
		}
		if m.Finished == 0 {
			continue
		}
		i := slices.IndexFunc(e.queue, func(r acquirer.Reversal) bool { return r.ID == m.Finished })
		if i < 0 {
			a.broken(d.id, number(s[stepSeq]), "step %d ended a reversal that was not queued", number(s[stepVersion]))
			continue
		}
		e.queue = slices.Delete(e.queue, i, i+1)
	}
	return e
}

// judgeQueue compares the queued reversals with what the steps made, and both with the state.
func (a *auditor) judgeQueue(d *dossier, made effects) {
	for _, r := range made.queue {
		i := slices.IndexFunc(d.reversals, func(cells []any) bool { return number(cells[1]) == int64(r.ID) })
		if i < 0 {
			a.broken(d.id, 0, "reversal %s is missing from the queue", r.ID.RRN())
			continue
		}
		c := d.reversals[i]
		if text(c[2]) != r.Host.Time || number(c[3]) != int64(r.Host.STAN) || text(c[4]) != string(r.Reason) {
			a.broken(d.id, 0, "reversal %s is not as it was queued", r.ID.RRN())
		}
		mac := a.db.sums.reversalSum(number(c[1]), number(c[5]), number(c[6]), text(c[7]))
		if !bytes.Equal(mac[:], blob(c[8])) {
			a.broken(d.id, 0, "tries, due time or host's answer of reversal %s were altered", r.ID.RRN())
		}
	}
	for _, cells := range d.reversals {
		id := acquirer.ID(number(cells[1]))
		if !slices.ContainsFunc(made.queue, func(r acquirer.Reversal) bool { return r.ID == id }) {
			a.broken(d.id, 0, "reversal %s was put into the queue", id.RRN())
		}
	}
	if owed := d.state() == acquirer.Reversing; owed && len(made.queue) != 1 || !owed && len(made.queue) != 0 {
		a.broken(d.id, 0, "%s with %d reversals owed", d.state(), len(made.queue))
	}
}
