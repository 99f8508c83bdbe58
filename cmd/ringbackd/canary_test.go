package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"example.com/ringback/spec"
	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

// The canary scan, rows 11, 13, 14, 16 and 26 of docs/security.md: values that occur nowhere else go through every path,
// the broken ones too, and are then looked for in everything that was written, in every form in which they might stand.

// The canaries: invented people, cards with right check digits.
const (
	canaryCard       = "6222027391846502736"
	canaryTrack      = canaryCard + "=30122017418529630"
	canaryPayeeCard  = "6217005183094726547"
	canaryAlienCard  = "4929058371640929"
	canaryPIN        = "739150284617"
	canaryPayee      = "13882640957"
	canaryPayer      = "13947205861"
	canaryStranger   = "15927384610"
	canaryMalformed  = "12947205863"
	canaryName       = "欧阳金雀"
	canaryTerminalID = "20000001"
	canaryMerchant   = "898110000000007"
	canaryTMK        = "5B2F9D4A7C13E086D9617A35C802EF4B"
)

// canary is a secret: digits stand packed, too, and text in other encodings.
type canary struct {
	name  string
	value []byte
	text  bool
}

// canaries collects them; those that arise on the way are added as they are seen.
type canaries struct {
	mu  sync.Mutex
	all []canary
}

func (c *canaries) add(name string, value []byte, text bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, canary{name, bytes.Clone(value), text})
}

// born are the canaries that are known from the start.
func born(t testing.TB) *canaries {
	c := &canaries{}
	for name, s := range map[string]string{
		"payer's card": canaryCard, "inside of the payer's card": canaryCard[4:15], "payee's card": canaryPayeeCard,
		"inside of the payee's card": canaryPayeeCard[4:15], "card of no bank": canaryAlienCard, "track": canaryTrack,
		"track on the wire": strings.Replace(canaryTrack, "=", "D", 1), "end of the track": canaryTrack[24:], "PIN": canaryPIN,
		"payee's number": canaryPayee, "payer's number": canaryPayer, "number of nobody": canaryStranger,
		"number that is none": canaryMalformed, "name": canaryName,
	} {
		c.add(name, []byte(s), true)
	}
	for name, s := range map[string]string{"TMK": canaryTMK, "ZMK": demoZMK, "clear PIN block": clearBlock(canaryPIN, canaryCard)} {
		c.add(name, unhex(t, s), false)
	}
	return c
}

// clearBlock is the PIN block of format 0 before it is enciphered (ISO 9564): length, PIN and F, over it 12 digits of the
// card without its check digit.
func clearBlock(pin, card string) string {
	var block, account [8]byte
	_, _ = hex.Decode(block[:], []byte(fmt.Sprintf("0%X%s", len(pin), pin+strings.Repeat("F", 14-len(pin))))) // hex both
	_, _ = hex.Decode(account[:], []byte("0000"+card[len(card)-13:len(card)-1]))
	for i := range block {
		block[i] ^= account[i]
	}
	return hex.EncodeToString(block[:])
}

// watch sees the frames of a terminal and takes from them what is secret and new: PIN blocks and working keys.
func (c *canaries) watch(t testing.TB) func(emulator.Direction, []byte) {
	tmk := unhex(t, canaryTMK)
	return func(_ emulator.Direction, frame []byte) {
		m, err := pos.Unpack(frame)
		if err != nil {
			return
		}
		if m.Has(52) {
			c.add("PIN block", m.Bytes(52), false)
		}
		if m.MTI() != pos.MTISignOnResponse || m.Get(39) != "00" {
			return
		}
		keys, err := pos.ParseWorkKeys(m.Bytes(62))
		require.NoError(t, err)
		for name, k := range map[string]pos.Sealed{"PIN key": keys.PIK, "MAC key": keys.MAK} {
			clear, err := k.Open(tmk)
			require.NoError(t, err)
			c.add(name, clear, false)
		}
	}
}

