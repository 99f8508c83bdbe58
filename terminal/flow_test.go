package terminal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
)

// One payment and its undo, field for field (PROTOCOL 1.2; dialect page, section 4).
func TestPayment(t *testing.T) {
	w := newWorld(t)
	c := dial(t, w.listen(t))
	for i, id := range []string{"10000001", "10000002", "10000004", "10000005"} {
		t.Run(id, func(t *testing.T) {
			d := w.newDevice(t, id)
			m := d.signOn(c, pos.NetSignOn)
			require.Equal(t, "11 12 13 32 37 39 41 42 60 62", present(m))
			require.Equal(t, "0810", m.MTI())
			require.Equal(t, []string{"000001", institution, d.id, d.merchant, "00000001003"},
				[]string{m.Get(11), m.Get(32), m.Get(41), m.Get(42), m.Get(60)})

			c.send(d.inquiry(10, nil))
			frame := c.read()
			d.requireSigned(frame)
			m, err := pos.Unpack(frame)
			require.NoError(t, err)
			require.Equal(t, "3 4 11 12 13 25 32 37 39 41 42 49 60 62 64", present(m))
			require.Equal(t, []string{"0110", "480000", "000000001234", "000010", "82", "00", "156", "71000001000"},
				[]string{m.MTI(), m.Get(3), m.Get(4), m.Get(11), m.Get(25), m.Get(39), m.Get(49), m.Get(60)})
			require.Equal(t, string(spec.EncodeGBK("王*明")), d.element(m, pos.TagName))
			token := d.element(m, pos.TagToken)
			require.Len(t, token, 64)

			c.send(d.debit(11, token, nil))
			frame = c.read()
			d.requireSigned(frame)
			m, err = pos.Unpack(frame)
			require.NoError(t, err)
			require.Equal(t, "2 3 4 11 12 13 15 25 32 37 38 39 41 42 44 49 60 64", present(m))
			require.Equal(t, []string{"0210", payerCard, "00", "1124", "A12345", "03090000   03056900", "72000001000"},
				[]string{m.MTI(), m.Get(2), m.Get(39), m.Get(15), m.Get(38), m.Get(44), m.Get(60)})
			row := w.mem.all()[i]
			require.Equal(t, string(row.RRN()), m.Get(37))
			require.Equal(t, payerTrack, w.net.sent()[i].Track2.Reveal())

			c.send(d.undo(11, nil))
			frame = c.read()
			d.requireSigned(frame)
			undone, err := pos.Unpack(frame)
			require.NoError(t, err)
			require.Equal(t, "3 4 11 12 13 25 32 37 39 41 42 49 60 64", present(undone))
			require.Equal(t, []string{"0410", "00", m.Get(37)}, []string{undone.MTI(), undone.Get(39), undone.Get(37)})
			require.Equal(t, "reversing", w.mem.all()[i].State.String())
		})
	}
}

func TestSignOnKinds(t *testing.T) {
	w := newWorld(t)
	c := dial(t, w.listen(t))
	for _, v := range []struct {
		id, kind, code string
		block          int
	}{
		{"10000001", "003", "00", 40},
		{"10000001", "004", "00", 60},
		{"10000001", "001", "40", 0},
		{"10000001", "006", "40", 0},
		{"10000001", "360", "40", 0},
		{"10000005", "003", "00", 40},
		{"10000005", "004", "00", 60},
		{"10000006", "001", "00", 24},
		{"10000007", "006", "00", 40},
		{"10000007", "003", "40", 0},
		{"10000007", "004", "40", 0},
		{"10000007", "001", "40", 0},
	} {
		d := w.newDevice(t, v.id)
		m := c.ask(d.manage(pos.MTISignOn, v.kind, fields{62: "Sequence No16ABCD12345678", 63: "01 "}))
		require.Equal(t, v.code, m.Get(39), "%+v", v)
		require.Len(t, m.Bytes(62), v.block)
		require.False(t, m.Has(64))
		if v.id == "10000005" {
			require.Equal(t, make([]byte, 8), m.Bytes(62)[28:36], "a single-length MAK is filled with zeros")
		}
	}
}

