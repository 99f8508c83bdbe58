package provider

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"

	"example.com/ringback/spec/cups"
)

// rejected wraps a frame of ours as the centre does when it refuses it.
func rejected(frame []byte, code string) []byte {
	header := []byte(wire("0200", nil))[:46]
	copy(header[41:], code)
	return append(header, frame...)
}

func framed(frame []byte) []byte { return cups.AppendFrame(nil, frame) }

// fault is something a host does with a debit. after is how long the caller waits; want is nil for an answer of code.
type fault struct {
	host  func(*hostLink, *cups.Message)
	want  error
	code  acquirer.ResponseCode
	after time.Duration
	late  int
	says  string
}

// faultDeadline is how long a debit of these tests waits.
const faultDeadline = 30 * time.Second

// another answers with another value in one field.
func another(id int, value string) func(*hostLink, *cups.Message) {
	return func(l *hostLink, m *cups.Message) { l.send(l.host.sign(approve(m).set(id, value))) }
}

// answerFaults are answers that are refusals, differ, come late or cannot be trusted.
func answerFaults() map[string]fault {
	const deadline = faultDeadline
	return map[string]fault{
		"good":       {host: good, code: "00"},
		"refused":    {host: another(39, "51"), code: "51"},
		"96":         {host: another(39, "96"), code: "96"},
		"A0":         {host: another(39, "A0"), code: "A0"},
		"silence":    {host: silent, want: acquirer.ErrUnknown, after: deadline},
		"other F4":   {host: another(4, "000000000001"), want: acquirer.ErrDisbelieved, says: "another F4"},
		"other F37":  {host: another(37, "632800000043"), want: acquirer.ErrDisbelieved, says: "another F37"},
		"other F41":  {host: another(41, "10000002"), want: acquirer.ErrDisbelieved, says: "another F41"},
		"other F11":  {host: another(11, "000999"), want: acquirer.ErrUnknown, after: deadline, late: 1},
		"other F7":   {host: another(7, "1124150406"), want: acquirer.ErrUnknown, after: deadline, late: 1},
		"other F33":  {host: another(33, "48020000"), want: acquirer.ErrUnknown, after: deadline, late: 1},
		"other zone": {host: another(32, "48020000"), want: acquirer.ErrUnknown, after: deadline, late: 1},
		"late": {want: acquirer.ErrUnknown, after: deadline, late: 1, host: func(l *hostLink, m *cups.Message) {
			time.AfterFunc(40*time.Second, func() { good(l, m) })
		}},
		"twice": {code: "00", late: 1, host: func(l *hostLink, m *cups.Message) { good(l, m); good(l, m) }},
		"wrong MAC": {want: acquirer.ErrDisbelieved, says: "MAC differs", host: func(l *hostLink, m *cups.Message) {
			l.send(approve(m).set(128, "00000000"))
		}},
		"lower-case MAC": {want: acquirer.ErrDisbelieved, says: "MAC differs", host: func(l *hostLink, m *cups.Message) {
			d := l.host.sign(approve(m))
			l.send(d.set(128, strings.ToLower(d.Get(128))))
		}},
		"no MAC": {want: acquirer.ErrDisbelieved, host: func(l *hostLink, m *cups.Message) { l.send(approve(m)) }},
		"no F39": {want: acquirer.ErrDisbelieved, says: "F39", host: func(l *hostLink, m *cups.Message) {
			d := approve(m)
			d.Unset(39)
			l.send(l.host.sign(d))
		}},
		"altered after MAC": {want: acquirer.ErrDisbelieved, host: func(l *hostLink, m *cups.Message) {
			l.send(l.host.sign(approve(m).set(39, "51")).set(39, "00"))
		}},
	}
}

