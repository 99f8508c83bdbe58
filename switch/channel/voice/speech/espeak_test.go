package speech

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"github.com/stretchr/testify/require"
)

// program writes a shell script that stands in for espeak-ng; $DIR in it is a folder of its own.
func program(t *testing.T, script string) (path, dir string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "speaker")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sound.wav"), linear(22050, tone(440, 22050, 2205), whole), 0o600))
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+strings.ReplaceAll(script, "$DIR", dir)+"\n"), 0o700))
	return path, dir
}

func programSpeaker(t *testing.T, script string, l Limits) (dialogue.Speaker, string) {
	t.Helper()
	path, dir := program(t, script)
	return newEspeak(Config{Kind: Espeak, Program: path, Limits: l}.withDefaults()), dir
}

const quietScript = `echo "$@" >> $DIR/arguments; cat >> $DIR/input; env > $DIR/environment; cat $DIR/sound.wav`

// A text holds personal data: it must reach the program and nothing that others can see.
func TestTextGoesByStandardInput(t *testing.T) {
	t.Setenv("RINGBACK_SECRET", "secret-value")
	s, dir := programSpeaker(t, quietScript, Limits{})
	sound, err := s.Speak(t.Context(), acquirer.Chinese, "幺三九，零零幺三，九零零幺。")
	require.NoError(t, err)
	require.Len(t, sound, 800)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(b)
	}
	require.Equal(t, "-v cmn-latn-pinyin -s 200 -a 60 -b 1 --stdin --stdout\n", read("arguments"))
	require.Equal(t, "幺三九，零零幺三，九零零幺。", read("input"))
	require.NotContains(t, read("environment"), "secret-value")
}

func TestEspeakFails(t *testing.T) {
	for _, v := range []struct {
		name, script, want string
		limits             Limits
	}{
		{"exit status", "cat; echo leaked text >&2; exit 3", "exit status 3", Limits{}},
		{"nothing", "cat > /dev/null", "not a WAV file", Limits{}},
		{"no sound", "cat > /dev/null; echo hello", "not a WAV file", Limits{}},
		{"never ends", "exec sleep 60", "deadline exceeded", Limits{Program: 100 * time.Millisecond}},
		{"child keeps the pipe", "sleep 60 & exit 0", "", Limits{Program: 100 * time.Millisecond}},
		{"endless sound", "cat $DIR/sound.wav; exec cat /dev/zero", "speech is longer than", Limits{}},
	} {
		t.Run(v.name, func(t *testing.T) {
			s, _ := programSpeaker(t, v.script, v.limits)
			begun := time.Now()
			_, err := s.Speak(t.Context(), acquirer.Chinese, "保密")
			require.ErrorContains(t, err, v.want)
			require.NotContains(t, err.Error(), "保密")
			require.NotContains(t, err.Error(), "leaked")
			require.Less(t, time.Since(begun), 20*time.Second)
		})
	}
}

func TestEspeakBounds(t *testing.T) {
	s, dir := programSpeaker(t, quietScript, Limits{})
	_, err := s.Speak(t.Context(), acquirer.Chinese, strings.Repeat("零", maxText/3+1))
	require.ErrorIs(t, err, errText)
	require.NoFileExists(t, filepath.Join(dir, "input"))
	sound, err := s.Speak(t.Context(), acquirer.Chinese, " ")
	require.NoError(t, err)
	require.Empty(t, sound)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Speak(ctx, acquirer.Chinese, "零")
	require.ErrorIs(t, err, context.Canceled)
}

// One program at a time: a second waits, and gives up when its time is over.
func TestEspeakAtOnce(t *testing.T) {
	s, dir := programSpeaker(t, `cat > /dev/null; mkdir $DIR/alone || exit 9; cat $DIR/sound.wav; rmdir $DIR/alone`, Limits{AtOnce: 1})
	errs := make(chan error)
	for range 8 {
		go func() {
			_, err := s.Speak(t.Context(), acquirer.English, "zero")
			errs <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-errs)
	}
	require.NoDirExists(t, filepath.Join(dir, "alone"))
}

