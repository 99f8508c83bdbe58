package acquirer

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Nobody can have a third party bombed: a number gets one code a minute and five a day, whoever asks.
func TestCodesPerNumber(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		ask := func(i int) {
			r := Request{Kind: RequestSuspend, Number: payeeNumber}
			require.Equal(t, OutcomeTaken, o.hand(t, Inbound{Channel: ChannelWeb, Sender: fmt.Sprint("session", i), Evidence: Evidence{Source: fmt.Sprint(i)}, Request: &r}).Outcome)
		}
		ask(0)
		ask(1) // within a minute of the first
		require.Len(t, o.sms.kinds(payeeNumber), 1)
		for i := range 20 {
			time.Sleep(time.Minute)
			ask(2 + i)
		}
		require.Len(t, o.sms.kinds(payeeNumber), 5)
		time.Sleep(24 * time.Hour)
		ask(100)
		require.Len(t, o.sms.kinds(payeeNumber), 6)
	})
}

// What is refused is told to the number as rarely as a code is sent, or it would be the way to bomb it.
func TestRefusalsPerNumber(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.bank.says("05", nil)
		for i := range 20 {
			time.Sleep(time.Minute)
			r := Request{Kind: RequestRegister, Number: strangerNumber, Name: "张三丰", Card: strangerCard}
			o.hand(t, Inbound{Channel: ChannelWeb, Sender: fmt.Sprint("session", i), Request: &r})
		}
		require.Len(t, o.sms.kinds(strangerNumber), 5)
	})
}

func TestMessagesPerSenderAndSource(t *testing.T) {
	few := func(l *EnrolmentLimits) { l.SourcePerDay = 30 }
	open(t, func(t *testing.T, o *office) {
		send := func(sender, source string) Outcome {
			r := Request{Kind: RequestConfirm, Code: "000000"}
			return o.hand(t, Inbound{Channel: ChannelWeb, Sender: sender, Evidence: Evidence{Source: source}, Request: &r}).Outcome
		}
		for range 20 {
			require.Equal(t, OutcomeWrongCode, send("one", "a"))
		}
		for range 50 { // they use up nothing of the source's
			require.Equal(t, OutcomeLimited, send("one", "a"))
		}
		for range 10 {
			require.Equal(t, OutcomeWrongCode, send("two", "a"))
		}
		require.Equal(t, OutcomeLimited, send("two", "a"))
		require.Equal(t, OutcomeLimited, send("three", "a"))
		require.Equal(t, OutcomeWrongCode, send("three", "b"))
		time.Sleep(24 * time.Hour)
		require.Equal(t, OutcomeWrongCode, send("one", "a"))
	}, few)
}

// A gateway of short messages brings those of many people: one address is not one person there.
func TestMessagesPerGateway(t *testing.T) {
	few := func(l *EnrolmentLimits) { l.SourcePerDay, l.GatewayPerDay = 3, 6 }
	open(t, func(t *testing.T, o *office) {
		for i := range 8 {
			r := o.hand(t, Inbound{Channel: ChannelSMS, Sender: fmt.Sprintf("1380013%04d", i), Evidence: Evidence{Source: "gateway"}, Text: "确认 000000"})
			require.Equal(t, i >= 6, r.Outcome == OutcomeLimited, i)
		}
	}, few)
}

// Help is an answer that a stranger might get: three a day, then silence. Where nobody else can get it, it is shown.
func TestHelpsPerSender(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		for i := range 6 {
			r := o.say(t, strangerNumber, "你好")
			require.Equal(t, OutcomeHelp, r.Outcome)
			require.Equal(t, i < 3, r.Text != "", i)
			shown := o.hand(t, Inbound{Channel: ChannelWeb, Sender: "session", Text: "hello"})
			require.Contains(t, shown.Text, "REG name card")
		}
		require.NotEmpty(t, o.say(t, "13800138007", "你好").Text, "another sender has his own")
	})
}

func TestAnswersPerSender(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		answered := 0
		for range 15 {
			if o.say(t, strangerNumber, "注册 张三丰 1").Text != "" {
				answered++
			}
		}
		require.Equal(t, 10, answered)
	})
}

