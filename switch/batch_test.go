package acquirer

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// totals are those of debits in fen, all of domestic cards.
func totals(amounts ...Fen) (t BatchTotals) {
	for _, a := range amounts {
		t.Debits = t.Debits.plus(BatchSum{1, a})
	}
	return t
}

// terminal returns the world's terminal as the store has it now.
func (w *world) terminal(t testing.TB) *Terminal {
	term, err := w.mem.Terminal(t.Context(), w.term.ID)
	require.NoError(t, err)
	return term
}

// close sends batch totals, signed, in the batch of the session.
func (w *world) close(t testing.TB, stan STAN, said BatchTotals) *Batch {
	term := w.terminal(t)
	b, err := w.CloseBatch(t.Context(), CloseRequest{Terminal: term, Batch: term.Session.Batch, STAN: stan, Domestic: said, Signed: true})
	require.NoError(t, err)
	return b
}

// upload closes the batch of the session by totals that do not agree and the lines, signed.
func (w *world) upload(t testing.TB, lines ...BatchLine) {
	require.False(t, w.close(t, 900, totals(1, 1, 1, 1, 1)).Agreed())
	term := w.terminal(t)
	if len(lines) > 0 {
		require.NoError(t, w.UploadBatch(t.Context(), UploadRequest{Terminal: term, Batch: term.Session.Batch, Lines: lines, Signed: true}))
	}
	require.NoError(t, w.EndBatch(t.Context(), EndRequest{Terminal: term, Batch: term.Session.Batch, Count: len(lines), Signed: true}))
}

// paid makes an approved debit in the batch of the session.
func (w *world) paid(t testing.TB, stan STAN, amount Fen) *Transaction {
	r := w.request(t, stan, amount)
	r.Terminal = w.terminal(t)
	r.Batch = r.Terminal.Session.Batch
	tx, err := w.Debit(t.Context(), r, nothing)
	require.NoError(t, err)
	require.Equal(t, Approved, tx.State)
	return tx
}

func (w *world) row(t testing.TB, tx *Transaction) *Transaction {
	now, err := w.mem.Get(t.Context(), tx.ID)
	require.NoError(t, err)
	return now
}

func (w *world) signOnAgain(t testing.TB) {
	_, err := w.SignOn(t.Context(), w.terminal(t), SignOnDouble)
	require.NoError(t, err)
}

func TestBatchAgreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		one, two := w.paid(t, 1, 100), w.paid(t, 2, 250)
		undone := w.paid(t, 3, 999)
		undo(t, w, 3)
		b := w.close(t, 4, totals(100, 250))
		require.True(t, b.Agreed())
		require.Equal(t, BatchClosed, b.State)
		require.Equal(t, BatchSum{2, 350}, b.Ours)
		require.True(t, w.row(t, one).Confirmed)
		require.True(t, w.row(t, two).Confirmed)
		require.False(t, w.row(t, undone).Confirmed)
		require.Equal(t, Reversing, w.row(t, undone).State)
		require.Equal(t, EventListed, w.mem.steps[one.ID][2].Event)

		// The batch is closed: nothing new in it, but what was answered is answered again.
		r := w.request(t, 5, 1)
		r.Terminal = w.terminal(t)
		_, err := w.Debit(t.Context(), r, nothing)
		require.Equal(t, CodeSignOn, CodeOf(err))
		_, err = w.Inquire(t.Context(), InquiryRequest{Terminal: r.Terminal, Amount: 1, Payee: payeeNumber, Payer: payerNumber})
		require.Equal(t, CodeSignOn, CodeOf(err))

		// An undo is honoured until the payment is settled.
		undo(t, w, 1)
		require.Equal(t, Reversing, w.row(t, one).State)
		w.signOnAgain(t)
		w.paid(t, 6, 1)
	})
}

