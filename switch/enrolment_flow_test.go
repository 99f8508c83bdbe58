package acquirer

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRegister(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		r := o.say(t, strangerNumber, "注册 张三丰 "+strangerCard)
		require.Equal(t, OutcomeTaken, r.Outcome)
		require.Empty(t, r.Text, "the code says it all")
		require.Len(t, o.bank.asked, 1)
		require.Equal(t, "张三丰", o.bank.asked[0].Name)
		require.Equal(t, []string{"code"}, o.sms.kinds(strangerNumber))
		_, err := o.desk.PayeeByNumber(t.Context(), mustMSISDN(t, strangerNumber))
		require.ErrorIs(t, err, ErrNotFound, "a code that was sent is no code that came back")

		code := o.code(t, strangerNumber)
		r = o.say(t, strangerNumber, "确认 "+code)
		require.Equal(t, OutcomeConfirmed, r.Outcome)
		require.Contains(t, r.Text, "已确认注册手机号收款")
		p := o.payee(t, strangerNumber)
		require.Equal(t, PayeeActive, p.Status)
		require.Equal(t, "张三丰", p.Name)
		require.Equal(t, strangerCard, p.Card.Reveal())
		require.WithinDuration(t, time.Now(), p.Alive, time.Minute)
		require.Equal(t, []string{"code", "active"}, o.sms.kinds(strangerNumber))
		require.Equal(t, "receive>received pass>checked pass>code-sent code>confirmed due>active", o.events(o.last().ID))

		require.Equal(t, OutcomeWrongCode, o.say(t, strangerNumber, "确认 "+code).Outcome, "a code is good once")
	})
}

// Whatever the registry knows of a number, the channel gets the same.
func TestChannelLearnsNothing(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		blocked := mustMSISDN(t, "13800138002")
		err := o.ChangePayee(t.Context(), Effect{Payee: Payee{Ref: PayeeRef{0, 1}, Number: blocked, Name: "李明", Status: PayeeBlocked, Card: mustPAN(t, otherCard)}})
		require.NoError(t, err)
		for _, kind := range []RequestKind{RequestRegister, RequestChangeCard, RequestSuspend, RequestResume, RequestDelete, RequestSee, RequestResend} {
			var replies []Reply
			for _, number := range []string{payeeNumber, blocked.Reveal(), strangerNumber} {
				r := Request{Kind: kind, Number: number, Name: "张三丰", Card: strangerCard}
				replies = append(replies, o.hand(t, Inbound{Channel: ChannelWeb, Sender: "session-" + number + kind.String(), Request: &r}))
				standing, err := o.Standing(t.Context(), ChannelWeb, "session-"+number+kind.String())
				if kind.opens() {
					require.NoError(t, err)
					require.Equal(t, replies[0].Outcome, standing.Outcome)
				}
			}
			require.Equal(t, OutcomeTaken, replies[0].Outcome, kind)
			require.Equal(t, replies[0], replies[1], kind)
			require.Equal(t, replies[0], replies[2], kind)
		}
		for _, number := range []string{payeeNumber, blocked.Reveal(), strangerNumber} {
			r := Request{Kind: RequestConfirm, Number: number, Code: "000000"}
			require.Equal(t, OutcomeWrongCode, o.hand(t, Inbound{Channel: ChannelWeb, Sender: "x" + number, Request: &r}).Outcome)
		}
	})
}

func TestRefusedAtOnce(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		for text, want := range map[string]Reason{
			"注册 张三丰 6227000000000000012":              ReasonCardDigits,
			"注册 张三丰 622700000000000001":               ReasonCardDigits,
			"注册 张三丰 4000000000000002":                 ReasonCardBank,
			"注册 张三丰 " + cardOf(t, o.Issuers, Credit):  ReasonCardKind,
			"注册 张三丰 " + cardOf(t, o.Issuers, Prepaid): ReasonCardKind,
			"注册 张 6227000000000000011":                ReasonName,
			"注册 张三丰":                                  ReasonMissing,
			"注册 6227000000000000011":                  ReasonMissing,
			"改名 Иван":                                 ReasonLookAlike,
			"改号 12345678901":                          ReasonNewNumber,
			"改号 " + strangerNumber:                    ReasonNewNumber,
			"通知 鸽子":                                   ReasonDevices,
			"确认":                                      ReasonCode,
			"注册 张三丰 " + strangerCard + "0":            ReasonCardDigits,
		} {
			r := o.say(t, strangerNumber, text)
			if r.Outcome == OutcomeLimited {
				o.forgiveAll()
				r = o.say(t, strangerNumber, text)
			}
			require.Equal(t, OutcomeRefused, r.Outcome, text)
			require.Equal(t, []Reason{want}, r.Reasons, text)
		}
		require.Empty(t, o.all, "nothing is opened for what is wrong in itself")
		require.Empty(t, o.bank.asked)
	})
}