// forms lists how a canary may stand somewhere.
func (c canary) forms() map[string][]byte {
	out := map[string][]byte{"as it is": c.value}
	shapes := map[string][]byte{"": c.value}
	if c.text {
		shapes[" of GBK"], shapes[" of UTF-16LE"] = spec.EncodeGBK(string(c.value)), utf16le(string(c.value))
		out["GBK"], out["UTF-16LE"] = shapes[" of GBK"], shapes[" of UTF-16LE"]
		nibbles := strings.NewReplacer("=", "D").Replace(string(c.value))
		for from := range 2 { // the first digit may be the second half of a byte
			if b, err := hex.DecodeString(nibbles[from : from+(len(nibbles)-from)&^1]); err == nil {
				out[fmt.Sprint("packed from digit ", from)] = b
				shapes[fmt.Sprint(" of packed ", from)] = b
			}
		}
	}
	for of, b := range shapes {
		out["lower hex"+of] = []byte(hex.EncodeToString(b))
		out["upper hex"+of] = []byte(strings.ToUpper(hex.EncodeToString(b)))
		for shift := range 3 {
			std := inBase64(b, shift)
			out[fmt.Sprint("base64", of, " at ", shift)] = []byte(std)
			out[fmt.Sprint("URL base64", of, " at ", shift)] = []byte(strings.NewReplacer("+", "-", "/", "_").Replace(std))
		}
	}
	c.onStack(out)
	return out
}

// onStack adds how a canary stands in a stack dump, which shows what functions were called with as numbers: an array byte
// by byte, of which a dump leaves out all but the first, and words as the machine has them.
func (c canary) onStack(out map[string][]byte) {
	if n, err := strconv.ParseUint(string(c.value), 10, 64); err == nil {
		out["number on a stack"] = fmt.Appendf(nil, "%#x", n)
	}
	if c.text {
		return
	}
	out["array on a stack"] = []byte(strings.Trim(strings.ReplaceAll(fmt.Sprintf("%#v", c.value[:6]), "[]byte{", ""), "}"))
	out["word on a stack"] = fmt.Appendf(nil, "%#x", binary.LittleEndian.Uint64(c.value))
	out["word on a stack, turned"] = fmt.Appendf(nil, "%#x", binary.BigEndian.Uint64(c.value))
}

