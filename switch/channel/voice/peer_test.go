package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"math/rand/v2"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a step may take on a busy machine.
const patience = 60 * time.Second

const (
	callerOne = "13800138000"
	callerTwo = "13900139001"
	goodCard  = "6222020000000000026"
	theCode   = "246802"
)

// tones is a speaker that says nothing, for a tenth of a second, and remembers what it should have said.
type tones struct {
	mu   sync.Mutex
	said []string
	long bool // a minute instead
}

func (s *tones) Speak(_ context.Context, _ acquirer.Language, text string) ([]int16, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, text)
	if s.long {
		return make([]int16, 60*8000), nil
	}
	return make([]int16, 800), nil
}

func (s *tones) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n")
}

// box is an inbox that takes everything.
type box struct {
	mu  sync.Mutex
	got []acquirer.Inbound
	err error
}

func (b *box) Receive(_ context.Context, m acquirer.Inbound) (acquirer.Reply, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, m)
	outcome := acquirer.OutcomeTaken
	if m.Request.Kind == acquirer.RequestConfirm {
		outcome = acquirer.OutcomeConfirmed
	}
	return acquirer.Reply{Outcome: outcome, Text: "好"}, b.err
}

func (b *box) all() []acquirer.Inbound {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]acquirer.Inbound(nil), b.got...)
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a Voice that runs.
type world struct {
	*testing.T
	*Voice
	speech *tones
	inbox  *box
	logs   *lines
	stop   func()
}

var loopback = netip.MustParseAddr("127.0.0.1")

func testConfig() Config {
	return Config{Listen: netip.AddrPortFrom(loopback, 0), Peers: []netip.Prefix{netip.PrefixFrom(loopback, 32)}, Speaker: &tones{}, Inbox: &box{},
		Dialogue: dialogue.Limits{First: 2 * time.Second, Between: time.Second}, Limits: Limits{Probe: time.Hour}, Chance: rand.Uint64,
		From: "95533", Prefix: "86", Domain: "trunk.example"}
}

// begin starts a Voice. At its end it must have left nothing running, and no number, card or code in its log.
func begin(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{T: t, speech: &tones{}, inbox: &box{}, logs: &lines{}}
	c := testConfig()
	c.Speaker, c.Inbox, c.Log = w.speech, w.inbox, zerolog.New(w.logs)
	change(&c)
	v, err := New(c)
	require.NoError(t, err)
	require.NoError(t, v.Listen())
	w.Voice = v
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- v.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(patience):
			t.Error("Run does not end")
		}
		for _, secret := range []string{callerOne, callerTwo, goodCard, theCode, "hunter2", "一二三四元"} {
			require.NotContains(t, w.logs.String(), secret)
		}
	})
	t.Cleanup(w.stop)
	return w
}

// freePort is a UDP and TCP port that nobody has.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// sipp is a running SIPp.
type sipp struct {
	t    *testing.T
	port int
	dir  string
	out  *lines
	done chan error
}

// startSIPp runs a scenario of testdata, in which each pair of words is replaced, and presses keys (by event packets of a payload type).
func startSIPp(t *testing.T, file string, words []string, kind byte, keys string, args ...string) *sipp {
	t.Helper()
	path, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed: apt-get install sip-tester")
	}
	if os.Geteuid() != 0 {
		t.Skip("sipp plays keys by a raw socket, which only root may open")
	}
	s := &sipp{t: t, dir: t.TempDir(), port: freePort(t), out: &lines{}, done: make(chan error, 1)}
	text, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, file), []byte(strings.NewReplacer(words...).Replace(string(text))), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "keys.pcap"), keysCapture(kind, keys), 0o600))
	cmd := exec.Command(path, append([]string{"-sf", file, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", fmt.Sprint(freePort(t) &^ 1), "-p", fmt.Sprint(s.port),
		"-nostdin", "-timeout", "60", "-timeout_error", "-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages", "-cp", fmt.Sprint(freePort(t))}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, s.out, s.out
	require.NoError(t, cmd.Start())
	var waited sync.WaitGroup
	waited.Go(func() { s.done <- cmd.Wait() })
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended, when all went well
		waited.Wait()
	})
	return s
}

// ok waits until the scenario has ended as it should.
func (s *sipp) ok() {
	s.t.Helper()
	select {
	case err := <-s.done:
		s.done <- err
		if err != nil {
			errors, _ := os.ReadFile(filepath.Join(s.dir, "errors"))
			s.t.Fatalf("sipp: %v\n%s\n%s", err, errors, s.messages())
		}
	case <-time.After(patience):
		s.t.Fatal("sipp does not end")
	}
}

// messages is what went to and fro.
func (s *sipp) messages() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "messages"))
	if err != nil {
		return ""
	}
	return string(b)
}

// listening waits until it has its port.
func (s *sipp) listening(network string) string {
	s.t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", s.port)
	require.Eventually(s.t, func() bool {
		if network == "tcp" {
			l, err := net.Listen("tcp", addr)
			if err == nil {
				_ = l.Close() // it was only looked whether it is free
			}
			return err != nil
		}
		l, err := net.ListenPacket("udp", addr)
		if err == nil {
			_ = l.Close()
		}
		return err != nil
	}, patience, 20*time.Millisecond)
	return addr
}

// keysCapture is a capture of keys, each pressed for 100 ms, in which sequence numbers and times go on from key to key as those of a
// telephone do. The captures that SIPp brings along begin anew with each key.
func keysCapture(kind byte, keys string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xA1B2C3D4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 0, 0)
	seq, micros := uint16(100), uint32(500_000)
	packet := func(marker bool, code byte, stamp uint32, end bool, length uint16) {
		second, flags := kind, byte(10)
		if marker {
			second |= 0x80
		}
		if end {
			flags |= 0x80
		}
		seq++
		p := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 44, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0x40, 0, 0x40, 2, 0, 24, 0, 0}
		p = append(p, 0x80, second)
		p = binary.BigEndian.AppendUint16(p, seq)
		p = binary.BigEndian.AppendUint32(p, stamp)
		p = append(p, 1, 2, 3, 4, code, flags)
		p = binary.BigEndian.AppendUint16(p, length)
		b = le.AppendUint32(b, micros/1_000_000)
		b = le.AppendUint32(b, micros%1_000_000)
		b = le.AppendUint32(b, uint32(len(p)))
		b = append(le.AppendUint32(b, uint32(len(p))), p...)
		micros += 20_000
	}
	for _, k := range keys {
		if k == ' ' { // a person listens
			micros += 1_500_000
			continue
		}
		code, stamp := byte(strings.IndexRune("0123456789*#", k)), micros/125
		for i := range 5 {
			packet(i == 0, code, stamp, false, uint16(160*(i+1)))
		}
		for range 3 {
			packet(false, code, stamp, true, 800)
		}
		micros += 40_000
	}
	return b
}
