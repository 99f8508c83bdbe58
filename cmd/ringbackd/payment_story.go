package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/ringback/store"
	acquirer "example.com/ringback/switch"
)

// paymentFile is all that the store holds about one payment.
type paymentFile struct {
	*acquirer.Transaction
	history  []store.Entry
	notices  []acquirer.Notice
	letters  map[string]acquirer.Message // of the notices, by id
	queued   *acquirer.Reversal          // nil: none is owed
	reversal *acquirer.Reversal          // the last that was queued, as it was then; nil: there never was one
	finished time.Time                   // when it left the queue
}

// readPayment gathers the file of a payment: [acquirer.ErrNotFound], there is none.
func readPayment(ctx context.Context, db *store.DB, notifier *acquirer.Notifier, id acquirer.ID) (f paymentFile, err error) {
	if f.Transaction, err = db.Get(ctx, id); err != nil {
		return f, err
	}
	if f.history, err = db.History(ctx, id); err != nil {
		return f, err
	}
	if f.notices, err = db.Notices(ctx, id); err != nil {
		return f, err
	}
	f.letters = map[string]acquirer.Message{}
	for _, n := range f.notices {
		if f.letters[n.ID()], err = notifier.Show(ctx, n); err != nil {
			return f, err
		}
	}
	queued, err := db.ReversalOf(ctx, id)
	if err == nil {
		f.queued = &queued
	} else if !errors.Is(err, acquirer.ErrNotFound) {
		return f, err
	}
	for _, e := range f.history {
		if e.Made.Reversal != nil {
			f.reversal = e.Made.Reversal
		}
		if e.Made.Finished != 0 {
			f.finished = e.At
		}
	}
	return f, nil
}

// seconds writes a duration to the millisecond.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// clockTime writes the time of day in Beijing.
func clockTime(t time.Time) string { return t.In(acquirer.Beijing).Format("15:04:05.000") }

// waited is how long the debit has been going on at a step.
func (f paymentFile) waited(e store.Entry) time.Duration { return e.At.Sub(f.Opened) }

// sentences tell one step: who sent what, who waited for it and how long, and what followed.
func (f paymentFile) sentences(e store.Entry) []string {
	out := f.cause(e)
	if r := e.Made.Reversal; r != nil {
		out = append(out, fmt.Sprintf("A reversal, 0420, became owed to the host: F7 %s, F11 %s, reason %s. It is repeated until the host answers 00 or 25.",
			r.Host.Time, r.Host.STAN, r.Reason))
	}
	for _, n := range e.Made.Notices {
		out = append(out, fmt.Sprintf("A notice to the %s was put into the outbox.", receiver(n.Kind)))
	}
	if k := e.Made.Withdrew; k != 0 {
		out = append(out, fmt.Sprintf("The notice to the %s was withdrawn, unless it had been sent.", receiver(k)))
	}
	return out
}

// cause tells what a step came from.
func (f paymentFile) cause(e store.Entry) []string {
	waited := seconds(f.waited(e))
	switch e.Event {
	case acquirer.EventRefused:
		return []string{f.came("0200"), "The switch refused it: " + e.Detail + ". Nothing was sent to the host.", f.told(e)}
	case acquirer.EventSend:
		return []string{f.came("0200"), "The payer had confirmed the name " + f.PayeeName + ". The debit was written down, and then sent to the host as 0200: F7 " +
			f.Host.Time + ", F11 " + f.Host.STAN.String() + ", F37 " + string(f.RRN()) + ".",
			"The host had until " + clockTime(f.Deadline) + " to answer; the terminal waited."}
	case acquirer.EventApprove:
		return f.approved(e)
	case acquirer.EventDecline:
		return []string{"The host said no after " + waited + ": no money moved.", f.told(e)}
	case acquirer.EventNotSent:
		return []string{"No link to the host took the debit: " + e.Detail + ". Nothing is at the host.", f.told(e)}
	case acquirer.EventUnknown:
		return []string{"The switch waited " + waited + " for the host and has no answer it can trust: " + e.Detail + ".",
			"Whether the card was debited is not known, so the debit is undone.", f.told(e)}
	case acquirer.EventRestart:
		return []string{"The switch had ended while it waited for the host, and found the debit when it started again, " + waited + " after it came.",
			"The host's answer was lost with the old process, so the debit is undone. Asked again, the terminal is answered with " + f.answer(f.Code) + "."}
	}
	return f.causeLater(e)
}

