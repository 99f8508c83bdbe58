package acquirer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInquire(t *testing.T) {
	w := newWorld(t)
	ask := func(payee, payer string, amount Fen) (Inquiry, error) {
		return w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: amount, Payee: payee, Payer: payer})
	}
	i, err := ask(payeeNumber, payerNumber, 1234)
	require.NoError(t, err)
	require.Equal(t, "王*明", i.Name)
	require.Len(t, i.Token, 64)
	require.Equal(t, -1, strings.IndexFunc(i.Token, func(r rune) bool { return r < 0x21 || r > 0x7E }))
	for _, c := range []struct {
		payee, payer string
		amount       Fen
		code         ResponseCode
	}{
		{payeeNumber, payerNumber, 1, "00"},
		{payeeNumber, payerNumber, 0, "13"},
		{payeeNumber, payerNumber, -1, "13"},
		{payeeNumber, payerNumber, 10_000_000, "00"},
		{payeeNumber, payerNumber, 10_000_001, "61"},
		{"1380013800", payerNumber, 1, "P1"},
		{"14500138001", payerNumber, 1, "P1"},
		{payeeNumber, "139001390011", 1, "P2"},
		{"1380013800", "1", 1, "P1"}, // the payee's first
		{"13800138002", payerNumber, 1, "P3"},
		{"13800138009", payerNumber, 1, "P3"},
		{"13800139999", payerNumber, 1, "P3"},
	} {
		_, err := ask(c.payee, c.payer, c.amount)
		require.Equal(t, c.code, CodeOf(err), "%+v", c)
	}
	require.Empty(t, w.mem.all(), "phase 1 stores nothing")
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ask := func(payee string) ResponseCode {
			_, err := w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: 1, Payee: payee, Payer: payerNumber})
			return CodeOf(err)
		}
		for range 20 {
			require.Equal(t, CodeApproved, ask(payeeNumber))
		}
		require.Equal(t, CodePayeeNumber, ask("123"), "a bad number is told before the budget is asked")
		require.Equal(t, CodeBudget, ask(payeeNumber))
		time.Sleep(5*time.Minute - time.Second)
		require.Equal(t, CodeBudget, ask(payeeNumber), "12 an hour is one in 5 minutes")
		time.Sleep(time.Second)
		require.Equal(t, CodePayeeUnavailable, ask("13800139999"))
		require.Equal(t, CodeBudget, ask(payeeNumber), "a miss costs 5: the bucket owes 4")
		time.Sleep(20 * time.Minute)
		require.Equal(t, CodeBudget, ask(payeeNumber))
		time.Sleep(5 * time.Minute)
		require.Equal(t, CodeApproved, ask(payeeNumber))
		time.Sleep(1000 * time.Hour)
		for range 4 {
			require.Equal(t, CodePayeeUnavailable, ask("13800139999"))
		}
		require.Equal(t, CodeBudget, ask(payeeNumber), "never more than the capacity")
	})
}

// A hit is given back when its debit is approved: who pays is never throttled.
func TestBudgetIsGivenBack(t *testing.T) {
	w := newWorld(t)
	for i := range STAN(50) {
		tx, err := w.Debit(t.Context(), w.request(t, i+1, 100), nothing)
		require.NoError(t, err)
		require.Equal(t, CodeApproved, tx.Code)
	}
	w.net.authorize = answer("51")
	for i := range STAN(20) {
		_, err := w.Debit(t.Context(), w.request(t, 100+i, 100), nothing)
		require.NoError(t, err)
	}
	_, err := w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: 1, Payee: payeeNumber, Payer: payerNumber})
	require.Equal(t, CodeBudget, CodeOf(err))
}

