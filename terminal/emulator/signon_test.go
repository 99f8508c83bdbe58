package emulator

import (
	"context"
	"testing"

	"example.com/ringback/spec/pos"
	"github.com/stretchr/testify/require"
)

func TestSignOnKinds(t *testing.T) {
	for kind, pik := range map[string]int{"001": 8, "003": 16, "004": 16} {
		inBubble(t, func(t *testing.T, d *double, term *Terminal) {
			require.NoError(t, term.SignOn(t.Context(), kind))
			require.Equal(t, "00000000"+kind, d.last("0800").Get(60))
			require.Equal(t, Status{NextSTAN: 2, Batch: "000007", SignedOn: true}, term.Status())
			require.Len(t, term.keys.pik, pik)
			require.Equal(t, kind == "004", term.keys.tdk != nil)
			d.batch = "000008"
			require.NoError(t, term.SignOn(t.Context(), kind))
			require.Equal(t, "00000007"+kind, d.last("0800").Get(60))
			require.Equal(t, "000008", term.Status().Batch)
		})
	}
	inBubble(t, func(t *testing.T, _ *double, term *Terminal) {
		require.ErrorIs(t, term.SignOn(t.Context(), "006"), ErrConfig)
	})
}

// The cipher of the master key decides the kinds of sign-on.
func TestSignOnKindIsOfTheMasterKey(t *testing.T) {
	base := Config{TerminalID: "10000001", MerchantID: "898110000000001", TMK: make([]byte, 16)}
	for _, v := range []struct {
		sm4        bool
		kind, want string
	}{
		{false, "", "003"}, {false, "004", "004"}, {false, "006", ""},
		{true, "", "006"}, {true, "006", "006"}, {true, "003", ""}, {true, "001", ""},
	} {
		c := base
		c.SM4, c.SignOnKind = v.sm4, v.kind
		got, err := c.normal()
		if v.want == "" {
			require.ErrorIs(t, err, ErrConfig, "%+v", v)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, v.want, got.SignOnKind)
	}
}

// SM4 keys open under an SM4 master key only, and their check values are compared.
func TestSM4WorkKeys(t *testing.T) {
	tmk := []byte("an SM4 key of 16")
	sealed := sealKeys(pos.WorkKeys{PIK: pos.SealSM4(tmk, testPIK()), MAK: pos.SealSM4(tmk, testMAK())})
	keys, err := sealed.open(Config{TMK: tmk, SM4: true})
	require.NoError(t, err)
	require.Equal(t, testPIK(), keys.pik)
	require.Equal(t, testMAK(), keys.mak)
	_, err = sealed.open(Config{TMK: tmk})
	require.ErrorContains(t, err, "check value")
	_, err = sealed.open(Config{TMK: []byte("another key of16"), SM4: true})
	require.ErrorContains(t, err, "check value")
	short := sealKeys(pos.WorkKeys{PIK: pos.SealSM4(tmk, testPIK()), MAK: pos.Sealed{Key: make([]byte, 8)}})
	_, err = short.open(Config{TMK: tmk, SM4: true})
	require.ErrorContains(t, err, "8 bytes")
}

// A MAK of eight bytes comes with eight zeros behind it.
func TestSingleMAK(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		sealed := seal(testMAK()[:8])
		block := append(seal(testPIK()), sealed[:8]...)
		block = append(append(block, make([]byte, 8)...), sealed[8:]...)
		d.on("0800", alter(func(m *pos.Message) { m.SetBytes(62, block) }))
		d.mak = testMAK()[:8]
		_, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)
	})
}