// causeLater is cause for what comes behind the host's answer.
func (f paymentFile) causeLater(e store.Entry) []string {
	switch e.Event {
	case acquirer.EventUndo, acquirer.EventUndoLate:
		return f.undone(e)
	case acquirer.EventLateAnswer:
		return []string{"An answer to the debit came after " + seconds(f.waited(e)) + ", when nobody waited for it any more: " + e.Detail + ".",
			"It is kept as evidence and changes nothing else."}
	case acquirer.EventListed, acquirer.EventUnlisted:
		return f.settledByTerminal(e)
	case acquirer.EventReversed:
		return []string{"The host answered the reversal, 0430: " + e.Detail + ". The debit is undone, " + seconds(f.waited(e)) + " after it came."}
	case acquirer.EventRepeat:
		return []string{"The reversal has not been acknowledged: " + e.Detail + ". A person is asked to look; the repeats go on."}
	}
	return []string{strings.TrimSuffix(string(e.Event)+": "+e.Detail, ": ") + "."}
}

// settledByTerminal tells what the terminal's batch settlement said of the debit.
func (f paymentFile) settledByTerminal(e store.Entry) []string {
	switch {
	case e.Detail != "":
		return []string{"The terminal settled its batch: " + e.Detail + ". A person is asked to look."}
	case e.Event == acquirer.EventListed:
		return []string{"The terminal settled its batch, and the debit is in it: confirmed."}
	case e.To == acquirer.Sent:
		return []string{"The terminal closed its batch while the debit was at the host, and has no slip of it: it is undone whatever the host answers."}
	}
	return []string{"The terminal closed its batch without the debit: it has no slip of it, so the debit is undone."}
}

// came tells that the terminal's message came in.
func (f paymentFile) came(mti string) string {
	return fmt.Sprintf("Terminal %s sent %s: batch %06d, trace number %s, %s yuan.", f.Key.Terminal, mti, f.Key.Batch, f.Key.STAN, f.Amount)
}

// told tells what the terminal was answered in a step, and for how long it had waited. A debit that was undone while it
// waited for the host had its answer by then.
func (f paymentFile) told(e store.Entry) string {
	if f.Answered.IsZero() {
		return "The terminal has no answer yet."
	}
	if f.Answered.Before(e.At) {
		return "The terminal's answer stood already: " + f.answer(f.Code) + ", fixed after " + seconds(f.Answered.Sub(f.Opened)) + "."
	}
	return "The terminal, which had waited " + seconds(f.waited(e)) + ", was answered 0210 with " + f.answer(f.answeredIn(e)) + "."
}

// answeredIn is the F39 that a step gave: an approval that was undone later was an approval.
func (f paymentFile) answeredIn(e store.Entry) acquirer.ResponseCode {
	if e.Event == acquirer.EventApprove && e.To == acquirer.Approved {
		return acquirer.CodeApproved
	}
	return f.Code
}

func (f paymentFile) answer(c acquirer.ResponseCode) string {
	return "F39 " + cmp.Or(string(c), "none")
}

// approved tells the host's yes.
func (f paymentFile) approved(e store.Entry) []string {
	yes := "The host answered 0210 with 00 after " + seconds(f.waited(e)) + "."
	if f.HostCode == acquirer.CodeApproved && f.AuthCode != "" {
		yes = strings.TrimSuffix(yes, ".") + ": authorization " + f.AuthCode + ", settlement date " + f.SettleDate + "."
	}
	if e.To != acquirer.Approved {
		return []string{yes, "The terminal had asked for an undo while the debit was at the host, so the debit is taken back."}
	}
	return []string{yes, "The terminal, which had waited as long, was answered 0210 with F39 00."}
}

// undone tells an undo by the state that it met.
func (f paymentFile) undone(e store.Entry) []string {
	answered := " It was answered 0410 with 00."
	switch e.From {
	case 0:
		return []string{f.came("0400") + answered, "The switch had never seen the debit. A mark was left: the debit, should it come, is refused with 98."}
	case acquirer.Sent:
		return []string{"The terminal sent 0400, " + e.Detail + ", after " + seconds(f.waited(e)) + ", while the debit was at the host." + answered,
			"The debit is undone whatever the host says."}
	case acquirer.Approved:
		return []string{"The terminal sent 0400, " + e.Detail + ", " + seconds(f.waited(e)) + " after the debit." + answered, "The approved debit is taken back."}
	}
	return []string{"The terminal sent 0400, " + e.Detail + ", after settlement." + answered, "Nothing moves; a refund is owed, and a person must see to it."}
}

func receiver(k acquirer.NoticeKind) string {
	if k == acquirer.NoticePaidOut {
		return "payee"
	}
	return "payer"
}