func TestManagement(t *testing.T) {
	w, c, d := start(t)
	echo := c.ask(d.manage(pos.MTINetwork, pos.NetEcho, fields{11: ""}))
	require.Equal(t, "12 13 39 41 42 60", present(echo))
	require.Equal(t, []string{"0830", "00"}, []string{echo.MTI(), echo.Get(39)})
	echo = c.ask(d.manage(pos.MTINetwork, pos.NetEcho, fields{60: "00000777301"}))
	require.Equal(t, []string{"00", "000001"}, []string{echo.Get(39), echo.Get(11)}, "an echo looks at no batch, and F11 comes back")

	require.Equal(t, "40", c.ask(d.manage(pos.MTINetwork, "999", nil)).Get(39))
	require.Equal(t, "30", c.ask(d.manage(pos.MTINetwork, pos.NetSignOff, fields{11: ""})).Get(39))
	require.Equal(t, "30", c.ask(d.manage(pos.MTISignOn, pos.NetSignOn, fields{11: ""})).Get(39))
	require.Equal(t, "77", c.ask(d.manage(pos.MTINetwork, pos.NetSignOff, fields{60: "00000777002"})).Get(39))
	require.Equal(t, "40", c.ask(d.manage(pos.MTISignOn, pos.NetSignOn, fields{60: "22000001003"})).Get(39))

	off := c.ask(d.manage(pos.MTINetwork, pos.NetSignOff, nil))
	require.Equal(t, "11 12 13 32 37 39 41 42 60", present(off))
	require.Equal(t, "00", off.Get(39))
	require.False(t, w.mem.terminals["10000001"].Session.SignedOn)
	require.Equal(t, "00", c.ask(d.manage(pos.MTINetwork, pos.NetSignOff, nil)).Get(39), "again, when the answer was lost")
	m := c.ask(d.inquiry(5, nil))
	require.Equal(t, "77", m.Get(39))
	require.False(t, m.Has(64), "no key, no F64")
	require.Equal(t, pos.ProcessingSignOn, m.Envelope().Processing())
}

// The key before a sign-on is good for what was in flight; the batch is not, but for an undo.
func TestAfterNewSignOn(t *testing.T) {
	w, c, d := start(t)
	debit := d.debit(11, d.token(c, 10), nil)
	require.Equal(t, "00", c.ask(debit).Get(39))
	undo, stale, old := d.undo(11, nil), d.inquiry(12, nil), *d
	d.signOn(c, pos.NetSignOn)
	require.Equal(t, "000002", d.batch)

	c.send(stale)
	frame := c.read()
	old.requireSigned(frame)
	m, err := pos.Unpack(frame)
	require.NoError(t, err)
	require.Equal(t, "77", m.Get(39))
	c.send(undo)
	frame = c.read()
	old.requireSigned(frame)
	require.Equal(t, "reversing", w.mem.all()[0].State.String())

	d.batch = "000001"
	c.send(d.undo(11, nil))
	frame = c.read()
	d.requireSigned(frame)
	m, err = pos.Unpack(frame)
	require.NoError(t, err)
	require.Equal(t, "00", m.Get(39), "a new key, the debit's batch")
}

// The same debit again gets the same answer, but for TPDU, header and F64.
func TestRepeatedDebit(t *testing.T) {
	w, c, d := start(t)
	token := d.token(c, 10)
	c.send(d.debit(11, token, nil))
	first := c.read()
	d.envelope.TPDU, d.envelope.Header = [5]byte{0x60, 0, 9, 0, 7}, [6]byte{0x61, 0x32, 0, 1, 2, 3}
	c.send(d.debit(11, token, nil))
	second := c.read()
	require.Equal(t, []byte{0x60, 0, 7, 0, 9, 0x61, 0x32, 0, 1, 2, 3}, second[:11])
	require.Equal(t, first[11:], second[11:], "even F64 is the same, as the key is")
	require.Len(t, w.net.sent(), 1)

	require.Equal(t, "94", c.ask(d.debit(11, token, fields{4: "000000001235"})).Get(39))
	m := c.ask(d.debit(12, token, nil))
	require.Equal(t, "P4", m.Get(39), "one token, one debit")
	again := c.ask(d.debit(12, token, nil))
	require.Equal(t, m.Get(37), again.Get(37))
}

// The host's own code, texts and dates pass, as far as the line can carry them.
func TestHostCodes(t *testing.T) {
	w, c, d := start(t)
	for i, code := range []string{"51", "55", "96", "Z9", "11"} {
		w.net.mu.Lock()
		w.net.authorize = says(acquirerCode(code))
		w.net.mu.Unlock()
		m := c.ask(d.debit(20+i, d.token(c, 40+i), nil))
		want := code
		if code == "96" {
			want = "98"
		}
		require.Equal(t, want, m.Get(39))
		text, err := spec.DecodeGBK([]byte(d.element(m, pos.TagText)))
		require.NoError(t, err)
		require.Equal(t, pos.Text(want), text)
		require.LessOrEqual(t, len(d.element(m, pos.TagText)), pos.MaxText)
	}
}