func TestDebitOutcomes(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  func(context.Context, AuthorizationRequest) (Authorization, error)
		state   State
		code    ResponseCode
		notices int
		owed    int
	}{
		{"approved", answer("00"), Approved, "00", 1, 0},
		{"no funds", answer("51"), Declined, "51", 0, 0},
		{"wrong PIN", answer("55"), Declined, "55", 0, 0},
		{"host 96", answer("96"), Reversing, "98", 0, 1},
		{"host 98", answer("98"), Reversing, "98", 0, 1},
		{"host 68", answer("68"), Reversing, "98", 0, 1},
		{"host A0", answer("A0"), Reversing, "98", 0, 1},
		{"host 94: it has the debit already", answer("94"), Reversing, "98", 0, 1},
		{"link cut", refused(ErrUnknown), Reversing, "98", 0, 1},
		{"wrong MAC", refused(ErrDisbelieved), Reversing, "98", 0, 1},
		{"any other error", refused(errors.New("what")), Reversing, "98", 0, 1},
		{"nothing left", refused(ErrNotSent), Declined, "91", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.net.authorize = func(ctx context.Context, r AuthorizationRequest) (Authorization, error) {
				require.Equal(t, Sent, w.mem.all()[0].State, "durable before a byte leaves")
				return c.answer(ctx, r)
			}
			admitted := 0
			tx, err := w.Debit(t.Context(), w.request(t, 1, 1234), func() { admitted++ })
			require.NoError(t, err)
			require.Equal(t, 1, admitted)
			require.Equal(t, c.code, tx.Code)
			row := w.mem.all()[0]
			require.Equal(t, *tx, row)
			require.Equal(t, c.state, row.State)
			require.Len(t, w.mem.notices, c.notices)
			require.Len(t, w.mem.queue, c.owed)
			require.Equal(t, "王*明", row.PayeeName)
		})
	}
}

func TestDebitRefusals(t *testing.T) {
	malformed, err := NewPINBlock([]byte("malforme"))
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		change func(*testing.T, *world, *DebitRequest)
		code   ResponseCode
		stored bool
	}{
		{"no token", func(_ *testing.T, _ *world, r *DebitRequest) { r.Token = "" }, "P4", true},
		{"altered token", func(_ *testing.T, _ *world, r *DebitRequest) {
			r.Token = r.Token[:20] + string('A'+(r.Token[20]+1)%26) + r.Token[21:]
		}, "P4", true},
		{"other amount", func(_ *testing.T, _ *world, r *DebitRequest) { r.Amount++ }, "P4", true},
		{"other payer", func(_ *testing.T, _ *world, r *DebitRequest) { r.Payer = "13900139002" }, "P4", true},
		{"other payee", func(_ *testing.T, _ *world, r *DebitRequest) { r.Payee = "13800138003" }, "P4", true},
		{"no number", func(_ *testing.T, _ *world, r *DebitRequest) { r.Payee = "12" }, "P4", false},
		{"other terminal", func(_ *testing.T, _ *world, r *DebitRequest) {
			other := *r.Terminal
			other.ID = "10000002"
			r.Terminal = &other
		}, "P4", true},
		{"zero", func(_ *testing.T, _ *world, r *DebitRequest) { r.Amount = 0 }, "13", true},
		{"payee suspended since", func(_ *testing.T, w *world, _ *DebitRequest) { w.mem.payees[0].Status = PayeeSuspended }, "P3", true},
		{"no bank", func(t *testing.T, _ *world, r *DebitRequest) { r.Card = mustPAN(t, "4000000000000002") }, "31", true},
		{"bank without contract", func(t *testing.T, _ *world, r *DebitRequest) { r.Card = mustPAN(t, "6225880000000019") }, "31", true},
		{"PIN block", func(_ *testing.T, _ *world, r *DebitRequest) { r.PIN = malformed }, "99", true},
		{"host down", func(_ *testing.T, w *world, _ *DebitRequest) { w.net.down = errors.New("no link") }, "91", true},
		{"no zone key", func(_ *testing.T, w *world, _ *DebitRequest) { delete(w.mem.zone, UsageZPK) }, "91", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.request(t, 1, 1234)
			c.change(t, w, &r)
			tx, err := w.Debit(t.Context(), r, nothing)
			if !c.stored {
				require.Equal(t, c.code, CodeOf(err))
				require.Empty(t, w.mem.all())
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.code, tx.Code)
			require.Equal(t, Declined, w.mem.all()[0].State)
			debits, _ := w.net.sent()
			require.Zero(t, debits, "nothing is sent")
			again, err := w.Debit(t.Context(), r, nothing)
			require.NoError(t, err)
			require.Equal(t, tx, again, "a repeat gets the stored answer")
		})
	}
}

func TestTokenLife(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		code ResponseCode
	}{{120 * time.Second, "00"}, {120*time.Second + time.Millisecond, "P4"}, {2 * time.Hour, "P4"}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			r := w.request(t, 1, 1234)
			time.Sleep(c.age)
			tx, err := w.Debit(t.Context(), r, nothing)
			require.NoError(t, err)
			require.Equal(t, c.code, tx.Code)
		})
	}
}