// ending tells how the payment stands and why.
func (f paymentFile) ending() string {
	switch f.State {
	case acquirer.Declined:
		return "It ended declined: no money moved, and none will."
	case acquirer.Sent:
		return "It is at the host: the answer is waited for until " + clockTime(f.Deadline) + "; without one the debit is undone."
	case acquirer.Approved:
		return "It is approved: the payer's card was debited; the payee is paid after settlement."
	case acquirer.Reversing:
		return "It is being undone: the host has not acknowledged the reversal yet."
	case acquirer.Reversed:
		return "It ended undone: the payer's card is not debited, and the payee gets nothing."
	case acquirer.Tombstone:
		return "It ended as a mark: the terminal took back what the switch never got."
	case acquirer.Settled:
		return "It is settled: terminal, switch and host agree; the payout comes next."
	case acquirer.Paying:
		return "It is being paid out to the payee."
	case acquirer.Paid:
		return "It ended paid: the money is on the payee's card."
	}
	return "It stands in a state that this program does not know."
}

// reversalText tells how the reversal stands; empty when there never was one.
func (f paymentFile) reversalText() string {
	switch q := f.queued; {
	case q != nil && q.Tries == 0:
		return fmt.Sprintf("Reversal F11 %s is owed: not answered yet, to be sent at %s.", q.Host.STAN, clockText(q.Due))
	case q != nil:
		return fmt.Sprintf("Reversal F11 %s is owed: %d tries, the host's last answer was %s, the next try is due at %s.",
			q.Host.STAN, q.Tries, cmp.Or(string(q.HostCode), "none"), clockText(q.Due))
	case f.reversal != nil:
		return fmt.Sprintf("Reversal F11 %s was acknowledged at %s.", f.reversal.Host.STAN, clockText(f.finished))
	}
	return ""
}

// noticeTexts tell how the notices stand.
func (f paymentFile) noticeTexts() (all []string) {
	for _, n := range f.notices {
		to := f.Payer
		if n.Kind == acquirer.NoticePaidOut {
			to = f.PayeeNumber
		}
		all = append(all, fmt.Sprintf("The notice to the %s, %s, %s.", receiver(n.Kind), to, noticeEnding(n)))
	}
	return all
}

// noticeEnding tells how a notice stands.
func noticeEnding(n acquirer.Notice) string {
	switch n.State {
	case acquirer.NoticeHanded:
		return fmt.Sprintf("was sent by %s at %s", n.Device, clockText(n.Sent))
	case acquirer.NoticeDelivered:
		return fmt.Sprintf("was sent by %s at %s and has arrived", n.Device, clockText(n.Sent))
	case acquirer.NoticeDead:
		return fmt.Sprintf("could not be delivered: %s, %d tries", n.Detail, n.Tries)
	case acquirer.NoticeWithdrawn:
		return fmt.Sprintf("was withdrawn after %d tries", n.Tries)
	}
	return fmt.Sprintf("waits in the outbox since %s, %d tries", clockText(n.Created), n.Tries)
}

// writeStory writes one payment for a person.
func writeStory(w io.Writer, f paymentFile) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Payment %s: %s yuan, %s, F39 %s\n", f.RRN(), f.Amount, f.State, cmp.Or(string(f.Code), "none yet"))
	fmt.Fprintf(&b, "  from      %s, card %s\n", cmp.Or(f.Payer.Masked(), "-"), cmp.Or(f.Card.Masked(), "-"))
	fmt.Fprintf(&b, "  to        %s, %s\n", cmp.Or(f.PayeeNumber.Masked(), "-"), cmp.Or(f.PayeeName, "-"))
	fmt.Fprintf(&b, "  terminal  %s of merchant %s, batch %06d, trace number %s\n", f.Key.Terminal, f.Key.Merchant, f.Key.Batch, f.Key.STAN)
	fmt.Fprintf(&b, "  opened    %s\n", clockText(f.Opened))
	for _, e := range f.history {
		way := e.To.String()
		if e.From != 0 && e.From != e.To {
			way = e.From.String() + " -> " + way
		}
		fmt.Fprintf(&b, "\n%d. %s  +%s  %s: %s\n", e.Version, clockTime(e.At), seconds(f.waited(e)), e.Event, way)
		for _, s := range f.sentences(e) {
			fmt.Fprintf(&b, "   %s\n", s)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", f.ending())
	for _, s := range append(f.noticeTexts(), f.reversalText()) {
		if s != "" {
			fmt.Fprintln(&b, s)
		}
	}
	if f.Exception != "" {
		fmt.Fprintf(&b, "A person must look at it: %s.\n", f.Exception)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
