package terminal

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// Overload and hostile peers, row 24 of docs/security.md: everything is bounded, a full queue is answered 96 at once, a
// good terminal beside the crowd is served, and when the crowd is gone nothing of it is left.

// Queue full, of one terminal: 600 requests on three connections, 257 have room, every other is answered 96 while the
// lane stands still. Another terminal does not feel it, and in the end all 600 have been answered.
func TestFloodOfOneTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t)
		gate := make(chan struct{})
		w.mem.payeeOf = func() { <-gate }
		good := w.newDevice(t, "10000004")
		good.signOn(c, pos.NetSignOn)
		codes := &tally{counts: map[string]int{}}
		for range 3 {
			c := p.dial(t)
			go codes.read(c.nc)
			go func() {
				for i := range 200 {
					c.send(d.inquiry(i, nil))
				}
			}()
		}
		synctest.Wait()
		room := 1 + Limits{}.WithDefaults().Queue
		require.Equal(t, map[string]int{"96": 600 - room}, codes.copy())
		require.Equal(t, "00", c.ask(good.manage(pos.MTINetwork, pos.NetEcho, nil)).Get(39))
		require.Empty(t, w.mem.all())
		close(gate)
		synctest.Wait()
		require.Equal(t, map[string]int{"96": 600 - room, "00": room}, codes.copy())
		require.Equal(t, "00", c.ask(good.inquiry(1, nil)).Get(39))
	})
}

// tally counts answers by F39.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

// read counts what comes until the connection ends.
func (c *tally) read(nc net.Conn) {
	for {
		frame, err := pos.ReadFrame(nc, nil)
		if err != nil {
			return
		}
		m, err := pos.Unpack(frame)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.counts[m.Get(39)]++
		c.mu.Unlock()
	}
}

func (c *tally) copy() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int, len(c.counts))
	for code, n := range c.counts {
		out[code] = n
	}
	return out
}

// The host's limit full: one debit more than may wait there is answered 96 at once, nothing of it is stored or sent, and
// the same debit is taken when there is room again.
func TestHostLimit(t *testing.T) {
	const limit = 4
	synctest.Test(t, func(t *testing.T) {
		w, p, c, d := bubble(t, func(w *world) {
			config := w.Switch.Config
			config.Limits.InFlight = limit
			w.Switch = acquirer.New(config)
		})
		host := newHeld()
		w.net.authorize = host.answer
		tokens := make([]string, limit+1)
		for i := range tokens {
			tokens[i] = d.token(c, 100+i)
		}
		for i := range limit {
			c.send(d.debit(200+i, tokens[i], nil))
			<-host.entered
		}
		second, begin := p.dial(t), time.Now()
		m := second.ask(d.debit(200+limit, tokens[limit], nil))
		require.Equal(t, []string{"0210", "96"}, []string{m.MTI(), m.Get(39)})
		require.Equal(t, begin, time.Now(), "at once")
		require.Len(t, w.mem.all(), limit)
		require.Equal(t, "00", second.ask(d.inquiry(1, nil)).Get(39), "a look-up needs no host")
		close(host.release)
		for range limit {
			require.Equal(t, "00", c.receive().Get(39))
		}
		require.Equal(t, "00", second.ask(d.debit(200+limit, tokens[limit], nil)).Get(39))
	})
}

// crowd is a served world that is about to be mobbed, with a good terminal whose connection stays.
type crowd struct {
	*world
	t          *testing.T
	addr       string
	good       *client
	d          *device
	asked      int
	goroutines int
	heap       uint64
}

// newCrowd notes what the server at rest costs.
func newCrowd(t *testing.T, l Limits) *crowd {
	t.Helper()
	w := newWorld(t, func(w *world) { w.Limits = l })
	m := &crowd{world: w, t: t, addr: w.listen(t), d: w.newDevice(t, "10000001")}
	m.good = dial(t, m.addr)
	m.d.signOn(m.good, pos.NetSignOn)
	for range 100 {
		m.requireServed() // pools and stacks as they are in service
	}
	manyGoroutines(8_000)
	m.heap, m.goroutines = liveHeap(), runtime.NumGoroutine()
	return m
}

// manyGoroutines makes the runtime hold as many goroutine descriptors, which it never gives back, as a crowd may cause.
func manyGoroutines(n int) {
	var wg sync.WaitGroup
	end := make(chan struct{})
	for range n {
		wg.Go(func() { <-end })
	}
	close(end)
	wg.Wait()
}

// liveHeap is what is reachable; two collections empty the pools.
func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// requireServed wants a name-confirm of the good terminal to be answered as ever.
func (m *crowd) requireServed() {
	m.t.Helper()
	m.asked++
	require.Equal(m.t, "00", m.good.ask(m.d.inquiry(m.asked%1_000_000, nil)).Get(39))
}

