package dialogue_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

const (
	own   = "13800138001"
	other = "13900139001"
	card  = "6222020000000000026"
	// wang is 王小明 by character codes.
	wang = "458548013587"
)

var caller = dialogue.Caller{Number: own, Source: "trunk-1", ID: "call-7"}

// visit is a call that came in and what it should put into the inbox, each as "kind number sender checks values".
type visit struct {
	name     string
	caller   dialogue.Caller
	answers  []string
	outcomes map[acquirer.RequestKind][]acquirer.Outcome
	want     []string
	says     []string // among what is said, in this order
}

const (
	same     = " " + own + " " + own + " caller=same"
	foreign  = " " + other + " " + own + " caller=other"
	withheld = " " + other + " " + other + " caller=withheld"
)

var withheldCaller = dialogue.Caller{Source: "trunk-1", ID: "call-8"}

var visits = []visit{
	{"change of card", caller, []string{"1", "2", card, "1", "246802", "*"}, nil,
		[]string{"change-card" + same + " card=" + card, "confirm" + same + " code=246802"},
		[]string{"尾号八零零幺，请按一", "变更收款卡请按二", "请输入收款卡卡号", "收款卡，尾号零零二六", "正确请按一", "答复taken", "收到验证码后请输入", "答复confirmed", "注册请按一"}},
	{"registration", caller, []string{"1", "1", wang, "1", card, "1", ""}, nil,
		[]string{"register" + same + " card=" + card + " name=王小明"}, []string{"区位码", "姓名，王小明", "收款卡，尾号零零二六", "答复taken", "注册请按一"}},
	{"of another number", caller, []string{"2", other, "1", "4", "1", ""}, nil,
		[]string{"suspend" + foreign}, []string{"请输入手机号码", "手机号码，幺三九，零零幺三，九零零幺", "暂停收款", "确认请按一", "答复taken"}},
	{"withheld", withheldCaller, []string{"2", other, "1", "5", "1", ""}, nil,
		[]string{"resume" + withheld}, []string{"输入手机号码请按二", "恢复收款", "答复taken"}},
	{"a caller's number that is none", dialogue.Caller{Number: "anonymous", Source: "trunk-1", ID: "c"}, []string{"2", other, "1", "5", "1"}, nil,
		[]string{"resume" + withheld}, nil},
	{"code from before", caller, []string{"1", "3", "111111"}, nil, []string{"confirm" + same + " code=111111"}, []string{"请输入验证码", "答复confirmed", "注册请按一"}},
	{"code in the third try", caller, []string{"1", "3", "111111", "222222", "333333"},
		map[acquirer.RequestKind][]acquirer.Outcome{acquirer.RequestConfirm: {acquirer.OutcomeWrongCode, acquirer.OutcomeWrongCode, acquirer.OutcomeConfirmed}},
		[]string{"confirm" + same + " code=111111", "confirm" + same + " code=222222", "confirm" + same + " code=333333"},
		[]string{"答复wrong", "请输入验证码", "答复wrong", "答复confirmed"}},
	{"no code in three tries", caller, []string{"1", "3", "111111", "222222", "333333", "*"},
		map[acquirer.RequestKind][]acquirer.Outcome{acquirer.RequestConfirm: {acquirer.OutcomeWrongCode}},
		[]string{"confirm" + same + " code=111111", "confirm" + same + " code=222222", "confirm" + same + " code=333333"},
		[]string{"答复wrong", "答复wrong", "答复wrong", "注册请按一"}},
	{"wrong code of a request just made", caller, []string{"1", "6", "1", "111111", "222222", "*"},
		map[acquirer.RequestKind][]acquirer.Outcome{acquirer.RequestConfirm: {acquirer.OutcomeWrongCode, acquirer.OutcomeConfirmed}},
		[]string{"delete" + same, "confirm" + same + " code=111111", "confirm" + same + " code=222222"},
		[]string{"注销将删除全部信息", "答复taken", "答复wrong", "收到验证码后请输入", "答复confirmed"}},
	{"code too short", caller, []string{"1", "3", "11111", "1111111", "111111"}, nil,
		[]string{"confirm" + same + " code=111111"}, []string{"须为六位数字", "须为六位数字", "答复confirmed"}},
	{"code too short while waited for", caller, []string{"1", "7", "11111", "111111"}, nil,
		[]string{"resend" + same, "confirm" + same + " code=111111"}, []string{"答复taken", "须为六位数字", "答复confirmed"}},
	{"another code", caller, []string{"1", "7", ""}, nil, []string{"resend" + same}, []string{"答复taken", "收到验证码后请输入"}},
	{"call off", caller, []string{"1", "8", "654321"}, map[acquirer.RequestKind][]acquirer.Outcome{acquirer.RequestCancel: {acquirer.OutcomeCancelled}},
		[]string{"cancel" + same + " code=654321"}, []string{"请输入取消码", "答复cancelled", "注册请按一"}},
	{"card mistyped", caller, []string{"1", "2", "6222020000000000027", "622202", card, "1", ""}, nil,
		[]string{"change-card" + same + " card=" + card}, []string{"卡号有误", "卡号有误", "尾号零零二六"}},
	{"card keyed again", caller, []string{"1", "2", "4000000000000002", "2", card, "1", ""}, nil,
		[]string{"change-card" + same + " card=" + card}, []string{"尾号零零零二", "请输入收款卡卡号", "尾号零零二六"}},
	{"refused card", caller, []string{"1", "2", card, "1", "4"}, map[acquirer.RequestKind][]acquirer.Outcome{acquirer.RequestChangeCard: {acquirer.OutcomeRefused}},
		[]string{"change-card" + same + " card=" + card}, []string{"答复refused", "注册请按一"}},
	{"back from everywhere", caller, []string{"1", "2", "622*", "2", card, "*", "4", "*", "3", "*", "1", "*", "*", "2", "*", "1", "7", "*", "0"}, nil,
		[]string{"resend" + same}, nil},
	{"English", caller, []string{"9", "1", "2", card, "1", "246802", "9"}, nil,
		[]string{"change-card" + same + " card=" + card, "confirm" + same + " code=246802"},
		[]string{"en: For English, press nine", "ending eight zero zero one, press one", "To change the card, press two", "The card is, ending zero zero two six",
			"When you have the code", "zh: 注册请按一"}},
	{"too many messages", caller, []string{"1", "3", "111111"}, map[acquirer.RequestKind][]acquirer.Outcome{acquirer.RequestConfirm: {acquirer.OutcomeLimited}},
		[]string{"confirm" + same + " code=111111"}, []string{"答复limited", "再见"}},
	{"wrong keys", caller, []string{"5", "", "1", "#"}, nil, nil, []string{"按键有误", "没有收到按键", "注册请按一", "按键有误"}},
}

