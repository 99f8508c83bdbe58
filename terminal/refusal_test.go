package terminal

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

func acquirerCode(s string) acquirer.ResponseCode { return acquirer.ResponseCode(s) }

// with returns F62 of a debit with elements of the test's choice in the place of the usual ones.
func with(token string, more ...string) string {
	return list(append([]string{"PE", payeeNumber, "PR", payerNumber, "CT", token}, more...)...)
}

// Every F39 of a name-confirm that begins at the edge, and those of the flow as far as they show here.
func TestInquiryRefusals(t *testing.T) {
	_, c, d := start(t)
	for _, v := range []struct {
		name   string
		change fields
		code   string
	}{
		{"nothing wrong", nil, "00"},
		{"other field of the dialect", fields{43: strings.Repeat("x", 40)}, "00"},
		{"F3", fields{3: "000000"}, "40"},
		{"F25", fields{25: "00"}, "40"},
		{"no F3", fields{3: ""}, "30"},
		{"no F4", fields{4: ""}, "30"},
		{"no F11", fields{11: ""}, "30"},
		{"no F22", fields{22: ""}, "30"},
		{"no F25", fields{25: ""}, "30"},
		{"no F42", fields{42: ""}, "30"},
		{"no F49", fields{49: ""}, "30"},
		{"no F60", fields{60: ""}, "30"},
		{"no F62", fields{62: ""}, "30"},
		{"no F64", fields{64: ""}, "30"},
		{"F49", fields{49: "840"}, "30"},
		{"60.1", fields{60: "72000001000"}, "30"},
		{"F60 of 9 digits", fields{60: "710000010"}, "30"},
		{"F60 of 8 digits", fields{60: "71000001"}, "00"},
		{"F60 of 14 digits", fields{60: "71000001000600"}, "00"},
		{"F60 of 7 digits", fields{60: "7100000"}, "30"},
		{"batch", fields{60: "71000002000"}, "77"},
		{"F4 zero", fields{4: "000000000000"}, "13"},
		{"F4 over the limit", fields{4: "000010000001"}, "61"},
		{"merchant", fields{42: "898110000000002"}, "03"},
		{"terminal", fields{41: "99999999"}, "97"},
		{"blocked", fields{41: "10000003", 42: "898110000000002"}, "58"},
		{"line", fields{41: "10000002"}, "P5"},
		{"not signed on", fields{41: "10000004", 42: "898110000000002"}, "77"},
		{"not signed on, no F64", fields{41: "10000004", 42: "898110000000002", 64: ""}, "77"},
		{"payee's number", fields{62: list("PE", "12345678901", "PR", payerNumber)}, "P1"},
		{"payer's number", fields{62: list("PE", payeeNumber, "PR", "1390013900")}, "P2"},
		{"payee", fields{62: list("PE", "13800138009", "PR", payerNumber)}, "P3"},
		{"no PE", fields{62: list("PR", payerNumber)}, "30"},
		{"no PR", fields{62: list("PE", payeeNumber)}, "30"},
		{"empty PE", fields{62: list("PE", "", "PR", payerNumber)}, "P1"},
		{"unknown tag", fields{62: list("PE", payeeNumber, "ZZ", "what", "PR", payerNumber)}, "00"},
		{"tag twice", fields{62: list("PE", payeeNumber, "PR", payerNumber, "PE", payeeNumber)}, "30"},
		{"unknown tag twice", fields{62: list("PE", payeeNumber, "PR", payerNumber, "ZZ", "1", "ZZ", "1")}, "30"},
		{"length overruns", fields{62: "PE01113800138001PR01213900139001"}, "30"},
		{"length no number", fields{62: "PE0A113800138001PR01113900139001"}, "30"},
		{"tag no letters", fields{62: "1E01113800138001PR01113900139001"}, "30"},
		{"MO of 1 byte", fields{62: list("PE", payeeNumber, "PR", payerNumber, "MO", "x")}, "00"},
		{"MO of 60 bytes", fields{62: list("PE", payeeNumber, "PR", payerNumber, "MO", string(spec.EncodeGBK(strings.Repeat("货", 30))))}, "00"},
		{"MO of 61 bytes", fields{62: list("PE", payeeNumber, "PR", payerNumber, "MO", strings.Repeat("x", 61))}, "30"},
		{"MO empty", fields{62: list("PE", payeeNumber, "PR", payerNumber, "MO", "")}, "30"},
		{"MO no GBK", fields{62: list("PE", payeeNumber, "PR", payerNumber, "MO", "\xFF\xFF")}, "30"},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := &client{t, c.nc}
			c.send(d.inquiry(10, v.change))
			frame := c.read()
			m, err := pos.Unpack(frame)
			require.NoError(t, err)
			require.Equal(t, []string{"0110", v.code}, []string{m.MTI(), m.Get(39)})
			requireSayable(t, d, m, frame, v.change)
		})
	}
}

