package acquirer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWitness(t *testing.T) {
	answered := time.Date(1999, 11, 24, 12, 0, 0, 0, time.UTC)
	tick := time.Microsecond
	later, held := answered.Add(tick), answered.Add(HoldTime)
	never := time.Time{}
	debit := func(change ...func(*Transaction)) *Transaction {
		d := &Transaction{State: Approved, Answered: answered}
		for _, c := range change {
			c(d)
		}
		return d
	}
	in := func(s State) func(*Transaction) { return func(d *Transaction) { d.State = s } }
	batch, hold := Word{By: WitnessBatch}, Word{Waits: WaitHold, Until: held}
	for _, v := range []struct {
		name       string
		witness    Witness
		debit      *Transaction
		heard, now time.Time
		want       Word
	}{
		{"batch: confirmed", WitnessBatch, debit(func(d *Transaction) { d.Confirmed = true }), never, later, batch},
		{"batch: heard and held", WitnessBatch, debit(), later, held, Word{Waits: WaitBatch}},
		{"message: confirmed", WitnessMessage, debit(func(d *Transaction) { d.Confirmed = true }), never, later, batch},
		{"message: never heard", WitnessMessage, debit(), never, held, Word{Waits: WaitMessage}},
		{"message: heard before", WitnessMessage, debit(), answered.Add(-tick), held, Word{Waits: WaitMessage}},
		{"message: heard at that time", WitnessMessage, debit(), answered, held, Word{Waits: WaitMessage}},
		{"message: heard later", WitnessMessage, debit(), later, later, Word{By: WitnessMessage}},
		{"hold: confirmed", WitnessHold, debit(func(d *Transaction) { d.Confirmed = true }), never, later, batch},
		{"hold: heard later", WitnessHold, debit(), later, later, Word{By: WitnessMessage}},
		{"hold: not yet", WitnessHold, debit(), never, held.Add(-tick), hold},
		{"hold: over", WitnessHold, debit(), never, held, Word{By: WitnessHold}},
		{"on the worklist", WitnessHold, debit(func(d *Transaction) { d.Confirmed, d.Exception = true, "why" }), later, held, Word{Waits: WaitPerson}},
		{"sent", WitnessHold, debit(in(Sent)), later, held, Word{Waits: WaitState}},
		{"declined", WitnessHold, debit(in(Declined)), later, held, Word{Waits: WaitState}},
		{"reversing, confirmed before", WitnessBatch, debit(in(Reversing), func(d *Transaction) { d.Confirmed = true }), later, held, Word{Waits: WaitState}},
		{"reversed", WitnessHold, debit(in(Reversed)), later, held, Word{Waits: WaitState}},
		{"settled", WitnessBatch, debit(in(Settled)), never, later, batch},
		{"paying", WitnessBatch, debit(in(Paying)), never, later, batch},
		{"paid", WitnessBatch, debit(in(Paid)), never, later, batch},
	} {
		t.Run(v.name, func(t *testing.T) { require.Equal(t, v.want, v.witness.Of(v.debit, v.heard, v.now)) })
	}
}

// What people are told: nothing is nothing.
func TestTerminalWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		tx := w.paid(t, 1, 100)
		for _, v := range []struct {
			witness Witness
			want    string
		}{
			{WitnessBatch, "the terminal's batch settlement"},
			{WitnessMessage, "the terminal's batch settlement, or another message of it"},
			{WitnessHold, "the terminal's batch settlement, or another message of it, or 2000-01-02 08:00:00"},
		} {
			w.Limits.Witness = v.witness
			said, err := w.TerminalWord(t.Context(), tx)
			require.NoError(t, err)
			require.Equal(t, v.want, said)
		}
		time.Sleep(HoldTime)
		said, err := w.TerminalWord(t.Context(), tx)
		require.NoError(t, err)
		require.Empty(t, said)
		w.Limits.Witness = WitnessBatch
		require.True(t, w.close(t, 2, totals(100)).Agreed())
		said, err = w.TerminalWord(t.Context(), w.row(t, tx))
		require.NoError(t, err)
		require.Empty(t, said)
	})
}

func TestParseWitness(t *testing.T) {
	for text, want := range map[string]Witness{"": WitnessMessage, "batch": WitnessBatch, "message": WitnessMessage, "hold": WitnessHold} {
		w, ok := ParseWitness(text)
		require.True(t, ok)
		require.Equal(t, want, w)
	}
	for _, text := range []string{"Batch", "none", " "} {
		_, ok := ParseWitness(text)
		require.False(t, ok)
	}
}

// However many messages come, what was heard is written once in a second, and once more at the end; and nothing is written
// when nothing was heard.
func TestHeardIsWrittenSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(time.Hour)
		require.Zero(t, w.mem.book.saves)
		var last time.Time
		for range 1000 { // in 10 s
			time.Sleep(10 * time.Millisecond)
			last = time.Now()
			w.hear("10000001", last)
			w.hear("10000002", last)
			w.hear("10000003", time.Time{}) // a repeat
		}
		synctest.Wait()
		require.LessOrEqual(t, w.mem.book.saves, 10)
		heard, err := w.LastHeard(t.Context(), "10000001")
		require.NoError(t, err)
		require.Equal(t, last, heard)
		cancel()
		require.NoError(t, <-done)
		require.LessOrEqual(t, w.mem.book.saves, 11)

		w.Switch = New(w.Config) // a restart
		for id, want := range map[TerminalID]time.Time{"10000001": last, "10000002": last, "10000003": {}} {
			heard, err = w.LastHeard(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, heard)
		}
	})
}

// A look-up and a new debit are words; the same debit again is none, for the terminal asks because it has no answer.
func TestHeardByFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.request(t, 1, 100)
		r.Received = time.Now()
		first := r.Received
		tx, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		heard := func() time.Time {
			at, err := w.LastHeard(t.Context(), w.term.ID)
			require.NoError(t, err)
			return at
		}
		require.Equal(t, Word{Waits: WaitMessage}, WitnessMessage.Of(tx, heard(), time.Now()))
		time.Sleep(time.Second)
		r.Received = time.Now()
		_, err = w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		require.Equal(t, first, heard())
		_, err = w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: 1, Payee: payeeNumber, Payer: payerNumber, Received: time.Now()})
		require.NoError(t, err)
		require.Equal(t, Word{By: WitnessMessage}, WitnessMessage.Of(tx, heard(), time.Now()))
	})
}
