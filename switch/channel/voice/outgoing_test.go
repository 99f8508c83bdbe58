package voice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

// reply is a step of a gateway that is called: an answer to what came last.
func reply(status, more string) string {
	return "<send><![CDATA[\nSIP/2.0 " + status + "\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]g[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n" +
		"Contact: <sip:gateway@[local_ip]:[local_port];transport=[transport]>\n" + more + "Content-Length: 0\n\n]]></send>\n"
}

// What gateways do, step by step.
var (
	ringing = reply("180 Ringing", "")
	pickUp  = "<send retrans=\"500\"><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]g[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n" +
		"Contact: <sip:gateway@[local_ip]:[local_port];transport=[transport]>\nContent-Type: application/sdp\nContent-Length: [len]\n\n" +
		"v=0\no=gateway 1 1 IN IP[local_ip_type] [local_ip]\ns=-\nc=IN IP[media_ip_type] [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n]]></send>\n" +
		"<recv request=\"ACK\"/>\n"
	keys     = "<pause milliseconds=\"300\"/><nop><action><exec play_pcap_audio=\"keys.pcap\"/></action></nop>\n"
	hungUp   = "<recv request=\"BYE\" timeout=\"60000\"/>\n<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>\n"
	hangUp   = "<send retrans=\"500\"><![CDATA[\nBYE sip:ringback@[remote_ip]:[remote_port] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nFrom: <sip:86" + callerOne + "@trunk.example>;tag=[pid]g[call_number]\nTo: [$us]\n[last_Call-ID:]\nCSeq: 1 BYE\nMax-Forwards: 70\nContent-Length: 0\n\n]]></send>\n<recv response=\"200\"/>\n"
	calledOf = "<recv request=\"CANCEL\" timeout=\"60000\"/>\n" + strings.Replace(reply("200 OK", ""), "tag=", "tag=c", 1) +
		"<send retrans=\"500\"><![CDATA[\nSIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]g[call_number]\n[last_Call-ID:]\nCSeq: [cseq] INVITE\nContent-Length: 0\n\n]]></send>\n<recv request=\"ACK\"/>\n"
	acked = "<recv request=\"ACK\"/>\n"
)

// to is a message to a number.
func to(t *testing.T, number string, kind acquirer.NoticeKind, text string) acquirer.Message {
	t.Helper()
	a, err := acquirer.NewAddress(acquirer.DeviceVoice, number)
	require.NoError(t, err)
	return acquirer.Message{ID: "632800000002-1", Kind: kind, To: a, Language: acquirer.Chinese, Subject: "x", Text: text, Created: time.Now(), Try: 1}
}

// beginCalling starts a Voice whose proxy is a SIPp with the steps.
func beginCalling(t *testing.T, network Network, pressed, steps string, change func(*Config), args ...string) (*world, *sipp) {
	t.Helper()
	transport := map[Network]string{UDP: "u1", TCP: "t1"}[network]
	if len(args) == 0 {
		args = []string{"-m", "2"}
	}
	s := startSIPp(t, "called.xml", []string{"@STEPS@", steps, "@FIRST@", "INVITE"}, 101, pressed, append(args, "-t", transport)...)
	w := begin(t, func(c *Config) {
		c.Proxy, c.Network = s.listening(string(network)), network
		change(c)
	})
	require.Eventually(t, w.Up, patience, 10*time.Millisecond, s.out)
	return w, s
}

