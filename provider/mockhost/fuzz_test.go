package mockhost

import (
	"bytes"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/cups"
)

// FuzzReplay gives the replay any log: it must not panic, and what it accepts
// must add up.
func FuzzReplay(f *testing.F) {
	var log []byte
	for _, r := range []record{
		{Kind: kindOpen, Version: logVersion, Check: "F399F7"},
		{Kind: kindAccount, PAN: payer, Fen: 1000},
		{Kind: kindDebit, Key: "a", PAN: payer, Fen: 10},
		{Kind: kindReversal, Key: "a"},
		{Kind: kindUnknown, Key: "b"},
		{Kind: kindRefused, Key: "c", PAN: payer, Fen: 10},
		{Kind: kindOffer, Institution: member, KeyKind: "2", Wrapped: "0FE5B03EC604CB6B"},
		{Kind: kindKey, Institution: member, KeyKind: "2", Wrapped: "0FE5B03EC604CB6B"},
	} {
		log = appendRecord(log, r)
	}
	f.Add(log)
	f.Add(log[:len(log)-3])
	f.Add([]byte("00000000 {}\n"))
	zmk := demoZMK(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Open(Config{ZMK: zmk})
		require.NoError(t, err)
		book := opening{host: h, check: checkValue(zmk)}
		size, err := replay(bytes.NewReader(data), book.apply)
		require.LessOrEqual(t, size, int64(len(data)))
		_, ledgerErr := h.Ledger()
		require.NoError(t, ledgerErr)
		if err == nil {
			again, err := replay(bytes.NewReader(data[:size]), func(record) error { return nil })
			require.NoError(t, err)
			require.Equal(t, size, again)
		}
	})
}

// FuzzRecords lets the fuzzer make records whose checksum is right.
func FuzzRecords(f *testing.F) {
	f.Add("account", payer, "k", int64(10), "debit", "k", int64(5), "reversal")
	f.Add("account", payer, "k", int64(10), "refused", "l", int64(5), "unknown")
	zmk := demoZMK(f)
	f.Fuzz(func(t *testing.T, kind1, pan, key1 string, fen1 int64, kind2, key2 string, fen2 int64, kind3 string) {
		log := appendRecord(nil, record{Kind: kindOpen, Version: logVersion, Check: checkValue(zmk)})
		log = appendRecord(log, record{Kind: kind(kind1), PAN: pan, Key: key1, Fen: fen1})
		log = appendRecord(log, record{Kind: kind(kind2), PAN: pan, Key: key1, Fen: fen2})
		log = appendRecord(log, record{Kind: kind(kind3), PAN: pan, Key: key2, Fen: fen2, Institution: key1, Wrapped: pan})
		h, err := Open(Config{ZMK: zmk})
		require.NoError(t, err)
		book := opening{host: h, check: checkValue(zmk)}
		if _, err := replay(bytes.NewReader(log), book.apply); err != nil {
			require.ErrorIs(t, err, ErrLog)
		}
		_, err = h.Ledger()
		require.NoError(t, err)
	})
}

// FuzzTake gives the message handler any frame: it must not panic, answer only
// with what can be read, and move no money without a right MAC.
func FuzzTake(f *testing.F) {
	h, err := Open(demoConfig(f))
	require.NoError(f, err)
	c := &client{t: f, seq: new(int)}
	debit := c.newDebit(payer, 100)
	for _, m := range []*cups.Message{debit, c.newReversal(debit)} {
		frame, err := c.seal(m).Pack()
		require.NoError(f, err)
		f.Add(frame, true)
	}
	echo := cups.New("0820")
	echo.SetHeader(cups.NewHeader(CentreID, member))
	for id, value := range map[int]string{7: "1124120000", 11: "000001", 33: member, 53: "1600000000000000", 70: "101"} {
		echo.Set(id, value)
	}
	frame, err := echo.Pack()
	require.NoError(f, err)
	f.Add(frame, false)
	conn, _ := net.Pipe()
	f.Fuzz(func(t *testing.T, frame []byte, strict bool) {
		if len(frame) < cups.HeaderLen || len(frame) > cups.MaxMessage {
			return
		}
		h.cfg.Strict = strict
		l := &link{host: h, conn: conn, out: make(chan reply, 8), dead: make(chan struct{})}
		l.take(frame)
		for len(l.out) > 0 {
			requireReadable(t, <-l.out)
		}
		totals, err := h.Ledger()
		require.NoError(t, err)
		require.Zero(t, totals.Debits)
	})
}

func requireReadable(t *testing.T, r reply) {
	t.Helper()
	frame, err := cups.ReadFrame(bytes.NewReader(r.bytes), nil)
	require.NoError(t, err)
	header, err := cups.ParseHeader(frame)
	require.NoError(t, err)
	if header.Rejected() {
		return
	}
	_, err = cups.Unpack(frame)
	require.NoError(t, err)
}
