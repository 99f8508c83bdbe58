package speech

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

// missing returns the words of a spoken text that the prompts leave out, a row of them as one.
func missing(v *voice, text string) (all []string) {
	for _, c := range clauses(text) {
		for _, p := range v.cover(words(c.text)) {
			if p == "" {
				all = append(all, c.text)
			}
		}
	}
	return all
}

func ownVoices(t *testing.T) map[acquirer.Language]*voice {
	t.Helper()
	r, err := newRecorded(Config{})
	require.NoError(t, err)
	return r.voices
}

// Each prompt of the lists has its file, each file its place in a list, and all of them together stay small.
func TestPromptsAreThoseOfTheLists(t *testing.T) {
	total := int64(0)
	for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
		list, err := os.ReadFile("prompts/" + string(l) + ".txt")
		require.NoError(t, err)
		want := map[string]bool{}
		for _, p := range phrases(string(list)) {
			require.False(t, want[promptName(p)], "%s is there twice", p)
			require.Equal(t, words(p), words(phraseOf(promptName(p))), p)
			want[promptName(p)] = true
		}
		files, err := fs.ReadDir(promptFiles, "prompts/"+string(l))
		require.NoError(t, err)
		for _, f := range files {
			require.True(t, want[f.Name()], "%s is in no list", f.Name())
			delete(want, f.Name())
			info, err := f.Info()
			require.NoError(t, err)
			total += info.Size()
		}
		require.Empty(t, want, "go generate makes them")
	}
	require.Less(t, total, int64(1_500_000))
}

// reasons returns every reason that the switch knows, from its source: there is no list of them to ask for.
func reasons(t *testing.T) (all []acquirer.Reason) {
	t.Helper()
	source, err := os.ReadFile("../../../enrolment.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`\bReason\w+ +Reason = "([a-z-]+)"`).FindAllSubmatch(source, -1) {
		require.NotEmpty(t, acquirer.ReasonText(acquirer.Chinese, acquirer.Reason(m[1])))
		all = append(all, acquirer.Reason(m[1]))
	}
	require.GreaterOrEqual(t, len(all), 18)
	return all
}

// values returns what templates are filled with: each amount, time, reason, kind and status there is to be said, without
// names.
func values(t *testing.T, l acquirer.Language) (all []acquirer.Words) {
	t.Helper()
	w := acquirer.Words{RRN: "632800000002", Payer: "13900139001", Payee: "138****8001", Number: "138****8001", NewNumber: "139****9001",
		Card: "621700*********0012", Code: "123456", Stop: "789000", Minutes: "10", Amount: "1.00"}
	for i, a := range []string{"0.01", "0.10", "1.02", "12.34", "100.05", "999.99", "2000.00", "10010.20", "22222.22", "33333.33", "56789.00", "100000.00"} {
		at := time.Date(2026, time.Month(i+1), 1+(i*7)%28, 2*i, (i*13)%60, 0, 0, time.UTC)
		layout := map[acquirer.Language]string{acquirer.Chinese: "01月02日15:04", acquirer.English: "2 Jan 15:04"}[l]
		x := w
		x.Amount, x.At, x.Effective = a, at.Format(layout), at.Format(layout)
		all = append(all, x)
	}
	add := func(set func(*acquirer.Words)) { x := w; set(&x); all = append(all, x) }
	for _, r := range reasons(t) {
		add(func(x *acquirer.Words) { x.Reasons = acquirer.ReasonText(l, r) })
	}
	for k := acquirer.RequestRegister; k <= acquirer.RequestSee; k++ {
		require.NotEmpty(t, acquirer.RequestText(l, k))
		add(func(x *acquirer.Words) { x.Kind = acquirer.RequestText(l, k) })
	}
	for s := acquirer.PayeeRegistered; s <= acquirer.PayeeBlocked; s++ {
		require.NotEmpty(t, acquirer.StatusText(l, s))
		add(func(x *acquirer.Words) { x.Status = acquirer.StatusText(l, s) })
	}
	return append(all, acquirer.Words{Amount: "1.00", Minutes: "10"})
}

