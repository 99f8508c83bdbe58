package emulator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

// What each answer to a debit means: for the payment, and for the reversal record.
func TestDebitAnswers(t *testing.T) {
	for _, v := range []struct {
		name    string
		script  func(*call)
		outcome Outcome
		code    string
		undo    string // F39 of the 0400 that follows; "": none does
		cause   error
	}{
		{"00", (*call).honest, Approved, "00", "", nil},
		{"11", alter(func(m *pos.Message) { m.Set(39, "11") }), Approved, "11", "", nil},
		{"A2", alter(func(m *pos.Message) { m.Set(39, "A2") }), Approved, "A2", "", nil},
		{"no F2", alter(func(m *pos.Message) { m.Unset(2) }), Approved, "00", "", nil},
		{"51", refuse("51"), Refused, "51", "", nil},
		{"P4", refuse("P4"), Refused, "P4", "", nil},
		{"91", refuse("91"), Refused, "91", "", nil},
		{"94 is another debit's number", refuse("94"), Refused, "94", "", nil},
		{"98", refuse("98"), Unknown, "98", "98", ErrOutcomeUnknown},
		{"96", refuse("96"), Unknown, "96", "98", ErrOutcomeUnknown},
		{"68", refuse("68"), Unknown, "68", "98", ErrOutcomeUnknown},
		{"09", refuse("09"), Unknown, "09", "98", ErrOutcomeUnknown},
		{"silence", silent, Unknown, "", "98", ErrNoAnswer},
		{"connection lost", hangUp, Unknown, "", "98", ErrNoAnswer},
		{"wrong F64", alter(func(m *pos.Message) { m.SetBytes(64, []byte("00000000")) }), Unknown, "", "A0", ErrBadAnswer},
		{"no F64", unsigned("00"), Unknown, "", "A0", ErrBadAnswer},
		{"refusal without F64", unsigned("51"), Unknown, "", "A0", ErrBadAnswer},
		{"terminal unknown, unsigned", unsigned("97"), Unknown, "", "A0", ErrBadAnswer},
		{"other amount", alter(func(m *pos.Message) { m.Set(4, "000000001235") }), Unknown, "00", "06", ErrBadAnswer},
		{"no amount", alter(func(m *pos.Message) { m.Unset(4) }), Unknown, "00", "06", ErrBadAnswer},
		{"other card", alter(func(m *pos.Message) { m.Set(2, "6222020000000000026") }), Unknown, "00", "06", ErrBadAnswer},
		{"other merchant", alter(func(m *pos.Message) { m.Set(42, "898110000000001") }), Unknown, "00", "06", ErrBadAnswer},
	} {
		t.Run(v.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				d.on("0200", v.script)
				ui := rightPIN()
				r, err := term.Pay(t.Context(), testPayment(), ui)
				require.Equal(t, v.outcome, r.Outcome)
				require.Equal(t, v.code, r.Code)
				require.Equal(t, v.outcome == Approved, err == nil)
				require.Equal(t, v.outcome == Approved, len(term.Receipts()) == 1)
				if v.cause != nil {
					require.ErrorIs(t, err, v.cause)
				}
				if v.outcome != Approved && v.code != "" && v.code != "00" {
					require.Equal(t, []string{v.code + " 说明" + v.code}, ui.shown)
				}
				sent := d.requests()
				if v.undo == "" {
					require.Len(t, sent, 3)
					require.False(t, r.Undone)
				} else {
					require.Equal(t, v.undo, d.last("0400").Get(39))
					require.Equal(t, "0400 000003", sent[3])
					require.True(t, r.Undone)
				}
				require.Empty(t, term.Status().UndoOwed)
			})
		})
	}
}

