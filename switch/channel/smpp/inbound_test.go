package smpp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/sms"
	"example.com/ringback/switch/channel/sms/smstest"
	"github.com/linxGnu/gosmpp/data"
	"github.com/stretchr/testify/require"
)

const registration = "注册 李小明 6217000000000000012 并且把通知发到 13800138001,付款成功以后请用短信告诉我,谢谢。如果有问题请回复本短信,我会尽快处理,再次感谢你们的帮助与支持,祝工作顺利"

func short(text string) mo { return mo{from: "8613800138001", text: []byte(text)} }

func TestMessageIsAcknowledgedWhenItIsDurable(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		stored := make(chan struct{})
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) { <-stored; return acquirer.Reply{Text: "好"}, nil })
		w.set(func() { w.mute = true })
		w.deliver(t, short("HELP"))
		synctest.Wait()
		require.Empty(t, w.statuses(), "not stored")
		close(stored)
		synctest.Wait()
		require.Empty(t, w.statuses(), "the answer is not with the centre")
		require.Len(t, w.seen(), 1)
		w.set(func() { w.mute = false })
		time.Sleep(11 * time.Second)
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusLater}, w.statuses(), "the answer may be lost: the message shall come again")
		w.deliver(t, short("HELP"))
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{2: statusOK}, w.statuses())
		got := w.core.Received()
		require.Len(t, got, 2)
		require.Equal(t, got[0].MessageID, got[1].MessageID)
		s := w.seen()
		require.Equal(t, s[0].ref, s[1].ref)
		require.Equal(t, []any{"8613800138001", "10690000", byte(0), ""}, []any{s[1].dest, s[1].source, s[1].receipt, s[1].validity})
	})
}

func TestWhatTheCoreSaysDecidesTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		text string
		send data.CommandStatusType
		want data.CommandStatusType
	}{
		{"silence", nil, "", 0, statusOK},
		{"an answer", nil, "好", 0, statusOK},
		{"an answer that the number cannot get", nil, "好", data.ESME_RINVDSTADR, statusOK},
		{"an answer that cannot be sent now", nil, "好", data.ESME_RSYSERR, statusLater},
		{"an answer that is too long", nil, strings.Repeat("好", 67*sms.MaxReplyParts+1), 0, statusOK},
		{"busy", acquirer.ErrBusy, "", 0, statusLater},
		{"out of bounds", acquirer.ErrInbound, "", 0, statusNever},
		{"anything else", errors.New("no"), "", 0, statusLater},
		{"store", acquirer.ErrStore, "", 0, statusLater},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(_ *Config, s *centre) {
				s.onSubmit = func(int, submitted) (data.CommandStatusType, string) { return c.send, "x" }
			}, func(w *world) {
				w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) { return acquirer.Reply{Text: c.text}, c.err })
				w.deliver(t, short("HELP"))
				time.Sleep(100 * time.Millisecond)
				if errors.Is(c.err, acquirer.ErrStore) { // the process ends: an answer may not be heard any more
					require.NotEqual(t, statusOK, w.statuses()[1])
					require.ErrorIs(t, w.stop(), acquirer.ErrStore)
					return
				}
				require.Equal(t, map[uint32]data.CommandStatusType{1: c.want}, w.statuses())
			})
		})
	}
}

func TestInboundSaysWhatTheCentreKnows(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.deliver(t, mo{from: "+8613800138001", coding: 8, text: []byte("\x5e\x2e\x52\xa9\xd8\x3d\xde\x00")}, mo{from: "13800138002"},
			mo{from: "13800138003", tlv: tlv(tagPayload, []byte(strings.Repeat("a", 300))...)})
		synctest.Wait()
		got := map[string]acquirer.Inbound{}
		for _, m := range w.core.Received() {
			got[m.Sender] = m
			require.Equal(t, acquirer.ChannelSMS, m.Channel)
			require.Equal(t, "smpp:ringback", m.Evidence.Source)
			require.NotContains(t, m.MessageID, "1380013")
			require.Regexp(t, `^[0-9a-f]{40}\.\d+$`, m.MessageID)
		}
		require.Equal(t, "帮助😀", got["13800138001"].Text)
		require.Equal(t, "data_coding=8 parts=1", got["13800138001"].Evidence.Checks)
		require.Empty(t, got["13800138002"].Text, "an empty message is the core's to answer")
		require.Len(t, got["13800138003"].Text, 300)
		require.Equal(t, map[uint32]data.CommandStatusType{1: 0, 2: 0, 3: 0}, w.statuses())
	})
}

