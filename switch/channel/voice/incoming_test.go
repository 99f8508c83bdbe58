package voice

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

// A payee calls, presses 1 for the own number, 2 for another card, the card, 1 for right, the code, and hangs up: over UDP and over TCP, with
// the number from the From and from what the network asserts.
func TestPayeeCalls(t *testing.T) {
	for _, c := range []struct {
		transport, file string
		kind            byte
		number          string
	}{
		{"u1", "calls.xml", 96, callerOne}, {"t1", "calls.xml", 96, callerOne}, {"u1", "waits.xml", 101, callerTwo}, {"t1", "waits.xml", 101, callerTwo},
	} {
		t.Run(c.file+" "+c.transport, func(t *testing.T) {
			w := begin(t, func(*Config) {})
			s := startSIPp(t, c.file, []string{"@PAUSE@", "9000"}, c.kind, "12"+goodCard+"#1"+theCode+"#0", "-m", "1", "-t", c.transport, w.Addr().String())
			require.Eventually(t, func() bool { return len(w.inbox.all()) == 2 }, patience, 10*time.Millisecond, w.logs)
			s.ok()
			w.stop()
			got := w.inbox.all()
			require.Equal(t, []acquirer.RequestKind{acquirer.RequestChangeCard, acquirer.RequestConfirm}, []acquirer.RequestKind{got[0].Request.Kind, got[1].Request.Kind})
			require.Equal(t, []string{goodCard, theCode}, []string{got[0].Request.Card, got[1].Request.Code})
			for _, m := range got {
				require.Equal(t, acquirer.ChannelVoice, m.Channel)
				require.Equal(t, c.number, m.Sender, "a claim")
				require.Equal(t, "voice:127.0.0.1", m.Evidence.Source)
			}
			require.NotEqual(t, got[0].MessageID, got[1].MessageID)
			require.Contains(t, w.logs.String(), "a call came in")
		})
	}
}

// The caller hangs up at different times: in the middle of an announcement of a minute, before and behind keys.
func TestCallerHangsUp(t *testing.T) {
	for _, pause := range []string{"1", "300", "1500"} {
		w := begin(t, func(*Config) {})
		w.speech.mu.Lock()
		w.speech.long = true
		w.speech.mu.Unlock()
		s := startSIPp(t, "calls.xml", []string{"@PAUSE@", pause}, 96, "1", "-m", "1", w.Addr().String())
		s.ok()
		require.Eventually(t, func() bool { return w.idle() }, patience, 10*time.Millisecond)
		require.Empty(t, w.inbox.all())
		w.stop()
	}
}

// idle reports whether no call is under way.
func (w *world) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.calls) == 0 && len(w.in) == 0 && len(w.out) == 0
}

// The call is ended by us: the longest time is over, the caller's sound stays away, or the switch ends.
func TestCallIsEnded(t *testing.T) {
	for name, limits := range map[string]Limits{"time": {Call: time.Second}, "silence": {Silence: time.Second}, "end": {}} {
		t.Run(name, func(t *testing.T) {
			w := begin(t, func(c *Config) { c.Limits = limits })
			w.speech.mu.Lock()
			w.speech.long = true
			w.speech.mu.Unlock()
			s := startSIPp(t, "waits.xml", nil, 101, "1", "-m", "1", w.Addr().String())
			if name == "end" {
				require.Eventually(t, func() bool { return w.speech.all() != "" }, patience, 10*time.Millisecond)
				w.stop()
			}
			s.ok()
			require.Eventually(t, func() bool { return w.idle() }, patience, 10*time.Millisecond)
		})
	}
}

func TestRefusedCalls(t *testing.T) {
	t.Run("sound of another kind", func(t *testing.T) {
		w := begin(t, func(*Config) {})
		startSIPp(t, "refused.xml", []string{"@STATUS@", "488", "@PROTO@", "RTP/SAVP"}, 101, "", "-m", "1", w.Addr().String()).ok()
	})
	t.Run("too many", func(t *testing.T) {
		w := begin(t, func(c *Config) { c.Limits.CallsIn = 2 })
		w.speech.mu.Lock()
		w.speech.long = true
		w.speech.mu.Unlock()
		two := startSIPp(t, "calls.xml", []string{"@PAUSE@", "8000"}, 96, "", "-m", "2", "-r", "20", w.Addr().String())
		require.Eventually(t, func() bool { return len(w.in) == 2 }, patience, 10*time.Millisecond)
		startSIPp(t, "refused.xml", []string{"@STATUS@", "486", "@PROTO@", "RTP/AVP"}, 101, "", "-m", "1", w.Addr().String()).ok()
		two.ok()
		require.Eventually(t, func() bool { return w.idle() }, patience, 10*time.Millisecond)
		startSIPp(t, "calls.xml", []string{"@PAUSE@", "1"}, 96, "", "-m", "1", w.Addr().String()).ok()
		require.Contains(t, w.logs.String(), "too many at one time")
	})
	t.Run("a stranger", func(t *testing.T) {
		w := begin(t, func(c *Config) { c.Peers = []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")} })
		s := startSIPp(t, "calls.xml", []string{"@PAUSE@", "1"}, 96, "", "-m", "1", "-recv_timeout", "1500", "-nr", w.Addr().String())
		require.Error(t, <-s.done)
		require.NotContains(t, s.messages(), "SIP/2.0 ", "not a byte comes back")
		s = startSIPp(t, "calls.xml", []string{"@PAUSE@", "1"}, 96, "", "-m", "1", "-t", "t1", "-recv_timeout", "1500", w.Addr().String())
		require.Error(t, <-s.done)
		require.NotContains(t, s.messages(), "SIP/2.0 ")
		require.Empty(t, strings.TrimSpace(w.logs.String()))
	})
}

// What the store cannot keep ends the switch.
func TestInboxFails(t *testing.T) {
	c := testConfig()
	c.Inbox = &box{err: acquirer.ErrStore}
	v, err := New(c)
	require.NoError(t, err)
	require.NoError(t, v.Listen())
	ended := make(chan error, 1)
	go func() { ended <- v.Run(t.Context()) }()
	s := startSIPp(t, "waits.xml", nil, 101, "12"+goodCard+"#1", "-m", "1", v.Addr().String())
	require.ErrorIs(t, <-ended, acquirer.ErrStore)
	s.ok()
}
