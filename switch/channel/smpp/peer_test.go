package smpp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// The tests of this file speak with a centre that shares no code with us: testdata/smsc.js on the npm package smpp.

// patience is how long a step may take on a busy machine.
const patience = 60 * time.Second

// smsc is the process of the centre.
type smsc struct {
	t      *testing.T
	pkg    string
	port   int
	in     io.WriteCloser
	events chan event
	passed []event // those that were not what was waited for
	kill   func()
}

// event is one line of it.
type event struct {
	Event, Text, To, From, ID string
	Parts, Part, Status, Port int
	Ref                       byte
	IDs                       []string
}

// smppPackage finds the npm package, or skips.
func smppPackage(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed: apt-get install nodejs")
	}
	modules := os.Getenv("RINGBACK_NODE_MODULES")
	if modules == "" {
		modules = filepath.Join("..", "..", "..", "node_modules")
	}
	pkg, err := filepath.Abs(filepath.Join(modules, "smpp"))
	require.NoError(t, err)
	if _, err := os.Stat(pkg); err != nil {
		t.Skip("the npm package smpp 0.5.1 is neither in the folder that RINGBACK_NODE_MODULES names nor in ./node_modules")
	}
	return pkg
}

func startSMSC(t *testing.T) *smsc {
	t.Helper()
	p := &smsc{t: t, pkg: smppPackage(t)}
	p.start()
	return p
}

// start starts the process at the port it had before.
func (p *smsc) start() {
	cmd := exec.Command("node", "testdata/smsc.js", strconv.Itoa(p.port), p.pkg)
	in, err := cmd.StdinPipe()
	require.NoError(p.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(p.t, err)
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	require.NoError(p.t, cmd.Start())
	events := make(chan event, 1000)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(events)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				events <- e
			}
		}
	}()
	p.in, p.events, p.passed = in, events, nil
	p.kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-read
		_ = cmd.Wait() // killed: an error for sure
	})
	p.t.Cleanup(func() {
		p.kill()
		if p.t.Failed() {
			p.t.Log(stderr.String()) // after Wait, which is when nothing writes there any more
		}
	})
	p.port = p.await("listening").Port
}

func (p *smsc) order(o map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(o)
	require.NoError(p.t, err)
	_, err = p.in.Write(append(b, '\n'))
	require.NoError(p.t, err)
}

func (p *smsc) mode(set map[string]any) { p.order(map[string]any{"order": "mode", "set": set}) }

// await returns the first event of a kind that was not returned before.
func (p *smsc) await(kind string) event {
	p.t.Helper()
	for i, e := range p.passed {
		if e.Event == kind {
			p.passed = slices.Delete(p.passed, i, i+1)
			return e
		}
	}
	timeout := time.After(patience)
	for {
		select {
		case e, ok := <-p.events:
			require.True(p.t, ok, "the centre ended before %q", kind)
			if e.Event == kind {
				return e
			}
			p.passed = append(p.passed, e)
		case <-timeout:
			require.FailNow(p.t, "no "+kind)
		}
	}
}

// bound starts an SMS at the centre.
func (p *smsc) bound(core *smstest.Core, change func(*Config)) (s *sms.SMS, logs *smstest.Buffer, stop func()) {
	p.t.Helper()
	logs = &smstest.Buffer{}
	c := testConfig(nil, core)
	c.Addrs = []string{"127.0.0.1:" + strconv.Itoa(p.port)}
	c.Password = func() (string, error) { return "pw-1234", nil }
	c.Log = zerolog.New(logs)
	c.Limits.RetryFirst = 100 * time.Millisecond
	if change != nil {
		change(&c)
	}
	s = New(c)
	run := smstest.Run(p.t, s)
	stop = func() { require.NoError(p.t, run()) }
	p.t.Cleanup(stop)
	return s, logs, stop
}

func TestPeerLongNoticeAndReceipts(t *testing.T) {
	p := startSMSC(t)
	core := &smstest.Core{}
	s, _, stop := p.bound(core, nil)
	require.Equal(t, "ringback", p.await("bound").Text)
	text := strings.Repeat("收款一百二十三元四角五分,付款人139****5861。", 5) + "尾号𬇕😀"
	got := smstest.Send(t, s, smstest.Notice(t, "632800000002-1", text), patience)
	m := p.await("message")
	require.Equal(t, text, m.Text)
	require.Equal(t, []any{"8613800138001", "10690000", 3}, []any{m.To, m.From, m.Parts})
	require.Equal(t, byte(sms.Reference("632800000002-1")), m.Ref)
	require.Equal(t, m.IDs[2], got.Reference)
	for range 3 {
		require.Zero(t, p.await("receipt-answer").Status)
	}
	told := core.Receipts()
	require.Len(t, told, 1)
	require.Equal(t, []any{"632800000002-1", true, "DELIVRD err:000"}, []any{told[0].Notice, told[0].Delivered, told[0].Detail})

	got = smstest.Send(t, s, smstest.Notice(t, "632800000003-1", "Received 12.34 yuan, {thanks} €"), patience)
	m = p.await("message")
	require.Equal(t, []any{"Received 12.34 yuan, {thanks} €", 1, got.Reference}, []any{m.Text, m.Parts, m.IDs[0]})
	require.Zero(t, p.await("receipt-answer").Status)
	require.Equal(t, got.Reference, core.Receipts()[1].Reference)
	stop()
	p.await("unbind")
}