// The prompts speak everything that is ours: each line of the menu, each notice, each answer, with every value. The answer
// to what is no command never comes to a caller, who has keys.
func TestPromptsSpeakEverythingOfOurs(t *testing.T) {
	templates, err := acquirer.LoadTemplates("")
	require.NoError(t, err)
	for l, v := range ownVoices(t) {
		for _, line := range dialogue.Lines(l) {
			require.Empty(t, missing(v, line), line)
		}
		for _, name := range templates.Names() {
			if !strings.HasPrefix(name, string(l)) || strings.HasSuffix(name, "reply-help") {
				continue
			}
			for _, w := range values(t, l) {
				_, text, err := templates.Write(l, name[3:], w)
				require.NoError(t, err)
				require.Empty(t, missing(v, dialogue.Spoken(l, text)), "%s: %s", name, text)
			}
		}
	}
}

// A name and a memo are left out, and that is said once for each.
func TestPromptsLeaveOutNames(t *testing.T) {
	v := ownVoices(t)
	for _, x := range []struct {
		l    acquirer.Language
		text string
		want []string
	}{
		{acquirer.Chinese, "向欧阳某龙，付款", []string{"向", "", "|", "付款", "|"}},
		{acquirer.Chinese, "附言，房租ZHANG。", []string{"附言", "|", "", "|"}},
		{acquirer.English, "to L M NG", []string{"to", "", "|"}},
		{acquirer.English, "to 欧阳某龙.", []string{"to", "", "|"}},
	} {
		var got []string
		for _, c := range clauses(x.text) {
			for _, p := range v[x.l].cover(words(c.text)) {
				got = append(got, strings.ReplaceAll(p, " ", ""))
			}
			got = append(got, "|")
		}
		require.Equal(t, x.want, got, x.text)
	}
}

func TestCover(t *testing.T) {
	v := &voice{clips: map[string][]int16{}, longest: 3}
	for _, p := range []string{"a", "b", "a b", "b c d", "d", "b c"} {
		v.clips[p] = []int16{1}
	}
	for _, x := range []struct{ text, want string }{
		{"", ""}, {"a", "a"}, {"a b", "a b"}, {"a b c", "a,b c"}, // the longest first would leave out c
		{"a b c d", "a,b c d"}, {"x", ""}, {"x y a", ",a"}, {"a x b y z d", "a,,b,,d"}, {"c", ""},
	} {
		require.Equal(t, x.want, strings.Join(v.cover(words(x.text)), ","), x.text)
	}
}

func TestRecordedSpeaks(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	for l, text := range map[acquirer.Language]string{acquirer.Chinese: "零，幺。零", acquirer.English: "zero, one. zero", "fr": "零，幺。零"} {
		sound, err := s.Speak(t.Context(), l, text)
		require.NoError(t, err)
		v := s.(*recorded).voices[acquirer.Chinese]
		if l == acquirer.English {
			v = s.(*recorded).voices[l]
		}
		names := words(text)
		want := len(v.clips[names[0]])*2 + len(v.clips[names[1]]) + 3*samples(joinPause) + samples(commaPause) + 2*samples(stopPause)
		require.Len(t, sound, want)
	}
	all, err := s.Speak(t.Context(), acquirer.Chinese, "再见。")
	require.NoError(t, err)
	require.Greater(t, loudest(all), 3000.0)

	_, err = s.Speak(t.Context(), acquirer.Chinese, strings.Repeat("一", maxText/3+1))
	require.ErrorIs(t, err, errText)
	_, err = s.Speak(t.Context(), acquirer.Chinese, strings.Repeat("一，", 1000))
	require.ErrorIs(t, err, errLong)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Speak(ctx, acquirer.Chinese, "一")
	require.ErrorIs(t, err, context.Canceled)
}