func TestTokenMakesOneDebit(t *testing.T) {
	w := newWorld(t)
	r := w.request(t, 1, 1234)
	w.net.authorize = answer("55")
	tx, err := w.Debit(t.Context(), r, nothing)
	require.NoError(t, err)
	require.Equal(t, ResponseCode("55"), tx.Code)

	w.net.authorize = answer("00")
	r.STAN = 2 // after a decline the confirmation may be used again
	tx, err = w.Debit(t.Context(), r, nothing)
	require.NoError(t, err)
	require.Equal(t, CodeApproved, tx.Code)

	r.STAN = 3
	tx, err = w.Debit(t.Context(), r, nothing)
	require.NoError(t, err)
	require.Equal(t, CodeConfirmation, tx.Code)

	_, err = w.Undo(t.Context(), UndoRequest{Terminal: w.term, Batch: 7, STAN: 2, Reason: "98"})
	require.NoError(t, err)
	r.STAN = 4
	tx, err = w.Debit(t.Context(), r, nothing)
	require.NoError(t, err)
	require.Equal(t, CodeConfirmation, tx.Code, "an undone debit has used it up")
}

func TestRepeats(t *testing.T) {
	w := newWorld(t)
	r := w.request(t, 1, 1234)
	first, err := w.Debit(t.Context(), r, nothing)
	require.NoError(t, err)
	again, err := w.Debit(t.Context(), r, nothing)
	require.NoError(t, err)
	require.Equal(t, first, again)
	for name, change := range map[string]func(*DebitRequest){
		"amount": func(r *DebitRequest) { r.Amount++ },
		"payee":  func(r *DebitRequest) { r.Payee = "13800138002" },
		"payer":  func(r *DebitRequest) { r.Payer = "13900139002" },
		"card":   func(r *DebitRequest) { r.Card = mustPAN(t, "6222020000000000026") },
	} {
		other := r
		change(&other)
		_, err := w.Debit(t.Context(), other, nothing)
		require.Equal(t, CodeDuplicate, CodeOf(err), name)
	}
	debits, _ := w.net.sent()
	require.Equal(t, 1, debits)
}

// The second waits for the first and shares its answer, and the terminal's next message need not wait.
func TestRepeatInFlight(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.net.authorize = func(ctx context.Context, r AuthorizationRequest) (Authorization, error) {
		<-release
		return answer("00")(ctx, r)
	}
	r := w.request(t, 1, 1234)
	admitted := make(chan struct{}, 3)
	answers := make(chan *Transaction, 3)
	for range 3 {
		go func() {
			tx, err := w.Debit(context.Background(), r, func() { admitted <- struct{}{} })
			if err != nil {
				tx = nil
			}
			answers <- tx
		}()
		<-admitted // while the first is at the host
	}
	other := r
	other.Amount++
	_, err := w.Debit(t.Context(), other, nothing)
	require.Equal(t, CodeDuplicate, CodeOf(err))
	close(release)
	first := <-answers
	require.NotNil(t, first)
	require.Equal(t, first, <-answers)
	require.Equal(t, first, <-answers)
	debits, _ := w.net.sent()
	require.Equal(t, 1, debits)
}

func TestDeadlineIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.authorize = silence
		w.net.reverse = undone("25")
		r := w.request(t, 1, 1234)
		from := time.Now()
		tx, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		require.Equal(t, CodeNoAnswer, tx.Code)
		require.Equal(t, 30*time.Second, time.Since(from))
		require.Equal(t, Reversing, w.mem.all()[0].State)

		late := Authorization{Code: "00", AuthCode: "LATE01"}
		require.NoError(t, w.LateAnswer(t.Context(), tx.Host, late))
		require.NoError(t, w.LateAnswer(t.Context(), tx.Host, late), "twice")
		require.NoError(t, w.LateAnswer(t.Context(), HostKey{"0101000000", 9}, late), "an answer to nothing")
		row := w.mem.all()[0]
		require.Equal(t, Reversing, row.State, "a late approval never cancels the reversal")
		require.Equal(t, CodeApproved, row.HostCode)
		require.Len(t, w.mem.steps[row.ID], 3)

		w.start(t)
		synctest.Wait()
		require.Equal(t, Reversed, w.mem.all()[0].State)
		require.Empty(t, w.mem.queue)
		again, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		require.Equal(t, CodeNoAnswer, again.Code)
		require.Empty(t, w.mem.notices)
	})
}

