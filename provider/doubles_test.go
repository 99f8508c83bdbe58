package provider

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"example.com/ringback/spec"
	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	institution = "44190440"
	centre      = "00010000"
	card        = "6222020000000000018"
	payeeCard   = "6217000000000000012"
	track2      = "6222020000000000018=30121200000000000000"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// Test keys: the zone master key was published with the captures (host dialect page, section 4.3).
var (
	testZMK = unhex("1023457689BADCEF0132546798ABCDFE")
	testZPK = unhex("0123456789ABCDEFFEDCBA9876543210")
	testZAK = unhex("89ABCDEF0123456776543210FEDCBA98")
)

// softHSM keeps keys in clear inside their blocks. It holds to usages as a module does.
type softHSM struct{ acquirer.HSM }

func (softHSM) ImportKey(usage acquirer.KeyUsage, under acquirer.KeyBlock, key acquirer.WrappedKey) (acquirer.KeyBlock, error) {
	if under.Usage != acquirer.UsageZMK || usage != acquirer.UsageZPK && usage != acquirer.UsageZAK {
		return acquirer.KeyBlock{}, acquirer.ErrKey
	}
	clear, err := spec.DecryptECB([]byte(under.Blob), key.Enciphered)
	if err != nil {
		return acquirer.KeyBlock{}, err
	}
	if check := spec.CheckValue(clear); !bytes.Equal(check[:4], key.Check[:]) {
		return acquirer.KeyBlock{}, acquirer.ErrCheckValue
	}
	return acquirer.KeyBlock{Usage: usage, Blob: string(clear)}, nil
}

func (softHSM) CheckValue(key acquirer.KeyBlock) ([4]byte, error) {
	check := spec.CheckValue([]byte(key.Blob))
	return [4]byte(check[:]), nil
}

func (softHSM) ZoneMAC(zak acquirer.KeyBlock, text []byte) ([8]byte, error) {
	if zak.Usage != acquirer.UsageZAK {
		return [8]byte{}, acquirer.ErrKey
	}
	return spec.HostMAC([]byte(zak.Blob), text), nil
}

func (softHSM) KeyResetMAC(fresh acquirer.KeyBlock, text []byte) ([8]byte, error) {
	if fresh.Usage != acquirer.UsageZPK && fresh.Usage != acquirer.UsageZAK {
		return [8]byte{}, acquirer.ErrKey
	}
	return spec.HostMAC([]byte(fresh.Blob), text), nil
}

// memKeys is the key store.
type memKeys struct {
	mu    sync.Mutex
	keys  map[acquirer.KeyUsage]acquirer.KeyBlock
	saved int
	fail  error
}

func (k *memKeys) ZoneKey(_ context.Context, usage acquirer.KeyUsage) (acquirer.KeyBlock, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, ok := k.keys[usage]
	if !ok {
		return key, acquirer.ErrNotFound
	}
	return key, nil
}

func (k *memKeys) SaveZoneKey(_ context.Context, key acquirer.KeyBlock) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	k.keys[key.Usage] = key
	k.saved++
	return nil
}

func (k *memKeys) clear(usage acquirer.KeyUsage) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys[usage].Blob
}

// host stands opposite. Its functions decide what it does; unset, it behaves.
type host struct {
	t         testing.TB
	mu        sync.Mutex
	links     []*hostLink
	dials     []time.Time
	got       []*cups.Message
	raw       map[string][]byte // the last frame of each type
	zak       []byte            // signs answers
	refuse    bool              // dials fail
	onDebit   func(l *hostLink, m *cups.Message)
	onReverse func(l *hostLink, m *cups.Message)
	onVerify  func(l *hostLink, m *cups.Message)      // 0100 and 0520
	onNetwork func(l *hostLink, m *cups.Message) bool // false: behave
}

// hostLink is the host's end of a link.
type hostLink struct {
	net.Conn
	host *host
	stop chan struct{} // closed: reads no more
	halt sync.Once
	out  sync.Mutex
}

func (h *host) dial(_ context.Context, _ string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials = append(h.dials, time.Now())
	if h.refuse {
		return nil, errors.New("refused")
	}
	ours, theirs := net.Pipe()
	l := &hostLink{Conn: theirs, host: h, stop: make(chan struct{})}
	h.links = append(h.links, l)
	go l.serve()
	return ours, nil
}