// Bad keys are refused whole, and those in use stay in use.
func TestSignOnRefused(t *testing.T) {
	flip := func(at int) func(*call) {
		return alter(func(m *pos.Message) {
			block := m.Bytes(62)
			block[at] ^= 0x10
			m.SetBytes(62, block)
		})
	}
	cut := func(n int) func(*call) {
		return alter(func(m *pos.Message) { m.SetBytes(62, m.Bytes(62)[:n]) })
	}
	for _, v := range []struct {
		name   string
		kind   string
		script func(*call)
		code   string
		cause  error
	}{
		{"PIK", "003", flip(0), "", ErrKeys},
		{"PIK check value", "003", flip(16), "", ErrKeys},
		{"MAK", "003", flip(20), "", ErrKeys},
		{"MAK check value", "003", flip(39), "", ErrKeys},
		{"TDK", "004", flip(40), "", ErrKeys},
		{"TDK check value", "004", flip(59), "", ErrKeys},
		{"no keys", "003", alter(func(m *pos.Message) { m.Unset(62) }), "", ErrKeys},
		{"39 bytes", "003", cut(39), "", ErrKeys},
		{"shorter keys than asked for", "003", alter(func(m *pos.Message) {
			m.SetBytes(62, append(seal(testPIK()[:8]), seal(testMAK()[:8])...))
		}), "", ErrKeys},
		{"no track key", "004", cut(40), "", ErrKeys},
		{"no batch", "003", alter(func(m *pos.Message) { m.Unset(60) }), "", ErrBadAnswer},
		{"refused", "003", refuse("97"), "97", nil},
		{"refused with 40", "001", refuse("40"), "40", nil},
		{"silence", "003", silent, "", ErrNoAnswer},
		{"lost", "003", hangUp, "", ErrNoAnswer},
	} {
		t.Run(v.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *double, term *Terminal) {
				require.NoError(t, term.SignOn(t.Context(), "004"))
				d.on("0800", v.script)
				err := term.SignOn(t.Context(), v.kind)
				e := phaseOf(t, err)
				require.Equal(t, PhaseSignOn, e.Phase)
				require.Equal(t, v.code, e.Code)
				if v.cause != nil {
					require.ErrorIs(t, err, v.cause)
				}
				require.Equal(t, Status{NextSTAN: 3, Batch: "000007", SignedOn: true}, term.Status())
				_, err = term.Pay(t.Context(), testPayment(), rightPIN())
				require.NoError(t, err)
				require.Equal(t, "0100 000003", d.requests()[2]) // without another sign-on
			})
		})
	}
}

// Without keys a payment ends with the sign-on that fails.
func TestFirstSignOnRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		d.on("0800", refuse("58"))
		ui := rightPIN()
		r, err := term.Pay(t.Context(), testPayment(), ui)
		require.Equal(t, PhaseSignOn, phaseOf(t, err).Phase)
		require.Equal(t, "58", r.Code)
		require.Equal(t, []string{"58 " + pos.Text("58")}, ui.shown)
	})
}

func TestSignOffAndEcho(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		require.NoError(t, term.Echo(t.Context())) // before any session
		require.Equal(t, []int{41, 42, 60}, d.last("0820").Fields())
		require.Equal(t, "00000000301", d.last("0820").Get(60))
		require.Equal(t, 1, term.Status().NextSTAN) // an echo has no number

		require.NoError(t, term.SignOn(t.Context(), ""))
		require.NoError(t, term.SignOff(t.Context()))
		require.Equal(t, []int{11, 41, 42, 60}, d.last("0820").Fields())
		require.Equal(t, "00000007002", d.last("0820").Get(60))
		require.False(t, term.Status().SignedOn)

		_, err := term.Pay(t.Context(), testPayment(), rightPIN()) // signs on by itself
		require.NoError(t, err)
		require.Equal(t, "0800 000003", d.requests()[3])

		d.on("0820", refuse("96"), refuse("96"))
		require.Equal(t, "96", phaseOf(t, term.Echo(t.Context())).Code)
		require.Equal(t, PhaseNetwork, phaseOf(t, term.SignOff(t.Context())).Phase)
		require.True(t, term.Status().SignedOn)
	})
}

// An undo that is owed goes before the keys do.
func TestSignOffUndoesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		owe(t, d, term)
		d.on("0400", refuse("96"))
		require.ErrorIs(t, term.SignOff(t.Context()), ErrUndoOwed)
		require.True(t, term.Status().SignedOn)
		require.NoError(t, term.SignOff(t.Context()))
		require.Equal(t, Status{NextSTAN: 5, Batch: "000007"}, term.Status())
	})
}

