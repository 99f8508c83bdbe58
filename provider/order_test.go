package provider

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// theOrder is an order to pay the first debit out.
func theOrder(t testing.TB) acquirer.PayoutOrder {
	r := debit(t, 1)
	return acquirer.PayoutOrder{Transaction: r.Transaction, Date: 20261125, Card: r.PayeeCard, Name: "王小明",
		Host: acquirer.HostKey{Time: "1126013059", STAN: acquirer.NewID(20261126, 7).STAN()}}
}

func (w *world) payOut(t testing.TB, o acquirer.PayoutOrder) (acquirer.ResponseCode, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return w.PayOut(ctx, o)
}

// taken is the 0210 of a host that takes an order, without F128.
func taken(m *cups.Message) draft {
	return answerTo(m, "0210", 3, 4, 7, 11, 12, 13, 15, 18, 25, 32, 33, 37, 41, 42, 49, 60, 90, 103).set(39, "00")
}

// What stands in an order, and that a repeat is the same bytes.
func TestOrderOnTheWire(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		w.host.debits(func(l *hostLink, m *cups.Message) { l.send(l.host.sign(taken(m))) })
		var frames []string
		for range 3 {
			code, err := w.payOut(t, theOrder(t))
			require.NoError(t, err)
			require.Equal(t, acquirer.CodeApproved, code)
			frames = append(frames, string(w.host.frame("0200")))
		}
		require.Equal(t, frames[0], frames[1])
		require.Equal(t, frames[0], frames[2])
		m := w.host.received("0200")[0]
		require.Equal(t, []int{3, 4, 7, 11, 12, 13, 15, 18, 25, 32, 33, 37, 41, 42, 48, 49, 60, 61, 90, 103, 128}, m.Fields())
		x := theOrder(t).Transaction
		require.Equal(t, []string{"290000", "000000001235", "1126013059", "000007", "013059", "1126", "1125", "00", string(x.RRN()), "ASAO00210"},
			[]string{m.Get(3), m.Get(4), m.Get(7), m.Get(11), m.Get(12), m.Get(13), m.Get(15), m.Get(25), m.Get(37), m.Get(48)})
		require.Equal(t, "0200000001"+"1124150405"+"000"+institution+"000"+institution, m.Get(90))
		require.Equal(t, payeeCard, m.Get(103))
		asked, err := cups.ParseAsk(m.Bytes(61))
		require.NoError(t, err)
		require.Equal(t, spec.EncodeGBK("王小明"), asked.Name)
		require.Equal(t, m.Get(128), w.host.sign(draft{m}).Get(128))

		for _, name := range []string{"", "\U0002C35B明"} {
			o := theOrder(t)
			o.Name = name
			_, err := w.payOut(t, o)
			require.NoError(t, err)
			require.NotContains(t, w.host.received("0200")[len(w.host.received("0200"))-1].Fields(), 61)
		}
		_, err = w.payOut(t, acquirer.PayoutOrder{Transaction: x})
		require.ErrorIs(t, err, acquirer.ErrNotSent, "an order without a key never leaves")
	})
}

// An answer that is not about this order says nothing; a refusal is the bank's word.
func TestOrderAnswers(t *testing.T) {
	for name, v := range map[string]struct {
		answer func(*hostLink, *cups.Message)
		code   acquirer.ResponseCode
		err    error
	}{
		"taken":            {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(taken(m))) }, "00", nil},
		"refused":          {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(taken(m).set(39, "42"))) }, "42", nil},
		"a bare answer":    {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(unset(taken(m), 3, 60, 90, 103))) }, "00", nil},
		"a wrong MAC":      {func(l *hostLink, m *cups.Message) { l.send(taken(m).set(128, "00000000")) }, "", acquirer.ErrDisbelieved},
		"no word":          {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(unset(taken(m), 39))) }, "", acquirer.ErrDisbelieved},
		"another amount":   {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(taken(m).set(4, "000000001236"))) }, "", acquirer.ErrDisbelieved},
		"another debit":    {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(taken(m).set(37, "633000000002"))) }, "", acquirer.ErrDisbelieved},
		"another business": {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(taken(m).set(3, "400000"))) }, "", acquirer.ErrDisbelieved},
		"another card":     {func(l *hostLink, m *cups.Message) { l.send(l.host.sign(taken(m).set(103, card))) }, "", acquirer.ErrDisbelieved},
		"silence":          {silent, "", acquirer.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w *world) {
				w.host.debits(v.answer)
				code, err := w.payOut(t, theOrder(t))
				require.ErrorIs(t, err, v.err)
				require.Equal(t, v.code, code)
				require.False(t, err != nil && errors.Is(err, acquirer.ErrNotSent), "it has left")
			})
		})
	}
}

// The answer to an order that nobody waits for any more is no late answer to a debit.
func TestLateAnswerToAnOrder(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.debits(func(l *hostLink, m *cups.Message) {
			for range 2 {
				l.send(l.host.sign(taken(m)))
			}
		})
		_, err := w.payOut(t, theOrder(t))
		require.NoError(t, err)
		w.host.debits(good)
		_, err = w.authorize(t, 2)
		require.NoError(t, err)
		require.Empty(t, w.lateOnes())
	})
}
