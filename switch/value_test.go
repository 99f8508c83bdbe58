package acquirer

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFen(t *testing.T) {
	for _, c := range []struct {
		f4   string
		fen  Fen
		text string
		ok   bool
	}{
		{"000000001234", 1234, "12.34", true},
		{"000000000000", 0, "0.00", true},
		{"999999999999", MaxFen, "9999999999.99", true},
		{"00000000123", 0, "", false},
		{"0000000012345", 0, "", false},
		{"00000000123a", 0, "", false},
		{"+00000001234", 0, "", false},
	} {
		f, err := ParseFen(c.f4)
		require.Equal(t, c.ok, err == nil, c.f4)
		if c.ok {
			require.Equal(t, c.fen, f)
			require.Equal(t, c.f4, f.F4())
			require.Equal(t, c.text, f.String())
		}
	}
	require.Equal(t, "-0.05", Fen(-5).String())
}

// A stack dump shows what functions were called with, past every method: an array in an argument byte by byte, a string
// or a pointer as an address.
func TestSecretsAreNotInStackDumps(t *testing.T) {
	pin, err := NewPINBlock([]byte("\x93\x1F\xFB\x11\x3E\xFF\xC4\x81"))
	require.NoError(t, err)
	const bytes = "0x93, 0x1f, 0xfb"
	require.Contains(t, dumped([8]byte(pin.Reveal())), bytes, "an array does stand there")
	require.NotContains(t, dumped(pin), bytes)
}

// dumped returns the stack of a function that was called with v.
//
//go:noinline
func dumped[T any](v T) string {
	kept := v
	stack := string(debug.Stack())
	_ = kept
	return stack
}

// Every secret, in every verb, alone, in a struct, behind a pointer, in JSON.
func TestSecretsDoNotPrint(t *testing.T) {
	pan, number := mustPAN(t, payerCard), mustMSISDN(t, payeeNumber)
	track, err := ParseTrack2(payerCard + "=30121010000012345")
	require.NoError(t, err)
	third, err := ParseTrack3("99" + payerCard + "=1561560")
	require.NoError(t, err)
	pin, err := NewPINBlock([]byte("\x12\x34\x56\x78\x9A\xBC\xDE\xF0"))
	require.NoError(t, err)
	key := NewKey([]byte("0123456789ABCDEF"))
	block := KeyBlock{UsageMAK, "wrapped-secret"}
	all := struct {
		PAN    PAN
		Number MSISDN
		Track  Track
		Third  Track
		PIN    PINBlock
		Key    Key
		Block  KeyBlock
		Ptr    *PAN
	}{pan, number, track, third, pin, key, block, &pan}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T %v"} {
		for _, v := range []any{pan, number, track, third, pin, key, block, &pan, all, &all, []PAN{pan}, map[MSISDN]PAN{number: pan}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	b, err := json.Marshal(struct {
		P PAN
		N MSISDN
		T Track
		B PINBlock
		K Key
	}{pan, number, track, pin, key})
	require.NoError(t, err)
	out.Write(b)
	for _, secret := range []string{payerCard, payeeNumber, "123456789ABC", "12 34 56", "0123456789ABCDEF", "wrapped-secret",
		fmt.Sprintf("%x", payerCard), fmt.Sprintf("%x", payeeNumber), "[18 52", "1561560"} {
		require.NotContains(t, strings.ToLower(out.String()), strings.ToLower(secret))
	}
	require.Contains(t, out.String(), "622202*********0018")
	require.Contains(t, out.String(), "138****8001")
}

func TestParseSecrets(t *testing.T) {
	for s, ok := range map[string]bool{"622202000000": false, "6222020000000": true, payerCard: true,
		payerCard + "0": false, "62220200000000000a8": false, "": false} {
		_, err := ParsePAN(s)
		require.Equal(t, ok, err == nil, "%q", s)
	}
	for s, ok := range map[string]bool{"13800138001": true, "1380013800": false, "138001380011": false, "23800138001": false,
		"+8613800138001": false, "１３８００１３８００１": false, "1380013800a": false, " 3800138001": false, "": false} {
		_, err := ParseMSISDN(s)
		require.Equal(t, ok, err == nil, "%q", s)
	}
	for s, ok := range map[string]bool{payerCard + "=3012": true, payerCard + "=301": false, payerCard: false,
		"=3012": false, payerCard + "=30x2": false, payerCard + "=3012" + strings.Repeat("0", 13): true,
		payerCard + "=3012" + strings.Repeat("0", 14): false} {
		_, err := ParseTrack2(s)
		require.Equal(t, ok, err == nil, "%q", s)
	}
	track, err := ParseTrack2(payerCard + "=30121010000")
	require.NoError(t, err)
	require.Equal(t, mustPAN(t, payerCard), track.PAN())
	require.Equal(t, "3012", track.Expiry())
	require.True(t, mustPAN(t, payerCard).Luhn())
	require.False(t, mustPAN(t, "6222020000000000019").Luhn())
}

func TestID(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 59, 59, 0, time.UTC)
	require.Equal(t, Date(20261124), DateOf(now))
	require.Equal(t, Date(20261125), DateOf(now.Add(time.Second)), "midnight in Beijing is 16:00 UTC")
	require.Equal(t, Date(20261231), Date(20270101).Before())

	id := NewID(20261124, 42)
	require.Equal(t, RRN("632800000042"), id.RRN())
	back, err := id.RRN().ID(now)
	require.NoError(t, err)
	require.Equal(t, id, back)
	require.Equal(t, Date(20261124), id.Date())

	old := NewID(20191231, 7) // a reference of an earlier year of the last ten
	back, err = old.RRN().ID(now)
	require.NoError(t, err)
	require.Equal(t, old, back)

	for seq, stan := range map[int64]STAN{1: 1, 999_999: 999_999, 1_000_000: 1, MaxSequence: STAN((MaxSequence-1)%999_999 + 1)} {
		require.Equal(t, stan, NewID(20261124, seq).STAN(), seq)
	}
	for _, bad := range []RRN{"", "63280000004", "6000000000422", "600000000042", "636700000042", "6x2800000042"} {
		_, err := bad.ID(now)
		require.Error(t, err, bad)
	}
}

