package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/ringback/switch/channel/voice/speech"
	"github.com/stretchr/testify/require"
)

// trunk answers every SIP request over UDP in one way, and counts the calls.
type trunk struct {
	conn  net.PacketConn
	calls chan string
}

func newTrunk(t *testing.T, status string) *trunk {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	tr := &trunk{conn, make(chan string, 100)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			method, _, _ := strings.Cut(string(b[:n]), " ")
			if method == "ACK" {
				continue
			}
			if method == "INVITE" {
				tr.calls <- string(b[:n])
			}
			answer := "SIP/2.0 " + status + "\r\n"
			for line := range strings.Lines(string(b[:n])) {
				name, _, _ := strings.Cut(line, ":")
				switch name {
				case "To":
					answer += strings.TrimRight(line, "\r\n") + ";tag=t\r\n"
				case "Via", "From", "Call-ID", "CSeq":
					answer += line
				}
			}
			if _, err := conn.WriteTo([]byte(answer+"Content-Length: 0\r\n\r\n"), from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-ended
	})
	return tr
}

func TestVoiceConfigIsChecked(t *testing.T) {
	dir := t.TempDir()
	_, err := initialise(dir, true)
	require.NoError(t, err)
	base, err := os.ReadFile(filepath.Join(dir, "ringbackd.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "trunk.password"), []byte("hunter2\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "open.password"), []byte("hunter2\n"), 0o644))
	proxy := newTrunk(t, "200 OK").conn.LocalAddr().String()
	nobody, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	away := nobody.LocalAddr().String()
	require.NoError(t, nobody.Close())
	for _, c := range []struct{ section, err string }{
		{`listen: "127.0.0.1:0", peers: [127.0.0.1, 10.0.0.0/8]`, ""},
		{fmt.Sprintf(`listen: "127.0.0.1:0", proxy: %q, from: "95533"`, proxy), ""},
		{fmt.Sprintf(`listen: "127.0.0.1:0", proxy: %q, user: trunk, password_file: trunk.password, register: true`, proxy), ""},
		{fmt.Sprintf(`listen: "127.0.0.1:0", proxy: %q, from: "95533"`, away), "away: channels.voice: " + away},
		{fmt.Sprintf(`listen: "127.0.0.1:0", proxy: %q, from: "95533", network: tcp`, away), "away: channels.voice: " + away},
		{`listen: "127.0.0.1:0", proxy: "proxy.invalid:5060", from: "95533"`, "away: channels.voice: proxy.invalid:5060 cannot be reached: its name is not known"},
		{`listen: "127.0.0.1:0"`, "proxy, peers: neither is set"},
		{`listen: "0.0.0.0:5060", peers: [127.0.0.1]`, "listen: not the address and port of one interface"},
		{`listen: ":5060", peers: [127.0.0.1]`, "listen: no address and port"},
		{`listen: "127.0.0.1:0", peers: [gateway.example]`, "peers"},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], network: tls`, "network"},
		{`listen: "127.0.0.1:0", proxy: proxy.example, from: "1"`, "proxy: no host:port"},
		{`listen: "127.0.0.1:0", proxy: "proxy.example:5060"`, "from: 1 to 40"},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], rtp_first: 20000, rtp_last: 20010`, "rtp_first, rtp_last"},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], user: trunk`, "channels.voice: user, password_file: one without the other"},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], user: trunk, password_file: none`, "channels.voice: password_file: "},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], user: trunk, password_file: open.password`, "chmod 600"},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], speech: espeak, espeak_program: no-such-program`,
			"channels.voice: speech: the program no-such-program is not there: install espeak-ng, or choose"},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], speech: siri`, "speech"},
		{`listen: "127.0.0.1:0", peers: [127.0.0.1], prompts: none`, "channels.voice: "},
	} {
		path := filepath.Join(dir, "test.yaml")
		require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "%s\nchannels: {voice: {%s}}\n", base, c.section), 0o600))
		err := (&checkCmd{configFlag: configFlag{Config: path}, Reach: strings.Contains(c.section, "proxy")}).Run()
		if c.err == "" { // the host is away
			require.NotContains(t, fmt.Sprint(err), "channels.voice", c.section)
			continue
		}
		require.ErrorContains(t, err, c.err, c.section)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.NoError(t, VoiceConfig{}.missing())
	c := defaultVoice()
	c.Listen, c.Peers, c.Speech = "127.0.0.1:0", []string{"127.0.0.1"}, string(speech.Espeak)
	if c.speech().Check() == nil {
		require.NoError(t, c.missing(), "with espeak-ng where it is installed")
	}
}

// The whole switch as its configuration makes it: a payer's notice goes out as a call, the network knows no such number, and the next device has
// its turn; nothing of the number is in the log or on the disk.
func TestVoiceConfigured(t *testing.T) {
	w := newCanaryWorld(t)
	w.stopSwitch()
	proxy, folder := newTrunk(t, "404 Not Found"), t.TempDir()
	f, err := os.OpenFile(w.config(), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "notices: {number: [voice, spool]}\nchannels:\n  spool: {dir: %q}\n  voice: {listen: \"127.0.0.1:0\", proxy: %q, from: \"95533\", prefix: \"86\"}\n",
		folder, proxy.conn.LocalAddr())
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w.startSwitch()
	w.plugIn(w.app.listeners[0].Addr().String())
	require.Equal(t, "00", w.pay(1234, nil))
	select {
	case invite := <-proxy.calls:
		require.True(t, strings.HasPrefix(invite, "INVITE sip:86"+canaryPayer+"@127.0.0.1 SIP/2.0\r\n"), invite)
	case <-time.After(time.Minute):
		t.Fatal("nobody was called")
	}
	toldBySpool(t, folder, canaryPayer, "debited")
	w.requireClean("while it runs")
	w.stopSwitch()
	require.Contains(t, w.operate(t, "notice", "list", "--state", "handed"), "spool")
	w.requireClean("in the end")
	w.startSwitch()
}
