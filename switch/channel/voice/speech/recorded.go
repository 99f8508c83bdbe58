package speech

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	acquirer "example.com/ringback/switch"
)

// promptFiles are the prompts that the package brings along, a folder per language: zh/请按.wav is spoken for 请按. They were
// made by espeak-ng from the lists beside them.
//
//go:embed prompts/*/*.wav
var promptFiles embed.FS

// recorded speaks by joining prompts.
type recorded struct {
	voices map[acquirer.Language]*voice
}

// voice is the prompts of one language.
type voice struct {
	clips   map[string][]int16 // by the words, joined by blanks
	longest int                // words of the longest
}

// omitted is the prompt for what no prompt has, by language: it says that something was left out.
var omitted = map[acquirer.Language]string{acquirer.Chinese: "此处从略", acquirer.English: "not recorded"}

func newRecorded(c Config) (*recorded, error) {
	own, err := fs.Sub(promptFiles, "prompts")
	if err != nil {
		return nil, err
	}
	folders := []fs.FS{own}
	if c.Dir != "" {
		folders = append(folders, os.DirFS(c.Dir))
	}
	r := &recorded{voices: map[acquirer.Language]*voice{}}
	for _, l := range []acquirer.Language{acquirer.Chinese, acquirer.English} {
		v := &voice{clips: map[string][]int16{}}
		for i, folder := range folders {
			if err := v.read(folder, string(l)); err != nil && (i == 0 || !errors.Is(err, fs.ErrNotExist)) {
				return nil, fmt.Errorf("speech: prompts in %s: %w", filepath.Join(c.Dir, string(l)), err)
			}
		}
		if v.clips[strings.Join(words(omitted[l]), " ")] == nil {
			return nil, fmt.Errorf("speech: there is no prompt %s", omitted[l])
		}
		r.voices[l] = v
	}
	return r, checkDir(c.Dir)
}

// checkDir wants a folder that was named to be there: a mistyped one would be silently without effect.
func checkDir(dir string) error {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("speech: prompts: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && (e.Name() == string(acquirer.Chinese) || e.Name() == string(acquirer.English)) {
			return nil
		}
	}
	return fmt.Errorf("speech: prompts: %s has neither folder %s nor %s", dir, acquirer.Chinese, acquirer.English)
}

// read takes every prompt of a folder; those that are there already it replaces. The error names every file that cannot be
// used.
func (v *voice) read(folder fs.FS, dir string) error {
	entries, err := fs.ReadDir(folder, dir)
	if err != nil {
		return err
	}
	var wrong []error
	for _, e := range entries {
		phrase := words(phraseOf(e.Name()))
		switch {
		case path.Ext(e.Name()) != ".wav":
			continue // lists and notes may lie beside
		case len(phrase) == 0 || len(v.clips) >= maxPrompts:
			wrong = append(wrong, fmt.Errorf("%s: its name has no words, or there are more than %d", e.Name(), maxPrompts))
			continue
		}
		clip, err := readClip(folder, path.Join(dir, e.Name()))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", e.Name(), err))
			continue
		}
		v.clips[strings.Join(phrase, " ")] = clip
		v.longest = max(v.longest, len(phrase))
	}
	return errors.Join(wrong...)
}

// readClip reads one prompt.
func readClip(folder fs.FS, name string) ([]int16, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > int64(maxClip.Seconds())*2*48000 {
		return nil, fmt.Errorf("a prompt is longer than %s", maxClip)
	}
	b, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, err
	}
	clip, err := ReadWAV(b)
	if err != nil {
		return nil, err
	}
	if len(clip) == 0 || len(clip) > samples(maxClip) {
		return nil, fmt.Errorf("a prompt is silent or longer than %s", maxClip)
	}
	return trim(clip), nil
}

// trim cuts the silence off both ends of a clip.
func trim(clip []int16) []int16 {
	loud := func(s int16) bool { return s > quiet || s < -quiet }
	from, to := 0, len(clip)
	for from < to && !loud(clip[from]) {
		from++
	}
	for to > from && !loud(clip[to-1]) {
		to--
	}
	return clip[max(from-samples(edge), 0):min(to+samples(edge), len(clip))]
}

// Speak implements dialogue.Speaker. Words that no prompt has are left out, and one prompt in their place says so.
func (r *recorded) Speak(ctx context.Context, l acquirer.Language, text string) ([]int16, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, errText
	}
	v := r.voices[l]
	if v == nil {
		l = acquirer.Chinese
		v = r.voices[l]
	}
	var out []int16
	for _, c := range clauses(text) {
		for _, p := range v.cover(words(c.text)) {
			if p == "" {
				p = strings.Join(words(omitted[l]), " ")
			}
			out = append(append(out, v.clips[p]...), make([]int16, samples(joinPause))...)
		}
		if out = append(out, make([]int16, samples(c.pause))...); len(out) > samples(maxSpeech) {
			return nil, errLong
		}
	}
	return out, nil
}
