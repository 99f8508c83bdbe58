package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/ringback/provider/mockhost"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

// Attacks on the whole system: the switch as main wires it, on its store, with a host whose ledger shows what was done.
// The numbers are those of the rows of docs/security.md.

// books is everything that an attack must not change.
type books struct {
	rows      []*acquirer.Transaction
	steps     [][]acquirer.Step
	outbox    []acquirer.Notice
	reversals []acquirer.Reversal
	terminals []acquirer.Terminal // with their sessions
	ledger    mockhost.Totals
}

func (w *world) books() (b books) {
	w.t.Helper()
	ctx := context.Background()
	var errs [4]error
	b.rows = w.rows()
	for _, r := range b.rows {
		steps, err := w.app.db.Steps(ctx, r.ID)
		require.NoError(w.t, err)
		b.steps = append(b.steps, steps)
	}
	b.outbox, errs[0] = w.app.db.Outbox(ctx, 10_000)
	b.reversals, errs[1] = w.app.db.Reversals(ctx)
	b.terminals, errs[2] = w.app.db.Terminals(ctx)
	b.ledger, errs[3] = w.host.Ledger()
	for _, err := range errs {
		require.NoError(w.t, err)
	}
	return b
}

// tap is the line of the first demo terminal with somebody on it: every frame is shown to before, which may send others
// in front of it.
type tap struct {
	net.Conn
	before func(frame []byte)
}

func (c tap) Write(b []byte) (int, error) {
	c.before(bytes.Clone(b[2:])) // the emulator writes a frame with its length at a time
	return c.Conn.Write(b)
}

// tapped makes the first demo terminal with a tap on its line.
func (w *world) tapped(before func(frame []byte)) *emulator.Terminal {
	w.t.Helper()
	return terminalAt(w.t, w.app.listeners[0].Addr().String(), func(ctx context.Context, addr string) (net.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, "tcp", addr)
		return tap{nc, before}, err
	})
}

// mti is the type of a frame without LRI.
func mti(frame []byte) string { return hex.EncodeToString(frame[11:13]) }

// attack sends frames as somebody does who has no keys, on a connection of their own with an echo behind each, so that
// unreadable ones do not end it, and returns what was answered beside the echoes: everything, for the server closes only
// after its last answer.
func (w *world) attack(frames ...[]byte) (answers []*pos.Message) {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.app.listeners[0].Addr().String())
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, nc.Close()) }()
	require.NoError(w.t, nc.SetDeadline(time.Now().Add(time.Minute)))
	echo := pos.New(pos.MTINetwork)
	echo.SetEnvelope(pos.DefaultEnvelope())
	for id, v := range map[int]string{41: "10000004", 42: "898110000000002", 60: "00000000301"} {
		echo.Set(id, v)
	}
	good, err := echo.Pack()
	require.NoError(w.t, err)
	var out []byte
	for _, f := range frames {
		out = pos.AppendFrame(pos.AppendFrame(out, f), good)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := nc.Write(out)
		sent <- errors.Join(err, nc.(*net.TCPConn).CloseWrite())
	}()
	echoes := 0
	for {
		frame, err := pos.ReadFrame(nc, nil)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(w.t, err)
		m, err := pos.Unpack(frame)
		require.NoError(w.t, err)
		if m.MTI() == pos.MTINetworkResponse && m.Get(41) == "10000004" {
			echoes++
		} else {
			answers = append(answers, m)
		}
	}
	require.NoError(w.t, <-sent)
	require.Equal(w.t, len(frames), echoes)
	return answers
}

// flipped lists a frame with each of its bits from a byte on flipped.
func flipped(frame []byte, from, to int) (out [][]byte) {
	for at := from; at < to; at++ {
		for bit := range 8 {
			f := bytes.Clone(frame)
			f[at] ^= 1 << bit
			out = append(out, f)
		}
	}
	return out
}