func undo(t *testing.T, w *world, stan STAN) *Transaction {
	t.Helper()
	tx, err := w.Undo(t.Context(), UndoRequest{Terminal: w.term, Batch: 7, STAN: stan, Amount: 1234, Reason: "98"})
	require.NoError(t, err)
	return tx
}

func TestUndo(t *testing.T) {
	t.Run("before the debit", func(t *testing.T) {
		w := newWorld(t)
		require.Equal(t, Tombstone, undo(t, w, 1).State)
		require.Equal(t, Tombstone, undo(t, w, 1).State)
		tx, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
		require.NoError(t, err)
		require.Equal(t, CodeNoAnswer, tx.Code)
		debits, _ := w.net.sent()
		require.Zero(t, debits)
		require.Len(t, w.mem.all(), 1)
	})
	t.Run("after an approval", func(t *testing.T) {
		w := newWorld(t)
		r := w.request(t, 1, 1234)
		_, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		require.Equal(t, Reversing, undo(t, w, 1).State)
		require.Equal(t, Reversing, undo(t, w, 1).State)
		require.Len(t, w.mem.queue, 1, "owed once")
		again, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		require.Equal(t, CodeNoAnswer, again.Code)
	})
	t.Run("after a decline", func(t *testing.T) {
		w := newWorld(t)
		w.net.authorize = answer("51")
		_, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
		require.NoError(t, err)
		require.Equal(t, Declined, undo(t, w, 1).State)
		require.Empty(t, w.mem.queue)
	})
}

func TestUndoWhileTheHostWorks(t *testing.T) {
	for _, c := range []struct {
		host  ResponseCode
		state State
	}{{"00", Reversing}, {"51", Declined}, {"96", Reversing}} {
		t.Run("and then says "+string(c.host), func(t *testing.T) {
			w := newWorld(t)
			w.net.authorize = func(ctx context.Context, r AuthorizationRequest) (Authorization, error) {
				tx := undo(t, w, 1)
				require.Equal(t, Sent, tx.State)
				require.True(t, tx.UndoWanted)
				undo(t, w, 1)
				_, reversals := w.net.sent()
				require.Zero(t, reversals, "nothing goes to the host yet")
				return answer(c.host)(ctx, r)
			}
			tx, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
			require.NoError(t, err)
			require.Equal(t, CodeNoAnswer, tx.Code)
			require.Equal(t, c.state, w.mem.all()[0].State)
			require.Empty(t, w.mem.notices)
		})
	}
}

func TestUndoAfterSettlement(t *testing.T) {
	for _, s := range []State{Settled, Paying, Paid} {
		t.Run("after "+s.String(), func(t *testing.T) {
			w := newWorld(t)
			_, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
			require.NoError(t, err)
			row := w.mem.all()[0]
			row.State = s
			w.mem.rows[row.ID] = row
			tx := undo(t, w, 1)
			require.Equal(t, s, tx.State, "nothing moves")
			require.NotEmpty(t, tx.Exception)
			require.Equal(t, CodeApproved, tx.Code)
			undo(t, w, 1)
			require.Empty(t, w.mem.queue)
		})
	}
}

func TestUndoOfYesterday(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		require.Equal(t, Reversing, undo(t, w, 1).State)
		time.Sleep(24 * time.Hour)
		require.Equal(t, Tombstone, undo(t, w, 1).State, "two business days, no more")
	})
}