// A frame that answers something else is thrown away, and the true answer is still taken.
func TestForeignAnswersAreIgnored(t *testing.T) {
	for _, v := range []struct {
		name   string
		change func(m *pos.Message)
	}{
		{"TPDU not exchanged", func(m *pos.Message) {
			e := m.Envelope()
			e.TPDU = pos.DefaultEnvelope().TPDU
			m.SetEnvelope(e)
		}},
		{"TPDU of somebody else", func(m *pos.Message) {
			e := m.Envelope()
			e.TPDU[4] ^= 1
			m.SetEnvelope(e)
		}},
		{"other F11", func(m *pos.Message) { m.Set(11, "000002") }},
		{"no F11", func(m *pos.Message) { m.Unset(11) }},
		{"other F41", func(m *pos.Message) { m.Set(41, "10000001") }},
		{"other type", func(m *pos.Message) { m.Set(0, "0110") }},
		{"request echoed", func(m *pos.Message) { m.Set(0, "0200") }},
		{"no F39", func(m *pos.Message) { m.Unset(39) }},
	} {
		t.Run(v.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				foreign := alter(func(m *pos.Message) { m.Set(39, "51"); v.change(m) })
				d.on("0200", func(c *call) { foreign(c); c.honest() }, foreign)
				r, err := term.Pay(t.Context(), testPayment(), rightPIN())
				require.NoError(t, err)
				require.Equal(t, Approved, r.Outcome)

				start := time.Now()
				r, err = term.Pay(t.Context(), testPayment(), rightPIN())
				require.ErrorIs(t, err, ErrNoAnswer)
				require.Equal(t, Unknown, r.Outcome)
				require.Equal(t, DefaultAnswerTimeout, time.Since(start))
			})
		})
	}
}

func TestUnreadableFramesAreIgnored(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		d.on("0100", func(c *call) {
			c.write(make([]byte, 21))
			c.write(append(make([]byte, 100), 0xFF))
			c.honest()
		})
		_, err := term.Inquire(t.Context(), testPayee, testPayer, 1, "")
		require.NoError(t, err)
	})
}

// Frames without end do not keep the terminal for ever, and a length out of range ends the connection.
func TestHostileLine(t *testing.T) {
	for name, script := range map[string]func(*call){
		"flood": func(c *call) {
			for range maxStrays {
				c.write(make([]byte, 21))
			}
		},
		"length": func(c *call) { c.write(make([]byte, 20)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				d.on("0100", script)
				start := time.Now()
				_, err := term.Inquire(t.Context(), testPayee, testPayer, 1, "")
				require.ErrorIs(t, err, ErrNoAnswer)
				require.Zero(t, time.Since(start))
			})
		})
	}
}