// requireSayable wants an answer to hold what can be said: what the request had, the clock, F62 as its code asks, F64
// where the terminal has a key, and a request to sign on where that helps.
func requireSayable(t *testing.T, d *device, m *pos.Message, frame []byte, change fields) {
	t.Helper()
	code := m.Get(39)
	for _, id := range []int{3, 4, 11, 25, 41, 42, 49, 60} {
		if v, changed := change[id]; changed {
			require.Equal(t, v, m.Get(id), "F%d", id)
			continue
		}
		require.True(t, m.Has(id), "F%d", id)
	}
	for _, id := range []int{12, 13, 32, 37, 62} {
		require.True(t, m.Has(id), "F%d", id)
	}
	text, err := spec.DecodeGBK([]byte(d.element(m, pos.TagText)))
	require.NoError(t, err)
	if code == "00" {
		require.Empty(t, text)
	} else {
		require.Equal(t, pos.Text(code), text)
	}
	other := change[41] != "" // its session is not this device's
	require.Equal(t, !other, m.Has(64))
	if !other {
		d.requireSigned(frame)
	}
	again := code == "77" || code == "99" || code == "A0"
	require.Equal(t, again, m.Envelope().Processing() == pos.ProcessingSignOn)
}

// Every F39 of a debit that begins at the edge. None leaves a row, but for those of the flow.
func TestDebitRefusals(t *testing.T) {
	w, c, d := start(t)
	token := d.token(c, 9)
	for _, v := range []struct {
		name   string
		change fields
		code   string
		rows   int
	}{
		{"no F26", fields{26: ""}, "30", 0},
		{"no F52", fields{52: ""}, "30", 0},
		{"no F53", fields{53: ""}, "30", 0},
		{"no F11", fields{11: ""}, "30", 0},
		{"no F62", fields{62: ""}, "30", 0},
		{"F53", fields{53: "2000000000000000"}, "99", 0},
		{"60.1", fields{60: "71000001000"}, "30", 0},
		{"F49", fields{49: "344"}, "30", 0},
		{"F3", fields{3: "190000"}, "40", 0},
		{"batch", fields{60: "72000009000"}, "77", 0},
		{"no card", fields{35: ""}, "30", 0},
		{"F2 without F14", fields{35: "", 2: payerCard}, "30", 0},
		{"keyed, not allowed", fields{35: "", 2: payerCard, 14: "3012"}, "58", 0},
		{"track without expiry", fields{35: payerCard + "=301"}, "30", 0},
		{"track without separator", fields{35: payerCard}, "30", 0},
		{"card of 12 digits", fields{35: "622202000000=3012"}, "30", 0},
		{"F2 is another card", fields{2: "6225880000000019"}, "30", 0},
		{"MO of 61 bytes", fields{62: with(token, "MO", strings.Repeat("x", 61))}, "30", 0},
		{"no PE", fields{62: list("PR", payerNumber, "CT", token)}, "30", 0},
		{"no numbers", fields{62: list("PE", "1", "PR", "2", "CT", token)}, "P4", 0},
		{"no CT", fields{62: list("PE", payeeNumber, "PR", payerNumber)}, "P4", 1},
		{"CT of 65 bytes", fields{62: with(token + "A")}, "P4", 1},
		{"F4 zero", fields{4: "000000000000"}, "13", 1},
		{"PIN block of another key", fields{52: "12345678"}, "99", 1},
		{"no contracted bank", fields{35: "4000000000000002=3012"}, "31", 1},
		{"F2 as in F35, and all that may come along", fields{2: payerCard, 14: "3012", 22: "051", 23: "001", 36: "99" + payerCard + "=1",
			55: "\x9F\x26\x01\x00", 62: with(token, "MO", string(spec.EncodeGBK("货款")))}, "00", 1},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := &client{t, c.nc}
			before := len(w.mem.all())
			c.send(d.debit(10+before, token, v.change))
			frame := c.read()
			d.requireSigned(frame)
			m, err := pos.Unpack(frame)
			require.NoError(t, err)
			require.Equal(t, []string{"0210", v.code}, []string{m.MTI(), m.Get(39)})
			require.Len(t, w.mem.all(), before+v.rows)
			require.Equal(t, v.code == "77" || v.code == "99", m.Envelope().Processing() == pos.ProcessingSignOn)
			if v.code == "00" {
				row, sent := w.mem.all()[before], w.net.sent()[0]
				require.Equal(t, []string{"货款", "051", "001", "3012"}, []string{row.Memo, row.EntryMode, row.CardSeq, row.Expiry})
				require.Equal(t, []byte{0x9F, 0x26, 1, 0}, sent.ICData)
				require.Equal(t, "99"+payerCard+"=1", sent.Track3.Reveal())
			}
		})
	}
}

