package mockhost

import (
	"bytes"
	"io"
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
	for _, m := range []*cups.Message{debit, c.newReversal(debit), c.newReconciliation("1124", debits(1, 100)), answerTo(debit, "0230", []int{7, 11, 33})} {
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

// FuzzAccounts reads anything as an operator's accounts. A host opens on what is accepted, with the money that the file
// says, or refuses it as something that cannot be configured; no card number is in the error.
func FuzzAccounts(f *testing.F) {
	const heading = "pan,pin,expiry,status,institution,limit_fen,balance_fen\n"
	f.Add([]byte(heading + payer + ",123456,3012,normal,01020000,0,1000\n" + poor + ",123456,3012,lost,,500,9999999999999\n"))
	f.Add([]byte(heading + payer + ",123456,3012,normal,01020000,0,9223372036854775807\n"))
	f.Add([]byte(heading + payer + ",1,3012,normal,01020000,0,1\n"))
	f.Add([]byte(heading + payer + ",123456,3012,normal\n"))
	f.Add([]byte(heading))
	f.Fuzz(func(t *testing.T, text []byte) {
		accounts, err := ParseAccounts(bytes.NewReader(text))
		if err == nil {
			err = opens(t, accounts)
		}
		if err != nil {
			require.ErrorIs(t, err, ErrConfig)
			require.NotRegexp(t, "[0-9]{13}", err.Error())
		}
	})
}

// opens opens a host on accounts and compares its books with them.
func opens(t *testing.T, accounts []Account) error {
	h, err := Open(Config{ZMK: demoZMK(t), Accounts: accounts})
	if err != nil {
		return err
	}
	totals, err := h.Ledger()
	require.NoError(t, err)
	var sum int64
	for i, a := range accounts {
		require.Equal(t, AccountTotals{a.PAN, a.BalanceFen, 0}, totals.Accounts[i])
		sum += a.BalanceFen
	}
	require.Equal(t, sum, totals.TotalFen)
	require.GreaterOrEqual(t, sum, int64(0))
	return h.Close()
}

// FuzzFaultText reads any text as a fault: what is accepted is written as it can be read again, and decides something.
func FuzzFaultText(f *testing.F) {
	for _, text := range []string{"silent=0.01", "late=0.5@35s", "reversal-98=1", "otherlink=0", "close=1e-3", "amount=0x1p-2", "96=NaN"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseFault(text)
		if err != nil {
			require.ErrorIs(t, err, ErrConfig)
			return
		}
		again, err := ParseFault(fault.String())
		require.NoError(t, err)
		require.Equal(t, fault, again)
		c := newChance([]Fault{fault}, 7)
		met := c.debit("key")
		if fault.Reversal {
			met = c.reversal("key")
		}
		require.Contains(t, []Fault{{}, fault}, met)
	})
}

// FuzzLine sends whatever bytes come to mind on a live link: the host goes on serving others, answers with what can be
// read, and moves no money.
func FuzzLine(f *testing.F) {
	c := &client{t: f, seq: new(int)}
	debit := c.newDebit(payer, 100)
	echo := cups.New("0820")
	echo.SetHeader(cups.NewHeader(CentreID, member))
	for id, value := range map[int]string{7: "1124120000", 11: "000001", 33: member, 70: "301"} {
		echo.Set(id, value)
	}
	var stream []byte
	for _, m := range []*cups.Message{echo, c.seal(debit), c.seal(c.newReversal(debit)), echo} {
		frame, err := m.Pack()
		require.NoError(f, err)
		stream = cups.AppendFrame(stream, frame)
		f.Add(cups.AppendFrame(nil, frame))
	}
	f.Add(stream)
	f.Add(stream[:len(stream)-9])
	f.Add(append([]byte("00000000"), stream...))
	f.Add([]byte("9999"))
	f.Add([]byte("0046" + string(make([]byte, 46))))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := start(t, nil)
		c := r.link()
		answers := make(chan []byte, 1)
		go func() {
			b, _ := io.ReadAll(c.conn) // until the host closes
			answers <- b
		}()
		_, _ = c.conn.Write(stream) // the host may close at any byte
		require.NoError(t, c.conn.Close())
		in := bytes.NewReader(<-answers)
		for {
			frame, err := cups.ReadFrame(in, nil)
			if err != nil {
				break // the end, or the last frame was cut off by the close
			}
			requireReadable(t, reply{bytes: cups.AppendFrame(nil, frame)})
		}
		require.Zero(t, r.totals().Debits)
		require.Equal(t, "00", r.link().manage("001", "").Get(39))
	})
}
