package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
)

// till is a demo terminal that keeps slips and settles with faults.
func (w *world) till(f emulator.BatchFaults) *emulator.Terminal {
	return w.terminal("10000001", func(c *emulator.Config) { c.Slips, c.Faults = true, f })
}

func (w *world) pay(term *emulator.Terminal, amounts ...int64) {
	for _, fen := range amounts {
		_, err := term.Pay(w.t.Context(), payment(fen), holder{[]string{"123456"}})
		require.NoError(w.t, err)
	}
}

// byAmount returns the journal's rows by their amounts.
func (w *world) byAmount() map[acquirer.Fen]*acquirer.Transaction {
	out := map[acquirer.Fen]*acquirer.Transaction{}
	for _, r := range w.rows() {
		out[r.Amount] = r
	}
	return out
}

// A day of a terminal with the real store, host and line: each way in which its batch may end.
func TestBatchSettlement(t *testing.T) {
	for _, v := range []struct {
		name            string
		faults          emulator.BatchFaults
		want            emulator.Settlement
		confirmed, held []acquirer.Fen // held: what the host still has debited
	}{
		{"agreed", emulator.BatchFaults{}, emulator.Settlement{Debits: 3, AmountFen: 600, Agreed: true, Done: true},
			[]acquirer.Fen{100, 200, 300}, []acquirer.Fen{100, 200, 300}},
		{"agreed, unsigned", emulator.BatchFaults{Unsigned: true}, emulator.Settlement{Debits: 3, AmountFen: 600, Agreed: true, Done: true},
			[]acquirer.Fen{100, 200, 300}, []acquirer.Fen{100, 200, 300}},
		{"wrong total", emulator.BatchFaults{WrongFen: 1}, emulator.Settlement{Debits: 3, AmountFen: 601, Uploaded: 3, Done: true},
			[]acquirer.Fen{100, 200, 300}, []acquirer.Fen{100, 200, 300}},
		{"forgotten slip", emulator.BatchFaults{ForgetSlip: true}, emulator.Settlement{Debits: 2, AmountFen: 500, Uploaded: 2, Done: true},
			[]acquirer.Fen{200, 300}, []acquirer.Fen{200, 300}},
		{"forgotten slip, unsigned", emulator.BatchFaults{ForgetSlip: true, Unsigned: true}, emulator.Settlement{Debits: 2, AmountFen: 500, Uploaded: 2, Done: true},
			[]acquirer.Fen{200, 300}, []acquirer.Fen{100, 200, 300}},
		{"unknown slip", emulator.BatchFaults{UnknownSlip: true}, emulator.Settlement{Debits: 4, AmountFen: 601, Uploaded: 4, Done: true},
			[]acquirer.Fen{100, 200, 300}, []acquirer.Fen{100, 200, 300}},
		{"no end", emulator.BatchFaults{WrongFen: 1, NoEnd: true}, emulator.Settlement{Debits: 3, AmountFen: 601, Uploaded: 3},
			nil, []acquirer.Fen{100, 200, 300}},
	} {
		t.Run(v.name, func(t *testing.T) {
			w := newWorld(t, 5*time.Second)
			term := w.till(v.faults)
			w.pay(term, 100, 200, 300)
			s, err := term.Settle(t.Context())
			require.NoError(t, err)
			v.want.Batch = term.Status().Batch
			require.Equal(t, v.want, s)
			w.settled()
			var confirmed []acquirer.Fen
			rows := w.byAmount()
			for _, fen := range []acquirer.Fen{100, 200, 300} {
				if r := rows[fen]; r.Confirmed && r.State == acquirer.Approved {
					confirmed = append(confirmed, fen)
				}
			}
			require.Equal(t, v.confirmed, confirmed)
			_, held := w.balance(goodCard)
			var want int64
			for _, fen := range v.held {
				want += int64(fen)
			}
			require.Equal(t, want, held)
			require.Equal(t, v.faults.ForgetSlip && v.faults.Unsigned, rows[100].Exception != "")

			batch := rows[200].Key.Batch
			w.pay(term, 400) // after the batch was closed: in the next, else in the same
			require.Equal(t, s.Done, w.byAmount()[400].Key.Batch != batch)
		})
	}
}

// A confirmed payment may be undone until it is settled; and the same settlement again, after a restart of the switch and in
// another batch, changes nothing.
func TestBatchUndoneAndRepeated(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term := w.till(emulator.BatchFaults{})
	w.pay(term, 100, 200)
	_, err := term.Settle(t.Context())
	require.NoError(t, err)
	rows := w.byAmount()
	require.True(t, rows[100].Confirmed)
	batch := rows[100].Key
	require.NoError(t, term.Undo(t.Context(), emulator.UndoRequest{STAN: batch.STAN.String(), AmountFen: 100}))
	w.settled()
	require.Equal(t, acquirer.Reversed, w.byAmount()[100].State)

	w.stopSwitch()
	w.startSwitch()
	ctx := t.Context()
	key := acquirer.BatchKey{Merchant: batch.Merchant, Terminal: batch.Terminal, Batch: batch.Batch}
	before, err := w.app.db.Batch(ctx, key, 0)
	require.NoError(t, err)
	reg, err := w.app.db.Terminal(ctx, batch.Terminal)
	require.NoError(t, err)
	require.NotEqual(t, batch.Batch, reg.Session.Batch, "the undo began with a sign-on")
	again, err := w.app.Switch.CloseBatch(ctx, acquirer.CloseRequest{Terminal: reg, Batch: batch.Batch, STAN: before.STAN,
		Domestic: before.Domestic, Foreign: before.Foreign, Signed: true})
	require.NoError(t, err)
	require.Equal(t, before, again)
	require.True(t, again.Agreed())
}

// The word of a later message reaches the store within its second, or at the end of the process, and is there after a restart.
func TestHeardSurvivesRestart(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term := w.till(emulator.BatchFaults{})
	w.pay(term, 100)
	row := w.byAmount()[100]
	heard := func() acquirer.Word {
		at, err := w.app.Switch.LastHeard(t.Context(), row.Key.Terminal)
		require.NoError(t, err)
		return w.app.Switch.Limits.Witness.Of(row, at, time.Now())
	}
	require.Equal(t, acquirer.Word{Waits: acquirer.WaitMessage}, heard())
	w.pay(term, 200)
	require.Equal(t, acquirer.Word{By: acquirer.WitnessMessage}, heard())
	w.stopSwitch()
	w.startSwitch()
	require.Equal(t, acquirer.Word{By: acquirer.WitnessMessage}, heard())
}
