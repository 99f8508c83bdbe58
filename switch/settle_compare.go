package acquirer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// listed is what the host's lists say of one debit.
type listed struct {
	debits    int // lines on the date that is being settled
	elsewhere int // lines on other dates
	amount    Fen // of the last debit's line on the date
	reversals int // on whatever date: a reversal may cross the cut-off
	undone    Fen // of the reversals on the date
	undoneN   int64
}

// verdict is what comes of comparing a row with the host's list.
type verdict struct {
	kind  DiscrepancyKind // empty: the sides agree
	why   string
	waits string // why nothing can be said yet
}

// against compares a row with what the host lists of it.
func (t *Transaction) against(l listed) verdict {
	switch {
	case t.State == Sent:
		return verdict{waits: "the host's answer is awaited"}
	case t.State == Reversing:
		return verdict{waits: "its reversal is owed to the host"}
	case l.debits+l.elsewhere > 1:
		return verdict{kind: Duplicate, why: fmt.Sprintf("the host lists it %d times", l.debits+l.elsewhere)}
	case l.debits == 1 && l.amount != t.Amount:
		return verdict{kind: AmountDiffers, why: fmt.Sprintf("%s here, %s in the host's list", t.Amount, l.amount)}
	case t.State.stands():
		return t.standing(l)
	case l.debits == 0 || l.reversals > 0:
		return verdict{} // nothing stands on either side
	case t.State == Reversed && (t.HostCode == CodeNoOriginal || t.Exception != ""):
		return verdict{kind: DebitAfter25, why: "the host knew no such debit when it was undone, and lists it"}
	}
	return verdict{kind: StateDiffers, why: t.State.String() + " here, and it stands in the host's list"}
}

func (t *Transaction) standing(l listed) verdict {
	switch {
	case l.elsewhere > 0:
		return verdict{kind: OursOnly, why: "the host lists it on another date"}
	case l.debits == 0:
		return verdict{kind: OursOnly, why: "approved here, and not in the host's list"}
	case l.reversals > 0:
		return verdict{kind: StateDiffers, why: t.State.String() + " here, and undone in the host's list"}
	}
	return verdict{}
}

// counted is what a run finds out, gathered from many rows at once.
type counted struct {
	mu    sync.Mutex
	ours  SettlementTotals
	waits int64
}

// compare holds every row of the date against the host's list: what agrees and has its terminal's word is Settled, what differs is
// on the worklist, the rest waits. It may be done as often as one likes: more has been confirmed, or corrected, meanwhile.
func (r *settling) compare(ctx context.Context) error {
	var sum counted
	rows := int64(0)
	var writes writing
	err := r.eachRow(ctx, func(page []*Transaction) error {
		lines, err := r.ledger.LinesOf(ctx, page[0].ID, page[len(page)-1].ID)
		if err != nil {
			return fmt.Errorf("reading staged lines: %w", err)
		}
		lists := r.gather(lines)
		var agreed moves
		err = together(len(page), func(i int) error { return r.judge(ctx, page[i], lists[page[i].ID], &sum, &agreed) })
		if err := errors.Join(err, writes.start(func() error { return r.moveAll(ctx, &agreed) })); err != nil {
			return err
		}
		rows += int64(len(page))
		r.say("%d debits compared", rows)
		return nil
	})
	if err := errors.Join(err, writes.wait()); err != nil {
		return err
	}
	r.whole = sum.waits == 0
	return r.save(ctx, func(st *SettlementDay) {
		if st.Stage < SettlementCompared {
			st.Stage = SettlementCompared
		}
		if st.Ours != sum.ours || st.Whole != r.whole { // another word to the host
			st.Ours, st.Whole, st.Balance = sum.ours, r.whole, NotTold
		}
	})
}

// gather sorts staged lines by what they are about.
func (r *settling) gather(lines []StagedLine) map[ID]listed {
	lists := make(map[ID]listed, len(lines))
	for _, l := range lines {
		e := lists[l.Transaction]
		switch {
		case l.Kind == LineReversal:
			e.reversals++
			if l.Date == r.st.Date {
				e.undone += l.Amount
				e.undoneN++
			}
		case l.Date == r.st.Date:
			e.debits++
			e.amount = l.Amount
		default:
			e.elsewhere++
		}
		lists[l.Transaction] = e
	}
	return lists
}

// ownDate reports whether a row is of the date that is settled, and not only named by a line of it.
func (r *settling) ownDate(t *Transaction) bool {
	d, ok := SettlementDate(t.SettleDate, t.ID.Date())
	return ok && d == r.st.Date
}

// judge settles one row, or says why not.
func (r *settling) judge(ctx context.Context, t *Transaction, l listed, sum *counted, agreed *moves) error {
	v := t.against(l)
	own := r.ownDate(t)
	if !own && t.SettleDate != "" && v.kind == OursOnly {
		v.kind = StateDiffers // the other date's run will miss it there
	}
	waits, err := r.decide(ctx, t, v, agreed)
	if err != nil {
		return err
	}
	sum.mu.Lock()
	defer sum.mu.Unlock()
	if own && t.hostDebited() || l.debits > 0 && v.kind != StateDiffers && v.kind != DebitAfter25 && t.State != Sent {
		sum.ours.add(LineDebit, t.Amount)
	}
	if t.State == Reversed && l.undoneN > 0 { // on which date the host undid it only its list says
		sum.ours.add(LineReversal, t.Amount)
	}
	if waits {
		sum.waits++
	}
	return nil
}