// The answer to a 0500 is the same when it comes again: after the batch was closed, after a restart, after a sign-on. Other
// totals for a closed batch change nothing.
func TestBatchRepeated(t *testing.T) {
	for _, v := range []struct {
		name   string
		said   BatchTotals
		agreed bool
	}{
		{"agreed", totals(100), true},
		{"not agreed", totals(101), false},
		{"empty, not agreed", totals(), false},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.paid(t, 1, 100)
				first := w.close(t, 2, v.said)
				require.Equal(t, v.agreed, first.Agreed())
				old := w.terminal(t)
				time.Sleep(time.Minute)
				w.Switch = New(w.Config) // a restart
				_, err := w.Recover(t.Context())
				require.NoError(t, err)
				w.signOnAgain(t)
				again, err := w.CloseBatch(t.Context(), CloseRequest{Terminal: w.terminal(t), Batch: old.Session.Batch, STAN: 2, Domestic: v.said, Signed: true})
				require.NoError(t, err)
				require.Equal(t, first, again)

				// Other totals: of an open batch of an older number 77, of a closed one not agreed.
				other, err := w.CloseBatch(t.Context(), CloseRequest{Terminal: w.terminal(t), Batch: old.Session.Batch, STAN: 3, Domestic: totals(5), Signed: true})
				if !v.agreed {
					require.Equal(t, CodeSignOn, CodeOf(err))
					return
				}
				require.NoError(t, err)
				require.False(t, other.Agreed())
				stored, err := w.mem.Batch(t.Context(), first.Key, 0)
				require.NoError(t, err)
				require.Equal(t, first, stored)
			})
		})
	}
}

// What agrees: the debits of the number alone, or all since the batch closed before; the classes of cards together.
func TestBatchTotals(t *testing.T) {
	own, all := BatchSum{1, 10}, BatchSum{3, 60}
	said := func(s BatchSum) BatchTotals { return BatchTotals{Debits: s} }
	for _, v := range []struct {
		name              string
		domestic, foreign BatchTotals
		agrees, abroad    bool
		ours              BatchSum
	}{
		{"own", said(own), BatchTotals{}, true, true, own},
		{"all", said(all), BatchTotals{}, true, true, all},
		{"classes together", said(BatchSum{1, 20}), said(BatchSum{2, 40}), true, true, all},
		{"one too many", said(BatchSum{2, 10}), BatchTotals{}, false, true, own},
		{"a fen too much", said(BatchSum{1, 11}), BatchTotals{}, false, true, own},
		{"a fen too little", said(BatchSum{1, 9}), BatchTotals{}, false, true, own},
		{"nothing", BatchTotals{}, BatchTotals{}, false, true, own},
		{"foreign differs", said(own), said(BatchSum{1, 1}), false, false, own},
		{"credits", BatchTotals{Debits: own, Credits: BatchSum{1, 1}}, BatchTotals{}, false, true, own},
		{"foreign credits", said(own), BatchTotals{Credits: BatchSum{0, 1}}, false, false, own},
	} {
		t.Run(v.name, func(t *testing.T) {
			b := Batch{Domestic: v.domestic, Foreign: v.foreign}
			b.judgeTotals(own, all)
			require.Equal(t, v.agrees, b.DomesticAgrees)
			require.Equal(t, v.abroad, b.ForeignAgrees)
			require.Equal(t, v.agrees, b.Agreed())
			require.Equal(t, v.ours, b.Ours)
		})
	}
}

// A terminal that signed on in between counts the debits of both numbers, or those of the last alone.
func TestBatchOverSignOns(t *testing.T) {
	for _, v := range []struct {
		name          string
		said          BatchTotals
		before, after bool // confirmed
	}{
		{"all", totals(100, 200), true, true},
		{"the last number alone", totals(200), false, true},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				closed := w.paid(t, 1, 50)
				require.True(t, w.close(t, 2, totals(50)).Agreed())
				time.Sleep(time.Second)
				w.signOnAgain(t)
				before := w.paid(t, 3, 100)
				w.signOnAgain(t)
				after := w.paid(t, 4, 200)
				require.True(t, w.close(t, 5, v.said).Agreed())
				require.Equal(t, v.before, w.row(t, before).Confirmed)
				require.Equal(t, v.after, w.row(t, after).Confirmed)
				require.True(t, w.row(t, closed).Confirmed)
			})
		})
	}
}