func TestPeerRegistrationInThreeParts(t *testing.T) {
	p := startSMSC(t)
	core := (&smstest.Core{}).Answer(func(m acquirer.Inbound) (acquirer.Reply, error) {
		return acquirer.Reply{Text: "收到:" + strings.Repeat("请回复验证码", 15)}, nil
	})
	_, _, _ = p.bound(core, nil)
	p.await("bound")
	runes := []rune(registration + "😀")
	deliver := func() {
		p.order(map[string]any{"order": "deliver", "from": "8613800138001", "ref": 7,
			"parts": []string{string(runes[:40]), string(runes[40:80]), string(runes[80:])}})
	}
	deliver()
	m := p.await("message")
	require.Equal(t, []any{"收到:" + strings.Repeat("请回复验证码", 15), "8613800138001", 2}, []any{m.Text, m.To, m.Parts}, "the answer goes back first")
	for range 3 {
		require.Zero(t, p.await("answer").Status)
	}
	deliver() // its answers were lost, say
	require.Equal(t, m.Text, p.await("message").Text)
	for range 3 {
		require.Zero(t, p.await("answer").Status)
	}
	got := core.Received()
	require.Len(t, got, 2)
	require.Equal(t, string(runes), got[0].Text)
	require.Equal(t, "13800138001", got[0].Sender)
	require.Equal(t, got[0].MessageID, got[1].MessageID)
}

// The centre dies while it waits for the answer to a registration, and brings it again after its restart.
func TestPeerKilledAndRestarted(t *testing.T) {
	p := startSMSC(t)
	arrived, stored := make(chan struct{}, 2), make(chan struct{})
	core := (&smstest.Core{}).Answer(func(acquirer.Inbound) (acquirer.Reply, error) {
		arrived <- struct{}{}
		<-stored
		return acquirer.Reply{}, nil
	})
	s, logs, _ := p.bound(core, nil)
	p.await("bound")
	p.order(map[string]any{"order": "deliver", "from": "8613800138001", "parts": []string{"暂停"}})
	<-arrived
	p.kill()
	require.Eventually(t, func() bool { return !s.Bound() }, patience, time.Millisecond)
	_, err := s.Send(t.Context(), smstest.Notice(t, "a", "x"))
	require.ErrorIs(t, err, acquirer.ErrDeviceDown)
	close(stored)
	p.start()
	p.await("bound")
	p.order(map[string]any{"order": "deliver", "from": "8613800138001", "parts": []string{"暂停"}})
	require.Zero(t, p.await("answer").Status)
	got := core.Received()
	require.Len(t, got, 2)
	require.Equal(t, got[0].MessageID, got[1].MessageID, "the core knows it again")
	require.Contains(t, logs.String(), "not bound")
	smstest.Send(t, s, smstest.Notice(t, "b", "x"), patience)
	require.Equal(t, "x", p.await("message").Text)
}

func TestPeerThrottles(t *testing.T) {
	p := startSMSC(t)
	s, _, _ := p.bound(&smstest.Core{}, func(c *Config) { c.Limits.PauseFirst = 10 * time.Millisecond })
	p.await("bound")
	p.mode(map[string]any{"throttle": 3})
	p.order(map[string]any{"order": "enquire"})
	require.Zero(t, p.await("enquire-answer").Status)
	text := strings.Repeat("收款一百二十三元四角五分。", 10)
	smstest.Send(t, s, smstest.Notice(t, "a", text), patience)
	for range 3 {
		p.await("throttled")
	}
	require.Equal(t, text, p.await("message").Text)
}

func TestPeerRefusesTheBind(t *testing.T) {
	p := startSMSC(t)
	var mu sync.Mutex
	password := "wrong-pw"
	_, logs, _ := p.bound(&smstest.Core{}, func(c *Config) {
		c.Password = func() (string, error) { mu.Lock(); defer mu.Unlock(); return password, nil }
	})
	require.Eventually(t, func() bool {
		return strings.Contains(logs.String(), "bind refused or closed: 0x0000000D ESME_RBINDFAIL")
	}, patience, time.Millisecond)
	mu.Lock()
	password = "pw-1234" // a password may be changed while the switch runs
	mu.Unlock()
	p.await("bound")
	require.NotContains(t, logs.String(), "wrong-pw")
}

func TestPeerEnquiresAndUnbinds(t *testing.T) {
	p := startSMSC(t)
	_, _, stop := p.bound(&smstest.Core{}, func(c *Config) { c.Limits.Enquire = 50 * time.Millisecond })
	p.await("bound")
	p.await("enquire")
	p.await("enquire")
	p.order(map[string]any{"order": "unbind"})
	require.Zero(t, p.await("unbind-answer").Status)
	p.await("bound")
	p.passed = nil
	p.await("enquire") // of the new link: until the answer to its bind is read there is nothing to unbind
	stop()
	p.await("unbind")
}