// outcomes are what becomes of one call. A key 1 is pressed for the code, where there is one, and one that says that it was heard.
var outcomes = []struct {
	name    string
	kind    acquirer.NoticeKind
	keys    string
	steps   string
	limits  Limits
	is      error
	after   time.Duration // of a RetryLater; 0: another error, or none
	spoken  bool          // the text was spoken
	message string
}{
	{"heard", acquirer.NoticeDebited, "1", ringing + pickUp + keys + hungUp, Limits{}, nil, 0, true, ""},
	{"heard again", acquirer.NoticeDebited, "21", pickUp + "<pause milliseconds=\"900\"/>" + keys + hungUp, Limits{}, nil, 0, true, ""},
	{"code", acquirer.NoticeCode, "1 1", pickUp + keys + hungUp, Limits{}, nil, 0, true, ""},
	{"machine", acquirer.NoticeDebited, "", pickUp + hungUp, Limits{}, errUnheard, pauseUnheard, true, ""},
	{"machine and a code", acquirer.NoticeCode, "", pickUp + hungUp, Limits{}, errUnheard, pauseUnheard, false, ""},
	{"code, and no more", acquirer.NoticeCode, "1", pickUp + keys + hungUp, Limits{}, errUnheard, pauseUnheard, true, ""},
	{"hangs up at once", acquirer.NoticeDebited, "", pickUp + hangUp, Limits{}, errUnheard, pauseUnheard, false, ""},
	{"hangs up in the middle", acquirer.NoticeDebited, "", pickUp + "<pause milliseconds=\"700\"/>" + hangUp, Limits{}, errUnheard, pauseUnheard, true, ""},
	{"is gone without a word", acquirer.NoticeDebited, "", pickUp + hungUp, Limits{Silence: time.Second}, errUnheard, pauseUnheard, true, ""},
	{"talks too long", acquirer.NoticeDebited, "2222222222", pickUp + keys + hungUp, Limits{Call: time.Second}, errUnheard, pauseUnheard, true, ""},
	{"nobody", acquirer.NoticeDebited, "", ringing + calledOf, Limits{Ring: time.Second}, errMissed, pauseMissed, false, ""},
	{"busy", acquirer.NoticeDebited, "", reply("486 Busy Here", "") + acked, Limits{}, nil, pauseBusy, false, "486 busy here"},
	{"busy everywhere", acquirer.NoticeDebited, "", ringing + reply("600 Busy Everywhere", "Retry-After: 120 (soon)\n") + acked, Limits{}, nil, 2 * time.Minute, false, "600"},
	{"declined", acquirer.NoticeDebited, "", ringing + reply("603 Decline", "") + acked, Limits{}, nil, pauseRefused, false, "603 decline"},
	{"switched off", acquirer.NoticeDebited, "", reply("480 Temporarily Unavailable", "") + acked, Limits{}, nil, pauseMissed, false, "480"},
	{"full", acquirer.NoticeDebited, "", reply("503 Service Unavailable", "") + acked, Limits{}, nil, pauseFault, false, "503"},
	{"no such number", acquirer.NoticeDebited, "", reply("404 Not Found", "") + acked, Limits{}, acquirer.ErrUndeliverable, 0, false, "404 not found"},
	{"gone", acquirer.NoticeDebited, "", reply("410 Gone", "") + acked, Limits{}, acquirer.ErrUndeliverable, 0, false, "410"},
	{"incomplete", acquirer.NoticeDebited, "", reply("484 Address Incomplete", "") + acked, Limits{}, acquirer.ErrUndeliverable, 0, false, "484"},
	{"nowhere", acquirer.NoticeDebited, "", reply("604 Does Not Exist Anywhere", "") + acked, Limits{}, acquirer.ErrUndeliverable, 0, false, "604"},
	{"password", acquirer.NoticeDebited, "", reply("407 Proxy Authentication Required", "Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"n\", algorithm=MD5\n") + acked, Limits{}, acquirer.ErrDeviceDown, 0, false, "user and password"},
}

func TestOutcomes(t *testing.T) {
	for _, c := range outcomes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, s := beginCalling(t, UDP, c.keys, c.steps, func(v *Config) { v.Limits = c.limits; v.Limits.Probe = time.Hour })
			handed, err := w.Send(t.Context(), to(t, callerOne, c.kind, "付款一二三四元"))
			s.ok()
			requireOutcome(t, err, c.is, c.after, c.message)
			require.Equal(t, err == nil, handed.Delivered)
			require.Equal(t, c.spoken, strings.Contains(w.speech.all(), "一二三四元"), w.speech.all())
			require.True(t, w.idle())
			require.Contains(t, s.messages(), "INVITE sip:86"+callerOne+"@trunk.example SIP/2.0")
			require.Contains(t, s.messages(), "From: <sip:95533@trunk.example>")
		})
	}
}

