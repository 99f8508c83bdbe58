package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

func TestWholePayment(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term := w.terminal("10000001")
	before, _ := w.balance(goodCard)
	r, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	require.Equal(t, "王*明", r.PayeeName)
	require.Equal(t, "00", r.Code)
	after, held := w.balance(goodCard)
	require.Equal(t, before-1234, after)
	require.Equal(t, int64(1234), held, "credited only after reconciliation")

	rows := w.rows()
	require.Len(t, rows, 1)
	require.Equal(t, acquirer.Approved, rows[0].State)
	require.Equal(t, r.RRN, string(rows[0].RRN()))
	require.Equal(t, "房租", rows[0].Memo)
	notices, err := w.app.db.Outbox(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, notices, 1)
	require.Equal(t, acquirer.NoticeDebited, notices[0].Kind)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term, x919 := w.terminal("10000001"), w.terminal("10000004")
	for _, c := range []struct {
		name string
		term *emulator.Terminal
		with func(*emulator.Payment)
		pins []string
		code string
	}{
		{"not verified", term, func(p *emulator.Payment) { p.Payee = "13800138009" }, nil, "P3"},
		{"unknown", x919, func(p *emulator.Payment) { p.Payee = "13700137000" }, nil, "P3"},
		{"not contracted", term, func(p *emulator.Payment) { p.Card = emulator.SwipedCard("4000000000000002", "3012") }, nil, "31"},
		{"no funds", x919, func(p *emulator.Payment) { p.Card = emulator.SwipedCard("6225880000000019", "3012") }, nil, "51"},
		{"expired", term, func(p *emulator.Payment) { p.Card = emulator.SwipedCard("6222020000000000026", "2001") }, nil, "54"},
		{"lost", term, func(p *emulator.Payment) { p.Card = emulator.SwipedCard("6222020000000000034", "3012") }, nil, "41"},
		{"over the limit", term, func(p *emulator.Payment) { p.AmountFen = 10_000_001 }, nil, "61"},
		{"keyed card", term, func(p *emulator.Payment) { p.Card = emulator.KeyedCard(goodCard, "3012") }, nil, "58"},
		{"wrong PIN, then right", term, func(*emulator.Payment) {}, []string{"111111", "123456"}, "00"},
	} {
		p := payment(1234)
		c.with(&p)
		if c.pins == nil {
			c.pins = []string{"123456"}
		}
		r, err := c.term.Pay(t.Context(), p, holder{c.pins})
		require.Equal(t, c.code, r.Code, "%s: %v", c.name, err)
		require.Equal(t, c.code == "00", err == nil)
	}
	blocked := w.terminal("10000003")
	_, err := blocked.Pay(t.Context(), payment(1), holder{[]string{"123456"}})
	require.ErrorContains(t, err, "58")
	require.NoError(t, w.terminal("10000002").SignOn(t.Context(), "004"), "calls from its own line")
	debits := 0
	for _, row := range w.rows() {
		if row.State == acquirer.Approved {
			debits++
		}
	}
	require.Equal(t, 1, debits)
}

// Every fault of PROTOCOL 3.1 ends in one known way and no money is lost.
func TestHostFaults(t *testing.T) {
	w := newWorld(t, time.Second)
	start, _ := w.balance(goodCard)
	var kept int64
	for _, c := range []struct {
		fen   int64
		code  string
		state acquirer.State
	}{
		{9801, "98", acquirer.Reversed}, // debits and never answers
		{9802, "98", acquirer.Reversed}, // debits and answers late
		{9803, "00", acquirer.Approved}, // answers twice
		{9804, "98", acquirer.Reversed}, // the answer's F128 is wrong
		{9805, "98", acquirer.Reversed}, // debits and cuts the link
		{9806, "98", acquirer.Reversed}, // answers with another F4
		{9807, "98", acquirer.Reversed}, // neither debits nor answers
		{9808, "98", acquirer.Reversed}, // answers 96
	} {
		term := w.terminal("10000001")
		if c.fen == 9805 { // the links come back with a back-off
			require.Eventually(t, func() bool { return w.app.Network.Ready() == nil }, 10*time.Second, 10*time.Millisecond)
		}
		r, err := term.Pay(t.Context(), payment(c.fen), holder{[]string{"123456"}})
		require.Equal(t, c.code, r.Code, "%d: %v", c.fen, err)
		if c.state == acquirer.Approved {
			kept += c.fen
		}
		w.settled()
		rows := w.rows()
		var row *acquirer.Transaction
		for _, candidate := range rows {
			if candidate.Amount == acquirer.Fen(c.fen) {
				row = candidate
			}
		}
		require.Equal(t, c.state, row.State, "%d", c.fen)
		left, held := w.balance(goodCard)
		require.Equal(t, start-kept, left, "%d", c.fen)
		require.Equal(t, kept, held)
	}
}

// What is at the host when the switch dies is undone when it comes back; sessions and stored answers live on.
func TestRestart(t *testing.T) {
	w := newWorld(t, 3*time.Second)
	term := w.terminal("10000001")
	require.NoError(t, term.SignOn(t.Context(), "003"))
	start, _ := w.balance(goodCard)
	_, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)

	// A crash is a journal whose row stays Sent: one is written as the flows would, then the switch starts on it.
	now := time.Now()
	id, err := w.app.db.NewID(now)
	require.NoError(t, err)
	row := *w.rows()[0]
	row.ID, row.State, row.Code, row.Token = id, acquirer.Sent, "", acquirer.TokenID{9}
	row.Key.STAN, row.Host = 999_999, acquirer.HostKey{Time: acquirer.HostTime(now), STAN: id.STAN()}
	require.NoError(t, w.app.db.Open(t.Context(), &row, acquirer.Change{At: now, Event: acquirer.EventSend}))
	w.stopSwitch()
	w.startSwitch()
	w.settled()
	got, err := w.app.db.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, acquirer.Reversed, got.State)
	require.Equal(t, acquirer.CodeNoAnswer, got.Code)
	left, _ := w.balance(goodCard)
	require.Equal(t, start-1234, left)
}