// An upload confirms what it lists, undoes what it does not, and has people look at the rest.
func TestBatchUpload(t *testing.T) {
	for _, v := range []struct {
		name   string
		signed bool
		state  State
		why    string
	}{
		{"signed", true, Reversing, ""},
		{"unsigned", false, Approved, exceptionUnsigned},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				listed, missing, amount, card := w.paid(t, 1, 100), w.paid(t, 2, 200), w.paid(t, 3, 300), w.paid(t, 4, 400)
				undone := w.paid(t, 5, 500)
				undo(t, w, 5)
				pan, other := mustPAN(t, payerCard), mustPAN(t, "6225880000000019")
				require.False(t, w.close(t, 8, totals(1)).Agreed())
				term := w.terminal(t)
				r := UploadRequest{Terminal: term, Batch: 7, Signed: true, Lines: []BatchLine{{1, pan, 100}, {3, pan, 301}, {4, other, 400}}}
				require.NoError(t, w.UploadBatch(t.Context(), r))
				require.NoError(t, w.UploadBatch(t.Context(), r)) // again: nothing is there twice
				r.Lines, r.Signed = []BatchLine{{5, pan, 500}, {77, pan, 7}}, v.signed
				require.NoError(t, w.UploadBatch(t.Context(), r))

				end := EndRequest{Terminal: term, Batch: 7, Count: 4, Signed: true}
				for _, bad := range []func(*EndRequest){func(e *EndRequest) { e.Count = 4 }, func(e *EndRequest) { e.Count = 6 },
					func(e *EndRequest) { e.Count, e.Even = 5, true }} {
					bad(&end)
					require.Equal(t, CodeReconcile, CodeOf(w.EndBatch(t.Context(), end)))
				}
				require.False(t, w.row(t, listed).Confirmed)
				require.False(t, w.terminal(t).Session.Closed)
				end.Count, end.Even = 5, false
				require.NoError(t, w.EndBatch(t.Context(), end))
				require.NoError(t, w.EndBatch(t.Context(), end))
				require.NoError(t, w.UploadBatch(t.Context(), r)) // late: taken, and changes nothing

				require.True(t, w.terminal(t).Session.Closed)
				require.True(t, w.row(t, listed).Confirmed)
				require.Equal(t, [2]any{v.state, v.why}, [2]any{w.row(t, missing).State, w.row(t, missing).Exception})
				require.Equal(t, exceptionAmount, w.row(t, amount).Exception)
				require.Equal(t, exceptionCard, w.row(t, card).Exception)
				require.Equal(t, [2]any{Reversing, exceptionListed}, [2]any{w.row(t, undone).State, w.row(t, undone).Exception})
				require.False(t, w.row(t, amount).Confirmed)
				strays, err := w.mem.Strays(t.Context(), DateOf(time.Now()), 10)
				require.NoError(t, err)
				require.Equal(t, []Stray{{BatchKey{term.Merchant, term.ID, 7}, 77, 7}}, strays)
			})
		})
	}
}

func TestBatchUploadOfNothing(t *testing.T) {
	w := newWorld(t)
	r := UploadRequest{Terminal: w.term, Batch: 7, Lines: []BatchLine{{1, mustPAN(t, payerCard), 1}}, Signed: true}
	require.Equal(t, CodeReconcile, CodeOf(w.UploadBatch(t.Context(), r)))
	require.Equal(t, CodeReconcile, CodeOf(w.EndBatch(t.Context(), EndRequest{Terminal: w.term, Batch: 7})))
	_, err := w.CloseBatch(t.Context(), CloseRequest{Terminal: w.term, Batch: 8})
	require.Equal(t, CodeSignOn, CodeOf(err))
}