// Row 8. Somebody on the line sends every look-up, debit and undo of a session with each of its bits flipped, in front of
// the true one and again behind the session: no answer approves anything, and journal, sessions, outbox and the host's
// ledger stay as they were. The true ones then do what they say.
func TestEveryBitFlipped(t *testing.T) {
	w := newWorld(t, 5*time.Second, unguarded)
	var caught [][]byte
	flips := 0
	term := w.tapped(func(frame []byte) {
		if mti(frame) == pos.MTISignOn {
			return // not signed: see TestForgedSignOn
		}
		caught = append(caught, frame)
		forged := flipped(frame, 11, len(frame))
		before := w.books()
		for _, m := range w.attack(forged...) {
			require.Contains(t, []string{"A0", "30", "13", "97", "03", "40"}, m.Get(39), "%v", m.Fields())
		}
		require.Equal(t, before, w.books())
		flips += len(forged)
	})
	paid, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	undone, err := term.Pay(t.Context(), payment(1235), holder{[]string{"123456"}})
	require.NoError(t, err)
	require.NoError(t, term.Undo(t.Context(), emulator.UndoRequest{STAN: undone.STAN, Batch: undone.Batch}))
	require.Len(t, caught, 5)
	w.settled()
	left, held := w.balance(goodCard)
	require.Equal(t, int64(100_000_000-1234), left)
	require.Equal(t, paid.AmountFen, held)

	// The envelope is outside the MAC: with another the message is the same, and its answer is that of a repeat.
	before := w.books()
	for _, frame := range caught {
		forged := flipped(frame, 0, len(frame))
		w.attack(forged...)
		flips += len(forged)
	}
	require.Equal(t, before, w.books())
	require.Zero(t, w.app.Terminal.Stats().Panics)
	t.Logf("%d frames", flips)
}

// A sign-on carries no MAC in this dialect: whoever knows a terminal's numbers can make the switch change its keys, which
// are worth nothing without the master key. The true terminal signs on again by itself, and no money is touched.
func TestForgedSignOn(t *testing.T) {
	w := newWorld(t, 5*time.Second, unguarded)
	var signOn []byte
	term := w.tapped(func(frame []byte) {
		if mti(frame) == pos.MTISignOn {
			signOn = frame
		}
	})
	_, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	before := w.books()
	require.Equal(t, "00", w.attack(signOn)[0].Get(39))
	after := w.books()
	require.NotEqual(t, before.terminals, after.terminals)
	after.terminals = before.terminals
	require.Equal(t, before, after)
	_, err = term.Pay(t.Context(), payment(1235), holder{[]string{"123456"}})
	require.NoError(t, err)
}

// Row 7. A session is recorded and every frame of it sent twice again, with its sign-on and without: what was paid is
// paid once, what was undone stays undone, and the only thing that changes is the session, by the sign-on.
func TestReplay(t *testing.T) {
	w := newWorld(t, 400*time.Millisecond, unguarded)
	var mu sync.Mutex
	var recorded [][]byte
	term := w.tapped(func(frame []byte) {
		mu.Lock()
		defer mu.Unlock()
		recorded = append(recorded, frame)
	})
	for _, c := range []struct {
		fen  int64
		pins []string
		code string
	}{
		{1234, []string{"123456"}, "00"},
		{1235, []string{"111111", "123456"}, "00"},
		{9801, []string{"123456"}, "98"},
		{1236, []string{"123456"}, "00"}, // and undone
	} {
		r, err := term.Pay(t.Context(), payment(c.fen), holder{c.pins})
		require.Equal(t, c.code, r.Code, "%v", err)
		if c.fen == 1236 {
			require.NoError(t, term.Undo(t.Context(), emulator.UndoRequest{STAN: r.STAN, Batch: r.Batch}))
		}
	}
	w.settled()
	left, held := w.balance(goodCard)
	require.Equal(t, []int64{100_000_000 - 1234 - 1235, 1234 + 1235}, []int64{left, held})
	before := w.books()

	unsigned := slices.DeleteFunc(slices.Clone(recorded), func(f []byte) bool { return mti(f) == pos.MTISignOn })
	require.Less(t, len(unsigned), len(recorded))
	codes := make(map[string]int)
	for range 2 {
		for _, m := range w.attack(unsigned...) {
			codes[m.MTI()+" "+m.Get(39)]++
		}
	}
	require.Equal(t, before, w.books(), "an honest terminal may repeat, too")
	require.Equal(t, 4, codes["0210 00"], "the two that stand are answered as they were, and nothing else is approved: %v", codes)
	for range 2 {
		for _, m := range w.attack(recorded...) {
			require.False(t, m.MTI() == pos.MTIDebitResponse && m.Get(39) == "00", "the batch is over")
		}
	}
	after := w.books()
	require.NotEqual(t, before.terminals, after.terminals, "the keys and the batch are new")
	after.terminals = before.terminals
	require.Equal(t, before, after)
	_, err := term.Pay(t.Context(), payment(77), holder{[]string{"123456"}})
	require.NoError(t, err, "the true terminal signs on and goes on")
}

