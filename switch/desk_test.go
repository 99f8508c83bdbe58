package acquirer

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A session sees what is held only behind a code, for a while, and only its own.
func TestSession(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		look := func(session string) error {
			_, err := o.Held(t.Context(), ChannelWeb, session)
			return err
		}
		see := Request{Kind: RequestSee, Number: payeeNumber}
		o.hand(t, Inbound{Channel: ChannelWeb, Sender: "mine", Request: &see})
		require.ErrorIs(t, look("mine"), ErrNotFound, "before the code")
		code := Request{Kind: RequestConfirm, Code: o.code(t, payeeNumber)}
		require.Equal(t, OutcomeWrongCode, o.hand(t, Inbound{Channel: ChannelWeb, Sender: "other", Request: &code}).Outcome)
		require.Equal(t, OutcomeConfirmed, o.hand(t, Inbound{Channel: ChannelWeb, Sender: "mine", Request: &code}).Outcome)
		require.NoError(t, look("mine"))
		require.ErrorIs(t, look("other"), ErrNotFound)
		_, err := o.Held(t.Context(), ChannelPC, "mine")
		require.ErrorIs(t, err, ErrNotFound, "of another channel")
		standing, err := o.Standing(t.Context(), ChannelWeb, "mine")
		require.NoError(t, err)
		require.Equal(t, OutcomeConfirmed, standing.Outcome)
		_, err = o.Standing(t.Context(), ChannelWeb, "nobody")
		require.ErrorIs(t, err, ErrNotFound)
		require.Contains(t, o.sms.to(payeeNumber)[1], "姓名王*明", "the number hears that somebody looked")
		time.Sleep(14 * time.Minute)
		require.NoError(t, look("mine"))
		time.Sleep(time.Minute)
		require.ErrorIs(t, look("mine"), ErrNotFound)
	})
}

// Nothing that only the registry knows is in the standing of a request whose code did not come back.
func TestStandingOfRefused(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.bank.says("05", nil)
		r := Request{Kind: RequestRegister, Number: strangerNumber, Name: "张三丰", Card: strangerCard}
		o.hand(t, Inbound{Channel: ChannelWeb, Sender: "s", Request: &r})
		require.Equal(t, EnrolmentRefused, o.last().State)
		standing, err := o.Standing(t.Context(), ChannelWeb, "s")
		require.NoError(t, err)
		require.Equal(t, OutcomeTaken, standing.Outcome)
		require.Empty(t, standing.Reasons)
	})
}

func TestStatement(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		for i, v := range []struct {
			payer string
			fen   Fen
			state State
		}{{payerNumber, 100, Approved}, {"13900139002", 1000, Paid}, {payerNumber, 200, Settled}, {payerNumber, 5000, Reversed}, {"13900139003", 300, Paying}} {
			o.paid(t, NoticeDebited, v.state, func(tx *Transaction) {
				tx.Payer, tx.Amount, tx.Memo = mustMSISDN(t, v.payer), v.fen, fmt.Sprint("memo", i)
			})
		}
		today := DateOf(time.Now())
		s, err := o.StatementOf(t.Context(), o.payee(t, payeeNumber), today, today)
		require.NoError(t, err)
		require.Equal(t, 4, s.Count)
		require.Equal(t, Fen(1600), s.Sum)
		require.Len(t, s.Payers, 3)
		require.Equal(t, []Fen{1000, 300, 300}, []Fen{s.Payers[0].Sum, s.Payers[1].Sum, s.Payers[2].Sum})
		require.Equal(t, 2, s.Payers[1].Count, "of equal sums the older first")
		yesterday := today.Before()
		s, err = o.StatementOf(t.Context(), o.payee(t, payeeNumber), yesterday, yesterday)
		require.NoError(t, err)
		require.Zero(t, s.Count)

		h, err := o.HeldAbout(t.Context(), o.payee(t, payeeNumber))
		require.NoError(t, err)
		var whole, masked bytes.Buffer
		require.NoError(t, h.WriteJSON(&whole, true))
		require.NoError(t, h.WriteJSON(&masked, false))
		for _, secret := range []string{payeeNumber, payerNumber, payeeCard, "王小明", "memo0"} {
			require.Contains(t, whole.String(), secret)
			require.NotContains(t, masked.String(), secret)
		}
		require.Contains(t, masked.String(), "138****8001")
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", h.Number, h.Card, s.Number), payeeNumber)
	})
}

func TestAddress(t *testing.T) {
	for _, v := range []struct {
		kind    DeviceKind
		s, want string
	}{
		{DeviceSMS, payeeNumber, "138****8001"}, {DeviceEmail, "li@mail.test", "l***@mail.test"}, {DeviceEmail, "李明@mail.test", "李***@mail.test"},
		{DevicePC, "abcdefghijklmnop", "abc***"}, {DevicePC, "abc", "***"}, {DeviceWebhook, "h", "***"},
	} {
		a, err := NewAddress(v.kind, v.s)
		require.NoError(t, err)
		require.Equal(t, v.want, fmt.Sprint(a))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			require.NotContains(t, fmt.Sprintf(verb, a), v.s)
		}
		require.Equal(t, v.s, a.Reveal())
	}
	for _, bad := range []Route{{DeviceSMS, Address{s: "123"}}, {DeviceEmail, Address{}}, {DeviceEmail, Address{s: "a\nb"}}} {
		_, err := NewAddress(bad.Kind, bad.Address.s)
		require.Error(t, err)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", Inbound{Sender: payeeNumber, Text: "x"}, Request{Card: payeeCard}, DeviceChoice{Address: "li@mail.test"}), "li@mail")
	require.NotContains(t, fmt.Sprintf("%+v", Inbound{Sender: payeeNumber}), payeeNumber)
	require.NotContains(t, fmt.Sprintf("%+v", Request{Card: payeeCard}), payeeCard)
}