func TestRunsOf(t *testing.T) {
	zh, en := acquirer.Chinese, acquirer.English
	for _, v := range []struct {
		l    acquirer.Language
		text string
		want []run
	}{
		{zh, "", nil},
		{zh, " ", nil},
		{zh, "您好，再见。", []run{{zh, "您好，再见。"}}},
		{zh, "向ZHANG SAN，付款", []run{{zh, "向"}, {en, "ZHANG SAN，"}, {zh, "付款"}}},
		{en, "You paid 王某明, one.", []run{{en, "You paid "}, {zh, "王某明, "}, {en, "one."}}},
		{en, "Привет", []run{{en, "Привет"}}},
		{zh, strings.Repeat("王A", maxRuns/2), runsAlternating(maxRuns / 2)},
		{zh, strings.Repeat("王A", maxRuns/2) + "王", []run{{zh, strings.Repeat("王A", maxRuns/2) + "王"}}},
	} {
		require.Equal(t, v.want, runsOf(v.l, v.text), v.text)
	}
}

func runsAlternating(n int) (all []run) {
	for range n {
		all = append(all, run{acquirer.Chinese, "王"}, run{acquirer.English, "A"})
	}
	return all
}

func TestConfigCheck(t *testing.T) {
	present, _ := program(t, quietScript)
	failing, _ := program(t, "exit 1")
	voices := func(v Voice) map[acquirer.Language]Voice { return map[acquirer.Language]Voice{acquirer.Chinese: v} }
	for _, v := range []struct {
		c    Config
		want string // empty: it is in order
	}{
		{Config{}, ""},
		{Config{Kind: Recorded}, ""},
		{Config{Kind: "human"}, `kind "human" is neither espeak nor recorded`},
		{Config{Kind: Recorded, Dir: "/nonexistent"}, "no such file"},
		{Config{Kind: Espeak, Program: "/nonexistent/espeak-ng"}, "the program /nonexistent/espeak-ng is not there: install espeak-ng, or choose kind recorded"},
		{Config{Kind: Espeak, Program: present}, ""},
		{Config{Kind: Espeak, Program: present, Voices: voices(Voice{"cmn", 80})}, ""},
		{Config{Kind: Espeak, Program: present, Voices: voices(Voice{"cmn", 450})}, ""},
		{Config{Kind: Espeak, Program: present, Voices: voices(Voice{"cmn", 79})}, "79 words a minute"},
		{Config{Kind: Espeak, Program: present, Voices: voices(Voice{"cmn", 451})}, "451 words a minute"},
		{Config{Kind: Espeak, Program: present, Voices: voices(Voice{"--path=/tmp", 0})}, `"--path=/tmp" with`},
		{Config{Kind: Espeak, Program: present, Voices: voices(Voice{"../voice", 0})}, "cannot be a voice"},
		{Config{Kind: Espeak, Program: present, Voices: map[acquirer.Language]Voice{"fr": {"fr", 100}}}, `a voice for "fr"`},
		{Config{Kind: Espeak, Program: present, Dir: "prompts"}, "for kind recorded only"},
		{Config{Kind: Espeak, Program: failing}, "with voice cmn-latn-pinyin: exit status 1"},
	} {
		err := v.c.Check()
		s, made := New(v.c)
		if v.want == "" {
			require.NoError(t, err)
			require.NoError(t, made)
			require.NotNil(t, s)
			continue
		}
		require.ErrorContains(t, err, v.want)
		require.ErrorContains(t, made, v.want)
	}
}

// The real program: each language is spoken, digits take their time, and Chinese is not spelled.
func TestEspeakPeer(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	s, err := New(Config{Kind: Espeak})
	require.NoError(t, err)
	for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
		for i, line := range dialogue.Lines(l) {
			if i%5 > 0 { // one in five, the menu among them, is enough
				continue
			}
			sound, err := s.Speak(t.Context(), l, line)
			require.NoError(t, err)
			seconds := float64(len(sound)) / Rate
			require.Greater(t, seconds, 0.4, line)
			require.Less(t, seconds, 40.0, line)
			require.Greater(t, loudest(sound), 3000.0, line)
			require.Less(t, loudest(sound), 32000.0, line) // nothing is clipped
		}
	}
	spelled, err := New(Config{Kind: Espeak, Voices: map[acquirer.Language]Voice{acquirer.Chinese: {Name: "cmn"}}})
	require.NoError(t, err)
	a, err := s.Speak(t.Context(), acquirer.Chinese, "验证码")
	require.NoError(t, err)
	b, err := spelled.Speak(t.Context(), acquirer.Chinese, "验证码")
	require.NoError(t, err)
	require.Less(t, len(a), len(b)) // y a n 4 ...
	_, err = New(Config{Kind: Espeak, Voices: map[acquirer.Language]Voice{acquirer.English: {Name: "xx-none"}}})
	require.ErrorContains(t, err, "with voice xx-none: exit status 1")
}