func (h *host) debits(f func(*hostLink, *cups.Message)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onDebit = f
}

func (h *host) reversals(f func(*hostLink, *cups.Message)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onReverse = f
}

func (h *host) verifications(f func(*hostLink, *cups.Message)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onVerify = f
}

func (h *host) network(f func(*hostLink, *cups.Message) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onNetwork = f
}

func (h *host) signWith(zak []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.zak = zak
}

// dialled counts the links that were asked for.
func (h *host) dialled() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.dials)
}

// frame returns the last frame of a type.
func (h *host) frame(mti string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.raw[mti]
}

// link returns the newest link, or the one before it, and so on.
func (h *host) link(back int) *hostLink {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.links[len(h.links)-1-back]
}

func (h *host) received(mti string) []*cups.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*cups.Message
	for _, m := range h.got {
		if m.MTI() == mti {
			out = append(out, m)
		}
	}
	return out
}

func (l *hostLink) serve() {
	prefix := make([]byte, 4)
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		if _, err := io.ReadFull(l, prefix); err != nil {
			return
		}
		var n int
		if _, err := fmt.Sscanf(string(prefix), "%04d", &n); err != nil {
			panic(err)
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(l, frame); err != nil {
			return
		}
		l.handle(frame)
	}
}

func (l *hostLink) handle(frame []byte) {
	m, err := cups.Unpack(frame)
	if err != nil {
		panic(err)
	}
	h := l.host
	h.mu.Lock()
	h.got = append(h.got, m)
	h.raw[m.MTI()] = frame
	onDebit, onReverse, onVerify, onNetwork := h.onDebit, h.onReverse, h.onVerify, h.onNetwork
	h.mu.Unlock()
	switch m.MTI() {
	case "0200":
		onDebit(l, m)
	case "0420":
		onReverse(l, m)
	case "0100", "0520":
		onVerify(l, m)
	case "0820":
		if onNetwork == nil || !onNetwork(l, m) {
			l.send(answerTo(m, "0830", 7, 11, 33, 70).set(39, "00"))
		}
	}
}

// hang makes the host's end read no more after the frame it is at.
func (l *hostLink) hang() { l.halt.Do(func() { close(l.stop) }) }

// draft is a message under construction.
type draft struct{ *cups.Message }

func (d draft) set(id int, value string) draft {
	d.SetBytes(id, []byte(value))
	return d
}

// answerTo copies fields of a request.
func answerTo(m *cups.Message, mti string, ids ...int) draft {
	d := draft{cups.New(mti)}
	d.SetHeader(cups.NewHeader(institution, centre))
	for _, id := range ids {
		if m.Has(id) {
			d.SetBytes(id, m.Bytes(id))
		}
	}
	return d
}

// approve is the 0210 or 0430 of a host that agrees, without F128.
func approve(m *cups.Message) draft {
	mti := m.MTI()[:2] + "10"
	if m.MTI() == "0420" {
		mti = "0430"
	}
	return answerTo(m, mti, 2, 3, 4, 7, 11, 12, 13, 18, 25, 32, 33, 37, 41, 42, 49).
		set(15, "1125").set(38, "654321").set(39, "00").set(100, "03050001")
}

// sign sets F128 under the host's key.
func (h *host) sign(d draft) draft {
	h.mu.Lock()
	zak := h.zak
	h.mu.Unlock()
	mac := spec.HostMAC(zak, cups.MAB(d.Message))
	return d.set(128, fmt.Sprintf("%X", mac[:4]))
}

func (l *hostLink) send(d draft) {
	frame, err := d.Pack()
	if err != nil {
		panic(err)
	}
	l.sendRaw(append(fmt.Appendf(nil, "%04d", len(frame)), frame...))
}

func (l *hostLink) sendRaw(b []byte) {
	l.out.Lock()
	defer l.out.Unlock()
	_, _ = l.Write(b) // a test may have cut the link
}

// good answers a request as a host that agrees.
func good(l *hostLink, m *cups.Message) { l.send(l.host.sign(approve(m))) }

func silent(*hostLink, *cups.Message) {}

// late is what Config.Late was told.
type late struct {
	key  acquirer.HostKey
	auth acquirer.Authorization
}

