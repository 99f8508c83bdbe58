package terminal

import (
	"fmt"
	"net"
	"runtime"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"example.com/ringback/spec/pos"
	acquirer "example.com/ringback/switch"
)

// BenchmarkIdleConnection measures what a connection that sleeps costs the server, fresh and after one request: bytes
// of heap and stacks, and goroutines. The peers are bare sockets, so that they cost nothing here.
func BenchmarkIdleConnection(b *testing.B) {
	for _, asked := range []bool{false, true} {
		b.Run(fmt.Sprintf("asked=%v", asked), func(b *testing.B) {
			for b.Loop() {
				idle(b, 2000, asked)
			}
		})
	}
}

func idle(b *testing.B, n int, asked bool) {
	w := newWorld(b)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go func() { _ = w.Serve(l) }() // Shutdown ends it
	defer func() { require.NoError(b, w.Shutdown(b.Context())) }()
	frame := pos.AppendFrame(nil, w.newDevice(b, "10000001").manage(pos.MTINetwork, pos.NetEcho, fields{11: ""}))
	address := l.Addr().(*net.TCPAddr)
	peers := make([]int, n)
	bytes, goroutines := footprint()
	for i := range peers {
		peers[i] = bare(b, address)
		if asked {
			copy(frame[23:31], fmt.Sprintf("3%07d", i)) // F41: each its own
			_, err := syscall.Write(peers[i], frame)
			require.NoError(b, err)
		}
	}
	requireSoon(b, func() bool { return w.Stats().Open == int64(n) && (!asked || answered(w) == uint64(n)) })
	more, others := footprint()
	b.ReportMetric(float64(more-bytes)/float64(n), "B/conn")
	b.ReportMetric(float64(others-goroutines)/float64(n), "goroutines/conn")
	for _, fd := range peers {
		require.NoError(b, syscall.Close(fd))
	}
}

// answered counts answers of any kind: the terminals are not registered.
func answered(w *world) (n uint64) {
	for _, v := range w.Stats().Answered {
		n += v
	}
	return n
}

// bare opens a socket that Go knows nothing of.
func bare(b *testing.B, to *net.TCPAddr) int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(b, err)
	require.NoError(b, syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}))
	return fd
}

// footprint returns the live heap with all stacks, and the number of goroutines.
func footprint() (bytes int64, goroutines int) {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}

// BenchmarkPayment is one payment, both phases, over loopback against doubles: the edge and the flows without store,
// security module and host.
func BenchmarkPayment(b *testing.B) {
	w, c, d := start(b, func(w *world) { w.Log = zerolog.Nop() })
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i += 2
		c.send(d.debit(i, d.token(c, i-1), nil))
		c.read()
	}
	require.EqualValues(b, i/2, len(w.net.sent()))
}

// BenchmarkInquiry is the server's part of a name-confirm without socket: from the frame in its buffer to the answer.
func BenchmarkInquiry(b *testing.B) {
	w, _, d := start(b)
	frame := d.inquiry(1, nil)
	c := newConn(w.Server, pipeEnd())
	b.ReportAllocs()
	for b.Loop() {
		buf := w.buffers.Get().(*buffer)
		q := newSession(c, buf, buf[:copy(buf[:], frame)])
		if q.run(func() {}) == nil {
			b.Fatal("no answer")
		}
		q.release()
	}
}

// BenchmarkPipelined is name-confirms of 64 terminals on one connection.
func BenchmarkPipelined(b *testing.B) {
	w := newWorld(b)
	var frames []byte
	for i := range 64 {
		id := fmt.Sprintf("2000%04d", i)
		w.register(b, id, "898110000000001", demo[0].tmk, "", false, acquirer.Profile{MAC: acquirer.MACECB})
		term := w.mem.terminals[acquirer.TerminalID(id)]
		term.Session = acquirer.Session{Batch: 1, SignedOn: true, MAK: acquirer.KeyBlock{Usage: acquirer.UsageMAK, Blob: id + id}}
		w.mem.terminals[term.ID] = term
		d := w.newDevice(b, id)
		d.mak, d.batch = []byte(id+id), "000001"
		frames = pos.AppendFrame(frames, d.inquiry(1, nil))
	}
	c := dial(b, w.listen(b))
	buf := make([]byte, pos.MaxFrame)
	b.ReportAllocs()
	for b.Loop() {
		_, err := c.nc.Write(frames)
		require.NoError(b, err)
		for range 64 {
			_, err := pos.ReadFrame(c.nc, buf)
			require.NoError(b, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/64, "us/request")
}
