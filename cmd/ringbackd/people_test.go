package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/spool"
	"example.com/ringback/terminal/emulator"
	"github.com/stretchr/testify/require"
)

// The payee of the demo world who is registered and not verified, and what the bank knows of him.
const (
	selfNumber = "13800138009"
	selfName   = "张三丰"
	selfCard   = "6227000000000000011"
)

// newPeopleWorld is a world with a spool; settings are further keys of the configuration.
func newPeopleWorld(t *testing.T, settings map[string]string) *world {
	t.Helper()
	t.Setenv("RINGBACK_CHANNELS__SPOOL__DIR", "spool")
	t.Setenv("RINGBACK_ENROLMENT__CODE_GAP", "0s")
	for key, value := range settings {
		t.Setenv("RINGBACK_"+key, value)
	}
	return newWorld(t, 5*time.Second)
}

// say drops a command into the spool.
func (w *world) say(id, from, text string) {
	w.t.Helper()
	sayBySpool(w.t, filepath.Join(w.dir, "spool"), id, from, text)
}

func sayBySpool(t testing.TB, dir, id, from, text string) {
	t.Helper()
	b, err := json.Marshal(spool.Incoming{From: from, Text: text})
	require.NoError(t, err)
	in := filepath.Join(dir, "in")
	require.NoError(t, os.WriteFile(filepath.Join(in, "."+id), b, 0o600))
	require.NoError(t, os.Rename(filepath.Join(in, "."+id), filepath.Join(in, id+".json")))
}

// told waits for a notice of a kind to a number, takes it out of the spool and returns its text.
func (w *world) told(to, kind string) (text string) {
	w.t.Helper()
	return toldBySpool(w.t, filepath.Join(w.dir, "spool"), to, kind)
}

func toldBySpool(t testing.TB, dir, to, kind string) (text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		files, err := filepath.Glob(filepath.Join(dir, "out", "*.json"))
		require.NoError(t, err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			var out spool.Outgoing
			require.NoError(t, json.Unmarshal(b, &out))
			if out.To == to && out.Kind == kind {
				text = out.Text
				require.NoError(t, os.Remove(f))
				return true
			}
		}
		return false
	}, time.Minute, 5*time.Millisecond, "%s was not told %s", to, kind)
	return text
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// register registers a payee through the spool.
func (w *world) register(number, name, card string) {
	w.t.Helper()
	w.say("register-"+number, number, "注册 "+name+" "+card)
	w.say("confirm-"+number, number, "确认 "+sixDigits.FindString(w.told(number, "code")))
	w.told(number, "active")
}

// A payee registers himself and is paid; both sides hear what concerns them; nothing of it is readable in the files.
func TestSelfRegistration(t *testing.T) {
	w := newPeopleWorld(t, nil)
	term := w.terminal("10000001")
	p := payment(1234)
	p.Payee = selfNumber
	_, err := term.Pay(t.Context(), p, holder{[]string{"123456"}})
	require.ErrorContains(t, err, "P3", "not verified")

	w.register(selfNumber, selfName, selfCard)
	r, err := term.Pay(t.Context(), p, holder{[]string{"123456"}})
	require.NoError(t, err)
	require.Equal(t, "张*丰", r.PayeeName)
	require.Contains(t, w.told(payerOne, "debited"), "向张*丰(138****8009)付款12.34元")
	payee, err := w.app.db.PayeeByNumber(t.Context(), mustNumber(t, selfNumber))
	require.NoError(t, err)
	require.Equal(t, selfCard, payee.Card.Reveal())

	w.stopSwitch()
	report, err := auditJournal(t.Context(), w.config())
	require.NoError(t, err)
	require.Empty(t, report.Breaks)
	files, err := filepath.Glob(filepath.Join(w.dir, "ringback.db*"))
	require.NoError(t, err)
	text := w.log.String()
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		text += string(b)
	}
	for _, secret := range []string{selfNumber, selfName, selfCard, payerOne, "注册"} {
		require.NotContains(t, text, secret)
	}
	left, err := os.ReadDir(filepath.Join(w.dir, "spool", "in"))
	require.NoError(t, err)
	require.Empty(t, left, "a command that is durable is removed")
	w.startSwitch()
}

func mustNumber(t testing.TB, s string) acquirer.MSISDN {
	t.Helper()
	m, err := acquirer.ParseMSISDN(s)
	require.NoError(t, err)
	return m
}

