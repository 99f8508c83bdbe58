package cmpp

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/stretchr/testify/require"
)

const registration = "注册 李小明 6217000000000000012 并且把通知发到 13800138001,付款成功以后请用短信告诉我,谢谢。如果有问题请回复本短信,我会尽快处理,再次感谢😀"

func TestMessageIsAcknowledgedWhenItIsDurable(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		stored := make(chan struct{})
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) { <-stored; return acquirer.Reply{Text: "好"}, nil })
		w.set(func() { w.mute = true })
		w.deliver(w, mo{id: 5, from: "86" + smstest.Number, format: 8, text: []byte("\x5e\x2e\x52\xa9"), link: "L7"})
		synctest.Wait()
		require.Empty(w, w.answers(), "not stored")
		close(stored)
		synctest.Wait()
		require.Empty(w, w.answers(), "the answer is not with the gateway")
		s := w.seen()[0]
		require.Equal(w, []any{"86" + smstest.Number, byte(0), ""}, []any{s.dest, s.receipt, s.valid})
		if w.version == V30 {
			require.Equal(w, "L7", s.link)
		}
		w.write(w, frameOf(0x80000004, s.seq, w.withResult(1, 0)))
		synctest.Wait()
		require.Equal(w, delivered{seq: 1, id: 5}, <-w.results)
		got := w.core.Received()[0]
		require.Equal(w, []any{"帮助", smstest.Number, "cmpp:901234", "msg_fmt=8 parts=1"}, []any{got.Text, got.Sender, got.Evidence.Source, got.Evidence.Checks})
		require.Regexp(w, `^[0-9a-f]{40}$`, got.MessageID)
	})
}

func TestWhatTheCoreSaysDecidesTheResult(t *testing.T) {
	for _, c := range []struct {
		err    error
		silent bool
		want   map[uint32]uint32
	}{
		{nil, false, map[uint32]uint32{1: 0}}, {acquirer.ErrBusy, false, map[uint32]uint32{1: 8}}, {acquirer.ErrBusy, true, map[uint32]uint32{}},
		{acquirer.ErrInbound, false, map[uint32]uint32{1: 9}}, {acquirer.ErrInbound, true, map[uint32]uint32{1: 9}},
	} {
		inBoth(t, func(cfg *Config, _ *gateway) { cfg.SilentLater = c.silent }, func(w *world) {
			w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) { return acquirer.Reply{}, c.err })
			w.deliver(w, mo{id: 5, from: smstest.Number, text: []byte("HELP")})
			synctest.Wait()
			require.Equal(w, c.want, w.answers())
		})
	}
}

func TestMessagesThatNobodyCanMean(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		w.deliver(w, mo{from: "95588", text: []byte("a")}, mo{from: "ICBC", text: []byte("a")}, mo{text: []byte("a")},
			mo{from: smstest.Number, format: 4, text: []byte("a")}, mo{from: smstest.Number, format: 3, text: []byte("a")},
			mo{from: smstest.Number, format: 8, text: []byte("a")}, mo{from: smstest.Number, format: 15, text: []byte("\xcd")},
			mo{from: smstest.Number, text: []byte("\x80")}, mo{from: smstest.Number, udhi: 1, text: []byte("\x06\x05\x04\x0b\x84\x23\xf0a")},
			mo{from: smstest.Number, udhi: 1, text: []byte("\x05\x00\x03\x07\x0b\x01a")})
		synctest.Wait()
		require.Equal(w, map[uint32]uint32{1: 9, 2: 9, 3: 9, 4: 9, 5: 9, 6: 9, 7: 9, 8: 9, 9: 9, 10: 9}, w.answers())
		if w.version == V30 {
			b := mo{from: smstest.Number, text: []byte("a")}.body(V30)
			b[8+21+10+3+32] = 1 // a false name
			w.write(w, frameOf(5, 77, b))
			synctest.Wait()
			require.Equal(w, map[uint32]uint32{77: 9}, w.answers())
		}
		require.Empty(w, w.core.Received())
		require.Empty(w, w.seen(), "no machine is answered")
	})
}

func TestLongMessageInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}, {0, 0, 1}, {1, 1, 0}} {
		inBoth(t, nil, func(w *world) {
			ps := longMO(smstest.Number, registration, 200, 67)
			require.Len(w, ps, 2)
			for _, n := range order {
				require.Empty(w, w.core.Received())
				require.Empty(w, w.answers(), "held until all is durable")
				w.deliver(w, ps[n])
				synctest.Wait()
			}
			require.Len(w, w.core.Received(), 1)
			require.Equal(w, registration, w.core.Received()[0].Text)
			require.Len(w, w.answers(), len(order))
			time.Sleep(time.Hour)
			w.deliver(w, ps...) // its answers were lost, say
			synctest.Wait()
			got := w.core.Received()
			require.Equal(w, got[0].MessageID, got[1].MessageID, "the name is the gateway's own for the first part")
		})
	}
}

func TestLongMessageInGB(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		const want = "注册 李小明 6217000000000000012 😀谢谢"
		b := []byte("\xd7\xa2\xb2\xe1\x20\xc0\xee\xd0\xa1\xc3\xf7\x20\x36\x32\x31\x37\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x30\x31\x32\x20\x94\x39\xfc\x36\xd0\xbb\xd0\xbb")
		cut := 34 // in the middle of the emoji
		w.deliver(w, mo{id: 1, from: smstest.Number, udhi: 1, format: 15, text: append([]byte{5, 0, 3, 9, 2, 1}, b[:cut]...)},
			mo{id: 2, from: smstest.Number, udhi: 1, format: 15, text: append([]byte{5, 0, 3, 9, 2, 2}, b[cut:]...)})
		synctest.Wait()
		require.Equal(w, want, w.core.Received()[0].Text)
		require.Equal(w, map[uint32]uint32{1: 0, 2: 0}, w.answers())
	})
}

// The gateway's own name of a message decides whether it is the same.
func TestSameMessageAgain(t *testing.T) {
	inBoth(t, nil, func(w *world) {
		for _, id := range []uint64{5, 5, 6, 0, 0} {
			w.deliver(w, mo{id: id, from: smstest.Number, text: []byte("RESEND")})
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		var names []string
		for _, m := range w.core.Received() {
			names = append(names, m.MessageID)
		}
		require.Equal(w, names[0], names[1])
		require.NotEqual(w, names[1], names[2])
		require.Equal(w, names[3], names[4], "one that has no name is the same for two minutes")
	})
}

// Nothing of a person stands in the log, not even at debug level.
func TestLogHoldsNobody(t *testing.T) {
	inBoth(t, func(_ *Config, g *gateway) {
		g.onSubmit = func(n int, _ submitted) uint32 { return []uint32{0, 8, 13, 1, 99}[n%5] }
	}, func(w *world) {
		n := 0
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) {
			n++
			return acquirer.Reply{Text: "验证码739150"}, []error{nil, acquirer.ErrBusy, acquirer.ErrInbound}[n%3]
		})
		var all strings.Builder
		for _, id := range []string{"a", "b", "c", "d"} {
			if _, err := w.sms.Send(w.Context(), smstest.Notice(w, id, "验证码739150")); err != nil {
				all.WriteString(err.Error())
			}
			w.deliver(w, longMO(smstest.Number, registration+id, 200, 67)...)
			w.deliver(w, mo{from: smstest.Number, text: []byte("739150" + id)}, mo{from: "13947205861", format: 9, text: []byte("739150")},
				mo{from: "95588", text: []byte("739150")}, mo{from: smstest.Number, receipt: 1, text: report(w.version, 1, "MK:0001")},
				mo{from: smstest.Number, receipt: 1, text: []byte("13947205861")})
			w.write(w, frameOf(5, 99, []byte("739150 13947205861")))
			time.Sleep(time.Minute)
		}
		w.write(w, []byte("\x00\x00\x00\x0b13947205861"))
		time.Sleep(time.Minute)
		all.WriteString(w.logs.String())
		require.Contains(w, all.String(), "message taken")
		require.Contains(w, all.String(), "text that cannot be read")
		require.Contains(w, all.String(), "frame of 11 bytes")
		for _, canary := range []string{smstest.Number, "13947205861", "800138", "739150", "李小明", "6217000000000000012", "secret-pw", "95588"} {
			require.NotContains(w, all.String(), canary)
		}
	})
}
