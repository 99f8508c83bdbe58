package terminal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// zeros is what stands for F64 before a request is signed.
const zeros = "\x00\x00\x00\x00\x00\x00\x00\x00"

// total is F48 of a 0500 or 0510.
func total(debits int, fen int64, match string) string {
	return fmt.Sprintf("%012d%03d%s%s%s%s", fen, debits, strings.Repeat("0", 15), match[:1], strings.Repeat("0", 30), match[1:])
}

func (d *device) settle(stan int, debits int, fen int64, change fields) []byte {
	return d.frame(pos.MTISettle, fields{11: fmt.Sprintf("%06d", stan), 41: d.id, 42: d.merchant, 48: total(debits, fen, "00"),
		49: "156", 60: "00" + d.batch + pos.NetSettle, 63: "01 "}, change)
}

func (d *device) upload(stan int, code, f48 string, change fields) []byte {
	return d.frame(pos.MTIBatch, fields{11: fmt.Sprintf("%06d", stan), 41: d.id, 42: d.merchant, 48: f48, 60: "00" + d.batch + code}, change)
}

// line is F48 of an upload with one detail.
func line(stan int, pan string, fen int64) string {
	return fmt.Sprintf("0100%06d%020s%012d", stan, pan, fen)
}

// settling is a world and a terminal with one payment of 12.34.
func settling(t testing.TB) (*world, *client, *device) {
	w, c, d := start(t)
	require.Equal(t, "00", c.ask(d.debit(2, d.token(c, 1), nil)).Get(39))
	return w, c, d
}

// Fields and values of every answer, signed and unsigned as its request (dialect page, section 4).
func TestBatchAnswers(t *testing.T) {
	for _, f64 := range []string{"", zeros} {
		more := ""
		if f64 != "" {
			more = " 64"
		}
		w, c, d := settling(t)
		sign := fields{64: f64}
		ask := func(frame []byte, want string) *pos.Message {
			c.send(frame)
			answer := c.read()
			if f64 != "" {
				d.requireSigned(answer)
			}
			m, err := pos.Unpack(answer)
			require.NoError(t, err)
			require.Equal(t, want+more, present(m))
			return m
		}
		m := ask(d.settle(3, 1, 1235, sign), "11 12 13 15 32 37 41 42 48 49 60 63")
		require.Equal(t, total(1, 1235, "21"), m.Get(48))
		require.Equal(t, "01 ", m.Get(63))
		require.Equal(t, time.Now().In(acquirer.Beijing).Format("0102"), m.Get(15))
		require.Equal(t, m, ask(d.settle(3, 1, 1235, sign), "11 12 13 15 32 37 41 42 48 49 60 63"), "the same again")
		m = ask(d.upload(4, pos.NetSettle, line(2, payerCard, 1234), sign), "11 12 13 32 37 39 41 42 60")
		require.Equal(t, "00", m.Get(39))
		m = ask(d.upload(0, pos.NetChipUneven, "", fields{2: payerCard, 4: "000000000777", 11: "000099", 22: "051", 64: f64}), "2 4 11 12 13 32 37 39 41 42 60")
		require.Equal(t, "00", m.Get(39))
		m = ask(d.upload(6, pos.NetBatchUneven, "0003", sign), "11 12 13 32 37 39 41 42 60")
		require.Equal(t, "95", m.Get(39), "two details came")
		m = ask(d.upload(6, pos.NetBatchUneven, "0002", sign), "11 12 13 32 37 39 41 42 48 60")
		require.Equal(t, "00", m.Get(39))
		row := w.mem.all()[0]
		require.True(t, row.Confirmed)
		m = ask(d.settle(7, 9, 9, sign), "11 12 13 15 32 37 41 42 48 49 60 63")
		require.Equal(t, total(9, 9, "21"), m.Get(48), "closed stays closed")

		// The batch is closed: sign on again.
		require.Equal(t, "77", c.ask(d.inquiry(8, nil)).Get(39))
		d.signOn(c, pos.NetSignOn)
		require.Equal(t, "00", c.ask(d.inquiry(9, nil)).Get(39))
	}
}

func TestBatchAgreedAnswer(t *testing.T) {
	w, c, d := settling(t)
	m := c.ask(d.settle(3, 1, 1234, nil))
	require.Equal(t, total(1, 1234, "11"), m.Get(48))
	require.True(t, w.mem.all()[0].Confirmed)
	require.Equal(t, "00", c.ask(d.upload(4, pos.NetBatchEven, "0000", nil)).Get(39))
	d.signOn(c, pos.NetSignOn)
	old := fields{60: "00000001" + pos.NetSettle}
	again := c.ask(d.settle(3, 1, 1234, old))
	require.Equal(t, m.Get(48), again.Get(48), "also of an older number")
	require.Equal(t, [3]string{m.Get(12), m.Get(13), m.Get(37)}, [3]string{again.Get(12), again.Get(13), again.Get(37)})
	require.Equal(t, "77", c.ask(d.settle(5, 1, 1234, fields{60: "00000099" + pos.NetSettle})).Get(39))
}

