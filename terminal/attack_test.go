package terminal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// Attacks over the terminal line. The numbers are those of the rows of docs/security.md; those that need the store and a
// host are in cmd/ringbackd.

// registry is a directory in which a number has a payee when exists says so.
type registry struct {
	acquirer.Directory
	exists func(number string) bool
}

func (r registry) PayeeByNumber(ctx context.Context, number acquirer.MSISDN) (*acquirer.Payee, error) {
	if !r.exists(number.Reveal()) {
		return nil, acquirer.ErrNotFound
	}
	return &acquirer.Payee{Ref: acquirer.PayeeRef{ID: 1, CardVersion: 1}, Number: number, Name: "王小明", Status: acquirer.PayeeActive}, nil
}

// budgeted gives the switch the look-up budget of PROTOCOL 1.2 and a registry.
func budgeted(exists func(string) bool) func(*world) {
	return func(w *world) {
		config := w.Switch.Config
		config.Limits.Budget = acquirer.BudgetLimits{}
		if exists != nil {
			config.Directory = registry{w.mem, exists}
		}
		w.Switch = acquirer.New(config)
	}
}

// Row 1. A stolen terminal asks for a name every minute and as often as it is let, for 24 hours: the bucket of 20 and 12
// an hour make 308 names at most; where one number in a hundred is registered, not one in the mean.
func TestHarvest(t *testing.T) {
	for _, v := range []struct {
		name    string
		exists  func(number string) bool
		lookUps int
		names   int
	}{
		{"every number exists", func(string) bool { return true }, 20 + 24*12, 20 + 24*12},
		{"one in a hundred", func(n string) bool { return n[9:] == "37" }, 100, 1},
		{"none exists", func(string) bool { return false }, 100, 0},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, c, d := bubble(t, budgeted(v.exists))
				names, lookUps := 0, 0
				for range 24 * 60 {
					for code := ""; code != "65"; {
						number := fmt.Sprintf("139%08d", 13_000_000+lookUps)
						code = c.ask(d.inquiry(1, fields{62: list("PE", number, "PR", payerNumber)})).Get(39)
						switch code {
						case "00":
							names++
							lookUps++
						case "P3":
							lookUps++
						}
					}
					time.Sleep(time.Minute)
				}
				require.LessOrEqual(t, names, v.names)
				require.LessOrEqual(t, lookUps, v.lookUps, "at a hit rate of 1 %% a hundred look-ups are one name")
				require.Greater(t, lookUps, 50, "the attack was one")
			})
		})
	}
}

// Row 1, the other side: a shop that takes 30 payments an hour around the clock is never refused a look-up, for each
// approved debit gives its look-up back.
func TestBusyShopIsNotThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c, d := bubble(t, budgeted(nil))
		for i := range 24 * 30 {
			require.Equal(t, "00", c.ask(d.debit(2*i+1, d.token(c, 2*i), nil)).Get(39), "payment %d", i)
			time.Sleep(2 * time.Minute)
		}
		require.Len(t, w.mem.all(), 24*30)
	})
}