// The switch that wants a sign-on gets one, and what it refused is sent once more, as a new message.
func TestSignOnAgain(t *testing.T) {
	again := func(mti, code string) []string {
		before := []string{"0800 000001", "0100 000002"}
		if mti == "0100" {
			return append(before, "0800 000003", "0100 000004", "0200 000005")
		}
		return append(before, "0200 000003", "0800 000004", "0200 000005")
	}
	for _, mti := range []string{"0100", "0200"} {
		for _, code := range []string{"77", "99", "A0"} {
			t.Run(mti+code, func(t *testing.T) {
				inBubble(t, func(t *testing.T, d *double, term *Terminal) {
					d.on(mti, refuse(code))
					d.seen = func(req *pos.Message) {
						if req.MTI() == mti {
							d.batch = "000008"
						}
					}
					r, err := term.Pay(t.Context(), testPayment(), rightPIN())
					require.NoError(t, err)
					require.Equal(t, "000008", r.Batch)
					require.Equal(t, again(mti, code), d.requests())
				})
			})
		}
	}
}

// A refusal under another MAK cannot be verified. For a look-up that is enough to sign on; a debit is undone before it
// is sent again.
func TestSignOnAgainUnverified(t *testing.T) {
	for _, script := range []func(*call){unsigned("A0"), alter(func(m *pos.Message) { m.Set(39, "77"); m.SetBytes(64, []byte("00000000")) })} {
		inBubble(t, func(t *testing.T, d *double, term *Terminal) {
			d.on("0100", script)
			d.on("0200", script)
			r, err := term.Pay(t.Context(), testPayment(), rightPIN())
			require.NoError(t, err)
			require.False(t, r.Undone)
			require.Equal(t, []string{
				"0800 000001", "0100 000002", "0800 000003", "0100 000004",
				"0200 000005", "0800 000006", "0400 000005", "0200 000007",
			}, d.requests())
			require.Equal(t, "A0", d.last("0400").Get(39))
		})
	}
}

// Once: a switch that keeps refusing ends the payment.
func TestSignOnAgainOnce(t *testing.T) {
	for _, mti := range []string{"0100", "0200"} {
		inBubble(t, func(t *testing.T, d *double, term *Terminal) {
			d.on(mti, refuse("77"), refuse("77"))
			r, err := term.Pay(t.Context(), testPayment(), rightPIN())
			require.Equal(t, "77", phaseOf(t, err).Code)
			require.Equal(t, Refused, r.Outcome)
			require.Len(t, d.requests(), 5-map[string]int{"0100": 1}[mti])
		})
	}
}

// Digit 6 of the header beside any other code is heeded before the next message, without sending anything twice.
func TestHeaderAsksForSignOn(t *testing.T) {
	ask := func(code string) func(*call) {
		return alter(func(m *pos.Message) {
			e := m.Envelope()
			e.Header[2] |= pos.ProcessingSignOn
			m.SetEnvelope(e)
			m.Set(39, code)
		})
	}
	inBubble(t, func(t *testing.T, d *double, term *Terminal) {
		d.on("0200", ask("00"), ask("55"))
		r, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.NoError(t, err)
		require.Equal(t, Approved, r.Outcome)
		require.Len(t, d.requests(), 3)
		r, err = term.Pay(t.Context(), testPayment(), rightPIN())
		require.Equal(t, "55", phaseOf(t, err).Code)
		require.Equal(t, Refused, r.Outcome)
		require.Equal(t, []string{"0800 000004", "0100 000005", "0200 000006"}, d.requests()[3:])
	})
}

// owe leaves a debit that the terminal knows nothing about: 0800 1, 0100 2, 0200 3.
func owe(t *testing.T, d *double, term *Terminal) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d.on("0200", func(*call) { cancel() })
	r, err := term.Pay(ctx, testPayment(), rightPIN())
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, Unknown, r.Outcome)
	require.Equal(t, "000003", term.Status().UndoOwed)
}