func TestAnswerTimeout(t *testing.T) {
	later := func(wait time.Duration) func(*call) {
		return func(c *call) { time.AfterFunc(wait, c.honest) }
	}
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		d.on("0200", later(DefaultAnswerTimeout-time.Millisecond), later(DefaultAnswerTimeout+time.Millisecond))
		start := time.Now()
		r, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)
		require.Equal(t, Approved, r.Outcome)
		require.Equal(t, DefaultAnswerTimeout-time.Millisecond, time.Since(start))

		start = time.Now()
		r, err = term.Pay(t.Context(), testPayment(), rightPIN())
		require.ErrorIs(t, err, ErrNoAnswer)
		require.Equal(t, Unknown, r.Outcome)
		require.True(t, r.Undone)
		require.Equal(t, DefaultAnswerTimeout, time.Since(start))
		require.Equal(t, "98", d.last("0400").Get(39))
		time.Sleep(time.Second) // the late answer goes to a connection that is no more
		synctest.Wait()
		require.Len(t, d.conns, 2)
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		ctx, cancel := context.WithCancel(t.Context())
		d.on("0200", func(*call) { cancel() })
		r, err := term.Pay(ctx, testPayment(), rightPIN())
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, Unknown, r.Outcome)
		require.False(t, r.Undone)
		require.Equal(t, "000003", term.Status().UndoOwed)
		_, err = term.Pay(ctx, testPayment(), rightPIN())
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestWrongPIN(t *testing.T) {
	const wrong = "111111"
	refusals := func(n int) (all []func(*call)) {
		for range n {
			all = append(all, refuse("55"))
		}
		return all
	}
	for _, v := range []struct {
		name    string
		pins    []string
		wrong   int // refusals
		outcome Outcome
		debits  int
		shown   int
	}{
		{"second right", []string{wrong, testPIN}, 1, Approved, 2, 1},
		{"third right", []string{wrong, wrong, testPIN}, 2, Approved, 3, 2},
		{"three wrong", []string{wrong, wrong, wrong, testPIN}, 3, Refused, 3, 3},
		{"gives up after one", []string{wrong}, 1, Refused, 1, 1},
	} {
		t.Run(v.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				d.on("0200", refusals(v.wrong)...)
				ui := &testUI{pins: v.pins}
				r, err := term.Pay(t.Context(), testPayment(), ui)
				require.Equal(t, v.outcome, r.Outcome)
				require.Len(t, ui.shown, v.shown)
				if v.outcome == Refused {
					require.Equal(t, "55", phaseOf(t, err).Code)
					require.Equal(t, "55", r.Code)
				}
				want := []string{"0800 000001", "0100 000002", "0200 000003", "0200 000004", "0200 000005"}
				require.Equal(t, want[:2+v.debits], d.requests())
				require.Equal(t, testToken, tokenOf(d.last("0200")))
			})
		})
	}
}

func tokenOf(m *pos.Message) string {
	token, _ := answer{msg: m}.element(pos.TagToken)
	return token
}

func TestPINNeverKeyed(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		r, err := term.Pay(t.Context(), testPayment(), &testUI{})
		require.ErrorIs(t, err, ErrCancelled)
		require.Equal(t, Refused, r.Outcome)
		require.Len(t, d.requests(), 2)
	})
}

// A PIN that fits no block ends the payment before anything is sent or on record.
func TestPINLength(t *testing.T) {
	for pin, good := range map[string]bool{"123": false, "1234": true, "123456": true, "123456789012": true, "1234567890123": false, "12345a": false} {
		inBubble(t, func(t *testing.T, d *double, term *Terminal) {
			r, err := term.Pay(t.Context(), testPayment(), &testUI{pins: []string{pin}})
			require.Equal(t, good, err == nil, pin)
			require.Equal(t, good, r.Outcome == Approved)
			if good && len(pin) > 6 {
				require.Equal(t, "12", d.last("0200").Get(26))
			}
			require.Empty(t, term.Status().UndoOwed)
		})
	}
}

func TestConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		d.down = errors.New("no route")
		r, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.ErrorIs(t, err, ErrConnect)
		require.Equal(t, PhaseSignOn, phaseOf(t, err).Phase)
		require.Equal(t, Refused, r.Outcome)
		require.Equal(t, 1, term.Status().NextSTAN) // nothing was sent

		d.down = nil
		_, err = term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)
		require.Len(t, d.conns, 1)
		_, err = term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)
		require.Len(t, d.conns, 1) // still the same one

		require.NoError(t, d.conns[0].Close()) // while idle
		synctest.Wait()
		_, err = term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)
		require.Len(t, d.conns, 2)
	})
}

// When the connection goes between the phases, the debit is not sent and nothing is owed.
func TestConnectionGoneBeforeDebit(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		q, err := term.Inquire(t.Context(), testPayee, testPayer, 1234, "")
		require.NoError(t, err)
		d.down = errors.New("no route")
		require.NoError(t, d.conns[0].Close())
		synctest.Wait()
		before := term.Status()
		r, err := term.Debit(t.Context(), q, testPayment().Card, testPIN)
		require.ErrorIs(t, err, ErrConnect)
		require.Equal(t, Refused, r.Outcome)
		require.Equal(t, before, term.Status())
	})
}
