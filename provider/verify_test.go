package provider

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
	acquirer "example.com/ringback/switch"
)

func question(t testing.TB, name string) acquirer.AccountCheck {
	t.Helper()
	pan, err := acquirer.ParsePAN(payeeCard)
	require.NoError(t, err)
	number, err := acquirer.ParseMSISDN("13800138001")
	require.NoError(t, err)
	return acquirer.AccountCheck{Name: name, Card: pan, Number: number, RRN: "632899900001", At: time.Now()}
}

func (w *world) verifyAccount(t testing.TB, name string) (acquirer.ResponseCode, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
	defer cancel()
	return w.VerifyAccount(ctx, question(t, name))
}

// The question on the wire: what the host dialect page asks for, and nothing of a payment.
func TestVerifyAccountOnTheWire(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		code, err := w.verifyAccount(t, "王小明")
		require.NoError(t, err)
		require.Equal(t, acquirer.CodeApproved, code)
		_, err = w.verifyAccount(t, "王小明")
		require.NoError(t, err)
		asked := w.host.received("0100")
		require.Len(t, asked, 2)
		m := asked[0]
		for id, want := range map[int]string{2: payeeCard, 3: "330000", 18: "6012", 22: "012", 25: "00", 32: institution, 33: institution,
			37: "632899900001", 41: institution, 42: institution + "0000000", 48: "ASAO00207", 49: "156"} {
			require.Equal(t, want, m.Get(id), id)
		}
		for _, id := range []int{4, 14, 26, 35, 36, 38, 52, 53, 55, 90, 102, 103, 104} {
			require.False(t, m.Has(id), id)
		}
		holder, err := cups.ParseAsk(m.Bytes(61))
		require.NoError(t, err)
		require.Equal(t, cups.Holder{Name: spec.EncodeGBK("王小明"), Phone: "13800138001"}, holder)
		require.Len(t, m.Get(128), 8)
		require.NotEqual(t, m.Get(11), asked[1].Get(11), "each question has a number of its own")
	})
}

func TestVerifyAccountAnswers(t *testing.T) {
	shown := func(name string) func(*hostLink, *cups.Message) {
		return another(61, string(cups.Holder{Name: spec.EncodeGBK(name)}.AppendAnswer(nil)))
	}
	for name, v := range map[string]struct {
		host func(*hostLink, *cups.Message)
		want acquirer.ResponseCode
		err  error
	}{
		"yes":                    {host: good, want: "00"},
		"no":                     {host: another(39, "05"), want: "05"},
		"no such card":           {host: another(39, "14"), want: "14"},
		"busy":                   {host: another(39, "91"), want: "91"},
		"its name, surname hid":  {host: shown("*小明"), want: "00"},
		"another name":           {host: shown("*大明"), err: acquirer.ErrUnknown},
		"a name that is no text": {host: another(61, strings.Repeat(" ", 35)+"NM001\xff"), err: acquirer.ErrUnknown},
		"F61 of another form":    {host: another(61, "x"), want: "00"},
		"silence":                {host: silent, err: acquirer.ErrUnknown},
		"wrong MAC":              {host: func(l *hostLink, m *cups.Message) { l.send(approve(m).set(128, "00000000")) }, err: acquirer.ErrUnknown},
		"other F37":              {host: another(37, "632899900002"), err: acquirer.ErrUnknown},
		"other F41":              {host: another(41, "10000002"), err: acquirer.ErrUnknown},
		"a debit's answer":       {host: another(0, "0210"), err: acquirer.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w *world) {
				w.host.verifications(v.host)
				code, err := w.verifyAccount(t, "王小明")
				if v.err != nil {
					require.ErrorIs(t, err, v.err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, v.want, code)
			})
		})
	}
}

// A name that the line cannot carry is not asked about under another one.
func TestVerifyAccountOutsideGBK(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		_, err := w.verifyAccount(t, "\U0002C35B明")
		require.ErrorIs(t, err, acquirer.ErrNotInGBK)
		require.Empty(t, w.host.received("0100"))
	})
}

func TestVerifyAccountWithoutLink(t *testing.T) {
	w := newWorld(t, 1)
	_, err := w.verifyAccount(t, "王小明")
	require.ErrorIs(t, err, acquirer.ErrNotSent)
}