// hostDebited reports whether the host's answer, as far as the journal knows, was a debit.
func (t *Transaction) hostDebited() bool {
	return t.State.stands() || (t.State == Reversed || t.State == Reversing) && t.AuthCode != ""
}

// decide acts on a verdict; what is to be Settled goes into agreed. waits: the row keeps the date from being whole.
func (r *settling) decide(ctx context.Context, t *Transaction, v verdict, agreed *moves) (waits bool, err error) {
	switch {
	case v.waits != "":
		return true, nil
	case v.kind != "":
		settled, err := r.dispute(ctx, t, v)
		if err != nil || !settled {
			return true, err
		}
	default:
		if err := r.appease(ctx, &t); err != nil {
			return true, err
		}
	}
	switch {
	case !t.State.stands():
		return false, nil
	case t.Exception != "":
		return true, r.list(ctx, t)
	case t.State != Approved:
		return false, nil
	}
	word, err := r.word(ctx, t)
	if err != nil || word != "" {
		return true, err
	}
	next := *t
	next.State, next.Confirmed = Settled, true
	agreed.add(t, &next, Change{Event: EventAgreed, Detail: "terminal, switch and the host's list of " + r.st.File})
	return false, nil
}

// word says what a debit waits for from its terminal; empty: nothing.
func (r *settling) word(ctx context.Context, t *Transaction) (string, error) {
	heard, err := r.lastHeard(ctx, t.Key.Terminal, t.Answered)
	if err != nil {
		return "", err
	}
	switch w := r.Limits.Witness.Of(t, heard, time.Now()); w.Waits {
	case WaitNothing:
		return "", nil
	case WaitBatch:
		return "the terminal has not closed its batch", nil
	case WaitHold:
		return "the terminal has not been heard since; without its word until " + w.Until.In(Beijing).Format(time.DateTime), nil
	default:
		return "the terminal has not been heard since", nil
	}
}

// dispute puts a row on the worklist. settled: it was there, and people have decided that the journal is right.
func (r *settling) dispute(ctx context.Context, t *Transaction, v verdict) (settled bool, err error) {
	d := aboutRow(v.kind, r.st.Date, t, 0, "", v.why, time.Now())
	there, err := r.ledger.DiscrepanciesOf(ctx, t.ID)
	if err != nil {
		return false, fmt.Errorf("reading the worklist: %w", err)
	}
	for _, o := range there {
		if o.Kind == d.Kind && o.Date == d.Date && o.Subject == d.Subject {
			return o.Closed != nil && o.Closed.As.clears(), nil
		}
	}
	next := *t
	if next.Exception == "" {
		next.Exception = string(v.kind) + ": " + v.why
	}
	return false, r.move(ctx, t, &next, Change{Event: EventDisputed, Detail: v.why, Discrepancy: d})
}

// list makes sure that a row with an exception, which came from elsewhere, is on the worklist.
func (r *settling) list(ctx context.Context, t *Transaction) error {
	there, err := r.ledger.DiscrepanciesOf(ctx, t.ID)
	if err != nil || len(there) > 0 {
		return err
	}
	d := aboutRow(BatchDiffers, r.st.Date, t, 0, "", t.Exception, time.Now())
	return r.move(ctx, t, t.copied(), Change{Event: EventDisputed, Detail: t.Exception, Discrepancy: d})
}

func (t *Transaction) copied() *Transaction {
	n := *t
	return &n
}

// appease closes what the lists differed in when they differ no more: the host's corrected file says what the journal says, or a
// debit that was undone here, acknowledged by the host with 00 or 25, is listed as undone (reliability page, section 4.1). Nothing
// else is closed without a person. *t is the row as it is then.
func (r *settling) appease(ctx context.Context, t **Transaction) error {
	if (*t).Exception == "" {
		return nil
	}
	there, err := r.ledger.DiscrepanciesOf(ctx, (*t).ID)
	if err != nil {
		return fmt.Errorf("reading the worklist: %w", err)
	}
	var mended *Discrepancy
	for _, d := range there {
		switch {
		case d.Closed != nil:
		case !d.Kind.byList() || mended != nil:
			return nil // a person must look at the other one
		default:
			mended = d
		}
	}
	if mended == nil {
		return nil
	}
	next := (*t).copied()
	next.Exception = ""
	closed := &Resolved{Discrepancy: mended.ID, Subject: mended.Subject, As: HostCorrects, Who: "switch",
		Why: "the host's list says what the journal says", At: time.Now()}
	if err := r.move(ctx, *t, next, Change{Event: EventResolved, Detail: string(HostCorrects), Resolved: closed}); err != nil {
		return err
	}
	if next.Version != (*t).Version {
		*t = next
	}
	return nil
}

// byList reports whether a discrepancy is one between the journal and the host's list alone.
func (k DiscrepancyKind) byList() bool {
	switch k {
	case OursOnly, AmountDiffers, StateDiffers, Duplicate, DebitAfter25:
		return true
	}
	return false
}
