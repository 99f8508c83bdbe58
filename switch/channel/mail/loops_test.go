package mail

import (
	"os"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".eml")
	require.NoError(t, err)
	return string(b)
}

// TestDropsWhatNoPersonWrote: such mail is taken, so that nobody sends it again, and goes no further.
func TestDropsWhatNoPersonWrote(t *testing.T) {
	with := func(field string) string { return field + "\n" + plain("1", "帮助") }
	from := func(who string) string { return strings.Replace(plain("1", "帮助"), "li@mail.example", who, 1) }
	for name, v := range map[string]struct {
		envelope, text string
		dropped        bool
	}{
		"a person":            {"li@mail.example", plain("1", "帮助"), false},
		"says it is no robot": {"li@mail.example", with("Auto-Submitted: no"), false},
		"NO, with a comment":  {"li@mail.example", with("Auto-Submitted:  No ; x=y"), false},
		"in haste":            {"li@mail.example", with("Precedence: first-class"), false},
		"answers us":          {"li@mail.example", with("In-Reply-To: <ringback.a.1@pay.example>"), false},
		"another's id":        {"li@mail.example", strings.Replace(plain("1", "帮助"), "<1@mail", "<ringback.n.1@mail", 1), false},
		"null sender":         {"", plain("1", "帮助"), true},
		"auto-replied":        {"li@mail.example", with("Auto-Submitted: auto-replied"), true},
		"auto-generated":      {"li@mail.example", with("Auto-Submitted: AUTO-GENERATED; x=y"), true},
		"said twice":          {"li@mail.example", with("Auto-Submitted: no\nAuto-Submitted: auto-replied"), true},
		"bulk":                {"li@mail.example", with("Precedence: bulk"), true},
		"junk":                {"li@mail.example", with("Precedence: Junk"), true},
		"list":                {"li@mail.example", with("Precedence: list"), true},
		"List-Id":             {"li@mail.example", with("List-Id: <a.b.example>"), true},
		"X-Autoreply":         {"li@mail.example", with("X-Autoreply: yes"), true},
		"suppress":            {"li@mail.example", with("X-Auto-Response-Suppress: OOF"), true},
		"our own id":          {"li@mail.example", strings.Replace(plain("1", "帮助"), "<1@mail", "<Ringback.n.1@Pay", 1), true},
		"our own From":        {"li@mail.example", from("notice@pay.example"), true},
		"our own box":         {"li@mail.example", from("Register@pay.example"), true},
		"daemon":              {"li@mail.example", from("MAILER-DAEMON@mail.example"), true},
		"no reply":            {"li@mail.example", from("no-reply+x@mail.example"), true},
		"a report":            {"li@mail.example", sample(t, "bounce-postfix"), true},
		"vacation":            {"li@mail.example", sample(t, "vacation"), true},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{reply: acquirer.Reply{Text: "不能送出"}} // an answer would fail: there is no smart host
			m := start(t, config(d))
			code := codeOf(t, send(t, m.Addr().String(), v.envelope, "register@pay.example", v.text))
			in, receipts := d.all()
			require.Empty(t, receipts)
			if v.dropped {
				require.Equal(t, 250, code)
				require.Empty(t, in)
				require.Equal(t, map[string]int64{"dropped": 1}, m.Counts())
				return
			}
			require.Equal(t, 451, code)
			require.Len(t, in, 1)
		})
	}
}

// TestTwoInstancesDoNotTalk: each is the other's smart host; a forged mail makes one of them answer the other, and that
// is the end of it.
func TestTwoInstancesDoNotTalk(t *testing.T) {
	one, two := &desk{reply: acquirer.Reply{Text: "一"}}, &desk{reply: acquirer.Reply{Text: "二"}}
	second := config(two)
	second.Domain, second.From, second.Mailboxes = "other.example", "notice@other.example", []string{"register@other.example"}
	b, err := New(second)
	require.NoError(t, err)
	require.NoError(t, b.Listen())
	first := config(one)
	first.SmartHost = b.Addr().String()
	a := start(t, first)
	b.config.SmartHost = a.Addr().String() // before it runs
	run(t, b)
	forged := strings.Replace(plain("1", "帮助"), "li@mail.example", "register@other.example", 1)
	require.NoError(t, send(t, a.Addr().String(), "register@other.example", "register@pay.example", forged))
	require.Equal(t, map[string]int64{"taken": 1, "answered": 1}, a.Counts())
	require.Equal(t, map[string]int64{"dropped": 1}, b.Counts())
	// A notice that is sent to the other's box is dropped there, too, and its bounce address is not the other's.
	_, err = a.Send(t.Context(), notice(t, "1-1", "register@other.example"))
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"dropped": 2}, b.Counts())
	sender, _ := a.tags.sender("1-1")
	_, ok := b.tags.read(sender)
	require.False(t, ok)
	in, _ := two.all()
	require.Empty(t, in)
}