// world is a network with the host opposite.
type world struct {
	*Network
	host *host
	keys *memKeys
	mu   sync.Mutex
	late []late
	stop context.CancelFunc
	done chan error
}

func newWorld(t testing.TB, links int, options ...func(*Config)) *world {
	w := &world{
		host: &host{t: t, raw: map[string][]byte{}, zak: testZAK, onDebit: good, onReverse: good, onVerify: good},
		keys: &memKeys{keys: map[acquirer.KeyUsage]acquirer.KeyBlock{
			acquirer.UsageZPK: {Usage: acquirer.UsageZPK, Blob: string(testZPK)},
			acquirer.UsageZAK: {Usage: acquirer.UsageZAK, Blob: string(testZAK)},
		}},
	}
	c := Config{Dial: w.host.dial, Institution: institution, HSM: softHSM{}, Keys: w.keys,
		ZMK: acquirer.KeyBlock{Usage: acquirer.UsageZMK, Blob: string(testZMK)}, Late: w.noteLate}
	for i := range links {
		c.Addrs = append(c.Addrs, fmt.Sprintf("host:%d", i))
	}
	for _, o := range options {
		o(&c)
	}
	w.Network = New(c)
	return w
}

func withLog(out io.Writer) func(*Config) {
	return func(c *Config) { c.Log = zerolog.New(zerolog.SyncWriter(out)).Level(zerolog.TraceLevel) }
}

func (w *world) noteLate(_ context.Context, key acquirer.HostKey, a acquirer.Authorization) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = append(w.late, late{key, a})
	return nil
}

func (w *world) lateOnes() []late {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]late(nil), w.late...)
}

// start runs the network until the test ends; inside a bubble it is signed on when start returns.
func (w *world) start(t testing.TB) *world {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.done = cancel, make(chan error, 1)
	go func() { w.done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err, ok := <-w.done; ok {
			require.NoError(t, err)
		}
	})
	return w
}

// bubble runs a test over in-memory links in virtual time.
func bubble(t *testing.T, links int, test func(t *testing.T, w *world), options ...func(*Config)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, links, options...).start(t)
		synctest.Wait()
		test(t, w)
	})
}

// opened is when every debit of the tests is opened.
var opened = time.Date(2026, 11, 24, 15, 4, 5, 0, acquirer.Beijing)

// debit makes the request of the seq-th payment.
func debit(t testing.TB, seq int64) acquirer.AuthorizationRequest {
	pan := func(s string) acquirer.PAN { p, err := acquirer.ParsePAN(s); require.NoError(t, err); return p }
	number := func(s string) acquirer.MSISDN { m, err := acquirer.ParseMSISDN(s); require.NoError(t, err); return m }
	track, err := acquirer.ParseTrack2(track2[:37])
	require.NoError(t, err)
	pin, err := acquirer.NewPINBlock(unhex("0011223344556677"))
	require.NoError(t, err)
	id := acquirer.NewID(20261124, seq)
	return acquirer.AuthorizationRequest{
		Transaction: &acquirer.Transaction{
			ID: id, Amount: acquirer.Fen(1234 + seq), Card: pan(card), Expiry: "3012", EntryMode: "021",
			Key:   acquirer.TerminalKey{Merchant: "898110000000001", Terminal: "10000001", Batch: 7, STAN: 9},
			Payer: number("13900139001"), PayeeNumber: number("13800138001"), Memo: "房租",
			Host: acquirer.HostKey{Time: "1124150405", STAN: id.STAN()}, Opened: opened,
		},
		PayeeCard: pan(payeeCard), Track2: track, PIN: pin,
	}
}

// authorize waits for a debit as the switch does.
func (w *world) authorize(t testing.TB, seq int64) (acquirer.Authorization, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return w.Authorize(ctx, debit(t, seq))
}

// reversal makes the 0420 of a debit.
func reversal(seq int64) acquirer.Reversal {
	id := acquirer.NewID(20261124, seq)
	return acquirer.Reversal{ID: id, Reason: acquirer.CodeNoAnswer, Host: acquirer.HostKey{Time: "1124150440", STAN: id.STAN()}}
}

func (w *world) reverse(t testing.TB, seq, of int64) (acquirer.ResponseCode, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return w.Reverse(ctx, reversal(seq), debit(t, of).Transaction)
}