// raced reports whether the race detector is at work, under which everything takes ten times as long.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// Row 9. 100,000 undos that no terminal made (a fifth of them under the race detector): another key, a byte wrong, a number altered in a true one, random bytes.
// Not one leaves a row, and the undo they were made of still does what it says.
func TestForgedUndos(t *testing.T) {
	const lines, batch = 4, 50
	n := 100_000
	if raced() {
		n /= 5
	}
	w := newWorld(t, patient, func(w *world) { w.Log = zerolog.Nop() })
	addr := w.listen(t)
	c, d := dial(t, addr), w.newDevice(t, "10000001")
	d.signOn(c, pos.NetSignOn)
	require.Equal(t, "00", c.ask(d.debit(11, d.token(c, 10), nil)).Get(39))
	before, echo := w.mem.all(), d.manage(pos.MTINetwork, pos.NetEcho, fields{11: ""})
	mine, strange := d.undo(11, nil), d.undo(11, fields{41: "99999999"})
	foreign := *d
	foreign.mak = bytes.Repeat([]byte{7}, 16)
	frames := [][]byte{mine, strange, foreign.undo(11, nil), d.undo(11, fields{42: "898110000000002"})}
	var wg sync.WaitGroup
	for line := range lines {
		c := dial(t, addr)
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(9, uint64(line)))
			for range n / lines / batch / 2 {
				var out [][]byte
				for range batch { // the echo keeps the connection: three unreadable frames in a row would end it
					out = append(out, forge(dice, frames), forge(dice, frames), echo)
				}
				c.send(out...)
				for echoes := 0; echoes < batch; {
					answer := c.read()
					if h, _ := pos.Peek(answer); string(h.MTI[:]) == pos.MTINetworkResponse {
						echoes++
					} else if string(h.Raw(answer, 39)) == "00" {
						t.Errorf("a forged undo was taken: %X", answer)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, before, w.mem.all())
	require.Zero(t, w.Stats().Panics)
	require.Greater(t, w.Stats().Answered["A0"], uint64(n/5), "many got as far as the MAC")
	require.Equal(t, "00", c.ask(mine).Get(39))
	require.Equal(t, acquirer.Reversing, w.mem.all()[0].State)
}

// forge makes an undo that is not authentic out of one of some.
func forge(dice *rand.Rand, frames [][]byte) []byte {
	f := bytes.Clone(frames[dice.IntN(len(frames))])
	mac := f[len(f)-pos.MACLen:]
	switch dice.IntN(4) {
	case 0: // a guess at F64
		copy(mac, fmt.Sprintf("%08X", dice.Uint32()))
	case 1: // another debit's number under the old F64
		for copy(f[30:33], unhexed(dice.IntN(1_000_000))); bytes.Equal(f[30:33], []byte{0, 0, 0x11}); {
			f[32]++
		}
	case 2: // one byte anything else
		f[11+dice.IntN(len(f)-11)] ^= byte(1 + dice.IntN(255))
	case 3: // a body of random bytes behind a sound head
		for i := 44; i < len(f); i++ {
			f[i] = byte(dice.Uint32())
		}
	}
	return f
}

// unhexed packs a number of six digits.
func unhexed(n int) []byte {
	b, _ := spec.ParseHex(fmt.Sprintf("%06d", n)) // digits are hex
	return b
}

// Row 10. F64 is made and checked over the bytes as they came: what a pad nibble holds is the sender's choice, and a
// re-packed message would have another.
func TestMACOverReceivedBytes(t *testing.T) {
	w, c, d := start(t)
	for _, pad := range []byte{0x20, 0x2F} { // F22 is 012 and a pad nibble, 0 or F
		frame := d.inquiry(10, nil)
		require.EqualValues(t, 0x20, frame[34])
		frame[34] = pad
		require.NoError(t, pos.SignFrame(frame, func(b []byte) [8]byte { return macOf(d.mak, d.algorithm, b) }))
		require.Equal(t, "00", c.ask(frame).Get(39), "pad nibble %x", pad&0xF)
		frame[34] ^= 0xF
		require.Equal(t, "A0", c.ask(frame).Get(39), "the same value over other bytes")
	}
	require.Empty(t, w.mem.all())
}

// Row 23. 65,535 bytes announced: the connection is closed before a buffer is taken, and costs less than 8 KiB, peer and
// all.
func TestLyingLength(t *testing.T) {
	const n = 1_000
	m := newCrowd(t, Limits{FrameTimeout: time.Hour, IdleTimeout: time.Hour})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		nc := m.open()
		require.NotNil(t, nc)
		_, err := nc.Write(binary.BigEndian.AppendUint16(nil, 65_535))
		require.NoError(t, err)
		_, err = nc.Read(make([]byte, 1))
		require.Error(t, err, "closed, though no time is ever over")
		require.NoError(t, nc.Close())
	}
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)/n, uint64(8<<10))
	m.requireFloor(n)
}

