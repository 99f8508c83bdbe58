package emulator

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
)

// keeping is a terminal that keeps slips, on virtual time.
func keeping(t *testing.T, change func(*Config), test func(t *testing.T, d *double, term *Terminal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDouble(t)
		c := testConfig(d)
		c.Slips = true
		if change != nil {
			change(&c)
		}
		term, err := Open(c)
		require.NoError(t, err)
		defer closeTerminal(t, term)
		test(t, d, term)
	})
}

// verdict answers a 0500 with two match codes.
func verdict(domestic, foreign pos.MatchCode) func(*call) {
	return alter(func(m *pos.Message) {
		totals, err := pos.ParseTotals(m.Get(48))
		if err != nil {
			panic(err)
		}
		totals.Domestic.Match, totals.Foreign.Match = domestic, foreign
		text, err := totals.Encode()
		if err != nil {
			panic(err)
		}
		m.Unset(39)
		m.Set(48, text)
	})
}

func pay(t *testing.T, term *Terminal, p Payment) {
	t.Helper()
	_, err := term.Pay(t.Context(), p, rightPIN())
	require.NoError(t, err)
}

func chipPayment() Payment {
	p := testPayment()
	p.Card.Chip, p.Card.Sequence = []byte{0x9F, 0x26, 0x00}, "001"
	return p
}

func TestSettleAgreed(t *testing.T) {
	keeping(t, nil, func(t *testing.T, d *double, term *Terminal) {
		pay(t, term, testPayment())
		pay(t, term, chipPayment())
		d.on("0500", verdict(pos.MatchEven, pos.MatchEven))
		s, err := term.Settle(t.Context())
		require.NoError(t, err)
		require.Equal(t, Settlement{Batch: "000007", Debits: 2, AmountFen: 2468, Agreed: true, Done: true}, s)
		require.Equal(t, []string{"0500 000006", "0320 000005", "0320 000007"}, d.requests()[5:])
		require.Equal(t, []int{11, 41, 42, 48, 49, 60, 63, 64}, d.last("0500").Fields())
		require.Equal(t, "00000007207", d.last("0320").Get(60))
		require.Equal(t, "0000", d.last("0320").Get(48))
		require.Empty(t, term.state.Slips)
		pay(t, term, testPayment())
		require.Equal(t, "0800 000008", d.requests()[8], "the batch rolls at the next sign-on")
	})
}

func TestSettleUploads(t *testing.T) {
	for _, codes := range [][2]pos.MatchCode{{pos.MatchOdd, pos.MatchEven}, {pos.MatchEven, pos.MatchOdd}} {
		keeping(t, func(c *Config) { c.Faults.Unsigned = true }, func(t *testing.T, d *double, term *Terminal) {
			for range 9 {
				pay(t, term, testPayment())
			}
			pay(t, term, chipPayment())
			before := len(d.requests())
			d.on("0500", verdict(codes[0], codes[1]))
			s, err := term.Settle(t.Context())
			require.NoError(t, err)
			require.Equal(t, Settlement{Batch: "000007", Debits: 10, AmountFen: 12340, Uploaded: 10, Done: true}, s)
			var kinds []string
			listed := 0
			for _, m := range d.got[before+1:] {
				require.Equal(t, "0320", m.MTI())
				require.False(t, m.Has(64))
				kinds = append(kinds, m.Get(60)[8:])
				if details, err := pos.ParseDetails(m.Get(48)); err == nil {
					listed += len(details)
					require.Equal(t, testCard, details[0].PAN)
					require.EqualValues(t, 1234, details[0].AmountFen)
				}
			}
			require.Equal(t, []string{"201", "201", "205", "202"}, kinds)
			require.Equal(t, 9, listed)
			require.Equal(t, "0010", d.last("0320").Get(48))
		})
	}
}

// What was undone is in no settlement, and what was not answered is undone before.
func TestSettleWithoutUndone(t *testing.T) {
	keeping(t, nil, func(t *testing.T, d *double, term *Terminal) {
		pay(t, term, testPayment())
		require.NoError(t, term.Undo(t.Context(), UndoRequest{STAN: "000003"}))
		d.on("0200", hangUp)
		d.on("0400", hangUp)
		_, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.Error(t, err)
		d.on("0500", verdict(pos.MatchEven, pos.MatchEven))
		s, err := term.Settle(t.Context())
		require.NoError(t, err)
		require.Zero(t, s.Debits)
		require.Empty(t, term.Status().UndoOwed)
	})
}