// The host's death and return: debits are refused with 91 meanwhile, its ledger is as it was.
func TestHostRestart(t *testing.T) {
	w := newWorld(t, 2*time.Second)
	term := w.terminal("10000001")
	_, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	require.NoError(t, w.host.Close())
	require.Eventually(t, func() bool { return w.app.Network.Ready() != nil }, 5*time.Second, 5*time.Millisecond)
	r, err := term.Pay(t.Context(), payment(1235), holder{[]string{"123456"}})
	require.Error(t, err)
	require.Equal(t, "91", r.Code)
	w.startHost(w.hostAddr)
	require.Eventually(t, func() bool { return w.app.Network.Ready() == nil }, 20*time.Second, 10*time.Millisecond)
	_, err = term.Pay(t.Context(), payment(1236), holder{[]string{"123456"}})
	require.NoError(t, err)
	left, held := w.balance(goodCard)
	require.Equal(t, int64(100_000_000-1234-1236), left)
	require.Equal(t, int64(1234+1236), held)
}

// TestLeaks pays, fails, undoes and restarts with everything logged, and then looks for every secret in every byte
// that the switch has written, in the forms in which bytes of a wire might have got there. The host's ledger is left
// out: it is the bank's own book.
func TestLeaks(t *testing.T) {
	w := newWorld(t, time.Second)
	for _, fen := range []int64{1234, 9801, 9804, 9806} {
		term := w.terminal("10000001")
		_, err := term.Pay(t.Context(), payment(fen), holder{[]string{"111111", "123456"}})
		require.Equal(t, fen != 1234, err != nil, "%d: %v", fen, err)
	}
	term := w.terminal("10000004")
	p := payment(77)
	p.Payee = "13800138004"
	_, err := term.Pay(t.Context(), p, holder{[]string{"123456"}})
	require.NoError(t, err)
	w.settled()
	sent := w.frames.String()
	check := func() {
		written := w.written()
		require.Contains(t, written, "10000001", "the scan sees what is there")
		for name, secret := range secrets(t, sent) {
			require.NotContains(t, written, secret, name)
		}
	}
	check() // database, WAL and log while the switch runs
	w.stopSwitch()
	check()
	w.startSwitch()
	check()

	planted := filepath.Join(w.dir, "ringback.db-planted")
	require.NoError(t, os.WriteFile(planted, []byte("xx"+goodCard+"xx"), 0o600))
	require.Contains(t, w.written(), goodCard, "a planted leak is found")
}

// written returns every byte the switch has written so far: its files, in lower case too, and its log.
func (w *world) written() string {
	var all bytes.Buffer
	all.WriteString(w.log.String())
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "host" {
				return fs.SkipDir
			}
			return err
		}
		if strings.HasSuffix(path, ".key") {
			return nil
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	require.NoError(w.t, err)
	return all.String() + strings.ToLower(all.String())
}

// secrets lists what must not be found: cards, numbers, names, PINs, tracks, PIN blocks and keys as they were on the
// wire, each in ASCII, packed, hex and base64-free forms.
func secrets(t *testing.T, sent string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	add := func(name, s string) {
		out[name] = s
		if b, err := hex.DecodeString(s + strings.Repeat("0", len(s)%2)); err == nil {
			out[name+" packed"] = string(b[:len(s)/2])
		}
		out[name+" in hex"] = hex.EncodeToString([]byte(s))
	}
	for _, c := range []string{goodCard, "6217000000000000012", "6212260000000000018"} {
		add("card", c)
		out["card "+c[14:]], out["card in hex "+c[14:]] = c, hex.EncodeToString([]byte(c))
	}
	for _, n := range []string{payeeOne, payerOne, "13800138004"} {
		out["number "+n] = n
		out["number in hex "+n] = hex.EncodeToString([]byte(n))
	}
	for _, n := range []string{"王小明", "买买提·艾力", "\xcd\xf5\xd0\xa1\xc3\xf7", "房租", "\xb7\xbf\xd7\xe2"} {
		out["text "+n] = n
	}
	out["track"] = goodCard + "=3012"
	out["track on the wire"] = goodCard + "D3012"
	for i, tmk := range demoTerminals {
		add("key "+string(demoTerminals[i].id), tmk.tmk)
	}
	// F52 stands in front of F53, which is 2600000000000000 on this line.
	blocks := regexp.MustCompile(`(?s)(.{8})\x26\x00{7}`).FindAllStringSubmatch(sent, -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		out["PIN block "+hex.EncodeToString([]byte(b[1]))] = b[1]
		out["PIN block in hex "+hex.EncodeToString([]byte(b[1]))] = hex.EncodeToString([]byte(b[1]))
	}
	return out
}

// A second switch on the same store is refused.
func TestOneSwitchPerStore(t *testing.T) {
	w := newWorld(t, time.Second)
	_, err := newApp(context.Background(), w.config(), w.app.log)
	require.ErrorContains(t, err, "another switch runs")
}
