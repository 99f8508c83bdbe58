package terminal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// debitSM4 makes the 0200 of a terminal with SM4 keys: the PIN block stands in the element SM, beside a F52 of zeros.
func (d *device) debitSM4(stan int, token string, change fields) []byte {
	d.t.Helper()
	all := fields{52: strings.Repeat("\x00", 8), 53: pos.SecuritySM4, 62: d.elementsSM4(token, "123456")}
	for id, v := range change {
		all[id] = v
	}
	return d.debit(stan, token, all)
}

func (d *device) elementsSM4(token, pin string) string {
	d.t.Helper()
	block, err := spec.SealPINSM4(d.pik[len(sm4Mark):], pin, payerCard)
	require.NoError(d.t, err)
	return list("PE", payeeNumber, "PR", payerNumber, "CT", token, "SM", string(block[:]))
}

// One payment of a terminal with SM4 keys, with either form of F64: what goes to the host is format 0 under the zone's
// 3DES key.
func TestPaymentSM4(t *testing.T) {
	w := newWorld(t)
	c := dial(t, w.listen(t))
	for i, id := range []string{"10000007", "10000008"} {
		d := w.newDevice(t, id)
		m := d.signOn(c, pos.NetSignOnSM4)
		require.Equal(t, "006", m.Get(60)[8:])
		token := d.token(c, 10)
		c.send(d.debitSM4(11, token, nil))
		frame := c.read()
		d.requireSigned(frame)
		m, err := pos.Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, "00", m.Get(39))
		block := w.net.sent()[i].PIN.Reveal()
		pin, err := spec.OpenPIN([]byte("ABCDEFGHIJKLMNOP"), [8]byte(block), payerCard)
		require.NoError(t, err)
		require.Equal(t, "123456", pin)
		require.Equal(t, "00", c.ask(d.undo(11, nil)).Get(39))
	}
}

func TestSM4Refusals(t *testing.T) {
	w := newWorld(t)
	c := dial(t, w.listen(t))
	d, other := w.newDevice(t, "10000007"), w.newDevice(t, "10000001")
	d.signOn(c, pos.NetSignOnSM4)
	other.signOn(c, pos.NetSignOn)
	token, theirs := d.token(c, 10), other.token(c, 10)
	plain := list("PE", payeeNumber, "PR", payerNumber, "CT", token)
	for i, v := range []struct {
		name, code string
		change     fields
	}{
		{"security of 3DES", "99", fields{53: pos.SecurityDES}},
		{"security of single DES", "99", fields{53: "2000000000000000"}},
		{"a block in F52 too", "30", fields{52: "12345678"}},
		{"no SM", "30", fields{62: plain}},
		{"short SM", "30", fields{62: plain + list("SM", "12345678")}},
		{"long SM", "30", fields{62: plain + list("SM", strings.Repeat("1", 17))}},
		{"a block that is none", "99", fields{62: plain + list("SM", strings.Repeat("1", 16))}},
	} {
		require.Equal(t, v.code, c.ask(d.debitSM4(20+i, token, v.change)).Get(39), v.name)
	}
	require.Empty(t, w.net.sent())
	require.Equal(t, "00", c.ask(d.debitSM4(40, token, nil)).Get(39))

	// A terminal with DES keys may not say SM4; an element SM of it is one it does not know, and ignored.
	require.Equal(t, "99", c.ask(other.debit(20, theirs, fields{53: pos.SecuritySM4})).Get(39))
	both := list("PE", payeeNumber, "PR", payerNumber, "CT", theirs, "SM", "1234567890123456")
	require.Equal(t, "00", c.ask(other.debit(21, theirs, fields{62: both})).Get(39))
}