// Every refusal. A 0510 that is one has F39, and its totals with the code 3.
func TestBatchRefusals(t *testing.T) {
	w, c, d := settling(t)
	full := line(2, payerCard, 1234)
	for _, v := range []struct {
		name  string
		frame []byte
		code  string
	}{
		{"batch", d.settle(3, 1, 1, fields{60: "00000002201"}), "77"},
		{"60.1", d.settle(3, 1, 1, fields{60: "72000001201"}), "40"},
		{"60.3", d.settle(3, 1, 1, fields{60: "00000001202"}), "40"},
		{"F60 of 8 digits", d.settle(3, 1, 1, fields{60: "00000001"}), "40"},
		{"no F11", d.settle(3, 1, 1, fields{11: ""}), "30"},
		{"no F48", d.settle(3, 1, 1, fields{48: ""}), "30"},
		{"no F49", d.settle(3, 1, 1, fields{49: ""}), "30"},
		{"F49", d.settle(3, 1, 1, fields{49: "840"}), "30"},
		{"F48 of 61 digits", d.settle(3, 1, 1, fields{48: total(1, 1, "00")[1:]}), "30"},
		{"F48 with another code", d.settle(3, 1, 1, fields{48: total(1, 1, "04")}), "30"},
		{"merchant", d.settle(3, 1, 1, fields{42: "898110000000002"}), "03"},
		{"terminal", d.settle(3, 1, 1, fields{41: "99999999"}), "97"},
		{"blocked", d.settle(3, 1, 1, fields{41: "10000003", 42: "898110000000002"}), "58"},
		{"line", d.settle(3, 1, 1, fields{41: "10000002"}), "P5"},
		{"not signed on", d.settle(3, 1, 1, fields{41: "10000004", 42: "898110000000002"}), "77"},

		{"upload before totals", d.upload(3, pos.NetSettle, full, nil), "95"},
		{"end before totals", d.upload(3, pos.NetBatchUneven, "0000", nil), "95"},
		{"upload, 60.3", d.upload(3, "204", full, nil), "40"},
		{"upload, 60.1", d.upload(3, pos.NetSettle, full, fields{60: "72000001201"}), "40"},
		{"upload, no F48", d.upload(3, pos.NetSettle, "", nil), "30"},
		{"upload, no F11", d.upload(3, pos.NetSettle, full, fields{11: ""}), "30"},
		{"upload, nothing listed", d.upload(3, pos.NetSettle, "00", nil), "30"},
		{"upload, nine listed", d.upload(3, pos.NetSettle, "09"+strings.Repeat(full[2:], 8), nil), "30"},
		{"upload, cut off", d.upload(3, pos.NetSettle, full[:41], nil), "30"},
		{"upload, no card", d.upload(3, pos.NetSettle, line(2, "622202", 1), nil), "30"},
		{"chip, no F2", d.upload(3, pos.NetChipEven, "", fields{4: "000000000001"}), "30"},
		{"chip, no F4", d.upload(3, pos.NetChipEven, "", fields{2: payerCard}), "30"},
		{"end, F48", d.upload(3, pos.NetBatchUneven, "000", nil), "30"},
		{"end, no F48", d.upload(3, pos.NetBatchEven, "", nil), "30"},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := &client{t, c.nc}
			m := c.ask(v.frame)
			require.Equal(t, v.code, m.Get(39))
			require.False(t, m.Has(62))
			if f48 := m.Get(48); f48 != "" {
				require.Equal(t, total(1, 1, "33"), f48)
			}
			require.False(t, w.mem.all()[0].Confirmed)
		})
	}
	require.Equal(t, total(1, 1, "33"), c.ask(d.settle(3, 1, 1, fields{60: "00000002201"})).Get(48))
}

// A wrong F64 touches nothing; none at all is the dialect's way.
func TestBatchMAC(t *testing.T) {
	w, c, d := settling(t)
	frame := d.settle(3, 1, 1234, fields{64: zeros})
	frame[len(frame)-1] ^= 1
	m := c.ask(frame)
	require.Equal(t, "A0", m.Get(39))
	require.Equal(t, pos.ProcessingSignOn, m.Envelope().Processing())
	require.False(t, w.mem.all()[0].Confirmed)
	require.Equal(t, total(1, 1234, "11"), c.ask(d.settle(4, 1, 1234, nil)).Get(48))
}

// A store that fails is no reason for an answer.
func TestBatchStoreFails(t *testing.T) {
	w, c, d := settling(t)
	unlock := w.mem.lock()
	w.mem.broken = errors.New("disk full")
	unlock()
	c.send(d.settle(3, 1, 1234, nil), d.manage(pos.MTINetwork, pos.NetEcho, fields{11: ""}))
	require.Equal(t, pos.MTINetworkResponse, c.receive().MTI())
}