// lineFaults are what happens to links and frames.
func lineFaults() map[string]fault {
	const deadline = faultDeadline
	return map[string]fault{
		"close before answer": {want: acquirer.ErrUnknown, after: deadline, host: func(l *hostLink, _ *cups.Message) {
			_ = l.Close()
		}},
		"answer then close": {code: "00", host: func(l *hostLink, m *cups.Message) { good(l, m); _ = l.Close() }},
		"answer on the next link": {code: "00", after: 10 * time.Second, host: func(l *hostLink, m *cups.Message) {
			_ = l.Close()
			time.AfterFunc(10*time.Second, func() { good(l.host.link(0), m) })
		}},
		"reversal's answer": {want: acquirer.ErrUnknown, after: deadline, host: func(l *hostLink, m *cups.Message) {
			l.send(l.host.sign(answerTo(m, "0430", 3, 4, 7, 11, 32, 33, 37, 41).set(39, "00")))
		}},
		"rejected": {want: acquirer.ErrDisbelieved, says: "00045", host: func(l *hostLink, _ *cups.Message) {
			l.sendRaw(framed(rejected(l.host.frame("0200"), "00045")))
		}},
		"rejected answer": {want: acquirer.ErrDisbelieved, says: "00055", host: func(l *hostLink, m *cups.Message) {
			frame, err := l.host.sign(approve(m)).Pack()
			require.NoError(l.host.t, err)
			copy(frame[41:], "00055")
			l.sendRaw(framed(frame))
		}},
		"garbage and keep-alives first": {code: "00", host: func(l *hostLink, m *cups.Message) {
			l.sendRaw([]byte("0000"))
			l.sendRaw([]byte("0050" + strings.Repeat("x", 50)))
			l.sendRaw(framed([]byte(wire("0210", []wireField{{4, "12"}}))))
			l.sendRaw(framed([]byte(wire("0999", []wireField{{4, "000000000000"}}))))
			l.sendRaw(framed(rejected([]byte("nothing"), "00015")))
			good(l, m)
			l.sendRaw([]byte("0000"))
		}},
		"length out of range": {want: acquirer.ErrUnknown, after: deadline, host: func(l *hostLink, _ *cups.Message) {
			l.sendRaw([]byte("-001"))
		}},
		"late, wrong MAC": {want: acquirer.ErrUnknown, after: deadline, host: func(l *hostLink, m *cups.Message) {
			time.AfterFunc(40*time.Second, func() { l.send(approve(m).set(128, "00000000")) })
		}},
	}
}

// TestFaults has the host do what hosts do.
func TestFaults(t *testing.T) {
	all := answerFaults()
	maps.Copy(all, lineFaults())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, w *world) {
				w.host.debits(c.host)
				begin := time.Now()
				a, err := w.authorize(t, 42)
				require.Equal(t, c.after, time.Since(begin))
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.want == acquirer.ErrDisbelieved, isKind(err, acquirer.ErrDisbelieved))
				require.Equal(t, c.code, a.Code)
				if c.says != "" {
					require.ErrorContains(t, err, c.says)
				}
				pause(t.Context(), time.Minute)
				require.Len(t, w.lateOnes(), c.late)
				require.Zero(t, w.Stats().InFlight)

				w.host.debits(good) // nothing that happened disturbs the next debit
				a, err = w.authorize(t, 43)
				require.NoError(t, err)
				require.Equal(t, acquirer.CodeApproved, a.Code)
			})
		})
	}
}

func TestLateAnswerIsHandedOver(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.debits(func(l *hostLink, m *cups.Message) { time.AfterFunc(31*time.Second, func() { good(l, m) }) })
		_, err := w.authorize(t, 42)
		require.ErrorIs(t, err, acquirer.ErrUnknown)
		pause(t.Context(), 2*time.Second)
		got := w.lateOnes()
		require.Len(t, got, 1)
		require.Equal(t, debit(t, 42).Transaction.Host, got[0].key)
		require.Equal(t, acquirer.CodeApproved, got[0].auth.Code)
		require.Equal(t, "654321", got[0].auth.AuthCode)
		require.EqualValues(t, 1, w.Stats().Late)
	})
}