func TestMessagesThatNobodyCanMean(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.deliver(t, mo{from: "95588", text: []byte("a")}, mo{from: "ICBC", text: []byte("a")}, mo{from: "85291234567", text: []byte("a")},
			mo{from: "8613800138001", coding: 6, text: []byte("a")}, mo{from: "8613800138001", coding: 8, text: []byte("a")},
			mo{from: "8613800138001", tlv: tlv(tagPayload, make([]byte, sms.MaxInBytes+1)...)},
			mo{from: "8613800138001", class: 0x40, text: []byte("\x06\x05\x04\x0b\x84\x23\xf0a")})
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusReject, 2: statusReject, 3: statusReject, 4: statusNever, 5: statusNever,
			6: statusNever, 7: statusNever}, w.statuses())
		require.Empty(t, w.core.Received())
		require.Empty(t, w.seen(), "no machine is answered")
		w.deliver(t, mo{from: "8613800138001", tlv: tlv(tagPayload, make([]byte, sms.MaxInBytes)...)})
		synctest.Wait()
		require.Len(t, w.core.Received(), 1)
	})
}

func TestTheSameMessageHasTheSameName(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		same := []mo{short("RESEND"), short("RESEND")}
		others := []mo{short("SUSPEND"), {from: "8613800138002", text: []byte("RESEND")}, {from: "8613800138001", coding: 3, text: []byte("RESEND")},
			{from: "8613800138001", text: []byte("RESEND"), tlv: tlv(tagUserRef, 0, 2)}}
		for _, m := range append(same, others...) {
			w.deliver(t, m)
			synctest.Wait()
		}
		time.Sleep(2*time.Minute - time.Nanosecond)
		w.deliver(t, short("RESEND"))
		synctest.Wait()
		time.Sleep(time.Nanosecond)
		w.deliver(t, short("RESEND"))
		synctest.Wait()
		got := w.core.Received()
		names := map[string]int{}
		for _, m := range got {
			names[m.MessageID]++
		}
		require.Len(t, got, 8)
		require.Equal(t, 3, names[got[0].MessageID], "two, and one within two minutes")
		require.Equal(t, 1, names[got[7].MessageID], "a person may say it again")
		require.Len(t, names, 6)
		own := mo{from: "8613800138001", text: []byte("RESEND"), tlv: tlv(tagReceiptedID, []byte("mo-77\x00")...)}
		w.deliver(t, own)
		time.Sleep(24 * time.Hour)
		w.deliver(t, own)
		synctest.Wait()
		got = w.core.Received()
		require.Equal(t, got[8].MessageID, got[9].MessageID, "the centre's own name holds for ever")
	})
}

// The name is the same in the next process, which remembers nothing.
func TestNameOutlivesTheProcess(t *testing.T) {
	var ids []string
	for range 2 {
		inWorld(t, nil, func(w *world) { // each begins at the same moment of the virtual clock
			w.deliver(t, short("RESEND"))
			synctest.Wait()
			ids = append(ids, w.core.Received()[0].MessageID)
		})
	}
	require.Equal(t, ids[0], ids[1])
	inWorld(t, func(c *Config, _ *centre) { c.NameKey = acquirer.NewKey(make([]byte, 32)) }, func(w *world) {
		w.deliver(t, short("RESEND"))
		synctest.Wait()
		require.NotEqual(t, ids[0], w.core.Received()[0].MessageID, "nobody without the key can try texts out")
	})
}

func TestLongMessageInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}, {0, 0, 1, 1}, {1, 1, 1, 0}} {
		inWorld(t, nil, func(w *world) {
			ps := parts("8613800138001", registration, 200, 67)
			require.Len(t, ps, 2)
			for i, n := range order {
				synctest.Wait()
				if i < len(order)-1 {
					require.Empty(t, w.core.Received(), order)
				}
				w.deliver(t, ps[n])
			}
			synctest.Wait()
			got := w.core.Received()
			require.NotEmpty(t, got)
			require.Equal(t, registration, got[0].Text)
			require.Equal(t, "data_coding=8 parts=2", got[0].Evidence.Checks)
			for _, m := range got {
				require.Equal(t, got[0].MessageID, m.MessageID)
			}
		})
	}
}

func TestPartsAreHeldUntilAllIsDurable(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		stored := make(chan struct{})
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) { <-stored; return acquirer.Reply{}, nil })
		ps := parts("8613800138001", registration, 200, 40)
		w.deliver(t, ps[0], ps[1])
		time.Sleep(7 * time.Second)
		w.deliver(t, ps[2])
		synctest.Wait()
		require.Empty(t, w.statuses())
		close(stored)
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{1: 0, 2: 0, 3: 0}, w.statuses())
	})
}

// A centre that sends one message at a time gets its part back, brings the other, and later the first again.
func TestCentreThatSendsOneAtATime(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ps := parts("8613800138001", registration, 200, 67)
		w.deliver(t, ps[0])
		time.Sleep(9 * time.Second)
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusLater}, w.statuses())
		w.deliver(t, ps[1])
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{2: statusOK}, w.statuses())
		require.Len(t, w.core.Received(), 1)
		time.Sleep(time.Minute)
		w.deliver(t, ps[0])
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{3: statusOK}, w.statuses())
		require.Len(t, w.core.Received(), 1)
		w.deliver(t, ps[0], ps[1]) // the same once more is a message of its own; the core knows its name
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{4: statusOK, 5: statusOK}, w.statuses())
		got := w.core.Received()
		require.Len(t, got, 2)
		require.Equal(t, got[0].MessageID, got[1].MessageID)
	})
}

func TestEarlyParts(t *testing.T) {
	inWorld(t, func(c *Config, _ *centre) { c.EarlyParts = true }, func(w *world) {
		stored := make(chan struct{})
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) { <-stored; return acquirer.Reply{}, nil })
		ps := parts("8613800138001", registration, 200, 67)
		w.deliver(t, ps[0])
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusOK}, w.statuses())
		w.deliver(t, ps[1])
		synctest.Wait()
		require.Empty(t, w.statuses(), "the last is held")
		close(stored)
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{2: statusOK}, w.statuses())
	})
}

func TestWholeMessageThatCouldNotBeTaken(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		n := 0
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) {
			if n++; n == 1 {
				return acquirer.Reply{}, acquirer.ErrBusy
			}
			return acquirer.Reply{}, nil
		})
		ps := parts("8613800138001", registration, 200, 67)
		w.deliver(t, ps...)
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusLater, 2: statusLater}, w.statuses())
		time.Sleep(time.Minute)
		w.deliver(t, ps[1])
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{3: statusOK}, w.statuses(), "one part is enough")
		w.deliver(t, ps[0])
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{4: statusOK}, w.statuses())
		require.Len(t, w.core.Received(), 2)
	})
}

func TestLinkLostBetweenTheParts(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ps := parts("8613800138001", registration, 200, 67)
		w.deliver(t, ps[0])
		synctest.Wait()
		w.cut(t)
		time.Sleep(2 * time.Second)
		require.True(t, w.sms.Bound())
		w.deliver(t, ps[1])
		synctest.Wait()
		require.Len(t, w.core.Received(), 1)
		require.Equal(t, map[uint32]data.CommandStatusType{2: statusOK}, w.statuses())
		w.deliver(t, ps[0])
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{3: statusOK}, w.statuses())
		require.Len(t, w.core.Received(), 1)
	})
}

func TestUnbindGivesHeldPartsBack(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.deliver(t, parts("8613800138001", registration, 200, 67)[0])
		synctest.Wait()
		require.NoError(t, w.stop())
		require.Equal(t, map[uint32]data.CommandStatusType{1: statusLater}, w.statuses())
	})
}