func (v visit) hold(t *testing.T, change func(*scripted, *inbox)) (*scripted, *inbox, error) {
	t.Helper()
	p, b := phone(t, v.answers...), &inbox{outcomes: maps.Clone(v.outcomes)}
	change(p, b)
	err := (&dialogue.Desk{Inbox: b}).Incoming(t.Context(), p, v.caller)
	return p, b, err
}

func (b *inbox) kinds() (all []string) {
	for _, m := range b.got {
		s := fmt.Sprintf("%s %s %s %s", m.Request.Kind, m.Request.Number, m.Sender, m.Evidence.Checks)
		for _, v := range []struct{ name, value string }{{"card", m.Request.Card}, {"name", m.Request.Name}, {"code", m.Request.Code}} {
			if v.value != "" {
				s += " " + v.name + "=" + v.value
			}
		}
		all = append(all, s)
	}
	return all
}

func TestIncoming(t *testing.T) {
	for _, v := range visits {
		t.Run(v.name, func(t *testing.T) {
			p, b, err := v.hold(t, func(*scripted, *inbox) {})
			if v.name == "too many messages" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, dialogue.ErrHungUp) // the script is at its end
			}
			require.Empty(t, p.answers)
			require.Equal(t, v.want, b.kinds())
			rest := p.said()
			for _, s := range v.says {
				i := strings.Index(rest, s)
				require.GreaterOrEqual(t, i, 0, "%s in what follows of\n%s", s, p.said())
				rest = rest[i:]
			}
			require.NotContains(t, p.said(), "> "+card+"\nzh: 收款卡，尾号六二二二")
			for i, m := range b.got {
				require.Equal(t, fmt.Sprintf("%s-%d", v.caller.ID, i+1), m.MessageID)
				require.Equal(t, acquirer.ChannelVoice, m.Channel)
				require.Equal(t, "trunk-1", m.Evidence.Source)
				require.Equal(t, m.Language, m.Request.Language)
				require.Empty(t, m.Text)
			}
		})
	}
}