// Row 5. The block command, run as a process of its own beside the switch, ends the terminal's session: PIN key and track
// key are gone from the store when it returns, the next message is 58 and its connection closed; what the terminal owes
// may still be undone; others do not feel it; and unblock asks for a new sign-on.
func TestBlockWhileRunning(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	term, other := w.terminal("10000001"), w.terminal("10000004")
	require.NoError(t, term.SignOn(t.Context(), "004"))
	r, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	inquire := func(term *emulator.Terminal) string {
		_, err := term.Inquire(t.Context(), payeeOne, payerOne, 1234, "")
		var refused *emulator.Error
		if err == nil {
			return "00"
		}
		require.ErrorAs(t, err, &refused)
		return refused.Code
	}
	session := func() acquirer.Session {
		got, err := w.app.db.Terminal(t.Context(), "10000001")
		require.NoError(t, err)
		return got.Session
	}
	require.Equal(t, "00", inquire(term))
	require.False(t, session().PIK.Zero() || session().TDK.Zero())
	w.operate("terminal", "block", "10000001")
	kept := session()
	require.WithinDuration(t, time.Now(), kept.Ended, 10*time.Second)
	require.Equal(t, acquirer.Session{Batch: kept.Batch, MAK: kept.MAK, Since: kept.Since, Ended: kept.Ended}, kept,
		"the MAK is for undos")
	require.Equal(t, "58", inquire(term), "the next message")
	require.Eventually(t, func() bool { return w.app.Terminal.Stats().Expelled == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, "00", inquire(other))
	require.ErrorContains(t, term.SignOn(t.Context(), "003"), "58")
	require.NoError(t, term.Undo(t.Context(), emulator.UndoRequest{STAN: r.STAN, Batch: r.Batch}))
	w.settled()
	left, held := w.balance(goodCard)
	require.Equal(t, []int64{100_000_000, 0}, []int64{left, held})
	w.operate("terminal", "unblock", "10000001")
	require.Equal(t, kept, session())
	require.Equal(t, "00", inquire(term))
	require.Equal(t, kept.Batch+1, session().Batch, "it was told 77 and signed on again by itself")
}

// unavailable lists numbers that are told P3, each for another reason.
var unavailable = []struct{ name, number string }{
	{"unknown", "13700137000"},
	{"suspended", "13800138002"},
	{"not verified", "13800138009"},
}

// suspend suspends the second demo payee.
func suspend(t testing.TB, i *installation) {
	plan, err := acquirer.LoadNumberingPlan()
	require.NoError(t, err)
	number, err := plan.Parse("13800138002")
	require.NoError(t, err)
	p, err := i.db.PayeeByNumber(t.Context(), number)
	require.NoError(t, err)
	require.NoError(t, i.db.SetPayeeStatus(t.Context(), p.Ref.ID, acquirer.PayeeSuspended))
}

// Row 2. The answers about a number that is unknown, suspended or not verified are the same bytes, but for F11, F12, F13,
// F37 and F64, which tell messages apart.
func TestRefusalsAreAlike(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	suspend(t, w.app.installation)
	var last []byte
	tmk, err := hex.DecodeString(demoTerminals[0].tmk)
	require.NoError(t, err)
	term, err := emulator.Open(emulator.Config{TerminalID: "10000001", MerchantID: "898110000000001", TMK: tmk,
		Addr: w.app.listeners[0].Addr().String(), Trace: func(d emulator.Direction, frame []byte) {
			if d == emulator.Received {
				last = bytes.Clone(frame)
			}
		}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, term.Close()) })
	var first []byte
	for range 2 {
		for _, u := range unavailable {
			_, err := term.Inquire(t.Context(), u.number, payerOne, 1234, "")
			require.ErrorContains(t, err, "P3", u.name)
			m, err := pos.Unpack(last)
			require.NoError(t, err)
			for id, v := range map[int]string{11: "000000", 12: "000000", 13: "0101", 37: "000000000000"} {
				require.True(t, m.Has(id))
				m.Set(id, v)
			}
			m.SetBytes(64, make([]byte, pos.MACLen))
			alike, err := m.Pack()
			require.NoError(t, err)
			require.Len(t, alike, len(last))
			if first == nil {
				first = alike
			}
			require.Equal(t, first, alike, u.name)
		}
	}
}