// A reversal is repeated until the host says 00 or 25, each with its own pause, and a refused one blocks no other.
func TestReversalIsOwedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.authorize = answer("96")
		var at []time.Duration
		start := time.Now()
		w.net.reverse = func(ctx context.Context, r Reversal, tx *Transaction) (ResponseCode, error) {
			if tx.Key.STAN == 2 {
				return "00", nil
			}
			at = append(at, time.Since(start))
			switch len(at) {
			case 1:
				<-ctx.Done()
				return "", ErrUnknown
			case 2:
				return "", ErrNotSent
			case 12:
				return "25", nil
			}
			return "12", nil
		}
		for stan := range STAN(2) {
			_, err := w.Debit(t.Context(), w.request(t, stan+1, 1234), nothing)
			require.NoError(t, err)
		}
		w.start(t)
		time.Sleep(time.Second)
		require.Equal(t, Reversed, w.mem.all()[1].State, "not blocked by the first")
		time.Sleep(time.Hour)
		rows := w.mem.all()
		require.Equal(t, Reversed, rows[0].State)
		require.Contains(t, rows[0].Exception, "unanswered after 6 tries")
		require.Empty(t, rows[1].Exception)
		require.Len(t, at, 12)
		require.GreaterOrEqual(t, at[1]-at[0], 30*time.Second+4500*time.Millisecond)
		for i := 3; i < len(at); i++ {
			require.Greater(t, at[i]-at[i-1], (at[i-1]-at[i-2])/2, "pauses grow")
			require.LessOrEqual(t, at[i]-at[i-1], 331*time.Second)
		}
		hosts := map[HostKey]bool{}
		for _, r := range w.net.reversals {
			if r.Transaction == rows[0].ID {
				hosts[r.Host] = true
			}
		}
		require.Len(t, hosts, 1, "repeats are the same request")
	})
}

// A host that knew no such debit and approves it all the same is for a person, whichever comes first; the answer to the
// terminal stays as it was.
func TestHostContradictsItself(t *testing.T) {
	for _, lateFirst := range []bool{false, true} {
		w := newWorld(t)
		w.net.authorize = refused(ErrUnknown)
		r := w.request(t, 1, 1234)
		tx, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		late := func() {
			require.NoError(t, w.LateAnswer(t.Context(), tx.Host, Authorization{Code: "00", AuthCode: "A1", SettleDate: "1125"}))
		}
		if lateFirst {
			late()
		}
		w.runQueue(t, "25")
		if !lateFirst {
			require.Empty(t, w.mem.all()[0].Exception)
			late()
		}
		row := w.mem.all()[0]
		require.Equal(t, Reversed, row.State)
		require.Contains(t, row.Exception, "knew no such debit")
		again, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		require.Equal(t, []string{"98", "", ""}, []string{string(again.Code), again.AuthCode, again.SettleDate})
	}
}

// A debit gets on the worklist although the move that put it there met another one.
func TestReversalAlarmIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.authorize = answer("96")
		tx, err := w.Debit(t.Context(), w.request(t, 1, 1234), nothing)
		require.NoError(t, err)
		calls := 0
		w.net.reverse = func(context.Context, Reversal, *Transaction) (ResponseCode, error) {
			if calls++; calls == reversalAlarm { // evidence comes between reading the row and moving it
				require.NoError(t, w.LateAnswer(t.Context(), tx.Host, Authorization{Code: "51"}))
			}
			return "12", nil
		}
		w.start(t)
		time.Sleep(20 * time.Minute)
		require.Contains(t, w.mem.all()[0].Exception, "unanswered after 7 tries")
	})
}

func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var wg sync.WaitGroup
		w.net.authorize = silence
		for i := range STAN(3) {
			wg.Go(func() { _, _ = w.Debit(context.Background(), w.request(t, i+1, 1234), nothing) })
		}
		synctest.Wait()
		_, err := w.Undo(t.Context(), UndoRequest{Terminal: w.term, Batch: 7, STAN: 3, Reason: "98"})
		require.NoError(t, err)

		next := newWorld(t, func(c *Config) { c.Journal, c.Directory = w.mem, w.mem }) // the same journal, a new process
		n, err := next.Recover(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, n)
		for _, row := range w.mem.all() {
			require.Equal(t, Reversing, row.State)
			require.Equal(t, CodeNoAnswer, row.Code)
		}
		next.start(t)
		synctest.Wait()
		_, reversals := next.net.sent()
		require.Zero(t, reversals, "the debits may be on their way")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		for _, row := range w.mem.all() {
			require.Equal(t, Reversed, row.State)
		}
		n, err = next.Recover(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
		wg.Wait() // the old process wakes at the deadline and finds its rows taken up
		require.Empty(t, w.mem.queue)
	})
}

// A debit that stays Sent with nobody to wait for it is undone, and a repeat that waits for its answer gets 98.
func TestOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.request(t, 1, 1234)
		row := w.rowIn(t, r, "sent")
		w.start(t)
		begin := time.Now()
		tx, err := w.Debit(t.Context(), r, nothing)
		require.NoError(t, err)
		require.Equal(t, CodeNoAnswer, tx.Code)
		require.GreaterOrEqual(t, time.Since(begin), row.Deadline.Sub(begin)+overdueGrace)
		require.Less(t, time.Since(begin), row.Deadline.Sub(begin)+overdueGrace+overdueEvery+time.Second)
		time.Sleep(time.Second)
		require.Equal(t, Reversed, w.mem.all()[0].State)
		require.Equal(t, EventOverdue, w.mem.steps[row.ID][1].Event)
	})
}