// A bank that does not answer is asked again and never taken for yes.
func TestBankDoesNotAnswer(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.bank.says("", ErrUnknown)
		o.say(t, strangerNumber, "注册 张三丰 "+strangerCard)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, EnrolmentChecked, o.last().State)
		require.Greater(t, len(o.bank.asked), 1)
		require.Empty(t, o.sms.kinds(strangerNumber))
		for _, code := range []ResponseCode{"91", "96", "98", "A0", "99", "zz"} {
			o.bank.says(code, nil)
			time.Sleep(bankMax)
			synctest.Wait()
			require.Equal(t, EnrolmentChecked, o.last().State, code)
		}
		o.bank.says("", nil)
		time.Sleep(bankMax)
		o.rest()
		require.Equal(t, []string{"code"}, o.sms.kinds(strangerNumber))
	})
}

func TestBankAnswers(t *testing.T) {
	for _, v := range []struct {
		code ResponseCode
		err  error
		want EnrolmentState
	}{
		{"00", nil, EnrolmentCodeSent},
		{"05", nil, EnrolmentRefused}, {"14", nil, EnrolmentRefused}, {"41", nil, EnrolmentRefused}, {"57", nil, EnrolmentRefused},
		{"40", nil, EnrolmentChecked}, {"31", nil, EnrolmentChecked}, {"", ErrNotInGBK, EnrolmentChecked},
		{"96", nil, EnrolmentChecked}, {"", ErrNotSent, EnrolmentChecked}, {"", errors.New("other"), EnrolmentChecked},
	} {
		open(t, func(t *testing.T, o *office) {
			o.bank.says(v.code, v.err)
			o.say(t, strangerNumber, "注册 张三丰 "+strangerCard)
			require.Equal(t, v.want, o.last().State, "%s %v", v.code, v.err)
			byPeople := v.code == "40" || v.code == "31" || errors.Is(v.err, ErrNotInGBK)
			require.Equal(t, byPeople, o.last().ByPeople)
			if byPeople {
				require.NoError(t, o.Approve(t.Context(), o.last().ID, "clerk", "seen the card"))
				o.rest()
				require.Equal(t, EnrolmentCodeSent, o.last().State)
			}
			if v.want == EnrolmentRefused {
				require.Contains(t, strings.Join(o.sms.to(strangerNumber), ""), "姓名与卡号不符")
			}
		})
	}
}

// The old card pays until the waiting time is over; number and devices as they were hear of it at once.
func TestChangeCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, mail := newOffice(t), &pigeon{kind: DeviceEmail}
		o.notifier.Use(mail)
		o.wishes(Contact{Routes: []Route{{Kind: DeviceEmail, Address: Address{DeviceEmail, "wang@mail.test"}}}})
		end := o.begin(t)
		o.say(t, payeeNumber, "改卡 6228 4800 0000 0000 018")
		require.Equal(t, "王小明", o.bank.asked[0].Name, "the registered name and the new card")
		r := o.say(t, payeeNumber, "确认"+o.code(t, payeeNumber))
		require.Equal(t, OutcomeConfirmed, r.Outcome)
		require.WithinDuration(t, time.Now().Add(24*time.Hour), r.Effective, time.Minute)
		require.Equal(t, []string{"code", "staged"}, o.sms.kinds(payeeNumber))
		require.Equal(t, []string{"staged"}, mail.kinds("wang@mail.test"))

		time.Sleep(24*time.Hour - time.Minute)
		o.rest()
		require.Equal(t, payeeCard, o.payee(t, payeeNumber).Card.Reveal())
		time.Sleep(2 * time.Minute)
		o.rest()
		p := o.payee(t, payeeNumber)
		require.Equal(t, otherCard, p.Card.Reveal())
		require.Equal(t, PayeeRef{1, 2}, p.Ref)
		before, err := o.desk.PayeeByRef(t.Context(), PayeeRef{1, 1})
		require.NoError(t, err)
		require.Equal(t, payeeCard, before.Card.Reveal(), "what was confirmed before pays the card of then")
		require.Equal(t, []string{"code", "staged", "active"}, o.sms.kinds(payeeNumber))
		end()
	})
}