// Five wrong codes lock a number for a day, also for the right one, whichever way they come.
func TestWrongCodesLock(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.say(t, payeeNumber, "暂停")
		code := o.code(t, payeeNumber)
		wrong := Request{Kind: RequestConfirm, Number: payeeNumber, Code: other(code)}
		for i := range 3 {
			require.Equal(t, OutcomeWrongCode, o.hand(t, Inbound{Channel: ChannelWeb, Sender: fmt.Sprint(i), Request: &wrong}).Outcome)
		}
		for range 2 {
			require.Equal(t, OutcomeWrongCode, o.say(t, payeeNumber, "确认 "+other(code)).Outcome)
		}
		require.Equal(t, OutcomeWrongCode, o.say(t, payeeNumber, "确认 "+code).Outcome)
		require.Equal(t, PayeeActive, o.payee(t, payeeNumber).Status)
		time.Sleep(23 * time.Hour)
		o.say(t, payeeNumber, "暂停")
		require.Equal(t, OutcomeWrongCode, o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber)).Outcome, "still locked")
		time.Sleep(time.Hour)
		o.say(t, payeeNumber, "暂停")
		require.Equal(t, OutcomeConfirmed, o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber)).Outcome)
	})
}

// The fifth try may still be the right one, and a right one forgives.
func TestFifthTryMayBeRight(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		for range 2 {
			o.say(t, payeeNumber, "恢复")
			code := o.code(t, payeeNumber)
			for range 4 {
				o.say(t, payeeNumber, "确认 "+other(code))
			}
			require.Equal(t, OutcomeConfirmed, o.say(t, payeeNumber, "确认 "+code).Outcome)
			time.Sleep(time.Minute)
		}
	})
}

func TestCodeLife(t *testing.T) {
	for wait, want := range map[time.Duration]Outcome{
		10*time.Minute - 10*time.Second: OutcomeConfirmed,
		10*time.Minute + time.Second:    OutcomeWrongCode,
	} {
		open(t, func(t *testing.T, o *office) {
			o.say(t, payeeNumber, "暂停")
			time.Sleep(wait)
			require.Equal(t, want, o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber)).Outcome, wait)
		})
	}
}

func TestResend(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.say(t, payeeNumber, "暂停")
		first := o.code(t, payeeNumber)
		o.say(t, payeeNumber, "重发")
		require.Len(t, o.sms.kinds(payeeNumber), 1, "not within a minute")
		for range 5 {
			time.Sleep(time.Minute)
			o.say(t, payeeNumber, "重发")
		}
		require.Len(t, o.sms.kinds(payeeNumber), 4, "the first and three more")
		require.Equal(t, OutcomeWrongCode, o.say(t, payeeNumber, "确认 "+first).Outcome, "only the newest counts")
		require.Equal(t, OutcomeConfirmed, o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber)).Outcome)
	})
}

// Requests for one number do not disturb each other: each code belongs to its own.
func TestTwoRequestsOfOneNumber(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.say(t, strangerNumber, "注册 张三丰 "+strangerCard)
		mine := o.code(t, strangerNumber)
		time.Sleep(time.Minute)
		foreign := Request{Kind: RequestRegister, Number: strangerNumber, Name: "李四", Card: otherCard}
		o.hand(t, Inbound{Channel: ChannelWeb, Sender: "thief", Request: &foreign})
		require.Equal(t, OutcomeConfirmed, o.say(t, strangerNumber, "确认 "+mine).Outcome)
		require.Equal(t, "张三丰", o.payee(t, strangerNumber).Name)
		guess := Request{Kind: RequestConfirm, Code: mine}
		require.Equal(t, OutcomeWrongCode, o.hand(t, Inbound{Channel: ChannelWeb, Sender: "thief", Request: &guess}).Outcome)
	})
}