// No answer for what was not written, and the process ends.
func TestStoreErrorEndsTheProcess(t *testing.T) {
	for _, c := range []struct {
		op    string
		state State
	}{{"open", Sent}, {"move", Approved}} {
		t.Run(c.op, func(t *testing.T) {
			w := newWorld(t)
			ended := make(chan error, 1)
			go func() { ended <- w.Run(context.Background()) }()
			r := w.request(t, 1, 1234)
			w.mem.before = func(op string, s State) {
				if op == c.op && s == c.state {
					w.mem.mu.Lock()
					w.mem.broken = errors.New("disk full")
					w.mem.mu.Unlock()
				}
			}
			_, err := w.Debit(t.Context(), r, nothing)
			require.ErrorIs(t, err, ErrStore)
			require.ErrorIs(t, <-ended, ErrStore)
			debits, _ := w.net.sent()
			require.Equal(t, c.op == "move", debits == 1)
		})
	}
}

func TestInFlightLimit(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.InFlight = 1 })
	release := make(chan struct{})
	w.net.authorize = func(ctx context.Context, r AuthorizationRequest) (Authorization, error) {
		<-release
		return answer("00")(ctx, r)
	}
	first, second := w.request(t, 1, 100), w.request(t, 2, 100)
	admitted, done := make(chan struct{}), make(chan error)
	go func() {
		_, err := w.Debit(context.Background(), first, func() { close(admitted) })
		done <- err
	}()
	<-admitted
	_, err := w.Debit(t.Context(), second, nothing)
	require.Equal(t, CodeMalfunction, CodeOf(err))
	close(release)
	require.NoError(t, <-done)
	tx, err := w.Debit(t.Context(), second, nothing)
	require.NoError(t, err)
	require.Equal(t, CodeApproved, tx.Code)
}

// The last numbers of a day are for reversals.
func TestSequenceOfTheDay(t *testing.T) {
	w := newWorld(t)
	w.net.authorize = answer("96")
	w.mem.seq[DateOf(time.Now())] = maxDebitSequence - 1
	tx, err := w.Debit(t.Context(), w.request(t, 1, 100), nothing)
	require.NoError(t, err)
	require.Equal(t, int64(maxDebitSequence), tx.ID.Sequence())
	require.Len(t, w.mem.queue, 1)
	_, err = w.Debit(t.Context(), w.request(t, 2, 100), nothing)
	require.Equal(t, CodeMalfunction, CodeOf(err))
}

func TestIdentify(t *testing.T) {
	w := newWorld(t)
	add := func(id TerminalID, line string, blocked bool) {
		w.mem.terminals[id] = Terminal{ID: id, Merchant: "898110000000001", Line: line, Blocked: blocked}
	}
	add("10000002", "01088886666", false)
	add("10000003", "", true)
	for _, c := range []struct {
		id   TerminalID
		mid  MerchantID
		line string
		code ResponseCode
	}{
		{"10000001", "898110000000001", "", "00"},
		{"10000001", "898110000000001", "0000075588318355", "00"}, // no line registered: any is right
		{"10000009", "898110000000001", "", "97"},
		{"10000001", "898110000000002", "", "03"},
		{"10000002", "898110000000001", "", "P5"},
		{"10000002", "898110000000001", "0000001088886666", "00"},
		{"10000002", "898110000000001", "0000001088886667", "P5"},
		{"10000003", "898110000000001", "", "58"},
	} {
		_, err := w.Identify(t.Context(), Caller{c.id, c.mid, c.line})
		require.Equal(t, c.code, CodeOf(err), "%+v", c)
	}
}