func TestChangeIsCalledOff(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.say(t, payeeNumber, "改卡 "+otherCard)
		o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber))
		stop := o.code(t, payeeNumber)
		require.Contains(t, o.sms.to(payeeNumber)[1], "取消 "+stop)
		require.Equal(t, OutcomeWrongCode, o.say(t, payeeNumber, "取消 "+other(stop)).Outcome)
		require.Equal(t, OutcomeCancelled, o.say(t, payeeNumber, "取消 "+stop).Outcome)
		require.Equal(t, EnrolmentCancelled, o.last().State)
		time.Sleep(25 * time.Hour)
		o.rest()
		require.Equal(t, payeeCard, o.payee(t, payeeNumber).Card.Reveal())
		require.Equal(t, []string{"code", "staged", "cancelled"}, o.sms.kinds(payeeNumber))
	})
}

// A new number must prove itself, and so must the old one.
func TestChangeNumber(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.say(t, payeeNumber, "改号 "+strangerNumber)
		require.Equal(t, OutcomeHalf, o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber)).Outcome)
		require.Equal(t, EnrolmentCodeSent, o.last().State)
		require.Equal(t, OutcomeWrongCode, o.say(t, "13800138007", "确认 "+o.code(t, strangerNumber)).Outcome, "from a third number")
		require.Equal(t, OutcomeConfirmed, o.say(t, strangerNumber, "确认 "+o.code(t, strangerNumber)).Outcome)
		require.Equal(t, []string{"code", "staged"}, o.sms.kinds(payeeNumber), "the old number is told")
		require.Equal(t, payeeCard, o.payee(t, payeeNumber).Card.Reveal(), "and paid until then")
		time.Sleep(25 * time.Hour)
		o.rest()
		_, err := o.desk.PayeeByNumber(t.Context(), mustMSISDN(t, payeeNumber))
		require.ErrorIs(t, err, ErrNotFound)
		require.Equal(t, PayeeRef{1, 1}, o.payee(t, strangerNumber).Ref)
		require.Equal(t, []string{"code", "staged", "active"}, o.sms.kinds(payeeNumber))
		require.Equal(t, []string{"code", "active"}, o.sms.kinds(strangerNumber))
	})
}

// A number that somebody else took while the change waited is refused, and told.
func TestNumberIsTakenMeanwhile(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.say(t, payeeNumber, "改号 "+strangerNumber)
		o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber))
		o.say(t, strangerNumber, "确认 "+o.code(t, strangerNumber))
		require.NoError(t, o.ChangePayee(t.Context(), Effect{Payee: Payee{Number: mustMSISDN(t, strangerNumber), Status: PayeeActive}}))
		time.Sleep(25 * time.Hour)
		o.rest()
		require.Equal(t, EnrolmentRefused, o.last().State)
		require.Equal(t, []Reason{ReasonTaken}, o.last().Reasons)
		require.Equal(t, PayeeRef{1, 1}, o.payee(t, payeeNumber).Ref)
	})
}

func TestChangeNameNeedsPeople(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		o.say(t, payeeNumber, "改名 王小朋")
		require.Equal(t, payeeCard, o.bank.asked[0].Card.Reveal(), "the new name and the card there is")
		r := o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber))
		require.Equal(t, OutcomeConfirmed, r.Outcome)
		require.Zero(t, r.Effective)
		require.Contains(t, r.Text, "人工审核")
		time.Sleep(48 * time.Hour)
		o.rest()
		require.Equal(t, "王小明", o.payee(t, payeeNumber).Name)
		require.NoError(t, o.Approve(t.Context(), o.last().ID, "clerk", "identity card"))
		require.Equal(t, "王小朋", o.payee(t, payeeNumber).Name)
		require.ErrorIs(t, o.Approve(t.Context(), o.last().ID, "clerk", ""), ErrNotWaiting)
		require.ErrorIs(t, o.Refuse(t.Context(), o.last().ID, "clerk", ""), ErrNotWaiting)
	})
}