// What was said without F64 does not keep the terminal from saying otherwise with it.
func TestBatchSignedOutweighsUnsigned(t *testing.T) {
	w := newWorld(t)
	tx := w.paid(t, 1, 100)
	forged := CloseRequest{Terminal: w.terminal(t), Batch: 7, STAN: 50, Domestic: totals()}
	b, err := w.CloseBatch(t.Context(), forged)
	require.NoError(t, err)
	require.False(t, b.Agreed())
	require.NoError(t, w.EndBatch(t.Context(), EndRequest{Terminal: w.terminal(t), Batch: 7}))
	require.Equal(t, [2]any{Approved, exceptionUnsigned}, [2]any{w.row(t, tx).State, w.row(t, tx).Exception})
	require.True(t, w.close(t, 2, totals(100)).Agreed())
	require.True(t, w.row(t, tx).Confirmed)
	b, err = w.CloseBatch(t.Context(), forged)
	require.NoError(t, err)
	require.False(t, b.Agreed(), "closed by a signed word")
	require.Equal(t, BatchClosed, w.close(t, 2, totals(100)).State)
}

// One more line than a batch may have is refused, the last that it may have is not.
func TestBatchLimit(t *testing.T) {
	w := newWorld(t)
	b := w.close(t, 1, totals(1))
	for i := range MaxBatchLines - 1 {
		w.mem.book.lines[b.Key] = append(w.mem.book.lines[b.Key], ListedLine{STAN: STAN(100 + i), Verdict: LineUnknown})
	}
	r := UploadRequest{Terminal: w.term, Batch: 7, Lines: []BatchLine{{1, mustPAN(t, payerCard), 1}}, Signed: true}
	require.NoError(t, w.UploadBatch(t.Context(), r))
	r.Lines[0].STAN = 2
	require.Equal(t, CodeReconcile, CodeOf(w.UploadBatch(t.Context(), r)))
}

// A debit that the host has not answered is not counted. When the batch closes without it, it is undone.
func TestBatchMeetsDebitAtHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.authorize = silence
		r := w.request(t, 1, 100)
		admitted, done := make(chan struct{}), make(chan *Transaction, 1)
		go func() {
			tx, err := w.Debit(t.Context(), r, func() { close(admitted) })
			require.NoError(t, err)
			done <- tx
		}()
		<-admitted
		require.True(t, w.close(t, 2, totals()).Agreed())
		require.True(t, w.mem.all()[0].UndoWanted)
		tx := <-done
		require.Equal(t, [2]any{Reversing, CodeNoAnswer}, [2]any{tx.State, tx.Code})
	})
}

// A crash in the middle of closing: what was durable is gone on with at the next start.
func TestBatchCrash(t *testing.T) {
	power := errors.New("power cut")
	for writes := range 6 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			rows := []*Transaction{w.paid(t, 1, 100), w.paid(t, 2, 200), w.paid(t, 3, 300)}
			n := 0
			w.mem.before = func(string, State) {
				w.mem.mu.Lock()
				defer w.mem.mu.Unlock()
				if n++; n > writes && w.mem.broken == nil {
					w.mem.broken = power
				}
			}
			term := w.terminal(t)
			r := CloseRequest{Terminal: term, Batch: 7, STAN: 4, Domestic: totals(100, 200, 300), Signed: true}
			_, err := w.CloseBatch(t.Context(), r)
			require.Equal(t, writes < 5, errors.Is(err, ErrStore))
			w.mem.before, w.mem.broken = nil, nil
			w.Switch = New(w.Config)
			_, err = w.Recover(t.Context())
			require.NoError(t, err)
			for _, tx := range rows {
				require.Equal(t, writes > 0, w.row(t, tx).Confirmed, "%d writes", writes)
			}
			b, err := w.CloseBatch(t.Context(), r)
			require.NoError(t, err)
			require.True(t, b.Agreed())
			for _, tx := range rows {
				require.True(t, w.row(t, tx).Confirmed)
				require.Len(t, w.mem.steps[tx.ID], 3)
			}
		})
	}
}