// requireFloor wants the crowd to be gone without a trace: one connection, the goroutines and the live heap of before.
func (m *crowd) requireFloor(accepted int) {
	m.t.Helper()
	requireSoon(m.t, func() bool {
		s := m.Stats()
		return s.Open == 1 && s.Accepted == uint64(1+accepted) && runtime.NumGoroutine() <= m.goroutines+4
	})
	m.requireServed()
	require.LessOrEqual(m.t, liveHeap(), m.heap+1<<20)
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Len(m.t, m.conns, 1)
	require.Zero(m.t, m.Stats().Panics)
}

// attack runs n peers, at most 64 at a time, and serves the good terminal meanwhile.
func (m *crowd) attack(n int, peer func(i int)) {
	m.t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				peer(i)
			}
		})
	}
	for next.Load() < int64(n) {
		m.requireServed()
	}
	wg.Wait()
}

// open connects as a hostile peer does: the error is the server's right.
func (m *crowd) open() *net.TCPConn {
	nc, err := net.Dial("tcp", m.addr)
	if err != nil {
		return nil
	}
	return nc.(*net.TCPConn)
}

// 5,000 connections that are reset: at once, within a frame, and with an answer on its way.
func TestConnectAndReset(t *testing.T) {
	const n = 5_000
	m := newCrowd(t, Limits{})
	stranger := pos.AppendFrame(nil, m.newDevice(t, "99999999").manage(pos.MTINetwork, pos.NetEcho, nil))
	m.attack(n, func(i int) {
		nc := m.open()
		if nc == nil {
			return
		}
		_, _ = nc.Write(stranger[:len(stranger)*(i%3)/2]) // a peer that fails has reset all the same
		_ = nc.SetLinger(0)
		_ = nc.Close()
	})
	m.requireFloor(n)
}

// 2,000 frames that end in the middle while the connection stays: each is closed when the time for a frame is over.
func TestHalfFrames(t *testing.T) {
	const n = 2_000
	m := newCrowd(t, Limits{FrameTimeout: 500 * time.Millisecond, Linger: 50 * time.Millisecond})
	half := pos.AppendFrame(nil, m.d.inquiry(1, nil))[:60]
	peers := make([]*net.TCPConn, n+1)
	m.attack(n, func(i int) {
		if peers[i] = m.open(); peers[i] != nil {
			_, _ = peers[i].Write(half[:1+i%len(half)])
		}
	})
	requireSoon(t, func() bool { return m.Stats().Open == 1 })
	for _, nc := range peers[1:] {
		require.NotNil(t, nc)
		require.NoError(t, nc.Close())
	}
	peers = nil
	m.requireFloor(n)
}

// 500 connections that drip a byte again and again do not stretch the time of a frame.
func TestSlowLoris(t *testing.T) {
	const n = 500
	m := newCrowd(t, Limits{FrameTimeout: 300 * time.Millisecond, Linger: 50 * time.Millisecond})
	var peers []*net.TCPConn
	for range n {
		nc := m.open()
		require.NotNil(t, nc)
		_, err := nc.Write([]byte{pos.MaxFrame >> 8, 0}) // far more than will ever come
		require.NoError(t, err)
		peers = append(peers, nc)
	}
	rounds := 0
	for ; len(peers) > 0 && rounds < pos.MaxFrame; rounds++ {
		peers = slices.DeleteFunc(peers, func(nc *net.TCPConn) bool {
			_, err := nc.Write([]byte{0x60})
			if err != nil {
				_ = nc.Close()
			}
			return err != nil
		})
		m.requireServed()
	}
	require.Empty(t, peers, "dripping still after %d bytes", rounds)
	m.requireFloor(n)
}

// 32 peers pipeline requests and read no answer. Each holds at most the requests one connection may have in flight, and
// loses its connection when an answer could not be written in time.
func TestStalledReaders(t *testing.T) {
	const n = 32
	m := newCrowd(t, Limits{WriteTimeout: 300 * time.Millisecond, Linger: 50 * time.Millisecond, SendBuffer: 4096})
	flood := strings.Repeat(string(pos.AppendFrame(nil, m.newDevice(t, "99999999").manage(pos.MTINetwork, pos.NetEcho, nil))), 200)
	var wg sync.WaitGroup
	peers := make([]*net.TCPConn, n)
	for i := range peers {
		nc := m.open()
		require.NotNil(t, nc)
		require.NoError(t, nc.SetReadBuffer(2048))
		peers[i] = nc
		wg.Go(func() {
			for {
				if _, err := io.WriteString(nc, flood); err != nil {
					return
				}
			}
		})
	}
	for m.Stats().Open > 1 {
		m.requireServed()
		require.LessOrEqual(t, runtime.NumGoroutine(), m.goroutines+n*(m.limits.InFlight+2))
	}
	for _, nc := range peers { // a kernel whose window is shut may not have heard of the end
		require.NoError(t, nc.Close())
	}
	wg.Wait()
	m.requireFloor(n)
}