func TestSuspendResumeDelete(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		for _, v := range []struct {
			text string
			want PayeeStatus
		}{{"暂停", PayeeSuspended}, {"恢复", PayeeActive}, {"SUSPEND", PayeeSuspended}, {"resume", PayeeActive}} {
			o.say(t, payeeNumber, v.text)
			o.say(t, payeeNumber, o.code(t, payeeNumber)) // the code alone will do
			require.Equal(t, v.want, o.payee(t, payeeNumber).Status, v.text)
			time.Sleep(time.Minute)
		}
		o.forgiveAll()
		o.say(t, payeeNumber, "注销")
		o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber))
		_, err := o.desk.PayeeByNumber(t.Context(), mustMSISDN(t, payeeNumber))
		require.ErrorIs(t, err, ErrNotFound)
		gone, err := o.desk.Payee(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, PayeeDeleted, gone.Status)
		require.Empty(t, gone.Name)
		require.Zero(t, gone.Number)

		time.Sleep(time.Minute)
		o.say(t, payeeNumber, "注册 李小龙 "+otherCard)
		o.say(t, payeeNumber, "确认 "+o.code(t, payeeNumber))
		require.Equal(t, PayeeID(2), o.payee(t, payeeNumber).Ref.ID, "the number begins anew")
	})
}

// What an operator suspended no code lifts.
func TestBlockedByOperator(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		require.NoError(t, o.SetStatus(t.Context(), mustMSISDN(t, payeeNumber), PayeeBlocked))
		o.say(t, payeeNumber, "恢复")
		require.Equal(t, EnrolmentRefused, o.last().State)
		require.Equal(t, PayeeBlocked, o.payee(t, payeeNumber).Status)
		require.NoError(t, o.SetStatus(t.Context(), mustMSISDN(t, payeeNumber), PayeeActive))
		require.Equal(t, PayeeActive, o.payee(t, payeeNumber).Status)
		require.ErrorIs(t, o.SetStatus(t.Context(), mustMSISDN(t, strangerNumber), PayeeBlocked), ErrNotFound)
	})
}

// A message that a gateway sends again has no second effect.
func TestMessageAgain(t *testing.T) {
	open(t, func(t *testing.T, o *office) {
		m := Inbound{Channel: ChannelSMS, MessageID: "same", Sender: strangerNumber, Text: "注册 张三丰 " + strangerCard}
		first := o.hand(t, m)
		second := o.hand(t, m)
		require.False(t, first.Again)
		require.True(t, second.Again)
		second.Again = false
		require.Equal(t, first, second)
		require.Len(t, o.all, 1)

		confirm := Inbound{Channel: ChannelSMS, MessageID: "code", Sender: strangerNumber, Text: "确认 " + o.code(t, strangerNumber)}
		require.Equal(t, OutcomeConfirmed, o.hand(t, confirm).Outcome)
		require.Equal(t, OutcomeConfirmed, o.hand(t, confirm).Outcome)
		require.Equal(t, int32(1), o.payee(t, strangerNumber).Ref.CardVersion)
	})
}

// other is another code.
func other(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// What was let in is judged once more under the tables of now, and of a change only what it brings.
func TestRuleCheck(t *testing.T) {
	numbers, err := LoadNumberingPlan()
	require.NoError(t, err)
	issuers, err := LoadIssuerTable("01050000")
	require.NoError(t, err)
	step := NewRuleCheck(numbers, issuers)
	good := Enrolment{Number: mustMSISDN(t, payeeNumber), Name: "王小明", Card: mustPAN(t, otherCard)}
	for name, v := range map[string]struct {
		kind   RequestKind
		change func(*Enrolment)
		want   []Reason
	}{
		"good":                  {RequestRegister, func(*Enrolment) {}, nil},
		"number":                {RequestRegister, func(e *Enrolment) { e.Number = mustMSISDN(t, "14500138001") }, []Reason{ReasonNumber}},
		"name":                  {RequestRegister, func(e *Enrolment) { e.Name = "王" }, []Reason{ReasonName}},
		"name, of old":          {RequestChangeCard, func(e *Enrolment) { e.Name = "王" }, nil},
		"contract has ended":    {RequestChangeCard, func(e *Enrolment) { e.Card = mustPAN(t, payeeCard) }, []Reason{ReasonCardNoPact}},
		"contract, card of old": {RequestChangeName, func(e *Enrolment) { e.Card = mustPAN(t, payeeCard) }, nil},
		"both":                  {RequestRegister, func(e *Enrolment) { e.Name, e.Card = "", mustPAN(t, payeeCard) }, []Reason{ReasonName, ReasonCardNoPact}},
	} {
		e := good
		e.Kind = v.kind
		v.change(&e)
		got, err := step.Verify(t.Context(), &e)
		require.NoError(t, err)
		require.Equal(t, v.want, got.Reasons, name)
	}
}