func requireOutcome(t *testing.T, err, is error, after time.Duration, message string) {
	t.Helper()
	if is == nil && after == 0 {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, message)
	if is != nil {
		require.ErrorIs(t, err, is)
	}
	var later *acquirer.RetryLater
	require.Equal(t, after != 0, errors.As(err, &later), err)
	if later != nil {
		require.Equal(t, after, later.After)
	}
	require.NotContains(t, err.Error(), callerOne)
}

// A message that will be too old is given to the next device at once.
func TestNoTimeForAnotherCall(t *testing.T) {
	v := &Voice{}
	for _, c := range []struct {
		left time.Duration
		ever bool
	}{{2*pauseBusy - time.Second, true}, {2*pauseBusy + time.Minute, false}} {
		err := v.verdict(t.Context(), &refusal{status: 486}, time.Now().Add(c.left))
		require.Equal(t, c.ever, errors.Is(err, acquirer.ErrUndeliverable), c.left)
	}
	require.NotErrorIs(t, v.verdict(t.Context(), &refusal{status: 486}, time.Time{}), acquirer.ErrUndeliverable)
}

func TestRetryAfter(t *testing.T) {
	for in, want := range map[string]time.Duration{"": 0, "x": 0, "-1": 0, "120": 2 * time.Minute, " 18;duration=3": 18 * time.Second, "30 (soon)": 30 * time.Second,
		"3600": time.Hour, "3601": time.Hour, "99999999999999999999999": time.Hour} {
		require.Equal(t, want, retryAfter(in), in)
	}
}

func TestCallOverTCP(t *testing.T) {
	w, s := beginCalling(t, TCP, "1", ringing+pickUp+keys+hungUp, func(*Config) {})
	handed, err := w.Send(t.Context(), to(t, callerOne, acquirer.NoticeDebited, "付款一二三四元"))
	require.NoError(t, err)
	require.True(t, handed.Delivered)
	s.ok()
	require.Contains(t, s.messages(), "transport=tcp")
}