// The figures of BenchmarkHostile: how many of each kind of peer there are, and how often they strike.
const (
	crowdIdle     = 2_000                 // connections with half a frame, and as many that drip
	crowdBeat     = 10 * time.Millisecond // the crowd's clock
	crowdDrips    = 20                    // bytes dripped in a beat, each by another connection
	crowdResets   = 5                     // connections opened and reset in a beat
	crowdFlood    = 20                    // requests of one flooding terminal in a beat
	crowdPipes    = 8                     // connections that pipeline without pause
	goodQuestions = 3_000                 // name-confirms measured, quiet and beside the crowd
)

// BenchmarkHostile measures a good terminal's name-confirm quiet and then beside a crowd, in the same run: what counts is
// the ratio. Peers and server share the machine's cores, so that the crowd's own work is in the figures.
func BenchmarkHostile(b *testing.B) {
	for _, v := range []struct {
		name   string
		attack func(*mob)
	}{
		{"half-frames", func(m *mob) { m.idle(30) }},
		{"dripping", func(m *mob) { m.drip() }},
		{"resets", func(m *mob) { m.beat(m.reset) }},
		{"stalled", func(m *mob) { m.stall() }},
		{"flood", func(m *mob) { m.beat(m.flood()) }},
		{"torrent", func(m *mob) { m.torrent() }},
		{"all but torrent", func(m *mob) { m.idle(30); m.drip(); m.stall(); m.beat(m.reset); m.beat(m.flood()) }},
	} {
		b.Run(v.name, func(b *testing.B) {
			w, c, d := start(b, func(w *world) {
				w.Log = zerolog.Nop()
				// Who asks one question after the other may be as fast as the line: that is what is measured.
				w.Limits = Limits{FrameTimeout: time.Minute, WriteTimeout: time.Minute, TerminalRate: 1 << 20}
			})
			for b.Loop() {
				quiet := questions(c, d)
				m := &mob{w: w, b: b, addr: c.nc.RemoteAddr().String(), quit: make(chan struct{})}
				v.attack(m)
				hostile := questions(c, d)
				m.disperse()
				for _, p := range []struct{ name, per string }{{"p50", "50"}, {"p99", "99"}} {
					q, h := percentile(quiet, p.per), percentile(hostile, p.per)
					b.ReportMetric(float64(q.Nanoseconds())/1e3, "us-quiet-"+p.name)
					b.ReportMetric(float64(h.Nanoseconds())/1e3, "us-crowd-"+p.name)
					b.ReportMetric(float64(h)/float64(q), "ratio-"+p.name)
				}
			}
			b.ReportMetric(0, "ns/op") // says nothing here
		})
	}
}

// questions asks and returns how long each answer took, sorted.
func questions(c *client, d *device) []time.Duration {
	out := make([]time.Duration, goodQuestions)
	frame := d.inquiry(1, nil)
	for i := range out {
		begin := time.Now()
		c.send(frame)
		c.read()
		out[i] = time.Since(begin)
	}
	slices.Sort(out)
	return out
}

func percentile(sorted []time.Duration, per string) time.Duration {
	if per == "50" {
		return sorted[len(sorted)/2]
	}
	return sorted[len(sorted)*99/100]
}

// mob is the crowd of a benchmark.
type mob struct {
	w     *world
	b     *testing.B
	addr  string
	conns []net.Conn
	ends  []func()
	quit  chan struct{}
	work  sync.WaitGroup
}

// idle opens connections that send the first bytes of a frame and no more.
func (m *mob) idle(bytes int) {
	frame := append([]byte{pos.MaxFrame >> 8, 0}, make([]byte, bytes)...)
	for range crowdIdle {
		nc, err := net.Dial("tcp", m.addr)
		require.NoError(m.b, err)
		_, err = nc.Write(frame)
		require.NoError(m.b, err)
		m.conns = append(m.conns, nc)
	}
}

// drip opens connections that send a byte by turns.
func (m *mob) drip() {
	from := len(m.conns)
	m.idle(0)
	peers, turn := m.conns[from:], 0
	m.beat(func() {
		for range crowdDrips {
			_, _ = peers[turn%len(peers)].Write([]byte{0}) // may have been closed
			turn++
		}
	})
}