// The bank says that name and card do not belong together.
func TestRegistrationWithAnothersCard(t *testing.T) {
	w := newPeopleWorld(t, nil)
	w.say("1", "13800138005", "注册 赵敏 "+selfCard)
	require.Contains(t, w.told("13800138005", "refused"), "姓名与卡号不符")
	_, err := w.app.db.PayeeByNumber(t.Context(), mustNumber(t, "13800138005"))
	require.ErrorIs(t, err, acquirer.ErrNotFound)
}

// A registration outlives a host that is away and a switch that is killed: the bank is asked again, and a code that was
// sent before counts after.
func TestRegistrationAcrossRestarts(t *testing.T) {
	w := newPeopleWorld(t, nil)
	addr := w.hostAddr
	require.NoError(t, w.host.Close())
	w.say("1", selfNumber, "注册 "+selfName+" "+selfCard)
	require.Eventually(t, func() bool {
		all, err := w.app.db.Enrolments(t.Context(), acquirer.EnrolmentChecked, 1<<62, 10)
		require.NoError(t, err)
		return len(all) == 1 && all[0].Asked > 0
	}, time.Minute, 10*time.Millisecond)
	w.stopSwitch()
	w.startHost(addr)
	w.startSwitch()
	code := sixDigits.FindString(w.told(selfNumber, "code"))
	w.stopSwitch()
	w.startSwitch()
	w.say("2", selfNumber, code)
	w.told(selfNumber, "active")
	_, err := w.terminal("10000001").Inquire(t.Context(), selfNumber, payerOne, 100, "")
	require.NoError(t, err)
}

// The old card is paid until the waiting time is over.
func TestChangeOfCardWaits(t *testing.T) {
	w := newPeopleWorld(t, map[string]string{"ENROLMENT__WAIT": "1h"})
	w.say("1", payeeOne, "改卡 6228480000000000018")
	require.Contains(t, w.told(payeeOne, "refused"), "姓名与卡号不符", "it is somebody else's card")
	w.register(selfNumber, selfName, selfCard)
	w.say("2", selfNumber, "改卡 "+selfCard)
	w.say("3", selfNumber, "确认 "+sixDigits.FindString(w.told(selfNumber, "code")))
	staged := w.told(selfNumber, "staged")
	before, err := w.app.db.PayeeByNumber(t.Context(), mustNumber(t, selfNumber))
	require.NoError(t, err)
	w.say("4", selfNumber, "取消 "+sixDigits.FindAllString(staged, -1)[len(sixDigits.FindAllString(staged, -1))-1])
	w.told(selfNumber, "cancelled")
	after, err := w.app.db.PayeeByNumber(t.Context(), mustNumber(t, selfNumber))
	require.NoError(t, err)
	require.Equal(t, before.Ref, after.Ref)
}

// A request is undone together with its debit: the payer is told the truth, whatever he was told before.
func TestUndoneDebitIsTold(t *testing.T) {
	w := newPeopleWorld(t, nil)
	term := w.terminal("10000001")
	r, err := term.Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	w.told(payerOne, "debited")
	require.NoError(t, term.Undo(t.Context(), emulator.UndoRequest{STAN: r.STAN}))
	require.Contains(t, w.told(payerOne, "undone"), "已撤销")
}

// The operator's verbs on what payees asked for, beside the running switch.
func TestPeopleVerbs(t *testing.T) {
	w := newPeopleWorld(t, nil)
	w.register(selfNumber, selfName, selfCard)
	w.say("name", selfNumber, "改名 张三风")
	require.Contains(t, w.told(selfNumber, "refused"), "姓名与卡号不符", "the bank knows no such name")
	verb := func(args ...string) string {
		t.Helper()
		out, err := captured(func() error { return runAs(t.Context(), t, thisCaller(), w.config(), args...) })
		require.NoError(t, err, args)
		return out
	}
	var list []enrolmentJSON
	require.NoError(t, json.Unmarshal([]byte(verb("enrolment", "list", "--json")), &list))
	require.Len(t, list, 2)
	require.Equal(t, []string{"change-name", "register"}, []string{list[0].Kind, list[1].Kind})
	require.Equal(t, []string{"refused", "active"}, []string{list[0].State, list[1].State})
	shown := verb("enrolment", "show", list[1].ID)
	require.Contains(t, shown, "138****8009")
	require.Contains(t, shown, "code: ")
	for _, secret := range []string{selfNumber, selfName, selfCard} {
		require.NotContains(t, shown, secret)
		require.NotContains(t, verb("payee", "show", selfNumber), secret)
		require.Contains(t, verb("payee", "export", selfNumber), secret)
	}
	verb("payee", "suspend", selfNumber)
	_, err := w.terminal("10000001").Inquire(t.Context(), selfNumber, payerOne, 100, "")
	require.ErrorContains(t, err, "P3")
	verb("payee", "resume", selfNumber)
	_, err = w.terminal("10000001").Inquire(t.Context(), selfNumber, payerOne, 100, "")
	require.NoError(t, err)
	_, err = w.terminal("10000001").Pay(t.Context(), payment(1234), holder{[]string{"123456"}})
	require.NoError(t, err)
	require.Contains(t, verb("payee", "statement", payeeOne), "139****9001")
	require.NotContains(t, verb("payee", "statement", payeeOne, "--json"), payerOne)
	require.Contains(t, verb("purge", "--json"), `"dates":[]`)
	verb("payee", "delete", selfNumber)
	_, err = w.app.db.PayeeByNumber(t.Context(), mustNumber(t, selfNumber))
	require.ErrorIs(t, err, acquirer.ErrNotFound)
	require.Error(t, runAs(t.Context(), t, thisCaller(), w.config(), "payee", "delete", selfNumber))
	require.Error(t, runAs(t.Context(), t, thisCaller(), w.config(), "enrolment", "approve", list[1].ID))
	require.Error(t, runAs(t.Context(), t, thisCaller(), w.config(), "notice", "retry", "1-1.1"))
}