func TestReferenceIsNoRowsRRN(t *testing.T) {
	w := newWorld(t)
	seen := map[RRN]bool{}
	for range 1000 {
		r := w.Reference(time.Now())
		id, err := r.ID(time.Now())
		require.NoError(t, err)
		require.Greater(t, id.Sequence(), int64(MaxSequence))
		require.False(t, seen[r])
		seen[r] = true
	}
}

func TestCodeOf(t *testing.T) {
	require.Equal(t, CodeApproved, CodeOf(nil))
	require.Equal(t, CodeLine, CodeOf(fmt.Errorf("wrapped: %w", refuse("op", CodeLine, nil))))
	require.Equal(t, CodeMalfunction, CodeOf(ErrNotFound))
}

func TestStates(t *testing.T) {
	for s := Declined; s <= Paid; s++ {
		back, ok := ParseState(s.String())
		require.True(t, ok)
		require.Equal(t, s, back)
		require.NotEmpty(t, Moves[s], "every state is in the table of moves")
	}
	_, ok := ParseState("gone")
	require.False(t, ok)
	for _, c := range []struct {
		from, to State
		may      bool
	}{
		{Sent, Approved, true}, {Sent, Declined, true}, {Sent, Reversing, true}, {Sent, Reversed, false}, {Sent, Settled, false},
		{Approved, Reversing, true}, {Approved, Declined, false}, {Approved, Sent, false}, {Approved, Paid, false},
		{Declined, Sent, false}, {Declined, Approved, false}, {Declined, Reversing, false},
		{Reversing, Reversed, true}, {Reversing, Approved, false}, {Reversing, Declined, false},
		{Reversed, Reversing, false}, {Tombstone, Sent, false}, {Tombstone, Approved, false},
		{Settled, Reversing, false}, {Settled, Paying, true}, {Paying, Paid, true}, {Paid, Paying, false},
	} {
		require.Equal(t, c.may, MayMove(c.from, c.to), "%s to %s", c.from, c.to)
	}
}