func TestKeyedCard(t *testing.T) {
	w := newWorld(t)
	c := dial(t, w.listen(t))
	d := w.newDevice(t, "10000005")
	d.signOn(c, pos.NetSignOn)
	keyed := fields{35: "", 2: payerCard, 14: "3012", 22: "011"}
	m := c.ask(d.debit(11, d.token(c, 10), keyed))
	require.Equal(t, []string{"00", payerCard}, []string{m.Get(39), m.Get(2)})
	require.Equal(t, "3012", w.mem.all()[0].Expiry)
	keyed[2] = "622202000000"
	require.Equal(t, "30", c.ask(d.debit(12, "", keyed)).Get(39))
}

func TestUndoRefusals(t *testing.T) {
	w, c, d := start(t)
	for _, v := range []struct {
		name   string
		change fields
		code   string
	}{
		{"never seen", nil, "00"},
		{"again", nil, "00"},
		{"unknown reason", fields{11: "000012", 39: "17"}, "00"},
		{"another batch", fields{11: "000013", 60: "72000077000"}, "00"},
		{"amount zero", fields{11: "000014", 4: "000000000000"}, "00"},
		{"no F39", fields{39: ""}, "30"},
		{"no F22", fields{22: ""}, "30"},
		{"60.1", fields{60: "71000001000"}, "30"},
		{"F25", fields{25: "06"}, "40"},
		{"merchant", fields{42: "898110000000002"}, "03"},
		{"no F64", fields{64: ""}, "30"},
	} {
		m := c.ask(d.undo(11, v.change))
		require.Equal(t, v.code, m.Get(39), v.name)
		require.False(t, m.Has(62))
		require.True(t, m.Has(64))
	}
	require.Len(t, w.mem.all(), 4, "a mark for each debit never seen, and none for what was refused")
	m := c.ask(d.debit(11, d.token(c, 10), nil))
	require.Equal(t, "98", m.Get(39), "the debit comes after its undo")
}