// captured runs f and returns what it printed.
func captured(f func() error) (string, error) {
	old := os.Stdout
	out, err := os.CreateTemp("", "captured")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(out.Name()) }()
	os.Stdout = out
	failed := f()
	os.Stdout = old
	b, err := os.ReadFile(out.Name())
	if err == nil {
		err = out.Close()
	}
	if failed != nil {
		err = failed
	}
	return string(b), err
}

// What a broken text in the operator's folder is called.
func TestCheckNamesBrokenTemplates(t *testing.T) {
	config := newInstallation(t, "notices: {templates: texts}\nchannels: {spool: {dir: spool}}\n")
	folder := filepath.Join(filepath.Dir(config), "texts", "zh")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "code.txt"), []byte("s\n\n{{.Kode}}"), 0o600))
	err := runAs(t.Context(), t, thisCaller(), config, "check")
	require.ErrorContains(t, err, "zh/code.txt")
	require.ErrorContains(t, err, "Kode")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "code.txt"), []byte("s\n\n{{.Code}}"), 0o600))
	require.NoError(t, runAs(t.Context(), t, thisCaller(), config, "check"))
}

func TestPeopleConfig(t *testing.T) {
	for text, problem := range map[string]string{
		"enrolment: {wait: -1s}": "enrolment.wait", "enrolment: {code_life: 1s}": "enrolment.codelife", "enrolment: {dormant: 24h, remind: 24h}": "enrolment.remind",
		"notices: {number: [pigeon]}": "notices.number", "notices: {number: [sms, sms]}": "notices.number", "notices: {number: []}": "notices.number",
		"notices: {language: fr}": "notices.language", "retention: {journal: 1h}": "retention.journal", "retention: {enrolments: 1h}": "retention.enrolments",
		"channels: {spool: {folder: x}}": "folder", "notices: {number: [sms]}\nchannels: {spool: {dir: x}}": "notices.number",
		"enrolment: {dormant: 0s, wait: 0s, code_gap: 0s, resends: 0}": "",
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(path, []byte("store: {path: a.db}\nkeys: {master_file: /m.key}\nhost: {zmk_file: z.key}\n"+text+"\n"), 0o600))
		c, err := loadConfig(path)
		if problem == "" {
			require.NoError(t, err)
			l := c.enrolmentLimits().WithDefaults()
			require.Negative(t, l.Wait)
			require.Negative(t, l.Dormant)
			require.Negative(t, l.Resends)
			continue
		}
		require.ErrorContains(t, err, problem, text)
	}
	require.Equal(t, acquirer.EnrolmentLimits{}.WithDefaults(), defaultConfig().enrolmentLimits(), "the defaults are the core's")
	require.Equal(t, fmt.Sprint(acquirer.Limits{}.WithDefaults().Dormant), fmt.Sprint(defaultConfig().limits().Dormant))
	require.True(t, strings.HasSuffix(resolved(t, "channels: {spool: {dir: x}}"), "/x"))
}

func resolved(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("store: {path: a.db}\nkeys: {master_file: /m.key}\nhost: {zmk_file: z.key}\n"+text+"\n"), 0o600))
	c, err := loadConfig(path)
	require.NoError(t, err)
	return c.Channels.Spool.Dir
}