func TestSignOn(t *testing.T) {
	for _, c := range []struct {
		kind          SignOnKind
		profile       Profile
		code          ResponseCode
		pik, mak, tdk int
	}{
		{"003", Profile{}, "00", 16, 16, 0},
		{"004", Profile{}, "00", 16, 16, 16},
		{"003", Profile{SingleMAK: true}, "00", 16, 8, 0},
		{"004", Profile{SingleMAK: true}, "00", 16, 8, 16},
		{"001", Profile{}, "40", 0, 0, 0},
		{"001", Profile{SingleDES: true}, "00", 8, 8, 0},
		{"001", Profile{SingleMAK: true}, "40", 0, 0, 0},
		{"006", Profile{}, "40", 0, 0, 0},
		{"006", Profile{SingleDES: true}, "40", 0, 0, 0},
		{"006", Profile{SM4: true}, "00", 17, 17, 0}, // 17 bytes are an SM4 key to the stand-in of the module
		{"003", Profile{SM4: true}, "40", 0, 0, 0},
		{"004", Profile{SM4: true}, "40", 0, 0, 0},
		{"001", Profile{SM4: true, SingleDES: true}, "40", 0, 0, 0},
		{"", Profile{}, "40", 0, 0, 0},
	} {
		w := newWorld(t)
		w.term.Profile = c.profile
		w.term.Profile.MAC = MACECB
		a, err := w.SignOn(t.Context(), w.term, c.kind)
		require.Equal(t, c.code, CodeOf(err), "%+v", c)
		if err != nil {
			require.Equal(t, 7, w.mem.terminals[w.term.ID].Session.Batch, "nothing changed")
			continue
		}
		require.Equal(t, 8, a.Batch)
		require.Equal(t, []int{c.pik, c.mak, c.tdk}, []int{len(a.PIK.Enciphered), len(a.MAK.Enciphered), len(a.TDK.Enciphered)})
		require.Equal(t, w.term.Session, w.mem.terminals[w.term.ID].Session)
	}
	require.Equal(t, 1, Session{Batch: 999999}.NextBatch())
}

func TestAuthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		data := []byte("0200...")
		old := w.term.Session.MAK
		mac, err := w.HSM.MAC(old, MACECB, data)
		require.NoError(t, err)
		check := func(mac [8]byte) ResponseCode {
			_, err := w.Authenticate(w.term, data, mac, time.Now())
			return CodeOf(err)
		}
		require.Equal(t, CodeApproved, check(mac))
		require.Equal(t, CodeMAC, check([8]byte{1}))
		_, err = w.SignOn(t.Context(), w.term, SignOnDouble)
		require.NoError(t, err)
		time.Sleep(OldKeyLife - time.Nanosecond)
		require.Equal(t, CodeApproved, check(mac), "in flight across a sign-on")
		key, err := w.Authenticate(w.term, data, mac, time.Now())
		require.NoError(t, err)
		require.Equal(t, old, key)
		time.Sleep(time.Nanosecond)
		require.Equal(t, CodeMAC, check(mac))
		require.Equal(t, CodeSignOn, CodeOf(w.CheckBatch(w.term, 7)))
		require.NoError(t, w.CheckBatch(w.term, 8))
		require.NoError(t, w.SignOff(t.Context(), w.term))
		require.Equal(t, CodeSignOn, check(mac))
		require.Equal(t, 8, w.mem.terminals[w.term.ID].Session.Batch, "the batch outlives sign-off")
	})
}

// Many terminals at once, each with repeats and undos: every payment ends in exactly one known way.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Budget.Capacity = 1_000_000 })
	w.net.authorize = func(ctx context.Context, r AuthorizationRequest) (Authorization, error) {
		return answer([]ResponseCode{"00", "51", "96", "00"}[r.Transaction.Key.STAN%4])(ctx, r)
	}
	w.start(t)
	var wg sync.WaitGroup
	for i := range STAN(200) {
		wg.Go(func() {
			r := w.request(t, i+1, 100)
			var again sync.WaitGroup
			again.Go(func() { _, _ = w.Debit(context.Background(), r, nothing) })
			tx, err := w.Debit(context.Background(), r, nothing)
			again.Wait()
			if err != nil || tx.Code == "" {
				panic(fmt.Sprint("no answer: ", err))
			}
			if i%3 == 0 {
				_, err = w.Undo(context.Background(), UndoRequest{Terminal: w.term, Batch: 7, STAN: i + 1, Reason: "98"})
				if err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool {
		for _, r := range w.mem.all() {
			if r.State == Reversing || r.State == Sent {
				return false
			}
		}
		return true
	}, 10*time.Second, 5*time.Millisecond)
	debits, _ := w.net.sent()
	require.Equal(t, 200, debits)
	require.Len(t, w.mem.all(), 200)
}