// The proxy asks for a password and SIPp verifies the answer.
func TestPassword(t *testing.T) {
	challenge := reply("401 Unauthorized", "WWW-Authenticate: Digest realm=\"trunk\", nonce=\"47ebe028cda119c35d4877b383027d28\", algorithm=MD5\n") + acked
	verify := "<recv request=\"INVITE\"><action><verifyauth assign_to=\"good\" username=\"trunk\" password=\"@PASSWORD@\"/></action></recv>\n" +
		"<nop test=\"good\" next=\"8\"/>" + reply("403 Forbidden", "") + acked + "<nop next=\"9\"/>\n<label id=\"8\"/>\n" + pickUp + keys + hungUp + "<label id=\"9\"/>\n"
	for password, want := range map[string]string{"hunter2": "", "hunter3": "403 forbidden"} {
		w, s := beginCalling(t, UDP, "1", challenge+strings.Replace(verify, "@PASSWORD@", password, 1), func(c *Config) {
			c.User, c.Password = "trunk", acquirer.NewKey([]byte("hunter2"))
		})
		_, err := w.Send(t.Context(), to(t, callerOne, acquirer.NoticeDebited, "付款一二三四元"))
		s.ok()
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

// The proxy wants to be told where we are, and verifies by whom: at the start, and at the end that we are gone.
func TestRegistration(t *testing.T) {
	nonce := strings.Repeat("ab", 8)
	steps := reply("401 Unauthorized", "WWW-Authenticate: Digest realm=\"trunk\", nonce=\""+nonce+"\", algorithm=MD5\n") +
		"<recv request=\"REGISTER\"><action><verifyauth assign_to=\"good\" username=\"trunk\" password=\"hunter2\"/></action></recv>\n" +
		"<nop test=\"good\" next=\"8\"/>" + reply("403 Forbidden", "") + "<nop next=\"9\"/>\n<label id=\"8\"/>\n" + reply("200 OK", "") +
		"<recv request=\"REGISTER\" timeout=\"60000\"/>\n" + reply("200 OK", "") + "<label id=\"9\"/>\n"
	s := startSIPp(t, "called.xml", []string{"@STEPS@", steps, "@FIRST@", "REGISTER"}, 101, "", "-m", "2")
	w := begin(t, func(c *Config) {
		c.Proxy, c.Register, c.User, c.Password = s.listening("udp"), true, "trunk", acquirer.NewKey([]byte("hunter2"))
	})
	require.Eventually(t, w.Up, patience, 10*time.Millisecond, w.logs)
	w.stop()
	s.ok()
	require.Contains(t, s.messages(), "From: <sip:trunk@trunk.example>")
	require.Contains(t, s.messages(), "Expires: 600")
	require.Contains(t, s.messages(), "Expires: 0")
	require.Equal(t, 1, strings.Count(s.messages(), "401 Unauthorized"))
}

// More calls than there are lines wait for one.
func TestCallsWaitForALine(t *testing.T) {
	const calls = 5
	w, s := beginCalling(t, UDP, "1", pickUp+keys+hungUp, func(c *Config) { c.Limits.CallsOut = 2 }, "-m", fmt.Sprint(calls+1))
	var all sync.WaitGroup
	errs := make(chan error, calls)
	for range calls {
		all.Go(func() {
			_, err := w.Send(t.Context(), to(t, callerOne, acquirer.NoticeDebited, "付款一二三四元"))
			errs <- err
		})
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	most := 0
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-time.After(5 * time.Millisecond):
			w.mu.Lock()
			most = max(most, len(w.calls))
			w.mu.Unlock()
		}
	}
	for range calls {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 2, most)
	s.ok()
}

// The switch ends while a telephone rings, and while somebody listens: the other side is told.
func TestEndWhileCalling(t *testing.T) {
	for name, steps := range map[string]string{"rings": ringing + calledOf, "listens": pickUp + hungUp} {
		w, s := beginCalling(t, UDP, "", steps, func(*Config) {})
		w.speech.mu.Lock()
		w.speech.long = true
		w.speech.mu.Unlock()
		failed := make(chan error, 1)
		go func() {
			_, err := w.Send(t.Context(), to(t, callerOne, acquirer.NoticeDebited, "付款一二三四元"))
			failed <- err
		}()
		require.Eventually(t, func() bool { return strings.Contains(s.messages(), "SIP/2.0 180") || w.speech.all() != "" }, patience, 10*time.Millisecond, name)
		w.stop()
		require.ErrorIs(t, <-failed, context.Canceled, name)
		s.ok()
	}
}

// Without its proxy the device is down, at once and without a try, and it is up again when the proxy is there.
func TestProxyIsAway(t *testing.T) {
	for _, network := range []Network{UDP, TCP} {
		addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
		w := begin(t, func(c *Config) {
			c.Proxy, c.Network = addr, network
			c.Limits.Probe, c.Limits.Answer = 100*time.Millisecond, 300*time.Millisecond
		})
		require.Eventually(t, func() bool { return strings.Contains(w.logs.String(), "calls cannot be made") }, patience, 10*time.Millisecond)
		began := time.Now()
		_, err := w.Send(t.Context(), to(t, callerOne, acquirer.NoticeDebited, "付款一二三四元"))
		require.ErrorIs(t, err, acquirer.ErrDeviceDown)
		require.Less(t, time.Since(began), 5*time.Second)
		w.up.Store(true)
		_, err = w.Send(t.Context(), to(t, callerOne, acquirer.NoticeDebited, "付款一二三四元"))
		require.ErrorIs(t, err, acquirer.ErrDeviceDown, "it was there when it was last asked")
		require.NotContains(t, err.Error(), callerOne)
		w.stop()
		_, err = w.Send(t.Context(), to(t, callerOne, acquirer.NoticeDebited, "付款一二三四元"))
		require.ErrorIs(t, err, acquirer.ErrDeviceDown, "it has ended")
	}
}