// BenchmarkRefusals is the time that the switch takes to refuse a number that is unknown, suspended or not verified, and
// to answer one that is not, on the real store and module: medians over 10,000 look-ups each, by turns in one run. The
// spread is the slowest of the three refusals over the fastest, in percent.
func BenchmarkRefusals(b *testing.B) {
	dir := b.TempDir()
	path, err := initialise(dir, true)
	require.NoError(b, err)
	i, err := openInstallation(b.Context(), path)
	require.NoError(b, err)
	defer func() { require.NoError(b, i.close()) }()
	require.NoError(b, enterDemoWorld(b.Context(), i.db, i.module))
	suspend(b, i)
	plan, err := acquirer.LoadNumberingPlan()
	require.NoError(b, err)
	s := acquirer.New(acquirer.Config{Journal: i.db, Directory: i.db, HSM: i.module, Numbers: plan, Institution: "48020000",
		Limits: acquirer.Limits{Budget: acquirer.BudgetLimits{Capacity: 1 << 30, RefillPerHour: 1 << 30}}, Random: rand.Reader})
	t, err := i.db.Terminal(b.Context(), "10000001")
	require.NoError(b, err)
	cases := append(slices.Clone(unavailable), struct{ name, number string }{"found", payeeOne})
	for b.Loop() {
		took := make([][]time.Duration, len(cases))
		for range 10_000 {
			for k, c := range cases {
				begin := time.Now()
				_, err := s.Inquire(b.Context(), acquirer.InquiryRequest{Terminal: t, Amount: 1234, Payee: c.number, Payer: payerOne})
				took[k] = append(took[k], time.Since(begin))
				if (err == nil) != (c.name == "found") {
					b.Fatalf("%s: %v", c.name, err)
				}
			}
		}
		var medians []time.Duration
		for k, c := range cases {
			slices.Sort(took[k])
			medians = append(medians, took[k][len(took[k])/2])
			b.ReportMetric(float64(medians[k].Nanoseconds())/1e3, "us-"+strings.ReplaceAll(c.name, " ", "-"))
		}
		refused := medians[:len(unavailable)]
		b.ReportMetric(100*(float64(slices.Max(refused))/float64(slices.Min(refused))-1), "%-spread")
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}