func TestUnfinishedMessagesAreBounded(t *testing.T) {
	inWorld(t, func(c *Config, _ *centre) { c.Limits.Unfinished = 6 }, func(w *world) {
		first := func(from string, ref byte) mo { return parts(from, registration, ref, 67)[0] }
		for ref := range byte(5) {
			w.deliver(t, first("8613800138001", ref))
		}
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{5: statusLater}, w.statuses(), "four of one sender")
		for i, from := range []string{"8613800138002", "8613800138003", "8613800138004"} {
			w.deliver(t, first(from, byte(i)))
		}
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{8: statusLater}, w.statuses(), "six of all")
		time.Sleep(31 * time.Minute)
		_ = w.statuses()
		ps := parts("8613800138001", registration, 9, 67)
		w.deliver(t, ps...)
		synctest.Wait()
		require.Len(t, w.core.Received(), 1, "what was never finished is forgotten")
	})
}

func TestPartsOfTwoMessagesUnderOneName(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		a, b := parts("8613800138001", registration, 5, 67), parts("8613800138001", strings.Replace(registration, "李", "王", 1), 5, 67)
		w.deliver(t, a[0], b[0])
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{2: statusLater}, w.statuses())
		w.deliver(t, a[1])
		synctest.Wait()
		require.Equal(t, registration, w.core.Received()[0].Text, "no part of one message is put into another")
	})
}

func TestFullLaneAsksForLater(t *testing.T) {
	inWorld(t, func(c *Config, _ *centre) { c.Limits.Waiting = 2 }, func(w *world) {
		stored := make(chan struct{})
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) { <-stored; return acquirer.Reply{}, nil })
		for _, text := range []string{"1", "2", "3", "4"} {
			w.deliver(t, short(text))
			synctest.Wait()
		}
		require.Equal(t, map[uint32]data.CommandStatusType{4: statusLater}, w.statuses())
		close(stored)
		synctest.Wait()
		require.Equal(t, map[uint32]data.CommandStatusType{1: 0, 2: 0, 3: 0}, w.statuses())
		var order []string
		for _, m := range w.core.Received() {
			order = append(order, m.Text)
		}
		require.Equal(t, []string{"1", "2", "3"}, order, "of one number in the order in which they came")
	})
}

// Nothing of a person stands in the log, not even at debug level.
func TestLogHoldsNobody(t *testing.T) {
	inWorld(t, func(_ *Config, s *centre) {
		s.onSubmit = func(n int, _ submitted) (data.CommandStatusType, string) {
			return []data.CommandStatusType{0, data.ESME_RTHROTTLED, data.ESME_RINVDSTADR, data.ESME_RSYSERR}[n%4], "ref-1"
		}
	}, func(w *world) {
		n := 0
		w.core.Answer(func(acquirer.Inbound) (acquirer.Reply, error) {
			n++
			return acquirer.Reply{Text: "验证码739150"}, []error{nil, acquirer.ErrBusy, acquirer.ErrInbound}[n%3]
		})
		var errs strings.Builder
		for _, id := range []string{"a", "b", "c", "d"} {
			ctx, stop := context.WithTimeout(w.Context(), 10*time.Second)
			_, err := w.sms.Send(ctx, smstest.Notice(w, id, "验证码739150"))
			stop()
			if err != nil {
				errs.WriteString(err.Error())
			}
			w.deliver(t, parts("8613800138001", registration+id, 200, 67)...)
			w.deliver(t, short("739150"+id), mo{from: "13947205861", coding: 9, text: []byte("739150")}, mo{from: "95588", text: []byte("739150")},
				mo{from: "8613800138001", class: 4, text: []byte("id:ref-1 stat:UNDELIV text:739150")})
			time.Sleep(time.Minute)
		}
		w.cut(t)
		time.Sleep(time.Minute)
		all := w.logs.String() + errs.String()
		require.Contains(t, all, "message taken")
		require.Contains(t, all, "text that cannot be read")
		for _, canary := range []string{"13800138001", "13947205861", "800138", "739150", "李小明", "6217000000000000012", "secret-pw", "95588"} {
			require.NotContains(t, all, canary)
		}
	})
}