func TestBounces(t *testing.T) {
	sender, ok := tagger{"pay.example", []byte("0123456789abcdef")}.sender("632800000002-1")
	require.True(t, ok)
	failed := acquirer.Receipt{Device: acquirer.DeviceEmail, Notice: "632800000002-1", Detail: "mail failed 5.1.1"}
	report := sample(t, "bounce-postfix")
	for name, v := range map[string]struct {
		envelope, to, text string
		want               []acquirer.Receipt
		count              string
	}{
		"failed":         {"", sender, report, []acquirer.Receipt{failed}, "bounced"},
		"letter case":    {"", strings.ToUpper(sender), report, []acquirer.Receipt{failed}, "bounced"},
		"delivered":      {"", sender, strings.NewReplacer("Action: failed", "Action: Delivered", "Status: 5.1.1", "Status: 2.0.0").Replace(report), []acquirer.Receipt{{Device: acquirer.DeviceEmail, Notice: "632800000002-1", Delivered: true, Detail: "mail delivered 2.0.0"}}, "bounced"},
		"given up":       {"", sender, strings.Replace(report, "Status: 5.1.1", "Status: 4.4.7 (expired)", 1), []acquirer.Receipt{{Device: acquirer.DeviceEmail, Notice: "632800000002-1", Detail: "mail failed 4.4.7"}}, "bounced"},
		"no status":      {"", sender, strings.Replace(report, "Status: 5.1.1", "Status: li@mail.example", 1), []acquirer.Receipt{{Device: acquirer.DeviceEmail, Notice: "632800000002-1", Detail: "mail failed"}}, "bounced"},
		"in words":       {"", sender, sample(t, "bounce-words"), []acquirer.Receipt{{Device: acquirer.DeviceEmail, Notice: "632800000002-1", Detail: "mail failed"}}, "bounced"},
		"delayed":        {"", sender, sample(t, "bounce-delayed"), nil, "bounce-dropped"},
		"relayed":        {"", sender, strings.Replace(report, "Action: failed", "Action: relayed", 1), nil, "bounce-dropped"},
		"no action":      {"", sender, strings.Replace(report, "Action: failed", "X: y", 1), nil, "bounce-dropped"},
		"has a sender":   {"li@mail.example", sender, report, nil, "bounce-dropped"},
		"vacation":       {"", sender, sample(t, "vacation"), nil, "bounce-dropped"},
		"cannot be read": {"", sender, strings.Replace(report, "\n--4T2C0F1x2Tz.1795514460/mx.example--", "", 1), nil, "bounce-dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			m := start(t, config(d))
			require.NoError(t, send(t, m.Addr().String(), v.envelope, v.to, v.text))
			in, receipts := d.all()
			require.Empty(t, in)
			require.Equal(t, v.want, receipts)
			require.Equal(t, map[string]int64{v.count: 1}, m.Counts())
		})
	}
}

// TestBounceIsOfferedAgain: a receipt that could not be noted, or came before Send returned, is not lost.
func TestBounceIsOfferedAgain(t *testing.T) {
	sender, _ := tagger{"pay.example", []byte("0123456789abcdef")}.sender("1-1")
	d := &desk{err: acquirer.ErrNotFound}
	m := start(t, config(d))
	require.Equal(t, 451, codeOf(t, send(t, m.Addr().String(), "", sender, sample(t, "bounce-postfix"))))
	d.set(nil)
	require.NoError(t, send(t, m.Addr().String(), "", sender, sample(t, "bounce-postfix")))
	_, receipts := d.all()
	require.Len(t, receipts, 1)
}

func TestTag(t *testing.T) {
	tags := tagger{"pay.example", []byte("key")}
	id := "2026112400000001-10.2"
	sender, ok := tags.sender(id)
	require.True(t, ok)
	got, ok := tags.read(sender)
	require.True(t, ok)
	require.Equal(t, id, got)
	longest := strings.Repeat("9", 40)
	sender, ok = tags.sender(longest)
	require.True(t, ok)
	local, _, _ := strings.Cut(sender, "@")
	require.Len(t, local, maxLocal)
	own, _ := tags.sender("1-1")
	for _, bad := range []string{"", "bounce@pay.example", "bounce+@pay.example", "bounce+1-1@pay.example", "bounce+1-1=@pay.example",
		strings.Replace(own, "1-1", "1-2", 1), own + ".evil", strings.Replace(own, "pay.", "evil.", 1), "x" + own, own[:len(own)-len("@pay.example")]} {
		_, ok := tags.read(bad)
		require.False(t, ok, bad)
	}
	_, ok = tagger{"pay.example", []byte("other")}.read(own)
	require.False(t, ok, "another key")
}