// A wrong F64 touches nothing, whatever bit is wrong (PROTOCOL 1.2).
func TestWrongMAC(t *testing.T) {
	w, c, d := start(t, patient)
	require.Equal(t, "00", c.ask(d.debit(11, d.token(c, 10), nil)).Get(39))
	before := w.mem.all()
	undo := d.undo(11, nil)
	for _, at := range []int{len(undo) - 1, len(undo) - 8, len(undo) - 10, 26} {
		frame := append([]byte(nil), undo...)
		frame[at] ^= 1
		c.send(frame)
		answer := c.read()
		d.requireSigned(answer)
		m, err := pos.Unpack(answer)
		require.NoError(t, err)
		require.Equal(t, "A0", m.Get(39))
		require.Equal(t, pos.ProcessingSignOn, m.Envelope().Processing())
	}
	require.Equal(t, before, w.mem.all())
}

func TestUnknownMessages(t *testing.T) {
	_, c, d := start(t)
	for _, mti := range []string{"0220", "0320", "0500", "0620", "0100", "0700"} {
		f := fields{3: "310000"}
		if mti == "0500" {
			f = fields{3: "", 4: "", 22: "", 25: "", 62: "", 64: ""}
		}
		frame := d.inquiry(10, f)
		copy(frame[11:], unhex(t, mti))
		if mti != "0500" {
			require.NoError(t, pos.SignFrame(frame, func(b []byte) [8]byte { return macOf(d.mak, d.algorithm, b) }))
		}
		m := c.ask(frame)
		require.Equal(t, []string{mti[:2] + string(mti[2]+1) + mti[3:], "40"}, []string{m.MTI(), m.Get(39)})
		require.Equal(t, mti != "0500", m.Has(64), "signed as the request was")
	}
}

func TestLine(t *testing.T) {
	w := newWorld(t)
	c := dial(t, w.listen(t))
	registered, other := w.newDevice(t, "10000002"), w.newDevice(t, "10000001")
	for _, v := range []struct {
		d    *device
		lri  []byte
		code string
	}{
		{registered, pos.BuildLRI("01088886666", "95516"), "00"},
		{registered, pos.BuildLRI("1088886666", ""), "00"}, // the zero in front cannot be told from filling
		{registered, pos.BuildLRI("01088886667", ""), "P5"},
		{registered, pos.BuildLRI("", ""), "P5"},
		{registered, append([]byte("LRI\x00\x1C"), append([]byte("\xAB"), make([]byte, 27)...)...), "P5"},
		{registered, nil, "P5"},
		{other, nil, "00"},
		{other, pos.BuildLRI("075588318355", "60847260"), "00"},
	} {
		v.d.envelope.LRI = v.lri
		c.send(v.d.manage(pos.MTISignOn, pos.NetSignOn, nil))
		frame := c.read()
		m, err := pos.Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, v.code, m.Get(39))
		require.Nil(t, m.Envelope().LRI, "no LRI in a response")
	}
}

// A store error gets no answer, and nothing may be said about the debit.
func TestStoreError(t *testing.T) {
	w, c, d := start(t)
	token := d.token(c, 10)
	w.mem.mu.Lock()
	w.mem.broken = errors.New("disk")
	w.mem.mu.Unlock()
	c.send(d.debit(11, token, nil), d.undo(12, nil), d.manage(pos.MTISignOn, pos.NetSignOn, nil))
	m := c.ask(d.inquiry(13, nil))
	require.Equal(t, []string{"0110", "00"}, []string{m.MTI(), m.Get(39)}, "nothing came before it")
	require.EqualValues(t, 3, w.Stats().Unanswered)
}

// An answer that cannot be signed goes unsigned.
func TestNoMAC(t *testing.T) {
	w, c, d := start(t)
	w.hsm.noMAC = errors.New("module gone")
	m := c.ask(d.inquiry(10, nil))
	require.Equal(t, "00", m.Get(39))
	require.False(t, m.Has(64))
}