// prefixOf wants what was put into the inbox to be the beginning of what a whole call puts there.
func (v visit) prefixOf(t *testing.T, b *inbox) {
	t.Helper()
	got := b.kinds()
	require.LessOrEqual(t, len(got), len(v.want))
	require.True(t, slices.Equal(got, v.want[:len(got)]), "%v", got)
}

func TestIncomingFailsAtEveryStep(t *testing.T) {
	for _, failure := range []error{dialogue.ErrHungUp, context.Canceled, context.DeadlineExceeded} {
		for _, v := range visits {
			whole, _, _ := v.hold(t, func(*scripted, *inbox) {})
			for at := 1; at <= whole.steps; at++ {
				p, b, err := v.hold(t, func(p *scripted, _ *inbox) { p.failAt, p.failure = at, failure })
				require.ErrorIs(t, err, failure, "%s, step %d", v.name, at)
				require.Equal(t, at, p.steps, "%s: something was done behind step %d", v.name, at)
				v.prefixOf(t, b)
			}
		}
	}
}

// The other side stops pressing keys, or presses the same for ever, behind every beginning of every call: the call ends by
// itself, and soon.
func TestIncomingEndsByItself(t *testing.T) {
	for _, v := range visits {
		for n := range len(v.answers) + 1 {
			v.endsByItself(t, n, "")
			v.endsByItself(t, n, "*")
		}
	}
	for _, rest := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "#", "111111"} {
		visits[0].endsByItself(t, 0, rest)
		visits[0].endsByItself(t, 1, rest)
		visits[0].endsByItself(t, len(visits[0].answers), rest)
	}
}

// endsByItself holds a call in which the first n answers are those of the script, and all others the same.
func (v visit) endsByItself(t *testing.T, n int, rest string) {
	t.Helper()
	p, b, err := v.hold(t, func(p *scripted, _ *inbox) {
		p.answers, p.rest = p.answers[:n], func() (string, error) { return rest, nil }
	})
	require.NoError(t, err)
	require.Contains(t, []string{"zh: 再见。", "en: Goodbye."}, p.heard[len(p.heard)-1])
	require.LessOrEqual(t, p.steps, 4*60)
	require.LessOrEqual(t, len(b.got), 8)
	if rest == "" || rest == "*" {
		v.prefixOf(t, b)
	}
}

func TestIncomingBusy(t *testing.T) {
	for _, v := range visits {
		if len(v.want) == 0 {
			continue
		}
		p, b, err := v.hold(t, func(_ *scripted, b *inbox) { b.err = acquirer.ErrBusy })
		require.ErrorIs(t, err, acquirer.ErrBusy, v.name)
		require.NotErrorIs(t, err, dialogue.ErrHungUp)
		require.Len(t, b.got, 1)
		require.Regexp(t, "现在不能办理|It cannot be done now", p.heard[len(p.heard)-1])
	}
}

func TestIncomingBusyAndHungUp(t *testing.T) {
	v := visits[0]
	_, _, err := v.hold(t, func(p *scripted, b *inbox) { b.err, p.failAt, p.failure = acquirer.ErrBusy, 12, dialogue.ErrHungUp })
	require.ErrorIs(t, err, acquirer.ErrBusy)
	require.NotErrorIs(t, err, dialogue.ErrHungUp)
	require.ErrorContains(t, err, "hung up")
}

func TestIncomingLimits(t *testing.T) {
	p, b := phone(t, "1", "7", "", "7", "", "7", ""), &inbox{}
	d := dialogue.Desk{Inbox: b, Limits: dialogue.Limits{Requests: 2}}
	require.NoError(t, d.Incoming(t.Context(), p, caller))
	require.Len(t, b.got, 2)
	require.Equal(t, "zh: 再见。", p.heard[len(p.heard)-1])

	p, b = phone(t, "1", "0", "0", "7"), &inbox{}
	d.Limits = dialogue.Limits{Questions: 3}
	require.NoError(t, d.Incoming(t.Context(), p, caller))
	require.Empty(t, b.got)
	require.Equal(t, []string{"7"}, p.answers)
}