// Each answer that closes nothing leaves the slips for another try.
func TestSettleFails(t *testing.T) {
	for _, v := range []struct {
		name string
		mti  string
		how  func(*call)
		code string
	}{
		{"no answer", "0500", hangUp, ""},
		{"not compared", "0500", verdict(pos.MatchError, pos.MatchError), ""},
		{"no match code", "0500", verdict(pos.MatchAsked, pos.MatchEven), ""},
		{"refused", "0500", refuse("96"), "96"},
		{"unsigned", "0500", unsigned("00"), ""},
		{"no F48", "0500", alter(func(m *pos.Message) { m.Unset(48) }), ""},
		{"end not answered", "0320", hangUp, ""},
		{"end refused", "0320", refuse("95"), "95"},
	} {
		t.Run(v.name, func(t *testing.T) {
			keeping(t, nil, func(t *testing.T, d *double, term *Terminal) {
				pay(t, term, testPayment())
				d.on(v.mti, v.how)
				if v.mti == "0320" {
					d.on("0500", verdict(pos.MatchEven, pos.MatchEven))
				}
				s, err := term.Settle(t.Context())
				require.Error(t, err)
				require.Equal(t, [2]any{PhaseSettle, v.code}, [2]any{phaseOf(t, err).Phase, phaseOf(t, err).Code})
				require.False(t, s.Done)
				require.Len(t, term.state.Slips, 1)
				d.on("0500", verdict(pos.MatchEven, pos.MatchEven))
				s, err = term.Settle(t.Context())
				require.NoError(t, err)
				require.True(t, s.Done)
			})
		})
	}
}

func TestSettleFaults(t *testing.T) {
	for _, v := range []struct {
		name   string
		faults BatchFaults
		debits int
		fen    int64
		done   bool
	}{
		{"none", BatchFaults{}, 2, 2468, true},
		{"wrong total", BatchFaults{WrongFen: 1}, 2, 2469, true},
		{"forgotten slip", BatchFaults{ForgetSlip: true}, 1, 1234, true},
		{"unknown slip", BatchFaults{UnknownSlip: true}, 3, 2469, true},
		{"no end", BatchFaults{NoEnd: true}, 2, 2468, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			keeping(t, func(c *Config) { c.Faults = v.faults }, func(t *testing.T, d *double, term *Terminal) {
				pay(t, term, testPayment())
				pay(t, term, testPayment())
				d.on("0500", verdict(pos.MatchOdd, pos.MatchEven))
				s, err := term.Settle(t.Context())
				require.NoError(t, err)
				require.Equal(t, Settlement{Batch: "000007", Debits: v.debits, AmountFen: v.fen, Uploaded: v.debits, Done: v.done}, s)
			})
		})
	}
}

// With as many slips as the totals have room for the terminal settles before it pays again.
func TestSettleFull(t *testing.T) {
	keeping(t, nil, func(t *testing.T, d *double, term *Terminal) {
		pay(t, term, testPayment())
		for len(term.state.Slips) < MaxSlips-1 {
			term.state.Slips = append(term.state.Slips, term.state.Slips[0])
		}
		pay(t, term, testPayment())
		before := len(d.requests())
		_, err := term.Pay(t.Context(), testPayment(), rightPIN())
		require.ErrorIs(t, err, ErrBatchFull)
		require.Len(t, d.requests(), before)
		d.on("0500", verdict(pos.MatchEven, pos.MatchEven))
		s, err := term.Settle(t.Context())
		require.NoError(t, err)
		require.Equal(t, MaxSlips, s.Debits)
		pay(t, term, testPayment())
	})
}

// Slips outlive the process, and no card number stands in the file.
func TestSlipsAreKept(t *testing.T) {
	d := newDouble(t)
	c := testConfig(d)
	c.Slips, c.StateFile = true, filepath.Join(t.TempDir(), "pos", "state.json")
	term, err := Open(c)
	require.NoError(t, err)
	pay(t, term, testPayment())
	require.NoError(t, term.Close())
	b, err := os.ReadFile(c.StateFile)
	require.NoError(t, err)
	require.NotContains(t, string(b), testCard)
	term, err = Open(c)
	require.NoError(t, err)
	defer closeTerminal(t, term)
	detail, err := c.detail(term.state.Slips[0])
	require.NoError(t, err)
	require.Equal(t, pos.Detail{STAN: "000003", PAN: testCard, AmountFen: 1234}, detail)
}