// An upload lists debits of the numbers before, too, which a sign-on gave in between. Of those it does not undo what it leaves out:
// the terminal may have done with them.
func TestBatchUploadOverSignOns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		listed, left := w.paid(t, 1, 100), w.paid(t, 2, 200)
		time.Sleep(36 * time.Hour)
		w.signOnAgain(t)
		missing := w.paid(t, 3, 300)
		w.upload(t, BatchLine{1, mustPAN(t, payerCard), 100})
		require.True(t, w.row(t, listed).Confirmed)
		require.Equal(t, [2]any{Approved, false}, [2]any{w.row(t, left).State, w.row(t, left).Confirmed})
		require.Equal(t, Reversing, w.row(t, missing).State)
	})
}

// What a batch does to a debit, in every state: what the worklist gets, and what is confirmed.
func TestBatchMoves(t *testing.T) {
	type result struct {
		state           State
		confirmed, undo bool
		why             string
	}
	for _, v := range []struct {
		state                      State
		listed, unlisted, unsigned result
	}{
		{Declined, result{Declined, false, false, exceptionListed}, result{state: Declined}, result{state: Declined}},
		{Sent, result{Sent, false, false, exceptionAtHost}, result{Sent, false, true, ""}, result{Sent, false, false, exceptionUnsigned}},
		{Approved, result{Approved, true, false, ""}, result{state: Reversing}, result{Approved, false, false, exceptionUnsigned}},
		{Reversing, result{Reversing, false, false, exceptionListed}, result{state: Reversing}, result{state: Reversing}},
		{Reversed, result{Reversed, false, false, exceptionListed}, result{state: Reversed}, result{state: Reversed}},
		{Tombstone, result{Tombstone, false, false, exceptionListed}, result{state: Tombstone}, result{state: Tombstone}},
		{Settled, result{state: Settled}, result{Settled, false, false, exceptionUnlisted}, result{Settled, false, false, exceptionUnlisted}},
		{Paying, result{state: Paying}, result{Paying, false, false, exceptionUnlisted}, result{Paying, false, false, exceptionUnlisted}},
		{Paid, result{state: Paid}, result{Paid, false, false, exceptionUnlisted}, result{Paid, false, false, exceptionUnlisted}},
	} {
		t.Run(v.state.String(), func(t *testing.T) {
			w := newWorld(t)
			now := time.Now()
			for _, c := range []struct {
				want result
				move mover
			}{
				{v.listed, slipHeld},
				{v.unlisted, func(tx *Transaction, now time.Time) (*Transaction, Change, error) {
					return w.unlisted(tx, &Batch{Signed: true}, now)
				}},
				{v.unsigned, func(tx *Transaction, now time.Time) (*Transaction, Change, error) {
					return w.unlisted(tx, &Batch{}, now)
				}},
			} {
				tx := &Transaction{State: v.state}
				next, change, err := c.move(tx, now)
				require.NoError(t, err)
				if next == nil {
					next = tx
				}
				require.Equal(t, c.want, result{next.State, next.Confirmed, next.UndoWanted, next.Exception})
				require.True(t, MayMove(v.state, next.State))
				require.Equal(t, v.state == Approved && next.State == Reversing, change.Reversal != nil)

				tx.Exception = "another reason"
				if next, _, err = c.move(tx, now); next != nil {
					require.Equal(t, tx.Exception, next.Exception)
				}
				require.NoError(t, err)
			}
		})
	}
}