func utf16le(s string) (out []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

// inBase64 returns the characters of a base64 text that b alone decides when shift bytes, or 3 more and so on, stand in
// front of it.
func inBase64(b []byte, shift int) string {
	all := base64.StdEncoding.EncodeToString(append(make([]byte, shift), b...))
	return all[(shift*8+5)/6 : (shift+len(b))*8/6]
}

// leaks names every canary that is found in text, and its form.
func (c *canaries) leaks(text []byte) (found []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.all {
		for form, b := range k.forms() {
			if bytes.Contains(text, b) {
				found = append(found, k.name+": "+form)
			}
		}
	}
	return found
}

// The scan finds every canary in every form, and finds nothing where there is none.
func TestCanaryScanFindsPlanted(t *testing.T) {
	c := born(t)
	c.add("PIN block", []byte{0x93, 0x1F, 0xFB, 0x00, 0x3E, 0xFF, 0xC4, 0x81}, false)
	noise := bytes.Repeat([]byte("6222020000000000018 138****0957 欧*金雀 \x00\x12\x34"), 50)
	require.Empty(t, c.leaks(noise))
	planted := 0
	for _, k := range c.all {
		for form, b := range k.forms() {
			require.GreaterOrEqual(t, len(b), 4, "%s: %s is too short to mean anything", k.name, form)
			text := bytes.Join([][]byte{noise[:501], b, noise[501:]}, nil)
			require.Contains(t, c.leaks(text), k.name+": "+form)
			planted++
		}
	}
	for front := range 6 { // in a longer base64 text, wherever it stands
		whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", front) + canaryCard + "tail"))
		require.NotEmpty(t, c.leaks([]byte(whole)), "%d bytes in front", front)
	}
	t.Logf("%d planted", planted)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// Everything that goes well or ends in an answer, then broken frames, panics, kill -9 and SIGTERM.
func TestCanaries(t *testing.T) {
	w := newCanaryWorld(t)
	w.payments(t)
	w.requireClean("while the switch runs")
	w.brokenFrames(t)
	w.requireClean("after broken frames")
	w.panics(t)
	w.requireClean("after panics")
	w.processes(t)
	require.NoError(t, w.term.Close())
	w.requireClean("at the end")
	require.Greater(t, len(w.all), 30, "PIN blocks and working keys were seen")

	planted := filepath.Join(w.dir, "ringback.db-planted")
	require.NoError(t, os.WriteFile(planted, unhex(t, canaryCard[:18]), 0o600))
	require.Contains(t, w.leaks([]byte(w.written())), "payer's card: packed from digit 0", "a planted leak is found")
}

// payments are the paths of a sound terminal.
func (w *canaryWorld) payments(t *testing.T) {
	require.Eventually(t, func() bool { return w.app.Network.Ready() == nil }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "00", w.pay(1234, nil))
	require.Equal(t, "00", w.pay(1235, nil, "111111"), "a wrong PIN, then the right one")
	require.Equal(t, "00", w.pay(1236, func(p *emulator.Payment) { p.Card.Track2 = "" }), "keyed")
	require.Equal(t, "31", w.pay(1237, func(p *emulator.Payment) { p.Card = emulator.SwipedCard(canaryAlienCard, "3012") }))
	require.Equal(t, "61", w.pay(10_000_001, nil))
	require.Equal(t, "P3", w.pay(1238, func(p *emulator.Payment) { p.Payee = canaryStranger }))
	require.Equal(t, "P1", w.pay(1239, func(p *emulator.Payment) { p.Payee = canaryMalformed }))
	require.Equal(t, "51", w.pay(9_000_000, nil))
	for _, fen := range []int64{9801, 9804, 9805, 9806, 9808} { // the faults of the demo host
		require.Eventually(t, func() bool { return w.app.Network.Ready() == nil }, 10*time.Second, 10*time.Millisecond)
		require.Equal(t, "98", w.pay(fen, nil))
		w.settled()
	}
	require.Eventually(t, func() bool { return w.app.Network.Ready() == nil }, 10*time.Second, 10*time.Millisecond)
	w.requireClean("with slips in the terminal")
	s, err := w.term.Settle(t.Context()) // by upload, with card numbers in it
	require.NoError(t, err)
	require.Equal(t, [3]any{3, 3, true}, [3]any{s.Debits, s.Uploaded, s.Done})
	require.Equal(t, "00", w.pay(1240, nil))
	answer, err := http.Get("http://" + w.app.web.Addr().String() + "/metrics")
	require.NoError(t, err)
	_, err = io.Copy(w.log, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
}

// brokenFrames sends debits that were altered and then signed by the terminal itself, so that they get past the MAC.
func (w *canaryWorld) brokenFrames(t *testing.T) {
	before := len(w.rows())
	for _, c := range []struct {
		name, code string
		change     func(m *pos.Message)
		spoil      func(frame []byte) []byte
	}{
		{"track without expiry", "30", func(m *pos.Message) { m.Set(35, canaryCard+"=301") }, nil},
		{"track without end of the card", "30", func(m *pos.Message) { m.Set(35, canaryCard) }, nil},
		{"another card in F2", "30", func(m *pos.Message) { m.Set(2, canaryPayeeCard) }, nil},
		{"PIN security", "99", func(m *pos.Message) { m.Set(53, "1000000000000000") }, nil},
		{"PIN block of nobody", "99", func(m *pos.Message) { m.SetBytes(52, []byte(canaryPIN[:8])) }, nil},
		{"no confirmation", "P4", func(m *pos.Message) { m.Set(62, "PE011"+canaryPayee+"PR011"+canaryPayer) }, nil},
		{"confirmation of another", "P4", func(m *pos.Message) { m.Set(4, "000000001241") }, nil},
		{"numbers that are none", "P4", func(m *pos.Message) { m.Set(62, "PE011"+canaryMalformed+"PR011"+canaryMalformed) }, nil},
		{"element too long", "30", func(m *pos.Message) { m.Set(62, "PE099"+canaryPayee+"PR011"+canaryPayer) }, nil},
		{"number in the wrong field", "03", func(m *pos.Message) { m.Set(42, "8981"+canaryPayer) }, nil},
		{"byte too many", "30", nil, func(f []byte) []byte { return append(f, 0) }},
		{"F64 of nobody", "A0", nil, func(f []byte) []byte { f[len(f)-1] ^= 1; return f }},
		{"cut off in the track", "", nil, func(f []byte) []byte { return f[:70] }},
	} {
		m, err := pos.Unpack(w.last)
		require.NoError(t, err)
		m.Set(11, fmt.Sprintf("8%05d", len(w.all)))
		w.add("PIN block", m.Bytes(52), false)
		if c.change != nil {
			c.change(m)
		}
		frame := w.sign(m)
		if c.spoil != nil {
			frame = c.spoil(frame)
		}
		answers := w.attack(frame)
		if c.code != "" {
			require.Len(t, answers, 1, c.name)
			require.Equal(t, c.code, answers[0].Get(39), c.name)
		}
	}
	for _, r := range w.rows()[before:] {
		require.NotEqual(t, acquirer.Sent, r.State)
	}
}

// sign packs a message under the terminal's present MAC key.
func (w *canaryWorld) sign(m *pos.Message) []byte {
	var mak []byte
	for _, k := range w.all {
		if k.name == "MAC key" {
			mak = k.value
		}
	}
	frame, err := m.Pack()
	require.NoError(w.t, err)
	require.NoError(w.t, pos.SignFrame(frame, func(b []byte) [8]byte { return spec.MACCUP(mak, b) }))
	return frame
}

// panicky panics in the middle of the flows, with secrets in its mouth.
type panicky struct {
	acquirer.Directory
	acquirer.Network
}

func (panicky) PayeeByNumber(_ context.Context, n acquirer.MSISDN) (*acquirer.Payee, error) {
	panic("no payee at " + n.Reveal() + " but " + canaryName)
}

func (panicky) Authorize(_ context.Context, r acquirer.AuthorizationRequest) (acquirer.Authorization, error) {
	panic(fmt.Errorf("debit %+v of %s %s", r, r.Track2.Reveal(), canaryPIN))
}

// panics restarts the switch with ports that panic: first the host's, with a debit that is under way, then the directory.
func (w *canaryWorld) panics(t *testing.T) {
	for _, spoil := range []func(*App){
		func(a *App) { a.Switch.Network = panicky{Network: a.Network} },
		func(a *App) { a.Switch.Directory = panicky{Directory: a.db} },
	} {
		w.stopSwitch()
		w.startSwitchWith(spoil)
		w.plugIn(w.app.listeners[0].Addr().String())
		require.NotEqual(t, "00", w.pay(1242, nil))
		require.NotZero(t, w.app.Terminal.Stats().Panics)
	}
	require.Contains(t, w.log.String(), `"message":"panic"`)
	w.stopSwitch()
	w.startSwitch()
	w.settled()
}

// processes runs the program as an operator does: one ends by kill -9 with a debit at the host, the next by SIGTERM. What
// the verbs print is scanned, too. In the end the switch of the test runs again.
func (w *canaryWorld) processes(t *testing.T) {
	w.stopSwitch()
	first := w.run(t, patient)
	require.Equal(t, "00", w.pay(1243, nil))
	ended := w.hold(t)
	require.NoError(t, first.Process.Kill())
	require.Error(t, first.Wait())
	require.Error(t, <-ended)
	w.requireClean("after kill -9")

	second := w.run(t)
	require.Equal(t, "00", w.pay(1244, nil))
	list := w.operate(t, "payment", "list", "--json")
	for _, state := range []string{"approved", "declined", "reversed"} {
		rrn := regexp.MustCompile(`"(\d{12})"[^{}]*"state":"` + state).FindStringSubmatch(list)
		require.NotNil(t, rrn, list)
		w.operate(t, "payment", "show", rrn[1])
	}
	register := []string{"payee", "add", canaryStranger, "--name", canaryName, "--card", canaryPayeeCard}
	w.operate(t, register...)
	out, err := exec.Command("ringbackd", append(register, "-c", w.config())...).CombinedOutput()
	require.Error(t, err, "registered already")
	_, err = w.log.Write(out)
	require.NoError(t, err)
	for _, verb := range []string{"notice list", "operation list", "operation list --json", "audit --json"} {
		w.operate(t, strings.Fields(verb)...)
	}
	require.NoError(t, second.Process.Signal(syscall.SIGTERM))
	require.NoError(t, second.Wait())
	w.requireClean("after SIGTERM")
	w.startSwitch()
}
