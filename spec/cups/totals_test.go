package cups

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
)

func reconciliation(totals Totals) *Message {
	m := New(MTIReconcile)
	m.SetHeader(NewHeader("00010000", "48540000"))
	m.Set(7, "1128120000")
	m.Set(11, "000001")
	totals.Set(m)
	return m
}

func TestTotalsOnTheWire(t *testing.T) {
	want := Totals{
		Credits: Sum{1, 10}, CreditReversals: Sum{2, 20}, Debits: Sum{3, 9_999_999_999_999_999}, DebitReversals: Sum{4, 40},
		Transfers: 5, TransferReversals: 6, Inquiries: 7, Authorizations: 9_999_999_999, CreditFees: 8, DebitFees: 999_999_999_999,
	}
	frame, err := reconciliation(want).Pack()
	require.NoError(t, err)
	m, err := Unpack(frame)
	require.NoError(t, err)
	got, err := ParseTotals(m)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, "D9999999999999969", m.Get(97))
	require.Equal(t, "0000000003", m.Get(76))
	require.Equal(t, "000000000008", m.Get(82))

	for _, v := range []struct {
		totals Totals
		f97    string
	}{
		{Totals{}, "C0000000000000000"},
		{Totals{Debits: Sum{1, 1}}, "D0000000000000001"},
		{Totals{Credits: Sum{1, 1}}, "C0000000000000001"},
		{Totals{Debits: Sum{1, 1}, DebitReversals: Sum{1, 1}}, "C0000000000000000"},
		{Totals{CreditReversals: Sum{1, 7}}, "D0000000000000007"},
	} {
		require.Equal(t, v.f97, reconciliation(v.totals).Get(97))
	}
	_, err = reconciliation(Totals{Debits: Sum{Count: 10_000_000_000}}).Pack()
	require.Error(t, err)
	_, err = reconciliation(Totals{Debits: Sum{Fen: -1}}).Pack()
	require.Error(t, err)
}

func TestParseTotalsRefuses(t *testing.T) {
	for _, v := range []struct {
		id   int
		text string
	}{
		{74, ""}, {88, ""}, {97, ""}, {97, "C0000000000000001"}, {97, "D0000000000000000"}, {97, "X0000000000000001"}, {97, "D000000000000000x"},
	} {
		m := reconciliation(Totals{Debits: Sum{1, 1}})
		if m.Unset(v.id); v.text != "" {
			m.Set(v.id, v.text)
		}
		_, err := ParseTotals(m)
		var fault spec.Fault
		require.ErrorAs(t, err, &fault, v)
		require.Equal(t, v.id, fault.Field)
	}
}

func TestTotalsAgree(t *testing.T) {
	own := Totals{Debits: Sum{3, 30}, DebitReversals: Sum{1, 10}}
	for _, v := range []struct {
		other Totals
		want  bool
	}{
		{own, true},
		{Totals{Debits: Sum{0, 30}, DebitReversals: Sum{0, 10}, Transfers: 3, TransferReversals: 1}, true},
		{Totals{Debits: Sum{3, 30}, DebitReversals: Sum{1, 10}, Inquiries: 9, Authorizations: 9}, true},
		{Totals{Debits: Sum{3, 31}, DebitReversals: Sum{1, 10}}, false},
		{Totals{Debits: Sum{2, 30}, DebitReversals: Sum{1, 10}}, false},
		{Totals{Debits: Sum{2, 20}}, false}, // the same net
		{Totals{Debits: Sum{3, 30}, DebitReversals: Sum{1, 10}, DebitFees: 1}, false},
	} {
		require.Equal(t, v.want, own.Agree(v.other), v)
	}
}
