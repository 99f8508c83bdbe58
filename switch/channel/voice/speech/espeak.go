package speech

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unicode"

	acquirer "example.com/ringback/switch"
)

// espeak speaks by a program, which is run for each text.
type espeak struct {
	config Config
	places chan struct{} // one for each program that runs
}

func newEspeak(c Config) *espeak {
	return &espeak{config: c, places: make(chan struct{}, c.Limits.AtOnce)}
}

// Speak implements dialogue.Speaker. Words of the other script are spoken by the other language's voice: a Latin name in
// a Chinese text, a Chinese one in an English text.
func (e *espeak) Speak(ctx context.Context, l acquirer.Language, text string) ([]int16, error) {
	if len(text) > maxText {
		return nil, errText
	}
	var out []int16
	for _, r := range runsOf(l, text) {
		sound, err := e.run(ctx, r.l, r.text)
		if err != nil {
			return nil, fmt.Errorf("speaking: %w", err)
		}
		if out = append(out, sound...); len(out) > samples(maxSpeech) {
			return nil, errLong
		}
	}
	return out, nil
}

var (
	errText = fmt.Errorf("text is longer than %d bytes", maxText)
	errLong = fmt.Errorf("speech is longer than %s", maxSpeech)
)

// run has the program speak one text. The text goes to its standard input, for arguments can be read by every process of
// the machine. Errors hold nothing of it, and nothing of what the program wrote.
func (e *espeak) run(ctx context.Context, l acquirer.Language, text string) ([]int16, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.Limits.Program)
	defer cancel()
	select {
	case e.places <- struct{}{}:
		defer func() { <-e.places }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	wav := &bounded{most: int(maxSpeech/time.Second) * 2 * 48000}
	voice := e.config.Voices[l]
	cmd := exec.CommandContext(ctx, e.config.Program, "-v", voice.Name, "-s", strconv.Itoa(voice.Speed), "-a", loudness, "-b", "1", "--stdin", "--stdout")
	cmd.Stdin, cmd.Stdout, cmd.Env, cmd.WaitDelay = strings.NewReader(text), wav, environment(), time.Second
	switch err := cmd.Run(); {
	case wav.over:
		return nil, errLong
	case err != nil:
		return nil, errors.Join(ctx.Err(), err)
	}
	return ReadWAV(wav.kept)
}

// bounded keeps up to so many bytes and fails behind them. It has no other method: io.Copy would read past the bound by
// ReadFrom of a buffer.
type bounded struct {
	kept []byte
	most int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.over = len(b.kept)+len(p) > b.most; b.over {
		return 0, errLong
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// run is a piece of a text that one voice speaks.
type run struct {
	l    acquirer.Language
	text string
}

// runsOf cuts a text where the script changes. Signs that belong to neither stay with what is in front of them.
func runsOf(l acquirer.Language, text string) (runs []run) {
	voice, from := l, 0
	for i, r := range text {
		of := scriptOf(voice, r)
		if of == voice {
			continue
		}
		if strings.TrimSpace(text[from:i]) != "" {
			runs = append(runs, run{voice, text[from:i]})
		}
		voice, from = of, i
	}
	if strings.TrimSpace(text[from:]) != "" {
		runs = append(runs, run{voice, text[from:]})
	}
	if len(runs) > maxRuns {
		return []run{{l, text}}
	}
	return runs
}

// scriptOf is the language whose voice reads a sign; that of the signs in front where either does.
func scriptOf(voice acquirer.Language, r rune) acquirer.Language {
	switch {
	case unicode.Is(unicode.Han, r):
		return acquirer.Chinese
	case unicode.Is(unicode.Latin, r):
		return acquirer.English
	}
	return voice
}