// stall opens connections that pipeline as much as the server takes and read nothing, and waits until all of them stand:
// the kernel takes megabytes of answers first.
func (m *mob) stall() {
	frame := pos.AppendFrame(nil, m.w.newDevice(m.b, "99999999").manage(pos.MTINetwork, pos.NetEcho, nil))
	for range crowdPipes {
		nc, err := net.Dial("tcp", m.addr)
		require.NoError(m.b, err)
		require.NoError(m.b, nc.(*net.TCPConn).SetReadBuffer(2048))
		m.conns = append(m.conns, nc)
		m.work.Go(func() { pipeline(nc, frame) })
	}
	tick := time.NewTicker(20 * crowdBeat)
	defer tick.Stop()
	before := uint64(0)
	for still := 0; still < 5; still++ {
		<-tick.C
		if now := m.w.Stats().Frames; now != before {
			before, still = now, 0
		}
	}
}

// torrentEnv names the address that a process of this test program storms.
const torrentEnv = "RINGBACK_TEST_TORRENT"

// torrent opens the same connections with readers behind them, which ask as fast as they are answered, from a process of
// its own: within this one they would take the server's scheduler, not its time.
func (m *mob) torrent() {
	c := exec.Command(os.Args[0], "-test.run=^TestTorrentPeer$")
	c.Env = append(os.Environ(), torrentEnv+"="+m.addr)
	require.NoError(m.b, c.Start())
	m.ends = append(m.ends, func() { _ = errors.Join(c.Process.Kill(), c.Wait()) }) // killed is an error
	before := m.w.Stats().Frames
	requireSoon(m.b, func() bool { return m.w.Stats().Frames > before+10_000 })
}

// TestTorrentPeer is the process of torrent and nothing else.
func TestTorrentPeer(t *testing.T) {
	addr := os.Getenv(torrentEnv)
	if addr == "" {
		t.Skip("the hostile process of BenchmarkHostile")
	}
	frame := pos.AppendFrame(nil, newWorld(t).newDevice(t, "99999999").manage(pos.MTINetwork, pos.NetEcho, nil))
	var work sync.WaitGroup
	for range crowdPipes {
		nc, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		work.Go(func() { pipeline(nc, frame) })
		work.Go(func() { _, _ = io.Copy(io.Discard, nc) })
	}
	work.Wait()
}

// pipeline writes a frame again and again until the connection ends.
func pipeline(nc net.Conn, frame []byte) {
	for {
		if _, err := nc.Write(frame); err != nil {
			return
		}
	}
}

// reset opens connections and resets them.
func (m *mob) reset() {
	for range crowdResets {
		nc, err := net.Dial("tcp", m.addr)
		if err != nil {
			continue
		}
		_ = nc.(*net.TCPConn).SetLinger(0)
		_ = nc.Close()
	}
}

// flood returns the work of a terminal that asks without pause on one connection.
func (m *mob) flood() func() {
	nc, err := net.Dial("tcp", m.addr)
	require.NoError(m.b, err)
	m.conns = append(m.conns, nc)
	d := m.w.newDevice(m.b, "10000004")
	d.signOn(&client{m.b, nc}, pos.NetSignOn)
	m.work.Go(func() { _, _ = io.Copy(io.Discard, nc) }) // until it is closed
	frames := strings.Repeat(string(pos.AppendFrame(nil, d.inquiry(1, nil))), crowdFlood)
	return func() { _, _ = io.WriteString(nc, frames) }
}

// beat does some work in the rhythm of the crowd.
func (m *mob) beat(work func()) {
	m.work.Go(func() {
		tick := time.NewTicker(crowdBeat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				work()
			case <-m.quit:
				return
			}
		}
	})
}

// disperse ends the crowd and waits until the server has forgotten it.
func (m *mob) disperse() {
	close(m.quit)
	for _, end := range m.ends {
		end()
	}
	for _, nc := range m.conns {
		_ = nc.(*net.TCPConn).SetLinger(0)
		_ = nc.Close()
	}
	m.work.Wait()
	requireSoon(m.b, func() bool { return m.w.Stats().Open == 1 })
}

// What the log says of a crowd is bounded, too.
func TestCrowdFillsNoLog(t *testing.T) {
	m := newCrowd(t, Limits{})
	m.attack(1_000, func(i int) {
		if nc := m.open(); nc != nil {
			_, _ = nc.Write(fmt.Appendf(nil, "GET /%d HTTP/1.1\r\n\r\n", i))
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		}
	})
	m.requireFloor(1_000)
	require.LessOrEqual(t, strings.Count(m.log.String(), "\n"), 10*noisyLines)
}