// An operator's folder replaces prompts and adds phrases, so that a payee's name can be spoken.
func TestFolderOfPrompts(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	silent := make([]int16, 4410)
	put("zh/再见.wav", linear(44100, append(append(silent, tone(440, 44100, 44100)...), silent...), whole))
	put("zh/欧阳某龙.wav", WriteWAV(tone(440, Rate, 4000)))
	put("zh/readme.txt", []byte("spoken by a person"))
	s, err := New(Config{Dir: dir})
	require.NoError(t, err)
	sound, err := s.Speak(t.Context(), acquirer.Chinese, "再见")
	require.NoError(t, err)
	require.InDelta(t, Rate+2*samples(edge)+samples(joinPause)+samples(stopPause), len(sound), 120) // without its silence
	require.Empty(t, missing(s.(*recorded).voices[acquirer.Chinese], "向欧阳某龙付款"))
	require.NotNil(t, s.(*recorded).voices[acquirer.English].clips["goodbye"])

	for _, v := range []struct {
		name string
		file []byte
		want string
	}{
		{"zh/坏.wav", []byte("no sound"), "坏.wav: not a WAV file"},
		{"zh/空.wav", WriteWAV(nil), "空.wav: a prompt is silent or longer than 20s"},
		{"zh/长.wav", WriteWAV(make([]int16, samples(maxClip)+1)), "长.wav: a prompt is silent or longer than 20s"},
		{"zh/大.wav", make([]byte, 20*2*48000+1), "大.wav: a prompt is longer than 20s"},
		{"zh/---.wav", WriteWAV(tone(440, Rate, 800)), "---.wav: its name has no words"},
	} {
		put(v.name, v.file)
		require.ErrorContains(t, Config{Dir: dir}.Check(), v.want)
		require.NoError(t, os.Remove(filepath.Join(dir, v.name)))
	}
	require.NoError(t, Config{Dir: dir}.Check())
	require.ErrorContains(t, Config{Dir: filepath.Join(dir, "zh")}.Check(), "has neither folder zh nor en")
}

func TestTrim(t *testing.T) {
	for _, v := range []struct{ before, loud, behind, want int }{
		{0, 0, 0, 0}, {1000, 100, 1000, 100 + 2*96}, {50, 100, 1000, 150 + 96}, {1000, 100, 0, 196}, {0, 1, 0, 1},
	} {
		sound := append(append(make([]int16, v.before), tone(1000, Rate, v.loud)...), make([]int16, v.behind)...)
		for i := range v.loud {
			sound[v.before+i] = -quiet - 1
		}
		require.Len(t, trim(sound), v.want, v)
	}
	require.Len(t, trim([]int16{quiet, -quiet, quiet}), 3) // nothing in it is loud: what is left lies within the edges
}

// fixed is a speaker that says everything in the same way.
type fixed []int16

func (f fixed) Speak(context.Context, acquirer.Language, string) ([]int16, error) { return f, nil }

func TestMakePrompts(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, MakePrompts(t.Context(), fixed{}, dir), fs.ErrNotExist)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "zh"), 0o700))
	for name, text := range map[string]string{"zh.txt": "您好|再见\n此处从略\n", "en.txt": "\nnot recorded|o'clock|", "zh/旧.wav": "old"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, MakePrompts(t.Context(), fixed(tone(440, Rate, 800)), dir))
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.wav"))
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	require.ElementsMatch(t, []string{"您好.wav", "再见.wav", "此处从略.wav", "not-recorded.wav", "o_clock.wav"}, names)
	require.NoError(t, Config{Dir: dir}.Check())
}

func FuzzPhrases(f *testing.F) {
	f.Add("向欧阳某龙，付款 one'two. 三")
	r, err := newRecorded(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
			spoken := dialogue.Spoken(l, text)
			_, err := r.Speak(t.Context(), l, spoken)
			if err != nil && err != errText && err != errLong {
				t.Fatal(err)
			}
			n := 0
			for _, c := range clauses(spoken) {
				n += len(words(c.text))
			}
			require.Equal(t, len(words(spoken)), n) // no word is lost between clauses
		}
	})
}
