package acquirer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Every kind of notice and every outcome has a text in both languages, and nothing else has one.
func TestTemplatesAreComplete(t *testing.T) {
	templates, err := LoadTemplates("")
	require.NoError(t, err)
	want := map[string]bool{}
	for _, name := range noticeNames {
		want[name] = true
	}
	for _, o := range []Outcome{OutcomeTaken, OutcomeConfirmed, OutcomeHalf, OutcomeCancelled, OutcomeWrongCode, OutcomeRefused, OutcomeHelp, OutcomeLimited} {
		want["reply-"+string(o)] = true
	}
	for _, key := range templates.Names() {
		language, name, _ := strings.Cut(key, "/")
		require.Contains(t, []string{"zh", "en"}, language)
		require.True(t, want[name], key)
	}
	require.Len(t, templates.Names(), 2*len(want))
	for l := range map[Language]bool{Chinese: true, English: true} {
		for r := range reasonTexts {
			require.NotEmpty(t, ReasonText(l, r))
		}
		for k := RequestRegister; k <= RequestSee; k++ {
			require.NotEmpty(t, RequestText(l, k))
		}
		for s := PayeeRegistered; s <= PayeeBlocked; s++ {
			require.NotEmpty(t, StatusText(l, s))
		}
	}
}

// What the texts say. The code comes first, so that a preview shows it, and fits one Chinese SMS where it has least to say.
func TestTemplateContent(t *testing.T) {
	templates, err := LoadTemplates("")
	require.NoError(t, err)
	w := sampleWords
	for name, want := range map[string]string{
		"zh/debited":   "您于11月24日23:48向王*明(138****8001)付款12.34元,参考号632800000002。",
		"zh/paid-out":  "13900139001于11月24日23:48付给您的12.34元已到账,收款卡621700*********0012,附言:房租,参考号632800000002。",
		"en/debited":   "You paid 12.34 yuan to 王*明 (138****8001) at 11月24日23:48, reference 632800000002.",
		"zh/dormant":   `号码138****8001已长期未确认,11月25日23:48起将暂停收款。如仍由您使用,请回复"恢复"。`,
		"zh/cancelled": "号码138****8001的变更收款卡已取消,一切照旧。",
	} {
		language, kind, _ := strings.Cut(name, "/")
		_, text, err := templates.Write(Language(language), kind, w)
		require.NoError(t, err)
		require.Equal(t, want, text)
	}
	short := Words{Code: "123456", Kind: RequestText(Chinese, RequestSuspend), Minutes: "10"}
	_, text, err := templates.Write(Chinese, "code", short)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "验证码123456"))
	require.LessOrEqual(t, utf8.RuneCountInString(text), 70)
	_, text, err = templates.Write(English, "code", short)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "Code 123456"))

	// A memo is the payer's own; one with a link is left out.
	for memo, kept := range map[string]bool{"房租": true, "see http://x.test": false, "www.x.test": false, "evil.com": false, "a\x00b": false} {
		w.Memo = memo
		_, text, err := templates.Write(Chinese, "paid-out", w)
		require.NoError(t, err)
		require.Equal(t, kept, strings.Contains(text, "附言"), memo)
		require.NoError(t, checkText(text, maxText))
	}
}

func TestTemplateOverride(t *testing.T) {
	write := func(dir, name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	good := t.TempDir()
	write(good, "zh/debited.txt", "付款\r\n\r\n付{{.Amount}}元\r\n")
	templates, err := LoadTemplates(good)
	require.NoError(t, err)
	subject, text, err := templates.Write(Chinese, "debited", sampleWords)
	require.NoError(t, err)
	require.Equal(t, "付款|付12.34元", subject+"|"+text)
	_, text, err = templates.Write("fr", "debited", sampleWords)
	require.NoError(t, err)
	require.Equal(t, "付12.34元", text, "an unknown language is Chinese")
	_, _, err = templates.Write(English, "pigeon", sampleWords)
	require.Error(t, err)

	for _, v := range []struct{ file, text, want string }{
		{"zh/debited.txt", "subject only", "zh/debited.txt: it must be a subject"},
		{"zh/debited.txt", "s\n\n{{.Amount", "zh/debited.txt: template"},
		{"zh/debited.txt", "s\n\n{{.Price}}", "can't evaluate field Price"},
		{"en/code.txt", "s\n\nsee https://bank.test {{.Code}}", "en/code.txt: it holds a link"},
		{"en/code.txt", "s\n\nbank.com {{.Code}}", "it holds a link"},
		{"en/code.txt", "s\n\n" + strings.Repeat("x", maxText+1), "it writes 501 characters, 500 at most"},
		{"en/code.txt", strings.Repeat("x", maxSubject+1) + "\n\nx", "it writes 61 characters, 60 at most"},
		{"en/code.txt", "s\n\n{{with .Code}}{{end}} ", "it writes nothing"},
		{"en/code.txt", "s\n\na\x07b", "control characters"},
		{"en/kode.txt", "s\n\nx", "en/kode.txt: there is no such text"},
		{"code.txt", "s\n\nx", "code.txt: there is no such text"},
		{"en/code.md", "s\n\nx", "en/code.md: there is no such text"},
	} {
		dir := t.TempDir()
		write(dir, v.file, v.text)
		_, err := LoadTemplates(dir)
		require.ErrorContains(t, err, v.want)
		require.ErrorContains(t, err, dir)
	}
	_, err = LoadTemplates(filepath.Join(good, "nowhere"))
	require.Error(t, err)
}