// TestLateQueueIsBounded: the journal hangs while the host repeats itself; the reader goes on, the rest is dropped.
func TestLateQueueIsBounded(t *testing.T) {
	var hang chan struct{} // made inside the bubble
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.debits(func(l *hostLink, m *cups.Message) {
			for range 20 {
				good(l, m)
			}
		})
		for seq := range int64(3) {
			_, err := w.authorize(t, seq+1)
			require.NoError(t, err)
		}
		synctest.Wait()
		s := w.Stats()
		require.EqualValues(t, 57, s.Late)
		require.EqualValues(t, 57-5, s.Overflow) // four wait, one is with the journal
		close(hang)
	}, func(c *Config) {
		hang, c.Limits.Late = make(chan struct{}), 4
		c.Late = func(context.Context, acquirer.HostKey, acquirer.Authorization) error {
			<-hang
			return acquirer.ErrStale
		}
	})
}

func TestAnswerOnOtherLink(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		w.host.debits(func(l *hostLink, m *cups.Message) {
			for back := range 2 {
				if other := l.host.link(back); other != l {
					good(other, m)
				}
			}
		})
		for seq := range int64(4) {
			a, err := w.authorize(t, seq+1)
			require.NoError(t, err)
			require.Equal(t, acquirer.CodeApproved, a.Code)
		}
	})
}

// TestAnswersOutOfOrder answers a hundred debits of one terminal trace number in the reverse order.
func TestAnswersOutOfOrder(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		var mu sync.Mutex
		var waiting []func()
		w.host.debits(func(l *hostLink, m *cups.Message) {
			mu.Lock()
			defer mu.Unlock()
			waiting = append(waiting, func() { l.send(l.host.sign(approve(m).set(38, m.Get(11)))) })
		})
		var wg sync.WaitGroup
		for seq := range int64(100) {
			wg.Go(func() {
				r := debit(t, seq+1)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				a, err := w.Authorize(ctx, r)
				require.NoError(t, err)
				require.Equal(t, r.Transaction.Host.STAN.String(), a.AuthCode)
			})
		}
		synctest.Wait()
		require.Len(t, waiting, 100)
		for i := range waiting {
			waiting[len(waiting)-1-i]()
		}
		wg.Wait()
	})
}

func TestNotSent(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		w.host.debits(silent)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.Authorize(ended, debit(t, 1))
		require.ErrorIs(t, err, acquirer.ErrNotSent)

		wordy := debit(t, 1)
		wordy.Transaction.Memo = strings.Repeat("款", 31)
		_, err = w.Authorize(t.Context(), wordy)
		require.ErrorIs(t, err, acquirer.ErrNotSent)

		broken := debit(t, 1)
		broken.Transaction.EntryMode = "2"
		_, err = w.Authorize(t.Context(), broken)
		require.ErrorIs(t, err, acquirer.ErrNotSent)

		huge := debit(t, 1)
		huge.Transaction.Amount = acquirer.MaxFen + 1
		_, err = w.Authorize(t.Context(), huge)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
		require.Empty(t, w.host.received("0200"))

		done := make(chan error, 1)
		go func() { _, err := w.authorize(t, 1); done <- err }()
		synctest.Wait()
		_, err = w.authorize(t, 1)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
		require.ErrorIs(t, err, errInFlight)
		require.Len(t, w.host.received("0200"), 1)
		require.ErrorIs(t, <-done, acquirer.ErrUnknown)
	})
}

func TestNoLink(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		require.NoError(t, w.Ready())
		w.host.mu.Lock()
		w.host.refuse = true
		w.host.mu.Unlock()
		_ = w.host.link(0).Close()
		synctest.Wait()
		require.ErrorIs(t, w.Ready(), errNoLink)
		_, err := w.authorize(t, 1)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
		_, err = w.reverse(t, 2, 1)
		require.ErrorIs(t, err, acquirer.ErrNotSent)
	})
}