// captures returns the frames of the captures, a body alone in the usual envelope.
func captures(t *testing.T) (frames [][]byte) {
	t.Helper()
	file, err := os.Open("../testdata/captures/pos.jsonl")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c struct {
			Hex       string `json:"hex"`
			HasLength bool   `json:"has_length"`
			HasTPDU   bool   `json:"has_tpdu"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		raw := unhex(t, c.Hex)
		if c.HasLength {
			raw = raw[2:]
		}
		if !c.HasTPDU {
			e := pos.DefaultEnvelope()
			raw = slices.Concat(e.TPDU[:], e.Header[:], raw)
		}
		frames = append(frames, raw)
	}
	require.NoError(t, lines.Err())
	return frames
}

// Row 25. Every byte of every capture, altered in eleven ways, against a server that knows the terminals of the captures
// and has keys for them: each is answered or dropped, and the connection serves on.
func TestMutatedCaptures(t *testing.T) {
	w, p := newWorld(t, patient, func(w *world) { w.Log = zerolog.Nop() }), newPipes()
	frames := captures(t)
	require.Len(t, frames, 35)
	known := 0
	for _, f := range frames {
		if h, _ := pos.Peek(f); h.Readable {
			known++
			w.register(t, h.TerminalID(), h.MerchantID(), demo[0].tmk, "", false, acquirer.Profile{MAC: acquirer.MACECB})
			term := w.mem.terminals[acquirer.TerminalID(h.TerminalID())]
			term.Session = acquirer.Session{Batch: 1, SignedOn: true, MAK: acquirer.KeyBlock{Usage: acquirer.UsageMAK, Blob: "a key of 16 byte"}}
			w.mem.terminals[term.ID] = term
		}
	}
	require.Greater(t, known, 10, "the walk gets far with many")
	w.serve(t, p)
	echo := pos.AppendFrame(nil, w.newDevice(t, "10000001").manage(pos.MTINetwork, pos.NetEcho, fields{11: ""}))
	var sent int64
	for _, frame := range frames {
		sent += mutate(t, p.dial(t), frame, echo)
	}
	t.Logf("%d frames, answers by F39: %v", sent, w.Stats().Answered)
	require.Zero(t, w.Stats().Panics)
	require.Empty(t, w.mem.all())
	require.Empty(t, w.net.sent())
}

// mutate sends a frame with one byte altered, for every byte and many alterations, each with an echo behind it, and
// returns how many when every echo has been answered.
func mutate(t *testing.T, c *client, frame, echo []byte) (sent int64) {
	t.Helper()
	var echoes atomic.Int64
	var reader sync.WaitGroup
	reader.Go(func() {
		buf := make([]byte, pos.MaxFrame)
		for {
			answer, err := pos.ReadFrame(c.nc, buf)
			if err != nil {
				return
			}
			h, err := pos.Peek(answer)
			if err != nil || h.MTI[2]&1 == 0 || !h.Has(39) && string(h.MTI[:]) != pos.MTISettleResponse {
				t.Errorf("no sound answer: %X: %v", answer, err)
			} else if string(h.MTI[:]) == pos.MTINetworkResponse && h.TerminalID() == "10000001" {
				echoes.Add(1)
			}
		}
	})
	buf := make([]byte, 0, 2*pos.MaxFrame)
	for at := range frame {
		was := frame[at]
		for _, v := range []byte{0x00, 0xFF, 0x7F, ^was, was + 1, was - 1, was ^ 0x01, was ^ 0x10, was ^ 0x80, was<<4 | was>>4, 'A'} {
			frame[at] = v
			_, err := c.nc.Write(append(pos.AppendFrame(buf[:0], frame), echo...))
			require.NoError(t, err)
			sent++
		}
		frame[at] = was
	}
	requireSoon(t, func() bool { return echoes.Load() == sent })
	require.NoError(t, c.nc.Close())
	reader.Wait()
	return sent
}

// The good terminal's answers never go to another connection, whoever claims its number there.
func TestAnswersStayOnTheirConnection(t *testing.T) {
	w, c, d := start(t, patient)
	stranger := dial(t, c.nc.RemoteAddr().String())
	forged := d.inquiry(500, nil)
	forged[len(forged)-1] ^= 1
	for i := range 200 {
		stranger.send(forged)
		require.Equal(t, fmt.Sprintf("%06d", i), c.ask(d.inquiry(i, nil)).Get(11))
		m := stranger.receive()
		require.Equal(t, []string{"000500", "A0"}, []string{m.Get(11), m.Get(39)})
	}
	require.NoError(t, stranger.nc.(*net.TCPConn).CloseWrite())
	stranger.requireClosed()
	require.EqualValues(t, 200, w.Stats().Answered["A0"])
}