func TestInboundBounds(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		long := func(n int) string { return fmt.Sprintf("%0*d", n, 0) }
		good := Inbound{Channel: ChannelWeb, MessageID: long(200), Sender: long(254), Evidence: Evidence{Source: long(128), Checks: long(200)}, Text: "x"}
		_, err := o.Receive(t.Context(), good)
		require.NoError(t, err)
		for name, bad := range map[string]func(*Inbound){
			"no channel": func(m *Inbound) { m.Channel = "" }, "no id": func(m *Inbound) { m.MessageID = "" },
			"long id": func(m *Inbound) { m.MessageID = long(201) }, "no sender": func(m *Inbound) { m.Sender = "" },
			"long sender": func(m *Inbound) { m.Sender = long(255) }, "long source": func(m *Inbound) { m.Evidence.Source = long(129) },
			"long checks": func(m *Inbound) { m.Evidence.Checks = long(201) }, "not UTF-8": func(m *Inbound) { m.Sender = "\xff" },
			"text and request": func(m *Inbound) { m.Request = &Request{} },
		} {
			m := good
			bad(&m)
			_, err := o.Receive(t.Context(), m)
			require.ErrorIs(t, err, ErrInbound, name)
		}
	})
}

func TestDormant(t *testing.T) {
	p := Payee{Alive: time.Unix(0, 0)}
	for _, v := range []struct {
		silent, limit time.Duration
		want          bool
	}{{90 * day, 90 * day, false}, {90*day + 1, 90 * day, true}, {1 << 60, -1, false}, {0, 90 * day, false}} {
		require.Equal(t, v.want, p.Dormant(time.Unix(0, 0).Add(v.silent), v.limit), v)
	}
	require.False(t, (&Payee{}).Dormant(time.Now(), time.Hour), "not known is not silent")
}

// A number that was silent for long cannot be paid until it answers again; it is reminded in time, and once.
func TestSilentNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		for _, v := range []struct {
			days, reminders int
			silent          bool
		}{{75, 0, false}, {2, 1, false}, {13, 1, false}, {1, 1, true}, {1000, 1, true}} {
			time.Sleep(time.Duration(v.days) * day)
			require.NoError(t, o.Housekeep(t.Context(), time.Now()))
			require.Len(t, o.notes(10, func(n Notice) bool { return n.Kind == NoticeDormant }), v.reminders)
			require.Equal(t, v.silent, o.payee(t, payeeNumber).Dormant(time.Now(), o.Enrolments.Limits.Dormant))
		}
	})
	open(t, func(t *testing.T, o *office) {
		p := o.payee(t, payeeNumber)
		p.Alive = time.Now().Add(-91 * day)
		require.NoError(t, o.ChangePayee(t.Context(), Effect{Payee: *p}))
		o.say(t, payeeNumber, "恢复")
		o.say(t, payeeNumber, o.code(t, payeeNumber))
		require.False(t, o.payee(t, payeeNumber).Dormant(time.Now(), 90*day))
	})
}

func TestSilentNumberCannotBePaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mem.payees[0].Alive = time.Now()
		ask := func() error {
			_, err := w.Inquire(t.Context(), InquiryRequest{Terminal: w.term, Amount: 1, Payee: payeeNumber, Payer: payerNumber})
			return err
		}
		time.Sleep(90 * day)
		require.NoError(t, ask())
		time.Sleep(time.Second)
		require.Equal(t, CodePayeeUnavailable, CodeOf(ask()))
		w.Limits.Dormant = -1
		require.NoError(t, ask(), "for ever")
	})
}

// A write whose outcome is unknown ends the workers, whoever met it, and promises nothing.
func TestEnrolmentsEndWhenTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		ended := make(chan error, 1)
		go func() { ended <- o.Enrolments.Run(t.Context()) }()
		o.mu.Lock()
		o.ends = errors.New("disk is full")
		o.mu.Unlock()
		_, err := o.Receive(t.Context(), Inbound{Channel: ChannelSMS, MessageID: "1", Sender: payeeNumber, Text: "暂停"})
		require.ErrorIs(t, err, ErrStore)
		require.ErrorIs(t, <-ended, ErrStore)
		require.Empty(t, o.all)
	})
}