func TestReverse(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		for code, host := range map[acquirer.ResponseCode]func(*hostLink, *cups.Message){
			"00": good,
			"25": func(l *hostLink, m *cups.Message) { l.send(l.host.sign(approve(m).set(39, "25"))) },
			"96": func(l *hostLink, m *cups.Message) {
				l.send(l.host.sign(answerTo(m, "0430", 7, 11, 32, 33).set(39, "96")))
			},
		} {
			w.host.reversals(host)
			got, err := w.reverse(t, 2, 1)
			require.NoError(t, err)
			require.Equal(t, code, got)
		}
		for _, host := range []func(*hostLink, *cups.Message){
			silent,
			func(l *hostLink, m *cups.Message) { l.send(approve(m).set(128, "00000000")) },
			func(l *hostLink, m *cups.Message) { l.send(l.host.sign(approve(m).set(4, "000000000001"))) },
			func(l *hostLink, m *cups.Message) { // the debit's late answer with the reversal's numbers
				l.send(l.host.sign(answerTo(m, "0210", 4, 7, 11, 32, 33, 37, 41).set(39, "00")))
			},
		} {
			w.host.reversals(host)
			_, err := w.reverse(t, 2, 1)
			require.ErrorIs(t, err, acquirer.ErrUnknown)
		}
	})
}

// TestReversalTakesTheDebitsLink sends many over two links; none may overtake its debit on the other.
func TestReversalTakesTheDebitsLink(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		var mu sync.Mutex
		carried := map[string]*hostLink{}
		w.host.debits(func(l *hostLink, m *cups.Message) {
			mu.Lock()
			carried[m.Get(37)] = l
			mu.Unlock()
			good(l, m)
		})
		w.host.reversals(func(l *hostLink, m *cups.Message) {
			mu.Lock()
			same := carried[m.Get(37)] == l
			mu.Unlock()
			require.True(t, same)
			good(l, m)
		})
		for seq := range int64(20) {
			_, err := w.authorize(t, seq+1)
			require.NoError(t, err)
			require.NoError(t, w.Ready()) // asking does not disturb the turn
		}
		for seq := range int64(20) {
			_, err := w.reverse(t, 100+seq, seq+1)
			require.NoError(t, err)
		}
		used := map[*hostLink]int{}
		for _, l := range carried {
			used[l]++
		}
		require.Len(t, used, 2)

		w.host.reversals(good) // the debit's link is gone: any other will do
		l := carried[string(debit(t, 1).Transaction.RRN())]
		_ = l.Close()
		synctest.Wait()
		_, err := w.reverse(t, 200, 1)
		require.NoError(t, err)
	})
}

func TestRoutesAreBounded(t *testing.T) {
	var r routes
	r.init(10)
	for i := range 1000 {
		r.remember(acquirer.HostKey{STAN: acquirer.STAN(i)}, linkID(i+1))
		require.LessOrEqual(t, len(r.young)+len(r.old), 20)
	}
	require.EqualValues(t, 1000, r.find(acquirer.HostKey{STAN: 999}))
	require.EqualValues(t, 991, r.find(acquirer.HostKey{STAN: 990}))
	require.Zero(t, r.find(acquirer.HostKey{STAN: 5}))
}

// TestNothingSecretInLogs runs good and bad traffic with every log level on.
func TestNothingSecretInLogs(t *testing.T) {
	var out bytes.Buffer
	bubble(t, 1, func(t *testing.T, w *world) {
		for seq, host := range []func(*hostLink, *cups.Message){
			good,
			func(l *hostLink, m *cups.Message) { l.send(approve(m).set(128, "00000000")) },
			func(l *hostLink, _ *cups.Message) { l.sendRaw(framed(rejected(l.host.frame("0200"), "00045"))) },
			func(l *hostLink, _ *cups.Message) { l.sendRaw(framed(append(l.host.frame("0200"), 'x'))) },
			func(l *hostLink, _ *cups.Message) { _ = l.Close() },
			func(l *hostLink, m *cups.Message) { time.AfterFunc(time.Minute, func() { good(l, m) }) },
		} {
			w.host.debits(host)
			_, _ = w.authorize(t, int64(seq+1)) // only what is logged matters
		}
		pause(t.Context(), time.Minute)
	}, withLog(&out))
	require.Contains(t, out.String(), "answer came late")
	for _, secret := range []string{card, payeeCard, card[6:15], "3012120", "13900139001", "13800138001", "00112233445566", "房租"} {
		require.NotContains(t, out.String(), secret)
	}
}
