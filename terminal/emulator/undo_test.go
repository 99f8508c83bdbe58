package emulator

import (
	"fmt"
	"testing"
	"time"

	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

// The undo goes before the next payment. 00, 12 and 25 end it; anything else ends the payment instead.
func TestUndoBeforeNextPayment(t *testing.T) {
	for code, done := range map[string]bool{"00": true, "12": true, "25": true, "96": false, "58": false, "30": false} {
		t.Run(code, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				owe(t, d, term)
				d.on("0400", refuse(code))
				r, err := term.Pay(t.Context(), testPayment(), rightPIN())
				sent := d.requests()[3:]
				if done {
					require.NoError(t, err)
					require.Equal(t, []string{"0400 000003", "0100 000004", "0200 000005"}, sent)
					require.Empty(t, term.Status().UndoOwed)
					return
				}
				require.ErrorIs(t, err, ErrUndoOwed)
				require.Equal(t, PhaseUndo, phaseOf(t, err).Phase)
				require.Equal(t, code, phaseOf(t, err).Code)
				require.Equal(t, Refused, r.Outcome)
				require.Equal(t, PhaseUndo, r.Phase)
				require.Equal(t, []string{"0400 000003"}, sent)
				require.Equal(t, "000003", term.Status().UndoOwed)
			})
		})
	}
}

// An acknowledgement that cannot be believed is none: sign on, once more.
func TestUndoUnverified(t *testing.T) {
	for name, script := range map[string]func(*call){
		"no F64":    unsigned("00"),
		"wrong F64": alter(func(m *pos.Message) { m.SetBytes(64, []byte("00000000")) }),
		"A0":        unsigned("A0"),
		"77":        refuse("77"),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				owe(t, d, term)
				d.batch = "000008"
				d.on("0400", script, script)
				require.ErrorIs(t, term.Undo(t.Context(), UndoRequest{}), ErrUndoOwed)
				require.Equal(t, []string{"0400 000003", "0800 000004", "0400 000003"}, d.requests()[3:])
				require.Equal(t, "72000007000", d.last("0400").Get(60)) // the debit's batch, not the new one
				require.NoError(t, term.Undo(t.Context(), UndoRequest{}))
			})
		})
	}
}

// Nobody answers: it is never given up, unless the terminal is one that counts.
func TestUndoIsNotGivenUp(t *testing.T) {
	for _, limit := range []int{0, 3} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				term.cfg.DiscardUndoAfter = limit
				owe(t, d, term)
				d.on("0400", silent, silent, silent, silent)
				for try := range 4 {
					start := time.Now()
					_, err := term.Inquire(t.Context(), testPayee, testPayer, 1, "")
					if limit > 0 && try >= limit-1 {
						require.NoError(t, err, try)
						require.Empty(t, term.Status().UndoOwed)
						continue
					}
					require.ErrorIs(t, err, ErrUndoOwed)
					require.ErrorIs(t, err, ErrNoAnswer)
					require.Equal(t, DefaultAnswerTimeout, time.Since(start))
				}
			})
		})
	}
}

func TestUndoOnRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		require.ErrorIs(t, term.Undo(t.Context(), UndoRequest{}), ErrNothingOwed)
		require.Empty(t, d.requests())
		_, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)

		require.ErrorIs(t, term.Undo(t.Context(), UndoRequest{STAN: "000009"}), ErrNothingOwed) // no receipt, no amount
		require.ErrorIs(t, term.Undo(t.Context(), UndoRequest{STAN: "9", AmountFen: 1}), ErrNothingOwed)
		require.Len(t, d.requests(), 3)

		require.NoError(t, term.Undo(t.Context(), UndoRequest{STAN: "000003"}))
		undo := d.last("0400")
		require.Equal(t, []string{"000000001234", "000003", "021", "06", "72000007000"},
			[]string{undo.Get(4), undo.Get(11), undo.Get(22), undo.Get(39), undo.Get(60)})
		require.True(t, term.Receipts()[0].Undone)

		require.NoError(t, term.Undo(t.Context(), UndoRequest{STAN: "000777", Batch: "000001", AmountFen: 5}))
		require.Equal(t, "72000001000", d.last("0400").Get(60))
	})
}

// An undo that was asked for and is not acknowledged is owed; one that was owed before goes first.
func TestUndoOnRequestIsOwed(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		owe(t, d, term)
		d.on("0400", (*call).honest, refuse("96"))
		require.ErrorIs(t, term.Undo(t.Context(), UndoRequest{STAN: "000777", AmountFen: 5}), ErrUndoOwed)
		require.Equal(t, []string{"0400 000003", "0400 000777"}, d.requests()[3:])
		require.Equal(t, "000777", term.Status().UndoOwed)
	})
}

// The batch that a request leaves out is the one before the sign-on that the undo needs.
func TestUndoAfterSignOff(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		_, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)
		require.NoError(t, term.SignOff(t.Context()))
		d.batch = "000008"
		require.NoError(t, term.Undo(t.Context(), UndoRequest{STAN: "000003"}))
		require.Equal(t, "72000007000", d.last("0400").Get(60))
		require.Equal(t, "000008", term.Status().Batch)
	})
}
